"""Actions: charging started, stopped, limited and explained from automations, and sessions read from the ledger."""

from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_register_admin_service
from homeassistant.util import dt as dt_util
import probatio

from .const import DOMAIN
from .engine.model import ChargeMode
from .errors import check_charge_levels, translated_errors
from .service_certificates import AUTHORITY_SCHEMA, get_certificate_authority
from .service_decisions import DECISION_SCHEMA, DUMP_SCHEMA, dump_decisions, get_decision
from .service_grid_log import EXPORT_SCHEMA, export_grid_log
from .service_grid_signals import CLEAR_GRID_LIMIT_SCHEMA, SET_GRID_LIMIT_SCHEMA, clear_grid_limit, set_grid_limit
from .service_grid_trials import SIMULATE_SCHEMA, TEST_SCHEMA, run_compliance_test, simulate_grid_signal
from .service_limits import LIMIT_SCHEMA, clear_limit, set_limit
from .service_operations import async_setup_operations
from .service_plans import CLEAR_SCHEMA, PLAN_SCHEMA, check_clearing, check_plan, clear_plan, get_plan, set_plan
from .service_security import async_setup_security_services
from .service_sessions import SESSIONS_SCHEMA, get_sessions
from .service_targets import EVSE_SCHEMA, Target, evse_target
from .service_tokens import async_setup_token_services
from .wishes import Targets, boost, with_targets

SERVICE_START_CHARGING: Final = "start_charging"
SERVICE_STOP_CHARGING: Final = "stop_charging"
SERVICE_SET_MODE: Final = "set_mode"
SERVICE_BOOST: Final = "boost"
SERVICE_SET_TARGETS: Final = "set_targets"
SERVICE_SET_PLAN: Final = "set_plan"
SERVICE_CLEAR_PLAN: Final = "clear_plan"
SERVICE_GET_PLAN: Final = "get_plan"
SERVICE_SET_LIMIT: Final = "set_limit"
SERVICE_CLEAR_LIMIT: Final = "clear_limit"
SERVICE_GET_SESSIONS: Final = "get_sessions"
SERVICE_GET_DECISION: Final = "get_decision"
SERVICE_DUMP_DECISIONS: Final = "dump_decisions"
SERVICE_GET_CERTIFICATE_AUTHORITY: Final = "get_certificate_authority"
SERVICE_SET_GRID_LIMIT: Final = "set_grid_limit"
SERVICE_CLEAR_GRID_LIMIT: Final = "clear_grid_limit"
SERVICE_SIMULATE_GRID_SIGNAL: Final = "simulate_grid_signal"
SERVICE_COMPLIANCE_TEST: Final = "compliance_test"
SERVICE_EXPORT_GRID_LOG: Final = "export_grid_log"

ATTR_TAG: Final = "tag"
ATTR_MODE: Final = "mode"
ATTR_MINUTES: Final = "minutes"
ATTR_TARGET_ENERGY: Final = "target_energy"
ATTR_TARGET_SOC: Final = "target_soc"
ATTR_MIN_SOC: Final = "min_soc"

MAX_TAG_LENGTH: Final = 20  # OCPP 1.6 section 7.28 IdToken
MAX_BOOST_MINUTES: Final = 1440
MAX_TARGET_KWH: Final = 200  # as the number entity

_PERCENT: Final = probatio.All(probatio.Coerce(float), probatio.Range(min=0, max=100))
START_SCHEMA: Final = EVSE_SCHEMA.extend(
    {probatio.Optional(ATTR_TAG): probatio.All(cv.string, probatio.Length(min=1, max=MAX_TAG_LENGTH))}
)
MODE_SCHEMA: Final = EVSE_SCHEMA.extend({probatio.Required(ATTR_MODE): probatio.Coerce(ChargeMode)})
BOOST_SCHEMA: Final = EVSE_SCHEMA.extend(
    {
        probatio.Required(ATTR_MINUTES): probatio.All(
            probatio.Coerce(float), probatio.Range(min=0, max=MAX_BOOST_MINUTES)
        )
    }
)
TARGETS_SCHEMA: Final = EVSE_SCHEMA.extend(
    {
        probatio.Optional(ATTR_TARGET_ENERGY): probatio.All(
            probatio.Coerce(float), probatio.Range(min=0, max=MAX_TARGET_KWH)
        ),
        probatio.Optional(ATTR_TARGET_SOC): _PERCENT,
        probatio.Optional(ATTR_MIN_SOC): _PERCENT,
    }
)

