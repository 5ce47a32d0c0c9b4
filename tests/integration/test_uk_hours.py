"""The United Kingdom's charging hours as a user sees them and overrides them."""

from datetime import UTC, datetime, timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import ATTR_ENTITY_ID, STATE_OFF, STATE_ON, STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.engine.grid.uk_rules import UkReason, UkRules, UkVerdict, override_until
from custom_components.smart_charging.engine.grid_setup import grid_config
from custom_components.smart_charging.engine.model import EvseKey

from .builders import charger
from .grid_operator import attributes, configure, published, value
from .site_setup import set_up
from .virtual_station import virtual_station

SWITCH = "switch.charger_cp_1_off_peak_hours_by_default"
BUTTON = "button.charger_cp_1_charge_in_spite_of_peak_hours"
HOURS = "sensor.charger_cp_1_charging_hours"
ENTITIES = (SWITCH, BUTTON, HOURS)
# A Monday, 9:00 in London: within the morning's peak, which ends at 11.
PEAK = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
PEAK_ENDS = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("unload_at_the_end")


@pytest.fixture
async def entry(hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory) -> MockConfigEntry:
    """Return a running site with one charger, at a peak time."""
    freezer.move_to(PEAK)
    return await set_up(hass, free_port, charger("CP-1"))


async def set_up_platforms(hass: HomeAssistant, entry: MockConfigEntry, uk: UkRules | None) -> None:
    """Configure the rules, or none, and have the platforms set up anew."""
    configure(entry, uk=uk)
    platforms = ["button", "sensor", "switch"]
    await hass.config_entries.async_unload_platforms(entry, platforms)
    await hass.config_entries.async_forward_entry_setups(entry, platforms)
    await published(hass)


async def press(hass: HomeAssistant, domain: str, service: str, entity_id: str) -> None:
    """Use a switch or a button."""
    await hass.services.async_call(domain, service, {ATTR_ENTITY_ID: entity_id}, blocking=True)
    await hass.async_block_till_done()


