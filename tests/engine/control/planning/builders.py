"""Small problems, random ones, and what a plan of them is worth, counted apart from the planner."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from custom_components.smart_charging.engine.control.planning.problem import (
    Plan,
    PlannedBattery,
    PlannedCar,
    PlannedCircuit,
    Problem,
    Target,
)

START = datetime(2026, 11, 27, 17, tzinfo=UTC)
THREE_PHASES = (1 / 690, 1 / 690, 1 / 690)


def car(slots: int, *targets: Target, **changes: object) -> PlannedCar:
    """Return a car of three phases that is there all the time."""
    fields: dict[str, object] = {
        "car_id": "car",
        "present": (True,) * slots,
        "max_w": 11_000.0,
        "room_wh": 60_000.0,
        "targets": targets,
        "amps_per_w": THREE_PHASES,
    }
    return PlannedCar(**(fields | changes))  # type: ignore[arg-type]  # named by the test


def problem(*prices: float, **changes: object) -> Problem:
    """Return the problem of an idle house with these prices, and nothing paid for what flows out."""
    slots = len(prices)
    fields: dict[str, object] = {
        "start": START,
        "import_price": prices,
        "feed_in_price": (0.0,) * slots,
        "pv_w": (0.0,) * slots,
        "base_w": (0.0,) * slots,
    }
    return Problem(**(fields | changes))  # type: ignore[arg-type]  # named by the test


@st.composite
def one_car_problems(draw: st.DrawFn) -> Problem:
    """Return a problem with one car, no battery and whatever else may be."""
    slots = draw(st.integers(2, 40))

    def series(low: float, high: float) -> tuple[float, ...]:
        return tuple(
            draw(st.lists(st.floats(low, high).map(lambda one: round(one, 3)), min_size=slots, max_size=slots))
        )

    arrival = draw(st.integers(0, slots - 1))
    departure = draw(st.integers(arrival + 1, slots))
    ends = sorted(draw(st.lists(st.integers(0, slots), max_size=3)))
    energies = sorted(draw(st.lists(st.floats(0, 40_000), min_size=len(ends), max_size=len(ends))))
    limit = draw(st.sampled_from([(), (4_000.0,) * slots, (9_000.0,) * slots]))
    return problem(
        *series(-0.2, 0.5),
        feed_in_price=series(-0.1, 0.2),
        pv_w=series(0, 8_000),
        base_w=series(0, 4_000),
        cars=(
            car(
                slots,
                *(Target(energy, end) for energy, end in zip(energies, ends, strict=True)),
                present=tuple(arrival <= slot < departure for slot in range(slots)),
                room_wh=max([*energies, 0.0]) + draw(st.floats(0, 20_000)),
                worth=draw(st.sampled_from([0.0, 0.1, 0.3])),
                overhead_w=draw(st.sampled_from([0.0, 200.0])),
            ),
        ),
        circuits=(PlannedCircuit("", ((draw(st.sampled_from([8.0, 16.0, 40.0])),) * 3,) * slots, frozenset({""})),),
        import_limit_w=limit,
    )


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Return a problem with several cars and perhaps a battery."""
    first = draw(one_car_problems())
    more = tuple(
        car(
            first.slots,
            Target(draw(st.floats(0, 20_000)), draw(st.integers(0, first.slots))),
            car_id=f"car {number}",
            max_w=draw(st.sampled_from([3_680.0, 7_360.0])),
            amps_per_w=(1 / 230, 0.0, 0.0),
        )
        for number in range(draw(st.integers(0, 2)))
    )
    battery = PlannedBattery(
        "battery", 10_000.0, draw(st.floats(0, 10_000)), 5_000.0, 5_000.0, worth=draw(st.floats(0, 0.3))
    )
    batteries = draw(st.sampled_from([(), (battery,)]))
    return problem(
        *first.import_price,
        feed_in_price=first.feed_in_price,
        pv_w=first.pv_w,
        base_w=first.base_w,
        cars=first.cars + more,
        circuits=first.circuits,
        import_limit_w=first.import_limit_w,
        batteries=batteries,
    )


def worth(posed: Problem, plan: Plan) -> float:
    """Return what a plan costs in all: energy, what is missing, and less what is left in cars and batteries."""
    total = posed.over_price * plan.over_limit_wh
    for slot, flow in enumerate(plan.grid_w):
        buy = posed.import_price[slot]
        sell = min(buy, posed.feed_in_price[slot])
        total += (buy if flow > 0 else sell) * flow * posed.hours[slot]
    for one in posed.cars:
        led = plan.cars[one.car_id]
        part = 1.0 - one.overhead_w / one.max_w
        total += sum(lack * target.penalty for lack, target in zip(led.missing_wh, one.targets, strict=True))
        total -= one.worth * part * sum(power * hours for power, hours in zip(led.power_w, posed.hours, strict=True))
    for battery in posed.batteries:
        total -= battery.worth * plan.batteries[battery.battery_id].stored_wh[-1]
    return total / 1000.0
