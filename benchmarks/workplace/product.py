"""The product's own decision as a controller of the workplace: it sees what stations show, and what it is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import math
from typing import Protocol

from custom_components.smart_charging.engine.config import EvseSettings, SiteConfig
from custom_components.smart_charging.engine.control.battery import BatterySnapshot
from custom_components.smart_charging.engine.control.decision import decide
from custom_components.smart_charging.engine.control.snapshot import (
    ControlState,
    Decision,
    EvseSnapshot,
    MeterSnapshot,
    Snapshot,
)
from custom_components.smart_charging.engine.model import (
    NOMINAL_VOLTAGE_V,
    ChargeMode,
    EvseKey,
    EvseStatus,
    MeterQuality,
    Phases,
)

from .charging import Stay, steps
from .network import PLACES, STATIONS
from .sessions import STEP_S, Period

SOON_S = 30.0  # from one decision to the next while something moves
UNUSED_S = 60.0  # the product waits so long before it takes an unused offer for left
MOVED_W = 1_000.0  # of a battery
SETTINGS = EvseSettings(ChargeMode.FAST)
KEYS = tuple(EvseKey(station.station_id, 1) for station in STATIONS)


class Storage(Protocol):
    """A battery at the connection."""

    @property
    def power_w(self) -> float:
        """What it gives now, less than 0 while it is charged."""

    def measured(self) -> Mapping[str, BatterySnapshot]:
        """Return what the product sees of it."""

    def lead(self, decision: Decision, load_a: Phases, /) -> None:
        """Take a decision and the cars' load after it."""

    def run(self, seconds: float) -> None:
        """Let time pass."""


@dataclass(frozen=True, slots=True)
class Known:
    """What users told about a stay."""

    settings: EvseSettings = SETTINGS
    departure: datetime | None = None


def nothing_known(_stay: Stay) -> Known:
    """Return what is known of a car whose user said nothing."""
    return Known()


def stated(begin: datetime) -> Callable[[Stay], Known]:
    """Return what is known of cars whose drivers say when they leave and what they need.

    Who asked for less than the car took in reality has raised it: then no target is left to be told.
    """

    def known(stay: Stay) -> Known:
        said = stay.session.stated
        if said is None:
            return Known()
        departure = begin + timedelta(seconds=said.departure_s)
        target_wh = said.energy_wh if stay.delivered_wh < said.energy_wh else None
        return Known(EvseSettings(ChargeMode.FAST, target_energy_wh=target_wh, departure=departure), departure)

    return known


