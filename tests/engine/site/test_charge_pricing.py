"""From what stations told to what is asked for it: priced once it is over, by whose tariff, and anew when it changes."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from custom_components.smart_charging.engine.billing.statement import StatementRequest
from custom_components.smart_charging.engine.billing.statement_json import statement_from_json, statement_to_json
from custom_components.smart_charging.engine.charge_pricing import BillingTerms, ChargePricing
from custom_components.smart_charging.engine.charge_record import ChargeRecord, LineKind, Statement, StatementOf
from custom_components.smart_charging.engine.driver import AccessRefusal, Allowance, Driver, Group
from custom_components.smart_charging.engine.driver_gate import LedgerDriverGate
from custom_components.smart_charging.engine.id_token import TokenDetails
from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger
from custom_components.smart_charging.engine.model import (
    EvseKey,
    Json,
    Measurand,
    MeterValue,
    SampledValue,
    TransactionStart,
    TransactionStop,
)
from custom_components.smart_charging.engine.statement_issuing import issue_statement
from tests.manual_clock import ManualClock

START = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
BERLIN = "Europe/Berlin"
TERMS = BillingTerms("EUR", BERLIN, "house")
EVSE = EvseKey("CP1", 1)


def content(price: str, **element: Json) -> dict[str, Json]:
    """Return a tariff of one price per kWh, tax of 19 % included."""
    component: dict[str, Json] = {
        "type": "ENERGY",
        "price": round(float(price) / 1.19, 4),
        "vat": 19,
        "step_size": 1,
        "smart_charging": {"price_incl_vat": float(price)},
    }
    return {
        "id": "house",
        "currency": "EUR",
        "elements": [{"price_components": [component], **element}],
        "smart_charging": {"vat_included": True},
    }


class Home:
    """A site's ledger with drivers and tariffs, its pricing, and a station that tells of sessions."""

    def __init__(self, ledger: Ledger) -> None:
        self.records = ledger.site("home")
        self.clock = ManualClock(START)
        self.pricing = ChargePricing(
            self.records, self.clock, lambda: TERMS, lambda station_id: f"Charger {station_id}"
        )
        self.number = 0

    async def tariff(self, tariff_id: str, price: str, valid_from: datetime = START - timedelta(days=9)) -> None:
        await self.records.tariffs.add(
            tariff_id, name=tariff_id, valid_from=valid_from, content=content(price), at=START
        )

    async def charge(
        self, tag: str, kwh: float, start: datetime = START, hours: float = 2.0, *, leave: bool = True
    ) -> str:
        """Let a car charge evenly with a reading each quarter hour, and stand there for an hour more."""
        await self.records.plug_in(EVSE, start)
        meter_wh = 1_000_000 + 100_000 * self.number
        self.number += 1
        begun = await self.records.start_transaction(TransactionStart("CP1", 1, tag, start, meter_wh, start))
        quarters = int(hours * 4)
        for quarter in range(1, quarters + 1):
            at = start + timedelta(minutes=15 * quarter)
            value = SampledValue(Measurand.ENERGY_IMPORT_REGISTER, meter_wh + kwh * 1000 * quarter / quarters)
            await self.records.record_meter_values("CP1", 1, begun.transaction_id, [MeterValue(at, (value,))], at)
        end = start + timedelta(hours=hours)
        await self.records.stop_transaction(
            TransactionStop("CP1", begun.transaction_id, end, meter_wh + round(kwh * 1000), "Local", tag, end, ())
        )
        if leave:
            await self.records.plug_out(EVSE, end + timedelta(hours=1))
        return begun.transaction_id

    async def priced(self) -> tuple[ChargeRecord, ...]:
        """Return all records, oldest first."""
        await self.pricing.price_all()
        assert self.pricing.failed == {}
        return tuple(reversed(await self.records.records.all()))

    async def anna(self, **changes: object) -> Driver:
        driver = await self.records.drivers.add(replace(Driver("anna", "Anna"), **changes))  # type: ignore[arg-type]  # fields by name
        await self.records.tokens.add("TAG1", TokenDetails("Fob", driver_id=driver.driver_id), START)
        return driver


