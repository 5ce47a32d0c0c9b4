"""Events of an OpenADR 3 server as JSON, written for a test, and what is read from them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from custom_components.smart_charging.engine.grid.openadr_events import read_events
from custom_components.smart_charging.engine.grid.openadr_values import Addressee, EventReading
from custom_components.smart_charging.engine.model import EvseKey
from tests.engine.grid.vtn import period

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
EVSE = EvseKey("garage", 1)
SITE = Addressee(ven_name="home", resources={"wallbox": EVSE, "house": None})
HOUR = timedelta(hours=1)


def at(hour: float) -> datetime:
    return datetime(2026, 6, 1, tzinfo=UTC) + timedelta(hours=hour)


def event(*intervals: object, **more: object) -> dict[str, Any]:
    stated = {
        "id": "event-1",
        "programID": "program-1",
        "eventName": "limit",
        "createdDateTime": "2026-06-01T09:30:00Z",
        "intervalPeriod": period("2026-06-01T10:00:00Z", "PT1H"),
        "intervals": list(intervals),
        **more,
    }
    return {name: value for name, value in stated.items() if value != "leave out"}


def read(
    *events: object, now: datetime = NOW, addressee: Addressee = SITE, programs: Any = (), draw: float = 0.0
) -> EventReading:
    return read_events(list(events), list(programs), addressee, now, lambda text: draw)


def when(reading: EventReading) -> list[tuple[datetime | None, datetime | None, float | None]]:
    return sorted(
        ((signal.valid_from, signal.valid_until, signal.value) for signal in reading.signals),
        key=lambda entry: (entry[0] or datetime.min.replace(tzinfo=UTC), entry[2] or 0),
    )


def prices(*values: object, kind: str = "PRICE", **more: object) -> dict[str, Any]:
    return {"id": 0, "payloads": [{"type": kind, "values": list(values)}], **more}
