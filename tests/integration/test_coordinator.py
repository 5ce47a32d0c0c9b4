"""How a view reaches the entities, and how chargers and EVSEs are announced."""

from collections.abc import AsyncIterator
from datetime import timedelta
from types import MappingProxyType

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.smart_charging.coordinator import SiteCoordinator
from custom_components.smart_charging.engine.model import EvseKey

from .builders import charger, charger_data, site_entry
from .site_double import SiteDouble, evse, garage, site_view


class Shown:
    """A running coordinator, its site, and what its listeners were told."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry) -> None:
        """Start the coordinator on an empty site."""
        self.entry = entry
        self.site = SiteDouble(hass, site_view(chargers={}))
        self.coordinator = SiteCoordinator(hass, entry, self.site)  # type: ignore[arg-type]  # stands in for it
        self.powers: list[float | None] = []
        self.chargers: list[str] = []
        self.evses: list[tuple[str, EvseKey]] = []
        self.coordinator.async_add_listener(lambda: self.powers.append(self.coordinator.data.grid_power_w))
        self.coordinator.async_add_charger_listener(lambda subentry: self.chargers.append(subentry.subentry_id))
        self.coordinator.async_add_evse_listener(lambda subentry, key: self.evses.append((subentry.subentry_id, key)))
        self.coordinator.async_start()
        self.powers.clear()

    def change(self, power_w: float) -> None:
        """Change the view at once, as the site does on a reading."""
        self.site.view = site_view(chargers={}, grid_power_w=power_w)
        for listener in self.site._listeners:
            listener()


@pytest.fixture
async def shown(hass: HomeAssistant) -> AsyncIterator[Shown]:
    """Return a running coordinator of a site with the charger `garage` configured."""
    entry = site_entry(9000, [charger("garage")])
    entry.add_to_hass(hass)
    shown = Shown(hass, entry)
    yield shown
    await shown.coordinator.async_shutdown()


async def tick(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    """Let the publishing interval pass."""
    freezer.tick(timedelta(seconds=1.1))
    async_fire_time_changed(hass)
    await hass.async_block_till_done()


async def test_a_change_is_shown_at_once_and_a_burst_once_a_second(
    hass: HomeAssistant, shown: Shown, freezer: FrozenDateTimeFactory
) -> None:
    for power_w in range(100):
        shown.change(power_w)
    assert shown.powers == [0]
    await tick(hass, freezer)
    assert shown.powers == [0, 99]
    await tick(hass, freezer)
    assert shown.powers == [0, 99]
    shown.change(500)
    assert shown.powers == [0, 99, 500]


async def test_what_a_user_did_is_shown_without_waiting(hass: HomeAssistant, shown: Shown) -> None:
    shown.change(1)
    shown.change(2)
    shown.coordinator.async_publish_now()
    assert shown.powers == [1, 2]


async def test_what_changes_because_of_a_publication_waits_its_second(
    hass: HomeAssistant, shown: Shown, freezer: FrozenDateTimeFactory
) -> None:
    def answer() -> None:
        if len(shown.powers) < 10:
            shown.change(100 + len(shown.powers))

    shown.coordinator.async_add_listener(answer)
    shown.change(1)
    assert shown.powers == [1]
    await tick(hass, freezer)
    assert shown.powers == [1, 101]


@pytest.mark.parametrize("again", ["change", "publish"])
async def test_a_publication_is_never_entered_again(
    hass: HomeAssistant, shown: Shown, freezer: FrozenDateTimeFactory, again: str
) -> None:
    def answer() -> None:
        if len(shown.powers) < 3:
            if again == "change":
                shown.change(100)
            else:
                shown.coordinator.async_publish_now()

    shown.coordinator.async_add_listener(answer)
    shown.coordinator.async_publish_now()
    assert len(shown.powers) == 1
    await tick(hass, freezer)
    assert len(shown.powers) == 2
    await tick(hass, freezer)
    assert len(shown.powers) == 3


async def test_after_the_shutdown_nothing_is_shown(
    hass: HomeAssistant, shown: Shown, freezer: FrozenDateTimeFactory
) -> None:
    shown.change(1)
    shown.change(2)
    await shown.coordinator.async_shutdown()
    await tick(hass, freezer)
    shown.change(3)
    assert shown.powers == [1]


async def test_chargers_and_evses_are_announced_once_as_they_appear(hass: HomeAssistant, shown: Shown) -> None:
    await shown.site.show(site_view())
    await shown.site.show(site_view())
    assert shown.chargers == ["sub_garage"]
    assert shown.evses == [("sub_garage", EvseKey("garage", 1))]
    await shown.site.show(site_view(garage(evse(1), evse(2))))
    assert shown.evses[1:] == [("sub_garage", EvseKey("garage", 2))]


async def test_who_listens_later_is_told_of_all_and_who_stops_of_none(hass: HomeAssistant, shown: Shown) -> None:
    await shown.site.show(site_view(garage(evse(1), evse(2))))
    late_chargers: list[str] = []
    late_evses: list[int] = []
    stop_chargers = shown.coordinator.async_add_charger_listener(lambda sub: late_chargers.append(sub.subentry_id))
    stop_evses = shown.coordinator.async_add_evse_listener(lambda _, key: late_evses.append(key.evse_id))
    assert (late_chargers, late_evses) == (["sub_garage"], [1, 2])
    stop_chargers()
    stop_evses()
    await shown.site.show(site_view(garage(evse(1), evse(2), evse(3))))
    assert (late_chargers, late_evses) == (["sub_garage"], [1, 2])


async def test_a_charger_that_was_removed_and_added_again_is_announced_again(hass: HomeAssistant, shown: Shown) -> None:
    await shown.site.show(site_view())
    hass.config_entries.async_remove_subentry(shown.entry, "sub_garage")
    await shown.site.show(site_view(chargers={}))
    new = ConfigSubentry(
        data=MappingProxyType(charger_data("garage")),
        subentry_id="sub_new",
        subentry_type="charger",
        title="New",
        unique_id="garage",
    )
    hass.config_entries.async_add_subentry(shown.entry, new)
    await shown.site.show(site_view())
    assert shown.chargers == ["sub_garage", "sub_new"]
    assert [subentry_id for subentry_id, _ in shown.evses] == ["sub_garage", "sub_new"]


async def test_a_station_without_a_subentry_is_not_announced(hass: HomeAssistant, shown: Shown) -> None:
    hass.config_entries.async_remove_subentry(shown.entry, "sub_garage")
    await shown.site.show(site_view())
    assert (shown.chargers, shown.evses) == ([], [])
