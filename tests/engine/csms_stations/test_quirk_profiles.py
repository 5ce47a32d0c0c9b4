"""Stations that take or obey limits only if led by what is known of their kind, over a real socket."""

from collections.abc import Callable

import pytest

from custom_components.smart_charging.engine.csms.state import Obedience
from simulator.ocpp.quirks import Quirks as Habits
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station import Payload, RawStation
from tests.engine.csms_stations.test_quirks import pair

UNKNOWN = ("Acme", "One", "1.0")
ABB = ("ABB", "CDT_TACW22::NET_WIFI", "TAC3Z9119006710273::V1.8.32")
OLD_WALLBOX = ("Wall Box Chargers", "PLP1-0-2-4", "4.11.0")
WALLBOX = ("Wall Box Chargers", "PLP1-0-2-4", "5.17.67")
EASEE = ("Easee", "Charge", "328")
GO_E = ("go-e GmbH", "go-eCharger V4", "056.8")
AUTEL = ("Autel", "MaxiChargerAC", "PFA0102|V0.00.00|V1.38.00")
HUAWEI = ("", "ACChargePoint", "1.0")
GRIZZLE = ("United Chargers Inc.", "GRS-", "05.653")
HALO = ("Charge Amps AB", "HALO", "140")
NECHARGE = ("NEcharge", "Pro", "1.0")
MICRO_OCPP = ("My company name", "My Charging Station", "1.2.0")

type Told = tuple[str, str, str]


async def booted(bench: Bench, told: Told, client: RawStation | None = None) -> RawStation:
    """Connect a station that announces this, and wait for the end of its set-up."""
    client = client or await bench.dial()
    vendor, model, firmware = told
    await client.boot(chargePointVendor=vendor, chargePointModel=model, firmwareVersion=firmware)
    await bench.until(lambda: bench.station.state.setup != ())
    for _ in range(100):
        if all(step.status != "pending" for step in bench.station.state.setup):
            return client
        await bench.pass_time(0.5)
    raise AssertionError(bench.station.state.setup)


async def charging(bench: Bench, told: Told, client: RawStation | None = None) -> RawStation:
    """Connect a station that charges since a while."""
    client = await booted(bench, told, client)
    await client.start(bench.now())
    await bench.pass_time(20)
    return client


def kind(profile: Payload) -> str:
    return str(profile["chargingProfileKind"])


def unit(profile: Payload) -> str:
    return str(profile["chargingSchedule"]["chargingRateUnit"])


def first_limit(profile: Payload) -> float:
    return float(profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"])


# What a station refuses is not tried where it is known

PICKY: dict[str, tuple[Told, Callable[[Payload], bool]]] = {
    "level 0 only, whatever it claims": (ABB, lambda p: p["stackLevel"] == 0),
    "level 0 only, before firmware 6": (WALLBOX, lambda p: p["stackLevel"] == 0),
    "Relative profiles only": (OLD_WALLBOX, lambda p: kind(p) == "Relative" and p["stackLevel"] == 0),
    "W only, whatever it claims": (HUAWEI, lambda p: unit(p) == "W"),
    "W only though a schedule in A is told": (MICRO_OCPP, lambda p: unit(p) == "W"),
}


@pytest.mark.parametrize(("told", "likes"), PICKY.values(), ids=PICKY)
@pytest.mark.parametrize("known", [False, True])
async def test_a_known_station_is_sent_only_what_it_takes(
    bench: Bench, told: Told, likes: Callable[[Payload], bool], known: bool
) -> None:
    client = await bench.dial()
    refused: list[Payload] = []

    def answer(payload: Payload) -> Payload:
        profile = payload["csChargingProfiles"]
        if not likes(profile):
            refused.append(profile)
        return {"status": "Accepted" if likes(profile) else "Rejected"}

    client.answers["SetChargingProfile"] = answer
    await charging(bench, told if known else UNKNOWN, client)
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.current_a == 12.0)
    assert (not refused) is known


