"""Short ways to say what a station announces."""

from datetime import UTC, datetime, timedelta

from custom_components.smart_charging.engine.model import (
    EvseKey,
    Measurand,
    MeterValue,
    SampledValue,
    TransactionStart,
    TransactionStop,
)

T0 = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
EVSE = EvseKey("CP1", 1)


def after(seconds: float) -> datetime:
    """Return the time this many seconds after the tests' begin."""
    return T0 + timedelta(seconds=seconds)


def register(seconds: float, wh: float) -> MeterValue:
    """Return a reading of the energy register."""
    return MeterValue(after(seconds), (SampledValue(Measurand.ENERGY_IMPORT_REGISTER, wh),))


def started(
    seconds: float = 0,
    *,
    key: EvseKey = EVSE,
    token: str = "TAG1",
    meter_wh: int = 1000,
    received: float | None = None,
) -> TransactionStart:
    """Return the announcement of a transaction's start, heard of at once unless said."""
    at = after(seconds)
    heard = at if received is None else after(received)
    return TransactionStart(key.station_id, key.evse_id, token, at, meter_wh, heard)


def stopped(
    transaction_id: str,
    seconds: float,
    meter_wh: int | None,
    *,
    station_id: str = "CP1",
    reason: str | None = "Local",
    values: tuple[MeterValue, ...] = (),
) -> TransactionStop:
    """Return the announcement of a transaction's end."""
    at = after(seconds)
    return TransactionStop(station_id, transaction_id, at, meter_wh, reason, "TAG1", at, values)
