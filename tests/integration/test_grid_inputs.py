"""What entities tell of the grid operator's demands, heard by a running site: with a real station, and over restarts."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.smart_charging.engine.grid.merge import Direction
from custom_components.smart_charging.engine.grid.source_state import ClaimReason
from custom_components.smart_charging.engine.grid_view import GridView
from custom_components.smart_charging.engine.model import ChargeMode, EvseKey

from .builders import battery, charger, set_power, set_soc
from .grid_sources import BOX, EEBUS, FEED_IN_60, NUMBER, RELAY, UK, demand, heat_pump
from .site_setup import issue_ids, set_up
from .virtual_station import VirtualStation, virtual_station

KEY = EvseKey("CP-1", 1)
AT_ONCE: Mapping[str, Any] = {"debounce_s": 0}
DEVICE_MINIMUM_W = 4200.0


def grid(entry: MockConfigEntry) -> GridView:
    """Return what the site shows of the grid operator."""
    view: GridView = entry.runtime_data.site.grid.view
    return view


async def set_state(hass: HomeAssistant, entity_id: str, state: str, **attributes: Any) -> None:
    """Let an entity tell something, and everybody hear it."""
    hass.states.async_set(entity_id, state, attributes)
    await hass.async_block_till_done()


async def restart(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Unload the site and set it up again."""
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


async def told(station: VirtualStation, fits: Callable[[float], bool]) -> None:
    """Wait until a station was told a current that fits."""
    async with asyncio.timeout(5):
        while not any(fits(limit) for limit in told_currents(station)):
            await asyncio.sleep(0.01)


def told_currents(station: VirtualStation) -> list[float]:
    """Return the currents that a station was told, in A on each phase."""
    profiles = [payload["csChargingProfiles"] for action, payload in station.asked if action == "SetChargingProfile"]
    return [period["limit"] for one in profiles for period in one["chargingSchedule"]["chargingSchedulePeriod"]]


async def test_ripple_control_stops_a_real_charger_at_once(hass: HomeAssistant, free_port: int) -> None:
    await set_state(hass, "binary_sensor.relay", "off")
    block = {**RELAY, **AT_ONCE, "preset": "ch_at_block", "own_power": "not_counted"}
    entry = await set_up(hass, free_port, charger("CP-1"), demand(block))
    site = entry.runtime_data.site
    async with virtual_station(free_port, "CP-1") as station:
        assert await station.boot() == "Accepted"
        await station.report("Charging")
        await site.set_mode(KEY, ChargeMode.FAST)
        await told(station, lambda limit: limit == 6.0)
        assert not grid(entry).active
        station.asked.clear()
        await set_state(hass, "binary_sensor.relay", "on")
        assert (grid(entry).active, grid(entry).limit_w, grid(entry).source_id) == (True, 0.0, "relay")
        await told(station, lambda limit: limit == 0.0)
        await set_state(hass, "binary_sensor.relay", "off")
        assert (grid(entry).active, grid(entry).returning) == (False, True)


async def test_an_inverted_relay_dims_while_it_is_open(hass: HomeAssistant, free_port: int) -> None:
    await set_state(hass, "binary_sensor.relay", "on")
    entry = await set_up(hass, free_port, charger("CP-1"), demand({**RELAY, **AT_ONCE, "invert": True}))
    assert not grid(entry).active
    await set_state(hass, "binary_sensor.relay", "off")
    assert grid(entry).active


async def test_a_limit_holds_from_the_start_where_the_relay_is_closed_then(hass: HomeAssistant, free_port: int) -> None:
    await set_state(hass, "binary_sensor.relay", "on")
    entry = await set_up(hass, free_port, charger("CP-1"), demand(RELAY))
    assert (grid(entry).active, grid(entry).why) == (True, ClaimReason.STATED)
    await restart(hass, entry)
    assert (grid(entry).active, grid(entry).why) == (True, ClaimReason.STATED)


