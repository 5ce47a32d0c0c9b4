"""Trap 18: times without a zone, of clocks that were never set or are ahead, and over the change to winter time."""

from datetime import UTC, datetime, timedelta
import re

import pytest

from tests.engine.transaction_traps.conftest import KEY, Place

TEN = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)  # what the clock begins with


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-06-01T10:00:00Z", TEN),
        ("2026-06-01T10:00:00", TEN),
        ("2026-06-01T12:00:00+02:00", TEN),
        ("2026-06-01T12:00:00+0200", TEN),
        ("2026-06-01T05:30:00-04:30", TEN),
        ("2026-06-01T10:00:00.250Z", TEN + timedelta(milliseconds=250)),
        ("2026-06-01T10:00:00.123456789Z", TEN + timedelta(microseconds=123456)),
        ("2026-06-01 10:00:00Z", TEN),
        ("2026-06-01T09:59:60Z", TEN),
        ("2026-06-01T09:59:60.500Z", TEN + timedelta(milliseconds=500)),
        ("2026-06-01T11:59:60+02:00", TEN),
    ],
)
async def test_trap_18_time_is_read_however_it_is_written(
    place: Place, version: str, written: str, meant: datetime
) -> None:
    charger = await place.ready(version)
    tx = await charger.start(written, 1000)
    kept = await place.kept(tx)
    assert (kept.started_at, kept.offline) == (meant, False)


async def test_trap_18_time_that_cannot_be_read_is_the_time_of_arrival(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start("9999-99-99T00:00:60Z", 1000)
    assert (await place.kept(tx)).started_at == place.clock.now()


@pytest.mark.parametrize("written", ["1970-01-01T00:00:07Z", "2000-01-01T00:00:07Z"])
async def test_trap_18_clock_that_was_never_set_tells_of_the_present(place: Place, version: str, written: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(written, 1000)
    assert place.running() == tx
    await charger.meter(tx, place.now(), 1400)  # set meanwhile
    await place.settled()  # no car is pulled within the moment that it was plugged in
    await charger.stop(tx, place.now(), 1500)
    kept = await place.kept(tx)
    assert (kept.started_at.isoformat(), kept.energy_wh, kept.offline) == (
        written.replace("Z", "+00:00"),
        500.0,
        False,
    )
    (session,) = await place.records.sessions(key=KEY)
    assert session.plugged_in_at == place.clock.now()


@pytest.mark.parametrize("ahead", [3600, 86_400 * 400], ids=["hour", "year"])
async def test_trap_18_clock_that_is_ahead_loses_nothing(place: Place, version: str, ahead: int) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(ahead), 1000)
    await charger.meter(tx, place.now(ahead + 1), 1300)
    assert place.running() == tx
    await charger.meter(tx, place.now(), 1400)  # put right
    await charger.stop(tx, place.now(), 1500)
    kept = await place.kept(tx)
    assert (kept.started_at, kept.energy_wh) == (place.at(ahead), 500.0)
    assert place.running() is None
    assert place.station.state.dropped_values == 0


async def steady(place: Place, tell: object, seconds: int) -> None:
    """Let a station talk every ten seconds."""
    for _ in range(seconds // 10):
        await place.pass_time(10)
        await tell()  # type: ignore[operator]  # a coroutine function


async def test_trap_18_local_time_without_a_zone_is_told_by_its_constant_offset(place: Place, version: str) -> None:
    charger = await place.ready(version)

    def local(offset_h: float) -> str:
        return (place.clock.now() + timedelta(hours=offset_h)).strftime("%Y-%m-%dT%H:%M:%S")

    tx = await charger.start(local(2), 1000)
    register = 1000

    async def tell() -> None:
        nonlocal register
        register += 10
        await charger.meter(tx, local(2), register)

    await steady(place, tell, 60)
    assert place.station.state.clock_offset_s == pytest.approx(7200, abs=2)
    assert place.station._core.offset.clock_s == pytest.approx(0, abs=2)  # schedules are not moved by it
    assert place.running() == tx
    assert place.evse.measurement is not None
    assert place.evse.measurement.energy_wh == register


async def test_trap_18_change_to_winter_time_loses_no_reading_and_no_transaction(place: Place, version: str) -> None:
    charger = await place.ready(version)
    offset_h, register = 2, 1000

    async def tell() -> None:
        nonlocal register
        register += 10
        at = (place.clock.now() + timedelta(hours=offset_h)).strftime("%Y-%m-%dT%H:%M:%S")
        await charger.meter(tx, at, register)

    tx = await charger.start(place.now(7200).removesuffix("Z"), 1000)
    await steady(place, tell, 120)
    offset_h = 1
    await steady(place, tell, 300)
    assert place.running() == tx
    assert place.evse.measurement is not None
    assert place.evse.measurement.energy_wh == register  # live again
    assert place.station.state.clock_offset_s == pytest.approx(3600, abs=2)
    await charger.stop(tx, place.now(3600).removesuffix("Z"), 1500)
    kept = await place.kept(tx)
    assert kept.energy_wh == 500.0
    assert len(await place.records.meter_values(KEY, transaction_id=tx)) >= 42


async def test_trap_18_our_time_is_utc_with_milliseconds(place: Place, version: str) -> None:
    charger = await place.ready(version)
    for answer in (await charger.raw.boot(), await charger.raw.ask("Heartbeat", {})):
        assert re.fullmatch(r"2026-06-01T10:\d\d:\d\d\.\d{3}Z", answer["currentTime"])


async def test_trap_18_each_station_has_its_own_skew_and_none_is_refused_for_it(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(-600), 1000)
    register = 1000

    async def tell() -> None:
        nonlocal register
        register += 10
        await charger.meter(tx, place.now(-600), register)

    await steady(place, tell, 60)
    assert place.station.state.clock_offset_s == pytest.approx(-600, abs=2)
    assert place.evse.measurement is not None
    assert place.evse.measurement.energy_wh == register
    assert (await place.kept(tx)).energy_wh == register - 1000
    assert place.station.state.dropped_values == 0
