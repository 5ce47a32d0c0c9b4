"""What stations of OCPP 1.6 do in many certification cases: authorise, charge, stop."""

from custom_components.smart_charging.engine.csms.state import StationEventType
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station import Payload, RawStation

STARTED, ENDED = StationEventType.TRANSACTION_STARTED, StationEventType.TRANSACTION_ENDED
ACCEPTED = {"status": "Accepted"}


def running(bench: Bench) -> str | None:
    """Return the transaction bound to EVSE 1."""
    transaction = bench.evse.transaction
    return None if transaction is None else transaction.transaction_id


async def say(bench: Bench, client: RawStation, status: str, connector: int = 1, **more: str) -> Payload:
    """Tell a status of now."""
    return await client.status(status, connector, timestamp=bench.now(), **more)


async def authorize(client: RawStation, tag: str = "TAG") -> Payload:
    """Ask whether a tag may charge; return what is told of it."""
    answer = await client.ask("Authorize", {"idTag": tag})
    assert answer.keys() == {"idTagInfo"}
    info: Payload = answer["idTagInfo"]
    return info


async def start(bench: Bench, client: RawStation, tag: str = "TAG", **more: object) -> int:
    """Start a transaction of now that is accepted; return its id."""
    payload = {"connectorId": 1, "idTag": tag, "meterStart": 1000, "timestamp": bench.now(), **more}
    answer = await client.ask("StartTransaction", payload)
    assert answer["idTagInfo"]["status"] == "Accepted"
    number: int = answer["transactionId"]
    return number


async def charge(bench: Bench, client: RawStation, tag: str = "TAG", **more: object) -> int:
    """Plug in and charge with a tag that is accepted; return the transaction's id."""
    assert await say(bench, client, "Preparing") == {}
    number = await start(bench, client, tag, **more)
    assert await say(bench, client, "Charging") == {}
    assert running(bench) == str(number)
    return number


async def stop(bench: Bench, client: RawStation, number: int, reason: str, **more: object) -> Payload:
    """End a transaction now."""
    payload = {"transactionId": number, "timestamp": bench.now(), "meterStop": 2000, "reason": reason, **more}
    return await client.ask("StopTransaction", payload)


def assert_ended(bench: Bench, number: int, reason: str) -> None:
    """Check that a transaction was ended once, for this reason, and that nothing runs."""
    assert running(bench) is None
    kept = bench.store.transactions[str(number)]
    assert (kept.stop_reason, kept.meter_stop_wh) == (reason, 2000)
    assert [event.transaction and event.transaction.transaction_id for event in bench.told(ENDED)] == [str(number)]
