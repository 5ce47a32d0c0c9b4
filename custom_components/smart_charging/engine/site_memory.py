"""What a site must not forget at a restart: its peaks, its batteries' use, wiring learnt, its cars' charge, only observing."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
import logging
from typing import Final

from .car_charge import Charge
from .clock import Clock
from .control.battery import BatteryMemory
from .control.conductor import ConductorMemory
from .control.peak import PeakMemory
from .control.snapshot import ControlState, EvseControl
from .given_energy import Given
from .ledger import SiteLedger
from .limit import Limit, LimitSource
from .model import EvseKey, Json, PhaseRotation, StoreError
from .recorded_json import Decoder, Encoder, RecordedJsonError

_LOGGER = logging.getLogger(__name__)

SAVE_EVERY_S = 60.0  # a peak interval's energy changes all the time; a flash drive need not see each change

_OBSERVE_ONLY: Final = "observe_only"
_PEAK: Final = "peak"
_BATTERIES: Final = "batteries"
_CONDUCTORS: Final = "conductors"
_LIMITS: Final = "limits"
_CHARGES: Final = "charges"
_GIVEN: Final = "given"


@dataclass(frozen=True, slots=True)
class RememberedSite:
    """What a site begins with: whether it only observes, its control, the limits a user set, how full its cars were, what they gave."""

    observe_only: bool = False
    state: ControlState = field(default_factory=ControlState)
    limits: tuple[Limit, ...] = ()
    charges: Mapping[EvseKey, Charge] = field(default_factory=dict)
    given: Mapping[EvseKey, Given] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Batteries:
    memories: Mapping[str, BatteryMemory] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Limits:
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class _Charges:
    charges: Mapping[EvseKey, Charge] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Given:
    sessions: Mapping[EvseKey, Given] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Conductors:
    rotations: Mapping[EvseKey, PhaseRotation] = field(default_factory=dict)


class SiteMemory:
    """Keeps what must outlive a restart in the ledger; only what changed is written."""

    def __init__(self, ledger: SiteLedger) -> None:
        """Remember nothing before `load`."""
        self._ledger = ledger
        self._saved: dict[str, Json] = {}
        self._rotations: dict[EvseKey, PhaseRotation] = {}

    async def load(self) -> RememberedSite:
        """Return what was kept; raises StoreError when it cannot be read.

        What is not understood, as after a newer version, is taken as never kept. EVSEs come with `restore`.
        """
        self._saved = await self._ledger.load_memory()
        observe_only = self._saved.get(_OBSERVE_ONLY, False)
        if not isinstance(observe_only, bool):
            _LOGGER.warning("What the site remembers is not understood and not used: %s", _OBSERVE_ONLY)
        self._rotations = dict(self._decode(_CONDUCTORS, _Conductors()).rotations)
        state = ControlState(
            peak=self._decode(_PEAK, PeakMemory()), batteries=self._decode(_BATTERIES, _Batteries()).memories
        )
        limits, charges = self._decode(_LIMITS, _Limits()).limits, self._decode(_CHARGES, _Charges()).charges
        return RememberedSite(observe_only is True, state, limits, charges, self._decode(_GIVEN, _Given()).sessions)

    def restore(self, state: ControlState, keys: Iterable[EvseKey]) -> ControlState:
        """Return the state with what was kept of these EVSEs, where it holds nothing of them.

        For the moment in which they show: a decision forgets those that are not there.
        """
        kept = {
            key: EvseControl(conductor=ConductorMemory(rotation))
            for key in keys
            if (rotation := self._rotations.get(key)) is not None
        }
        return replace(state, evses={**kept, **state.evses})

    def forget(self, station_id: str) -> None:
        """Forget a station that is gone for good; the next `save` makes it last."""
        self._rotations = {key: value for key, value in self._rotations.items() if key.station_id != station_id}

    async def save(self, site: RememberedSite) -> None:
        """Keep what changed since the last call; raises StoreError when that fails.

        Of limits those that a user set are kept; whoever else sets one tells it again.

        What is known of EVSEs that are not in the state stays: their stations may not be there yet.
        """
        state = site.state
        for key, control in state.evses.items():
            if control.conductor.rotation is not None:
                self._rotations[key] = control.conductor.rotation
            else:
                self._rotations.pop(key, None)
        values: dict[str, Json] = {
            _OBSERVE_ONLY: site.observe_only,
            _LIMITS: Encoder().encode(_Limits(tuple(one for one in site.limits if one.source is LimitSource.USER))),
            _PEAK: Encoder().encode(state.peak),
            _BATTERIES: Encoder().encode(_Batteries({name: _lasting(one) for name, one in state.batteries.items()})),
            _CHARGES: Encoder().encode(_Charges(dict(sorted(site.charges.items())))),
            _GIVEN: Encoder().encode(_Given(dict(sorted(site.given.items())))),
            _CONDUCTORS: Encoder().encode(_Conductors(dict(sorted(self._rotations.items())))),
        }
        for name, value in values.items():
            if self._saved.get(name) != value:
                await self._ledger.save_memory(name, value)
                self._saved[name] = value

    async def run(self, clock: Clock, current: Callable[[], RememberedSite]) -> None:
        """Save each minute until cancelled; what could not be kept is tried again."""
        failing = False
        while True:
            await clock.sleep(SAVE_EVERY_S)
            try:
                await self.save(current())
                failing = False
            except StoreError as error:
                if not failing:
                    _LOGGER.warning("The site's memory could not be kept: %s", error)
                failing = True

    def _decode[T](self, name: str, default: T) -> T:
        """Return what was kept under a name as a value of the default's type, the default where there is none."""
        kept = self._saved.get(name)
        if kept is None:
            return default
        try:
            return Decoder().decode(type(default), kept, name)
        except RecordedJsonError as error:
            _LOGGER.warning("What the site remembers is not understood and not used: %s", error)
            return default


def _lasting(memory: BatteryMemory) -> BatteryMemory:
    """Return what of a battery's memory holds after a restart: what was taken of it, not what it was told."""
    return BatteryMemory(day=memory.day, expansion_wh=memory.expansion_wh, past_days_wh=memory.past_days_wh)
