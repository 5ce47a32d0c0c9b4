"""A site whose view a test writes and whose commands it reads, set up with chosen platforms."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any
from unittest.mock import AsyncMock, Mock, patch

from homeassistant.config_entries import ConfigEntry, ConfigSubentry, ConfigSubentryDataWithId
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import Entity
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.smart_charging.coordinator import SiteCoordinator, SmartChargingRuntime
from custom_components.smart_charging.devices import async_follow_devices
from custom_components.smart_charging.engine.config import EvseSettings, SiteConfig
from custom_components.smart_charging.engine.control.battery import (
    BatteryAction,
    BatteryCommand,
    BatteryReason,
    BatterySnapshot,
)
from custom_components.smart_charging.engine.control.planning.problem import Plan
from custom_components.smart_charging.engine.control.pv import PvCommand, PvReason
from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.state import (
    AppliedLimit,
    EvseState,
    Obedience,
    SetupStep,
    StationState,
    StepStatus,
)
from custom_components.smart_charging.engine.energy_origin import EnergyOrigin
from custom_components.smart_charging.engine.grid.grid_room import GridConfig
from custom_components.smart_charging.engine.grid.merge import GridConnection
from custom_components.smart_charging.engine.limit import Limit, LimitSource
from custom_components.smart_charging.engine.model import (
    ChargeMode,
    EvseKey,
    EvseMeasurement,
    EvseStatus,
    MeterQuality,
    Phases,
    Reason,
    ReasonCode,
    Session,
    Setpoint,
    Transaction,
)
from custom_components.smart_charging.engine.recording import Cycle
from custom_components.smart_charging.engine.view import (
    BatteryView,
    ChargerView,
    CircuitView,
    EvseView,
    PvView,
    SiteEvent,
    SiteView,
)
from custom_components.smart_charging.firmware_offers import FirmwareOffers
from custom_components.smart_charging.price_settings import price_settings
from custom_components.smart_charging.prices import SitePrices
from custom_components.smart_charging.services import async_setup_services
from custom_components.smart_charging.settings import site_config

from .builders import charger, grid_meter, site_entry

AT = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
PLUGGED_AT = AT - timedelta(minutes=95, seconds=20)
TOKEN = "04A2B3C4D5E680"
KEY = EvseKey("garage", 1)


def transaction(**changes: Any) -> Transaction:
    """Return an open transaction that delivered 7.25 kWh so far."""
    base = Transaction("17", "garage", 1, TOKEN, PLUGGED_AT, 1000, session_id=3, energy_wh=7250.4)
    return replace(base, **changes)


def session(**changes: Any) -> Session:
    """Return the session of that transaction, with the car still plugged in."""
    return replace(Session(3, "garage", 1, PLUGGED_AT, None, 7250.4, (transaction(),)), **changes)


def measurement(**changes: Any) -> EvseMeasurement:
    """Return readings of a car that charges with 10 A on three phases."""
    base = EvseMeasurement(
        time=AT,
        power_w=6931.6,
        current_a=Phases(10.04, 10.0, 9.96),
        voltage_v=Phases(231.2, 230.4, 229.9),
        energy_wh=8250.0,
    )
    return replace(base, **changes)


def evse(evse_id: int = 1, *, state: Mapping[str, Any] | None = None, **changes: Any) -> EvseView:
    """Return an EVSE that charges from the sun."""
    key = EvseKey("garage", evse_id)
    base = EvseState(
        evse_id,
        status=EvseStatus.CHARGING,
        error_code="NoError",
        measurement=measurement(),
        measured_at=AT - timedelta(seconds=4),
        transaction=transaction(evse_id=evse_id),
        applied=AppliedLimit(10.0, 6.0, AT, AT + timedelta(seconds=300)),
        obedience=Obedience.OBEYS,
    )
    view = EvseView(
        key=key,
        state=replace(base, **(state or {})),
        mode=ChargeMode.SOLAR,
        enabled=True,
        max_current_a=16.0,
        setpoint=Setpoint(10.04, Reason(ReasonCode.SURPLUS)),
        session=session(),
        session_energy_wh=7250.4,
        session_started_at=PLUGGED_AT,
        lifetime_energy_wh=1234567.4,
    )
    return replace(view, **({"wanted": changes.get("settings", EvseSettings())} | changes))


def garage(*evses: EvseView, **changes: Any) -> ChargerView:
    """Return a connected station with these EVSEs, one by default."""
    views = {view.key.evse_id: view for view in evses or (evse(),)}
    state = StationState(
        "garage",
        connected=True,
        connected_since=PLUGGED_AT,
        last_seen=AT,
        protocol="ocpp1.6",
        vendor="Volta",
        model="Wall 11",
        serial_number="V-0815",
        firmware_version="1.4.2",
        status=EvseStatus.AVAILABLE,
        setup=(SetupStep("capabilities", StepStatus.DONE), SetupStep("meter_interval", StepStatus.SKIPPED)),
        evses={view.key.evse_id: view.state for view in views.values()},
    )
    return ChargerView(station=replace(state, **changes), name="Charger garage", safe_current_a=6.0, evses=views)


def circuit_view(circuit_id: str = "cellar", **changes: Any) -> CircuitView:
    """Return a circuit that carries a little."""
    view = CircuitView(
        circuit_id,
        circuit_id.title(),
        MeterQuality.FRESH,
        load_a=Phases(9.04, 1.0, 0.0),
        limit_a=Phases.each(19.0),
        headroom_a=Phases(9.96, 18.0, 19.0),
        sources=(LimitSource.USER, LimitSource.FUSE, LimitSource.NONE),
    )
    return replace(view, **changes)


def battery_view(
    action: BatteryAction = BatteryAction.NORMAL,
    power_w: float = 0.0,
    *,
    battery_id: str = "battery",
    reason: BatteryReason = BatteryReason.NOTHING_ASKED,
) -> BatteryView:
    """Return a half full battery that is told this."""
    command = BatteryCommand(action, reason, power_w)
    return BatteryView(battery_id, battery_id.title(), BatterySnapshot(True, 50.0, 0.0), command)


def pv_view(
    ceiling_w: float | None, *, pv_id: str = "sub_sensor.pv_power", name: str = "PV", reason: PvReason | None = None
) -> PvView:
    """Return a system of 8 kW that may yield this, None for all it can."""
    why = reason or (PvReason.NO_LIMIT if ceiling_w is None else PvReason.EXPORT_LIMIT)
    return PvView(pv_id, name, 8000.0, 5000.0, PvCommand(ceiling_w, why))


def site_view(*chargers: ChargerView, **changes: Any) -> SiteView:
    """Return a sunny site with these chargers, `garage()` by default."""
    view = SiteView(
        at=AT,
        grid_quality=MeterQuality.FRESH,
        grid_power_w=-412.4,
        pv_power_w=8120.2,
        surplus_w=7350.7,
        headroom_a=Phases(23.44, 24.0, 24.56),
        limit_a=34.0,
        chargers={each.station.station_id: each for each in chargers or (garage(),)},
    )
    return replace(view, **changes)


def subentry(data: ConfigSubentryDataWithId) -> ConfigSubentry:
    """Return a subentry to be added to a running entry."""
    return ConfigSubentry(**{**data, "data": MappingProxyType(dict(data["data"]))})


@dataclass
class SiteDouble:
    """Stands in for the site behind the shell: shows what it is given, records what it is asked."""

    hass: HomeAssistant
    view: SiteView
    commands: list[tuple[Any, ...]] = field(default_factory=list)
    refusal: Exception | None = None
    ledger: Mock = field(default_factory=lambda: Mock(grid_proof=Mock(verdict=None)))
    entry: MockConfigEntry | None = None
    rejected_grid_readings: int = 0
    recent_cycles: tuple[Cycle, ...] = ()
    plan: Plan | None = None
    pv_least_w: dict[str, float] = field(default_factory=dict)
    grid: Mock = field(default_factory=lambda: Mock(config=GridConfig(GridConnection(35.0)), minimum=None))
    _listeners: list[Callable[[], None]] = field(default_factory=list)
    _event_listeners: list[Callable[[SiteEvent], None]] = field(default_factory=list)

    def set_pv_least(self, name: str, least_w: float) -> None:
        """Take what a PV system can be told at least."""
        self.pv_least_w[name] = least_w

    @property
    def config(self) -> SiteConfig:
        """Return what the entry configures."""
        assert self.entry is not None
        return site_config(self.hass, self.entry)

    async def fresh_plan(self) -> None:
        """The plan is a test's, and there at once."""

    async def show(self, view: SiteView) -> None:
        """Change the view and let the publishing interval pass."""
        self.view = view
        for listener in tuple(self._listeners):
            listener()
        async_fire_time_changed(self.hass, dt_util.utcnow() + timedelta(seconds=2))
        await self.hass.async_block_till_done()

    async def announce(self, event: SiteEvent) -> None:
        """Tell of an event."""
        for listener in tuple(self._event_listeners):
            listener(event)
        await self.hass.async_block_till_done()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener on changes."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def subscribe_events(self, listener: Callable[[SiteEvent], None]) -> Callable[[], None]:
        """Call the listener with events."""
        self._event_listeners.append(listener)
        return lambda: self._event_listeners.remove(listener)

    async def set_mode(self, key: EvseKey, mode: ChargeMode) -> None:
        """Take the mode over into the view."""
        self._record("set_mode", key, mode)
        self._change(key, mode=mode)

    async def set_max_current(self, key: EvseKey, current_a: float) -> None:
        """Take the limit over into the view."""
        self._record("set_max_current", key, current_a)
        self._change(key, max_current_a=current_a)

    async def set_enabled(self, key: EvseKey, enabled: bool) -> None:
        """Take the switch over into the view."""
        self._record("set_enabled", key, enabled)
        self._change(key, enabled=enabled)

    def settings(self, key: EvseKey) -> EvseSettings:
        """Return what the view shows."""
        return self.view.chargers[key.station_id].evses[key.evse_id].settings

    async def set_settings(self, key: EvseKey, settings: EvseSettings) -> None:
        """Take the settings over into the view."""
        self._record("set_settings", key, settings)
        priority = 0 if settings.priority is None else settings.priority
        self._change(key, settings=settings, wanted=settings, priority=priority)

    def origin(self, session: Session) -> EnergyOrigin | None:
        """Return what the ledger has."""
        return session.origin

    async def set_observe_only(self, observe_only: bool) -> None:
        """Take it over into the view."""
        self._record("set_observe_only", observe_only)
        self.view = replace(self.view, observe_only=observe_only)

    def set_limit(self, limit: Limit) -> None:
        """Take the limit over into the view."""
        self._record("set_limit", limit)
        self.view = replace(self.view, limits=(*self.view.limits, limit))

    def withdraw_limit(self, limit_id: str) -> bool:
        """Take the limit out of the view."""
        self._record("withdraw_limit", limit_id)
        kept = tuple(limit for limit in self.view.limits if limit.limit_id != limit_id)
        withdrawn = len(kept) < len(self.view.limits)
        self.view = replace(self.view, limits=kept)
        return withdrawn

    async def start_charging(self, key: EvseKey, id_token: str | None = None) -> None:
        """Record it."""
        self._record("start_charging", key, id_token)

    async def stop_charging(self, key: EvseKey) -> None:
        """Record it."""
        self._record("stop_charging", key)

    def station(self, station_id: str) -> Mock:
        """Return a station whose commands are recorded here."""
        return Mock(
            change_availability=AsyncMock(side_effect=partial(self._change_availability, station_id)),
            reset=self._command("reset", station_id),
            unlock=self._command("unlock", station_id),
            forget_learnt=self._command("forget_learnt", station_id),
            operations=Mock(
                files=Mock(delivered_percent=42.5, update_firmware=self._command("update_firmware", station_id))
            ),
        )

    def refuse(self, code: CommandErrorCode, detail: str = "") -> None:
        """Refuse every command from now on."""
        self.refusal = CommandError(code, detail)

    def _record(self, *command: Any) -> None:
        self.commands.append(command)
        if self.refusal is not None:
            raise self.refusal

    def _command(self, name: str, station_id: str) -> AsyncMock:
        return AsyncMock(side_effect=lambda *args, **kwargs: self._record(name, station_id, *args, *kwargs.values()))

    def _change_availability(self, station_id: str, evse_id: int, operative: bool) -> None:
        """Take over what was ordered, whether the station does it now or once its transaction ended."""
        self._record("change_availability", station_id, evse_id, operative)
        key = EvseKey(station_id, evse_id)
        state = self.view.chargers[station_id].evses[evse_id].state
        self._change(key, state=replace(state, operative=operative))

    def _change(self, key: EvseKey, **changes: Any) -> None:
        station = self.view.chargers[key.station_id]
        evses = {**station.evses, key.evse_id: replace(station.evses[key.evse_id], **changes)}
        chargers = {**self.view.chargers, key.station_id: replace(station, evses=evses)}
        self.view = replace(self.view, chargers=chargers)