@dataclass(slots=True)
class Product:
    """Decides at the beginning of each step, when a car is full, and while something moves.

    The product decides each 5 s; where nothing moves that changes nothing, so it is left out here. The decisions see the stations that have a car: the others take no part.
    """

    site: SiteConfig
    begin: datetime
    storage: Storage | None = None
    known: Callable[[Stay], Known] = nothing_known
    over_kws: float = 0.0  # above the limit of the connection, summed over its phases
    _state: ControlState = field(default_factory=ControlState)
    _offered: dict[int, float] = field(default_factory=dict)
    _full_at: dict[int, float] = field(default_factory=dict)  # seconds from the start of the period

    def serve(self, step: int, stays: Sequence[Stay]) -> None:
        """Charge the cars during a step as the product decides within it."""
        present = {stay.session.station for stay in stays}
        moved = present != self._offered.keys()
        self._offered = {station: self._offered.get(station, 0.0) for station in present}
        if not stays and self.storage is None:
            self._state = ControlState()
            return
        now_s, end_s = float(step * STEP_S), (step + 1) * STEP_S
        while now_s < end_s:
            before, before_w = self.drawn(stays), self._storage_w
            self._decide(self.begin + timedelta(seconds=now_s), stays)
            moved = moved or before != self.drawn(stays) or abs(before_w - self._storage_w) > MOVED_W
            until_s = self._next(now_s, end_s, stays, moved=moved)
            self._run(stays, until_s - now_s)
            self._notice(until_s, stays)
            moved = False
            now_s = until_s

    def _next(self, now_s: float, end_s: float, stays: Sequence[Stay], *, moved: bool) -> float:
        """Return when to decide next: soon while something moves, else when a car is full or seen to be."""
        moments = [end_s, *(at_s + UNUSED_S for at_s in self._full_at.values())]
        if moved:
            moments.append(now_s + SOON_S)
        for stay in stays:
            power_w = self._offered[stay.session.station] * stay.place.watts_per_a
            if power_w > 0 and not stay.full:
                moments.append(now_s + math.ceil(stay.left_wh / power_w * 3600))
        return min(moment for moment in moments if moment > now_s)

    def _notice(self, now_s: float, stays: Sequence[Stay]) -> None:
        present = {stay.session.station for stay in stays if stay.full}
        self._full_at = {station: self._full_at.get(station, now_s) for station in present}

    def drawn(self, stays: Sequence[Stay]) -> dict[int, float]:
        """Return what each car draws of its offer, A on each of its station's phases."""
        return {stay.session.station: 0.0 if stay.full else self._offered[stay.session.station] for stay in stays}

    @property
    def _storage_w(self) -> float:
        return 0.0 if self.storage is None else self.storage.power_w

    def _decide(self, now: datetime, stays: Sequence[Stay]) -> None:
        drawn = self.drawn(stays)
        grid_a = load(drawn) - Phases.each(self._storage_w / 3 / NOMINAL_VOLTAGE_V)
        snapshot = Snapshot(
            self.site,
            MeterSnapshot(MeterQuality.FRESH, grid_a, grid_a.total * NOMINAL_VOLTAGE_V),
            tuple(self._seen(stay, drawn[stay.session.station]) for stay in stays),
            batteries={} if self.storage is None else self.storage.measured(),
        )
        decision, self._state = decide(snapshot, self._state, now)
        for stay in stays:
            self._offered[stay.session.station] = decision.setpoints[KEYS[stay.session.station]].current_a
        if self.storage is not None:
            self.storage.lead(decision, load(self.drawn(stays)))

    def _run(self, stays: Sequence[Stay], seconds: float) -> None:
        flow_a = load(self.drawn(stays)) - Phases.each(self._storage_w / 3 / NOMINAL_VOLTAGE_V)
        over_a = sum(max(0.0, current_a - self.site.fuse_a) for current_a in flow_a)
        self.over_kws += round(over_a, 6) * NOMINAL_VOLTAGE_V / 1000 * seconds
        for stay in stays:
            stay.charge(self._offered[stay.session.station], seconds / 3600)
        if self.storage is not None:
            self.storage.run(seconds)

    def _seen(self, stay: Stay, drawn_a: float) -> EvseSnapshot:
        index, known = stay.session.station, self.known(stay)
        idle = EvseStatus.SUSPENDED_EV if self._offered[index] > 0 else EvseStatus.SUSPENDED_EVSE
        return EvseSnapshot(
            key=KEYS[index],
            station=STATIONS[index],
            settings=known.settings,
            safe_a=0.0,
            connected=True,
            status=EvseStatus.CHARGING if drawn_a > 0 else idle,
            measured_a=Phases.spread(drawn_a, tuple(range(STATIONS[index].phases))),
            commanded_a=self._offered[index],
            settled=True,
            energy_wh=stay.delivered_wh,
            departure=known.departure,
        )


def load(drawn: Mapping[int, float]) -> Phases:
    """Return what the cars draw together, A per grid phase."""
    total = [0.0, 0.0, 0.0]
    for station, current_a in drawn.items():
        for phase in PLACES[station].phases:
            total[phase] += current_a
    return Phases(*total)


def serve(period: Period, product: Product) -> list[Stay]:
    """Let the product serve a period; returns all stays as they ended."""
    done: list[Stay] = []
    for step, present, gone in steps(period):
        done += gone
        product.serve(step, present)
    return done
