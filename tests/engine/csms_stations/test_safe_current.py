"""What a station falls to, over a real socket: held at 0 by what ends, or left to its default alone."""

from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.state import ProfileForm
from tests.engine.csms_stations.conftest import CONFIG, Bench
from tests.engine.csms_stations.raw_station import Payload
from tests.engine.csms_stations.test_ladder import charging, limits, refuse


def absolute(profile: Payload) -> bool:
    return bool(profile["chargingProfileKind"] == "Absolute")


DAY = "2026-06-02T10:00:00.000Z"
ZERO: dict[ProfileForm, tuple[Any, list[tuple[int, float]], str | None]] = {
    ProfileForm.TWO_PERIODS: (lambda p: absolute(p) and "validTo" not in p, [(0, 0.0), (86_460, 6.0)], None),
    ProfileForm.RELATIVE_TWO_PERIODS: (lambda p: not absolute(p), [(0, 0.0), (86_400, 6.0)], DAY),
    ProfileForm.VALID_TO: (lambda p: absolute(p) and len(limits(p)) == 1, [(0, 0.0)], DAY),
}


@pytest.mark.parametrize("form", ZERO)
async def test_a_station_without_a_safe_current_is_held_at_zero_by_what_ends(bench: Bench, form: ProfileForm) -> None:
    takes, periods, end = ZERO[form]
    client = await bench.dial()
    refuse(client, takes)
    await bench.ready(client)
    bench.station.set_limit(1, 0.0, 0.0)
    await bench.until(lambda: bench.evse.applied is not None)
    default, lease = [profile for profile in client.profiles() if takes(profile)]
    assert limits(default) == [(0, 6.0)]
    assert "validTo" not in default
    assert limits(lease) == periods
    assert lease.get("validTo") == end
    assert lease["stackLevel"] > default["stackLevel"]


async def test_a_charge_without_a_safe_current_is_led_above_a_zero_that_ends_too(bench: Bench) -> None:
    client = await bench.dial()
    client.configuration["ChargingScheduleMaxPeriods"] = "1"
    refuse(client, lambda p: len(limits(p)) == 1)
    await charging(bench, client)
    bench.station.set_limit(1, 10.0, 0.0)
    await bench.until(lambda: bench.evse.applied is not None)
    hold, lease = client.profiles("TxProfile")
    assert (hold["stackLevel"], limits(hold), hold["validTo"]) == (7, [(0, 0.0)], DAY)
    assert (lease["stackLevel"], limits(lease), lease["validTo"]) == (8, [(0, 10.0)], "2026-06-01T10:05:00.000Z")
    await bench.pass_time(130)
    assert [p["stackLevel"] for p in client.profiles("TxProfile")] == [7, 8, 8]  # only the lease is renewed
    bench.station.set_limit(1, 10.0, 6.0)
    await bench.pass_time(15)
    assert client.sent("ClearChargingProfile") == [{"id": hold["chargingProfileId"]}]


async def test_an_idle_station_is_left_to_its_safe_default(bench: Bench) -> None:
    client = await bench.ready()
    bench.station.set_limit(1, 6.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None)
    await bench.pass_time(900)
    assert len(client.profiles()) == 1
    assert not client.sent("ClearChargingProfile")
    assert bench.evse.applied is not None
    assert (bench.evse.applied.current_a, bench.evse.applied.safe_a) == (6.0, 6.0)


async def test_a_lease_that_says_otherwise_is_cleared_once_from_an_idle_station(bench: Bench) -> None:
    client = await bench.ready()
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: len(client.profiles()) == 2)
    bench.station.set_limit(1, 6.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.current_a == 6.0)
    assert client.sent("ClearChargingProfile") == [{"id": client.profiles()[1]["chargingProfileId"]}]
    await bench.pass_time(900)
    assert len(client.profiles()) == 2
    assert len(client.sent("ClearChargingProfile")) == 1
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: len(client.profiles()) == 3)


async def test_a_lease_that_can_t_be_cleared_is_replaced_once(bench: Bench) -> None:
    client = await bench.ready()
    client.answers["ClearChargingProfile"] = ("NotSupported", "")
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: len(client.profiles()) == 2)
    bench.station.set_limit(1, 6.0, 6.0)
    await bench.until(lambda: len(client.profiles()) == 3)
    assert limits(client.profiles()[-1]) == [(0, 6.0)]
    await bench.pass_time(900)
    assert len(client.profiles()) == 3


async def test_a_lease_of_an_earlier_run_is_cleared_from_an_idle_station(bench: Bench) -> None:
    client = await bench.ready()
    bench.station.set_limit(1, 12.0, 8.0)
    await bench.until(lambda: bench.evse.applied is not None)
    kept = dict(bench.store.learnt["CP1"])
    await bench.csms.remove_station("CP1")
    await client.close()
    bench.store.learnt["CP1"] = kept
    await bench.csms.add_station(CONFIG)
    again = await bench.dial()
    bench.station.set_limit(1, 6.0, 6.0)
    await bench.ready(again)
    await bench.until(lambda: len(again.sent("ClearChargingProfile")) == 1)
    assert [limits(profile) for profile in again.profiles()] == [[(0, 6.0)]]


async def test_one_level_is_given_back_to_the_safe_default_of_an_idle_station(bench: Bench) -> None:
    client = await bench.dial()
    client.configuration["ChargeProfileMaxStackLevel"] = "0"
    await bench.ready(client)
    bench.station.set_limit(1, 10.0, 6.0)
    await bench.until(lambda: len(client.profiles()) == 2)
    bench.station.set_limit(1, 6.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.current_a == 6.0)
    assert limits(client.profiles()[-1]) == [(0, 6.0)]
    await bench.pass_time(900)
    assert len(client.profiles()) == 3
