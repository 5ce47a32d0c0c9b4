"""When a station measures: sampled and clock-aligned values, within transactions and without (2.0.1 part 2 J)."""

from datetime import datetime

from simulator.ocpp.json import Json
from simulator.ocpp.meter import next_aligned

from .device_model import DeviceModel
from .evse import Evse
from .meter import Meter2
from .transaction import Transaction2, Trigger
from .transaction_events import TransactionEvents

SAMPLED, ALIGNED = "SampledDataCtrlr", "AlignedDataCtrlr"


class Sampler:
    """The measuring schedule of all EVSEs; `tick` does what is due."""

    def __init__(self, model: DeviceModel, meters: dict[int, Meter2], events: TransactionEvents) -> None:
        """Measure as the model's controllers say."""
        self._model = model
        self._meters = meters
        self._events = events
        self._updated_at: dict[str, float] = {}
        self._ended_at: dict[str, float] = {}
        self._aligned_at: datetime | None = None
        self._aligned_end_at: datetime | None = None

    def tick(self, evses: list[Evse], monotonic: float, now: datetime) -> list[tuple[int, list[Json]]]:
        """Tell what is due of transactions, and return the values of EVSEs without one, to be sent by themselves."""
        if self._model.flag(SAMPLED, "Enabled"):
            for evse in evses:
                if evse.transaction is not None:
                    self._sample(evse, evse.transaction, monotonic, now)
        return self._sample_aligned(evses, now) if self._model.flag(ALIGNED, "Enabled") else []

    def values(self, evse: Evse, context: str, now: datetime) -> list[Json]:
        """Return what the EVSE's meter shows now, of the measurands for this context."""
        aligned = context != "Sample.Periodic"
        measurands = self._model.items(*((ALIGNED, "Measurands") if aligned else (SAMPLED, "TxUpdatedMeasurands")))
        return self._meters[evse.evse_id].value(measurands, context, now)

    def _sample(self, evse: Evse, transaction: Transaction2, monotonic: float, now: datetime) -> None:
        name = transaction.transaction_id
        if self._due(self._updated_at, name, self._model.integer(SAMPLED, "TxUpdatedInterval"), monotonic):
            values = self.values(evse, "Sample.Periodic", now)
            self._events.updated(evse, Trigger.METER_VALUE_PERIODIC, values)
        if self._due(self._ended_at, name, self._model.integer(SAMPLED, "TxEndedInterval"), monotonic):
            measurands = self._model.items(SAMPLED, "TxEndedMeasurands")
            transaction.samples += self._meters[evse.evse_id].value(measurands, "Sample.Periodic", now)

    @staticmethod
    def _due(times: dict[str, float], name: str, interval_s: int, monotonic: float) -> bool:
        if interval_s == 0:
            return False
        due = min(times.setdefault(name, monotonic + interval_s), monotonic + interval_s)
        if monotonic < due:
            times[name] = due
            return False
        times[name] = due + interval_s if due + interval_s > monotonic else monotonic + interval_s
        return True

    def _sample_aligned(self, evses: list[Evse], now: datetime) -> list[tuple[int, list[Json]]]:
        alone: list[tuple[int, list[Json]]] = []
        due, self._aligned_at = _aligned(self._aligned_at, self._model.integer(ALIGNED, "Interval"), now)
        ended, self._aligned_end_at = _aligned(
            self._aligned_end_at, self._model.integer(ALIGNED, "TxEndedInterval"), now
        )
        for evse in evses:
            values = self.values(evse, "Sample.Clock", now) if due else []
            if evse.transaction is not None:
                if values:
                    self._events.updated(evse, Trigger.METER_VALUE_CLOCK, values)
                if ended:
                    measurands = self._model.items(ALIGNED, "TxEndedMeasurands")
                    evse.transaction.samples += self._meters[evse.evse_id].value(measurands, "Sample.Clock", now)
            elif values:
                alone.append((evse.evse_id, values))
        # SendDuringIdle means: only while nobody charges anywhere.
        charging = any(evse.transaction is not None for evse in evses)
        return [] if charging and self._model.flag(ALIGNED, "SendDuringIdle") else alone


def _aligned(planned: datetime | None, interval_s: int, now: datetime) -> tuple[bool, datetime | None]:
    """Return whether a clock-aligned value is due, and when the next one is."""
    if interval_s == 0:
        return False, None
    if planned is None:
        return False, next_aligned(now, interval_s)
    return (True, next_aligned(now, interval_s)) if now >= planned else (False, planned)
