"""The ledger: who charged what and when, durable before it is acknowledged."""

from .errors import LedgerError, LedgerKeyError, LedgerTooNew
from .ledger import Ledger, SiteLedger
from .site_tokens import SiteTokens
from .storage import start_with_new_key

__all__ = [
    "Ledger",
    "LedgerError",
    "LedgerKeyError",
    "LedgerTooNew",
    "SiteLedger",
    "SiteTokens",
    "start_with_new_key",
]
