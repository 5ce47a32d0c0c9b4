"""Poses the problem of a site: who is plugged in and wants energy until when, and what the hours to come bring."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ...config import SiteConfig
from ...limit import ROOT_CIRCUIT
from ...model import NOMINAL_VOLTAGE_V, EvseKey
from ..circuits import connections, path_to_root
from ..forecast.series import Forecast, slot_start
from ..prices.series import PriceSeries
from ..snapshot import EvseControl, EvseSnapshot, Snapshot
from ..wiring import grid_phases
from .problem import SLOT, PlannedCar, PlannedCircuit, Problem, Target

MOST_SLOTS = timedelta(hours=48) // SLOT
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a car that follows a plan still wants, in Wh at the charger, and when it leaves.

    `most_w` is what it takes on the `phases` that are expected, `sure_w` on those that it was seen to use.
    """

    key: EvseKey
    needed_wh: float
    most_w: float
    sure_w: float
    phases: int
    departure: datetime | None = None


def car_id(key: EvseKey) -> str:
    """Return how a plan names the car at an EVSE."""
    return f"{key.station_id}/{key.evse_id}"


def wish_of(site: SiteConfig, evse: EvseSnapshot, control: EvseControl) -> Wish | None:
    """Return what the car at an EVSE wants by plan, None where it set no target.

    Until it was seen on how many phases it charges, a deadline counts on one only.
    """
    target_wh = evse.settings.target_energy_wh
    if target_wh is None or not evse.plugged:
        return None
    amps = min(
        evse.user_limit_a, evse.station.max_current_a, evse.station.cable_current_a or evse.station.max_current_a
    )
    phases, seen = 1 if site.phases == 1 else evse.station.phases, control.active_phases
    expected = phases if seen is None else min(seen, phases)
    return Wish(
        evse.key,
        max(0.0, target_wh - evse.energy_wh),
        most_w=amps * NOMINAL_VOLTAGE_V * expected,
        sure_w=amps * NOMINAL_VOLTAGE_V * (1 if seen is None else expected),
        phases=expected,
        departure=evse.settings.departure,
    )


def pose(
    snapshot: Snapshot,
    wishes: Iterable[Wish],
    prices: PriceSeries,
    pv: Forecast | None,
    base_load: Forecast | None,
    now: datetime,
) -> Problem | None:
    """Return the problem from the running slot on, None where no price is known for that.

    It reaches as far as prices do, or to the last departure: prices that are not known yet are taken to be those
    of the day before. What a PV or house nobody forecasts brings or takes counts as nothing.
    """
    wishes = tuple(wishes)
    start = slot_start(now)
    slots = _slots(start, prices, wishes)
    times = [start + number * SLOT for number in range(slots)]
    buy = _filled([prices.import_at(at) for at in times], times, prices)
    if prices.import_at(now) is None or buy is None:
        return None
    base = tuple(_power(base_load, at) for at in times)
    return Problem(
        start=start,
        import_price=buy,
        feed_in_price=tuple(min(prices.feed_in_at(at) or 0.0, price) for at, price in zip(times, buy, strict=True)),
        pv_w=tuple(_power(pv, at) for at in times),
        base_w=base,
        cars=tuple(_car(snapshot, wish, start, slots) for wish in wishes),
        circuits=tuple(_circuits(snapshot.site, base)),
        import_limit_w=_import_limit(snapshot.site, slots),
        first_slot=start + SLOT - now,
    )


def _slots(start: datetime, prices: PriceSeries, wishes: Iterable[Wish]) -> int:
    until = max((prices.end, *(wish.departure for wish in wishes if wish.departure is not None)))
    return max(1, min(MOST_SLOTS, -((start - until) // SLOT)))


def _filled(known: list[float | None], times: list[datetime], prices: PriceSeries) -> tuple[float, ...] | None:
    """Return prices without gaps: what is not known is as it was a day before, else as the mean of what is known."""
    all_known = [price for price in known if price is not None]
    if not all_known:
        return None
    mean = sum(all_known) / len(all_known)
    filled: list[float] = []
    for number, price in enumerate(known):
        if price is None:
            day = _DAY // SLOT
            price = filled[number - day] if number >= day else prices.import_at(times[number] - _DAY)
        filled.append(mean if price is None else price)
    return tuple(filled)


def _power(forecast: Forecast | None, at: datetime) -> float:
    index = None if forecast is None else forecast.index(at)
    return 0.0 if forecast is None or index is None else max(0.0, forecast.mean_w[index])


def _car(snapshot: Snapshot, wish: Wish, start: datetime, slots: int) -> PlannedCar:
    evse = next(one for one in snapshot.evses if one.key == wish.key)
    leaves = slots if wish.departure is None else max(0, min(slots, (wish.departure - start) // SLOT))
    used = grid_phases(snapshot.site, evse.station, wish.phases)
    share = 1.0 / (NOMINAL_VOLTAGE_V * len(used))
    l1, l2, l3 = (share if phase in used else 0.0 for phase in range(3))
    return PlannedCar(
        car_id=car_id(wish.key),
        present=tuple(number < leaves for number in range(slots)),
        max_w=wish.most_w,
        room_wh=wish.needed_wh,
        targets=(Target(wish.needed_wh, leaves),),
        amps_per_w=(l1, l2, l3),
        circuit_id=evse.station.circuit_id,
    )


def _circuits(site: SiteConfig, base_w: tuple[float, ...]) -> Iterable[PlannedCircuit]:
    """Return what each circuit leaves to cars; the house is counted at the grid connection, evenly on its phases."""
    paths: Mapping[str, tuple[str, ...]] = {
        circuit.circuit_id: path_to_root(site, circuit.circuit_id) for circuit in site.circuits
    }
    for circuit_id, connection in connections(site).items():
        members = {circuit_id, *(one for one, path in paths.items() if circuit_id in path)}
        free_a = connection.fuse_a - connection.margin_a
        phases = 1 if site.phases == 1 else 3
        house = base_w if circuit_id == ROOT_CIRCUIT else (0.0,) * len(base_w)
        left = tuple(max(0.0, free_a - power / phases / NOMINAL_VOLTAGE_V) for power in house)
        yield PlannedCircuit(circuit_id, tuple((one, one, one) for one in left), frozenset(members))


def _import_limit(site: SiteConfig, slots: int) -> tuple[float, ...]:
    known = [site.power_w, None if site.peak is None else site.peak.target_w]
    limits = [limit for limit in known if limit is not None]
    return (min(limits),) * slots if limits else ()
