"""One transaction of a virtual station of OCPP 2.0.1, told in the steps that many certification cases share."""

from typing import Any

from custom_components.smart_charging.engine.csms.state import EvseState, StationEventType
from custom_components.smart_charging.engine.model import EvseStatus, Transaction
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station import Payload
from tests.engine.csms_stations.raw_station_2 import RawStation2

ACCEPTED: Payload = {"status": "Accepted"}


async def connector_is(bench: Bench, client: RawStation2, status: str, evse: int = 1) -> None:
    """Tell a connector's state by both messages of 2.0.1, which are acknowledged with nothing in them."""
    assert await client.connector(status, bench.now(), evse) == {}
    event = {
        "eventId": 1,
        "timestamp": bench.now(),
        "trigger": "Delta",
        "actualValue": status,
        "eventNotificationType": "HardWiredNotification",
        "component": {"name": "Connector", "evse": {"id": evse, "connectorId": 1}},
        "variable": {"name": "AvailabilityState"},
    }
    assert await client.ask("NotifyEvent", {"generatedAt": bench.now(), "seqNo": 0, "eventData": [event]}) == {}


async def token_info(client: RawStation2, token: str = "TAG", kind: str = "ISO14443") -> Payload:
    """Ask whether a token may charge; return what is told of it."""
    answer = await client.ask("Authorize", {"idToken": {"idToken": token, "type": kind}})
    assert answer.keys() == {"idTokenInfo"}
    info: Payload = answer["idTokenInfo"]
    return info


class Session:
    """A transaction at one EVSE; what a step demands of the central system is asserted in it."""

    def __init__(self, bench: Bench, client: RawStation2, tx: str = "tx-1", evse: int = 1, token: str = "TAG") -> None:
        self.bench = bench
        self.client = client
        self.tx = tx
        self.evse_id = evse
        self.token = token
        self.begun = False

    @property
    def evse(self) -> EvseState:
        return self.bench.station.state.evses[self.evse_id]

    @property
    def kept(self) -> Transaction:
        return self.bench.store.transactions[self.tx]

    async def tell(self, trigger: str, state: str | None = None, *, kind: str | None = None, **more: Any) -> Payload:
        """Send the next event, by itself the first as Started and others as Updated."""
        if state is not None:
            more["chargingState"] = state
        kind = kind or ("Updated" if self.begun else "Started")
        if not self.begun:
            more.setdefault("evse", self.evse_id)
        self.begun = True
        return await self.client.event(kind, self.bench.now(), tx=self.tx, reason=trigger, **more)

    async def authorize(self) -> None:
        """Present the token, which is accepted, and tell of it in the transaction."""
        assert (await token_info(self.client, self.token))["status"] == "Accepted"
        answer = await self.tell("Authorized", token=self.token)
        assert answer["idTokenInfo"]["status"] == "Accepted"
        assert self.running

    async def plug_in(self) -> None:
        """Connect the car."""
        await connector_is(self.bench, self.client, "Occupied", self.evse_id)
        assert await self.tell("CablePluggedIn", "EVConnected") == {}
        assert self.evse.status is EvseStatus.PREPARING

    async def charge(self) -> None:
        """Let energy flow."""
        assert await self.tell("ChargingStateChanged", "Charging", energy=1000.0) == {}
        assert self.evse.status is EvseStatus.CHARGING
        assert self.running

    async def start(self) -> None:
        """Charge with a token, the cable first."""
        await self.plug_in()
        await self.authorize()
        await self.charge()

    async def suspend(self) -> None:
        """Let the car pause."""
        assert await self.tell("ChargingStateChanged", "SuspendedEV", energy=1800.0) == {}
        assert self.evse.status is EvseStatus.SUSPENDED_EV

    async def authorize_stop(self, token: str | None = None) -> Payload:
        """Present a token to end the charging; return what is told of it in the transaction."""
        assert (await token_info(self.client, token or self.token))["status"] == "Accepted"
        answer = await self.tell("StopAuthorized", token=token or self.token, energy=1900.0)
        info: Payload = answer["idTokenInfo"]
        assert info["status"] == "Accepted"
        assert self.running
        return info

    async def cut_power(self) -> None:
        """Stop the flow of energy while the car stays."""
        assert await self.tell("ChargingStateChanged", "EVConnected", energy=1900.0) == {}
        assert self.evse.status is EvseStatus.PREPARING

    async def end(self, trigger: str, state: str | None = None, **more: Any) -> Payload:
        """Send the event that ends the transaction."""
        return await self.tell(trigger, state, kind="Ended", **{"energy": 2000.0, **more})

    @property
    def running(self) -> bool:
        """Return whether this transaction is the one that is bound to the EVSE."""
        return self.evse.transaction is not None and self.evse.transaction.transaction_id == self.tx

    def assert_ended(self, reason: str, meter_stop_wh: int | None = 2000) -> None:
        """Check that the transaction was ended once, kept with its reason and register, and is bound no more."""
        kept = self.kept
        assert kept.stopped_at is not None
        assert (kept.evse_id, kept.stop_reason, kept.meter_stop_wh) == (self.evse_id, reason, meter_stop_wh)
        assert self.evse.transaction is None
        ended = self.bench.told(StationEventType.TRANSACTION_ENDED)
        assert [one.transaction.transaction_id for one in ended if one.transaction].count(self.tx) == 1
