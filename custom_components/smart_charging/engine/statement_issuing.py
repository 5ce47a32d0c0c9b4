"""Issues statements: the ledger lends what is not settled, `billing` makes the statement of it, the ledger keeps both."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from .billing.statement import Listed, StatementRequest, make_statement, statement_number
from .billing_material import (
    BilledDay,
    BilledVersion,
    MaterialRecord,
    StatementDraft,
    StatementMaterial,
    StatementSelection,
    days_of,
)
from .charge_record import Statement, StatementRecord, exact_sum
from .ledger import SiteLedger


async def issue_statement(ledger: SiteLedger, request: StatementRequest, prefix: str = "") -> Statement | None:
    """Issue the next statement of a site, with the next number of its year; None where there is nothing to list.

    Raises StoreError where it could not be kept, ValueError for records that no statement can be made of.
    """
    failed: list[ValueError] = []
    year = request.issued_at.year

    def make(material: StatementMaterial) -> StatementDraft | None:
        failed.clear()
        try:
            return draft_of(replace(request, number=statement_number(year, material.sequence, prefix)), material)
        except ValueError as error:
            failed.append(error)
            return None

    selection = StatementSelection(request.of, request.subject_id, request.kind, request.end)
    issued = await ledger.statements.issue(selection, f"{prefix}{year}", make)
    if failed:
        raise failed[0]
    return issued


def draft_of(request: StatementRequest, material: StatementMaterial) -> StatementDraft | None:
    """Return the statement of what is not settled with exactly what it settles, None where there is nothing."""
    records = [one.newest for one in material.records]
    days_of_listed = dict(each for one in material.records for each in _listed(one))
    listed = tuple(days_of_listed)
    request = replace(request, previous_hash=material.previous_hash)
    statement = make_statement(request, records, listed)
    if not statement.records:
        return None
    taken = {(*_version(each.entry), each.number): days for each, days in days_of_listed.items()}
    through: dict[tuple[str, int], date] = {}
    for each in listed:
        through[_version(each.entry)] = max(through.get(_version(each.entry), date.min), each.end)
    billed: list[BilledDay] = []
    for entry in statement.records:
        if entry.corrects is not None:
            days = taken[*_version(entry), entry.corrects]
        else:
            done = through.get(_version(entry), date.min)
            days = tuple(day for day in days_of(entry.record) if done < day <= request.end)
        billed += (BilledDay(*_version(entry), day, entry.corrects is not None) for day in days)
    return StatementDraft(statement, tuple(billed))


def _version(entry: StatementRecord) -> tuple[str, int]:
    return entry.record.record_id, entry.record.version


def _listed(one: MaterialRecord) -> Iterator[tuple[Listed, tuple[date, ...]]]:
    """Yield what earlier statements list of a record, each with the days that they settle."""
    for version in one.billed:
        by_number: defaultdict[str, list[date]] = defaultdict(list)
        for day, number in version.days.items():
            by_number[number].append(day)
        for number, days in by_number.items():
            yield Listed(number, max(days), _entry(version, frozenset(days))), tuple(sorted(days))


def _entry(version: BilledVersion, days: frozenset[date]) -> StatementRecord:
    record = version.record
    energies = tuple(energy for energy in record.days if energy.day in days)
    return StatementRecord(
        record=record,
        lines=tuple(line for line in record.lines if line.day in days),
        days=energies,
        energy_wh=exact_sum(energy.energy_wh for energy in energies),
    )
