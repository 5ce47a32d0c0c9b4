"""The ledger: who charged what and when, durable before it is acknowledged."""

from .errors import LedgerDamaged, LedgerError, LedgerKeyError, LedgerTooNew
from .ledger import Ledger, SiteLedger
from .proof_check import BreakReason, ChainBreak, ChainVerdict
from .record_queries import AllowanceUse, RecordSums
from .retention import Removed, Retention
from .site_drivers import SiteDrivers
from .site_grid_proof import SiteGridProof
from .site_records import SiteRecords
from .site_statements import SiteStatements
from .site_tariffs import SiteTariffs
from .site_tokens import SiteTokens
from .statement_check import StatementBreak, StatementFault, StatementVerdict
from .statement_queries import StatementHead
from .storage import start_with_new_key, start_with_new_ledger
from .tariffs import TariffVersion
from .to_price import PendingSession

__all__ = [
    "AllowanceUse",
    "BreakReason",
    "ChainBreak",
    "ChainVerdict",
    "Ledger",
    "LedgerDamaged",
    "LedgerError",
    "LedgerKeyError",
    "LedgerTooNew",
    "PendingSession",
    "RecordSums",
    "Removed",
    "Retention",
    "SiteDrivers",
    "SiteGridProof",
    "SiteLedger",
    "SiteRecords",
    "SiteStatements",
    "SiteTariffs",
    "SiteTokens",
    "StatementBreak",
    "StatementFault",
    "StatementHead",
    "StatementVerdict",
    "TariffVersion",
    "start_with_new_key",
    "start_with_new_ledger",
]
