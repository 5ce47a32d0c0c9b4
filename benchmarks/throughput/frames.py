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
    """Return MeterValues with eight samples; the register rises by 30 Wh with each number (10 s at 10.8 kW)."""

    def sample(measurand: str, value: float, unit: str, phase: str | None = None) -> dict[str, str]:
        entry = {"value": str(value), "measurand": measurand, "unit": unit, "context": "Sample.Periodic"}
        return entry if phase is None else {**entry, "phase": phase}

    stamp = datetime.fromtimestamp(START.timestamp() + 10 * number, UTC).isoformat()
    sampled = [
        sample("Energy.Active.Import.Register", 30 * number, "Wh"),
        sample("Power.Active.Import", 10800.0, "W"),
        *(sample("Current.Import", 15.7, "A", phase) for phase in ("L1", "L2", "L3")),
        *(sample("Voltage", 229.5, "V", phase) for phase in ("L1-N", "L2-N", "L3-N")),
    ]
    payload = {
        "connectorId": 1,
        "transactionId": transaction_id,
        "meterValue": [{"timestamp": stamp, "sampledValue": sampled}],
    }
    return json.dumps([2, message_id, "MeterValues", payload])
