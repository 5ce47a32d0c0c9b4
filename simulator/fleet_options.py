"""What a fleet is told to do, and what it counts while it does it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
import math

from .ocpp.json import Json, Payload

METER_S = 10.0
RETRY_S = 5.0


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """How many stations dial where; times in s.

    `spread_s` is the time over which they come, at most a quarter of `seconds`. What was counted in the first
    `settle_s` is forgotten. With `outage` the fleet waits for the central system to go away; until it is back each
    station lets cars come and go that stay for `outage_values` samples, and the fleet ends once all of that was told.
    """

    url: str
    stations: int
    seconds: float
    prefix: str = "FLEET"
    password: str | None = None
    spread_s: float = METER_S
    settle_s: float = 0.0
    meter_s: float = METER_S
    retry_s: float = RETRY_S
    outage: bool = False
    outage_values: int = 3
    outage_meter_s: float = 1.0


@dataclass(slots=True)
class Counts:
    """What the fleet lived through; latencies in s, `served` the moments at which stations owed nothing any more."""

    connected: int = 0
    most_connected: int = 0
    boots: int = 0
    transactions: int = 0
    meter_values: int = 0
    messages: int = 0
    commands: int = 0
    errors: int = 0
    unanswered: int = 0
    given_up: int = 0
    drops: int = 0
    failed_dials: int = 0
    latencies: list[float] = field(default_factory=list)
    meter_latencies: list[float] = field(default_factory=list)
    served: list[datetime] = field(default_factory=list)

    def answered(self, action: str, seconds: float) -> None:
        """Count an answer and how long it took."""
        self.messages += 1
        self.latencies.append(seconds)
        if action == "MeterValues":
            self.meter_values += 1
            self.meter_latencies.append(seconds)

    def settle(self) -> None:
        """Forget what was counted so far, but not who is there and charges."""
        self.meter_values = self.messages = self.commands = 0
        self.errors = self.unanswered = self.given_up = self.drops = self.failed_dials = 0
        self.latencies.clear()
        self.meter_latencies.clear()

    def report(self, options: FleetOptions) -> Payload:
        """Return one line's worth of results, latencies in ms."""
        ordered, meter = sorted(self.latencies), sorted(self.meter_latencies)
        return {
            "stations": options.stations,
            "seconds": options.seconds,
            "connected": self.most_connected,
            "boots": self.boots,
            "transactions": self.transactions,
            "meter_values": self.meter_values,
            "messages": self.messages,
            "commands": self.commands,
            "errors": self.errors,
            "unanswered": self.unanswered,
            "given_up": self.given_up,
            "drops": self.drops,
            "failed_dials": self.failed_dials,
            "p50_ms": _percentile_ms(ordered, 0.5),
            "p99_ms": _percentile_ms(ordered, 0.99),
            "meter_p50_ms": _percentile_ms(meter, 0.5),
            "meter_p99_ms": _percentile_ms(meter, 0.99),
            "meter_max_ms": _percentile_ms(meter, 1.0),
            "served": len(self.served),
            "served_at": max(self.served).timestamp() if self.served else None,
        }


def _percentile_ms(ordered: Sequence[float], share: float) -> Json:
    if not ordered:
        return None
    return round(1000 * ordered[max(0, math.ceil(share * len(ordered)) - 1)], 2)
