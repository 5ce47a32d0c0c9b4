"""Short ways to say what sources there are and what they tell."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from custom_components.smart_charging.engine.grid.grid_room import GridConfig, GridDecision, GridState, step
from custom_components.smart_charging.engine.grid.lpc import LpcConfig
from custom_components.smart_charging.engine.grid.merge import GridConnection
from custom_components.smart_charging.engine.grid.section_14a import ControllableDevice, DeviceKind
from custom_components.smart_charging.engine.grid.signal import GridSignal, SignalKind, SignalScope
from custom_components.smart_charging.engine.grid.source import ContactSeen, InputKind, SourceConfig, SourceEvent
from custom_components.smart_charging.engine.grid.verification import Measured
from custom_components.smart_charging.engine.model import EvseKey

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)  # a Monday
KEY = EvseKey("CP1", 1)
OTHER = EvseKey("CP2", 1)
CONNECTION = GridConnection(fuse_a=35.0, installed_pv_w=10_000.0, evse_phases={OTHER: 1})


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def charger(name: str = "CP1", rated_w: float = 11_000.0, *, led: bool = True) -> ControllableDevice:
    return ControllableDevice(name, DeviceKind.CHARGER, rated_w, led)


def battery(rated_w: float = 5_000.0) -> ControllableDevice:
    return ControllableDevice("battery", DeviceKind.BATTERY, rated_w)


def heat_pump(rated_w: float = 14_000.0, name: str = "heat_pump") -> ControllableDevice:
    return ControllableDevice(name, DeviceKind.HEAT_PUMP, rated_w, led=False)


def air_conditioning(rated_w: float) -> ControllableDevice:
    return ControllableDevice("cooling", DeviceKind.AIR_CONDITIONING, rated_w, led=False)


def relay(**changes: object) -> SourceConfig:
    return replace(SourceConfig(source_id="relay", input=InputKind.CONTACT), **changes)  # type: ignore[arg-type]  # fields by name


def eebus(**changes: object) -> SourceConfig:
    config = SourceConfig(source_id="eebus", input=InputKind.EEBUS, lpc=LpcConfig(4_200.0))
    return replace(config, **changes)  # type: ignore[arg-type]  # fields by name


def messages(source_id: str = "message", **changes: object) -> SourceConfig:
    config = SourceConfig(source_id=source_id, input=InputKind.MESSAGES, binding=False)
    return replace(config, **changes)  # type: ignore[arg-type]  # fields by name


def signal(value: float | None = 5_000.0, **changes: object) -> GridSignal:
    kind = SignalKind.BLOCK if value is None else SignalKind.IMPORT_LIMIT
    base = GridSignal(source_id="message", kind=kind, received_at=NOW, value=value, scope=SignalScope.CONTROLLABLE)
    return replace(base, **changes)  # type: ignore[arg-type]  # fields by name


def click(closed: bool, at: datetime = NOW, source_id: str = "relay") -> ContactSeen:
    return ContactSeen(source_id, at, closed)


class Room:
    """A room with its state, at a time that only goes on when told."""

    def __init__(self, *sources: SourceConfig, devices: Sequence[ControllableDevice] = (), **config: object) -> None:
        self.config = replace(GridConfig(CONNECTION, sources, tuple(devices)), **config)  # type: ignore[arg-type]  # fields by name
        self.state = GridState()
        self.now = NOW

    def tell(self, *events: SourceEvent, measured: Measured | None = None) -> GridDecision:
        """Take events now."""
        self.state, decision = step(self.config, self.state, events, self.now, measured)
        return decision

    def wait(self, seconds: float, measured: Measured | None = None) -> GridDecision:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)
        return self.tell(measured=measured)

    def follow(self, seconds: float) -> GridDecision:
        """Let time pass as the room asks for it: at each `next_at`, and at the end."""
        end, decision = self.now + timedelta(seconds=seconds), self.tell()
        while decision.next_at is not None and decision.next_at < end:
            self.now = decision.next_at
            decision = self.tell()
        self.now = end
        return self.tell()
