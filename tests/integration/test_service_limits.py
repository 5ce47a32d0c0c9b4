"""The actions that limit an EVSE, a circuit or the site, and take that back."""

from datetime import datetime, timedelta
from typing import Any
from unittest.mock import ANY

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
import probatio
import pytest

from custom_components.smart_charging.engine.config import EvseSettings
from custom_components.smart_charging.engine.limit import Limit, LimitSource, LimitUnit
from custom_components.smart_charging.engine.model import EvseKey, StoreError

from .builders import battery, charger, circuit, grid_meter
from .site_double import AT, KEY, SiteDouble, battery_view, circuit_view, evse, garage, running_site, site_view

DOMAIN = "smart_charging"
PLATFORMS = [Platform.SENSOR]
SUBENTRIES = [charger("garage"), grid_meter(), circuit("cellar"), battery()]
VIEW = site_view(circuits={"cellar": circuit_view()}, batteries={"battery": battery_view()})


@pytest.fixture(autouse=True)
def noon(freezer: FrozenDateTimeFactory) -> None:
    """Let it be noon."""
    freezer.move_to(AT)


def device_id(hass: HomeAssistant, identifier: str = "sub_garage") -> str:
    """Return the id of a device."""
    registry, key = dr.async_get(hass), (DOMAIN, identifier)
    device = registry.async_get_device_by_identifier(key, "site1") or registry.async_get_child_device_by_identifier(
        key, "site1"
    )
    assert device is not None
    return device.id


async def call(hass: HomeAssistant, action: str, *identifiers: str, **data: Any) -> None:
    """Call an action for these devices and wait for it."""
    devices = [device_id(hass, identifier) for identifier in identifiers]
    await hass.services.async_call(DOMAIN, action, {"device_id": devices, **data}, blocking=True)


def the_limit(site: SiteDouble) -> Limit:
    """Return the one limit that was set."""
    ((name, limit),) = site.commands
    assert name == "set_limit"
    assert isinstance(limit, Limit)
    assert limit.source is LimitSource.USER
    return limit


@pytest.mark.parametrize(
    ("identifier", "circuit_id", "key"), [("site1", "", None), ("cellar", "cellar", None), ("sub_garage", "", KEY)]
)
@pytest.mark.parametrize(
    ("amount", "value", "unit"), [({"current": 10}, 10.0, LimitUnit.AMPERE), ({"power": 4200}, 4200.0, LimitUnit.WATT)]
)
async def test_a_limit_reaches_its_place_in_its_unit_for_its_time(
    hass: HomeAssistant,
    identifier: str,
    circuit_id: str,
    key: EvseKey | None,
    amount: dict[str, float],
    value: float,
    unit: LimitUnit,
) -> None:
    async with running_site(hass, PLATFORMS, VIEW, subentries=SUBENTRIES) as site:
        await call(hass, "set_limit", identifier, **amount, duration={"minutes": 90})
        limit = the_limit(site)
        assert (limit.circuit_id, limit.evse, limit.value, limit.unit) == (circuit_id, key, value, unit)
        assert limit.valid_until == AT + timedelta(minutes=90)
        assert not limit.controllable_only
        assert "garage" not in limit.limit_id.replace("sub_garage", "")


async def test_a_limit_may_end_at_a_local_time_or_not_at_all(hass: HomeAssistant) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    async with running_site(hass, PLATFORMS, VIEW, subentries=SUBENTRIES) as site:
        await call(hass, "set_limit", "site1", power=5000, until="2026-06-01 18:00:00")
        assert the_limit(site).valid_until == datetime.fromisoformat("2026-06-01T16:00:00+00:00")
        site.commands.clear()
        await call(hass, "set_limit", "cellar", power=0, controllable_only=True)
        limit = the_limit(site)
        assert (limit.value, limit.valid_until, limit.controllable_only) == (0.0, None, True)


async def test_each_place_has_one_limit_of_the_users(hass: HomeAssistant) -> None:
    view = site_view(garage(evse(1), evse(2)), circuits={"cellar": circuit_view()})
    async with running_site(hass, PLATFORMS, view, subentries=SUBENTRIES) as site:
        places = ("site1", "cellar", "sub_garage_1", "sub_garage_2")
        for power in (3000, 2000):
            await call(hass, "set_limit", *places, power=power)
        ids = [limit.limit_id for _, limit in site.commands]
        assert len(set(ids)) == 4
        assert ids[:4] == ids[4:]


async def test_a_chargers_current_without_an_end_is_kept_as_its_maximum_current(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS, VIEW, subentries=SUBENTRIES) as site:
        await call(hass, "set_limit", "sub_garage", current=10)
        assert [command[:2] for command in site.commands] == [("set_max_current", KEY), ("withdraw_limit", ANY)]
        assert site.commands[0][2] == 10.0


async def test_a_charger_is_blocked_for_a_while_or_until_that_is_taken_back(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS, VIEW, subentries=SUBENTRIES) as site:
        await call(hass, "set_limit", "sub_garage", current=0)
        block = the_limit(site)
        assert (block.value, block.valid_until) == (0.0, None)
        site.commands.clear()
        await call(hass, "set_limit", "sub_garage", current=0, duration="01:00:00")
        assert the_limit(site).value == 0.0
        site.commands.clear()
        await call(hass, "set_limit", "sub_garage", current=16)
        assert site.commands == [("set_max_current", KEY, 16.0), ("withdraw_limit", block.limit_id)]


