"""From the socket to stays: aligned values, queues, restarts and signatures, as stations send them."""

import base64
from datetime import timedelta
from decimal import Decimal
import json

import pytest

from custom_components.smart_charging.engine.signed_values import marks_of
from custom_components.smart_charging.engine.stays import stays_of
from custom_components.smart_charging.engine.usage import SignedMark, Stay
from tests.engine.stays.ocmf import Meter
from tests.engine.transaction_traps.chargers import Charger16
from tests.engine.transaction_traps.conftest import Place

METER = Meter()
TAG = "04A1B2C3D4E5F6"


async def stays(place: Place) -> tuple[Stay, ...]:
    """Return the stays of the one session there is, with their signatures checked."""
    await place.settled()
    (session,) = await place.records.sessions()
    record = await place.records.session_record(session.session_id)
    assert record is not None
    return stays_of(record, marks=marks_of(record), now=place.clock.now())


async def test_clock_aligned_values_of_a_queue_divide_a_stay_exactly(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(-3600), 10_000, offline=True)
    for seconds, register in ((-2700, 10_811), (-1800, 12_345), (-900, 14_001)):
        reading = charger.energy(register, context="Sample.Clock")
        await charger.sample(tx, place.now(seconds), reading, offline=True)
    await charger.stop(tx, place.now(-600), 14_002, offline=True)
    (stay,) = await stays(place)
    assert [one.energy_wh for one in stay.intervals] == [811, 1534, 1656, 1]
    assert [one.charging for one in stay.intervals] == [True, True, True, False]
    assert stay.ended_at - stay.started_at == timedelta(minutes=50)
    assert (stay.offline, stay.clock_off) == (True, False)


async def test_a_queue_that_comes_after_the_present_tells_when_energy_flowed(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(-2700), 10_000, offline=True)
    await charger.meter(tx, place.now(), 16_000)
    await charger.meter(tx, place.now(-900), 14_000, offline=True)
    await charger.meter(tx, place.now(-1800), 14_000, offline=True)
    (stay,) = await stays(place)
    assert [one.energy_wh for one in stay.intervals] == [4000, 0, 2000]


async def test_a_station_whose_clock_is_an_hour_behind_is_read_by_ours(place: Place, version: str) -> None:
    charger = await place.ready(version)
    for _ in range(4):
        await place.pass_time(10)
        await charger.status("Preparing", place.now(-3600))
    begun = place.clock.now()
    tx = await charger.start(place.now(-3600), 10_000)
    await place.pass_time(30)
    await charger.meter(tx, place.now(-3600), 10_100)
    await place.pass_time(30)
    await charger.stop(tx, place.now(-3600), 10_300)
    (stay,) = await stays(place)
    assert stay.clock_off
    assert begun <= stay.started_at < begun + timedelta(seconds=5)
    assert stay.ended_at >= begun + timedelta(seconds=60)
    assert stay.energy_wh == 300


def wrapped_16(text: str) -> dict[str, str]:
    """Return signed data as the Open Charge Alliance has it in OCPP 1.6: the object of 2.0.1 as a text."""
    data = base64.b64encode(text.encode()).decode()
    told = {"signedMeterData": data, "signingMethod": "", "encodingMethod": "OCMF", "publicKey": METER.key}
    return {"value": json.dumps(told), "format": "SignedData"}


def plain_16(text: str) -> dict[str, str]:
    return {"value": text, "format": "SignedData"}


async def test_begin_and_end_that_a_station_of_1_6_signs_are_kept_and_checked(place: Place) -> None:
    charger = await place.ready_16()
    await charger.status("Charging", place.now())
    tx = await charger.start(place.now(), 7000, tag=TAG)
    await charger.sample(tx, place.now(), {**plain_16(METER.sign("7.000", tag=TAG)), "context": "Transaction.Begin"})
    await place.pass_time(90)
    end = {**wrapped_16(METER.sign("8.234", tag=TAG)), "context": "Transaction.End"}
    payload = {"transactionId": int(tx), "timestamp": place.now(), "meterStop": 8234}
    data = [{"timestamp": place.now(), "sampledValue": [end]}]
    for _ in range(2):  # a repetition changes nothing
        await charger.raw.ask("StopTransaction", payload | {"transactionData": data})
    (stay,) = await stays(place)
    assert (stay.signed, stay.energy_wh) == (SignedMark.VERIFIED, Decimal(1234))
    (kept,) = (await place.records.signed_values(stay.session_id)).values()
    assert [one.value.context for one in kept] == ["Transaction.Begin", "Transaction.End"]
    assert kept[1].value.data == end["value"]
    assert place.station.state.dropped_values == 0


@pytest.mark.parametrize(("register", "mark"), [("8.234", SignedMark.VERIFIED), ("8.235", SignedMark.INVALID)])
async def test_what_a_station_of_2_0_1_signs_beside_its_values_is_kept_and_checked(
    place: Place, register: str, mark: SignedMark
) -> None:
    charger = await place.ready_2("2.0.1")

    def sample(wh: float, text: str, context: str) -> dict[str, object]:
        data = base64.b64encode(text.encode()).decode()
        signed = {"signedMeterData": data, "signingMethod": "", "encodingMethod": "OCMF", "publicKey": METER.key}
        return {"value": wh, "context": context, "signedMeterValue": signed}

    begin = sample(7000, METER.sign("7.000", tag=TAG), "Transaction.Begin")
    token = {"idToken": TAG, "type": "ISO14443"}
    evse = {"id": 1, "connectorId": 1}
    await charger.event("Started", place.now(), "a", samples=(begin,), reason="Authorized", evse=evse, idToken=token)
    await place.pass_time(90)
    end = sample(8234, METER.sign("8.234", tag=TAG).replace("8.234", register), "Transaction.End")
    await charger.event("Ended", place.now(), "a", samples=(end,), reason="EVDeparted")
    (stay,) = await stays(place)
    assert (stay.signed, stay.energy_wh) == (mark, Decimal(1234))
    assert len((await place.records.signed_values(stay.session_id))["a"]) == 2


async def test_what_is_signed_alone_makes_no_old_reading_look_new(place: Place) -> None:
    charger = await place.ready_16()
    assert isinstance(charger, Charger16)
    tx = await charger.start(place.now(), 7000)
    await charger.sample(tx, place.now(), charger.reading("Power.Active.Import", "7000", "W"))
    assert place.evse.measurement is not None
    measured_at = place.evse.measurement.time
    await place.pass_time(60)
    await charger.sample(tx, place.now(), plain_16(METER.sign("7.100")))
    assert place.evse.measurement is not None
    assert place.evse.measurement.time == measured_at
    assert place.running() == tx


async def test_nothing_of_what_is_signed_is_logged(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    charger = await place.ready_16()
    tx = await charger.start(place.now(), 7000, tag=TAG)
    await charger.sample(tx, place.now(), plain_16(METER.sign("7.000", tag=TAG)), plain_16("OCMF|{"))
    await stays(place)
    assert TAG not in caplog.text