NEVER: dict[str, tuple[Told, Callable[[Payload], bool]]] = {
    "Relative profiles at an Easee": (EASEE, lambda p: kind(p) == "Relative"),
    "Relative profiles at a MaxiCharger": (AUTEL, lambda p: kind(p) == "Relative"),
    "limits of a whole Halo": (HALO, lambda p: p["chargingProfilePurpose"] == "ChargePointMaxProfile"),
    "limits of a whole Grizzl-E": (GRIZZLE, lambda p: p["chargingProfilePurpose"] == "ChargePointMaxProfile"),
    "a TxDefaultProfile in a transaction at a Huawei": (
        HUAWEI,
        lambda p: p["chargingProfilePurpose"] != "TxProfile" and first_limit(p) == 12.0 * 230 * 3,
    ),
}


@pytest.mark.parametrize(("told", "bad"), NEVER.values(), ids=NEVER)
@pytest.mark.parametrize("known", [False, True])
async def test_what_harms_a_known_station_is_never_sent(
    bench: Bench, told: Told, bad: Callable[[Payload], bool], known: bool
) -> None:
    client = await bench.dial()
    client.answers["SetChargingProfile"] = {"status": "Rejected"}
    await charging(bench, told if known else UNKNOWN, client)
    bench.station.set_limit(1, 12.0, 6.0)
    for _ in range(100):
        if bench.evse.obedience is Obedience.REJECTS:
            break
        await bench.pass_time(1)
    assert bench.evse.obedience is Obedience.REJECTS
    assert any(map(bad, client.profiles())) is not known


@pytest.mark.parametrize(("told", "sent"), [(UNKNOWN, "W"), (GO_E, "A")])
async def test_a_station_that_ignores_the_unit_it_names_is_told_the_other(bench: Bench, told: Told, sent: str) -> None:
    client = await bench.dial()
    client.configuration["ChargingScheduleAllowedChargingRateUnit"] = "Power"
    await charging(bench, told, client)
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: bool(client.profiles("TxProfile")))
    assert {unit(profile) for profile in client.profiles()} == {sent}


@pytest.mark.parametrize(("told", "sent_a"), [(UNKNOWN, 12.9), (NECHARGE, 10.0)])
async def test_a_current_between_two_steps_is_rounded_down_before_it_is_sent(
    bench: Bench, told: Told, sent_a: float
) -> None:
    client = await bench.dial()
    bench.station.set_limit(1, 12.9, 6.0)  # before it told what it is
    await charging(bench, told, client)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.current_a == sent_a)
    assert first_limit(client.profiles("TxProfile")[-1]) == sent_a


# Limits of 0


@pytest.mark.parametrize(("told", "harmed"), [(UNKNOWN, True), (HUAWEI, False)])
@pytest.mark.parametrize("safe_a", [0.0, 6.0])
async def test_no_limit_of_0_is_stored_beyond_a_transaction(
    bench: Bench, told: Told, harmed: bool, safe_a: float
) -> None:
    client = await bench.dial()
    bench.station.set_limit(1, 0.0, safe_a)
    await booted(bench, told, client)
    await bench.pass_time(5)
    zeros = [p for p in client.profiles() for q in p["chargingSchedule"]["chargingSchedulePeriod"] if q["limit"] == 0]
    assert bool(zeros) is harmed
    assert client.profiles()


@pytest.mark.parametrize("told", [HUAWEI, NECHARGE])
async def test_a_station_that_charges_in_a_transaction_nobody_knows_is_held_at_0(bench: Bench, told: Told) -> None:
    client = await booted(bench, told)
    bench.station.set_limit(1, 0.0, 0.0)
    await bench.pass_time(5)
    assert 0.0 not in map(first_limit, client.profiles())
    await client.status("Charging", timestamp=bench.now())
    await client.meter(bench.now(), {"Current.Import": "16"}, transaction_id=4711)
    await bench.until(lambda: first_limit(client.profiles()[-1]) == 0.0)


