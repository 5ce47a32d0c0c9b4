"""Repairs for the grid operator's demands: raised while something is wrong, gone when it is not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
import sqlite3
from typing import Any
from unittest.mock import Mock

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.smart_charging.const import DOMAIN, LEDGER_FILE
from custom_components.smart_charging.engine.grid.grid_room import GridConfig
from custom_components.smart_charging.engine.grid.lpc import LpcConfig
from custom_components.smart_charging.engine.grid.merge import GridConnection
from custom_components.smart_charging.engine.grid.source import (
    ContactSeen,
    InputKind,
    LostPolicy,
    SourceConfig,
    SourceUnavailable,
)
from custom_components.smart_charging.engine.grid_record import GridEvent, GridRecord
from custom_components.smart_charging.engine.grid_view import GridView
from custom_components.smart_charging.engine.ledger import BreakReason, ChainBreak, ChainVerdict
from custom_components.smart_charging.engine.model import EvseKey, StoreError
from custom_components.smart_charging.engine.view import SiteView
from custom_components.smart_charging.issues_grid import GridIssues

from .builders import charger, site_entry
from .grid_operator import RELAY, attributes, configure, demand, published, source_subentry, withdraw
from .site_double import AT, KEY, evse, garage, site_view
from .site_setup import issue_ids, set_up
from .virtual_station import VirtualStation, virtual_station

TAG = "04A2B3C4D5E680"
SIGNAL = "event.home_grid_signal"
LPC = SourceConfig(source_id="relay", input=InputKind.EEBUS, policy=LostPolicy.RELEASE, lpc=LpcConfig(4_200.0))


@pytest.fixture
def entry(hass: HomeAssistant) -> MockConfigEntry:
    """Return a site with the charger `garage` and a source of grid signals."""
    entry = site_entry(9000, [charger("garage"), source_subentry()])
    entry.add_to_hass(hass)
    entry.runtime_data = Mock()
    entry.runtime_data.ledger.grid_proof.verdict = None
    entry.runtime_data.site.grid.config = GridConfig(GridConnection(35.0), (RELAY,))
    return entry


@pytest.fixture
def issues(hass: HomeAssistant, entry: MockConfigEntry) -> GridIssues:
    """Return the site's issues, none shown yet."""
    return GridIssues(hass, entry)


def show(hass: HomeAssistant, site: GridIssues, view: SiteView | None = None, **grid: Any) -> set[str]:
    """Show a view; return the ids of the issues that stand then."""
    coordinator = site._entry.runtime_data.coordinator
    coordinator.data = view or site_view(grid=GridView(**grid))
    site.async_update()
    return issue_ids(hass)


def issue(hass: HomeAssistant, issue_id: str) -> ir.IssueEntry:
    """Return an issue that stands."""
    return ir.async_get(hass).issues[DOMAIN, issue_id]


def test_a_site_in_order_has_no_issues(hass: HomeAssistant, issues: GridIssues, entry: MockConfigEntry) -> None:
    entry.runtime_data.ledger.grid_proof.verdict = ChainVerdict(AT, 7)
    assert show(hass, issues) == set()


def test_who_does_not_obey_is_an_error_until_it_obeys(hass: HomeAssistant, issues: GridIssues) -> None:
    assert show(hass, issues, issues=frozenset({KEY})) == {"grid_not_obeyed_sub_garage_1"}
    shown = issue(hass, "grid_not_obeyed_sub_garage_1")
    assert shown.severity is ir.IssueSeverity.ERROR
    assert shown.is_fixable is False
    assert shown.translation_placeholders == {"site": "Home", "charger": "Charger garage"}
    assert show(hass, issues) == set()