async def test_a_lasting_current_that_no_car_charges_with_is_refused(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS, VIEW, subentries=SUBENTRIES) as site:
        with pytest.raises(ServiceValidationError) as error:
            await call(hass, "set_limit", "sub_garage", current=3)
        assert error.value.translation_key == "limit_out_of_range"
        assert site.commands == []


@pytest.mark.parametrize("identifier", ["site1", "cellar", "sub_garage"])
@pytest.mark.parametrize("data", [{"power": 0}, {"power": 0, "duration": 60}, {"current": 0, "duration": 60}])
async def test_a_limit_of_nothing_is_a_block(hass: HomeAssistant, identifier: str, data: dict[str, float]) -> None:
    async with running_site(hass, PLATFORMS, VIEW, subentries=SUBENTRIES) as site:
        await call(hass, "set_limit", identifier, **data)
        assert the_limit(site).value == 0.0


@pytest.mark.parametrize(
    ("identifiers", "data", "key"),
    [
        (["site1"], {}, "limit_without_value"),
        (["site1"], {"power": 1000, "duration": 0}, "limit_already_over"),
        (["site1"], {"power": 1000, "until": "2026-06-01T12:00:00+00:00"}, "limit_already_over"),
        (["site1"], {"power": 1000, "duration": {"days": 999999999}}, "time_out_of_range"),
        (["site1"], {"power": 1000, "until": "0001-01-01 00:00:00+14:00"}, "time_out_of_range"),
        (["site1"], {"power": 1000, "evse": 1}, "evse_without_charger"),
        (["cellar"], {"power": 1000, "evse": 1}, "evse_without_charger"),
        (["battery"], {"power": 1000}, "not_a_charger"),
        (["sub_garage"], {"current": 16.1, "duration": 60}, "limit_out_of_range"),
        (["sub_garage"], {"power": 1000, "evse": 3}, "no_such_evse"),
        (["sub_garage"], {"power": 1000, "controllable_only": True}, "controllable_only_of_charger"),
        (["cellar", "sub_garage"], {"current": 9, "controllable_only": True}, "controllable_only_of_charger"),
        (["site1", "battery"], {"power": 1000}, "not_a_charger"),
        (["cellar", "sub_garage"], {"current": 20, "duration": 60}, "limit_out_of_range"),
    ],
)
async def test_a_limit_that_cannot_be_is_refused_and_changes_nothing(
    hass: HomeAssistant, identifiers: list[str], data: dict[str, Any], key: str
) -> None:
    async with running_site(hass, PLATFORMS, VIEW, subentries=SUBENTRIES) as site:
        with pytest.raises(ServiceValidationError) as error:
            await call(hass, "set_limit", *identifiers, **data)
        assert error.value.translation_key == key
        assert str(error.value) not in {"", key}
        assert site.commands == []


@pytest.mark.parametrize(
    "data",
    [
        {"current": 10, "power": 1000},
        {"power": -1},
        {"power": "inf"},
        {"power": "nan"},
        {"current": "much"},
        {"power": 1000, "duration": 60, "until": "2026-06-01 18:00:00"},
        {"power": 1000, "duration": -60},
    ],
)
async def test_malformed_data_is_refused(hass: HomeAssistant, data: dict[str, Any]) -> None:
    async with running_site(hass, PLATFORMS, VIEW, subentries=SUBENTRIES) as site:
        with pytest.raises(probatio.Invalid):
            await call(hass, "set_limit", "site1", **data)
        assert site.commands == []


async def test_a_circuit_that_is_not_in_the_site_yet_is_refused(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS, VIEW, subentries=SUBENTRIES) as site:
        site.view = site_view()
        with pytest.raises(ServiceValidationError) as error:
            await call(hass, "set_limit", "cellar", power=1000)
        assert error.value.translation_key == "not_a_place_to_limit"


async def test_clearing_takes_back_what_was_set(hass: HomeAssistant) -> None:
    limited = evse(settings=EvseSettings(max_current_a=10.0, priority=2))
    view = site_view(garage(limited), circuits={"cellar": circuit_view()})
    async with running_site(hass, PLATFORMS, view, subentries=SUBENTRIES) as site:
        await call(hass, "set_limit", "site1", "cellar", "sub_garage", power=3000)
        assert len(site.view.limits) == 3
        await call(hass, "clear_limit", "site1", "cellar", "sub_garage")
        assert site.view.limits == ()
        assert site.settings(KEY) == EvseSettings(priority=2)
        site.commands.clear()
        await call(hass, "clear_limit", "sub_garage")
        assert [command[0] for command in site.commands] == ["withdraw_limit"]


async def test_a_wrong_place_among_right_ones_clears_nothing(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS, VIEW, subentries=SUBENTRIES) as site:
        with pytest.raises(ServiceValidationError):
            await call(hass, "clear_limit", "site1", "battery")
        assert site.commands == []


async def test_a_limit_that_cannot_be_kept_is_an_error(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS, VIEW, subentries=SUBENTRIES) as site:
        site.refusal = StoreError("disk full")
        with pytest.raises(HomeAssistantError) as error:
            await call(hass, "set_limit", "sub_garage", current=10)
        assert error.value.translation_key == "not_stored"