ENDS_AT_ZERO = Habits(ends_transaction_below_minimum=True)


@pytest.mark.parametrize("vendor", ["EN+", "NEcharge"])
async def test_a_pause_that_would_end_the_transaction_is_made_in_good_order(vendor: str, socket_enabled: None) -> None:
    async with pair(ENDS_AT_ZERO, vendor=vendor) as it:
        it.limit(10.0)
        await it.pass_time(15)
        it.plug()
        await it.until(lambda: abs(it.drawn_a - 10.0) < 0.1, 60)
        it.limit(0.0)
        await it.until(lambda: it.evse.transaction is None, 30)
        assert [stop.reason for stop in it.store.stops] == ["Remote"]
        await it.pass_time(60)
        it.limit(8.0)
        await it.until(lambda: abs(it.drawn_a - 8.0) < 0.1, 60)
        assert {tx.id_token for tx in it.store.transactions.values()} == {"FREEVEND"}
        it.limit(0.0, 0.0)  # also where nothing is safe
        await it.until(lambda: it.evse.transaction is None, 30)
        it.site.stations["CP1"].plug(False)
        await it.pass_time(5)
        it.limit(8.0)
        await it.pass_time(70)
        it.plug()  # the next car begins on its own
        await it.until(lambda: abs(it.drawn_a - 8.0) < 0.1, 60)


async def test_without_the_data_such_a_pause_ends_the_charge_for_good(socket_enabled: None) -> None:
    async with pair(ENDS_AT_ZERO) as it:
        it.limit(10.0)
        await it.pass_time(15)
        it.plug()
        await it.until(lambda: abs(it.drawn_a - 10.0) < 0.1, 60)
        it.limit(0.0)
        await it.until(lambda: it.evse.transaction is None, 60)
        assert [stop.reason for stop in it.store.stops] == ["Other"]
        it.limit(8.0)
        await it.pass_time(120)
        assert it.drawn_a == 0


async def test_a_station_that_refuses_the_stop_is_held_at_0_all_the_same(bench: Bench) -> None:
    client = await charging(bench, NECHARGE)
    client.answers["RemoteStopTransaction"] = {"status": "Rejected"}
    bench.station.set_limit(1, 0.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.current_a == 0.0)
    assert first_limit(client.profiles("TxProfile")[-1]) == 0.0
    assert len(client.sent("RemoteStopTransaction")) == 1


async def test_a_station_that_accepts_the_stop_and_goes_on_is_held_at_0(bench: Bench) -> None:
    client = await charging(bench, NECHARGE)
    bench.station.set_limit(1, 0.0, 6.0)
    await bench.until(lambda: bool(client.sent("RemoteStopTransaction")))
    await bench.pass_time(5)
    assert not client.profiles("TxProfile")
    await bench.pass_time(12)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.current_a == 0.0)


async def test_a_pause_shows_as_0_while_the_station_rests_at_its_minimum(bench: Bench) -> None:
    client = await booted(bench, NECHARGE)

    def shown_a() -> float | None:
        return None if bench.evse.applied is None else bench.evse.applied.current_a

    for wished_a, expected_a in ((0.0, 0.0), (6.0, 6.0), (0.0, 0.0), (8.0, 8.0), (0.0, 0.0)):
        bench.station.set_limit(1, wished_a, 6.0)
        await bench.until(lambda expected_a=expected_a: shown_a() == expected_a)
        await bench.pass_time(20)
        assert shown_a() == expected_a
    assert 0 not in {
        period["limit"] for p in client.profiles() for period in p["chargingSchedule"]["chargingSchedulePeriod"]
    }


