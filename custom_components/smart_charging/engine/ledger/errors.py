"""Why a ledger can't be opened."""


class LedgerError(Exception):
    """The ledger could not be opened."""


class LedgerTooNew(LedgerError):
    """The ledger was written by a newer version of this integration; nothing was changed."""


class LedgerKeyError(LedgerError):
    """The key of the id tokens is missing or is none of this ledger's; nothing was changed."""


class LedgerDamaged(LedgerError):
    """The ledger's file is damaged; nothing was changed."""
