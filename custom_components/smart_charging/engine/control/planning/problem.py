"""What a plan is made from, and the plan: values in W, Wh and money per kWh, one per slot of time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from ...limit import ROOT_CIRCUIT

SLOT = timedelta(minutes=15)
MONEY_PER_WH = 1e-3  # prices are per kWh
EFFICIENCY = 0.95  # of a battery with its inverter, in either direction, where nobody measured it
PENALTY = 10.0  # money per missing kWh: beside prices of less than 1 it comes before all of them
OVER_LIMIT = 5.0  # times what a missing kWh counts, per kWh above a limit of the connection: that comes before all else


@dataclass(frozen=True, slots=True)
class Target:
    """Energy that a car is to have taken before a slot begins, in Wh from the plan's start on.

    Each kWh that is missing then counts `penalty` (money). A car that has more than that already may have given back
    `spare_wh` by then. ValueError for a slot before the first.
    """

    energy_wh: float
    before_slot: int
    penalty: float = PENALTY
    spare_wh: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no plan can mean."""
        if self.before_slot < 0 or self.energy_wh < 0 or self.spare_wh < 0:
            raise ValueError("a target is energy still to come")


@dataclass(frozen=True, slots=True)
class PlannedCar:
    """A car at an EVSE, or expected there, and what it may do.

    `present` says by slot whether it is there, `charges` whether it may charge then where that is not the same. `max_w` is the most it takes, `amps_per_w` what a W of it
    puts on each grid phase. It takes no more than `room_wh`, of which each kWh beyond its targets is worth `worth`
    (money): at higher prices it takes none. With `max_discharge_w` it gives back, but never more than `stored_wh` and
    what it took, both as at the charger: of that arrives what `discharge_efficiency` leaves. Each kWh of it costs `wear`,
    and it covers what the house takes from the grid alone, but where it `can_sell`. `overhead_w` is lost in the car while it charges, whatever its power: energies are what is left of it.
    `min_w` is the least it charges with.
    """

    car_id: str
    present: tuple[bool, ...]
    max_w: float
    room_wh: float
    targets: tuple[Target, ...] = ()
    worth: float = 0.0
    min_w: float = 0.0
    overhead_w: float = 0.0
    amps_per_w: tuple[float, float, float] = (0.0, 0.0, 0.0)
    circuit_id: str = ROOT_CIRCUIT
    max_discharge_w: float = 0.0
    stored_wh: float = 0.0
    discharge_efficiency: float = 0.9
    wear: float = 0.0
    can_sell: bool = False
    charges: tuple[bool, ...] = ()

    @property
    def delivered(self) -> float:
        """Return the share of what it takes at its most that is left beside `overhead_w`; a tenth at the least."""
        return 1.0 - min(self.overhead_w / self.max_w, 0.9) if self.max_w > 0 else 1.0


@dataclass(frozen=True, slots=True)
class PlannedBattery:
    """A battery between the slots; `worth` is money per kWh that is in it at the end, `wear` per kWh discharged.

    `can_buy` is False where nobody can make it charge from the grid: it takes surplus only.
    """

    battery_id: str
    capacity_wh: float
    stored_wh: float
    max_charge_w: float
    max_discharge_w: float
    least_wh: float = 0.0
    charge_efficiency: float = EFFICIENCY
    discharge_efficiency: float = EFFICIENCY
    worth: float = 0.0
    wear: float = 0.0
    can_buy: bool = True
    can_sell: bool = False


@dataclass(frozen=True, slots=True)
class PlannedCircuit:
    """A circuit's limit in A per phase and slot, beside what flows there without cars; cars are found by its members."""

    circuit_id: str
    left_a: tuple[tuple[float, float, float], ...]
    members: frozenset[str] = frozenset()  # ids of the circuits below it and of itself


@dataclass(frozen=True, slots=True)
class PeakPrice:
    """A tariff on the highest mean import of an interval: money per kW above what the month has seen."""

    price_per_kw: float
    seen_w: float
    slots_per_interval: int = 1
    offset: int = 0  # slots of the running interval that are over
    running_wh: float = 0.0  # imported in those


@dataclass(frozen=True, slots=True)
class Problem:
    """All that is known of the hours to come; every series has one value per slot.

    `import_price` and `feed_in_price` are what a kWh counts in either direction: money, or grams of CO2 in the
    same places where that is the aim. `import_limit_w` and `export_limit_w` hold for the whole connection.
    """

    start: datetime
    import_price: tuple[float, ...]
    feed_in_price: tuple[float, ...]
    pv_w: tuple[float, ...]
    base_w: tuple[float, ...]
    cars: tuple[PlannedCar, ...] = ()
    batteries: tuple[PlannedBattery, ...] = ()
    circuits: tuple[PlannedCircuit, ...] = ()
    import_limit_w: tuple[float, ...] = ()
    export_limit_w: tuple[float, ...] = ()
    controllable_limit_w: tuple[float, ...] = ()
    peak: PeakPrice | None = None
    slot: timedelta = SLOT
    first_slot: timedelta | None = None  # what is left of the running one; None for all of it

    def __post_init__(self) -> None:
        """Refuse series of different lengths."""
        lengths = {len(self.feed_in_price), len(self.pv_w), len(self.base_w)}
        optional = (self.import_limit_w, self.export_limit_w, self.controllable_limit_w)
        lengths |= {len(one) for one in optional if one} | {len(car.present) for car in self.cars}
        lengths |= {len(circuit.left_a) for circuit in self.circuits}
        lengths |= {len(car.charges) for car in self.cars if car.charges}
        if not self.import_price or lengths != {len(self.import_price)}:
            raise ValueError("every series of a plan has a value for each slot")

    @property
    def slots(self) -> int:
        """Return the number of slots."""
        return len(self.import_price)

    @property
    def over_price(self) -> float:
        """Return what a kWh above a limit of the connection counts, in money."""
        dearest = max((target.penalty for car in self.cars for target in car.targets), default=PENALTY)
        return OVER_LIMIT * max(PENALTY, dearest)

    @property
    def hours(self) -> tuple[float, ...]:
        """Return the length of each slot in hours."""
        whole = self.slot / timedelta(hours=1)
        first = whole if self.first_slot is None else self.first_slot / timedelta(hours=1)
        return (first, *(whole for _ in range(self.slots - 1)))


class PlannedBy(StrEnum):
    """What made a plan."""

    LINEAR_PROGRAMME = "linear_programme"
    GREEDY = "greedy"


@dataclass(frozen=True, slots=True)
class CarPlan:
    """What a car is to draw by slot in W (negative: to give), and what that means.

    `value` is money per kWh that one more kWh now would save or earn: up to this price it is worth buying.
    `missing_wh` is what each target, in the problem's order, will lack.
    """

    power_w: tuple[float, ...]
    value: float
    missing_wh: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class BatteryPlan:
    """What a battery is to do by slot in W (discharge > 0), its contents in Wh after each, and what a kWh in it is worth."""

    power_w: tuple[float, ...]
    stored_wh: tuple[float, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan for a problem: `grid_w` by slot (import > 0), `cost` in money for the time it reaches."""

    made_by: PlannedBy
    start: datetime
    slot: timedelta
    cars: Mapping[str, CarPlan]
    batteries: Mapping[str, BatteryPlan]
    grid_w: tuple[float, ...]
    cost: float
    peak_w: float | None = None
    over_limit_wh: float = 0.0  # what no car could have left out: the house alone
    first_slot: timedelta | None = field(default=None)


class NotPlanned(Exception):
    """No plan could be made; the text says why."""
