"""Binary sensors as a user sees them."""

from typing import Any

from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import snapshot_platform
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from custom_components.smart_charging.engine.config import EvseSettings
from custom_components.smart_charging.engine.csms.state import Capabilities, Obedience
from custom_components.smart_charging.engine.model import EvseStatus

from .site_double import AT, evse, garage, running_site, site_view

SENSORS = [Platform.BINARY_SENSOR]
CONNECTIVITY = "binary_sensor.charger_garage_connectivity"
PLUG = "binary_sensor.charger_garage_plug"
RISK = "binary_sensor.charger_garage_deadline_risk"
PROBLEM = "binary_sensor.charger_garage_problem"


def value(hass: HomeAssistant, entity_id: str) -> str:
    """Return an entity's state."""
    state = hass.states.get(entity_id)
    assert state is not None, entity_id
    return state.state


async def test_every_binary_sensor_shows_the_view(
    hass: HomeAssistant, entity_registry: er.EntityRegistry, snapshot: SnapshotAssertion
) -> None:
    snapshot = snapshot.use_extension(HomeAssistantSnapshotExtension)
    async with running_site(hass, SENSORS) as site:
        await snapshot_platform(hass, entity_registry, snapshot, site.entry.entry_id)


async def test_a_charger_that_is_away_tells_only_that(hass: HomeAssistant) -> None:
    async with running_site(hass, SENSORS) as site:
        assert value(hass, CONNECTIVITY) == STATE_ON
        await site.show(site_view(garage(connected=False)))
        assert value(hass, CONNECTIVITY) == STATE_OFF
        assert value(hass, PLUG) == STATE_UNAVAILABLE
        assert value(hass, PROBLEM) == STATE_UNAVAILABLE


@pytest.mark.parametrize(
    ("status", "expected"),
    [(EvseStatus.PREPARING, STATE_ON), (EvseStatus.AVAILABLE, STATE_OFF), (None, STATE_UNKNOWN)],
)
async def test_plug_follows_the_status(hass: HomeAssistant, status: EvseStatus | None, expected: str) -> None:
    async with running_site(hass, SENSORS, site_view(garage(evse(state={"status": status})))):
        assert value(hass, PLUG) == expected


@pytest.mark.parametrize(
    ("state", "station"),
    [
        ({"status": EvseStatus.FAULTED, "error_code": "GroundFailure"}, {}),
        ({}, {"status": EvseStatus.FAULTED}),
        ({"obedience": Obedience.IGNORES}, {}),
        ({"obedience": Obedience.REJECTS}, {}),
        ({}, {"capabilities": Capabilities(holds_lease=False)}),
    ],
)
async def test_a_fault_or_disobedience_is_a_problem(
    hass: HomeAssistant, state: dict[str, Any], station: dict[str, Any]
) -> None:
    async with running_site(hass, SENSORS) as site:
        assert value(hass, PROBLEM) == STATE_OFF
        await site.show(site_view(garage(evse(state=state), **station)))
        assert value(hass, PROBLEM) == STATE_ON


async def test_a_fault_is_shown_in_the_stations_words(hass: HomeAssistant) -> None:
    faulted = evse(state={"status": EvseStatus.FAULTED, "error_code": "GroundFailure", "vendor_error_code": "E17"})
    async with running_site(hass, SENSORS, site_view(garage(faulted))):
        state = hass.states.get(PROBLEM)
        assert state is not None
        assert state.attributes["error_code"] == "GroundFailure"
        assert state.attributes["vendor_error_code"] == "E17"


@pytest.mark.parametrize(
    ("missing_wh", "expected", "missing_kwh"),
    [(None, STATE_OFF, None), (0.0, STATE_OFF, 0.0), (199.0, STATE_OFF, 0.2), (6243.6, STATE_ON, 6.2)],
)
@pytest.mark.parametrize("connected", [True, False])
async def test_a_target_that_will_be_missed_is_a_risk_also_while_the_charger_is_away(
    hass: HomeAssistant, missing_wh: float | None, expected: str, missing_kwh: float | None, connected: bool
) -> None:
    wanted = EvseSettings(departure=AT)
    view = site_view(garage(evse(missing_wh=missing_wh, settings=wanted), connected=connected))
    async with running_site(hass, SENSORS, view):
        assert value(hass, RISK) == expected
        state = hass.states.get(RISK)
        assert state is not None
        assert (state.attributes["missing_kwh"], state.attributes["departure"]) == (missing_kwh, AT.isoformat())
