"""Stations that refuse, ignore or forget limits, over a real socket."""

from typing import Any

from custom_components.smart_charging.engine.csms.state import Obedience, ProfileForm
from custom_components.smart_charging.engine.model import Json
from tests.engine.csms_stations.conftest import CONFIG, Bench
from tests.engine.csms_stations.raw_station import Payload, RawStation


def refuse(client: RawStation, accept: Any) -> None:
    """Make a station accept only the profiles that this predicate likes."""

    def answer(payload: Payload) -> Payload:
        return {"status": "Accepted" if accept(payload["csChargingProfiles"]) else "Rejected"}

    client.answers["SetChargingProfile"] = answer


def limits(profile: Payload) -> list[tuple[int, float]]:
    return [(p["startPeriod"], p["limit"]) for p in profile["chargingSchedule"]["chargingSchedulePeriod"]]


def dynamic(client: RawStation) -> list[Payload]:
    """Return the profiles that are no safe default."""
    return [p for p in client.profiles() if limits(p) != [(0, 6.0)]]


async def charging(bench: Bench, client: RawStation) -> int:
    await bench.ready(client)
    return int((await client.start(bench.now()))["transactionId"])


async def test_an_old_wallbox_ends_up_with_relative_profiles_at_level_zero(bench: Bench) -> None:
    client = await bench.dial()
    refuse(client, lambda p: p["stackLevel"] == 0 and p["chargingProfileKind"] == "Relative")
    await charging(bench, client)
    await bench.pass_time(100)
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None)
    profile = client.profiles()[-1]
    assert (profile["stackLevel"], profile["chargingProfileKind"]) == (0, "Relative")
    assert limits(profile) == [(0, 12.0), (400, 6.0)]
    assert bench.evse.obedience is Obedience.UNKNOWN
    sent = len(client.profiles())
    bench.station.set_limit(1, 10.0, 6.0)
    await bench.until(lambda: bench.evse.applied.current_a == 10.0)
    assert len(client.profiles()) == sent + 1


async def test_what_works_is_remembered_over_a_restart(bench: Bench) -> None:
    client = await bench.dial()
    refuse(client, lambda p: p["chargingSchedule"]["chargingRateUnit"] == "W")
    await charging(bench, client)
    await bench.pass_time(20)
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None)
    await bench.csms.remove_station("CP1")
    await client.close()
    await bench.csms.add_station(CONFIG)
    again = await bench.dial()
    refuse(again, lambda p: p["chargingSchedule"]["chargingRateUnit"] == "W")
    await again.status("Charging", timestamp=bench.now())
    bench.station.set_limit(1, 10.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.current_a == 10.0)
    assert [p["chargingSchedule"]["chargingRateUnit"] for p in again.profiles("TxProfile")] == ["W"]
    assert limits(again.profiles("TxProfile")[0])[0] == (0, 6900.0)


async def test_refusals_of_a_transaction_just_begun_are_not_remembered(bench: Bench) -> None:
    client = await bench.dial()
    refuse(client, lambda p: p["chargingProfilePurpose"] != "TxProfile")
    bench.station.set_limit(1, 12.0, 6.0)
    await charging(bench, client)
    await bench.until(lambda: bool(client.profiles("TxProfile")) and bench.evse.transaction is not None)
    await bench.until(lambda: client.profiles()[-1]["chargingProfilePurpose"] == "TxDefaultProfile")
    refuse(client, lambda _: True)
    await bench.pass_time(121)
    await bench.until(lambda: client.profiles()[-1]["chargingProfilePurpose"] == "TxProfile")


async def test_a_purpose_that_is_never_taken_is_left_out_until_another_firmware(bench: Bench) -> None:
    client = await bench.dial()
    refuse(client, lambda p: p["chargingProfilePurpose"] != "TxProfile")
    await charging(bench, client)
    await bench.pass_time(20)
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: bench.station.state.capabilities.purposes_rejected == {"TxProfile"})
    assert bench.store.learnt["CP1"]["purposes_rejected"] == ["TxProfile"]
    refuse(client, lambda _: True)
    tried = len(client.profiles("TxProfile"))
    await bench.ready(client)
    bench.station.set_limit(1, 10.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.current_a == 10.0)
    assert len(client.profiles("TxProfile")) == tried
    await client.boot(firmwareVersion="2.0")
    await bench.until(lambda: len(client.profiles("TxProfile")) > tried)
    assert bench.station.state.capabilities.purposes_rejected == frozenset()


