"""Sees to it that what cars give back overloads no fuse on its way and flows nowhere it may not."""

from collections.abc import Callable, Iterator
import logging

from .clock import Clock
from .config import Connection, SiteConfig
from .control.circuits import connections, station_path
from .control.limit_rows import fuse_limit
from .control.snapshot import MeterSnapshot
from .csms.central_system import CentralSystem
from .csms.commands import CommandError, CommandErrorCode
from .csms.state import EvseState
from .csms.station import Station
from .limit import ROOT_CIRCUIT
from .measurements import SiteMeasurements
from .model import NOMINAL_VOLTAGE_V, EvseKey, MeterQuality

_LOGGER = logging.getLogger(__name__)

_EXPORT_TOLERANCE_W = 200.0  # a house's load moves faster than a set-point follows
_LED_TOLERANCE_W = (
    115.0  # on each phase, half of the usual margin: what the site leads it lowers with its next decision
)


class SetPointGuard:
    """Looks at the meters of the circuits that an EVSE hangs on; one with a grid meter that is lost gives nothing."""

    def __init__(
        self,
        csms: CentralSystem,
        measured: SiteMeasurements,
        clock: Clock,
        export_limit_w: Callable[[], float | None] = lambda: None,
    ) -> None:
        """Read these meters; `export_limit_w` tells what may flow out in W, None where nothing limits it."""
        self._csms = csms
        self._measured = measured
        self._clock = clock
        self._export_limit_w = export_limit_w

    def check(self, config: SiteConfig, key: EvseKey, power_w: float) -> None:
        """Raise CommandError where a car can't give this much here and now; KeyError for an unknown station."""
        most_w = self.most_w(config, key)
        if -power_w > most_w:
            raise CommandError(
                CommandErrorCode.INVALID,
                "nothing can be given back without a live grid meter"
                if most_w == 0 and not self._metered(config)
                else f"{most_w:.0f} W can be given back at most now",
            )

    def watch(self, config: SiteConfig) -> None:
        """End each discharging set-point that gives back more than may flow."""
        for station in self._csms.stations.values():
            for evse_id, evse in station.state.evses.items():
                point = evse.set_point
                if point is None or point.power_w >= 0 or self._fits(config, station, evse):
                    continue
                station.withdraw_setpoint(evse_id)
                # One that the site leads comes back by itself, lower: nobody needs to look after that.
                level = logging.DEBUG if point.led else logging.WARNING
                _LOGGER.log(level, "%s gives nothing back any more: the connection can't take it", station.config.name)

    def flows_out(self, config: SiteConfig) -> bool:
        """Return whether more flows out at the grid meter than its readings and a house's load are sure of."""
        meter = self._measured.meter(ROOT_CIRCUIT).snapshot(config, self._clock.now())
        return meter.quality is MeterQuality.FRESH and (meter.power_w or 0.0) < -_EXPORT_TOLERANCE_W

    def _metered(self, config: SiteConfig) -> bool:
        return self._measured.meter(ROOT_CIRCUIT).snapshot(config, self._clock.now()).quality is MeterQuality.FRESH

    def _fits(self, config: SiteConfig, station: Station, evse: EvseState) -> bool:
        rooms = self._rooms(config, station, evse, running=True, tolerated_w=_EXPORT_TOLERANCE_W)
        led = evse.set_point is not None and evse.set_point.led
        return self._metered(config) and min(rooms) >= (-_LED_TOLERANCE_W * station.config.phases if led else 0.0)

    def most_w(self, config: SiteConfig, key: EvseKey, *, running: bool = False) -> float:
        """Return how much an EVSE may give in all, W of all phases: what it takes now will be missing first.

        With `running` it is what a car may go on with that gives already: only what flows counts against that, else
        cars that begin to give would end what others give. KeyError for an unknown station.
        """
        station = self._csms.stations[key.station_id]
        if not self._metered(config):
            return 0.0
        evse = station.state.evses.get(key.evse_id, EvseState(key.evse_id))
        return max(0.0, min(self._rooms(config, station, evse, running=running)) - _own_w(evse))

    def _rooms(
        self, config: SiteConfig, station: Station, evse: EvseState, *, running: bool = False, tolerated_w: float = 0.0
    ) -> Iterator[float]:
        """Return how much more may be given through each circuit on the way, W of the station's phases.

        What other cars were told to give counts as given, whether their meters show it yet or not, unless with
        `running` only what flows through a meter counts.
        """
        now, phases = self._clock.now(), station.config.phases
        for circuit_id in station_path(config, station.config):
            connection = connections(config)[circuit_id]
            others = list(self._others(config, circuit_id, station, evse))
            meter = self._measured.meter(circuit_id).snapshot(connection, now)
            if meter.quality is not MeterQuality.FRESH:  # nothing else is known of it
                told_w = sum(_told_w(other) / count for other, count in others)
                yield (fuse_limit(connection).l1 * NOMINAL_VOLTAGE_V - told_w) * phases + _own_w(evse)
                continue
            power_w, room_w = _flow(connection, meter)
            unseen = [] if running else [(_unseen_w(other), count) for other, count in others]
            yield (room_w - sum(other_w / count for other_w, count in unseen)) * phases
            may_flow_w = 0.0 if config.solar.zero_export else self._export_limit_w()
            if circuit_id == ROOT_CIRCUIT and may_flow_w is not None:
                yield power_w + may_flow_w - sum(other_w for other_w, _ in unseen) + tolerated_w

    def _others(
        self, config: SiteConfig, circuit_id: str, station: Station, evse: EvseState
    ) -> Iterator[tuple[EvseState, int]]:
        """Return the other EVSEs of a circuit whose cars were told to give, with the number of their phases."""
        for other in self._csms.stations.values():
            for one in other.state.evses.values():
                itself = other is station and one.evse_id == evse.evse_id
                if not itself and _told_w(one) > 0 and circuit_id in station_path(config, other.config):
                    yield one, other.config.phases


