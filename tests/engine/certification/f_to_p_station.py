"""What the tool's station of OCPP 2.0.1 does again and again before and within the cases of the blocks F to P."""

from typing import Any

from custom_components.smart_charging.engine.csms.state import StepStatus
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station import Payload
from tests.engine.csms_stations.raw_station_2 import RawStation2

TAG = "100000C01"


async def online(bench: Bench) -> RawStation2:
    """Connect and boot a station of two EVSEs, wait for its set-up and forget what that asked."""
    client = RawStation2()
    bench.clients.append(client)
    await client.connect(bench.port)
    await reboot(bench, client, "PowerUp")
    for evse in (1, 2):
        await tell_status(bench, client, "Available", evse)
    client.calls.clear()
    return client


async def reboot(bench: Bench, client: RawStation2, reason: str, **more: str) -> None:
    """Boot on the same socket, be accepted, and wait for the set-up."""
    assert (await client.boot(reason, **more))["status"] == "Accepted"
    await bench.until(lambda: bench.station.state.setup != ())
    await bench.until(lambda: all(step.status is not StepStatus.PENDING for step in bench.station.state.setup))


async def tell_event(bench: Bench, client: RawStation2, component: Payload, variable: str, **event: Any) -> None:
    """Send a NotifyEvent of one event, which has an empty answer."""
    data = {
        "eventId": 1,
        "timestamp": bench.now(),
        "trigger": "Delta",
        "eventNotificationType": "CustomMonitor",
        "component": component,
        "variable": {"name": variable},
        **event,
    }
    assert await client.ask("NotifyEvent", {"generatedAt": bench.now(), "seqNo": 0, "eventData": [data]}) == {}


async def tell_status(bench: Bench, client: RawStation2, status: str, evse: int = 1) -> None:
    """Tell the state of an EVSE's connector in both ways, each of which has an empty answer."""
    assert await client.connector(status, bench.now(), evse) == {}
    place = {"name": "Connector", "evse": {"id": evse, "connectorId": 1}}
    await tell_event(bench, client, place, "AvailabilityState", actualValue=status)


async def authorize(client: RawStation2) -> None:
    """Present the tag, which may charge."""
    answer = await client.ask("Authorize", {"idToken": {"idToken": TAG, "type": "ISO14443"}})
    assert answer["idTokenInfo"]["status"] == "Accepted"


async def charge(bench: Bench, client: RawStation2, evse: int = 1) -> None:
    """Present a tag, plug a car in and charge it in the transaction tx-1."""
    await authorize(client)
    started = await client.event("Started", bench.now(), reason="Authorized", evse=evse, token=TAG, energy=0.0)
    assert started["idTokenInfo"]["status"] == "Accepted"
    await tell_status(bench, client, "Occupied", evse)
    assert await client.event("Updated", bench.now(), evse=evse, chargingState="EVConnected") == {}
    await go_on(bench, client, evse)


async def go_on(bench: Bench, client: RawStation2, evse: int = 1) -> None:
    """Let energy flow."""
    told = await client.event(
        "Updated", bench.now(), reason="ChargingStateChanged", evse=evse, chargingState="Charging"
    )
    assert told == {}
    transaction = bench.station.state.evses[evse].transaction
    assert transaction is not None
    assert transaction.transaction_id == "tx-1"


async def stop(bench: Bench, client: RawStation2, evse: int = 1) -> None:
    """Present the tag again, unplug the car and end the transaction."""
    stopped = await client.event(
        "Updated", bench.now(), reason="StopAuthorized", evse=evse, token=TAG, chargingState="EVConnected"
    )
    assert stopped["idTokenInfo"]["status"] == "Accepted"
    await tell_status(bench, client, "Available", evse)
    ended = await client.event(
        "Ended",
        bench.now(),
        reason="EVCommunicationLost",
        evse=evse,
        energy=1000.0,
        context="Transaction.End",
        chargingState="Idle",
        stoppedReason="EVDisconnected",
    )
    assert ended == {}
    assert bench.station.state.evses[evse].transaction is None
    assert bench.store.transactions["tx-1"].stopped_at is not None
