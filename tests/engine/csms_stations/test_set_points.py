"""Cars that can give energy back are told how much, within what the limits allow and no longer than ordered."""

import asyncio

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.station import Station
from simulator.ocpp.json import Payload
from simulator.ocpp.link import Answer
from simulator.ocpp2 import commands
from simulator.ocpp2.answers import refused
from simulator.ocpp2.options import Version
from simulator.ocpp2.station import SimulatedStation2
from simulator.plant.car import CarModel

from .test_simulated_v2 import Pair2, pair

TWO_WAY = CarModel(discharge_a=16.0)
W_PER_A = 690.0


async def ordered(it: Pair2, power_w: float, duration_s: float = 3600.0) -> None:
    """Order a set-point while time passes; raises CommandError."""
    task = asyncio.create_task(station(it).set_setpoint(1, power_w, duration_s))
    await it.until(task.done, 90)
    await task


def station(it: Pair2) -> Station:
    return it.csms.stations["CP1"]


def flow_a(it: Pair2) -> float:
    """Return what really flows at the outlet, A per phase, negative where the car gives."""
    return it.real.outlet.current_a[0]


async def charging(it: Pair2, limit_a: float = 16.0) -> None:
    await it.charge(limit_a)
    await it.until(lambda: it.evse.charging_needs is not None, 30)


@pytest.mark.parametrize("dynamic", ["true", "false"])
async def test_a_car_gives_what_it_is_told_and_charges_again_after_that(dynamic: str, socket_enabled: None) -> None:
    async with pair(Version.V21, car=TWO_WAY, two_way=True) as it:
        it.station.model.put("SmartChargingCtrlr", "SupportsDynamicProfiles", dynamic)
        await charging(it)
        assert it.state.capabilities.two_way == {0}
        await ordered(it, -10 * W_PER_A, 300.0)
        point = it.evse.set_point
        assert point is not None
        assert point.power_w == -10 * W_PER_A
        assert (point.until - it.clock.now()).total_seconds() > 250
        await it.until(lambda: flow_a(it) == pytest.approx(-10.0, abs=0.1), 60)
        await ordered(it, -4 * W_PER_A, 300.0)
        await it.until(lambda: flow_a(it) == pytest.approx(-4.0, abs=0.1), 60)
        await ordered(it, 8 * W_PER_A, 120.0)
        await it.until(lambda: flow_a(it) == pytest.approx(8.0, abs=0.1), 60)
        await it.pass_time(100)
        await it.until(lambda: flow_a(it) == pytest.approx(16.0, abs=0.1), 60)
        assert it.evse.set_point is None
        assert it.state.deviations == {}


async def test_a_set_point_never_lifts_a_limit(socket_enabled: None) -> None:
    async with pair(Version.V21, car=TWO_WAY, two_way=True) as it:
        await charging(it)
        await ordered(it, 12 * W_PER_A)
        await it.until(lambda: flow_a(it) == pytest.approx(12.0, abs=0.1), 60)
        it.limit(7.0)
        await it.until(lambda: flow_a(it) == pytest.approx(7.0, abs=0.1), 60)
        it.limit(14.0)
        await it.until(lambda: flow_a(it) == pytest.approx(12.0, abs=0.1), 60)
        it.limit(0.0)
        await it.until(lambda: flow_a(it) == 0.0, 60)


async def test_a_set_point_is_withdrawn(socket_enabled: None) -> None:
    async with pair(Version.V21, car=TWO_WAY, two_way=True) as it:
        await charging(it, 10.0)
        await ordered(it, -5 * W_PER_A)
        await it.until(lambda: flow_a(it) == pytest.approx(-5.0, abs=0.1), 60)
        assert station(it).withdraw_setpoint(1)
        assert not station(it).withdraw_setpoint(1)
        await it.until(lambda: flow_a(it) == pytest.approx(10.0, abs=0.1), 60)


async def test_alone_a_car_gives_no_longer_than_its_lease(socket_enabled: None) -> None:
    async with pair(Version.V21, car=TWO_WAY, two_way=True) as it:
        await charging(it)
        await ordered(it, -5 * W_PER_A)
        await it.until(lambda: flow_a(it) == pytest.approx(-5.0, abs=0.1), 60)
        it.site.diallers2["CP1"].disconnect()
        await it.until(lambda: flow_a(it) == pytest.approx(6.0, abs=0.1), 60)


async def test_a_set_point_ends_with_its_transaction_and_when_nothing_is_wished_any_more(socket_enabled: None) -> None:
    async with pair(Version.V21, car=TWO_WAY, two_way=True) as it:
        await charging(it)
        await ordered(it, -5 * W_PER_A)
        it.station.plug(False)
        await it.until(lambda: it.evse.set_point is None, 30)
        await charging(it)
        await ordered(it, -5 * W_PER_A)
        station(it).release(1)
        assert it.evse.set_point is None
        with pytest.raises(CommandError, match="only observes"):
            await station(it).set_setpoint(1, -100.0, 60.0)


