"""The ledger: who charged what and when, durable before it is acknowledged."""

from .ledger import Ledger, SiteLedger
from .storage import LedgerError, LedgerTooNew

__all__ = ["Ledger", "LedgerError", "LedgerTooNew", "SiteLedger"]
