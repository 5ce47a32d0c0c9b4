"""The ledger: who charged what and when, durable before it is acknowledged."""

from .errors import LedgerDamaged, LedgerError, LedgerKeyError, LedgerTooNew
from .ledger import Ledger, SiteLedger
from .proof_check import BreakReason, ChainBreak, ChainVerdict
from .site_grid_proof import SiteGridProof
from .site_tokens import SiteTokens
from .storage import start_with_new_key, start_with_new_ledger

__all__ = [
    "BreakReason",
    "ChainBreak",
    "ChainVerdict",
    "Ledger",
    "LedgerDamaged",
    "LedgerError",
    "LedgerKeyError",
    "LedgerTooNew",
    "SiteGridProof",
    "SiteLedger",
    "SiteTokens",
    "start_with_new_key",
    "start_with_new_ledger",
]
