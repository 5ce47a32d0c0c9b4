"""The sun over the house: a PV profile of quarter hours with the clouds of single minutes put into it."""

from random import Random

from benchmarks.series import QUARTERS_PER_DAY, sun_quarters

SEED = 20160519
FIRST_DAY = 139  # 19 May 2016, the calendar day on which the household's series begins
ENVELOPE_DAYS = 10
SHADE = 0.3  # what a cloud leaves of a clear sky's production, about
DARKEST = 0.1  # what the darkest one leaves
DWELL_MIN = 8.0  # from one change to the next, on average, with half of the sky covered
NOISE = 0.02  # of the production from minute to minute, as a real system shows on a clear day
MINUTES_PER_QUARTER = 15


def production_minutes(peak_w: float, days: int) -> list[float]:
    """Return W of each minute; the mean of each quarter hour is that of the profile, but for the noise.

    Between a clear and a covered sky the sun comes and goes: two states with random dwell times, whose
    shares follow from how far the profile lies below the clear sky of that time of the day.
    """
    random = Random(SEED)
    quarters = sun_quarters(days + 2 * ENVELOPE_DAYS, FIRST_DAY - ENVELOPE_DAYS)
    minutes: list[float] = []
    shaded = False
    for index in range(ENVELOPE_DAYS * QUARTERS_PER_DAY, (ENVELOPE_DAYS + days) * QUARTERS_PER_DAY):
        clear = _clear(quarters, index)
        share = _covered_share(quarters[index], clear)
        states: list[bool] = []
        for _ in range(MINUTES_PER_QUARTER):
            shaded = _next_state(shaded, share, random)
            states.append(shaded)
        levels = _levels(states, quarters[index], clear)
        minutes.extend(max(0.0, peak_w * level * random.gauss(1.0, NOISE)) for level in levels)
    return minutes


def _levels(states: list[bool], mean: float, clear: float) -> list[float]:
    """Return the level of each minute, shaded or not, so that their mean is `mean` and none is above `clear`."""
    shaded = sum(states)
    sunny = len(states) - shaded
    left = mean * len(states) - clear * sunny
    if shaded and left >= DARKEST * clear * shaded:
        return [left / shaded if state else clear for state in states]
    sun = mean * len(states) / (sunny + DARKEST * shaded)
    return [DARKEST * sun if state else sun for state in states]


def _clear(quarters: list[float], index: int) -> float:
    """Return the highest production at this time of the day on the days around it."""
    around = range(-ENVELOPE_DAYS, ENVELOPE_DAYS + 1)
    return max(quarters[index + day * QUARTERS_PER_DAY] for day in around if index + day * QUARTERS_PER_DAY >= 0)


def _covered_share(value: float, clear: float) -> float:
    """Return the share of the time that a cloud is before the sun, 0 to 1."""
    if clear <= 0:
        return 1.0
    return min(1.0, max(0.0, (1.0 - value / clear) / (1.0 - SHADE)))


def _next_state(shaded: bool, share: float, random: Random) -> bool:
    """Return whether the next minute is shaded: a two-state Markov chain with `share` shaded in the long run."""
    if share <= 0.0 or share >= 1.0:
        return share >= 1.0
    leave = (1.0 - share) / DWELL_MIN * 2 if shaded else share / DWELL_MIN * 2
    return shaded != (random.random() < leave)
