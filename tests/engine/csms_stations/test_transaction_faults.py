"""Transactions of stations whose clocks, registers or memories are off."""

import pytest

from custom_components.smart_charging.engine.csms.station import CommandError, CommandErrorCode
from tests.engine.csms_stations.conftest import Bench


def running(bench: Bench) -> str | None:
    """Return the transaction bound to EVSE 1."""
    transaction = bench.evse.transaction
    return None if transaction is None else transaction.transaction_id


async def test_a_transaction_that_the_store_never_had_can_be_stopped(bench: Bench) -> None:
    client = await bench.ready()
    await client.status("Charging", timestamp=bench.now())
    await client.meter(bench.now(), {"Power.Active.Import": "7000"}, 4711)
    await bench.station.stop_transaction(1)
    assert client.sent("RemoteStopTransaction") == [{"transactionId": 4711}]
    await client.status("Available", timestamp=bench.now())
    with pytest.raises(CommandError) as caught:
        await bench.station.stop_transaction(1)
    assert caught.value.code is CommandErrorCode.NO_TRANSACTION


async def test_of_two_open_transactions_at_one_evse_the_older_is_closed_as_lost(bench: Bench) -> None:
    client = await bench.ready()
    old = (await client.start(bench.now(-100), meter=1000))["transactionId"]
    new = (await client.start(bench.now(), meter=1200))["transactionId"]
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    client = await bench.ready()
    await client.status("Charging", timestamp=bench.now())
    await client.meter(bench.now(), {"Power.Active.Import": "7000"}, new)
    await bench.pass_time(65)
    assert bench.store.transactions[str(old)].stopped_at is not None
    assert running(bench) == str(new)


async def test_a_register_below_zero_is_no_start(bench: Bench) -> None:
    client = await bench.ready()
    await client.meter(bench.now(), {"Energy.Active.Import.Register": "900"})
    started = await client.start(bench.now(), meter=-500)
    assert bench.store.transactions[str(started["transactionId"])].meter_start_wh == 900


async def test_a_start_by_a_clock_that_was_never_set_is_live(bench: Bench) -> None:
    client = await bench.ready()
    started = await client.start("1970-01-01T00:00:00Z")
    assert running(bench) == str(started["transactionId"])


async def test_an_evse_switched_off_while_it_charges_is_shown_so_until_it_is_switched_on(bench: Bench) -> None:
    client = await bench.ready()
    await client.start(bench.now())
    await client.status("Charging", timestamp=bench.now())
    client.answers["ChangeAvailability"] = {"status": "Scheduled"}
    await bench.station.change_availability(1, False)
    await client.status("SuspendedEV", timestamp=bench.now())
    assert not bench.evse.operative
    client.answers["ChangeAvailability"] = {"status": "Accepted"}
    await bench.station.change_availability(1, True)
    assert bench.evse.operative