async def test_a_relay_that_was_never_there_lets_the_fail_safe_hold(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"), demand(RELAY))
    assert (grid(entry).limit_w, grid(entry).why) == (DEVICE_MINIMUM_W, ClaimReason.FAILSAFE)
    await set_state(hass, "binary_sensor.relay", "off")
    assert not grid(entry).active


async def test_a_relay_that_goes_is_lost_after_a_minute(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    await set_state(hass, "binary_sensor.relay", "off")
    entry = await set_up(hass, free_port, charger("CP-1"), demand(RELAY))
    await set_state(hass, "binary_sensor.relay", "unavailable")
    assert not grid(entry).active
    freezer.tick(timedelta(seconds=61))
    entry.runtime_data.site.grid.look()
    assert (grid(entry).limit_w, grid(entry).why) == (DEVICE_MINIMUM_W, ClaimReason.FAILSAFE)
    assert set(grid(entry).lost) == {"relay"}


@pytest.mark.parametrize(
    ("source", "entity_id", "word"),
    [(RELAY, "binary_sensor.relay", "off"), (NUMBER, "sensor.limit", "30"), (BOX, "binary_sensor.w4", "off")],
)
async def test_what_is_lost_is_so_after_a_restart_until_it_is_heard(
    hass: HomeAssistant,
    free_port: int,
    freezer: FrozenDateTimeFactory,
    source: Mapping[str, Any],
    entity_id: str,
    word: str,
) -> None:
    attributes = {"unit_of_measurement": "kW"} if source is NUMBER else {}
    await set_state(hass, "binary_sensor.s1", "off")
    await set_state(hass, entity_id, word, **attributes)
    entry = await set_up(hass, free_port, charger("CP-1"), demand(source))
    await set_state(hass, entity_id, "unavailable")
    freezer.tick(timedelta(seconds=61))
    await set_state(hass, "binary_sensor.s1", "on")
    entry.runtime_data.site.grid.look()
    lost = dict(grid(entry).lost)
    assert set(lost) == {"relay"}
    await restart(hass, entry)
    for _ in range(2):
        assert (grid(entry).limit_w, grid(entry).why) == (DEVICE_MINIMUM_W, ClaimReason.FAILSAFE)
        assert dict(grid(entry).lost) == lost
        freezer.tick(timedelta(seconds=55))
        entry.runtime_data.site.grid.look()
    await set_state(hass, entity_id, word, **attributes)
    assert (grid(entry).active, dict(grid(entry).lost)) == (False, {})


async def test_a_control_box_dims_and_limits_feed_in(hass: HomeAssistant, free_port: int) -> None:
    for contact in ("w4", "s1"):
        await set_state(hass, f"binary_sensor.{contact}", "off")
    entry = await set_up(hass, free_port, charger("CP-1"), demand({**BOX, **AT_ONCE}))
    await set_state(hass, "binary_sensor.s1", "on")
    export = grid(entry).export
    assert export is not None
    assert (grid(entry).active, export.source_id) == (False, "relay")
    await set_state(hass, "binary_sensor.w4", "on")
    assert grid(entry).limit_w == DEVICE_MINIMUM_W
    await set_state(hass, "binary_sensor.s1", "unavailable")
    assert grid(entry).limit_w == DEVICE_MINIMUM_W
    await set_state(hass, "binary_sensor.w4", "off")
    assert not grid(entry).active


async def test_a_contact_that_is_taken_out_of_the_set_up_counts_no_longer(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    for contact in ("w4", "s1"):
        await set_state(hass, f"binary_sensor.{contact}", "off")
    wired = {**BOX, **AT_ONCE}
    entry = await set_up(hass, free_port, charger("CP-1"), demand(wired))
    await set_state(hass, "binary_sensor.w4", "on")
    assert grid(entry).active
    unwired = {key: value for key, value in wired.items() if key != "contact_w4"}
    hass.config_entries.async_update_subentry(entry, entry.subentries["relay"], data=unwired)
    await hass.async_block_till_done()
    assert (grid(entry).active, grid(entry).returning) == (False, True)
    freezer.tick(timedelta(minutes=6))
    await restart(hass, entry)
    assert not grid(entry).active
    await set_state(hass, "binary_sensor.w4", "unavailable")
    hass.config_entries.async_update_subentry(entry, entry.subentries["relay"], data=wired)
    await hass.async_block_till_done()
    assert not grid(entry).active
    await set_state(hass, "binary_sensor.w4", "on")
    assert grid(entry).active


@pytest.mark.parametrize(
    ("unit", "attributes", "state", "limit_w"),
    [
        ("kW", {"unit_of_measurement": "kW"}, "7.5", 7500.0),
        ("kW", {"unit_of_measurement": "W"}, "7500", 7500.0),
        ("A", {"unit_of_measurement": "mA"}, "10000", 6900.0),
        ("%", {"unit_of_measurement": "%"}, "10", 2415.0),  # of 3 x 35 A
    ],
)
async def test_a_number_is_a_limit_in_any_unit(
    hass: HomeAssistant, free_port: int, unit: str, attributes: dict[str, str], state: str, limit_w: float
) -> None:
    await set_state(hass, "sensor.limit", state, **attributes)
    data = {key: value for key, value in NUMBER.items() if key != "no_limit_from"}
    entry = await set_up(hass, free_port, charger("CP-1"), demand({**data, "limit_unit": unit, "failsafe": 3}))
    assert grid(entry).limit_w == pytest.approx(limit_w)
    await set_state(hass, "sensor.limit", "not a number", **attributes)
    assert grid(entry).limit_w == pytest.approx(limit_w)  # for a minute


async def test_a_number_from_a_value_on_is_no_limit(hass: HomeAssistant, free_port: int) -> None:
    set_power(hass, "sensor.limit", 22, "kW")
    entry = await set_up(hass, free_port, charger("CP-1"), demand(NUMBER))
    assert not grid(entry).active
    set_power(hass, "sensor.limit", 19.9, "kW")
    await hass.async_block_till_done()
    assert grid(entry).demanded_w == pytest.approx(19_900.0)


async def test_what_a_number_can_not_be_is_told_once_and_changes_nothing(
    hass: HomeAssistant, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    set_power(hass, "sensor.limit", 7, "kW")
    entry = await set_up(hass, free_port, charger("CP-1"), demand(NUMBER))
    for negative in (-1, -2):
        set_power(hass, "sensor.limit", negative, "kW")
        await hass.async_block_till_done()
    assert grid(entry).demanded_w == 7000.0
    assert caplog.text.count("The grid signal source Grid relay said what can't be taken (negative)") == 1


def bridge(hass: HomeAssistant, limit_w: float, *, active: bool, minutes: float = 0) -> None:
    """Let a bridge's entities tell a limit."""
    hass.states.async_set("binary_sensor.active", "on" if active else "off")
    hass.states.async_set("sensor.duration", str(minutes), {"unit_of_measurement": "min"})
    set_power(hass, "sensor.limit", limit_w)


async def test_a_bridge_to_eebus_limits_and_releases(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"), demand(EEBUS))
    assert (grid(entry).limit_w, grid(entry).why) == (DEVICE_MINIMUM_W, ClaimReason.FAILSAFE)
    bridge(hass, 6000, active=True)
    await set_state(hass, "sensor.heartbeat", "1")
    assert (grid(entry).demanded_w, grid(entry).why) == (6000.0, ClaimReason.STATED)
    bridge(hass, 6000, active=False)
    await hass.async_block_till_done()
    assert (grid(entry).active, grid(entry).returning) == (False, True)


async def test_a_limit_of_a_bridge_ends_when_it_first_said_however_often_it_is_told(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    bridge(hass, 6000, active=True, minutes=10)
    await set_state(hass, "sensor.heartbeat", "1")
    began = dt_util.utcnow()
    entry = await set_up(hass, free_port, charger("CP-1"), demand(EEBUS))
    await set_state(hass, "sensor.heartbeat", "2")
    for minute in range(1, 10):
        freezer.move_to(began + timedelta(minutes=minute))
        bridge(hass, 6000, active=True, minutes=10)
        await set_state(hass, "sensor.heartbeat", str(2 + minute))
        assert grid(entry).active, minute
    until = grid(entry).until
    assert until is not None
    assert abs(until - began - timedelta(minutes=10)) < timedelta(seconds=5)
    freezer.move_to(began + timedelta(minutes=10, seconds=5))
    bridge(hass, 6000, active=True, minutes=10)
    await set_state(hass, "sensor.heartbeat", "x")
    assert not grid(entry).active


async def limit_of_ten_minutes(hass: HomeAssistant, port: int) -> MockConfigEntry:
    """Return a site whose bridge limits for ten minutes from now on."""
    bridge(hass, 6000, active=True, minutes=10)
    await set_state(hass, "sensor.heartbeat", "0")
    entry = await set_up(hass, port, charger("CP-1"), demand(EEBUS))
    await set_state(hass, "sensor.heartbeat", "1")
    assert (grid(entry).active, grid(entry).why) == (True, ClaimReason.STATED)
    return entry


async def pass_minutes(hass: HomeAssistant, freezer: FrozenDateTimeFactory, minutes: int) -> None:
    """Let time pass with a heart that beats."""
    for _ in range(minutes):
        freezer.tick(timedelta(minutes=1))
        await set_state(hass, "sensor.heartbeat", str(dt_util.utcnow()))


async def blink(hass: HomeAssistant, state: str, order: tuple[str, ...]) -> None:
    """Let the entities of a bridge go and come back, one by one."""
    told = {entity_id: hass.states.get(entity_id) for entity_id in order}
    for entity_id in order:
        await set_state(hass, entity_id, state)
    for entity_id, before in told.items():
        assert before is not None
        await set_state(hass, entity_id, before.state, **before.attributes)


BRIDGE = ("sensor.limit", "binary_sensor.active", "sensor.duration")


@pytest.mark.parametrize("order", [BRIDGE, BRIDGE[::-1]])
@pytest.mark.parametrize("state", ["unavailable", "unknown"])
async def test_a_limit_of_a_bridge_whose_entities_blink_ends_when_it_was_to(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory, state: str, order: tuple[str, ...]
) -> None:
    entry = await limit_of_ten_minutes(hass, free_port)
    until = grid(entry).until
    assert until is not None
    await pass_minutes(hass, freezer, 5)
    await blink(hass, state, order)
    assert (grid(entry).active, grid(entry).until) == (True, until)
    await pass_minutes(hass, freezer, 6)
    assert not grid(entry).active
    await blink(hass, state, order)
    assert not grid(entry).active


async def test_a_limit_of_a_bridge_ends_when_it_was_to_over_restarts(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    entry = await limit_of_ten_minutes(hass, free_port)
    until = grid(entry).until
    await pass_minutes(hass, freezer, 9)
    await restart(hass, entry)
    await set_state(hass, "sensor.heartbeat", "restarted")
    assert (grid(entry).active, grid(entry).until) == (True, until)
    await pass_minutes(hass, freezer, 2)
    assert not grid(entry).active
    await restart(hass, entry)
    await set_state(hass, "sensor.heartbeat", "restarted again")
    assert not grid(entry).active
    bridge(hass, 5900, active=True, minutes=10)
    await hass.async_block_till_done()
    assert grid(entry).until == dt_util.utcnow() + timedelta(minutes=10)


@pytest.mark.parametrize("heart", ["sensor.heartbeat", "binary_sensor.heartbeat", None])
async def test_a_bridge_without_a_heartbeat_falls_to_its_fail_safe(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory, heart: str | None
) -> None:
    """A heart that is on, and a limit that is there, count as one beat each minute."""
    data = {key: value for key, value in EEBUS.items() if key != "heartbeat_entity"}
    if heart is not None:
        data["heartbeat_entity"] = heart
        await set_state(hass, heart, "on" if heart.startswith("binary") else "1")
    bridge(hass, 9000, active=False)
    entry = await set_up(hass, free_port, charger("CP-1"), demand(data))
    if heart == "sensor.heartbeat":
        await set_state(hass, heart, "2")
    assert not grid(entry).active
    for minute in range(1, 5):
        freezer.tick(timedelta(seconds=60))
        if heart == "sensor.heartbeat":
            await set_state(hass, heart, f"beat {minute}")
        async_fire_time_changed(hass)
        await hass.async_block_till_done()
        entry.runtime_data.site.grid.look()
        assert not grid(entry).active, minute
    if heart is None:
        await set_state(hass, "sensor.limit", "unavailable")
    else:
        await set_state(hass, heart, "off" if heart.startswith("binary") else "unavailable")
    freezer.tick(timedelta(seconds=121))
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    entry.runtime_data.site.grid.look()
    assert (grid(entry).limit_w, grid(entry).why) == (DEVICE_MINIMUM_W, ClaimReason.FAILSAFE)


@pytest.mark.parametrize("heart", ["sensor.heartbeat", "binary_sensor.heartbeat", None])
@pytest.mark.parametrize(
    ("entity_id", "state"),
    [
        ("sensor.limit", "unavailable"),
        ("sensor.limit", "unknown"),
        ("sensor.limit", "no number"),
        ("binary_sensor.active", "unavailable"),
    ],
)
async def test_a_bridge_whose_limit_can_not_be_read_is_lost_though_its_heart_beats(
    hass: HomeAssistant,
    free_port: int,
    freezer: FrozenDateTimeFactory,
    heart: str | None,
    entity_id: str,
    state: str,
) -> None:
    data = {key: value for key, value in EEBUS.items() if key != "heartbeat_entity"}
    if heart is not None:
        data["heartbeat_entity"] = heart
    bridge(hass, 9000, active=False)
    entry = await set_up(hass, free_port, charger("CP-1"), demand(data))

    async def beat() -> None:
        """Let the heart beat and a minute pass."""
        if heart is not None:
            await set_state(hass, heart, "on" if heart.startswith("binary") else dt_util.utcnow().isoformat())
        freezer.tick(timedelta(seconds=60))
        async_fire_time_changed(hass)
        await hass.async_block_till_done()
        entry.runtime_data.site.grid.look()
        await hass.async_block_till_done()

    await beat()
    assert not grid(entry).active
    await set_state(hass, entity_id, state, unit_of_measurement="W")
    for _ in range(4):
        await beat()
    assert (grid(entry).limit_w, grid(entry).why) == (DEVICE_MINIMUM_W, ClaimReason.FAILSAFE)
    assert set(grid(entry).lost) == {"relay"}
    entry.runtime_data.coordinator.async_publish_now()
    assert issue_ids(hass) == {"grid_source_lost_relay"}
    bridge(hass, 9000, active=False)
    await hass.async_block_till_done()
    await beat()
    await beat()
    assert not grid(entry).active
    assert not grid(entry).lost


async def test_a_limit_that_is_away_for_a_moment_costs_a_bridge_no_heartbeat(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    bridge(hass, 9000, active=False)
    entry = await set_up(hass, free_port, charger("CP-1"), demand(EEBUS))
    await set_state(hass, "sensor.heartbeat", "1")
    freezer.tick(timedelta(seconds=60))
    await set_state(hass, "sensor.limit", "unavailable")
    await set_state(hass, "sensor.heartbeat", "2")
    freezer.tick(timedelta(seconds=5))
    bridge(hass, 9000, active=False)
    await hass.async_block_till_done()
    freezer.tick(timedelta(seconds=60))
    entry.runtime_data.site.grid.look()
    assert not grid(entry).active
    assert not grid(entry).lost


async def test_a_limit_on_feed_in_stands_and_is_not_in_the_way_of_a_test(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"), demand(FEED_IN_60))
    view = grid(entry)
    assert view.export is not None
    assert (view.active, view.export.source_id) == (False, "relay")
    assert [one.demand.target.direction for one in view.held] == [Direction.EXPORT]


async def test_heat_pumps_and_batteries_count_for_the_minimum(hass: HomeAssistant, free_port: int) -> None:
    set_soc(hass, "sensor.battery_soc", 50)
    set_power(hass, "sensor.battery_power", 0)
    set_power(hass, "sensor.pump", 3, "kW")
    await set_state(hass, "binary_sensor.relay", "on")
    entry = await set_up(hass, free_port, charger("CP-1"), battery(), heat_pump(power="sensor.pump"), demand(RELAY))
    minimum = grid(entry).minimum
    assert minimum is not None
    assert (minimum.devices, minimum.minimum_w) == (3, 10_500.0)
    (limit,) = entry.runtime_data.site.grid.decision.limits
    assert limit.value == 7500.0  # what the heat pump draws is not left to the others
    await set_state(hass, "sensor.pump", "unavailable")
    entry.runtime_data.site.grid.take()
    (limit,) = entry.runtime_data.site.grid.decision.limits
    assert limit.value == 7000.0  # a third for each


async def test_a_demand_comes_and_goes_and_changes_while_the_site_runs(hass: HomeAssistant, free_port: int) -> None:
    await set_state(hass, "binary_sensor.relay", "on")
    entry = await set_up(hass, free_port, charger("CP-1"))
    assert not grid(entry).active
    made = demand({**RELAY, **AT_ONCE})
    subentry = ConfigSubentry(
        data=MappingProxyType(made["data"]),
        subentry_id="relay", subentry_type="grid_signal", title="Grid relay", unique_id=None,
    )  # fmt: skip
    hass.config_entries.async_add_subentry(entry, subentry)
    await hass.async_block_till_done()
    assert grid(entry).limit_w == DEVICE_MINIMUM_W
    data = {**subentry.data, "limit": 9.0}
    hass.config_entries.async_update_subentry(entry, entry.subentries["relay"], data=data)
    await hass.async_block_till_done()
    assert grid(entry).demanded_w == 9000.0
    data = {**data, "invert": True}
    hass.config_entries.async_update_subentry(entry, entry.subentries["relay"], data=data)
    await hass.async_block_till_done()
    assert not grid(entry).active
    await set_state(hass, "binary_sensor.relay", "off")
    assert grid(entry).active
    hass.config_entries.async_remove_subentry(entry, "relay")
    await hass.async_block_till_done()
    assert (grid(entry).active, grid(entry).returning) == (False, True)
    await set_state(hass, "binary_sensor.relay", "on")
    await set_state(hass, "binary_sensor.relay", "off")
    assert not grid(entry).active


async def test_an_entity_of_the_integrations_own_is_not_heard(hass: HomeAssistant, free_port: int) -> None:
    own = {**RELAY, "entity": "binary_sensor.charger_cp_1_plug"}
    entry = await set_up(hass, free_port, charger("CP-1"), demand(own))
    async with virtual_station(free_port, "CP-1") as station:
        await station.boot()
        await station.report("Charging")
        await hass.async_block_till_done()
        assert (grid(entry).why, grid(entry).limit_w) == (ClaimReason.FAILSAFE, DEVICE_MINIMUM_W)


async def test_the_rules_of_the_united_kingdom_need_a_new_start(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"))
    before = entry.runtime_data
    made = demand(UK, "uk", "UK")
    subentry = ConfigSubentry(
        data=MappingProxyType(made["data"]), subentry_id="uk", subentry_type="grid_signal", title="UK", unique_id=None
    )
    hass.config_entries.async_add_subentry(entry, subentry)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data is not before
    assert set(grid(entry).uk) == {KEY}
    data = {**subentry.data, "most_delay_s": 0}
    after = entry.runtime_data
    hass.config_entries.async_update_subentry(entry, entry.subentries["uk"], data=data)
    await hass.async_block_till_done()
    assert entry.runtime_data is after
