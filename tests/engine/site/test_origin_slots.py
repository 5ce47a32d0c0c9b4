"""Where energy came from and what it cost by the quarter hour: exact, saved with the totals, and no more than seen."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given
import pytest

from custom_components.smart_charging.engine.control.origin_count import MOST_SLOTS
from custom_components.smart_charging.engine.control.prices.series import PriceSeries
from custom_components.smart_charging.engine.control.source_split import SiteFlows
from custom_components.smart_charging.engine.energy_origin import OriginSlot, slot_of
from custom_components.smart_charging.engine.ledger import Ledger
from custom_components.smart_charging.engine.model import EvseKey
from custom_components.smart_charging.engine.origin_tracking import MOST_UNSAVED, OriginTracker
from tests.manual_clock import START

from .test_origin_tracking import BLIND, KEY, NIGHT, STEPS, SUN, Charging, begun

QUARTER = timedelta(minutes=15)
PRICES = PriceSeries(START, QUARTER, (0.2, None, 0.4))


def kept(charging: Charging) -> dict[datetime, tuple[int, int, int]]:
    """Return what was saved of each quarter of an hour, in whole Wh, all that were followed added up."""
    added: dict[datetime, OriginSlot] = {}
    for slot in charging.ledger.slots.values():
        added[slot.start] = added[slot.start] + slot if slot.start in added else slot
    return {start: (round(slot.solar_wh), round(slot.battery_wh), round(slot.grid_wh)) for start, slot in added.items()}


async def test_energy_is_kept_in_the_quarter_hours_in_which_it_was_seen_also_of_a_coarse_meter() -> None:
    charging = begun()
    charging.look(SUN, 6000.0, times=179)  # to the quarter hour
    charging.look(NIGHT, 6000.0, times=60)
    charging.meter(1990.0)  # the first that it tells in twenty minutes
    charging.look(NIGHT, 6000.0)
    await charging.tracker.save()
    assert kept(charging) == {START: (1484, 0, 0), START + QUARTER: (0, 0, 506)}  # of 179 and 61 times 5 s
    charging.meter(2990.0)
    charging.look(NIGHT, 6000.0, times=120)
    charging.meter(3990.0)
    charging.look(NIGHT, 6000.0)
    await charging.tracker.save()
    saved = kept(charging)
    assert sum(saved[START + QUARTER]) + sum(saved[START]) == pytest.approx(3990, abs=20)


def test_a_look_across_the_quarter_hour_is_divided() -> None:
    charging = begun()
    charging.now = START + timedelta(minutes=14, seconds=40)
    charging.look(SUN, 7200.0, seconds=10.0)
    charging.look(SUN, 7200.0, seconds=20.0)
    charging.meter(1000.0)
    charging.look(SUN, 7200.0, seconds=5.0)
    slots = charging.tracker._unsaved_slots
    seen = {slot.start: slot.solar_wh for slot in slots.values()}
    assert seen == pytest.approx({START: 20.0, START + QUARTER: 30.0})  # 10 s before it, and 10 and 5 s after it


async def test_the_price_of_each_quarter_hour_is_kept_once_and_the_first_stays() -> None:
    charging = begun()
    charging.tracker.set_prices(PRICES)
    charging.look(BLIND, None, seconds=300.0)
    charging.tracker.set_prices(PriceSeries(START, QUARTER, (9.9, None, 0.4)))
    charging.look(BLIND, None, seconds=300.0, times=8)
    await charging.tracker.save()
    assert charging.ledger.prices == {START: 0.2, START + 2 * QUARTER: 0.4}
    await charging.tracker.save()
    assert charging.ledger.writes == 1


async def test_what_the_ledger_could_not_keep_waits_and_what_waits_is_bounded() -> None:
    charging = begun()
    charging.tracker.set_prices(PRICES)
    charging.look(SUN, 7200.0, times=30)
    charging.meter(300.0)
    charging.look(SUN, 7200.0)
    charging.ledger.broken = True
    with pytest.raises(Exception, match="full"):
        await charging.tracker.save()
    charging.meter(400.0)
    charging.look(SUN, 7200.0)
    charging.ledger.broken = False
    await charging.tracker.save()
    assert kept(charging) == {START: (400, 0, 0)}
    assert charging.ledger.prices == {START: 0.2}
    charging.ledger.broken = True
    for number in range(MOST_UNSAVED + 5):
        charging.tracker._unsaved_prices[START + number * QUARTER] = 0.1
    with pytest.raises(Exception, match="full"):
        await charging.tracker.save()
    assert len(charging.tracker._unsaved_prices) == MOST_UNSAVED


async def test_a_clock_that_is_set_back_adds_to_the_hour_that_comes_again() -> None:
    charging = begun()
    charging.look(SUN, 7200.0, times=30)
    charging.meter(300.0)
    charging.look(SUN, 7200.0)
    await charging.tracker.save()
    charging.now = START + timedelta(minutes=45)
    charging.look(SUN, 7200.0)
    charging.now = START + timedelta(minutes=1)
    charging.look(SUN, 7200.0, times=11)
    charging.meter(410.0)
    charging.look(SUN, 7200.0)
    await charging.tracker.save()
    (solar_wh, _, _) = kept(charging)[START]
    assert solar_wh == round(charging.origin.solar_wh)
    assert solar_wh > 390


async def test_a_meter_that_never_moves_keeps_a_day_in_mind_and_no_more() -> None:
    charging = begun()
    for number in range(MOST_SLOTS + 20):
        charging.now = START + number * QUARTER
        charging.look(NIGHT, 0.0)
        charging.look(NIGHT, 100.0)
    assert len(charging.tracker._followed[KEY].seen.slots) <= MOST_SLOTS
    charging.meter(5000.0)
    charging.look(NIGHT, 100.0)
    await charging.tracker.save()
    saved = charging.ledger.slots.values()
    assert sum(slot.grid_wh for slot in saved) == pytest.approx(charging.origin.grid_wh)
    assert len(saved) > 1


@given(STEPS)
def test_quarter_hours_sum_to_the_totals_of_the_session(
    steps: list[tuple[SiteFlows, float | None, float, float]],
) -> None:
    charging, energy_wh = Charging(), 0.0
    charging.now = START + timedelta(minutes=13)
    for flows, drawn_w, seconds, counted_wh in steps:
        energy_wh += counted_wh
        charging.meter(energy_wh)
        charging.look(flows, drawn_w, seconds=seconds)
    asyncio.run(charging.tracker.save())
    origin = charging.tracker._followed[KEY].origin
    slots = charging.ledger.slots.values()
    assert sum(slot.solar_wh for slot in slots) == pytest.approx(origin.solar_wh)
    assert sum(slot.battery_wh for slot in slots) == pytest.approx(origin.battery_wh)
    assert sum(slot.grid_wh for slot in slots) == pytest.approx(origin.grid_wh)
    assert all(slot.start == slot_of(slot.start) for slot in slots)


async def follow(
    ledger: Ledger, begin: datetime, session_id: int, steps: Mapping[int, tuple[SiteFlows, float]]
) -> None:
    """Follow a session in the real ledger for some minutes: flows and register by the minute; then crash."""
    site = ledger.site("home")
    (session,) = await site.sessions()
    assert session.session_id == session_id
    tracker = OriginTracker(site)
    tracker.set_prices(PRICES)
    now = begin
    for minute in range(max(steps) + 1):
        flows, metered_wh = steps.get(minute, (NIGHT, session.energy_wh))
        session = replace(session, energy_wh=metered_wh)
        for _ in range(12):
            tracker.look(flows, {KEY: 6000.0}, lambda _: session, now)  # noqa: B023 - called at once
            now += timedelta(seconds=5)
        if minute < max(steps):
            await tracker.save()


async def test_a_crash_leaves_what_was_saved_and_the_next_run_adds_to_the_same_quarter_hour(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.db")
    session = await ledger.site("home").plug_in(EvseKey("CP1", 1), START)
    await follow(ledger, START, session.session_id, {0: (SUN, 0.0), 1: (SUN, 100.0), 2: (SUN, 200.0), 3: (SUN, 300.0)})
    await ledger.close()
    ledger = await Ledger.open(tmp_path / "ledger.db")
    (restored,) = await ledger.site("home").sessions()
    assert restored.origin is not None
    assert restored.origin.solar_wh == pytest.approx(200.0)  # the last minute is lost
    again = START + timedelta(minutes=6)
    await follow(ledger, again, session.session_id, {0: (NIGHT, 0.0), 1: (NIGHT, 100.0), 2: (NIGHT, 200.0)})
    record = await ledger.site("home").session_record(session.session_id)
    assert record is not None
    (slot,) = record.slots
    (restored,) = await ledger.site("home").sessions()
    assert restored.origin is not None
    assert (slot.start, slot.solar_wh) == (START, pytest.approx(200.0))
    assert slot.grid_wh == pytest.approx(restored.origin.grid_wh) == pytest.approx(100.0)
    assert record.prices == {START: 0.2}
    await ledger.close()