async def test_what_can_not_be_is_refused_before_anything_is_sent(socket_enabled: None) -> None:
    async with pair(Version.V21, car=CarModel(discharge_a=8.0), two_way=True) as it:
        await it.until(lambda: it.set_up, 60)
        with pytest.raises(CommandError) as idle:
            await station(it).set_setpoint(1, -100.0, 60.0)
        assert idle.value.code is CommandErrorCode.NO_TRANSACTION
        await charging(it, 10.0)
        for power_w in (-9 * W_PER_A, 11 * W_PER_A):
            with pytest.raises(CommandError, match="from -5520 to 6900 W") as beyond:
                await station(it).set_setpoint(1, power_w, 60.0)
            assert beyond.value.code is CommandErrorCode.INVALID


@pytest.mark.parametrize(
    ("version", "two_way", "car", "why"),
    [
        (Version.V201, False, TWO_WAY, "part of OCPP 2.1"),
        (Version.V21, False, TWO_WAY, "charger does not tell"),
        (Version.V21, True, CarModel(), "car does not tell"),
    ],
)
async def test_who_does_not_tell_that_it_can_is_not_asked(
    version: Version, two_way: bool, car: CarModel, why: str, socket_enabled: None
) -> None:
    async with pair(version, car=car, two_way=two_way) as it:
        await it.charge(10.0)
        with pytest.raises(CommandError, match=why) as error:
            await station(it).set_setpoint(1, -100.0, 60.0)
        assert error.value.code is CommandErrorCode.NOT_SUPPORTED


async def test_a_station_that_refuses_a_set_point_is_kept_at_its_limit(
    monkeypatch: pytest.MonkeyPatch, socket_enabled: None
) -> None:
    obey = commands.obey

    def refuse(station: SimulatedStation2, action: str, payload: Payload) -> Answer:
        return refused("UnsupportedParam") if "CentralSetpoint" in str(payload) else obey(station, action, payload)

    monkeypatch.setattr("simulator.ocpp2.dialler.obey", refuse)
    async with pair(Version.V21, car=TWO_WAY, two_way=True) as it:
        await charging(it, 10.0)
        with pytest.raises(CommandError) as error:
            await ordered(it, -5 * W_PER_A)
        assert error.value.code is CommandErrorCode.REJECTED
        it.limit(8.0)
        await it.until(lambda: flow_a(it) == pytest.approx(8.0, abs=0.1), 60)


def follow(it: Pair2, power_w: float | None) -> None:
    """Lead the car as the site does with each decision."""
    station(it).lead_setpoint(1, power_w)


@pytest.mark.parametrize("dynamic", ["true", "false"])
async def test_a_car_is_led_as_long_as_the_site_repeats_it(dynamic: str, socket_enabled: None) -> None:
    async with pair(Version.V21, car=TWO_WAY, two_way=True) as it:
        it.station.model.put("SmartChargingCtrlr", "SupportsDynamicProfiles", dynamic)
        await charging(it)
        it.limit(0.0)
        for watts in (-5 * W_PER_A, -5 * W_PER_A, -8 * W_PER_A):
            follow(it, watts)
            await it.until(lambda watts=watts: flow_a(it) == pytest.approx(watts / W_PER_A, abs=0.1), 60)
        point = it.evse.set_point
        assert point is not None and point.led
        for _ in range(40):
            await it.pass_time(10)
            follow(it, -8 * W_PER_A)
        assert flow_a(it) == pytest.approx(-8.0, abs=0.1)  # far beyond one lease
        follow(it, None)
        await it.until(lambda: flow_a(it) == 0.0, 60)
        assert it.evse.set_point is None


async def test_without_the_site_a_car_gives_no_longer_than_a_lease(socket_enabled: None) -> None:
    async with pair(Version.V21, car=TWO_WAY, two_way=True) as it:
        await charging(it)
        it.limit(0.0)
        follow(it, -5 * W_PER_A)
        await it.until(lambda: flow_a(it) == pytest.approx(-5.0, abs=0.1), 60)
        await it.pass_time(310)
        await it.until(lambda: flow_a(it) == 0.0, 60)


async def test_what_is_ordered_is_not_led_elsewhere(socket_enabled: None) -> None:
    async with pair(Version.V21, car=TWO_WAY, two_way=True) as it:
        await charging(it)
        follow(it, -8 * W_PER_A)
        await it.until(lambda: flow_a(it) == pytest.approx(-8.0, abs=0.1), 60)
        await ordered(it, -3 * W_PER_A)
        follow(it, -8 * W_PER_A)
        follow(it, None)
        await it.until(lambda: flow_a(it) == pytest.approx(-3.0, abs=0.1), 60)


async def test_a_station_that_refuses_to_be_led_is_not_asked_all_the_time(
    monkeypatch: pytest.MonkeyPatch, socket_enabled: None
) -> None:
    obey, asked = commands.obey, []

    def refuse(station: SimulatedStation2, action: str, payload: Payload) -> Answer:
        if "CentralSetpoint" not in str(payload):
            return obey(station, action, payload)
        asked.append(action)
        return refused("UnsupportedParam")

    monkeypatch.setattr("simulator.ocpp2.dialler.obey", refuse)
    async with pair(Version.V21, car=TWO_WAY, two_way=True) as it:
        await charging(it, 10.0)
        for _ in range(20):
            follow(it, -5 * W_PER_A)
            await it.pass_time(5)
        assert 0 < len(asked) <= 2
        assert it.evse.set_point is None
        assert flow_a(it) == pytest.approx(10.0, abs=0.1)
