"""A station that measures without a pause: every reading is kept, the newest are shown, at a pace that costs little."""

from custom_components.smart_charging.engine.csms.shown_pace import SHOWN_AT_ONCE, SHOWN_PER_S
from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station import RawStation

MEASURED, ENDED = StationEventType.MEASURED, StationEventType.TRANSACTION_ENDED
POWER, SOC = "Power.Active.Import", "SoC"


async def flooded(bench: Bench, *, more: int = 10) -> tuple[RawStation, int]:
    """Return a station and its transaction, with so many messages of the moment not shown yet."""
    client = await bench.ready()
    await client.status("Charging", timestamp=bench.now())
    transaction: int = (await client.start(bench.now()))["transactionId"]
    for number in range(SHOWN_AT_ONCE + more):
        await client.meter(bench.now(), {POWER: str(1000 + number)}, transaction)
    return client, transaction


def power_w(bench: Bench, evse_id: int = 1) -> float | None:
    measurement = bench.station.state.evses[evse_id].measurement
    return None if measurement is None else measurement.power_w


async def test_every_message_of_a_flood_is_kept_and_answered_though_some_wait_to_be_shown(bench: Bench) -> None:
    await flooded(bench)
    assert len(bench.store.readings) == SHOWN_AT_ONCE + 10
    assert len(bench.told(MEASURED)) == SHOWN_AT_ONCE
    assert power_w(bench) == 1000 + SHOWN_AT_ONCE - 1


async def test_the_newest_of_those_that_waited_is_shown_a_moment_later(bench: Bench) -> None:
    client, transaction = await flooded(bench)
    await client.meter(bench.now(), {SOC: "61"}, transaction)
    await client.meter(bench.now(), {POWER: "7000"}, transaction)
    await bench.pass_time(1 / SHOWN_PER_S + 0.01)
    assert power_w(bench) == 7000
    assert bench.evse.measurement is not None
    assert bench.evse.measurement.soc_percent == 61
    assert len(bench.told(MEASURED)) == SHOWN_AT_ONCE + 1


async def test_a_lasting_flood_is_shown_some_times_a_second(bench: Bench) -> None:
    client, transaction = await flooded(bench, more=0)
    for number in range(200):
        await client.meter(bench.now(), {POWER: str(number)}, transaction)
        await bench.pass_time(0.05)
    assert len(bench.told(MEASURED)) - SHOWN_AT_ONCE <= 10 * SHOWN_PER_S + 1
    await bench.pass_time(0.2)
    assert power_w(bench) == 199


async def test_the_end_of_a_transaction_comes_after_its_last_readings(bench: Bench) -> None:
    client, transaction = await flooded(bench)
    await client.stop(transaction, bench.now())
    told = [event.type for event in bench.events if event.type in {MEASURED, ENDED}]
    assert told[-2:] == [MEASURED, ENDED]
    assert power_w(bench) == 1000 + SHOWN_AT_ONCE + 9


async def test_what_waits_is_shown_before_a_socket_s_end(bench: Bench) -> None:
    client, _ = await flooded(bench)
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    told = [event.type for event in bench.events]
    assert told[-2:] == [MEASURED, StationEventType.DISCONNECTED]
    assert power_w(bench) == 1000 + SHOWN_AT_ONCE + 9


async def test_readings_without_a_transaction_do_not_wait(bench: Bench) -> None:
    client, transaction = await flooded(bench)
    await client.stop(transaction, bench.now())
    before = len(bench.told(MEASURED))
    await client.meter(bench.now(), {POWER: "5"})
    assert power_w(bench) == 5
    assert len(bench.told(MEASURED)) == before + 1


async def test_readings_of_the_past_do_not_wait_and_move_nothing_back(bench: Bench) -> None:
    client, transaction = await flooded(bench)
    await client.meter(bench.now(-7000), {POWER: "3"}, transaction)
    assert power_w(bench) == 1000 + SHOWN_AT_ONCE + 9
    assert [event.live for event in bench.told(MEASURED)][-2:] == [True, False]


async def test_many_kinds_of_messages_that_wait_are_all_shown(bench: Bench) -> None:
    client, transaction = await flooded(bench, more=0)
    for number in range(40):
        values = {POWER: str(number), SOC: "50"} if number % 2 else {POWER: str(number)}
        await client.meter(bench.now(), values | {"Temperature": str(number)} if number % 3 else values, transaction)
    await bench.pass_time(1)
    assert power_w(bench) == 39
    assert bench.evse.measurement is not None
    assert bench.evse.measurement.soc_percent == 50
    assert bench.evse.status is EvseStatus.CHARGING


async def test_a_flood_at_one_evse_does_not_slow_another(bench: Bench) -> None:
    client, _ = await flooded(bench)
    other = (await client.start(bench.now(), connector=2, tag="OTHER"))["transactionId"]
    await client.meter(bench.now(), {POWER: "4321"}, other, connector=2)
    assert power_w(bench, 2) == 4321