@pytest.fixture
async def home(tmp_path: Path) -> AsyncGenerator[Home]:
    ledger = await Ledger.open(tmp_path / "ledger.db")
    opened = Home(ledger)
    await opened.tariff("house", "0.30")
    yield opened
    await ledger.close()


def raw_cost(kwh: str, price: str) -> Decimal:
    """Return what energy costs, worked out apart from the integration."""
    return (Decimal(kwh) * Decimal(price)).quantize(Decimal("0.01"))


async def test_a_session_has_its_price_once_it_is_over_and_none_before(home: Home) -> None:
    await home.anna()
    told: list[int] = []
    stop = home.pricing.subscribe(lambda: told.append(1))
    await home.charge("TAG1", 12.5, leave=False)
    assert await home.priced() == ()
    assert told == []
    (running,) = await home.pricing.preview(1)
    assert running.gross == raw_cost("12.5", "0.30")
    await home.records.plug_out(EVSE, START + timedelta(hours=3))
    (record,) = await home.priced()
    assert told == [1]
    stop()
    assert record.gross == raw_cost("12.5", "0.30") == Decimal("3.75")
    assert record.energy_wh == 12_500
    assert (record.charging_s, record.parking_s) == (7_200, 3_600)
    assert (record.station_name, record.driver_name, record.token_label) == ("Charger CP1", "Anna", "Fob")
    assert (record.tariff_id, record.tariff_version) == ("house", 1)
    assert await home.records.records.pending() == ()
    assert await home.pricing.preview(99) == ()


async def test_a_driver_pays_by_the_own_tariff_else_the_groups_else_the_houses(home: Home) -> None:
    await home.tariff("staff", "0.20")
    await home.tariff("own", "0.10")
    group = await home.records.drivers.add_group(Group("staff", "Staff", "staff", employer_share=Decimal("0.5")))
    await home.records.drivers.add(Driver("ben", "Ben", group.group_id, employer_share=Decimal(0)))
    await home.records.drivers.add(Driver("cleo", "Cleo", group.group_id, tariff_id="own"))
    for tag, driver_id in (("TAG2", "ben"), ("TAG3", "cleo")):
        await home.records.tokens.add(tag, TokenDetails(tag, driver_id=driver_id), START)
    for number, tag in enumerate(("STRANGER", "TAG2", "TAG3")):
        await home.charge(tag, 10, START + timedelta(hours=4 * number))
    assert [record.gross for record in await home.priced()] == [Decimal("3.00"), Decimal("2.00"), Decimal("0.50")]
    cleo = (await home.records.records.all(StatementOf.GROUP, "staff"))[0]
    assert [line.kind for line in cleo.lines] == [LineKind.ENERGY, LineKind.EMPLOYER]


async def test_a_new_version_of_a_tariff_counts_from_its_time_on(home: Home) -> None:
    await home.tariff("house", "0.40", START + timedelta(hours=4))
    await home.charge("A", 10)
    await home.charge("A", 10, START + timedelta(hours=4))
    assert [record.gross for record in await home.priced()] == [Decimal("3.00"), Decimal("4.00")]


async def test_without_any_tariff_a_stay_is_recorded_and_costs_nothing(home: Home) -> None:
    bare = ChargePricing(home.records, home.clock, lambda: replace(TERMS, tariff_id=None), str)
    await home.charge("A", 10)
    await bare.price_all()
    (record,) = await home.records.records.all()
    assert (record.lines, record.tariff_id, record.energy_wh) == ((), None, 10_000)


async def test_what_is_free_is_used_up_stay_by_stay_and_begins_anew_each_month(home: Home) -> None:
    await home.anna(allowance=Allowance(energy_kwh=Decimal(15)))
    for start in (START, START + timedelta(days=1), START + timedelta(days=40)):
        await home.charge("TAG1", 10, start)
    assert [record.gross for record in await home.priced()] == [Decimal(0), Decimal("1.50"), Decimal(0)]


