"""All live signals of a moment as one demand for each thing that can be limited: the most restrictive counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
import math

from ..limit import LimitUnit, OwnPower
from ..model import NOMINAL_VOLTAGE_V, EvseKey
from .signal import SignalKind, SignalScope, SignalUnit
from .source_state import Claim, ClaimReason


class Direction(StrEnum):
    """Which way the power flows that is limited."""

    IMPORT = "import"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class GridConnection:
    """What values in A and % are counted by: phases, A of the fuse, and W of all PV that is installed.

    `power_w` is what was agreed for the connection, None where that is what the fuse carries. `evse_phases` is how
    many phases an EVSE loads, 3 where nothing is said.
    """

    fuse_a: float
    phases: int = 3
    power_w: float | None = None
    installed_pv_w: float = 0.0
    evse_phases: Mapping[EvseKey, int] = field(default_factory=dict)

    @property
    def full_w(self) -> float:
        """Return what the connection carries."""
        fuse_w = self.fuse_a * self.phases * NOMINAL_VOLTAGE_V
        return fuse_w if self.power_w is None else min(fuse_w, self.power_w)

    def watts(self, amperes: float, evse: EvseKey | None = None) -> float:
        """Return A on each phase of the connection or of an EVSE as W over all of them."""
        phases = self.phases if evse is None else min(self.phases, self.evse_phases.get(evse, 3))
        return amperes * phases * NOMINAL_VOLTAGE_V


@dataclass(frozen=True, slots=True)
class Target:
    """What is limited: demands on the same target compare by their values.

    A and W of the same scope stay apart: an ampere limit holds on each phase, which no limit in W says.
    """

    direction: Direction
    scope: SignalScope
    unit: LimitUnit
    own_power: OwnPower = OwnPower.NOT_COUNTED
    evse: EvseKey | None = None

    def __str__(self) -> str:
        """Return a name that stays the same: `import/controllable/W/after_other_load`."""
        parts = [self.direction, self.scope, self.unit, self.own_power]
        return "/".join([*parts, *([] if self.evse is None else [str(self.evse)])])


@dataclass(frozen=True, slots=True)
class Demand:
    """The most restrictive signal on a target: value in the target's unit, and who asks for it.

    `value_w` is what it comes to in W; `of_unknown` tells that it is a percentage of a PV power that nobody told, which
    counts as 0 W. `others` are the sources that ask for more or as much. `raw` is what was received.
    """

    target: Target
    value: float
    value_w: float
    source_id: str
    kind: SignalKind
    why: ClaimReason
    binding: bool
    received_at: datetime
    until: datetime | None
    raw: str
    release_s: float
    others: tuple[str, ...] = ()
    of_unknown: bool = False


@dataclass(frozen=True, slots=True)
class PriceLevel:
    """The highest level of price that is told now, and by whom."""

    level: float
    source_id: str
    until: datetime | None


def merge(claims: Iterable[Claim], connection: GridConnection, now: datetime) -> tuple[Demand, ...]:
    """Return the demands that hold now, in the order of their targets' names; the order of claims does not matter."""
    found: dict[Target, list[Demand]] = {}
    for claim in claims:
        demand = _demand(claim, connection) if claim.signal.live(now) else None
        if demand is not None:
            found.setdefault(demand.target, []).append(demand)
    merged = [_most_restrictive(demands) for demands in found.values()]
    return tuple(sorted(merged, key=lambda one: str(one.target)))


def price_level(claims: Iterable[Claim], now: datetime) -> PriceLevel | None:
    """Return the highest price level of now, None where nobody tells one."""
    told = [
        PriceLevel(one.signal.value or 0.0, one.signal.source_id, one.signal.valid_until)
        for one in claims
        if one.signal.kind is SignalKind.PRICE_LEVEL and one.signal.live(now)
    ]
    return max(told, key=lambda one: (one.level, one.source_id), default=None)


def full_value(target: Target, connection: GridConnection, controllable_w: float) -> float:
    """Return where a limit on a target ceases to bind, in its unit; `controllable_w` is the power of all such devices."""
    if target.unit is LimitUnit.AMPERE:
        return connection.fuse_a
    if target.direction is Direction.EXPORT:
        return max(connection.installed_pv_w, connection.full_w)
    if target.scope is SignalScope.CONTROLLABLE and controllable_w > 0:
        return min(controllable_w, connection.full_w)
    return connection.full_w


def _most_restrictive(demands: list[Demand]) -> Demand:
    """Return the tightest; of equal ones the binding one, then the one that lasts longest, then by names."""

    def rank(one: Demand) -> tuple[float | str, ...]:
        lasts_s = -math.inf if one.until is None else -one.until.timestamp()
        names = (one.source_id, one.kind, one.why, one.raw)
        return one.value, not one.binding, lasts_s, *names, one.received_at.timestamp(), one.release_s

    first = min(demands, key=rank)
    others = sorted({one.source_id for one in demands} - {first.source_id})
    return replace(first, others=tuple(others))


def _demand(claim: Claim, connection: GridConnection) -> Demand | None:
    signal = claim.signal
    if signal.kind is SignalKind.PRICE_LEVEL or signal.unit is SignalUnit.LEVEL:
        return None
    direction = Direction.EXPORT if signal.kind is SignalKind.EXPORT_LIMIT else Direction.IMPORT
    unit = LimitUnit.AMPERE if signal.unit is SignalUnit.AMPERE else LimitUnit.WATT
    counts = direction is Direction.IMPORT and signal.scope is SignalScope.CONTROLLABLE
    own_power = claim.own_power if counts else OwnPower.NOT_COUNTED
    value = signal.value or 0.0  # a block lets nothing flow
    of_unknown = False
    if signal.unit is SignalUnit.PERCENT:
        whole_w = connection.installed_pv_w if direction is Direction.EXPORT else connection.full_w
        of_unknown = value > 0 and whole_w <= 0
        value = value / 100 * whole_w
    value_w = value if unit is LimitUnit.WATT else connection.watts(value, signal.evse)
    return Demand(
        target=Target(direction, signal.scope, unit, own_power, signal.evse),
        value=value,
        value_w=value_w,
        source_id=signal.source_id,
        kind=signal.kind,
        why=claim.why,
        binding=signal.binding,
        received_at=signal.received_at,
        until=signal.valid_until,
        raw=signal.raw,
        release_s=claim.release_s if direction is Direction.IMPORT else 0.0,
        of_unknown=of_unknown,
    )
