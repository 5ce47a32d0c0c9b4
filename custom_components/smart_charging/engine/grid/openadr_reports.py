"""Reports that OpenADR 3 events ask for: which are due, and their JSON (User Guide 3.1, section 7.5)."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from .openadr_values import Addressee, OpenAdrVersion, ReportInterval, ReportRequest

MAX_REPORTS: Final = 50  # sent after one poll; the rest follows after the next ones
LATE: Final = timedelta(days=1)  # a report of what ended longer ago is not sent any more
_AGGREGATED: Final = "AGGREGATED_REPORT"
_SCALES: Final = {"KWH": 0.001, "WH": 1.0, "MWH": 0.000001, "KW": 0.001, "W": 1.0, "MW": 0.000001}
_ENERGY: Final = frozenset({"KWH", "WH", "MWH"})
_DIGITS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What was drawn from the grid in a piece of time. None is what was not measured."""

    energy_wh: float | None = None
    mean_w: float | None = None
    peak_w: float | None = None


type Figures = Callable[[str | None, datetime, datetime], Figure | None]
"""What a resource drew from a start to an end, None while that is still to be worked out; the resource None is the site."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueReport:
    """A report to send; the key tells it from all others and stays the same until it is sent."""

    key: str
    body: dict[str, object]


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who reports, in which shape, and how often where an event leaves that open."""

    addressee: Addressee
    version: OpenAdrVersion
    interval: timedelta

    def due(
        self, requests: Iterable[ReportRequest], figures: Figures, sent: Collection[str], now: datetime
    ) -> list[DueReport]:
        """Return what is to be reported now and was not sent yet, at most `MAX_REPORTS`."""
        reports: list[DueReport] = []
        for request in requests:
            for intervals in self._batches(request, now):
                end = intervals[-1].end
                key = f"{request.event_id}/{request.index}/{end.isoformat()}"
                if end > now or end < now - LATE or key in sent:
                    continue
                if (body := self._body(request, intervals, figures)) is not None:
                    reports.append(DueReport(key=key, body=body))
                if len(reports) == MAX_REPORTS:
                    return reports
        return reports

    def _batches(self, request: ReportRequest, now: datetime) -> Iterable[Sequence[ReportInterval]]:
        """Yield what goes into one report each."""
        if not request.intervals or request.frequency == 0:
            yield from self._by_clock(request, now)
            return
        repeated = len(request.intervals) > request.turn
        first = max(0, request.start_interval) if not repeated else 0
        size = request.num_intervals if request.num_intervals > 0 else request.frequency
        if size <= 0:
            size = request.turn if repeated else len(request.intervals)
        step = request.frequency if request.frequency > 0 else size
        places = range(first, len(request.intervals), step)
        if not repeated and request.repeat >= 0:
            places = places[: request.repeat]
        for place in places:
            yield request.intervals[place : place + size]

    def _by_clock(self, request: ReportRequest, now: datetime) -> Iterable[Sequence[ReportInterval]]:
        """Yield the last whole piece of the clock, if the event held all through it."""
        epoch = datetime.fromtimestamp(0, UTC)
        end = epoch + (now - epoch) // self.interval * self.interval
        start = end - self.interval
        if (request.start is None or request.start <= start) and (request.end is None or end <= request.end):
            yield [ReportInterval(interval_id=0, start=start, end=end)]

    def _body(
        self, request: ReportRequest, intervals: Sequence[ReportInterval], figures: Figures
    ) -> dict[str, object] | None:
        """Return a report, None while one of its figures is still to come."""
        units = _units(request)
        descriptor: dict[str, object] = {
            "objectType": "REPORT_PAYLOAD_DESCRIPTOR",
            "payloadType": request.payload_type,
            "readingType": request.reading_type or "DIRECT_READ",
            "units": units,
        }
        names = sorted(self.addressee.resources)
        listed: list[tuple[str, str | None]] = [(name, name) for name in names]
        if request.aggregate or not names:
            listed = [(_AGGREGATED if request.aggregate else self.addressee.ven_name, None)]
        measured = {
            resource: [figures(resource, interval.start, interval.end) for interval in intervals]
            for _, resource in listed
        }
        if any(figure is None for each in measured.values() for figure in each):
            return None
        body: dict[str, object] = {
            "eventID": request.event_id,
            "clientName": self.addressee.ven_name,
            "reportName": f"{request.payload_type} of {self.addressee.ven_name}"[:128],
            "payloadDescriptors": [descriptor],
            "resources": [
                {
                    "resourceName": name,
                    "intervals": [
                        _interval(request, interval, units, figure)
                        for interval, figure in zip(intervals, measured[resource], strict=True)
                        if figure is not None
                    ],
                }
                for name, resource in listed
            ],
        }
        if self.version is OpenAdrVersion.V3_0_1:
            body["programID"] = request.program_id
        return body


def _units(request: ReportRequest) -> str:
    """Return the unit asked for if it fits what is asked for, else kWh or kW."""
    usage = request.payload_type == "USAGE"
    if request.units in _SCALES and (request.units in _ENERGY) == usage:
        return str(request.units)
    return "KWH" if usage else "KW"


def _interval(request: ReportRequest, interval: ReportInterval, units: str, figure: Figure) -> dict[str, object]:
    value = figure.energy_wh
    if request.payload_type != "USAGE":
        value = figure.peak_w if request.reading_type == "PEAK" else figure.mean_w
    payloads: list[dict[str, object]] = [{"type": "DATA_QUALITY", "values": ["MISSING"]}]
    if value is not None:
        # Both payload types are of what is drawn; the document allows none below 0.
        stated = round(max(0.0, value) * _SCALES[units], _DIGITS)
        payloads = [{"type": request.payload_type, "values": [stated]}]
    seconds = (interval.end - interval.start).total_seconds()
    return {
        "id": interval.interval_id,
        "intervalPeriod": {
            "start": interval.start.isoformat().replace("+00:00", "Z"),
            "duration": f"PT{seconds:.6f}".rstrip("0").rstrip(".") + "S",
        },
        "payloads": payloads,
    }