async def test_what_a_station_refuses_without_a_car_is_not_held_against_it(bench: Bench) -> None:
    client = await bench.dial()
    refuse(client, lambda p: p["chargingProfilePurpose"] == "ChargePointMaxProfile")
    await bench.ready(client)
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None)
    assert bench.station.state.capabilities.purposes_rejected == frozenset()


async def test_a_refused_station_is_asked_again_after_a_boot(bench: Bench) -> None:
    client = await bench.dial()
    refuse(client, lambda _: False)
    await bench.ready(client)
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: bench.evse.obedience is Obedience.REJECTS)
    refuse(client, lambda _: True)
    await client.boot()
    await bench.until(lambda: bench.evse.applied is not None)
    assert bench.evse.obedience is Obedience.UNKNOWN


async def test_boot_reconnect_and_nothing_else_assert_the_limit_again(bench: Bench) -> None:
    client = await bench.ready()
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: len(dynamic(client)) == 1)
    await client.boot()
    await bench.until(lambda: len(dynamic(client)) == 2)
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.pass_time(30)
    assert len(dynamic(client)) == 2
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    again = await bench.dial()
    await again.ask("Heartbeat")
    await bench.until(lambda: len(dynamic(again)) == 1)
    assert len(again.profiles()) == 1  # the default was written before


async def test_a_station_that_falls_silent_after_its_reconnect_is_told_its_limit_after_ten_seconds(
    bench: Bench,
) -> None:
    client = await bench.ready()
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: len(dynamic(client)) == 1)
    await client.close()
    again = await bench.dial()
    await bench.until(lambda: bench.station.state.connected)
    await bench.pass_time(9)
    assert not again.profiles()
    await bench.pass_time(2)
    await bench.until(lambda: len(dynamic(again)) == 1)


async def test_more_current_than_the_limit_is_seen_and_another_way_is_tried_once(bench: Bench) -> None:
    client = await bench.dial()
    transaction_id = await charging(bench, client)
    bench.station.set_limit(1, 10.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None)
    await bench.pass_time(35)
    await client.meter(bench.now(), {"Current.Import": "16", "Power.Active.Import": "11040"}, transaction_id)
    await bench.until(lambda: bench.evse.obedience is Obedience.IGNORES)
    await bench.until(lambda: len(client.profiles("TxProfile")) == 2)
    assert [p["stackLevel"] for p in client.profiles("TxProfile")] == [8, 7]
    assert client.sent("ClearChargingProfile") == [{"id": client.profiles("TxProfile")[0]["chargingProfileId"]}]
    await bench.pass_time(35)
    await client.meter(bench.now(), {"Current.Import": "16", "Power.Active.Import": "11040"}, transaction_id)
    await bench.pass_time(1)
    assert len(client.sent("ClearChargingProfile")) == 1
    await client.meter(bench.now(), {"Current.Import": "9.8", "Power.Active.Import": "6800"}, transaction_id)
    await bench.until(lambda: bench.evse.obedience is Obedience.OBEYS)


async def test_an_offer_that_follows_shows_obedience(bench: Bench) -> None:
    client = await bench.dial()
    transaction_id = await charging(bench, client)
    bench.station.set_limit(1, 10.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None)
    await bench.pass_time(10)
    await client.meter(bench.now(), {"Current.Offered": "10.0"}, transaction_id)
    await bench.until(lambda: bench.evse.obedience is Obedience.OBEYS)


def composite(*periods: tuple[int, float]) -> Payload:
    return {
        "status": "Accepted",
        "connectorId": 1,
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": start, "limit": limit} for start, limit in periods],
        },
    }


