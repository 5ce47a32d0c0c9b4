"""One phase or three: what a station is told, what it makes of that, and what is done where it can't."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.capabilities import Capabilities
from custom_components.smart_charging.engine.csms.composite import parse_composite
from custom_components.smart_charging.engine.csms.learnt import Learnt
from custom_components.smart_charging.engine.csms.profiles import Wiring
from custom_components.smart_charging.engine.csms.state import Obedience
from tests.engine.csms_stations.conftest import CONFIG, Bench
from tests.engine.csms_stations.raw_station import Payload, RawStation

SETTLED_S = 121.0


def refuse(client: RawStation, accept: Callable[[Payload], bool]) -> None:
    """Make a station accept only the profiles that this predicate likes."""

    def answer(payload: Payload) -> Payload:
        return {"status": "Accepted" if accept(payload["csChargingProfiles"]) else "Rejected"}

    client.answers["SetChargingProfile"] = answer


def periods(profile: Payload) -> list[Payload]:
    told: list[Payload] = profile["chargingSchedule"]["chargingSchedulePeriod"]
    return told


def phases(profile: Payload) -> list[int | None]:
    return [period.get("numberPhases") for period in periods(profile)]


def names_phases(profile: Payload) -> bool:
    return any("numberPhases" in period for period in periods(profile))


async def charging(bench: Bench, client: RawStation, current_a: float, phases: int | None) -> int:
    """Let a transaction run under an accepted limit."""
    await bench.ready(client)
    transaction_id = int((await client.start(bench.now()))["transactionId"])
    await bench.pass_time(15)
    bench.station.set_limit(1, current_a, 6.0, phases)
    await bench.until(lambda: bench.evse.applied is not None and bool(client.profiles("TxProfile")))
    await bench.pass_time(1)
    return transaction_id


async def measure(bench: Bench, client: RawStation, transaction_id: int, *amps: float) -> None:
    """Send the current of each phase."""
    sampled = [
        {"measurand": "Current.Import", "value": str(value), "phase": f"L{number}"}
        for number, value in enumerate(amps, start=1)
    ]
    await client.ask(
        "MeterValues",
        {
            "connectorId": 1,
            "transactionId": transaction_id,
            "meterValue": [{"timestamp": bench.now(), "sampledValue": sampled}],
        },
    )
    await bench.pass_time(1)


def switches(bench: Bench) -> bool | None:
    return bench.station.state.capabilities.switches_phases


@pytest.mark.parametrize("number", [1, 3])
async def test_each_period_of_the_lease_names_the_phases_that_are_wanted(bench: Bench, number: int) -> None:
    client = await bench.dial()
    await charging(bench, client, 12.0, number)
    assert phases(client.profiles("TxProfile")[-1]) == [number, number]
    assert bench.evse.applied is not None
    assert bench.evse.applied.phases == number


async def test_nothing_is_said_of_phases_where_nobody_asks_and_never_in_the_safe_default(bench: Bench) -> None:
    client = await bench.dial()
    await charging(bench, client, 12.0, None)
    assert bench.evse.applied is not None
    assert bench.evse.applied.phases is None
    bench.station.set_limit(1, 10.0, 8.0, 1)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.phases == 1)
    await bench.until(lambda: [p["limit"] for p in periods(client.profiles("TxDefaultProfile")[-1])] == [8.0])
    assert not any(names_phases(profile) for profile in client.profiles("TxDefaultProfile"))


async def test_fewer_phases_alone_are_sent_at_once_and_more_at_the_pace_of_raises(bench: Bench) -> None:
    client = await bench.dial()
    await charging(bench, client, 12.0, 3)
    sent = len(client.profiles())
    bench.station.set_limit(1, 12.0, 6.0, 1)
    await bench.until(lambda: len(client.profiles()) == sent + 1)
    assert phases(client.profiles()[-1]) == [1, 1]
    bench.station.set_limit(1, 12.0, 6.0, 3)
    await bench.until(lambda: len(client.profiles()) == sent + 2)
    bench.station.set_limit(1, 12.0, 6.0, 1)
    await bench.until(lambda: len(client.profiles()) == sent + 3)
    bench.station.set_limit(1, 12.0, 6.0, 3)
    await bench.pass_time(8)
    assert len(client.profiles()) == sent + 3
    await bench.pass_time(4)
    assert phases(client.profiles()[-1]) == [3, 3]


async def test_a_change_to_one_phase_does_not_wait_for_the_current_that_may_rise_with_it(bench: Bench) -> None:
    client = await bench.dial()
    await charging(bench, client, 6.0, 3)
    bench.station.set_limit(1, 8.0, 6.0, 3)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.current_a == 8.0)
    bench.station.set_limit(1, 16.0, 6.0, 1)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.phases == 1)
    assert bench.evse.applied is not None
    assert bench.evse.applied.current_a == 8.0
    await bench.pass_time(11)
    assert (bench.evse.applied.current_a, bench.evse.applied.phases) == (16.0, 1)


async def test_watts_are_those_of_the_phases_that_are_used(bench: Bench) -> None:
    client = await bench.dial()
    client.configuration["ChargingScheduleAllowedChargingRateUnit"] = "Power"
    await charging(bench, client, 10.0, 1)
    assert periods(client.profiles("TxProfile")[-1])[0] == {"startPeriod": 0, "limit": 2300.0, "numberPhases": 1}


async def test_a_station_of_one_phase_is_never_told_of_three(empty_bench: Bench) -> None:
    await empty_bench.csms.add_station(replace(CONFIG, phases=1))
    client = await empty_bench.dial()
    await charging(empty_bench, client, 12.0, 3)
    assert phases(client.profiles("TxProfile")[-1]) == [1, 1]


async def test_a_station_of_one_phase_rests_on_its_safe_default_when_told_to_use_one(empty_bench: Bench) -> None:
    await empty_bench.csms.add_station(replace(CONFIG, phases=1))
    client = await empty_bench.ready()
    empty_bench.station.set_limit(1, 6.0, 6.0, 1)
    await empty_bench.until(lambda: empty_bench.evse.applied is not None)
    assert {profile["stackLevel"] for profile in client.profiles()} == {0}


async def test_one_phase_for_the_next_car_is_told_before_it_comes(bench: Bench) -> None:
    client = await bench.ready()
    bench.station.set_limit(1, 6.0, 6.0, 1)
    await bench.until(lambda: bench.evse.applied is not None)
    assert phases(client.profiles()[-1]) == [1]
    bench.station.set_limit(1, 6.0, 6.0, 3)
    await bench.until(lambda: bool(client.sent("ClearChargingProfile")))  # the safe default says that


async def test_a_station_that_refuses_a_number_of_phases_is_told_none_and_no_more_than_is_safe(bench: Bench) -> None:
    client = await bench.dial()
    refuse(client, lambda profile: not names_phases(profile))
    await charging(bench, client, 14.0, 1)
    assert switches(bench) is False
    assert bench.evse.applied is not None
    assert (bench.evse.applied.current_a, bench.evse.applied.phases) == (6.0, None)  # 14 A on three would be too much
    assert bench.evse.obedience is not Obedience.REJECTS
    assert max(period["limit"] for each in client.profiles() if not names_phases(each) for period in periods(each)) == 6
    tried = sum(names_phases(profile) for profile in client.profiles())
    bench.station.set_limit(1, 10.0, 6.0, 3)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.current_a == 10.0)
    assert sum(names_phases(profile) for profile in client.profiles()) == tried
    assert bench.store.learnt["CP1"]["switches_phases"] is False


async def test_another_refusal_is_not_taken_for_that_of_the_phases(bench: Bench) -> None:
    client = await bench.dial()
    refuse(client, lambda profile: profile["chargingProfileKind"] == "Relative" or not profile["stackLevel"])
    await charging(bench, client, 12.0, 1)
    assert switches(bench) is None
    assert phases(client.profiles("TxProfile")[-1]) == [1, 1]


async def test_a_station_that_refused_is_asked_again_after_a_boot(bench: Bench) -> None:
    client = await bench.dial()
    refuse(client, lambda profile: not names_phases(profile))
    await charging(bench, client, 12.0, 1)
    refuse(client, lambda _: True)
    await client.boot()
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.phases == 1)


async def test_more_phases_in_use_than_told_show_a_station_that_does_not_switch(bench: Bench) -> None:
    client = await bench.dial()
    transaction_id = await charging(bench, client, 14.0, 1)
    await bench.pass_time(60)
    await measure(bench, client, transaction_id, 14.0, 14.0, 14.0)
    assert switches(bench) is None  # it may still be about to
    await bench.pass_time(60)
    await measure(bench, client, transaction_id, 14.0, 14.0, 14.0)
    await bench.until(lambda: switches(bench) is False)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.phases is None)
    assert bench.evse.applied is not None
    assert bench.evse.applied.current_a == 6.0


async def test_a_car_that_leaves_two_phases_when_told_shows_a_station_that_switches(bench: Bench) -> None:
    client = await bench.dial()
    transaction_id = await charging(bench, client, 10.0, 3)
    await measure(bench, client, transaction_id, 10.0, 10.0, 10.0)
    bench.station.set_limit(1, 10.0, 6.0, 1)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.phases == 1)
    await bench.pass_time(SETTLED_S)
    await measure(bench, client, transaction_id, 10.0, 0.0, 0.0)
    await bench.until(lambda: switches(bench) is True)
    assert bench.store.learnt["CP1"]["switches_phases"] is True


async def test_a_current_that_tells_no_phases_tells_nothing_of_them(bench: Bench) -> None:
    client = await bench.dial()
    transaction_id = await charging(bench, client, 14.0, 1)
    await bench.pass_time(SETTLED_S)
    await client.meter(bench.now(), {"Current.Import": "14"}, transaction_id)
    await bench.pass_time(1)
    assert switches(bench) is None
    await client.meter(bench.now(), {"Current.Import": "14", "Power.Active.Import": "9660"}, transaction_id)
    await bench.until(lambda: switches(bench) is False)


@pytest.mark.parametrize(
    ("told", "foreseen", "learnt"),
    [
        (1, 1, True),
        (1, 3, False),
        (1, None, None),
        (3, 1, False),
        (3, 3, None),
    ],  # all phases are used without switching
)
async def test_the_schedule_tells_where_a_car_uses_one_phase_anyway(
    bench: Bench, told: int, foreseen: int | None, learnt: bool | None
) -> None:
    client = await bench.dial()
    period: dict[str, Any] = {"startPeriod": 0, "limit": 10.0}
    if foreseen is not None:
        period["numberPhases"] = foreseen
    client.answers["GetCompositeSchedule"] = {
        "status": "Accepted",
        "connectorId": 1,
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]},
    }
    transaction_id = await charging(bench, client, 10.0, told)
    await bench.pass_time(SETTLED_S)
    asked = len(client.sent("GetCompositeSchedule"))
    await measure(bench, client, transaction_id, 10.0, 0.0, 0.0)
    await bench.until(lambda: len(client.sent("GetCompositeSchedule")) > asked)
    await bench.pass_time(1)
    assert switches(bench) is learnt
    asked = len(client.sent("GetCompositeSchedule"))
    await measure(bench, client, transaction_id, 10.0, 0.0, 0.0)
    assert len(client.sent("GetCompositeSchedule")) == asked  # once


async def test_watts_foreseen_without_a_number_of_phases_are_those_of_the_phases_told(bench: Bench) -> None:
    client = await bench.dial()
    client.configuration["ChargingScheduleAllowedChargingRateUnit"] = "Power"
    foreseen = [{"startPeriod": 0, "limit": 3680.0}, {"startPeriod": 300, "limit": 1380.0}]
    client.answers["GetCompositeSchedule"] = {
        "status": "Accepted",
        "connectorId": 1,
        "chargingSchedule": {"chargingRateUnit": "W", "chargingSchedulePeriod": foreseen},
    }
    await charging(bench, client, 16.0, 1)
    await bench.until(lambda: bench.station.state.capabilities.holds_lease is True)


async def test_what_a_station_says_of_itself_is_only_a_hint(bench: Bench) -> None:
    client = await bench.dial()
    client.configuration["ConnectorSwitch3to1PhaseSupported"] = "false"
    await charging(bench, client, 10.0, 1)
    assert bench.station.state.capabilities.phase_switching is False
    assert phases(client.profiles("TxProfile")[-1]) == [1, 1]


async def test_offered_watts_are_those_of_the_phases_told(bench: Bench) -> None:
    client = await bench.dial()
    transaction_id = await charging(bench, client, 10.0, 1)
    await client.meter(bench.now(), {"Power.Offered": "2300"}, transaction_id)
    assert bench.evse.measurement is not None
    assert bench.evse.measurement.offered_a == pytest.approx(10.0)


async def test_a_number_of_phases_that_no_station_can_use_is_refused(bench: Bench) -> None:
    with pytest.raises(ValueError, match="2"):
        bench.station.set_limit(1, 10.0, 6.0, 2)


def test_watts_in_a_schedule_are_those_of_the_phases_it_names() -> None:
    wiring = Wiring(3, 6.0, 32.0)

    def limit(told: dict[str, Any], wiring: Wiring = wiring) -> float | None:
        period = {"startPeriod": 0, "limit": 3680.0, **told}
        schedule = {"chargingRateUnit": "W", "chargingSchedulePeriod": [period]}
        return parse_composite({"chargingSchedule": schedule}, wiring).limit_at(0)

    assert limit({"numberPhases": 1}) == 16.0
    assert limit({}) == pytest.approx(16.0 / 3)
    assert limit({}, wiring.using(1)) == 16.0
    assert limit({"numberPhases": 3}, Wiring(1, 6.0, 32.0)) == 16.0  # it has no more than one


def test_what_was_learnt_of_phases_survives_a_restart() -> None:
    for follows in (True, False, None):
        learnt = Learnt(firmware="1.0", capabilities=Capabilities(switches_phases=follows))
        assert Learnt.from_json(learnt.to_json()).capabilities.switches_phases is follows


async def test_a_released_evse_is_told_nothing_until_the_next_wish(bench: Bench) -> None:
    client = await bench.dial()
    await charging(bench, client, 12.0, None)
    bench.station.release(1)
    sent = len(client.profiles())
    cleared = len(client.sent("ClearChargingProfile"))
    await bench.pass_time(400)
    await client.boot()
    await bench.pass_time(60)
    await client.close()
    again = await bench.dial()
    await again.ask("Heartbeat")
    await bench.pass_time(60)
    assert (len(client.profiles()), len(client.sent("ClearChargingProfile"))) == (sent, cleared)
    assert not again.profiles()
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: bool(again.profiles()))
    assert periods(again.profiles()[0])[0]["limit"] == 12.0


async def test_an_evse_that_is_released_before_its_station_comes_gets_no_safe_default(bench: Bench) -> None:
    bench.station.release(1)
    client = await bench.ready()
    await bench.pass_time(600)
    assert not client.profiles()
    bench.station.set_limit(1, 6.0, 6.0)
    await bench.until(lambda: bool(client.profiles("TxDefaultProfile")))
