"""Planning problems of any size: PV, a battery, a limit with a curtailment, a demand charge, panels of ten stations."""

from datetime import UTC, datetime
from math import cos, pi
from random import Random

from custom_components.smart_charging.engine.control.planning.problem import (
    PeakPrice,
    PlannedBattery,
    PlannedCar,
    PlannedCircuit,
    Problem,
    Target,
)
from custom_components.smart_charging.engine.limit import ROOT_CIRCUIT

SLOTS = 192  # 48 h
PER_DAY = 96
VOLTAGE_V = 230.0
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
PANEL = 10  # stations on one
PANEL_A = 63.0
CURTAILED = range(68, 76)  # 17 to 19 h
ONE_PHASE_A = 32.0
THREE_PHASE_A = 16.0


def site(cars: int, seed: int) -> Problem:
    """Return a site with so many cars, half of them on three phases; windows of 4 to 12 h begin at random."""
    random = Random(1000 * cars + seed)
    fuse_a = 25.0 + 12.0 * cars
    house_w = 400.0 + 150.0 * cars
    day = [0.22 + 0.08 * cos(2 * pi * (slot - 76) / PER_DAY) for slot in range(SLOTS)]
    price = tuple(level + random.uniform(-0.02, 0.02) for level in day)
    base = tuple(house_w * random.uniform(0.5, 1.5) for _ in range(SLOTS))
    limit_w = 3 * VOLTAGE_V * fuse_a
    return Problem(
        start=BEGIN,
        import_price=price,
        feed_in_price=(0.07,) * SLOTS,
        pv_w=tuple(_sun(slot) * (4_000.0 + 1_500.0 * cars) * random.uniform(0.3, 1.0) for slot in range(SLOTS)),
        base_w=base,
        cars=tuple(_car(number, cars, random) for number in range(cars)),
        batteries=(PlannedBattery("battery", 10_000.0 + 500.0 * cars, 3_000.0, 5_000.0, 5_000.0, worth=0.15),),
        circuits=_circuits(cars, fuse_a, base),
        import_limit_w=tuple(limit_w * (0.4 if slot % PER_DAY in CURTAILED else 1.0) for slot in range(SLOTS)),
        peak=PeakPrice(price_per_kw=3.4, seen_w=0.3 * limit_w),
    )


def _sun(slot: int) -> float:
    return max(0.0, -cos(2 * pi * slot / PER_DAY))


def _car(number: int, cars: int, random: Random) -> PlannedCar:
    """Return a car whose window may be cut off by the plan's end; it then needs accordingly less."""
    arrival, length = random.randrange(SLOTS - 16), random.randint(16, 48)
    leaves = min(SLOTS, arrival + length)
    three = number % 2 == 0
    max_w = VOLTAGE_V * (3 * THREE_PHASE_A if three else ONE_PHASE_A)
    phase = number // 2 % 3
    share = 1 / VOLTAGE_V
    amps = (share / 3,) * 3 if three else (share * (phase == 0), share * (phase == 1), share * (phase == 2))
    energy_wh = max_w * (leaves - arrival) / 4 * random.uniform(0.2, 0.7)
    return PlannedCar(
        car_id=f"car{number}",
        present=tuple(arrival <= slot < leaves for slot in range(SLOTS)),
        max_w=max_w,
        room_wh=energy_wh * 1.2,
        targets=(Target(energy_wh, leaves),),
        min_w=6 * VOLTAGE_V,
        overhead_w=200.0,
        amps_per_w=amps,
        circuit_id=f"panel{number // PANEL}" if cars > PANEL else ROOT_CIRCUIT,
    )


def _circuits(cars: int, fuse_a: float, base_w: tuple[float, ...]) -> tuple[PlannedCircuit, ...]:
    left = tuple((fuse_a - watts / VOLTAGE_V / 3,) * 3 for watts in base_w)
    if cars <= PANEL:
        return (PlannedCircuit(ROOT_CIRCUIT, left, frozenset({ROOT_CIRCUIT})),)
    panels = tuple(f"panel{number}" for number in range((cars + PANEL - 1) // PANEL))
    below = tuple(PlannedCircuit(name, ((PANEL_A,) * 3,) * SLOTS, frozenset({name})) for name in panels)
    return (PlannedCircuit(ROOT_CIRCUIT, left, frozenset({ROOT_CIRCUIT, *panels})), *below)
