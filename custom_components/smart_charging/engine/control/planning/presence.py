"""In which slots a plan may let a car charge: while it is there, and as far as its user's price limit lets it buy."""

from collections.abc import Sequence
from dataclasses import dataclass

from .wish import Wish


@dataclass(frozen=True, slots=True)
class Hours:
    """What is known of the slots: length in hours, price of a kWh from the grid, and W of the sun the house leaves."""

    length_h: Sequence[float]
    price: Sequence[float]
    surplus_w: Sequence[float]
    sold: Sequence[float] = ()  # what a kWh of the sun would earn, nothing where it is empty

    def cost(self, number: int, power_w: float, energy_wh: float) -> float:
        """Return what energy costs in a slot with this power, the sun first."""
        free = min(1.0, self.surplus_w[number] / power_w) if power_w > 0 else 0.0
        sold = self.sold[number] if self.sold else 0.0
        return energy_wh * (free * sold + (1.0 - free) * self.price[number])


def open_slots(wish: Wish, leaves: int, hours: Hours, cars: int) -> tuple[bool, ...]:
    """Return for each slot whether the car may charge in it; it is gone from slot `leaves` on.

    With a price limit it buys in the first slots within it, so a plan has it there until it has what it needs, or what
    all `cars` like it need, with whom it may have to share. Only where those before a departure do not suffice may it
    buy in others.
    """
    if wish.continuous and wish.needed_wh > 0:
        begin, end = one_block(wish, leaves, hours)
        return tuple(begin <= number < end for number in range(len(hours.price)))
    here = [number < leaves for number in range(len(hours.price))]
    if wish.price_limit is None:
        return tuple(here)
    within = [there and price <= wish.price_limit for there, price in zip(here, hours.price, strict=True)]
    # What was given back is bought again; how much that is only the plan knows.
    if wish.gives is not None and wish.gives.stored_wh > 0:
        return tuple(
            there and (cheap or sun > 0) for there, cheap, sun in zip(here, within, hours.surplus_w, strict=True)
        )
    first = _slots_taking(wish.at_once_wh, wish, hours, here)
    until = _slots_taking(wish.needed_wh * cars, wish, hours, within) if wish.needed_wh > 0 else len(here)
    if until is None and wish.departure is not None:
        return tuple(here)
    return tuple(
        there and (number < (first or 0) or ((cheap or sun > 0) and (until is None or number < until)))
        for number, (there, cheap, sun) in enumerate(zip(here, within, hours.surplus_w, strict=True))
    )


def one_block(wish: Wish, leaves: int, hours: Hours) -> tuple[int, int]:
    """Return first slot, and that after the last, of the cheapest time without a break that brings what a car needs.

    Where it runs already, or has to at once, it goes on. Where no time is long enough it is all that there is.
    """
    begins = range(1) if wish.running or wish.at_once_wh > 0 else range(leaves)
    best, cheapest = (0, leaves), float("inf")
    for begin in begins:
        left_wh, cost = wish.needed_wh, 0.0
        for number in range(begin, leaves):
            taken_wh = min(left_wh, wish.most_w * hours.length_h[number])
            left_wh, cost = left_wh - taken_wh, cost + hours.cost(number, wish.most_w, taken_wh)
            if left_wh <= 0:
                break
        if left_wh <= 0 and cost < cheapest:
            best, cheapest = (begin, number + 1), cost
    return best


def _slots_taking(energy_wh: float, wish: Wish, hours: Hours, usable: Sequence[bool]) -> int | None:
    """Return how many slots from now on bring so much energy in the usable ones among them, None if all don't."""
    left_wh = energy_wh
    for number, (length_h, use) in enumerate(zip(hours.length_h, usable, strict=True)):
        if left_wh <= 0:
            return number
        left_wh -= wish.most_w * length_h if use else 0.0
    return len(usable) if left_wh <= 0 else None
