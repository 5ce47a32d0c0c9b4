"""Writes TransactionEvents: their numbers, what is told once, and what becomes of the answers (2.0.1 part 2 E)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
import uuid

from simulator.ocpp.json import Json, Payload, mapping
from simulator.ocpp.outbox import Outbox, Outgoing

from .device_model import DeviceModel
from .evse import Evse
from .meter import Meter2, timestamp
from .options import StationOptions2
from .tokens import Judgement, Token, read_judgement
from .transaction import ChargingState, StoppedReason, Transaction2, Trigger


class Station(Protocol):
    """What is needed of the station."""

    options: StationOptions2
    outbox: Outbox
    model: DeviceModel

    @property
    def online(self) -> bool:
        """Tell whether messages go out at present."""

    def station_time(self) -> datetime:
        """Return the time by the station's own clock."""

    def judged(self, token: Token, judgement: Judgement, evse: Evse, transaction: Transaction2) -> None:
        """Hear what the central system says of a transaction's token."""


@dataclass(slots=True)
class TransactionEvents:
    """All transactions' events of one station."""

    station: Station
    meters: dict[int, Meter2]

    def started(self, evse: Evse, trigger: Trigger) -> Transaction2:
        """Begin a transaction on an EVSE and tell it."""
        authorization = evse.authorization
        transaction = Transaction2(
            transaction_id=str(uuid.uuid4()),
            evse_id=evse.evse_id,
            started=self.station.station_time(),
            token=authorization.token if authorization else None,
            group=authorization.group if authorization else None,
            remote_start_id=authorization.remote_start_id if authorization else None,
            energy_before_wh=evse.outlet.energy_wh,
        )
        if evse.reservation is not None and authorization is not None:
            transaction.reservation_id = evse.reservation.reservation_id
        evse.transaction = transaction
        transaction.state = evse.charging_state(0.0)
        measurands = self.station.model.items("SampledDataCtrlr", "TxStartedMeasurands")
        begin = self._sample(evse, measurands, "Transaction.Begin")
        self._keep_sample(transaction, evse, "Transaction.Begin")
        payload = self._event(evse, "Started", trigger, begin)
        quirks = self.station.options.quirks
        if not quirks.ended_without_started:
            for _ in range(2 if quirks.started_twice else 1):
                self._queue(evse, transaction, payload)
        return transaction

    def updated(
        self, evse: Evse, trigger: Trigger, meter_value: list[Json] | None = None, *, asked: bool = False
    ) -> None:
        """Tell an event in the running transaction."""
        if evse.transaction is not None:
            payload = self._event(evse, "Updated", trigger, meter_value or [])
            self._queue(evse, evse.transaction, payload, asked=asked)

    def ended(self, evse: Evse, trigger: Trigger, reason: StoppedReason) -> None:
        """End the transaction and tell it with the values collected for that."""
        transaction = evse.transaction
        if transaction is None:
            return
        self._keep_sample(transaction, evse, "Transaction.End")
        values = transaction.samples
        payload = self._event(evse, "Ended", trigger, values, reason)
        transaction.ended = True
        evse.transaction = None
        self._queue(evse, transaction, payload)

    def _keep_sample(self, transaction: Transaction2, evse: Evse, context: str) -> None:
        measurands = self.station.model.items("SampledDataCtrlr", "TxEndedMeasurands")
        transaction.samples += self._sample(evse, measurands, context)

    def _sample(self, evse: Evse, measurands: list[str], context: str) -> list[Json]:
        return self.meters[evse.evse_id].value(measurands, context, self.station.station_time())

    def _event(
        self, evse: Evse, kind: str, trigger: Trigger, values: list[Json], reason: StoppedReason | None = None
    ) -> Payload:
        transaction = evse.transaction
        if transaction is None:
            raise ValueError("there is no transaction")
        quirks = self.station.options.quirks
        info: Payload = {
            "transactionId": transaction.transaction_id,
            "chargingState": transaction.state,
            "timeSpentCharging": int(transaction.charging_s),
        }
        if reason is not None:
            info["stoppedReason"] = reason
        if transaction.remote_start_id is not None and not transaction.remote_start_told:
            info["remoteStartId"] = transaction.remote_start_id
            transaction.remote_start_told = True
        if transaction.mode is not None:
            info["operationMode"] = transaction.mode
        if transaction.tariff_id is not None:
            info["tariffId"] = transaction.tariff_id
        payload: Payload = {
            "eventType": kind,
            "timestamp": timestamp(self.station.station_time()),
            "triggerReason": trigger,
            "seqNo": 0 if quirks.seq_no_always_zero else transaction.seq_no,
            "transactionInfo": info,
        }
        transaction.seq_no += 1
        if transaction.state is ChargingState.CHARGING:
            payload["numberOfPhasesUsed"] = sum(1 for amperes in evse.outlet.current_a if amperes > 0)
        payload |= self._place(evse, transaction) | self._token(transaction)
        if values:
            payload["meterValue"] = values
        if not self.station.online and not quirks.never_offline:
            payload["offline"] = True
        if transaction.reservation_id is not None and kind == "Started":
            payload["reservationId"] = transaction.reservation_id
        return payload

    def _place(self, evse: Evse, transaction: Transaction2) -> Payload:
        """Write where it happens once, and once more when it is known which connector is used."""
        if transaction.connector_told or (transaction.place_told and not evse.outlet.plugged):
            return {}
        transaction.place_told = True
        transaction.connector_told = evse.outlet.plugged
        connector: Payload = {"connectorId": evse.plugged_id} if evse.outlet.plugged else {}
        return {"evse": {"id": evse.evse_id, **connector}}

    def _token(self, transaction: Transaction2) -> Payload:
        if transaction.token is None or transaction.token_told or self.station.options.quirks.no_id_token:
            return {}
        transaction.token_told = True
        return {"idToken": transaction.token.payload()}

    def _queue(self, evse: Evse, transaction: Transaction2, payload: Payload, *, asked: bool = False) -> None:
        token = transaction.token

        def answered(answer: Payload) -> None:
            if "idTokenInfo" in answer and token is not None:
                self.station.judged(token, read_judgement(mapping(answer, "idTokenInfo")), evse, transaction)

        message = Outgoing(
            "TransactionEvent", lambda: payload, answered, triggered=asked, stream=transaction.transaction_id
        )
        self.station.outbox.add(message, keep=True)