async def test_free_energy_and_free_money_are_used_up_each_by_itself(home: Home) -> None:
    driver = await home.anna(allowance=Allowance(energy_kwh=Decimal(15), amount=Decimal(2), bounds=True))
    gate = LedgerDriverGate(home.records, lambda: BERLIN, lambda _entity: None)
    for day, used_up in ((0, False), (1, False), (2, True)):
        await home.charge("TAG1", 10, START + timedelta(days=day))
        await home.priced()
        assert await gate.used_up(driver, None, START.date()) is used_up
    paid = [record.gross for record in await home.priced()]
    assert paid == [Decimal(0), Decimal(0), Decimal("2.50")]  # 15 kWh, 5 kWh of 1.50, of 3.00 what is left of 2.00


async def test_what_comes_late_changes_what_is_left_free_for_later_stays(home: Home) -> None:
    await home.anna(allowance=Allowance(energy_kwh=Decimal(15)))
    await home.charge("TAG1", 10, START + timedelta(days=1))
    assert [record.gross for record in await home.priced()] == [Decimal(0)]
    await home.charge("TAG1", 10, START)  # as from the queue of a station that was offline
    assert [record.gross for record in await home.priced()] == [Decimal(0), Decimal("1.50")]
    versions = await home.records.records.versions((await home.priced())[1].record_id)
    assert [version.version for version in versions] == [1, 2]


async def test_a_group_may_share_what_is_free(home: Home) -> None:
    allowance = Allowance(energy_kwh=Decimal(15), shared=True)
    await home.records.drivers.add_group(Group("flat", "Flat", allowance=allowance))
    for name in ("ben", "cleo"):
        await home.records.drivers.add(Driver(name, name, "flat"))
        await home.records.tokens.add(f"TAG {name}".replace(" ", ""), TokenDetails(name, driver_id=name), START)
    await home.charge("TAGben", 10)
    await home.charge("TAGcleo", 10, START + timedelta(days=1))
    assert [record.gross for record in await home.priced()] == [Decimal(0), Decimal("1.50")]