async def test_they_are_there_while_the_site_has_the_rules_and_are_gone_for_good_without(
    hass: HomeAssistant, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    assert [hass.states.get(one) for one in ENTITIES] == [None, None, None]
    await set_up_platforms(hass, entry, UkRules(most_delay_s=0))
    assert (value(hass, SWITCH), value(hass, HOURS)) == (STATE_ON, "peak")
    await set_up_platforms(hass, entry, None)
    assert [hass.states.get(one) for one in ENTITIES] == [None, None, None]
    assert [entity_registry.async_get(one) for one in ENTITIES] == [None, None, None]
    assert hass.states.get("switch.charger_cp_1_charging_allowed") is not None


async def test_what_the_rules_say_is_shown_with_its_end(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    await set_up_platforms(hass, entry, UkRules(most_delay_s=0))
    shown = attributes(hass, HOURS)
    assert (shown["may_charge"], shown["until"]) == (False, PEAK_ENDS.isoformat())
    freezer.move_to(PEAK_ENDS)
    entry.runtime_data.site.grid.look()
    await published(hass)
    assert value(hass, HOURS) == "off_peak"
    assert attributes(hass, HOURS)["may_charge"] is True
    assert value(hass, BUTTON) == STATE_UNAVAILABLE  # there is nothing to override


async def test_who_presses_charges_until_the_peak_would_have_ended(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await set_up_platforms(hass, entry, UkRules(most_delay_s=0))
    grid = entry.runtime_data.site.grid
    assert [one.limit_id for one in grid.decision.limits] == ["grid/uk/CP-1/1"]
    await press(hass, "button", "press", BUTTON)
    assert grid.decision.limits == ()
    assert value(hass, HOURS) == "overridden"
    assert attributes(hass, HOURS)["until"] == PEAK_ENDS.isoformat()
    assert value(hass, BUTTON) == STATE_UNAVAILABLE
    assert value(hass, SWITCH) == STATE_ON  # for once only


async def test_hours_of_the_owners_own_take_the_place_of_the_default_ones_until_these_are_wanted_again(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await set_up_platforms(hass, entry, UkRules(most_delay_s=0))
    grid = entry.runtime_data.site.grid
    await press(hass, "switch", "turn_off", SWITCH)
    assert (value(hass, SWITCH), value(hass, HOURS)) == (STATE_OFF, "own_hours")
    assert attributes(hass, HOURS)["until"] is None
    assert grid.decision.limits == ()
    await press(hass, "switch", "turn_on", SWITCH)
    assert (value(hass, SWITCH), value(hass, HOURS)) == (STATE_ON, "peak")
    assert len(grid.decision.limits) == 1


async def test_own_hours_are_still_shown_while_they_are_overridden(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await set_up_platforms(hass, entry, UkRules(most_delay_s=0))
    await press(hass, "button", "press", BUTTON)
    await press(hass, "switch", "turn_off", SWITCH)
    assert (value(hass, SWITCH), value(hass, HOURS)) == (STATE_OFF, "overridden")


async def test_an_evse_of_which_the_rules_say_nothing_yet_is_unavailable(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await set_up_platforms(hass, entry, UkRules(most_delay_s=0))
    site = entry.runtime_data.site
    site.grid.configure(grid_config(site.config, [], [], uk=UkRules(most_delay_s=0)))
    await published(hass)
    assert {value(hass, one) for one in ENTITIES} == {STATE_UNAVAILABLE}


@pytest.mark.parametrize(
    ("ends_after", "lasts"),
    [(timedelta(hours=2), timedelta(hours=2)), (timedelta(hours=60), timedelta(hours=24)), (None, timedelta(hours=24))],
)
def test_an_override_without_an_end_lasts_as_long_as_the_verdict_and_a_day_at_most(
    ends_after: timedelta | None, lasts: timedelta
) -> None:
    verdict = UkVerdict(False, UkReason.PEAK, None if ends_after is None else PEAK + ends_after)
    assert override_until(verdict, PEAK) == PEAK + lasts


async def test_all_evses_of_a_charger_keep_the_hours_and_are_overridden_together(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await set_up_platforms(hass, entry, UkRules(most_delay_s=0))
    grid = entry.runtime_data.site.grid
    async with virtual_station(entry.data["port"], "CP-1") as station:
        await station.boot()
        await station.report("Available", 1)
        await station.report("Preparing", 2)
        await hass.async_block_till_done()
        assert {one.evse: one.value for one in grid.decision.limits} == {
            EvseKey("CP-1", 1): 0.0,
            EvseKey("CP-1", 2): 0.0,
        }
        await press(hass, "button", "press", BUTTON)
        assert grid.decision.limits == ()
        assert grid.decision.uk[EvseKey("CP-1", 2)].reason is UkReason.OVERRIDDEN
        await press(hass, "switch", "turn_off", SWITCH)
        await press(hass, "switch", "turn_on", SWITCH)
        assert value(hass, SWITCH) == STATE_ON


async def test_an_evse_that_showed_itself_silently_is_under_the_rules_with_the_next_look(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await set_up_platforms(hass, entry, UkRules(most_delay_s=0))
    grid = entry.runtime_data.site.grid
    entry.runtime_data.csms.stations["CP-1"]._core.change_evse(
        2
    )  # as what a station tells of itself while it is set up
    assert len(grid.decision.limits) == 1
    grid.look()
    assert len(grid.decision.limits) == 2


async def test_only_the_first_evse_of_a_charger_has_them(
    hass: HomeAssistant, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    await set_up_platforms(hass, entry, UkRules())
    async with virtual_station(entry.data["port"], "CP-1") as station:
        await station.boot()
        await station.report("Available", 1)
        await station.report("Available", 2)
        await published(hass)
        known = er.async_entries_for_config_entry(entity_registry, entry.entry_id)
        assert "sub_CP-1_2_charging" in {one.unique_id for one in known}
        found = {one.unique_id for one in known if "_uk_" in one.unique_id}
        assert found == {f"sub_CP-1_1_{name}" for name in ("uk_default_hours", "uk_charge_now", "uk_hours")}