async def test_schedule_is_asked_where_no_offer_is_measured(bench: Bench) -> None:
    client = await bench.dial()
    client.answers["GetCompositeSchedule"] = composite((0, 16.0))
    transaction_id = await charging(bench, client)
    bench.station.set_limit(1, 10.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None)
    await bench.pass_time(35)
    await client.meter(bench.now(), {"Power.Active.Import": "500"}, transaction_id)
    await bench.until(lambda: bench.evse.obedience is Obedience.IGNORES)


async def test_lease_is_seen_to_hold_in_the_schedule_that_the_station_foresees(bench: Bench) -> None:
    client = await bench.dial()
    client.answers["GetCompositeSchedule"] = composite((0, 16.0), (300, 6.0))
    await charging(bench, client)
    bench.station.set_limit(1, 16.0, 6.0)
    await bench.until(lambda: bench.station.state.capabilities.holds_lease is True)
    assert client.sent("GetCompositeSchedule") == [{"connectorId": 1, "duration": 360, "chargingRateUnit": "A"}]
    await bench.pass_time(130)
    assert len(client.sent("GetCompositeSchedule")) == 1  # once per form and firmware


async def test_a_form_of_lease_that_does_not_end_is_left_for_the_next(bench: Bench) -> None:
    client = await bench.dial()

    def foresee(_payload: Payload) -> Payload:
        lasting = "validTo" not in client.profiles("TxProfile")[-1]
        return composite((0, 16.0)) if lasting else composite((0, 16.0), (300, 6.0))

    client.answers["GetCompositeSchedule"] = foresee
    await charging(bench, client)
    bench.station.set_limit(1, 16.0, 6.0)
    await bench.until(lambda: bench.station.state.capabilities.profile_form is ProfileForm.VALID_TO)
    await bench.until(lambda: bench.station.state.capabilities.holds_lease is True)
    held: Json = bench.store.learnt["CP1"]["held"]
    assert held == {"two_periods": False, "relative_two_periods": False, "valid_to": True}


async def test_a_station_that_holds_no_lease_is_shown_so(bench: Bench) -> None:
    client = await bench.dial()
    shown: list[bool | None] = []

    def foresee(_payload: Payload) -> Payload:
        shown.append(bench.station.state.capabilities.holds_lease)
        return composite((0, 16.0))

    client.answers["GetCompositeSchedule"] = foresee
    await charging(bench, client)
    bench.station.set_limit(1, 16.0, 6.0)
    await bench.until(lambda: bench.station.state.capabilities.holds_lease is False)
    assert shown == [None, None, None]  # not before the last form was tried
    assert bench.evse.applied is not None


async def test_a_station_that_takes_no_other_form_than_one_that_never_ends_is_shown_so(bench: Bench) -> None:
    client = await bench.dial()
    refuse(client, lambda p: p["chargingProfileKind"] == "Absolute" and "validTo" not in p)
    client.answers["GetCompositeSchedule"] = composite((0, 16.0))
    await charging(bench, client)
    await bench.pass_time(20)
    bench.station.set_limit(1, 16.0, 6.0)
    await bench.until(lambda: bench.station.state.capabilities.holds_lease is False)
    assert len(client.sent("GetCompositeSchedule")) == 1
    assert bench.evse.applied is not None
    assert bench.evse.applied.current_a == 16.0


async def test_readings_queued_in_an_outage_show_a_lease_that_did_not_end(bench: Bench) -> None:
    client = await bench.dial()
    transaction_id = await charging(bench, client)
    bench.station.set_limit(1, 16.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None)
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    await bench.pass_time(600)
    again = await bench.dial()
    await again.meter(bench.now(-200), {"Current.Import": "16", "Power.Active.Import": "11040"}, transaction_id)
    await bench.until(lambda: bench.store.learnt["CP1"]["held"] == {"two_periods": False})
    await bench.until(lambda: bench.station.state.capabilities.profile_form is ProfileForm.RELATIVE_TWO_PERIODS)
    assert bench.station.state.capabilities.holds_lease is None  # the next form may


