"""A measured household on three phases and in single seconds: appliances on phases, switched within their minutes."""

from collections.abc import Iterator
from random import Random

from benchmarks.series import house_minutes

SEED = 25
VOLTAGE_V = 230.0
APPLIANCE_W = 300.0  # a change above this is one appliance on one phase
MOST_ON_PHASE_W = 5_200.0  # 22.6 A: a house that its fuse carries
NOISE = 0.01  # of the load, from second to second
NOISE_W = 15.0

type Currents = tuple[float, float, float]


def seconds(days: int) -> Iterator[Currents]:
    """Yield the house's A per phase of each second; the sum of a minute's end is the measured load."""
    random = Random(SEED)
    before = [0.0, 0.0, 0.0]
    for load_w in house_minutes(days):
        after = _next_minute(before, load_w, random)
        switched_at = [random.randrange(60) for _ in range(3)]
        for second in range(60):
            first, middle, last = (
                (after if second >= switched_at[phase] else before)[phase] * (1.0 + NOISE * random.gauss())
                + NOISE_W * random.gauss()
                for phase in range(3)
            )
            yield max(0.0, first) / VOLTAGE_V, max(0.0, middle) / VOLTAGE_V, max(0.0, last) / VOLTAGE_V
        before = after


def _next_minute(before: list[float], load_w: float, random: Random) -> list[float]:
    """Return W per phase whose sum is `load_w`, as near to the minute before as appliances allow."""
    change_w = load_w - sum(before)
    after = list(before)
    if abs(change_w) < APPLIANCE_W:
        scale = load_w / sum(before) if sum(before) > 0 else 0.0
        after = [power * scale for power in before] if scale else [load_w / 3] * 3
    elif change_w < 0:
        after[max(range(3), key=lambda phase: before[phase])] += change_w
    else:
        after[random.randrange(3)] += change_w
    return _spread(after)


def _spread(powers: list[float]) -> list[float]:
    """Move what a phase has too much, or less than nothing, to the least and the most loaded one."""
    for _ in range(len(powers)):
        high = max(range(3), key=lambda phase: powers[phase])
        low = min(range(3), key=lambda phase: powers[phase])
        moved_w = max(0.0, powers[high] - MOST_ON_PHASE_W, -powers[low])
        powers[high] -= moved_w
        powers[low] += moved_w
    return powers
