"""Upper bounds on what may flow, whoever sets them: a fuse, a contract, the grid operator, the user."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
import math

from .model import EvseKey

ROOT_CIRCUIT = ""  # the id of the grid connection, the root of the circuit tree


class LimitSource(StrEnum):
    """What sets a bound."""

    NONE = "none"  # nothing binds
    FUSE = "fuse"
    POWER = "power"  # a circuit's own W limit
    UNBALANCE = "unbalance"
    PEAK = "peak"
    GRID_SIGNAL = "grid_signal"
    USER = "user"
    RELAY = "relay"  # a second central system
    STATION = "station"
    CABLE = "cable"
    CAR = "car"
    SURPLUS = "surplus"
    BATTERY = "battery"
    METER_STALE = "meter_stale"
    METER_LOST = "meter_lost"
    METER_ABSENT = "meter_absent"


ALL_FUSE = (LimitSource.FUSE, LimitSource.FUSE, LimitSource.FUSE)


class LimitUnit(StrEnum):
    """A per phase, or W over all phases."""

    AMPERE = "A"
    WATT = "W"


class OwnPower(StrEnum):
    """What of a site's own power, of PV and batteries, may flow on top of a limit on controllable devices.

    Section 14a EnWG limits what such devices draw from the grid, not what they draw.
    """

    NOT_COUNTED = "not_counted"  # the limit is on chargers, wherever their power comes from
    AFTER_OTHER_LOAD = "after_other_load"  # conservative: what the rest of the site leaves of it
    BEFORE_OTHER_LOAD = "before_other_load"  # wider: all of it, the rest of the site draws from the grid


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound that comes and goes; fuses and ratings are configuration, not of this type.

    It binds what flows through a circuit, or, with `controllable_only`, the sum of its chargers
    alone; with `evse` one EVSE. Where `own_power` is counted a controllable-only limit is on what chargers
    and batteries that charge draw from the grid together. Valid from `valid_from` (None: already) until
    before `valid_until` (None: until withdrawn). ValueError for a negative or non-finite value.
    """

    limit_id: str
    source: LimitSource
    value: float
    unit: LimitUnit
    circuit_id: str = ROOT_CIRCUIT
    evse: EvseKey | None = None
    controllable_only: bool = False
    own_power: OwnPower = OwnPower.NOT_COUNTED
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    params: Mapping[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is no bound."""
        if not (math.isfinite(self.value) and self.value >= 0):
            raise ValueError("a limit is a finite number of at least 0")

    def live(self, now: datetime) -> bool:
        """Return whether the limit holds at this moment."""
        begun = self.valid_from is None or now >= self.valid_from
        return begun and (self.valid_until is None or now < self.valid_until)


def without_station_ids(limit_id: str, names: Mapping[str, str]) -> str:
    """Return a limit's id with `names` in place of stations' ids, which are often serial numbers."""
    for station_id, name in names.items():
        limit_id = limit_id.replace(f"/{station_id}/", f"/{name}/")
    return limit_id
