"""The frames that the load generator sends: the same for every server."""

from datetime import UTC, datetime
import json

START = datetime.now(UTC).replace(microsecond=0)


def boot(message_id: str) -> str:
    """Return a BootNotification."""
    payload = {"chargePointVendor": "Bench", "chargePointModel": "Load", "firmwareVersion": "1"}
    return json.dumps([2, message_id, "BootNotification", payload])


def start_transaction(message_id: str) -> str:
    """Return a StartTransaction on connector 1 from register 0."""
    payload = {"connectorId": 1, "idTag": "BENCH", "meterStart": 0, "timestamp": START.isoformat()}
    return json.dumps([2, message_id, "StartTransaction", payload])


def meter_values(message_id: str, transaction_id: int, number: int) -> str:
    """Return MeterValues with eight samples; the register rises by 30 Wh with each number (10 s at 10.8 kW).

    The load generator must cost little beside the server that is measured: only what differs is written anew.
    """
    stamp = datetime.fromtimestamp(START.timestamp() + 10 * number, UTC).isoformat()
    return _METER_VALUES % (message_id, transaction_id, stamp, 30 * number)


def _template() -> str:
    """Return MeterValues with places for id, transaction, time and register."""

    def sample(measurand: str, value: float | str, unit: str, phase: str | None = None) -> dict[str, str]:
        entry = {
            "value": value if isinstance(value, str) else str(value),
            "measurand": measurand,
            "unit": unit,
            "context": "Sample.Periodic",
        }
        return entry if phase is None else {**entry, "phase": phase}

    sampled = [
        sample("Energy.Active.Import.Register", "%d", "Wh"),
        sample("Power.Active.Import", 10800.0, "W"),
        *(sample("Current.Import", 15.7, "A", phase) for phase in ("L1", "L2", "L3")),
        *(sample("Voltage", 229.5, "V", phase) for phase in ("L1-N", "L2-N", "L3-N")),
    ]
    payload = {
        "connectorId": 1,
        "transactionId": "%d",
        "meterValue": [{"timestamp": "%s", "sampledValue": sampled}],
    }
    return json.dumps([2, "%s", "MeterValues", payload]).replace('"transactionId": "%d"', '"transactionId": %d')


_METER_VALUES = _template()