async def test_readings_queued_in_an_outage_show_a_lease_that_ended(bench: Bench) -> None:
    client = await bench.dial()
    transaction_id = await charging(bench, client)
    bench.station.set_limit(1, 16.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None)
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    await bench.pass_time(600)
    again = await bench.dial()
    await again.meter(bench.now(-290), {"Current.Import": "6", "Power.Active.Import": "4140"}, transaction_id)
    assert bench.station.state.capabilities.holds_lease is None  # it may not have followed yet
    await again.meter(bench.now(-200), {"Current.Import": "6", "Power.Active.Import": "4140"}, transaction_id)
    await bench.until(lambda: bench.station.state.capabilities.holds_lease is True)


async def test_another_safe_current_is_written_into_the_default(bench: Bench) -> None:
    client = await bench.ready()
    bench.station.set_limit(1, 10.0, 8.0)
    await bench.until(lambda: [(0, 8.0)] in [limits(p) for p in client.profiles()])
    assert client.profiles()[0]["chargingProfileId"] == next(
        p["chargingProfileId"] for p in client.profiles() if limits(p) == [(0, 8.0)]
    )


async def test_a_station_with_one_level_keeps_default_and_lease_in_one_profile(bench: Bench) -> None:
    client = await bench.dial()
    client.configuration["ChargeProfileMaxStackLevel"] = "0"
    await bench.ready(client)
    bench.station.set_limit(1, 10.0, 6.0)
    await bench.until(lambda: len(client.profiles()) == 2)
    assert len({p["chargingProfileId"] for p in client.profiles()}) == 1
    assert limits(client.profiles()[-1]) == [(0, 10.0), (360, 6.0)]
    bench.station.set_limit(1, 10.0, 8.0)
    await bench.until(lambda: limits(client.profiles()[-1]) == [(0, 10.0), (360, 8.0)] and len(client.profiles()) >= 4)


async def test_an_unanswered_profile_is_sent_again(bench: Bench) -> None:
    client = await bench.ready()
    client.answers["SetChargingProfile"] = lambda _: None
    bench.station.set_limit(1, 10.0, 6.0)
    await bench.until(lambda: len(client.profiles()) == 2)
    client.answers["SetChargingProfile"] = {"status": "Accepted"}
    await bench.pass_time(31)
    assert bench.evse.applied is None
    await bench.pass_time(10)
    await bench.until(lambda: bench.evse.applied is not None)
    assert client.profiles()[1]["chargingProfileId"] == client.profiles()[2]["chargingProfileId"]


async def test_schedules_follow_the_station_s_own_clock(bench: Bench) -> None:
    client = await bench.ready()
    for _ in range(3):
        await client.status("Available", timestamp=bench.now(-600))
        await bench.pass_time(10)
    assert bench.station.state.clock_offset_s == -600
    bench.station.set_limit(1, 10.0, 6.0)
    await bench.until(lambda: len(client.profiles()) == 2)
    assert client.profiles()[-1]["chargingSchedule"]["startSchedule"] == "2026-06-01T09:49:30.000Z"


async def test_an_idle_station_that_draws_nothing_proves_no_obedience(bench: Bench) -> None:
    client = await bench.dial()
    transaction_id = await charging(bench, client)
    bench.station.set_limit(1, 8.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None)
    await bench.pass_time(35)
    await client.meter(bench.now(), {"Current.Import": "16"}, transaction_id)
    await bench.until(lambda: bench.evse.obedience is Obedience.IGNORES)
    await client.stop(transaction_id, bench.now())
    bench.station.set_limit(1, 0.0, 6.0)
    await bench.until(lambda: bench.evse.applied.current_a == 0.0)
    await bench.pass_time(40)
    await client.meter(bench.now(), {"Current.Import": "0"})
    await bench.pass_time(1)
    assert bench.evse.obedience is Obedience.IGNORES


async def test_an_acceptance_time_stays_while_the_limit_is_only_renewed(bench: Bench) -> None:
    await bench.ready()
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None)
    first = bench.evse.applied
    assert first is not None
    await bench.pass_time(125)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.until > first.until)
    assert bench.evse.applied is not None
    assert bench.evse.applied.accepted_at == first.accepted_at