def test_each_evse_that_does_not_obey_is_named(hass: HomeAssistant, issues: GridIssues) -> None:
    both = frozenset({KEY, EvseKey("garage", 2), EvseKey("removed", 1)})
    view = site_view(garage(evse(1), evse(2)), grid=GridView(issues=both))
    assert show(hass, issues, view) == {"grid_not_obeyed_sub_garage_1", "grid_not_obeyed_sub_garage_2"}
    placeholders = issue(hass, "grid_not_obeyed_sub_garage_2").translation_placeholders
    assert placeholders == {"site": "Home", "charger": "Charger garage EVSE 2"}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (RELAY, "failsafe"),
        (SourceConfig(source_id="relay", input=InputKind.CONTACT, policy=LostPolicy.HOLD), "hold"),
        (SourceConfig(source_id="relay", input=InputKind.MESSAGES, binding=False), "release"),
        (LPC, "failsafe"),
    ],
)
def test_a_source_that_is_lost_is_a_warning_that_says_what_holds_until_it_is_back(
    hass: HomeAssistant, issues: GridIssues, entry: MockConfigEntry, source: SourceConfig, text: str
) -> None:
    entry.runtime_data.site.grid.config = GridConfig(GridConnection(35.0), (source,))
    assert show(hass, issues, lost={"relay": AT, "another": AT}) == {"grid_source_lost_relay"}
    shown = issue(hass, "grid_source_lost_relay")
    assert shown.severity is ir.IssueSeverity.WARNING
    assert shown.translation_key == f"grid_source_lost_{text}"
    assert shown.translation_placeholders == {"site": "Home", "source": "Grid relay"}
    assert show(hass, issues) == set()


def test_a_log_that_is_broken_is_an_error_that_names_the_row(
    hass: HomeAssistant, issues: GridIssues, entry: MockConfigEntry
) -> None:
    broken = ChainVerdict(AT, 6, broken=ChainBreak(BreakReason.CHANGED, 7))
    entry.runtime_data.ledger.grid_proof.verdict = broken
    assert show(hass, issues) == {"grid_log_broken_site1"}
    shown = issue(hass, "grid_log_broken_site1")
    assert shown.severity is ir.IssueSeverity.ERROR
    assert shown.translation_placeholders == {"site": "Home", "row": "7"}
    entry.runtime_data.ledger.grid_proof.verdict = ChainVerdict(AT, 7)
    assert show(hass, issues) == set()


def test_rows_that_wait_are_an_issue_after_five_minutes_by_the_sites_clock(
    hass: HomeAssistant, issues: GridIssues
) -> None:
    def waits(rows: int, minutes: float) -> set[str]:
        at = AT + timedelta(minutes=minutes)
        return show(hass, issues, site_view(at=at, grid=GridView(proof_waiting=rows)))

    assert waits(1, 0.0) == set()
    assert waits(0, 4.0) == set()
    assert waits(1, 4.5) == set()  # these wait since now
    assert waits(3, 9.4) == set()
    assert waits(3, 9.5) == {"grid_log_waiting_site1"}
    assert waits(0, 9.6) == set()
    assert waits(1, 20.0) == set()
    assert waits(1, -60.0) == set()  # the clock was set back
    assert waits(1, -55.0) == {"grid_log_waiting_site1"}


def test_a_site_that_stops_takes_its_issues_back(hass: HomeAssistant, issues: GridIssues) -> None:
    assert show(hass, issues, issues=frozenset({KEY}), lost={"relay": AT}) != set()
    issues.async_clear()
    assert issue_ids(hass) == set()


@pytest.fixture
async def running(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory, unload_at_the_end: None
) -> AsyncIterator[MockConfigEntry]:
    """Return a running site with one charger, at noon."""
    freezer.move_to(AT)
    return await set_up(hass, free_port, charger("CP-1"))


@pytest.mark.usefixtures("unload_at_the_end")
async def test_a_tampered_log_is_an_issue_as_soon_as_it_is_checked_and_at_each_start(
    hass: HomeAssistant, free_port: int
) -> None:
    def tamper() -> None:
        connection = sqlite3.connect(hass.config.path(LEDGER_FILE))
        connection.execute("UPDATE grid_proof SET kind = 'limit_released'")
        connection.commit()
        connection.close()

    entry = await set_up(hass, free_port)
    proof = entry.runtime_data.ledger.grid_proof
    await proof.append(GridRecord(event=GridEvent.LIMIT_STARTED, at=dt_util.utcnow(), source_id="relay"))
    await hass.async_add_executor_job(tamper)
    assert issue_ids(hass) == set()
    await proof.verify(dt_util.utcnow())
    assert issue_ids(hass) == {"grid_log_broken_site1"}
    await hass.config_entries.async_unload(entry.entry_id)
    assert issue_ids(hass) == set()
    await hass.config_entries.async_setup(entry.entry_id)
    async with asyncio.timeout(10):
        while "grid_log_broken_site1" not in issue_ids(hass):  # it is checked beside the start
            await asyncio.sleep(0.01)


