"""The logbook's sentences."""

from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.smart_charging.logbook_grid import grid_sentence

from .site_double import AT, evse, garage, running_site, site_view

EVENT = "smart_charging_event"


@pytest.fixture(autouse=True)
def auto_enable_custom_integrations(recorder_mock: object, enable_custom_integrations: None) -> None:
    """Start the recorder first, which has to be there before Home Assistant."""


@pytest.fixture
async def logbook(hass: HomeAssistant) -> None:
    """Set the logbook up."""
    assert await async_setup_component(hass, "logbook", {})
    await hass.async_block_till_done()


async def sentence(hass: HomeAssistant, hass_ws_client: WebSocketGenerator, **data: object) -> dict[str, str]:
    """Fire an event and return what the logbook makes of it."""
    hass.bus.async_fire(EVENT, data)
    await async_wait_recording_done(hass)
    client = await hass_ws_client()
    start = (dt_util.utcnow() - timedelta(minutes=1)).isoformat()
    await client.send_json_auto_id({"type": "logbook/get_events", "start_time": start})
    response = await client.receive_json()
    assert response["success"], response
    (entry,) = [entry for entry in response["result"] if entry.get("domain") == "smart_charging"]
    return entry


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"type": "session_started"}, "started a session"),
        (
            {"type": "session_ended", "energy_kwh": 7.2, "duration_s": 3900},
            "ended a session: 7.20 kWh in 1:05 h",
        ),
        ({"type": "transaction_refused"}, "ends a transaction that the second central system refuses"),
        ({"type": "target_unreachable", "missing_kwh": 3.21}, "will miss its target by 3.2 kWh"),
        ({"type": "tag_presented", "tag_label": "#a1b2c3"}, "was shown tag #a1b2c3"),
        ({"type": "tag_presented"}, "was shown a tag"),
        ({"type": "security_event", "kind": "Tamper"}, "reported the security event Tamper"),
        ({"type": "alert", "variable": "A.B", "value": "7"}, "raised an alert: A.B is 7"),
        ({"type": "reservation_ended", "reason": "used"}, "ended a reservation: used"),
        ({"type": "priority_charging", "activated": True}, "charges with priority"),
        ({"type": "priority_charging", "activated": False}, "no longer charges with priority"),
        ({"type": "der_alarm", "control": "VoltVar"}, "raised a grid alarm: VoltVar"),
        ({"type": "der_alarm", "control": "VoltVar", "fault": "OverVoltage"}, "raised a grid alarm: OverVoltage"),
        ({"type": "der_control", "started": True}, "started to support the grid"),
        ({"type": "der_control", "started": False}, "stopped supporting the grid"),
        ({"type": "file_received", "file": "a.bin"}, "uploaded a.bin"),
        ({"type": "upload_failed", "reason": "UploadFailed"}, "could not upload a file: UploadFailed"),
        ({"type": "firmware_installed", "version": "2.0"}, "installed firmware 2.0"),
        ({"type": "firmware_installed"}, "installed firmware"),
        ({"type": "firmware_failed", "reason": "DownloadFailed"}, "could not install firmware: DownloadFailed"),
        (
            {"type": "grid_limit_started", "source": "Grid relay", "direction": "import", "limit_w": 7560},
            "was limited to 7,560 W by Grid relay",
        ),
        (
            {"type": "grid_limit_started", "source": "Box", "direction": "export", "limit_w": 6000, "why": "stated"},
            "was limited to 6,000 W of feed-in by Box",
        ),
        (
            {"type": "grid_limit_changed", "source": "action", "direction": "import", "limit_w": 4200},
            "is now limited to 4,200 W by an action",
        ),
        (
            {"type": "grid_limit_started", "source": "Grid relay", "limit_w": 4200, "why": "failsafe"},
            "was limited to 4,200 W by the fail-safe of Grid relay",
        ),
        (
            {"type": "grid_limit_started", "source": "Ripple", "kind": "block", "limit_w": 0},
            "was blocked by Ripple",
        ),
        (
            {"type": "grid_limit_ended", "source": "simulation", "direction": "import"},
            "is no longer limited by a simulated signal",
        ),
        (
            {"type": "grid_limit_ended", "source": "Box", "direction": "export"},
            "is no longer limited in its feed-in by Box",
        ),
        ({"type": "grid_source_lost", "source": "Grid relay"}, "lost the grid signal source Grid relay"),
        ({"type": "grid_source_back", "source": "Grid relay"}, "hears the grid signal source Grid relay again"),
        (
            {"type": "grid_not_obeyed", "drawn_w": 5000, "allowed_w": 4200},
            "does not follow the grid operator's limit: draws 5,000 W where 4,200 W are allowed",
        ),
        ({"type": "grid_obeyed", "drawn_w": 0, "allowed_w": 4200}, "follows the grid operator's limit again"),
    ],
)
@pytest.mark.usefixtures("logbook")
async def test_an_event_becomes_a_sentence(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    device_registry: dr.DeviceRegistry,
    data: dict[str, object],
    message: str,
) -> None:
    async with running_site(hass, [Platform.EVENT]):
        device = device_registry.async_get_device_by_identifier(("smart_charging", "sub_garage"), "site1")
        assert device is not None
        told = await sentence(hass, hass_ws_client, device_id=device.id, **data)
        assert (told["name"], told["message"]) == ("Charger garage", message)


@pytest.mark.parametrize(
    ("until", "said"), [("2026-06-01T15:00:00+00:00", "17:00"), ("2026-06-02T05:30:00+00:00", "2026-06-02 07:30")]
)
async def test_the_end_of_a_limit_is_told_by_the_clock_on_the_wall(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, until: str, said: str
) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    freezer.move_to(AT)
    limit = {"type": "grid_limit_started", "source": "Grid relay", "limit_w": 7560, "until": until}
    assert grid_sentence(limit) == f"was limited to 7,560 W by Grid relay until {said}"


@pytest.mark.usefixtures("logbook")
async def test_one_of_several_evses_is_named_with_its_charger(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, device_registry: dr.DeviceRegistry
) -> None:
    async with running_site(hass, [Platform.EVENT], site_view(garage(evse(1), evse(2)))):
        device = device_registry.async_get_child_device_by_identifier(("smart_charging", "sub_garage_2"), "site1")
        assert device is not None
        told = await sentence(hass, hass_ws_client, device_id=device.id, type="session_started")
        assert told["name"] == "Charger garage EVSE 2"


@pytest.mark.usefixtures("logbook")
async def test_an_event_of_a_removed_charger_is_still_told(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator
) -> None:
    async with running_site(hass, [Platform.EVENT]):
        told = await sentence(hass, hass_ws_client, device_id="gone", type="session_started")
        assert told["name"] == "Charger"