type EvseAction = Callable[[Target, ServiceCall], Awaitable[None]]


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    async_setup_operations(hass)
    for name, action, schema in (
        (SERVICE_START_CHARGING, _start_charging, START_SCHEMA),
        (SERVICE_STOP_CHARGING, _stop_charging, EVSE_SCHEMA),
        (SERVICE_SET_MODE, _set_mode, MODE_SCHEMA),
        (SERVICE_BOOST, _boost, BOOST_SCHEMA),
    ):
        hass.services.async_register(DOMAIN, name, _for_each_evse(action), schema)
    set_targets = _for_each_evse(_set_targets, _check_targets)
    hass.services.async_register(DOMAIN, SERVICE_SET_TARGETS, set_targets, TARGETS_SCHEMA)
    hass.services.async_register(DOMAIN, SERVICE_SET_PLAN, _for_each_evse(set_plan, check_plan), PLAN_SCHEMA)
    clear = _for_each_evse(clear_plan, check_clearing)
    hass.services.async_register(DOMAIN, SERVICE_CLEAR_PLAN, clear, CLEAR_SCHEMA)
    hass.services.async_register(DOMAIN, SERVICE_SET_LIMIT, set_limit, LIMIT_SCHEMA)
    hass.services.async_register(DOMAIN, SERVICE_CLEAR_LIMIT, clear_limit, EVSE_SCHEMA)
    for name, answer, schema in (
        (SERVICE_GET_SESSIONS, get_sessions, SESSIONS_SCHEMA),
        (SERVICE_GET_DECISION, get_decision, DECISION_SCHEMA),
        (SERVICE_GET_PLAN, get_plan, EVSE_SCHEMA),
        (SERVICE_DUMP_DECISIONS, dump_decisions, DUMP_SCHEMA),
    ):
        hass.services.async_register(DOMAIN, name, answer, schema, supports_response=SupportsResponse.ONLY)
    async_setup_token_services(hass)
    async_setup_security_services(hass)
    async_register_admin_service(
        hass,
        DOMAIN,
        SERVICE_GET_CERTIFICATE_AUTHORITY,
        get_certificate_authority,
        AUTHORITY_SCHEMA,
        supports_response=SupportsResponse.ONLY,
    )
    for name, answer, schema in (
        (SERVICE_SET_GRID_LIMIT, set_grid_limit, SET_GRID_LIMIT_SCHEMA),
        (SERVICE_CLEAR_GRID_LIMIT, clear_grid_limit, CLEAR_GRID_LIMIT_SCHEMA),
        (SERVICE_SIMULATE_GRID_SIGNAL, simulate_grid_signal, SIMULATE_SCHEMA),
        (SERVICE_COMPLIANCE_TEST, run_compliance_test, TEST_SCHEMA),
        (SERVICE_EXPORT_GRID_LOG, export_grid_log, EXPORT_SCHEMA),
    ):
        async_register_admin_service(hass, DOMAIN, name, answer, schema, SupportsResponse.OPTIONAL)


def _for_each_evse(
    action: EvseAction, check: Callable[[Target, ServiceCall], None] | None = None
) -> Callable[[ServiceCall], Coroutine[Any, Any, None]]:
    """Return a handler that does the action for every device named, once all of them are known to be right."""

    async def handle(call: ServiceCall) -> None:
        """Act on each EVSE and show the result at once."""
        targets = [evse_target(call, device_id) for device_id in call.data[ATTR_DEVICE_ID]]
        if check is not None:
            for target in targets:
                check(target, call)
        for target in targets:
            with translated_errors(target.subentry.title):
                await action(target, call)
            target.entry.runtime_data.coordinator.async_publish_now()

    return handle


async def _start_charging(target: Target, call: ServiceCall) -> None:
    """Ask the station for a transaction."""
    await target.entry.runtime_data.site.start_charging(target.key, call.data.get(ATTR_TAG))


async def _stop_charging(target: Target, _call: ServiceCall) -> None:
    """Ask the station to end its transaction."""
    await target.entry.runtime_data.site.stop_charging(target.key)


async def _set_mode(target: Target, call: ServiceCall) -> None:
    """Change the mode."""
    await target.entry.runtime_data.site.set_mode(target.key, call.data[ATTR_MODE])


async def _boost(target: Target, call: ServiceCall) -> None:
    """Begin a boost, or end it."""
    duration = timedelta(minutes=call.data[ATTR_MINUTES])
    await boost(target.entry.runtime_data.site, target.key, duration, dt_util.utcnow())


def _check_targets(target: Target, call: ServiceCall) -> None:
    """Raise ServiceValidationError for targets that are none, or that no car can have together."""
    before, targets = target.entry.runtime_data.site.settings(target.key), _targets(call)
    if targets == Targets():
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_target_given")
    check_charge_levels(before, with_targets(before, targets), target.subentry.title)


async def _set_targets(target: Target, call: ServiceCall) -> None:
    """Change the targets that are given."""
    site = target.entry.runtime_data.site
    await site.set_settings(target.key, with_targets(site.settings(target.key), _targets(call)))


def _targets(call: ServiceCall) -> Targets:
    """Return what a car is to have."""
    energy_kwh = call.data.get(ATTR_TARGET_ENERGY)
    return Targets(
        energy_wh=None if energy_kwh is None else energy_kwh * 1000,
        soc_percent=call.data.get(ATTR_TARGET_SOC),
        min_soc_percent=call.data.get(ATTR_MIN_SOC),
    )
