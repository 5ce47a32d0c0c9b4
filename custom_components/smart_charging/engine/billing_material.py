"""What the ledger hands out for the next statement, and what it takes back: values between it and who makes statements."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date
import hashlib
import json

from .charge_record import ChargeRecord, Statement, StatementKind, StatementOf

_ID_LENGTH = 32  # OCPI 2.2.1: the id of a CDR has at most 39 characters


@dataclass(frozen=True, slots=True)
class StatementSelection:
    """Whose records a statement is asked for, of what kind, and up to which day of the site's calendar, inclusive."""

    of: StatementOf
    subject_id: str
    kind: StatementKind
    through: date


@dataclass(frozen=True, slots=True)
class BilledVersion:
    """A version of a record with its days that stand in statements of the subject, each with the statement's number.

    Days that were taken back by a later statement are not among them.
    """

    record: ChargeRecord
    days: Mapping[date, str]


@dataclass(frozen=True, slots=True)
class MaterialRecord:
    """A record that something is to be billed of, or to be taken back.

    `belongs` tells whether the newest version is the subject's; where it is not, all that is `billed` is to be taken
    back. Versions are in order, the newest may be among the billed ones.
    """

    newest: ChargeRecord
    belongs: bool
    billed: tuple[BilledVersion, ...] = ()

    @property
    def open_days(self) -> tuple[date, ...]:
        """Return the days of the newest version that stand in no statement, whenever they are."""
        if not self.belongs:
            return ()
        done = {day for one in self.billed if one.record.version == self.newest.version for day in one.days}
        return tuple(day for day in days_of(self.newest) if day not in done)

    @property
    def outdated(self) -> tuple[BilledVersion, ...]:
        """Return what stands in statements and does not hold any more."""
        return tuple(one for one in self.billed if not self.belongs or one.record.version != self.newest.version)


@dataclass(frozen=True, slots=True)
class StatementMaterial:
    """All that the next statement is made from: its place in its series, counted from 1, and what is not settled.

    The records are in the order of their begin. `previous_hash` is that of the site's last statement of any series.
    """

    series: str
    sequence: int
    previous_hash: str
    records: tuple[MaterialRecord, ...]


@dataclass(frozen=True, slots=True)
class BilledDay:
    """A day of a record's version that a statement bills, or takes back with `reverses`."""

    record_id: str
    version: int
    day: date
    reverses: bool = False


@dataclass(frozen=True, slots=True)
class StatementDraft:
    """A statement to be kept, with exactly what it settles."""

    statement: Statement
    billed: tuple[BilledDay, ...]


type MakeStatement = Callable[[StatementMaterial], StatementDraft | None]


def record_id_of(site_id: str, station_id: str, transaction_id: str) -> str:
    """Return the id of the record of the stay that begins with this transaction, the same each time."""
    told = json.dumps([site_id, station_id, transaction_id]).encode()
    return hashlib.sha256(told).hexdigest()[:_ID_LENGTH]


def days_of(record: ChargeRecord) -> tuple[date, ...]:
    """Return the days that a record is billed by, in order; one that names none counts for that of its begin, in UTC."""
    days = {energy.day for energy in record.days} | {line.day for line in record.lines}
    return tuple(sorted(days)) or (record.started_at.astimezone(UTC).date(),)
