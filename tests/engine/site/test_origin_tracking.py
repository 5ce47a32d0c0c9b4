"""Following where a session's energy comes from: late and coarse meters, gaps, restarts, a ledger that fails."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import example, given, strategies as st
import pytest

from custom_components.smart_charging.engine.control.prices.series import PriceSeries
from custom_components.smart_charging.engine.control.source_split import SiteFlows
from custom_components.smart_charging.engine.energy_origin import EnergyOrigin, OriginSlot
from custom_components.smart_charging.engine.ledger import SiteLedger
from custom_components.smart_charging.engine.ledger.origins import SlotsSince
from custom_components.smart_charging.engine.model import EvseKey, Session, StoreError
from custom_components.smart_charging.engine.origin_tracking import OriginTracker
from tests.manual_clock import START, ManualClock

KEY, OTHER = EvseKey("CP1", 1), EvseKey("CP2", 1)
SUN = SiteFlows(grid_w=-2000, pv_w=9000, battery_w=0)
NIGHT = SiteFlows(grid_w=7500, pv_w=0, battery_w=0)
BLIND = SiteFlows()


class MemoryLedger(SiteLedger):
    """Keeps origins; refuses to while `broken`."""

    def __init__(self) -> None:
        self.kept: dict[int, EnergyOrigin] = {}
        self.slots: dict[tuple[int, datetime, datetime], OriginSlot] = {}
        self.prices: dict[datetime, float] = {}
        self.broken = False
        self.writes = 0

    async def save_origins(
        self,
        origins: Mapping[int, EnergyOrigin],
        slots: SlotsSince | None = None,
        prices: Mapping[datetime, float] | None = None,
    ) -> None:
        await asyncio.sleep(0)
        if self.broken:
            raise StoreError("the disk is full")
        self.writes += 1
        self.kept |= origins
        self.slots |= slots or {}
        self.prices = dict(prices or {}) | self.prices


class Charging:
    """A session at one EVSE that is looked at each 5 s."""

    def __init__(self, ledger: MemoryLedger | None = None, session: Session | None = None) -> None:
        self.ledger = ledger or MemoryLedger()
        self.tracker = OriginTracker(self.ledger)
        self.session = session or Session(1, "CP1", 1, START, None, 0.0)
        self.now = START

    def look(self, flows: SiteFlows, drawn_w: float | None, *, seconds: float = 5.0, times: int = 1) -> None:
        for _ in range(times):
            self.now += timedelta(seconds=seconds)
            self.tracker.look(flows, {KEY: drawn_w}, lambda _: self.session, self.now)

    def meter(self, energy_wh: float) -> None:
        self.session = replace(self.session, energy_wh=energy_wh)

    @property
    def origin(self) -> EnergyOrigin:
        origin = self.tracker.origin(self.session)
        assert origin is not None
        return origin

    @property
    def parts(self) -> tuple[float, float, float]:
        """Return what came from the sun, from the grid, and from nobody knows where, in whole Wh."""
        origin = self.origin
        return round(origin.solar_wh), round(origin.grid_wh), round(self.session.energy_wh - origin.known_wh)


def begun() -> Charging:
    """Return a session that is looked at since it began."""
    charging = Charging()
    charging.tracker.look(NIGHT, {KEY: 0.0}, lambda _: None, charging.now)
    charging.look(NIGHT, 0.0)
    return charging


def test_between_two_readings_of_the_meter_each_interval_counts_for_what_flowed_in_it() -> None:
    charging = begun()
    charging.look(SUN, 7000.0, times=12)  # 7 kW in the sun, then 3.5 kW without
    charging.look(NIGHT, 3500.0, times=12)
    charging.meter(3000.0)
    assert charging.parts == (2000, 1000, 0)  # shown at once
    charging.look(NIGHT, 0.0)
    charging.look(NIGHT, 3500.0)
    assert charging.parts == (2000, 1000, 0)


def test_a_meter_in_whole_kwh_gets_all_that_was_seen_since_it_moved_last() -> None:
    charging = begun()
    charging.look(SUN, 6000.0, times=60)
    charging.look(NIGHT, 6000.0, times=60)
    charging.meter(1000.0)
    assert charging.parts == (500, 500, 0)


def test_a_site_that_nobody_measures_has_energy_of_unknown_origin_only() -> None:
    charging = begun()
    charging.look(BLIND, 7000.0, times=12)
    charging.meter(500.0)
    charging.look(BLIND, 7000.0)
    assert charging.parts == (0, 0, 500)


def test_what_a_station_counted_while_it_was_away_is_unknown() -> None:
    charging = begun()
    charging.look(SUN, 7200.0, times=60)
    charging.meter(600.0)
    charging.look(SUN, 7200.0)
    charging.look(SUN, None, times=60)  # the socket is gone
    charging.look(SUN, 7200.0, times=10)
    charging.meter(1300.0)  # 600 Wh of that nobody saw
    charging.look(SUN, 7200.0)
    assert charging.parts == (600 + 110, 0, 590)
    charging.look(SUN, 7200.0, times=10)
    charging.meter(1400.0)  # what comes then is seen again
    charging.look(SUN, 7200.0)
    assert charging.parts == (600 + 110 + 100, 0, 590)


def test_what_flowed_while_the_host_slept_is_unknown() -> None:
    charging = begun()
    charging.look(SUN, 7200.0, times=6)
    charging.look(SUN, 7200.0, seconds=3600.0)
    charging.meter(7260.0)
    charging.look(SUN, 7200.0)
    assert charging.parts == (70, 0, 7190)


def test_a_clock_that_is_set_back_invents_nothing() -> None:
    charging = begun()
    charging.look(SUN, 7200.0, times=6)
    charging.look(SUN, 7200.0, seconds=-7200.0)
    charging.meter(100.0)
    charging.look(SUN, 7200.0)
    assert charging.parts == (70, 0, 30)


async def test_a_restart_goes_on_with_what_was_kept_and_does_not_guess_the_time_between() -> None:
    charging = begun()
    charging.look(SUN, 7200.0, times=60)
    charging.meter(600.0)
    charging.look(SUN, 7200.0)
    await charging.tracker.save()
    kept = charging.ledger.kept[1]

    again = Charging(charging.ledger, replace(charging.session, origin=kept))
    again.now = charging.now + timedelta(minutes=10)
    again.look(NIGHT, 7200.0, times=1)
    assert again.parts == (600, 0, 0)
    again.look(NIGHT, 7200.0, times=11)
    again.meter(600.0 + 1200.0 + 110.0)  # ten minutes alone, then 55 s that were seen
    again.look(NIGHT, 7200.0)
    assert again.parts == (600, 120, 1190)


async def test_a_session_that_was_never_followed_counts_from_where_it_is() -> None:
    charging = Charging(session=Session(1, "CP1", 1, START, None, 5000.0))
    assert charging.tracker.origin(charging.session) is None
    charging.look(SUN, 7200.0, times=12)
    charging.meter(5100.0)
    charging.look(SUN, 7200.0)
    assert charging.parts == (100, 0, 5000)


def test_a_count_that_was_corrected_downwards_shrinks_its_parts_alike() -> None:
    charging = begun()
    charging.look(SUN, 7200.0, times=30)
    charging.look(NIGHT, 7200.0, times=30)
    charging.meter(600.0)
    charging.look(NIGHT, 7200.0)
    charging.meter(300.0)
    solar_wh, grid_wh, unknown_wh = charging.parts
    assert solar_wh + grid_wh == pytest.approx(300, abs=1)
    assert unknown_wh == 0
    charging.look(NIGHT, 0.0)
    assert charging.parts == (solar_wh, grid_wh, 0)


def test_cars_that_draw_at_the_same_time_share_the_sun() -> None:
    tracker, now = OriginTracker(MemoryLedger()), START
    sessions = {KEY: Session(1, "CP1", 1, START, None, 0.0), OTHER: Session(2, "CP2", 1, START, None, 0.0)}
    for _ in range(61):
        tracker.look(SiteFlows(6000, 6000, 0), {KEY: 4000.0, OTHER: 8000.0}, sessions.get, now)
        now += timedelta(seconds=5)
    ended = [replace(sessions[KEY], energy_wh=300.0), replace(sessions[OTHER], energy_wh=600.0)]
    for session in ended:
        origin = tracker.origin(session)
        assert origin is not None
        assert origin.solar_wh == pytest.approx(session.energy_wh / 2)


def test_money_and_co2_follow_the_prices_of_the_time() -> None:
    charging = begun()
    prices = PriceSeries(START, timedelta(minutes=15), (0.2, 0.4), (0.08, 0.08), (300.0, None))
    charging.tracker.set_prices(prices)
    charging.look(NIGHT, 6000.0, times=179)  # up to the end of the first quarter of an hour
    assert charging.now == START + timedelta(minutes=15)
    charging.meter(1490.0)
    charging.look(NIGHT, 6000.0, times=60)
    charging.meter(1990.0)
    origin = charging.origin
    assert origin.cost == pytest.approx(1.49 * 0.2 + 0.5 * 0.4, rel=0.01)
    assert origin.priced_wh == pytest.approx(1990.0)
    assert origin.co2_g == pytest.approx(1.49 * 300, rel=0.01)
    assert origin.co2_known_wh == pytest.approx(1490.0, rel=0.01)


async def test_the_end_of_a_session_is_complete_and_on_the_disk() -> None:
    charging = begun()
    charging.look(SUN, 7200.0, times=60)
    charging.meter(612.0)
    finished = await charging.tracker.finish(replace(charging.session, plugged_out_at=charging.now))
    assert finished.origin is not None
    assert finished.origin.solar_wh == pytest.approx(612.0)
    assert charging.ledger.kept[1] == finished.origin
    charging.meter(600.0)  # what was read before the end is not looked at again
    charging.look(NIGHT, 7200.0)
    charging.session = finished
    assert charging.origin == finished.origin


async def test_a_new_session_begins_with_nothing_and_the_one_before_is_still_saved() -> None:
    charging = begun()
    charging.look(SUN, 7200.0, times=60)
    charging.meter(600.0)
    charging.look(SUN, 0.0)
    charging.session = Session(2, "CP1", 1, charging.now, None, 0.0)
    charging.look(SUN, 0.0)
    assert charging.origin == EnergyOrigin()
    await charging.tracker.save()
    assert charging.ledger.kept[1].solar_wh == pytest.approx(600.0)


def test_a_charger_that_is_removed_and_added_again_goes_on_with_what_was_not_saved_yet() -> None:
    charging = begun()
    charging.look(SUN, 7200.0, times=60)
    charging.meter(600.0)
    charging.look(SUN, 0.0)
    charging.tracker.forget("CP1")
    charging.look(SUN, 0.0)
    assert charging.parts == (600, 0, 0)


async def test_what_could_not_be_saved_is_saved_later_and_only_what_changed_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, charging = ManualClock(), begun()
    saving = asyncio.create_task(charging.tracker.run(clock))
    charging.look(SUN, 7200.0, times=60)
    charging.meter(600.0)
    charging.look(SUN, 7200.0)
    charging.ledger.broken = True
    await clock.advance(180)
    assert caplog.text.count("could not be kept: the disk is full") == 1
    charging.ledger.broken = False
    await clock.advance(180)
    saving.cancel()
    assert charging.ledger.kept[1].solar_wh == pytest.approx(600.0)
    assert charging.ledger.writes == 1


async def test_the_end_of_a_session_is_told_also_where_it_could_not_be_saved() -> None:
    charging = begun()
    charging.look(SUN, 7200.0, times=60)
    charging.meter(600.0)
    charging.ledger.broken = True
    finished = await charging.tracker.finish(charging.session)
    assert finished.origin is not None
    assert finished.origin.solar_wh == pytest.approx(600.0)
    charging.ledger.broken = False
    charging.tracker.forget("CP1")
    await charging.tracker.save()
    assert charging.ledger.kept[1] == finished.origin


FLOWS = st.builds(
    SiteFlows,
    st.none() | st.floats(-20_000, 20_000),
    st.none() | st.floats(0, 20_000),
    st.none() | st.floats(-10_000, 10_000),
)
STEPS = st.lists(
    st.tuples(FLOWS, st.none() | st.floats(0, 22_000), st.floats(0, 100), st.floats(0, 400)), min_size=1, max_size=12
)


NOTHING_MEASURED = SiteFlows(None, None, None)
NEXT_TO_NOTHING = [
    (NOTHING_MEASURED, None, 0.0, 0.0),
    (NOTHING_MEASURED, 0.0, 0.0, 1.0),
    (NOTHING_MEASURED, 1.5e-304, 1.0, 8.0),
]


@given(STEPS)
@example(NEXT_TO_NOTHING)
def test_whatever_happens_the_parts_never_exceed_the_meter_and_none_is_negative(
    steps: list[tuple[SiteFlows, float | None, float, float]],
) -> None:
    charging = Charging()
    energy_wh = 0.0
    for flows, drawn_w, seconds, counted_wh in steps:
        energy_wh += counted_wh
        charging.meter(energy_wh)
        charging.look(flows, drawn_w, seconds=seconds)
        origin = charging.origin
        assert min(origin.solar_wh, origin.battery_wh, origin.grid_wh) >= 0
        assert origin.known_wh <= energy_wh * (1 + 1e-9)
