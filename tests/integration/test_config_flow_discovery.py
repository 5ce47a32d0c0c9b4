"""Stations that dial in by themselves become chargers once a user confirms them."""

from datetime import UTC, datetime
from types import MappingProxyType, SimpleNamespace
from typing import Any

from homeassistant.config_entries import SOURCE_IGNORE, SOURCE_INTEGRATION_DISCOVERY, ConfigEntryState, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.discovery import async_discoverer, async_withdraw, plain_text
from custom_components.smart_charging.engine.csms.state import UnknownStation

from .builders import PASSWORD, charger, charger_data, circuit, site_entry
from .flow_steps import suggested

pytestmark = pytest.mark.usefixtures("no_setup")

CONFIRMED = {
    "name": "Carport",
    "no_password": True,
    "max_current_a": 16,
    "phases": "3",
    "rotation": "RST",
    "safe_current_a": 6,
}


def unknown(station_id: str = "CP-1", vendor: str | None = "Volta", model: str | None = "Wall 11") -> UnknownStation:
    """Return a station that nobody configured."""
    return UnknownStation(station_id, vendor, model, datetime(2026, 7, 1, tzinfo=UTC), offered_password=False)


@pytest.fixture
def entry(hass: HomeAssistant) -> MockConfigEntry:
    """Return a running site at which CP-1 waits."""
    entry = site_entry(9000, [charger("OLD")])
    entry.add_to_hass(hass)
    entry.mock_state(hass, ConfigEntryState.LOADED)
    entry.runtime_data = SimpleNamespace(csms=SimpleNamespace(pending={"CP-1": unknown()}), passwords={})
    return entry


async def discover(hass: HomeAssistant, entry: MockConfigEntry, station: UnknownStation) -> list[Any]:
    """Have the station dial in; return the flows that the user sees."""
    async_discoverer(hass, entry)(station)
    await hass.async_block_till_done(wait_background_tasks=True)
    return list(hass.config_entries.flow.async_progress_by_handler(DOMAIN))


async def confirm(hass: HomeAssistant, flow: Any, **changes: Any) -> dict[str, Any]:
    """Confirm a discovered station."""
    return dict(await hass.config_entries.flow.async_configure(flow["flow_id"], CONFIRMED | changes))


