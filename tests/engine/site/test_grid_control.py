"""Grid signals at a site over restarts and failures: limits hold before a charger is told anything, and nothing is lost."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
import shutil
import sqlite3

import pytest

from custom_components.smart_charging.engine.config import SiteConfig, StationConfig
from custom_components.smart_charging.engine.csms.authorization import AcceptEveryone
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.grid.grid_room import GridConfig
from custom_components.smart_charging.engine.grid.signal import GridSignal, SignalKind, SignalScope
from custom_components.smart_charging.engine.grid.source import (
    ContactSeen,
    InputKind,
    NumberSeen,
    SignalAdded,
    SignalsCleared,
    SourceConfig,
    SourceUnavailable,
)
from custom_components.smart_charging.engine.grid.source_state import ClaimReason, SourceRefusal
from custom_components.smart_charging.engine.grid.uk_rules import UkRules
from custom_components.smart_charging.engine.grid_record import GridEvent, GridRecord, ProofResult
from custom_components.smart_charging.engine.grid_setup import grid_config
from custom_components.smart_charging.engine.grid_trial import simulate
from custom_components.smart_charging.engine.ledger import Ledger
from custom_components.smart_charging.engine.limit import LimitSource
from custom_components.smart_charging.engine.model import EvseKey, Json, StoreError
from custom_components.smart_charging.engine.site import Site
from custom_components.smart_charging.engine.view import SITE_KEY, SiteEvent, SiteEventType
from tests.manual_clock import ManualClock

CONFIG = SiteConfig("site", "Home", fuse_a=35.0)
CHARGERS = [StationConfig(name, name, allow_without_password=True) for name in ("CP1", "CP2")]
RELAY = SourceConfig(source_id="relay", input=InputKind.CONTACT, debounce_s=0.5)
MESSAGES = SourceConfig(source_id="message", input=InputKind.MESSAGES, binding=False)
GRID = grid_config(CONFIG, CHARGERS, [RELAY, MESSAGES])
MINIMUM_W = pytest.approx(7_560.0)


class Home:
    """A site with its ledger on disk, started and stopped as often as a test wants."""

    def __init__(self, path: Path) -> None:
        self.path = path / "ledger.db"
        self.clock = ManualClock()
        self.events: list[SiteEvent] = []

    async def start(self, grid: GridConfig | None = GRID, *, chargers: bool = True, first: bool = False) -> Site:
        self.ledger = await Ledger.open(self.path)
        self.records = self.ledger.site("site")
        csms = CentralSystem(
            clock=self.clock,
            transactions=self.records,
            memory=self.records,
            authorizer=AcceptEveryone(),
            lease=CONFIG.lease,
        )
        self.site = Site(CONFIG, csms=csms, ledger=self.records, clock=self.clock, grid=grid)
        self.site.subscribe_events(self.events.append)
        if first:
            self.site.grid.hear_first(ContactSeen("relay", self.clock.now(), closed=False))
        await self.site.start()
        if chargers:
            await self.site.add_chargers(CHARGERS)
        return self.site

    async def stop(self) -> None:
        await self.site.stop()
        await self.ledger.close()

    async def restart(self, grid: GridConfig | None = GRID, *, chargers: bool = True) -> Site:
        await self.stop()
        return await self.start(grid, chargers=chargers)

    def click(self, *, closed: bool) -> None:
        self.site.grid.take(ContactSeen("relay", self.clock.now(), closed))

    async def wait(self, seconds: float) -> None:
        left_s = seconds
        while left_s > 0:
            await self.clock.advance(min(1.0, left_s))
            await self.ledger.write(lambda _book: None)  # what was written before is kept now
            await self.clock.advance(0.0)
            left_s -= 1.0

    def limits(self) -> dict[str, float]:
        return {one.limit_id: one.value for one in self.site.view.limits}


@pytest.fixture
async def home(tmp_path: Path) -> AsyncGenerator[Home]:
    opened = Home(tmp_path)
    await opened.start(first=True)
    yield opened
    await opened.stop()


def limit(home: Home, watts: float = 5_000.0, **changes: object) -> SignalAdded:
    now = home.clock.now()
    signal = GridSignal(
        source_id="message", kind=SignalKind.IMPORT_LIMIT, received_at=now, value=watts, scope=SignalScope.CONTROLLABLE
    )
    return SignalAdded("message", now, replace(signal, **changes))  # type: ignore[arg-type]  # fields by name


async def test_a_limit_holds_after_a_restart_before_any_charger_is_known(home: Home) -> None:
    home.click(closed=True)
    await home.wait(1.0)
    before = home.limits()
    assert list(before.values()) == [MINIMUM_W]
    await home.restart(chargers=False)
    assert home.limits() == before
    assert home.site.view.grid.limit_w == MINIMUM_W
    assert home.site.view.limits[0].source is LimitSource.GRID_SIGNAL
    assert len(await home.records.grid_proof.records()) == 1  # it is no new signal


async def test_a_limit_that_was_never_flushed_still_holds_after_a_power_cut(home: Home, tmp_path: Path) -> None:
    home.site.grid.take(limit(home))
    await home.wait(1.0)
    with sqlite3.connect(home.path) as source, sqlite3.connect(tmp_path / "cut.db") as copy:
        source.backup(copy)
    after = Home(tmp_path)
    after.path = tmp_path / "cut.db"
    shutil.copy(home.path.with_suffix(".key"), after.path.with_suffix(".key"))
    await after.start(chargers=False)
    try:
        assert list(after.limits().values()) == [5_000.0]
    finally:
        await after.stop()


async def test_what_was_kept_and_is_not_understood_lets_the_fail_safe_hold(home: Home) -> None:
    await home.stop()
    home.ledger = await Ledger.open(home.path)
    await home.ledger.site("site").save_memory("grid", {"version": 99})
    await home.ledger.close()
    await home.start(chargers=False)
    assert home.site.view.grid.why is ClaimReason.FAILSAFE
    assert home.site.view.grid.limit_w == MINIMUM_W


async def test_a_contact_counts_after_its_debounce_to_the_moment(home: Home) -> None:
    await home.wait(0.3)
    home.click(closed=True)
    assert home.limits() == {}
    await home.wait(0.45)
    assert home.limits() == {}
    await home.wait(0.06)
    assert list(home.limits().values()) == [MINIMUM_W]


async def test_a_limit_ends_when_it_said_it_would_and_returns_along_its_ramp(home: Home) -> None:
    home.site.grid.take(limit(home, valid_until=home.clock.now().replace(microsecond=0)))
    assert home.limits() == {}
    until = home.clock.now().replace(second=30)
    home.site.grid.take(limit(home, valid_until=until))
    assert home.site.view.grid.until == until
    await home.wait(30.0)
    assert home.site.view.grid.returning
    await home.wait(150.0)
    assert list(home.limits().values()) == [pytest.approx((5_000.0 + 22_080.0) / 2, abs=400.0)]
    await home.wait(151.0)
    assert home.limits() == {}
    assert not home.site.view.grid.returning


async def test_a_source_that_is_lost_is_told_proven_and_replaced_by_its_fail_safe(home: Home) -> None:
    home.site.grid.take(SourceUnavailable("relay", home.clock.now()))
    await home.wait(59.0)
    assert home.limits() == {}
    await home.wait(2.0)
    assert list(home.limits().values()) == [MINIMUM_W]
    assert set(home.site.view.grid.lost) == {"relay"}
    await home.wait(1.0)
    kept = [one.record for one in await home.records.grid_proof.records()]
    assert [one.event for one in kept] == [GridEvent.FAIL_SAFE, GridEvent.SOURCE_LOST]
    assert [one.limit_w for one in kept] == [MINIMUM_W, MINIMUM_W]
    home.click(closed=False)
    told = [one.type for one in home.events if one.key == SITE_KEY]
    assert set(told[:2]) == {SiteEventType.GRID_SOURCE_LOST, SiteEventType.GRID_LIMIT_STARTED}
    assert set(told[2:]) == {SiteEventType.GRID_SOURCE_BACK, SiteEventType.GRID_LIMIT_ENDED}


async def test_what_a_source_can_not_say_is_refused_and_changes_nothing(home: Home) -> None:
    decision = home.site.grid.take(NumberSeen("relay", home.clock.now(), 3_000.0))
    assert [one.reason for one in decision.refused] == [SourceRefusal.WRONG_INPUT]
    assert home.limits() == {}


async def test_a_ledger_that_fails_delays_the_proof_and_never_the_limit(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, append, broken = home.records.grid_proof, home.records.grid_proof.append, True

    async def failing(record: GridRecord) -> int:
        if broken:
            raise StoreError("the disk is full")
        return await append(record)

    monkeypatch.setattr(log, "append", failing)
    home.site.grid.take(limit(home))
    assert list(home.limits().values()) == [5_000.0]
    await home.wait(12.0)
    shown = home.site.view.grid
    assert shown.proof is not None
    assert shown.proof.sequence < 0
    assert shown.proof_waiting >= 1
    assert await log.records() == ()
    broken = False
    await home.wait(300.0)
    (kept,) = await log.records()
    assert kept.record.limit_w == 5_000.0
    assert [one.after_s for one in kept.follow_ups] == [10, 60, 300]
    assert home.site.view.grid.proof_waiting == 0
    assert home.site.view.grid.proof == replace(kept, hash="")


async def test_a_memory_that_can_not_be_written_is_written_later(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    save, broken = home.records.save_memory, True

    async def failing(name: str, value: Json) -> None:
        if broken:
            raise StoreError("the disk is full")
        await save(name, value)

    monkeypatch.setattr(home.records, "save_memory", failing)
    home.site.grid.take(limit(home))
    await home.wait(11.0)
    assert list(home.limits().values()) == [5_000.0]
    assert "5000.0" not in str((await home.records.load_memory()).get("grid"))
    broken = False
    await home.wait(6.0)
    assert "5000.0" in str((await home.records.load_memory())["grid"])


async def test_measurements_that_a_restart_missed_are_told_as_such_and_the_rest_is_made(home: Home) -> None:
    home.site.grid.take(limit(home))
    await home.wait(20.0)
    await home.stop()
    await home.clock.advance(60.0)
    await home.start()
    home.click(closed=False)
    await home.wait(235.0)
    (kept,) = await home.records.grid_proof.records()
    assert [one.after_s for one in kept.follow_ups] == [10, 60, 300]
    assert kept.follow_ups[1].result is ProofResult.NOT_MEASURED


async def test_a_record_that_is_being_written_when_the_site_stops_is_kept_once(home: Home) -> None:
    home.site.grid.take(limit(home, 5_000.0))
    home.site.grid.take(limit(home, 4_000.0, scope=SignalScope.SITE))
    home.site.grid.take(SignalsCleared("message", home.clock.now()))
    await home.restart()
    kept = await home.records.grid_proof.records()
    assert [one.record.limit_w for one in kept] == [None, None, 4_000.0, 5_000.0]


async def test_a_simulation_goes_on_after_a_restart_without_any_source(tmp_path: Path) -> None:
    home = Home(tmp_path)
    site = await home.start(None)
    try:
        assert site.grid.decision is None  # nothing was ever asked
        simulate(site.grid, 6_000.0, timedelta(seconds=60))
        await home.restart(None)
        assert list(home.limits().values()) == [6_000.0]
        await home.wait(61.0)
        assert home.site.view.grid.returning
    finally:
        await home.stop()


async def test_a_source_that_is_removed_asks_for_nothing_any_more(home: Home) -> None:
    home.site.grid.take(limit(home))
    home.site.grid.configure(replace(GRID, sources=(RELAY,)))
    assert home.site.view.grid.returning
    home.site.grid.configure(None)
    await home.wait(301.0)
    assert home.limits() == {}


async def test_the_hours_of_the_united_kingdom_can_be_overridden_for_one_charger(tmp_path: Path) -> None:
    home = Home(tmp_path)
    # 10:00 UTC of a Monday in June is 11:00 in London, the end of the morning's peak.
    config = grid_config(CONFIG, CHARGERS, [], uk=UkRules(most_delay_s=0))
    home.clock = ManualClock(home.clock.now().replace(hour=9))
    site = await home.start(config)
    try:
        assert set(home.limits()) == {"grid/uk/CP1/1", "grid/uk/CP2/1"}
        site.grid.override_uk_hours(EvseKey("CP1", 1), home.clock.now().replace(hour=12))
        assert set(home.limits()) == {"grid/uk/CP2/1"}
        await home.restart(config)
        assert set(home.limits()) == {"grid/uk/CP2/1"}
        home.site.grid.choose_uk_hours(EvseKey("CP2", 1), own=True)
        assert home.limits() == {}
    finally:
        await home.stop()


async def test_a_source_that_is_lost_already_is_neither_told_nor_proven_again_after_a_restart(home: Home) -> None:
    home.site.grid.take(SourceUnavailable("relay", home.clock.now()))
    await home.wait(61.0)
    lost = dict(home.site.view.grid.lost)
    proven = len(await home.records.grid_proof.records())
    told = len(home.events)
    for _ in range(2):
        await home.restart(chargers=False)
        assert (dict(home.site.view.grid.lost), list(home.limits().values())) == (lost, [MINIMUM_W])
        await home.wait(30.0)
    assert len(await home.records.grid_proof.records()) == proven
    assert home.events[told:] == []
    home.click(closed=False)
    assert SiteEventType.GRID_SOURCE_BACK in {one.type for one in home.events}


async def test_a_source_that_is_lost_while_nothing_else_changes_is_lost_after_a_power_cut(tmp_path: Path) -> None:
    home, cut = Home(tmp_path), Home(tmp_path / "cut")
    grid = grid_config(CONFIG, CHARGERS, [replace(MESSAGES, silent_s=600.0)])
    await home.start(grid)
    home.site.grid.take(SignalsCleared("message", home.clock.now()))
    await home.wait(601.0)
    lost = dict(home.site.view.grid.lost)
    assert set(lost) == {"message"}
    cut.path.parent.mkdir()
    with sqlite3.connect(home.path) as source, sqlite3.connect(cut.path) as copy:
        source.backup(copy)
    shutil.copy(home.path.with_suffix(".key"), cut.path.with_suffix(".key"))
    await home.stop()
    cut.clock = home.clock
    await cut.start(grid)
    try:
        assert cut.site.view.grid.lost == lost
    finally:
        await cut.stop()
