"""The actions that try a limit of the grid operator's: a simulated signal, and a test whose outcome is proven."""

import asyncio
from datetime import timedelta
from typing import Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.util.json import JsonValueType
import probatio

from .const import DOMAIN
from .coordinator import SmartChargingConfigEntry
from .engine.grid.signal import SignalKind, SignalUnit
from .engine.grid_record import FollowUp
from .engine.grid_trial import ComplianceResult, TrialError, compliance_test, simulate
from .engine.model import EvseKey
from .service_grid_places import (
    ATTR_SCOPE,
    GridPlace,
    check_amount,
    effective_limit,
    grid_refusal,
    grid_scope,
    grid_site,
    iso,
    shown_evse,
)
from .service_grid_signals import ATTR_KIND, SITE_SCOPE
from .service_limits import ATTR_DURATION, ATTR_POWER
from .service_targets import real_number
from .service_times import time_span

DEFAULT_DURATION: Final = timedelta(minutes=15)

_KINDS: Final = (SignalKind.IMPORT_LIMIT, SignalKind.EXPORT_LIMIT, SignalKind.BLOCK)
SIMULATE_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(ATTR_DEVICE_ID): cv.string,
        probatio.Optional(ATTR_KIND, default=SignalKind.IMPORT_LIMIT): probatio.All(
            probatio.Coerce(SignalKind), probatio.In(_KINDS)
        ),
        probatio.Optional(ATTR_SCOPE): SITE_SCOPE,
        probatio.Optional(ATTR_POWER): real_number,
        probatio.Optional(ATTR_DURATION, default=DEFAULT_DURATION): time_span,
    }
)
TEST_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(ATTR_DEVICE_ID): cv.string,
        probatio.Optional(ATTR_POWER): real_number,
    }
)


async def simulate_grid_signal(call: ServiceCall) -> ServiceResponse:
    """Let a limit hold for a time as if the grid operator asked for it, and return what holds then."""
    entry, kind = grid_site(call), call.data[ATTR_KIND]
    scope = grid_scope(call, kind, GridPlace(entry, entry.title))
    try:
        simulate(entry.runtime_data.site.grid, _power(call), call.data[ATTR_DURATION], kind=kind, scope=scope)
    except TrialError as err:
        raise grid_refusal(f"trial_{err.refusal.value}", site=entry.title) from err
    entry.runtime_data.coordinator.async_publish_now()
    return effective_limit(entry)


async def run_compliance_test(call: ServiceCall) -> ServiceResponse:
    """Dim the site for about a minute and return whether that was obeyed; the test ends with its site, or its caller."""
    entry = grid_site(call)
    try:
        result = await _tested(call.hass, entry, _power(call))
    except TrialError as err:
        raise grid_refusal(f"trial_{err.refusal.value}", site=entry.title) from err
    entry.runtime_data.coordinator.async_publish_now()
    return _shown(entry, result)


async def _tested(hass: HomeAssistant, entry: SmartChargingConfigEntry, limit_w: float | None) -> ComplianceResult:
    """Run the test for as long as the site is loaded; HomeAssistantError where it is unloaded meanwhile."""
    test = entry.async_create_background_task(
        hass, compliance_test(entry.runtime_data.site.grid, limit_w), f"{DOMAIN} compliance test of {entry.title}"
    )
    try:
        await asyncio.wait({test})
    finally:
        test.cancel()
    if test.cancelled():
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="compliance_test_ended",
            translation_placeholders={"site": entry.title},
        )
    return test.result()


def _power(call: ServiceCall) -> float | None:
    """Return the power that was chosen, None where none was; raises ServiceValidationError for an impossible one."""
    power_w: float | None = call.data.get(ATTR_POWER)
    if power_w is not None:
        check_amount(power_w, SignalUnit.WATT)
    return power_w


def _shown(entry: SmartChargingConfigEntry, result: ComplianceResult) -> dict[str, JsonValueType]:
    """Return what came of a test; a record that is not written yet has no number."""
    sequence = None if result.record is None else result.record.sequence
    follow_ups: list[JsonValueType] = [_follow_up(one) for one in result.follow_ups]
    return {
        "site": entry.title,
        "limit_w": round(result.limit_w),
        "began_at": iso(result.began_at),
        "ended_at": iso(result.ended_at),
        "result": result.result.value,
        "complied_after_s": result.complied_after_s,
        "follow_ups": follow_ups,
        "disobeyed": _evses(entry, result.disobeyed),
        "unknown": _evses(entry, result.unknown),
        "record": sequence if sequence is not None and sequence > 0 else None,
    }


def _follow_up(made: FollowUp) -> dict[str, JsonValueType]:
    return {
        "after_s": made.after_s,
        "at": iso(made.at),
        "result": made.result.value,
        "grid_w": made.powers.grid_w,
        "chargers_w": made.powers.chargers_w,
        "judged_w": made.judged_w,
        "complied_after_s": made.complied_after_s,
    }


def _evses(entry: SmartChargingConfigEntry, keys: tuple[EvseKey, ...]) -> list[JsonValueType]:
    return [shown_evse(entry, key) for key in keys]