def _own_w(evse: EvseState) -> float:
    """Return what an EVSE takes, negative for what it was told to give, in W."""
    told_w = _told_w(evse)
    return -told_w if told_w > 0 else max(0.0, _flows_w(evse))


def _told_w(evse: EvseState) -> float:
    """Return what a car was told to give, in W of all phases."""
    return 0.0 if evse.set_point is None else max(0.0, -evse.set_point.power_w)


def _unseen_w(evse: EvseState) -> float:
    """Return what a car was told to give and is not measured to give yet, in W of all phases."""
    return max(0.0, _told_w(evse) + _flows_w(evse))


def _flows_w(evse: EvseState) -> float:
    """Return what flows into a car as measured, in W of all phases; 0 where nobody tells."""
    current_a = None if evse.measurement is None else evse.measurement.current_a
    return 0.0 if current_a is None else current_a.total * NOMINAL_VOLTAGE_V


def _flow(connection: Connection, meter: MeterSnapshot) -> tuple[float, float]:
    """Return the power that flows in, and how much may yet be given on the phase with the least room, W."""
    fuse = fuse_limit(connection)
    used = [index for index in range(3) if fuse[index] > 0]
    current_a = meter.current_a
    if current_a is None:
        power_w = meter.power_w or 0.0
        return power_w, fuse.l1 * NOMINAL_VOLTAGE_V + power_w / len(used)
    power_w = current_a.total * NOMINAL_VOLTAGE_V if meter.power_w is None else meter.power_w
    # A meter that tells no direction of its currents may be giving with each of them.
    signed = min(current_a) < 0 or power_w >= 0
    return power_w, NOMINAL_VOLTAGE_V * min(
        fuse[index] + (current_a[index] if signed else -abs(current_a[index])) for index in used
    )
