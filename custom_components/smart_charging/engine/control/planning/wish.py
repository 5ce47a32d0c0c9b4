"""What a car that follows a plan still wants: energy for each of its targets, brought to Wh at the charger."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ...config import Giving, SiteConfig
from ...model import NOMINAL_VOLTAGE_V, ChargeMode, EvseKey, EvseStatus
from ..forecast.series import slot_start
from ..snapshot import EvseControl, EvseSnapshot
from .advice import SLOWER, Gives

FULL_PERCENT = 100.0
_HOUR = timedelta(hours=1)
MOST_H = 48.0  # of charging, for a car of which nobody knows what it may take


@dataclass(frozen=True, slots=True)
class Wish:
    """What a car that follows a plan still wants, in Wh at the charger, and when it leaves.

    `most_w` is what it takes on the `phases` that are expected, `sure_w` on those that it was seen to use. Of what it
    needs it takes `at_once_wh` first, whatever that costs. Up to `price_limit` (money per kWh) it always buys, at most
    `room_wh` in all. `late_wh` of what it needs are kept for the time from `late_from` on. What is `continuous` it takes
    without a break, which is for now where it is `running`.
    """

    key: EvseKey
    needed_wh: float
    most_w: float
    sure_w: float
    phases: int
    departure: datetime | None = None
    at_once_wh: float = 0.0
    room_wh: float = 0.0
    price_limit: float | None = None
    mode: ChargeMode = ChargeMode.CHEAPEST
    late_wh: float = 0.0
    late_from: datetime | None = None
    continuous: bool = False
    running: bool = False
    gives: Gives | None = None

    @property
    def net_wh(self) -> float:
        """Return the Wh that it needs, negative where it has some to spare."""
        return self.needed_wh - (0.0 if self.gives is None else self.gives.spare_wh)

    def overdue(self, now: datetime) -> bool:
        """Return whether the car should have left."""
        return self.departure is not None and self.departure <= now

    def short_wh(self, now: datetime, planned_wh: float = 0.0) -> float:
        """Return the Wh that it will lack at its departure by what it takes at its most; 0 without a departure.

        A plan that foresees `planned_wh` to be missing knows of limits too, but not of the part of a slot in which the car
        leaves.
        """
        if self.departure is None:
            return 0.0
        left_h = max(self.departure - now, timedelta()) / _HOUR
        rest_h = (self.departure - slot_start(self.departure)) / _HOUR
        never_wh = max(0.0, self.needed_wh - self.most_w * left_h)
        return max(never_wh, min(self.needed_wh, planned_wh - self.most_w * rest_h))


def wish_of(site: SiteConfig, evse: EvseSnapshot, control: EvseControl) -> Wish | None:
    """Return what the car at an EVSE wants by plan, None where it has neither a target that can be counted in Wh nor a limit.

    Until it was seen on how many phases it charges, a deadline counts on one only.
    """
    settings, needed_wh = evse.settings, target_wh(evse)
    at_once_wh = _up_to_wh(evse, settings.min_soc_percent) or 0.0
    by_price = settings.mode is ChargeMode.CHEAPEST and not settings.continuous
    price_limit = settings.price_limit if by_price else None
    limited = price_limit is not None and settings.target_soc_percent is None
    if not evse.plugged or (needed_wh is None and at_once_wh <= 0 and not limited):
        return None
    amps = min(
        evse.user_limit_a, evse.station.max_current_a, evse.station.cable_current_a or evse.station.max_current_a
    )
    phases, seen = 1 if site.phases == 1 else evse.station.phases, control.active_phases
    expected = phases if seen is None else min(seen, phases)
    most_w, aim_wh = amps * NOMINAL_VOLTAGE_V * expected, at_once_wh if needed_wh is None else needed_wh
    room_wh = aim_wh
    if needed_wh is None and limited:
        room_wh = _up_to_wh(evse, FULL_PERCENT) or most_w * MOST_H
    sure_w = amps * NOMINAL_VOLTAGE_V * (1 if seen is None else expected)
    first_wh, late = min(at_once_wh, aim_wh), timedelta(minutes=settings.late_min or 0.0)
    keeps = settings.departure is not None and not settings.continuous
    return Wish(
        evse.key,
        aim_wh,
        most_w=most_w,
        sure_w=sure_w,
        phases=expected,
        departure=settings.departure,
        at_once_wh=first_wh,
        room_wh=room_wh,
        price_limit=price_limit,
        mode=settings.mode,
        late_wh=min(aim_wh - first_wh, SLOWER * sure_w * (late / _HOUR)) if keeps else 0.0,
        late_from=None if settings.departure is None else settings.departure - late,
        continuous=settings.continuous,
        running=settings.continuous and evse.status is EvseStatus.CHARGING and control.setpoint_a > 0,
        gives=gives_of(evse),
    )


def gives_of(evse: EvseSnapshot) -> Gives | None:
    """Return what the car at an EVSE may give back by plan, None where that may not be or can't be told.

    It takes a target state of charge, up to which it is charged again: without one nobody knows what is to be left.
    """
    settings, car, soc_percent = evse.settings, evse.station.car, evse.soc_percent
    target_percent = settings.target_soc_percent
    allowed = settings.giving is not Giving.OFF and settings.mode is ChargeMode.CHEAPEST and not settings.continuous
    if not allowed or evse.most_given_w <= 0 or settings.target_energy_wh is not None:
        return None
    if soc_percent is None or target_percent is None or car.capacity_wh is None:
        return None
    whole_wh = car.capacity_wh / car.efficiency
    return Gives(
        evse.most_given_w,
        max(0.0, soc_percent - settings.kept_soc_percent) / 100 * whole_wh,
        max(0.0, soc_percent - target_percent) / 100 * whole_wh,
        car.efficiency**2,
        car.wear,
        settings.giving is Giving.GRID,
    )


def target_wh(evse: EvseSnapshot) -> float | None:
    """Return the Wh at the charger that a car lacks for its targets, the one that it reaches first; None without any.

    A target charge counts where it is known how full the car is and what its battery holds.
    """
    energy_wh = evse.settings.target_energy_wh
    by_energy = None if energy_wh is None else max(0.0, energy_wh - evse.energy_wh)
    known = [one for one in (by_energy, _up_to_wh(evse, evse.settings.target_soc_percent)) if one is not None]
    return min(known, default=None)


def _up_to_wh(evse: EvseSnapshot, soc_percent: float | None) -> float | None:
    """Return the Wh at the charger up to a state of charge, None where that can't be told."""
    if soc_percent is None or evse.soc_percent is None:
        return None
    car, lacks = evse.station.car, soc_percent - evse.soc_percent
    if lacks <= 0:
        return 0.0
    return None if car.capacity_wh is None else lacks / 100 * car.capacity_wh / car.efficiency