async def test_a_disk_that_is_full_is_an_issue_until_the_log_is_written(
    hass: HomeAssistant, running: MockConfigEntry, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = running.runtime_data.ledger.grid_proof

    async def failing(record: GridRecord) -> int:
        raise StoreError("the disk is full")

    with monkeypatch.context() as full:
        full.setattr(log, "append", failing)
        demand(running)
        await published(hass)
        assert issue_ids(hass) == set()
        freezer.tick(timedelta(minutes=6))
        running.runtime_data.site.grid.take()
        await published(hass)
        assert issue_ids(hass) == {"grid_log_waiting_site1"}
    proof = running.runtime_data.site.grid.proof
    with suppress(StoreError):  # of a try that was under way
        await proof.flush()
    await proof.flush()
    await published(hass)
    assert issue_ids(hass) == set()


async def test_a_source_is_an_issue_from_when_it_is_lost_until_it_is_heard(
    hass: HomeAssistant, running: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    configure(running, RELAY, events=[ContactSeen("relay", AT, closed=False)])
    grid = running.runtime_data.site.grid
    grid.take(SourceUnavailable("relay", AT))
    await published(hass)
    assert issue_ids(hass) == set()  # it may be back soon
    freezer.tick(timedelta(seconds=61))
    grid.look()
    await published(hass)
    assert issue_ids(hass) == {"grid_source_lost_relay"}
    grid.take(ContactSeen("relay", grid.clock.now(), closed=False))
    await published(hass)
    assert issue_ids(hass) == set()


async def test_a_source_that_would_hold_its_last_word_and_has_none_is_told_to_be_at_its_fail_safe(
    hass: HomeAssistant, running: MockConfigEntry
) -> None:
    configure(running, replace(RELAY, policy=LostPolicy.HOLD))
    await published(hass)
    assert issue(hass, "grid_source_lost_relay").translation_key == "grid_source_lost_failsafe"


async def charges(station: VirtualStation, transaction_id: int, power_w: float) -> None:
    """Tell what a car draws now."""
    values = [
        {"measurand": "Energy.Active.Import.Register", "unit": "Wh", "value": "1500"},
        {"measurand": "Power.Active.Import", "unit": "W", "value": str(power_w)},
    ]
    sample = {"timestamp": dt_util.utcnow().isoformat(), "sampledValue": values}
    await station.call("MeterValues", {"connectorId": 1, "transactionId": transaction_id, "meterValue": [sample]})


async def begins(station: VirtualStation) -> int:
    """Plug a car in and start a transaction."""
    await station.boot()
    await station.report("Preparing")
    now = dt_util.utcnow().isoformat()
    start = {"connectorId": 1, "idTag": TAG, "meterStart": 1000, "timestamp": now}
    answer = await station.call("StartTransaction", start)
    await station.report("Charging")
    return int(answer["transactionId"])


async def test_a_charger_that_ignores_its_limit_is_an_issue_until_it_obeys(
    hass: HomeAssistant, running: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    heard = async_capture_events(hass, "smart_charging_event")
    grid = running.runtime_data.site.grid
    async with virtual_station(running.data["port"], "CP-1") as station:
        transaction_id = await begins(station)
        await charges(station, transaction_id, 11_000.0)
        demand(running, 4_200.0)
        await station.was_asked("SetChargingProfile", connectorId=1)

        async def reads(power_w: float, until: Callable[[], bool]) -> None:
            """Let time pass in which the charger tells what it draws, until something is so."""
            for _ in range(60):
                freezer.tick(timedelta(seconds=5))
                await charges(station, transaction_id, power_w)
                grid.look()
                await published(hass)
                if until():
                    return
            pytest.fail(f"that was never so, but {issue_ids(hass)}")

        await reads(11_000.0, lambda: "grid_not_obeyed_sub_CP-1_1" in issue_ids(hass))
        assert grid.clock.now() - AT >= timedelta(seconds=60)  # it was lowered and paused before
        shown = attributes(hass, SIGNAL)
        assert (shown["event_type"], shown["charger"], shown["drawn_w"]) == ("grid_not_obeyed", "Charger CP-1", 11_000)
        device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, "sub_CP-1"), "site1")
        assert device is not None
        assert heard[-1].data["device_id"] == device.id
        await station.was_asked("RemoteStopTransaction", transactionId=transaction_id)
        await reads(0.0, lambda: "grid_not_obeyed_sub_CP-1_1" not in issue_ids(hass))
        assert attributes(hass, SIGNAL)["event_type"] == "grid_obeyed"
    withdraw(running)
