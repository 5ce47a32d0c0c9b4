"""What is known of kinds of stations beforehand, as data: what they announce, and how to lead them."""

from .catalogue import CATALOGUE, Entry, quirks_for
from .effects import Quirks

__all__ = ["CATALOGUE", "Entry", "Quirks", "quirks_for"]