async def test_a_tariff_that_can_not_be_read_fails_its_own_session_only_and_is_tried_again(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    await home.records.tariffs.add("broken", name="Broken", valid_from=START, content={"id": "broken"}, at=START)
    await home.anna(tariff_id="broken")
    await home.charge("TAG1", 10)
    await home.charge("A", 10, START + timedelta(hours=4))
    for _ in range(2):
        await home.pricing.price_all()
        assert list(home.pricing.failed) == [1]
    assert caplog.text.count("can't be priced") == 1
    assert [record.gross for record in await home.records.records.all()] == [Decimal("3.00")]
    await home.records.drivers.change("anna", lambda driver: replace(driver, tariff_id=None))
    assert len(await home.priced()) == 2


async def test_it_runs_by_itself_and_goes_on_after_the_ledger_failed(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio  # noqa: PLC0415 - of this test only

    from custom_components.smart_charging.engine.model import StoreError  # noqa: PLC0415

    pending, broken = home.records.records.pending, True
    errors: list[Exception] = [
        StoreError("the disk is full"),
        StoreError("the disk is full"),
        TypeError("a fault of ours"),
    ]

    async def failing(limit: int = 100):  # type: ignore[no-untyped-def]  # as `SiteRecords.pending`
        if broken:
            raise errors.pop(0) if errors else StoreError("the disk is full")
        return await pending(limit)

    monkeypatch.setattr(home.records.records, "pending", failing)
    await home.charge("A", 10)
    home.pricing.start()
    try:
        await home.clock.advance(120.0)
        assert errors == []
        broken = False
        home.pricing.look()
        while not await home.records.records.all():
            await asyncio.sleep(0)
    finally:
        await home.pricing.stop()
        await home.pricing.stop()  # once more does no harm


def request(number: int, **changes: object) -> StatementRequest:
    base = StatementRequest(
        number="",
        site_id="home",
        site_name="Home",
        of=StatementOf.DRIVER,
        subject_id="anna",
        subject_name="Anna",
        start=date(2026, number, 1),
        end=date(2026, number, 30),
        time_zone=BERLIN,
        language="de",
        currency="EUR",
        issued_at=datetime(2026, number + 1, 1, tzinfo=UTC),
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # fields by name


async def raw_total(records: SiteLedger, statement: Statement, price: str) -> Decimal:
    """Recompute a statement of one price per kWh from the raw registers of the sessions, without any engine code."""
    total = Decimal(0)
    for session in await records.sessions(start=None, end=None, key=EVSE):
        day = session.plugged_in_at.astimezone(ZoneInfo(BERLIN)).date()
        if not statement.start <= day <= statement.end:
            continue
        for transaction in session.transactions:
            assert transaction.meter_stop_wh is not None
            assert transaction.meter_start_wh is not None
            used = Decimal(transaction.meter_stop_wh - transaction.meter_start_wh) / 1000
            total += (used * Decimal(price)).quantize(Decimal("0.01"))
    return total


async def test_a_statement_lists_what_was_charged_once_and_corrects_what_changed(home: Home) -> None:
    await home.anna()
    await home.charge("TAG1", 12.34)
    first_transaction = await home.charge("TAG1", 7.77, START + timedelta(days=2))
    await home.priced()
    june = await issue_statement(home.records, request(6))
    assert june is not None
    assert june.number == "2026-0001"
    assert june.gross == await raw_total(home.records, june, "0.30") == Decimal("3.70") + Decimal("2.33")
    assert await issue_statement(home.records, request(6)) is None
    assert statement_from_json(statement_to_json(june)).gross == june.gross
    # A transaction that was somebody else's after all.
    await home.records.drivers.add(Driver("ben", "Ben"))
    await home.records.drivers.assign("CP1", first_transaction, "ben")
    await home.charge("TAG1", 1, START + timedelta(days=35))
    await home.priced()
    july = await issue_statement(home.records, request(7), prefix="")
    assert july is not None
    assert july.number == "2026-0002"
    assert july.gross == raw_cost("1", "0.30") - raw_cost("7.77", "0.30")
    assert [entry.corrects for entry in july.records] == ["2026-0001", None]
    ben = await issue_statement(home.records, request(7, subject_id="ben", subject_name="Ben"))
    assert ben is not None
    assert (ben.number, ben.gross, ben.records[0].late) == ("2026-0003", Decimal("2.33"), True)
    assert (await home.records.statements.verify()).broken is None


async def test_records_in_two_currencies_make_no_statement_and_no_gap(home: Home) -> None:
    await home.anna()
    await home.charge("TAG1", 1)
    await home.priced()
    await home.records.tariffs.add(
        "house",
        name="house",
        valid_from=START + timedelta(days=1),
        content={**content("0.30"), "currency": "CHF"},
        at=START,
    )
    await home.charge("TAG1", 1, START + timedelta(days=2))
    await home.priced()
    with pytest.raises(ValueError, match="CHF, EUR"):
        await issue_statement(home.records, request(6))
    issued = await issue_statement(home.records, request(6, one_currency=True))
    assert issued is not None
    assert issued.number == "2026-0001"


async def test_the_gate_asks_who_a_token_belongs_to(home: Home) -> None:
    schedules: dict[str, bool | None] = {}
    gate = LedgerDriverGate(home.records, lambda: BERLIN, schedules.get)
    allowance = Allowance(energy_kwh=Decimal(5), bounds=True)
    group = Group("staff", "Staff", stations=frozenset({"CP1"}), schedule="schedule.work", allowance=allowance)
    await home.records.drivers.add_group(group)
    await home.anna(group_id="staff")
    token = (await home.records.tokens.all())[0]
    stranger = replace(token, details=TokenDetails("Nobody's"))
    now = START + timedelta(hours=1)
    assert await gate.refusal("CP1", stranger, now) is None
    assert await gate.refusal("CP1", token, now) is None
    assert await gate.refusal("CP2", token, now) is AccessRefusal.STATION
    assert await gate.refusals("CP1", now) == {}
    assert await gate.refusals("CP2", now) == {token.token_id: AccessRefusal.STATION}
    schedules["schedule.work"] = False
    assert await gate.refusal("CP1", token, now) is AccessRefusal.HOURS
    schedules["schedule.work"] = True
    await home.charge("TAG1", 5)
    await home.priced()
    assert await gate.refusal("CP1", token, now) is AccessRefusal.ALLOWANCE
    assert await gate.refusal("CP1", token, now + timedelta(days=30)) is None  # the next month
    assert await gate.refusals("CP1", now) == {}
    gone = replace(token, details=replace(token.details, driver_id="nobody"))
    assert await gate.refusal("CP1", gone, now) is AccessRefusal.INACTIVE