async def test_an_unknown_station_is_offered_once_by_vendor_and_model(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await discover(hass, entry, unknown())
    (flow,) = await discover(hass, entry, unknown())
    assert flow["context"]["source"] == SOURCE_INTEGRATION_DISCOVERY
    assert flow["context"]["title_placeholders"] == {"name": "Volta Wall 11 (CP-1)"}
    form: Any = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert form["step_id"] == "confirm"
    assert form["description_placeholders"] == {
        "station_id": "CP-1",
        "vendor": "Volta",
        "model": "Wall 11",
        "site": "Home",
    }
    assert suggested(form) == {"name": "Volta Wall 11"}


async def test_stations_of_one_kind_can_be_told_apart(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await discover(hass, entry, unknown("CP-1"))
    flows = await discover(hass, entry, unknown("CP_`2`"))
    names = {flow["context"]["title_placeholders"]["name"] for flow in flows}
    assert names == {"Volta Wall 11 (CP-1)", "Volta Wall 11 (CP_ 2)"}


async def test_a_name_that_is_taken_is_not_suggested(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hass.config_entries.async_update_subentry(entry, entry.subentries["sub_OLD"], title="Volta Wall 11")
    (flow,) = await discover(hass, entry, unknown())
    form: Any = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert suggested(form) == {"name": "Volta Wall 11 (CP-1)"}


async def test_a_station_that_tells_nothing_is_offered_by_its_id(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    (flow,) = await discover(hass, entry, unknown(vendor=None, model=None))
    assert flow["context"]["title_placeholders"] == {"name": "CP-1"}
    form: Any = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert (form["description_placeholders"]["vendor"], form["description_placeholders"]["model"]) == ("?", "?")


async def test_confirming_without_a_password_adds_the_charger(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    (flow,) = await discover(hass, entry, unknown())
    result = await confirm(hass, flow, name=" Carport ")
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "charger_added"
    assert result["description_placeholders"] == {"name": "Carport"}
    added = next(subentry for subentry in entry.subentries.values() if subentry.unique_id == "CP-1")
    assert added.title == "Carport"
    assert dict(added.data) == charger_data("CP-1")
    assert entry.runtime_data.passwords == {}


async def test_a_site_with_circuits_asks_which_one_feeds_the_charger(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hass.config_entries.async_add_subentry(
        entry,
        ConfigSubentry(
            data=MappingProxyType(dict(circuit("garage")["data"])),
            subentry_id="garage",
            subentry_type="circuit",
            title="Garage",
            unique_id=None,
        ),
    )
    (flow,) = await discover(hass, entry, unknown())
    result = await confirm(hass, flow, circuit="garage")
    assert result["reason"] == "charger_added"
    added = next(subentry for subentry in entry.subentries.values() if subentry.unique_id == "CP-1")
    assert added.data["circuit"] == "garage"


async def test_a_first_password_is_asked_for_only_after_the_charger_took_it(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    (flow,) = await discover(hass, entry, unknown())
    await confirm(hass, flow, no_password=False, password=PASSWORD)
    added = next(subentry for subentry in entry.subentries.values() if subentry.unique_id == "CP-1")
    assert dict(added.data) == charger_data("CP-1")
    assert entry.runtime_data.passwords == {"CP-1": PASSWORD}


async def test_a_station_that_left_can_not_be_given_a_password(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    (flow,) = await discover(hass, entry, unknown())
    entry.runtime_data.csms.pending.clear()
    result = await confirm(hass, flow, no_password=False, password=PASSWORD)
    assert result["errors"] == {"base": "station_gone"}
    result = await confirm(hass, flow)
    assert result["reason"] == "charger_added"


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"no_password": False}, {"password": "password_missing"}),
        ({"no_password": False, "password": "x" * 7}, {"password": "password_unfit_to_tell"}),
        ({"no_password": False, "password": "x" * 21}, {"password": "password_unfit_to_tell"}),
        ({"safe_current_a": 16, "max_current_a": 32}, {"safe_current_a": "safe_current_does_not_fit"}),
        ({"safe_current_a": 19, "max_current_a": 32}, {"safe_current_a": "safe_current_does_not_fit"}),
        ({"name": ""}, {"name": "name_missing"}),
        ({"name": "charger old"}, {"name": "charger_name_in_use"}),
    ],
)
async def test_a_wrong_confirmation_is_refused(
    hass: HomeAssistant, entry: MockConfigEntry, changes: dict[str, Any], errors: dict[str, str]
) -> None:
    hass.config_entries.async_update_subentry(
        entry, entry.subentries["sub_OLD"], data=charger_data("OLD", safe_current_a=10)
    )
    (flow,) = await discover(hass, entry, unknown())
    result = await confirm(hass, flow, **changes)
    assert result["errors"] == errors
    assert len(entry.subentries) == 1


async def test_a_configured_station_is_not_offered(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await discover(hass, entry, unknown("OLD")) == []


async def test_an_ignored_station_is_not_offered_again(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    (flow,) = await discover(hass, entry, unknown())
    ignore = {"unique_id": flow["context"]["unique_id"], "title": "CP-1"}
    await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_IGNORE}, data=ignore)
    assert await discover(hass, entry, unknown(vendor="Other")) == []


async def test_an_offer_of_a_site_that_stopped_ends(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    (flow,) = await discover(hass, entry, unknown())
    entry.mock_state(hass, ConfigEntryState.NOT_LOADED)
    assert (await confirm(hass, flow))["reason"] == "site_not_loaded"


async def test_offers_are_withdrawn_one_by_one_or_with_their_site(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    for station_id in ("CP-1", "CP-2", "CP-3"):
        flows = await discover(hass, entry, unknown(station_id))
    assert len(flows) == 3
    async_withdraw(hass, entry.entry_id, "CP-2")
    left = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert sorted(str(flow["context"]["unique_id"]) for flow in left) == ["site1/CP-1", "site1/CP-3"]
    async_withdraw(hass, "site2")
    assert len(hass.config_entries.flow.async_progress_by_handler(DOMAIN)) == 2
    async_withdraw(hass, entry.entry_id)
    assert hass.config_entries.flow.async_progress_by_handler(DOMAIN) == []


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (None, ""),
        ("Volta  Wall\t11", "Volta Wall 11"),
        ("Ärger & Söhne", "Ärger Söhne"),
        ("[click](x://y) `code` <b>bold</b> **", "click (x //y) code b bold /b"),
        ("\x1b[31mred\x00", "31mred"),
        ("x" * 100_000, "x" * 40),
    ],
)
def test_a_strangers_text_is_made_harmless_and_short(told: str | None, shown: str) -> None:
    assert plain_text(told) == shown
