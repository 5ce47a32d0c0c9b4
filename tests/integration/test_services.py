"""Actions as automations call them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import AsyncMock

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
import probatio
import pytest

from custom_components.smart_charging.engine.config import EvseSettings
from custom_components.smart_charging.engine.csms.commands import CommandErrorCode
from custom_components.smart_charging.engine.energy_origin import EnergyOrigin
from custom_components.smart_charging.engine.model import ChargeMode, EvseKey, StoreError

from .builders import charger, site_entry
from .site_double import (
    AT,
    KEY,
    PLUGGED_AT,
    TOKEN,
    SiteDouble,
    evse,
    garage,
    running_site,
    session,
    site_view,
    transaction,
)

DOMAIN = "smart_charging"
PLATFORMS = [Platform.SENSOR]


async def call(hass: HomeAssistant, action: str, **data: Any) -> None:
    """Call an action and wait for it."""
    await hass.services.async_call(DOMAIN, action, data, blocking=True)


async def get_sessions(hass: HomeAssistant, **data: Any) -> list[dict[str, Any]]:
    """Return what `get_sessions` answers."""
    response = await hass.services.async_call(DOMAIN, "get_sessions", data, blocking=True, return_response=True)
    assert isinstance(response, dict)
    sessions = response["sessions"]
    assert isinstance(sessions, list)
    return sessions  # type: ignore[return-value]  # JSON values of a known shape


def device_id(hass: HomeAssistant, identifier: str = "sub_garage") -> str:
    """Return the id of a charger's or an EVSE's device."""
    registry, key = dr.async_get(hass), (DOMAIN, identifier)
    device = registry.async_get_device_by_identifier(key, "site1") or registry.async_get_child_device_by_identifier(
        key, "site1"
    )
    assert device is not None
    return device.id


@pytest.mark.parametrize(
    ("action", "data", "commands"),
    [
        ("start_charging", {}, [("start_charging", KEY, None)]),
        ("start_charging", {"tag": TOKEN}, [("start_charging", KEY, TOKEN)]),
        ("start_charging", {"evse": 1}, [("start_charging", KEY, None)]),
        ("start_charging", {"evse": 1.0}, [("start_charging", KEY, None)]),
        ("start_charging", {"evse": "1"}, [("start_charging", KEY, None)]),
        ("stop_charging", {}, [("stop_charging", KEY)]),
        ("set_mode", {"mode": "solar_min"}, [("set_mode", KEY, ChargeMode.SOLAR_MIN)]),
        ("set_limit", {"current": 10}, [("set_max_current", KEY, 10.0), ("withdraw_limit", "user sub_garage 1")]),
    ],
)
async def test_an_action_reaches_its_evse(
    hass: HomeAssistant, action: str, data: dict[str, Any], commands: list[tuple[object, ...]]
) -> None:
    async with running_site(hass, PLATFORMS) as site:
        await call(hass, action, device_id=device_id(hass), **data)
        assert site.commands == commands


@pytest.mark.parametrize(
    ("action", "data", "settings"),
    [
        ("boost", {"minutes": 30}, EvseSettings(boost_until=AT + timedelta(minutes=30), min_soc_percent=10.0)),
        ("boost", {"minutes": 0}, EvseSettings(min_soc_percent=10.0)),
        ("set_targets", {"target_energy": 7.5}, EvseSettings(target_energy_wh=7500.0, min_soc_percent=10.0)),
        ("set_targets", {"target_soc": 80}, EvseSettings(target_soc_percent=80.0, min_soc_percent=10.0)),
        ("set_targets", {"min_soc": 0, "target_soc": 0}, EvseSettings()),
        ("set_targets", {"min_soc": 20}, EvseSettings(min_soc_percent=20.0)),
    ],
)
async def test_a_wish_is_kept_among_the_evses_settings(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    action: str,
    data: dict[str, Any],
    settings: EvseSettings,
) -> None:
    freezer.move_to(AT)
    before = evse(settings=EvseSettings(min_soc_percent=10.0))
    async with running_site(hass, PLATFORMS, site_view(garage(before))) as site:
        await call(hass, action, device_id=device_id(hass), **data)
        assert site.commands == [("set_settings", KEY, settings)]


async def test_targets_without_any_target_are_refused(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS) as site:
        with pytest.raises(ServiceValidationError) as error:
            await call(hass, "set_targets", device_id=device_id(hass))
        assert error.value.translation_key == "no_target_given"
        assert site.commands == []


@pytest.mark.parametrize("data", [{"min_soc": 81}, {"target_soc": 29}, {"min_soc": 60, "target_soc": 50}])
async def test_a_minimum_charge_above_the_target_is_refused_for_all_devices(
    hass: HomeAssistant, data: dict[str, float]
) -> None:
    before = EvseSettings(min_soc_percent=30.0, target_soc_percent=80.0)
    async with running_site(hass, PLATFORMS, site_view(garage(evse(1), evse(2, settings=before)))) as site:
        devices = [device_id(hass, "sub_garage_1"), device_id(hass, "sub_garage_2")]
        with pytest.raises(ServiceValidationError) as error:
            await call(hass, "set_targets", device_id=devices, **data)
        assert error.value.translation_key == "min_soc_above_target"
        assert site.commands == []


async def test_both_levels_can_be_moved_at_once(hass: HomeAssistant) -> None:
    before = EvseSettings(min_soc_percent=10.0, target_soc_percent=40.0)
    async with running_site(hass, PLATFORMS, site_view(garage(evse(settings=before)))) as site:
        await call(hass, "set_targets", device_id=device_id(hass), min_soc=50, target_soc=80)
        wanted = EvseSettings(min_soc_percent=50.0, target_soc_percent=80.0)
        assert site.commands == [("set_settings", KEY, wanted)]


async def test_one_action_serves_several_devices(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS, site_view(garage(evse(1), evse(2)))) as site:
        devices = [device_id(hass, "sub_garage_1"), device_id(hass, "sub_garage_2")]
        await call(hass, "set_mode", device_id=devices, mode="fast")
        assert [command[1] for command in site.commands] == [EvseKey("garage", 1), EvseKey("garage", 2)]


async def test_a_charger_with_several_evses_needs_to_be_told_which(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS, site_view(garage(evse(1), evse(2)))) as site:
        with pytest.raises(ServiceValidationError) as error:
            await call(hass, "stop_charging", device_id=device_id(hass))
        assert error.value.translation_key == "evse_required"
        assert site.commands == []
        await call(hass, "stop_charging", device_id=device_id(hass), evse=2)
        assert site.commands == [("stop_charging", EvseKey("garage", 2))]


@pytest.mark.parametrize(
    ("identifier", "evse_id", "key"),
    [("sub_garage", 3, "no_such_evse"), ("sub_garage_1", 2, "no_such_evse"), ("site1", None, "not_a_charger")],
)
async def test_a_device_that_has_no_such_evse_is_refused(
    hass: HomeAssistant, identifier: str, evse_id: int | None, key: str
) -> None:
    async with running_site(hass, PLATFORMS, site_view(garage(evse(1), evse(2)))) as site:
        data = {} if evse_id is None else {"evse": evse_id}
        with pytest.raises(ServiceValidationError) as error:
            await call(hass, "set_mode", device_id=device_id(hass, identifier), mode="off", **data)
        assert error.value.translation_key == key
        assert site.commands == []


async def test_a_foreign_or_unknown_device_is_refused(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS):
        with pytest.raises(ServiceValidationError):
            await call(hass, "stop_charging", device_id="nonsense")


async def test_a_wrong_device_among_right_ones_changes_nothing(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS) as site:
        with pytest.raises(ServiceValidationError):
            await call(hass, "set_mode", device_id=[device_id(hass), device_id(hass, "site1")], mode="fast")
        assert site.commands == []


@pytest.mark.parametrize("current", [5.9, 16.1])
async def test_a_limit_outside_the_chargers_range_is_refused(hass: HomeAssistant, current: float) -> None:
    async with running_site(hass, PLATFORMS) as site:
        with pytest.raises(ServiceValidationError) as error:
            await call(hass, "set_limit", device_id=device_id(hass), current=current)
        assert error.value.translation_key == "limit_out_of_range"
        assert site.commands == []


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("start_charging", {"tag": "x" * 21}),
        ("start_charging", {"device_id": []}),
        ("set_mode", {"mode": "eco"}),
        ("set_limit", {"current": "much"}),
        ("stop_charging", {"evse": 0}),
        ("stop_charging", {"evse": 1.7}),
        ("stop_charging", {"evse": True}),
        ("stop_charging", {"evse": "inf"}),
        ("boost", {}),
        ("boost", {"minutes": -1}),
        ("boost", {"minutes": 1441}),
        ("set_targets", {"target_soc": 101}),
        ("set_targets", {"min_soc": "nan"}),
        ("set_targets", {"target_energy": -1}),
    ],
)
async def test_malformed_data_is_refused(hass: HomeAssistant, action: str, data: dict[str, Any]) -> None:
    async with running_site(hass, PLATFORMS) as site:
        with pytest.raises(probatio.Invalid):
            await call(hass, action, **{"device_id": device_id(hass), **data})
        assert site.commands == []


async def test_a_refusal_of_the_station_is_told_to_the_caller(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS) as site:
        site.refuse(CommandErrorCode.NO_TRANSACTION)
        with pytest.raises(ServiceValidationError) as error:
            await call(hass, "stop_charging", device_id=device_id(hass))
        assert error.value.translation_key == "command_no_transaction"


def recorded(site: SiteDouble) -> None:
    """Give the ledger two sessions, newest first as it answers."""
    earlier = session(
        session_id=2,
        plugged_in_at=PLUGGED_AT - timedelta(days=1),
        plugged_out_at=AT - timedelta(days=1),
        energy_wh=3000.0,
        transactions=(
            transaction(
                session_id=2,
                energy_wh=3000.0,
                stopped_at=AT - timedelta(days=1),
                stop_reason="EVDisconnected",
                offline=True,
            ),
        ),
    )
    site.ledger.sessions = AsyncMock(return_value=(session(), earlier))


async def test_sessions_are_told_without_the_value_of_a_tag(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS) as site:
        recorded(site)
        earlier, current = await get_sessions(hass)
    assert (earlier["charger"], earlier["evse"], earlier["energy_kwh"]) == ("Charger garage", 1, 3.0)
    assert earlier["duration_s"] == 5720
    assert earlier["transactions"][0]["stop_reason"] == "EVDisconnected"
    assert (earlier["transactions"][0]["offline"], current["transactions"][0]["offline"]) == (True, False)
    assert "ended_at" not in current
    assert current["tag_label"] == earlier["tag_label"]
    assert TOKEN not in str((earlier, current))


async def test_sessions_tell_where_their_energy_came_from_as_far_as_the_site_knows_now(hass: HomeAssistant) -> None:
    known = EnergyOrigin(3000.0, 0.0, 4000.0, 1.4, 7000.0)
    async with running_site(hass, PLATFORMS) as site:
        recorded(site)
        site.origin = lambda one: known if one.plugged_out_at is None else None  # type: ignore[method-assign]
        earlier, current = await get_sessions(hass)
    assert (current["solar_kwh"], current["grid_kwh"], current["unknown_kwh"]) == (3.0, 4.0, 0.25)
    assert (current["solar_share"], current["cost"], current["average_price"]) == (0.414, 1.4, 0.2)
    assert not earlier.keys() & {"solar_kwh", "unknown_kwh", "solar_share", "cost", "co2_g"}


async def test_sessions_can_be_asked_for_by_time_and_charger(hass: HomeAssistant) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    async with running_site(hass, PLATFORMS) as site:
        recorded(site)
        await get_sessions(hass, device_id=device_id(hass), start="2026-06-01 00:00:00", end="2026-07-01 00:00:00")
        site.ledger.sessions.assert_awaited_once_with(
            start=datetime(2026, 5, 31, 22, 0, tzinfo=UTC), end=datetime(2026, 6, 30, 22, 0, tzinfo=UTC), key=KEY
        )


@pytest.mark.parametrize("where", [{}, {"config_entry_id": "site1"}])
async def test_sessions_of_a_site_include_those_of_removed_chargers(hass: HomeAssistant, where: dict[str, str]) -> None:
    async with running_site(hass, PLATFORMS) as site:
        site.ledger.sessions = AsyncMock(return_value=(session(station_id="sold", transactions=()),))
        (told,) = await get_sessions(hass, **where)
        assert told["charger"] == "sold"
        assert told["transactions"] == []
        site.ledger.sessions.assert_awaited_once_with(start=None, end=None, key=None)


async def test_the_sites_own_device_stands_for_all_its_sessions(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS) as site:
        recorded(site)
        assert len(await get_sessions(hass, device_id=device_id(hass, "site1"))) == 2


async def test_an_end_before_the_start_is_refused(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS):
        with pytest.raises(ServiceValidationError) as error:
            await get_sessions(hass, start="2026-07-01 00:00:00", end="2026-06-01 00:00:00")
        assert error.value.translation_key == "end_before_start"


@pytest.mark.parametrize(
    "times",
    [
        {"start": "0001-01-01 00:00:00"},
        {"end": "0001-01-01T00:00:00+14:00"},
        {"end": "9999-12-31T23:59:59-14:00"},
    ],
)
async def test_a_time_that_no_clock_can_show_in_utc_is_refused(hass: HomeAssistant, times: dict[str, str]) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    async with running_site(hass, PLATFORMS) as site:
        recorded(site)
        with pytest.raises(ServiceValidationError) as error:
            await get_sessions(hass, **times)
        assert error.value.translation_key == "time_out_of_range"
        assert str(error.value) != ""


@pytest.mark.parametrize("where", [{}, {"config_entry_id": "site1"}, {"device_id": "site1"}])
async def test_an_evse_without_its_charger_is_refused(hass: HomeAssistant, where: dict[str, str]) -> None:
    async with running_site(hass, PLATFORMS) as site:
        recorded(site)
        if "device_id" in where:
            where = {"device_id": device_id(hass, where["device_id"])}
        with pytest.raises(ServiceValidationError) as error:
            await get_sessions(hass, evse=1, **where)
        assert error.value.translation_key == "evse_without_charger"


async def test_a_charger_of_another_site_is_refused(hass: HomeAssistant) -> None:
    other = site_entry(9001, entry_id="site2")
    other.add_to_hass(hass)
    async with running_site(hass, PLATFORMS) as site:
        recorded(site)
        other.mock_state(hass, ConfigEntryState.LOADED)
        with pytest.raises(ServiceValidationError) as error:
            await get_sessions(hass, device_id=device_id(hass), config_entry_id="site2")
        assert error.value.translation_key == "charger_of_another_site"
        with pytest.raises(ServiceValidationError):
            await get_sessions(hass, device_id=device_id(hass), config_entry_id="nonsense")
        assert len(await get_sessions(hass, device_id=device_id(hass), config_entry_id="site1")) == 2
        other.mock_state(hass, ConfigEntryState.NOT_LOADED)


async def test_a_session_that_goes_on_reaches_up_to_now_only(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to(AT)
    async with running_site(hass, PLATFORMS) as site:
        site.ledger.sessions = AsyncMock(return_value=(session(),))
        assert len(await get_sessions(hass, start=AT.isoformat())) == 1
        assert await get_sessions(hass, start=(AT + timedelta(seconds=1)).isoformat()) == []


async def test_a_ledger_that_cannot_be_read_is_an_error(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS) as site:
        site.ledger.sessions = AsyncMock(side_effect=StoreError("disk"))
        with pytest.raises(HomeAssistantError) as error:
            await get_sessions(hass)
        assert error.value.translation_key == "not_stored"


async def test_a_charger_that_is_not_in_the_site_yet_is_refused(hass: HomeAssistant) -> None:
    async with running_site(hass, PLATFORMS) as site:
        garage_device = device_id(hass)
        site.view = site_view(chargers={})
        with pytest.raises(ServiceValidationError) as error:
            await call(hass, "stop_charging", device_id=garage_device)
        assert error.value.translation_key == "not_a_charger"
        assert charger("garage")["unique_id"] not in site.view.chargers
