"""The actions that ask for the grid operator's limits and take them back."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError, Unauthorized
from homeassistant.helpers import device_registry as dr
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.smart_charging.engine.config import PvConfig
from custom_components.smart_charging.engine.grid.signal import GridSignal, SignalKind, SignalUnit
from custom_components.smart_charging.engine.grid.source import ContactSeen, InputKind, SignalAdded, SourceConfig
from custom_components.smart_charging.engine.grid_setup import grid_config

from .builders import battery, charger, circuit
from .grid_site import GridSite, grid_site, newest_limit_w
from .virtual_station import virtual_station

RELAY = SourceConfig(source_id="relay", input=InputKind.CONTACT, debounce_s=0.0)
CP1, CP2 = "sub_CP-1", "sub_CP-2"


@pytest.fixture
async def home(hass: HomeAssistant, free_port: int) -> AsyncIterator[GridSite]:
    """Run a site with two chargers, a circuit and a battery."""
    async with grid_site(hass, free_port, charger("CP-1"), charger("CP-2"), circuit("cellar"), battery()) as running:
        yield running


def demand(home: GridSite, *, closed: bool, installed_pv_w: float = 0.0) -> None:
    """Let a relay of the grid operator, which dims to the legal minimum, ask for it or be open."""
    stations = [config for _, config in home.site.evses()]
    site = replace(home.site.config, pv=(PvConfig("roof", "Roof", installed_pv_w),))
    config = grid_config(site, stations, [RELAY])
    home.grid.configure(config, ContactSeen("relay", home.clock.now(), closed))


async def test_a_limit_holds_at_once_and_the_answer_tells_it(home: GridSite) -> None:
    told = await home.limited("set_grid_limit", power=5000, duration={"minutes": 30}, raw="DSO message 17")
    assert home.limits() == {"grid/import/controllable/W/after_other_load": 5000.0}
    until = (home.clock.now() + timedelta(minutes=30)).isoformat()
    expected = {
        "site": "Home",
        "observe_only": False,
        "active": True,
        "returning": False,
        "limit_w": 5000,
        "demanded_w": 5000,
        "source": "action",
        "reason": "stated",
        "kind": "import_limit",
        "scope": "controllable",
        "charger": None,
        "evse": None,
        "binding": False,
        "since": home.clock.now().isoformat(),
        "until": until,
        "minimum_w": 10500,
        "export": None,
        "price_level": None,
        "announced": [],
    }
    assert {name: told[name] for name in expected} == expected
    (limit,) = told["limits"]
    assert (limit["direction"], limit["limit_w"], limit["until"]) == ("import", 5000, until)
    await home.wait(1)
    (record,) = await home.entry.runtime_data.ledger.grid_proof.records()
    assert (record.record.source_id, record.record.raw) == ("action", "DSO message 17")
    await home.wait(1797, settle=0)
    assert home.grid.view.active
    await home.wait(3)
    assert home.grid.view.returning


async def test_a_charging_car_really_gets_less_and_slowly_more_again_once_that_is_cleared(home: GridSite) -> None:
    async with virtual_station(home.port, "CP-1") as station:
        transaction_id = await home.charging(station)
        assert (await home.limited("set_grid_limit", power=4200))["limit_w"] == 4200
        await home.wait(2)
        assert newest_limit_w(station) <= 4200
        await home.meter(station, transaction_id, 1510, 4140)
        answer = await home.limited("clear_grid_limit")
        assert (answer["active"], answer["returning"]) == (False, True)
        await home.wait(20)
        assert newest_limit_w(station) <= 6000
        await home.wait(300, settle=0)
        await home.wait(30)
        assert not home.grid.view.returning
        assert newest_limit_w(station) > 9000


async def test_an_action_never_loosens_what_the_grid_operator_demands_and_may_ask_for_less(home: GridSite) -> None:
    demand(home, closed=True)
    legal_w = 10_500  # of two chargers and a battery
    told = await home.limited("set_grid_limit", power=20_000)
    assert (told["limit_w"], told["source"], told["binding"], told["minimum_w"]) == (legal_w, "relay", True, legal_w)
    assert told["limits"][0]["others"] == ["action"]
    told = await home.limited("set_grid_limit", kind="import_limit", power=5000)
    assert (told["limit_w"], told["source"], told["binding"]) == (5000, "action", False)
    told = await home.limited("clear_grid_limit")
    assert (told["demanded_w"], told["source"], told["binding"]) == (legal_w, "relay", True)
    assert min(home.limits().values()) < 5100  # what is not asked for any more returns slowly
    demand(home, closed=False)
    assert not home.grid.view.active


async def test_a_charger_has_a_limit_of_its_own_that_is_cleared_alone(home: GridSite) -> None:
    await home.limited("set_grid_limit", power=9000)
    told = await home.limited("set_grid_limit", CP1, current=8)
    assert (told["limit_w"], told["scope"], told["charger"], told["evse"]) == (5520, "device", "Charger CP-1", 1)
    assert home.limits()["grid/import/device/A/not_counted/CP-1/1"] == 8.0
    told = await home.limited("clear_grid_limit", CP2)
    assert told["limit_w"] == 5520
    told = await home.limited("clear_grid_limit")
    assert [one["scope"] for one in told["limits"] if not one["returning"]] == ["device"]
    told = await home.limited("clear_grid_limit", CP1)
    assert not told["active"]


@pytest.mark.parametrize("power", [0, 5000])
async def test_while_power_returns_from_another_limit_what_is_asked_for_is_told(home: GridSite, power: int) -> None:
    await home.limited("set_grid_limit", kind="block")
    await home.limited("set_grid_limit", CP1, power=power)
    told = await home.limited("clear_grid_limit")  # of the block
    expected = {
        "active": True,
        "returning": False,
        "limit_w": 0,
        "demanded_w": power,
        "kind": "import_limit",
        "scope": "device",
        "charger": "Charger CP-1",
        "reason": "stated",
    }
    assert {name: told[name] for name in expected} == expected
    assert [(one["scope"], one["returning"]) for one in told["limits"]] == [("controllable", True), ("device", False)]
    await home.wait(1)
    assert states(home.hass) == ("on", "0", "stated", False)
    told = await home.limited("clear_grid_limit", CP1)
    assert (told["active"], told["returning"], told["demanded_w"]) == (False, True, None)
    await home.wait(1)
    assert (states(home.hass)[0], states(home.hass)[2:]) == ("off", ("returning", True))


def states(hass: HomeAssistant) -> tuple[str, str, str, bool]:
    """Return whether a limit is shown to be asked for, how much it is, why, and whether power only returns."""
    found = [
        hass.states.get(entity_id)
        for entity_id in (
            "binary_sensor.home_grid_operator_limit_active",
            "sensor.home_grid_operator_limit",
            "sensor.home_grid_operator_limit_reason",
        )
    ]
    active, limit, reason = (one for one in found if one is not None)
    return active.state, limit.state, reason.state, active.attributes["returning"]


async def test_nothing_of_a_pv_power_that_nobody_told_is_0_w(home: GridSite) -> None:
    told = await home.limited("set_grid_limit", kind="export_limit", percent=0)
    assert told["export"]["limit_w"] == 0


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("set_grid_limit", {"power": True}),
        ("set_grid_limit", {"current": False}),
        ("set_grid_limit", {"percent": True}),
        ("set_grid_limit", {"kind": "price_level", "level": True}),
        ("set_grid_limit", {"power": 5000, "duration": True}),
        ("set_grid_limit", {"power": 5000, "duration": {"minutes": True}}),
        ("simulate_grid_signal", {"power": True}),
        ("compliance_test", {"power": False}),
    ],
)
async def test_true_and_false_are_no_numbers(home: GridSite, action: str, data: dict[str, Any]) -> None:
    async with asyncio.timeout(5):  # a test that began would wait for the clock
        with pytest.raises(probatio.Invalid, match="not true or false"):
            await home.call(action, **data)
    assert home.limits() == {}


async def test_several_devices_are_limited_by_one_call(hass: HomeAssistant, home: GridSite) -> None:
    devices = [home.device_id(), home.device_id(CP1), home.device_id(CP2)]
    answer = await home.call("set_grid_limit", power=6000, device_id=devices)
    (told,) = answer["sites"]
    assert [one["charger"] for one in told["limits"]] == [None, "Charger CP-1", "Charger CP-2"]
    assert {one["limit_w"] for one in told["limits"]} == {6000}


async def test_a_wrong_device_among_right_ones_limits_nothing(home: GridSite) -> None:
    devices = [home.device_id(), home.device_id("battery")]
    for action, data in (("set_grid_limit", {"power": 6000}), ("clear_grid_limit", {})):
        with pytest.raises(ServiceValidationError) as error:
            await home.call(action, device_id=devices, **data)
        assert error.value.translation_key == "not_a_grid_place"
    assert home.limits() == {}


async def test_a_block_lets_nothing_be_drawn_and_a_share_is_one_of_the_connection(home: GridSite) -> None:
    told = await home.limited("set_grid_limit", percent=50, scope="site")
    assert (told["limit_w"], told["scope"]) == (round(35 * 3 * 230 / 2), "site")
    told = await home.limited("set_grid_limit", kind="block")
    assert (told["limit_w"], told["kind"], told["scope"]) == (0, "block", "controllable")
    told = await home.limited("clear_grid_limit", kind="block")
    assert [one["kind"] for one in told["limits"] if not one["returning"]] == ["import_limit"]
    told = await home.limited("clear_grid_limit", scope="controllable")
    assert told["active"]
    told = await home.limited("clear_grid_limit", scope="site")
    assert not told["active"]


async def test_feed_in_is_limited_and_a_share_needs_the_power_that_is_installed(home: GridSite) -> None:
    told = await home.limited("set_grid_limit", kind="export_limit", power=1800)
    assert told["export"] == {"limit_w": 1800, "source": "action", "binding": False, "until": None}
    assert not told["active"]
    demand(home, closed=False, installed_pv_w=10_000.0)
    told = await home.limited("set_grid_limit", kind="export_limit", percent=60)
    assert told["export"]["limit_w"] == 6000
    told = await home.limited("clear_grid_limit", kind="export_limit")
    assert told["export"] is None


async def test_a_share_of_a_power_that_nobody_told_is_told_as_unknown(home: GridSite) -> None:
    now = home.clock.now()
    share = GridSignal(
        source_id="action", kind=SignalKind.EXPORT_LIMIT, received_at=now, value=60.0, unit=SignalUnit.PERCENT
    )
    home.grid.take(SignalAdded("action", now, share))
    told = await home.limited("set_grid_limit", kind="price_level", level=2, duration=3600)
    assert told["export"] == {"limit_w": None, "source": "action", "binding": False, "until": None}
    assert home.grid.export_limit_w == 0.0


async def test_a_price_level_is_told_and_limits_nobody(home: GridSite) -> None:
    told = await home.limited("set_grid_limit", kind="price_level", level=2, duration=3600)
    assert (told["price_level"]["level"], told["active"]) == (2.0, False)
    assert home.limits() == {}


async def test_an_announced_limit_waits_for_its_time(home: GridSite) -> None:
    begin = home.clock.now() + timedelta(minutes=10)
    told = await home.limited("set_grid_limit", power=5000, **{"from": begin.isoformat(), "duration": 600})
    assert not told["active"]
    (window,) = told["announced"]
    assert (window["from"], window["until"]) == (begin.isoformat(), (begin + timedelta(minutes=10)).isoformat())
    await home.wait(599, settle=0)
    assert home.limits() == {}
    await home.wait(2)
    assert home.grid.view.limit_w == 5000
    await home.wait(600, settle=0)
    assert not home.grid.view.active


async def test_times_without_a_zone_are_local(hass: HomeAssistant, home: GridSite) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    told = await home.limited(
        "set_grid_limit", power=5000, **{"from": "2026-06-01 13:00:00", "until": "2026-06-01 14:00:00"}
    )
    (window,) = told["announced"]
    assert (window["from"], window["until"]) == ("2026-06-01T11:00:00+00:00", "2026-06-01T12:00:00+00:00")


async def test_a_begin_gone_by_is_now_and_a_newer_limit_takes_the_place_of_the_last(home: GridSite) -> None:
    begin = home.clock.now() - timedelta(minutes=10)
    until = home.clock.now() + timedelta(minutes=10)
    await home.limited("set_grid_limit", power=5000, **{"from": begin.isoformat(), "until": until.isoformat()})
    told = await home.limited("set_grid_limit", power=8000)
    assert (told["demanded_w"], told["until"], len(told["limits"])) == (8000, None, 1)


async def test_limits_that_are_announced_do_not_grow_without_end(home: GridSite) -> None:
    for minute in range(1, 101):
        begin = home.clock.now() + timedelta(minutes=minute)
        await home.call("set_grid_limit", power=5000, **{"from": begin.isoformat(), "duration": 30})
    with pytest.raises(ServiceValidationError) as error:
        await home.call("set_grid_limit", power=5000, duration=30)
    assert error.value.translation_key == "grid_too_many"
    await home.call("clear_grid_limit")
    assert (await home.limited("set_grid_limit", power=5000, duration=30))["active"]


async def test_a_site_that_only_observes_shows_a_limit_and_tells_nobody(home: GridSite) -> None:
    async with virtual_station(home.port, "CP-1") as station:
        await home.charging(station)
        await home.site.set_observe_only(True)
        await home.wait(1)
        station.asked.clear()
        told = await home.limited("set_grid_limit", power=4200)
        assert (told["observe_only"], told["active"], told["limit_w"]) == (True, True, 4200)
        await home.wait(10)
        assert not [payload for action, payload in station.asked if action == "SetChargingProfile"]


async def test_a_limit_outlives_a_reload(hass: HomeAssistant, home: GridSite) -> None:
    await home.call("set_grid_limit", power=5000)
    await hass.config_entries.async_reload(home.entry.entry_id)
    await hass.async_block_till_done()
    assert home.grid.view.limit_w == 5000


async def test_two_sites_are_told_apart(hass: HomeAssistant, home: GridSite, unused_tcp_port: int) -> None:
    async with grid_site(hass, unused_tcp_port, entry_id="site2", title="Barn") as barn:
        devices = [home.device_id(), barn.device_id("site2")]
        answer = await home.call("set_grid_limit", power=5000, device_id=devices)
        assert [(one["site"], one["limit_w"]) for one in answer["sites"]] == [("Home", 5000), ("Barn", 5000)]
        await home.call("clear_grid_limit")
        assert barn.grid.view.active
        assert not home.grid.view.active


@pytest.mark.parametrize(
    ("identifier", "data", "key"),
    [
        ("site1", {}, "grid_value_needed"),
        ("site1", {"power": 1000, "current": 6}, "grid_value_needed"),
        ("site1", {"level": 2}, "grid_value_needed"),
        ("site1", {"power": 1000, "level": 2}, "grid_value_needed"),
        ("site1", {"kind": "block", "power": 0}, "grid_block_with_value"),
        ("site1", {"kind": "price_level"}, "grid_level_needed"),
        ("site1", {"kind": "price_level", "power": 1000}, "grid_level_needed"),
        ("site1", {"power": -1}, "grid_value_out_of_range"),
        ("site1", {"power": 10_000_001}, "grid_value_out_of_range"),
        ("site1", {"percent": 101}, "grid_value_out_of_range"),
        ("site1", {"power": "nan"}, "not_a_number"),
        ("site1", {"power": "inf"}, "not_a_number"),
        ("site1", {"power": 1000, "duration": 0}, "limit_already_over"),
        ("site1", {"power": 1000, "duration": -60}, "limit_already_over"),
        ("site1", {"power": 1000, "until": "2026-06-01T10:00:00+00:00"}, "limit_already_over"),
        ("site1", {"power": 1000, "until": "2026-06-01T11:00:00+00:00", "duration": 60}, "grid_two_ends"),
        ("site1", {"power": 1000, "until": "0001-01-01 00:00:00+14:00"}, "time_out_of_range"),
        (
            "site1",
            {"power": 1000, "from": "2026-06-01T12:00:00+00:00", "until": "2026-06-01T11:00:00+00:00"},
            "end_before_start",
        ),
        ("site1", {"power": 1000, "from": "2026-06-01T12:00:00+00:00", "duration": 0}, "end_before_start"),
        ("site1", {"power": 1000, "from": "2028-06-01T12:00:00+00:00", "duration": 60}, "grid_time_far"),
        ("site1", {"power": 1000, "until": "2028-06-01T12:00:00+00:00"}, "grid_time_far"),
        ("site1", {"power": 1000, "duration": {"days": 999999999}}, "grid_time_far"),
        ("site1", {"power": 1000, "raw": "x" * 501}, "grid_raw_too_long"),
        ("site1", {"kind": "export_limit", "power": 1000, "scope": "controllable"}, "grid_kind_of_site"),
        ("site1", {"kind": "price_level", "level": 1, "scope": "controllable"}, "grid_kind_of_site"),
        ("site1", {"kind": "export_limit", "percent": 60}, "grid_percent_of_unknown_pv"),
        ("site1", {"power": 1000, "evse": 1}, "evse_without_charger"),
        (CP1, {"kind": "export_limit", "power": 1000}, "grid_kind_of_site"),
        (CP1, {"power": 1000, "scope": "site"}, "grid_scope_of_charger"),
        (CP1, {"percent": 50}, "grid_percent_of_charger"),
        (CP1, {"power": 1000, "evse": 3}, "no_such_evse"),
        ("cellar", {"power": 1000}, "not_a_grid_place"),
        ("battery", {"power": 1000}, "not_a_grid_place"),
    ],
)
async def test_a_limit_that_cannot_be_is_refused_and_changes_nothing(
    home: GridSite, identifier: str, data: dict[str, Any], key: str
) -> None:
    with pytest.raises(ServiceValidationError) as error:
        await home.call("set_grid_limit", identifier, **data)
    assert error.value.translation_key == key
    assert str(error.value) not in {"", key}
    assert "{" not in str(error.value)
    assert home.grid.decision is None


@pytest.mark.parametrize(
    "data", [{"power": "much"}, {"kind": "wish", "power": 1}, {"scope": "device", "power": 1}, {"power": 1, "until": 5}]
)
async def test_malformed_data_is_refused(home: GridSite, data: dict[str, Any]) -> None:
    with pytest.raises(probatio.Invalid):
        await home.call("set_grid_limit", **data)
    assert home.grid.decision is None


async def test_a_scope_of_a_charger_is_refused_when_clearing_too(home: GridSite) -> None:
    await home.call("set_grid_limit", CP1, power=5000)
    with pytest.raises(ServiceValidationError) as error:
        await home.call("clear_grid_limit", CP1, scope="site")
    assert error.value.translation_key == "grid_scope_of_charger"
    assert home.grid.view.active


async def test_a_device_of_another_integration_is_refused(hass: HomeAssistant, home: GridSite) -> None:
    other = MockConfigEntry(domain="other")
    other.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(config_entry_id=other.entry_id, identifiers={("other", "1")})
    for action in ("set_grid_limit", "clear_grid_limit"):
        with pytest.raises(ServiceValidationError) as error:
            await home.call(action, device_id=device.id, **({"power": 1000} if action == "set_grid_limit" else {}))
        assert error.value.translation_key == "service_device_wrong_domain"
    assert home.grid.decision is None


@pytest.mark.parametrize("action", ["set_grid_limit", "clear_grid_limit"])
async def test_limits_are_for_administrators_and_automations(hass: HomeAssistant, home: GridSite, action: str) -> None:
    user = MockUser(groups=[]).add_to_hass(hass)
    data = {"power": 5000} if action == "set_grid_limit" else {}
    with pytest.raises(Unauthorized):
        await home.call(action, context=Context(user_id=user.id), **data)
    assert home.grid.decision is None
    assert (await home.call(action, context=Context(), **data))["sites"]
