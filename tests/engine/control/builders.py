"""Short ways to make snapshots."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from custom_components.smart_charging.engine.config import EvseSettings, SiteConfig, StationConfig
from custom_components.smart_charging.engine.control.decision import decide
from custom_components.smart_charging.engine.control.snapshot import (
    ControlState,
    Decision,
    EvseSnapshot,
    MeterSnapshot,
    Snapshot,
)
from custom_components.smart_charging.engine.model import ChargeMode, EvseKey, EvseStatus, MeterQuality, Phases

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
SITE = SiteConfig("site", "Home", fuse_a=25.0)
KEY = EvseKey("CP1", 1)


def grid(current: Phases | float = 0.0, *, quality: MeterQuality = MeterQuality.FRESH) -> MeterSnapshot:
    """Return a grid meter's snapshot with this current on each phase; power follows from it."""
    current_a = current if isinstance(current, Phases) else Phases.each(current)
    return MeterSnapshot(quality, current_a, current_a.total * 230.0)


def evse(
    mode: ChargeMode = ChargeMode.FAST,
    *,
    key: EvseKey = KEY,
    station: StationConfig | None = None,
    status: EvseStatus | None = EvseStatus.CHARGING,
    measured: Phases | float | None = 0.0,
    commanded: float | None = None,
    **changes: object,
) -> EvseSnapshot:
    """Return an EVSE of a 16 A three-phase station with a car, charging as told."""
    measured_a = Phases.each(measured) if isinstance(measured, int | float) else measured
    config = station or StationConfig(key.station_id, key.station_id, max_current_a=16.0)
    snapshot = EvseSnapshot(
        key=key,
        station=config,
        settings=EvseSettings(mode),
        safe_a=6.0,
        connected=True,
        status=status,
        measured_a=measured_a,
        commanded_a=commanded,
        settled=True,
    )
    return replace(snapshot, **changes)  # type: ignore[arg-type]  # fields by name, as each test needs them


class Loop:
    """Decides again and again, with stations and cars that follow each setpoint at once."""

    def __init__(self, site: SiteConfig = SITE) -> None:
        """Begin at `NOW` without memory."""
        self.site = site
        self.now = NOW
        self.state = ControlState()

    def decide(self, grid_snapshot: MeterSnapshot, *evses: EvseSnapshot, may_raise: bool = True) -> Decision:
        """Decide once at this moment."""
        decision, self.state = decide(
            Snapshot(self.site, grid_snapshot, evses), self.state, self.now, may_raise=may_raise
        )
        return decision

    def run(
        self,
        house: Phases | float,
        *evses: EvseSnapshot,
        seconds: float,
        step: float = 5.0,
        quality: MeterQuality = MeterQuality.FRESH,
    ) -> Decision:
        """Let time pass with this house load (PV negative) and return the last decision."""
        house_a = house if isinstance(house, Phases) else Phases.each(house)
        decision = None
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            now_evses = [self._following(one) for one in evses]
            drawn = Phases()
            for one in now_evses:
                assert one.measured_a is not None
                drawn += one.station.rotation.to_grid(one.measured_a)
            decision = self.decide(grid(house_a + drawn, quality=quality), *now_evses)
            self.now += timedelta(seconds=step)
        assert decision is not None
        return decision

    def _following(self, one: EvseSnapshot) -> EvseSnapshot:
        memory = self.state.evses.get(one.key)
        setpoint = memory.setpoint_a if memory else 0.0
        draws = setpoint if one.status is not None and one.status.plugged and setpoint >= 6.0 else 0.0
        car_phases = 3 if one.measured_a is None or one.measured_a.l3 >= 0 else 1
        phases = min(one.station.phases, car_phases)
        return replace(one, measured_a=Phases.spread(draws, tuple(range(phases))), commanded_a=setpoint, settled=True)
