"""Events as automations see them."""

from datetime import timedelta

from homeassistant.const import STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import snapshot_platform
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from custom_components.smart_charging.engine.energy_origin import EnergyOrigin
from custom_components.smart_charging.engine.model import EvseKey
from custom_components.smart_charging.engine.view import SiteEvent, SiteEventType

from .site_double import AT, KEY, PLUGGED_AT, TOKEN, evse, garage, running_site, session, site_view, transaction

EVENTS = [Platform.EVENT]
SESSION = "event.charger_garage_session"
TAG = "event.charger_garage_tag"


def attributes(hass: HomeAssistant, entity_id: str) -> dict[str, object]:
    """Return an entity's attributes."""
    state = hass.states.get(entity_id)
    assert state is not None, entity_id
    return dict(state.attributes)


async def test_every_event_is_there(
    hass: HomeAssistant, entity_registry: er.EntityRegistry, snapshot: SnapshotAssertion
) -> None:
    snapshot = snapshot.use_extension(HomeAssistantSnapshotExtension)
    async with running_site(hass, EVENTS) as site:
        await snapshot_platform(hass, entity_registry, snapshot, site.entry.entry_id)


async def test_the_end_of_a_session_tells_what_it_delivered(hass: HomeAssistant) -> None:
    origin = EnergyOrigin(6355.2, 100.0, 700.0, 0.5678, 7155.2, 210.4, 7155.2)
    ended = session(plugged_out_at=AT, energy_wh=7250.4, origin=origin)
    event = SiteEvent(SiteEventType.SESSION_ENDED, KEY, AT, ended, transaction(), "#a1b2c3")
    async with running_site(hass, EVENTS) as site:
        await site.announce(event)
        told = attributes(hass, SESSION)
        assert told["event_type"] == "session_ended"
        assert told["energy_kwh"] == 7.25
        assert told["duration_s"] == 5720
        assert told["started_at"] == PLUGGED_AT.isoformat()
        assert told["ended_at"] == AT.isoformat()
        assert told["tag_label"] == "#a1b2c3"
        assert told["solar_share"] == 0.877
        parts = {name: told[f"{name}_kwh"] for name in ("solar", "battery", "grid", "unknown")}
        assert parts == {"solar": 6.355, "battery": 0.1, "grid": 0.7, "unknown": 0.095}
        assert (told["cost"], told["average_price"], told["priced_kwh"]) == (0.57, 0.0794, 7.155)
        assert told["co2_g"] == 210
        assert TOKEN not in str(told)


async def test_of_energy_that_nobody_watched_no_share_and_no_money_is_told(hass: HomeAssistant) -> None:
    ended = session(plugged_out_at=AT, origin=EnergyOrigin())
    async with running_site(hass, EVENTS) as site:
        await site.announce(SiteEvent(SiteEventType.SESSION_ENDED, KEY, AT, ended))
        told = attributes(hass, SESSION)
        assert told["unknown_kwh"] == told["energy_kwh"] == 7.25
        assert not told.keys() & {"solar_share", "cost", "average_price", "co2_g"}


async def test_what_is_not_known_of_a_session_is_left_out(hass: HomeAssistant) -> None:
    async with running_site(hass, EVENTS) as site:
        await site.announce(SiteEvent(SiteEventType.SESSION_STARTED, KEY, AT, session(plugged_in_at=AT, energy_wh=0.0)))
        told = attributes(hass, SESSION)
        assert told["event_type"] == "session_started"
        assert not told.keys() & {"ended_at", "tag_label", "solar_share", "cost"}


async def test_a_presented_tag_belongs_to_the_station(hass: HomeAssistant) -> None:
    event = SiteEvent(SiteEventType.TAG_PRESENTED, EvseKey("garage", 0), AT, tag_label="#a1b2c3")
    async with running_site(hass, EVENTS) as site:
        await site.announce(event)
        assert attributes(hass, TAG)["tag_label"] == "#a1b2c3"
        assert hass.states.get(SESSION).state == STATE_UNKNOWN


async def test_an_event_is_shown_on_its_own_evse_only(hass: HomeAssistant) -> None:
    async with running_site(hass, EVENTS, site_view(garage(evse(1), evse(2)))) as site:
        await site.announce(SiteEvent(SiteEventType.SESSION_STARTED, EvseKey("garage", 2), AT, session(evse_id=2)))
        await site.announce(SiteEvent(SiteEventType.SESSION_STARTED, EvseKey("carport", 1), AT, session()))
        assert hass.states.get("event.charger_garage_evse_1_session").state == STATE_UNKNOWN
        assert attributes(hass, "event.charger_garage_evse_2_session")["event_type"] == "session_started"


async def test_the_bus_hears_of_an_event_with_its_device(
    hass: HomeAssistant, entity_registry: er.EntityRegistry
) -> None:
    heard = []
    hass.bus.async_listen("smart_charging_event", heard.append)
    async with running_site(hass, EVENTS) as site:
        ended = session(plugged_out_at=AT + timedelta(seconds=1))
        await site.announce(SiteEvent(SiteEventType.SESSION_ENDED, KEY, AT, ended))
        device_id = entity_registry.async_get(SESSION).device_id
    assert [event.data["type"] for event in heard] == ["session_ended"]
    assert heard[0].data["device_id"] == device_id
    assert heard[0].data["energy_kwh"] == 7.25


async def test_a_target_out_of_reach_is_told_with_what_will_be_missing(hass: HomeAssistant) -> None:
    details = {"missing_kwh": 3.21, "departure": AT.isoformat()}
    async with running_site(hass, EVENTS) as site:
        await site.announce(SiteEvent(SiteEventType.TARGET_UNREACHABLE, KEY, AT, details=details))
        told = attributes(hass, SESSION)
        assert (told["event_type"], told["missing_kwh"]) == ("target_unreachable", 3.21)
        assert told["departure"] == AT.isoformat()