async def test_a_start_after_a_pause_is_tried_again_until_it_has_an_effect(bench: Bench) -> None:
    client = await booted(bench, NECHARGE)
    number = int((await client.start(bench.now(), tag="DRIVER"))["transactionId"])
    await client.status("Charging", timestamp=bench.now())
    bench.station.set_limit(1, 0.0, 6.0)
    await bench.until(lambda: bool(client.sent("RemoteStopTransaction")))
    await client.stop(number, bench.now())
    await client.status("Finishing", timestamp=bench.now())
    await bench.pass_time(30)
    client.answers["RemoteStartTransaction"] = {"status": "Rejected"}
    bench.station.set_limit(1, 8.0, 6.0)
    await bench.until(lambda: len(client.sent("RemoteStartTransaction")) == 1)
    await bench.pass_time(50)
    assert len(client.sent("RemoteStartTransaction")) == 1
    await bench.pass_time(15)
    await bench.until(lambda: client.sent("RemoteStartTransaction")[1:] == [{"connectorId": 1, "idTag": "DRIVER"}])
    await client.status("Available", timestamp=bench.now())
    await bench.pass_time(200)
    assert len(client.sent("RemoteStartTransaction")) == 2


@pytest.mark.parametrize(("told", "resumed"), [(UNKNOWN, False), (GO_E, True)])
async def test_a_limit_that_a_station_misses_when_it_resumes_is_sent_once_more(
    bench: Bench, told: Told, resumed: bool
) -> None:
    client = await charging(bench, told)
    held: list[float] = [16.0]

    def answer(payload: Payload) -> Payload:
        limit_a = first_limit(payload["csChargingProfiles"])
        held.append(limit_a)
        missed = len(held) > 1 and held[-2] == 0 and limit_a > 0
        if missed:
            held[-1] = 0.001  # it has heard of it, and still gives nothing
        return {"status": "Accepted"}

    client.answers["SetChargingProfile"] = answer
    bench.station.set_limit(1, 0.0, 6.0)
    await bench.until(lambda: held[-1] == 0.0)
    await bench.pass_time(130)
    assert held[1:] == [0.0, 0.0]  # renewed once, as ever
    bench.station.set_limit(1, 10.0, 6.0)
    await bench.until(lambda: held[-1] > 0)
    await bench.pass_time(20)
    assert (held[-1] == 10.0) is resumed
    sent = len(held)
    await bench.pass_time(30)
    assert len(held) == sent  # once is enough


@pytest.mark.parametrize(("told", "wait_s"), [(UNKNOWN, 10), (EASEE, 60)])
async def test_raises_are_rarer_where_each_is_written_to_flash(bench: Bench, told: Told, wait_s: int) -> None:
    client = await charging(bench, told)

    def told_a() -> float:
        return first_limit(client.profiles("TxProfile")[-1])

    for amps in (8.0, 10.0):
        bench.station.set_limit(1, amps, 6.0)
        await bench.until(lambda amps=amps: bool(client.profiles("TxProfile")) and told_a() == amps)
    bench.station.set_limit(1, 14.0, 6.0)
    await bench.pass_time(wait_s - 2)
    assert told_a() == 10.0
    await bench.pass_time(3)
    await bench.until(lambda: told_a() == 14.0)
    bench.station.set_limit(1, 7.0, 6.0)  # what protects a fuse does not wait
    await bench.until(lambda: told_a() == 7.0)


@pytest.mark.parametrize(("told", "verdict"), [(UNKNOWN, Obedience.IGNORES), (WALLBOX, Obedience.UNKNOWN)])
async def test_an_offer_that_lies_is_no_disobedience(bench: Bench, told: Told, verdict: Obedience) -> None:
    client = await charging(bench, told)
    bench.station.set_limit(1, 7.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None)
    await bench.pass_time(40)
    await client.meter(bench.now(), {"Current.Offered": "11", "Current.Import": "0"})
    await bench.pass_time(1)
    assert bench.evse.obedience is verdict
    assert (bench.evse.measurement.offered_a is None) is (verdict is Obedience.UNKNOWN)
