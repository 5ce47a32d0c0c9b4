"""What a statement lists: its period, what came late, what was corrected, and nothing twice."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal, Inexact

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.billing.logo import MAX_LOGO_BYTES
from custom_components.smart_charging.engine.billing.statement import (
    SeveralCurrencies,
    listed_in,
    make_statement,
    statement_number,
)
from custom_components.smart_charging.engine.billing.statement_json import verify
from custom_components.smart_charging.engine.charge_record import (
    ChargeRecord,
    Issuer,
    LineKind,
    Statement,
    StatementOf,
    VatTotal,
    exact_sum,
)
from tests.engine.billing.statement_builders import (
    JULY,
    JUNE,
    logo,
    other_line,
    record,
    request,
    rich_statement,
    statement,
)

MAY_30, JUNE_3, JUNE_30, JULY_1 = date(2026, 5, 30), date(2026, 6, 3), date(2026, 6, 30), date(2026, 7, 1)


def test_lists_what_was_charged_in_the_period() -> None:
    made = statement([record(1, (JUNE_3, "10")), record(2, (JULY_1, "20"))])

    (entry,) = made.records
    assert (entry.record.record_id, entry.energy_wh, entry.late, entry.corrects) == ("r1", 10000, False, None)
    assert made.gross == Decimal("3.00")
    assert made.energy_wh == 10000
    assert made.totals == (
        VatTotal(vat_percent=Decimal(19), net=Decimal("2.52"), vat=Decimal("0.48"), gross=Decimal("3.00")),
    )
    assert verify(made)


def test_stay_over_the_end_of_a_month_is_in_both_statements_each_with_its_days() -> None:
    stay = record(1, (JUNE_30, "6"), (JULY_1, "7"))
    june = statement([stay])
    july = make_statement(request(JULY, "2026-0002"), [stay], listed_in(june))

    assert [(entry.energy_wh, entry.gross, entry.late) for entry in june.records] == [(6000, Decimal("1.80"), False)]
    assert [(entry.energy_wh, entry.gross, entry.late) for entry in july.records] == [(7000, Decimal("2.10"), False)]


def test_what_came_too_late_for_its_own_statement_is_in_the_next_one_and_marked() -> None:
    on_time, late = record(1, (JUNE_3, "10")), record(2, (JUNE_3, "5"))
    june = statement([on_time])
    july = make_statement(request(JULY, "2026-0002"), [on_time, late], listed_in(june))

    assert [(entry.record.record_id, entry.late) for entry in july.records] == [("r2", True)]


def test_correction_takes_back_what_was_listed_and_lists_the_new_version() -> None:
    wrong = record(1, (JUNE_3, "10"))
    right = record(1, (JUNE_3, "8"), version=2)
    june = statement([wrong])
    july = make_statement(request(JULY, "2026-0002"), [wrong, right], listed_in(june))

    back, new = july.records
    assert (back.record, back.corrects, back.energy_wh, back.gross) == (wrong, "2026-0001", -10000, Decimal("-3.00"))
    assert [day.solar_wh for day in back.days] == [-3000]
    assert (new.record, new.corrects, new.late, new.gross) == (right, None, True, Decimal("2.40"))
    assert july.gross == Decimal("-0.60")

    august = make_statement(
        request((date(2026, 8, 1), date(2026, 8, 31)), "2026-0003"),
        [wrong, right],
        [*listed_in(june), *listed_in(july)],
    )
    assert august.records == ()


def test_correction_before_any_statement_takes_nothing_back() -> None:
    made = statement([record(1, (JUNE_3, "8"), version=2), record(1, (JUNE_3, "10"))])

    assert [(entry.record.version, entry.corrects) for entry in made.records] == [(2, None)]


def test_second_correction_takes_back_the_first_one_alone() -> None:
    versions = [record(1, (JUNE_3, kwh), version=number) for number, kwh in ((1, "10"), (2, "8"), (3, "9"))]
    june = statement(versions[:1])
    july = make_statement(request(JULY, "2026-0002"), versions[:2], listed_in(june))
    august = make_statement(
        request((date(2026, 8, 1), date(2026, 8, 31)), "2026-0003"), versions, [*listed_in(june), *listed_in(july)]
    )

    assert [(entry.record.version, entry.corrects) for entry in august.records] == [(2, "2026-0002"), (3, None)]


def test_record_that_turns_out_to_be_somebody_elses_moves_to_the_other_statement() -> None:
    hers = record(1, (JUNE_3, "10"))
    his = replace(record(1, (JUNE_3, "10"), version=2), driver_id="ben", driver_name="Ben")
    before = listed_in(statement([hers]))
    anna = make_statement(request(JULY, "2026-0002"), [his], before)
    ben = make_statement(request(JULY, "2026-0003", subject_id="ben"), [his], [*before, *listed_in(anna)])

    assert [(entry.corrects, entry.gross) for entry in anna.records] == [("2026-0001", Decimal("-3.00"))]
    assert [(entry.corrects, entry.late, entry.gross) for entry in ben.records] == [(None, True, Decimal("3.00"))]


def test_correction_of_what_a_later_period_listed_waits_for_one_that_ends_no_earlier() -> None:
    stay = record(1, (JUNE_30, "6"), (JULY_1, "7"))
    july = make_statement(request(JULY, "2026-0001"), [stay], ())
    corrected = record(1, (JUNE_30, "5"), (JULY_1, "7"), version=2)

    june = make_statement(request(JUNE, "2026-0002"), [corrected], listed_in(july))
    assert june.records == ()
    again = make_statement(request(JULY, "2026-0003"), [corrected], listed_in(july))
    assert [entry.energy_wh for entry in again.records] == [-13000, 12000]


def test_newest_version_has_to_be_known() -> None:
    july = listed_in(statement([record(1, (JUNE_3, "8"), version=2)]))

    with pytest.raises(ValueError, match="version 1 of the record r1 is not its newest one"):
        statement([record(1, (JUNE_3, "10"))], july)


def test_stay_without_energy_and_price_is_not_listed_but_one_that_costs_something_is() -> None:
    nothing = replace(record(1, (JUNE_3, "0")), lines=())
    fee = replace(record(2, (JUNE_3, "0")), lines=(other_line(LineKind.FLAT, JUNE_3, "1.00"),))
    unpriced = replace(record(3, (JUNE_3, "4")), lines=(), tariff_id=None)

    made = statement([nothing, fee, unpriced])

    assert [entry.record.record_id for entry in made.records] == ["r2", "r3"]
    assert (made.gross, made.energy_wh) == (Decimal("1.00"), 4000)


@pytest.mark.parametrize(
    ("of", "subject_id", "listed"),
    [
        (StatementOf.DRIVER, "anna", ["r1", "r3"]),
        (StatementOf.GROUP, "family", ["r1", "r2"]),
        (StatementOf.VEHICLE, "zoe", ["r2"]),
        (StatementOf.STATION, "CP2", ["r3"]),
        (StatementOf.SITE, "home", ["r1", "r2", "r3"]),
        (StatementOf.SITE, "elsewhere", []),
    ],
)
def test_is_about_one_driver_group_vehicle_station_or_site(of: StatementOf, subject_id: str, listed: list[str]) -> None:
    records = [
        record(1, (JUNE_3, "1")),
        record(2, (JUNE_3, "2"), driver_id="ben", vehicle_id="zoe"),
        record(3, (JUNE_3, "3"), group_id=None, station_id="CP2"),
        record(4, (JUNE_3, "4"), site_id="elsewhere"),
    ]

    made = statement(records, of=of, subject_id=subject_id)

    assert [entry.record.record_id for entry in made.records] == listed


def test_order_is_that_of_the_stays_whatever_the_order_of_the_records() -> None:
    records = [record(number, (JUNE_3 + timedelta(days=number % 3), "1")) for number in range(9)]

    assert statement(records) == statement(reversed(records))
    begins = [(entry.record.started_at, entry.record.record_id) for entry in statement(records).records]
    assert begins == sorted(begins)


def test_one_statement_has_one_currency() -> None:
    records = [record(1, (JUNE_3, "1")), record(2, (JUNE_3, "2"), currency="CHF")]

    with pytest.raises(SeveralCurrencies, match="these records are in CHF, EUR") as refused:
        statement(records)
    assert refused.value.currencies == ("CHF", "EUR")
    euros = statement(records, one_currency=True)
    francs = make_statement(request(number="2026-0002", one_currency=True, currency="CHF"), records, listed_in(euros))
    assert [(made.currency, made.records[0].record.record_id) for made in (euros, francs)] == [
        ("EUR", "r1"),
        ("CHF", "r2"),
    ]
    assert statement([], currency="NOK").currency == "NOK"


def test_totals_of_several_taxes_are_sums_of_their_lines_the_lowest_rate_first() -> None:
    made = rich_statement()

    assert [total.vat_percent for total in made.totals] == [7, 19]
    assert made.totals[0].gross == Decimal("1.00")
    assert made.gross == Decimal("24.33")


def test_sums_are_exact_and_refuse_what_cannot_be() -> None:
    third = Decimal(1) / 3
    assert exact_sum([third, third, third]) == Decimal("0.9999999999999999999999999999")
    assert exact_sum([Decimal("1E+40"), Decimal("1E-28"), Decimal("-1E+40")]) == Decimal("1E-28")
    with pytest.raises(Inexact):
        exact_sum([Decimal("1E+300"), Decimal("1E-28")])


def test_requests_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="ends no earlier"):
        request((JUNE_30, JUNE_3))
    with pytest.raises(ValueError, match="with a zone"):
        request(issued_at=datetime(2026, 7, 1))


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_logo_is_an_image(form: str) -> None:
    assert request(issuer=Issuer(logo=logo(form))).issuer.logo


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"<svg/>", "is a PNG or JPEG"),
        (logo("GIF"), "is a PNG or JPEG"),
        (logo()[:200], "is a PNG or JPEG"),
        (b"", "is a PNG or JPEG"),
        (logo(size=(4000, 1001)), "at most 4000000 pixels"),
        (b"x" * (MAX_LOGO_BYTES + 1), "at most 500 kB"),
    ],
)
def test_logo_that_is_none_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        request(issuer=Issuer(logo=data))


def test_numbers_of_statements() -> None:
    assert statement_number(2026, 1) == "2026-0001"
    assert statement_number(2026, 12345, "HOF/") == "HOF/2026-12345"
    with pytest.raises(ValueError, match="up to 16 letters"):
        statement_number(2026, 1, "=cmd|")
    with pytest.raises(ValueError, match="number 1"):
        statement_number(2026, 0)


# Random histories.

FIRST_DAY = date(2026, 5, 1)
DAYS = 100

days = st.integers(0, DAYS - 1).map(lambda number: FIRST_DAY + timedelta(days=number))
drivers = st.sampled_from(("anna", "ben"))


@dataclass
class _Book:
    """A ledger as simple as can be."""

    versions: dict[int, list[ChargeRecord]] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)

    @property
    def records(self) -> list[ChargeRecord]:
        return [version for versions in self.versions.values() for version in versions]

    def keep(self, number: int, day: date, kwh: list[int], driver: str) -> None:
        versions = self.versions.setdefault(number, [])
        of_days = [(day + timedelta(days=index), str(amount)) for index, amount in enumerate(kwh)]
        versions.append(record(number, *of_days, version=len(versions) + 1, driver_id=driver))

    def issue(self, driver: str, start: date, end: date) -> Statement:
        before = [listed for made in self.statements for listed in listed_in(made)]
        wish = request((start, end), f"2026-{len(self.statements) + 1:04}", subject_id=driver)
        made = make_statement(wish, self.records, before)
        self.statements.append(made)
        return made

    def billed(self) -> Counter[tuple[str, int, date]]:
        """Return how often each line is listed, what is taken back subtracted."""
        count: Counter[tuple[str, int, date]] = Counter()
        for made in self.statements:
            for entry in made.records:
                for line in entry.lines:
                    count[(entry.record.record_id, entry.record.version, line.day)] += (
                        1 if entry.corrects is None else -1
                    )
                assert entry.record.driver_id == made.subject_id
        return count


operations = st.lists(
    st.one_of(
        st.tuples(
            st.just("keep"), st.integers(0, 5), days, st.lists(st.integers(1, 40), min_size=1, max_size=3), drivers
        ),
        st.tuples(st.just("issue"), drivers, days, st.integers(0, 40)),
    ),
    max_size=25,
)


@settings(max_examples=80, deadline=None)
@given(operations)
def test_no_line_is_billed_twice_or_lost(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    book = _Book()
    for name, *rest in steps:
        if name == "keep":
            book.keep(*rest)
        else:
            driver, start, length = rest
            made = book.issue(driver, start, start + timedelta(days=length))
            assert verify(made)
            assert all(line.day <= made.end for entry in made.records for line in entry.lines)
        assert set(book.billed().values()) <= {0, 1}
    for driver in ("anna", "ben"):
        book.issue(driver, FIRST_DAY, FIRST_DAY + timedelta(days=2 * DAYS))

    newest = {versions[-1].record_id: versions[-1] for versions in book.versions.values()}
    due = {(one.record_id, one.version, line.day) for one in newest.values() for line in one.lines}
    assert +book.billed() == Counter(due)
    for driver in ("anna", "ben"):
        owed = sum((one.gross for one in newest.values() if one.driver_id == driver), Decimal(0))
        assert sum(made.gross for made in book.statements if made.subject_id == driver) == owed
        energy = sum((one.energy_wh for one in newest.values() if one.driver_id == driver), Decimal(0))
        assert sum(made.energy_wh for made in book.statements if made.subject_id == driver) == energy
    for made in book.statements:
        _recount(made)


def _recount(made: Statement) -> None:
    """Work all sums of a statement out again, from its lines."""
    assert made.gross == sum((line.gross for entry in made.records for line in entry.lines), Decimal(0))
    assert made.energy_wh == sum((day.energy_wh for entry in made.records for day in entry.days), Decimal(0))
    for total in made.totals:
        lines = [line for entry in made.records for line in entry.lines if line.vat_percent == total.vat_percent]
        assert (total.net, total.vat, total.gross) == (
            sum((line.net for line in lines), Decimal(0)),
            sum((line.vat for line in lines), Decimal(0)),
            sum((line.gross for line in lines), Decimal(0)),
        )
        assert total.net + total.vat == total.gross


amounts = st.decimals("-1000", "1000", places=2)


@given(st.lists(st.tuples(amounts, st.sampled_from(("0", "7", "19", "19.0")))))
def test_totals_are_exact_sums_of_lines(told: list[tuple[Decimal, str]]) -> None:
    lines = tuple(other_line(LineKind.FLAT, JUNE_3, str(amount), vat) for amount, vat in told)
    made = statement([replace(record(1, (JUNE_3, "1")), lines=lines)])

    _recount(made)
    assert made.gross == sum((amount for amount, _ in told), Decimal(0))