@asynccontextmanager
async def running_site(
    hass: HomeAssistant,
    platforms: Sequence[Platform],
    view: SiteView | None = None,
    *,
    subentries: Sequence[ConfigSubentryDataWithId] | None = None,
    data: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    enable_all: bool = False,
) -> AsyncIterator[SiteDouble]:
    """Set an entry up on a site of a test's making; unload it at the end."""
    await async_setup_component(hass, "homeassistant", {})
    site = SiteDouble(hass, view or site_view())
    entry = site.entry = site_entry(9000, [charger("garage"), grid_meter()] if subentries is None else subentries)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, data={**entry.data, **(data or {})}, options=options or {})

    async def set_up(hass: HomeAssistant, entry: ConfigEntry[SmartChargingRuntime]) -> bool:
        coordinator = SiteCoordinator(hass, entry, site)
        offers = FirmwareOffers(hass, entry)
        prices = SitePrices(hass, entry)
        forecasts = Mock(pv=None, base_load=None, expects_pv=False, told=Mock(return_value={}))
        entry.runtime_data = Mock(
            site=site,
            coordinator=coordinator,
            ledger=site.ledger,
            offers=offers,
            prices=prices,
            forecasts=forecasts,
            grid=Mock(servers={}),
            departures=Mock(told=Mock(return_value={}), status=Mock(return_value=None)),
        )
        prices.async_configure(price_settings(entry.options))
        coordinator.async_start()
        async_follow_devices(entry)
        await hass.config_entries.async_forward_entry_setups(entry, platforms)
        return True

    async def unload(hass: HomeAssistant, entry: ConfigEntry[SmartChargingRuntime]) -> bool:
        entry.runtime_data.prices.async_stop()
        await entry.runtime_data.coordinator.async_shutdown()
        return await hass.config_entries.async_unload_platforms(entry, platforms)

    async_setup_services(hass)
    module = "custom_components.smart_charging"
    with ExitStack() as patches:
        patches.enter_context(patch(f"{module}.async_setup_entry", set_up, create=True))
        patches.enter_context(patch(f"{module}.async_unload_entry", unload, create=True))
        if enable_all:
            patches.enter_context(patch.object(Entity, "entity_registry_enabled_default", True))
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        yield site
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()
