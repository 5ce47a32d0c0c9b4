"""A battery's mapped entities and actions are made true to what is commanded, and given back afterwards."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import CoreState, HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest

from custom_components.smart_charging.battery_control import BatteryControls
from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.control.battery import BatteryAction
from custom_components.smart_charging.engine.view import SiteView

from .builders import battery
from .site_double import SiteDouble, battery_view, running_site, site_view

MODE = "input_select.mode"
HOLD = "input_boolean.hold"
CHARGE_W = "input_number.charge"
DISCHARGE_KW = "input_number.discharge"
LIMIT_W = "input_number.discharge_limit"
EVERYTHING = {
    "mode_select": MODE,
    "option_normal": "auto",
    "option_hold": "pause",
    "option_charge": "charge",
    "option_discharge": "discharge",
    "hold_switch": HOLD,
    "charge_power": CHARGE_W,
    "discharge_power": DISCHARGE_KW,
    "discharge_limit": LIMIT_W,
}
CHOSEN = {"control": "entities"}
ISSUE = (DOMAIN, "battery_control_battery")


@pytest.fixture
async def inverter(hass: HomeAssistant) -> None:
    """Offer an inverter's entities: a mode, a switch, and powers in W and kW."""
    number = {"min": 0, "max": 3000, "step": 10, "initial": 0, "unit_of_measurement": "W"}
    assert await async_setup_component(
        hass,
        "input_number",
        {
            "input_number": {
                "charge": number,
                "discharge": {"min": 0, "max": 10, "step": 0.1, "initial": 0, "unit_of_measurement": "kW"},
                "discharge_limit": {**number, "initial": 3000},
            }
        },
    )
    options = {"options": ["auto", "pause", "charge", "discharge"]}
    assert await async_setup_component(hass, "input_select", {"input_select": {"mode": options}})
    assert await async_setup_component(hass, "input_boolean", {"input_boolean": {"hold": {"initial": False}}})


@asynccontextmanager
async def led(hass: HomeAssistant, view: SiteView | None = None, **mapped: Any) -> AsyncIterator[SiteDouble]:
    """Run a site whose battery has these things mapped; let the battery go at the end, as an unload does."""
    async with running_site(hass, [], view, subentries=[battery(**CHOSEN | mapped)]) as site:
        assert site.entry is not None
        controls = BatteryControls(hass, site.entry)
        site.entry.async_on_unload(site.entry.runtime_data.coordinator.async_add_listener(controls.async_update))
        controls.async_update()
        await hass.async_block_till_done()
        yield site
        await controls.async_stop()
        await hass.async_block_till_done()


def commanded(action: BatteryAction, power_w: float = 0.0, **changes: Any) -> SiteView:
    """Return a view in which the battery is told this."""
    return site_view(batteries={"battery": battery_view(action, power_w)}, **changes)


def states(hass: HomeAssistant) -> tuple[str, str, float, float, float]:
    """Return what the inverter's entities are set to: mode, hold, charge W, discharge kW, discharge limit W."""
    found = [hass.states.get(entity_id) for entity_id in (MODE, HOLD, CHARGE_W, DISCHARGE_KW, LIMIT_W)]
    mode, hold, charge, discharge, limit = (state.state for state in found if state is not None)
    return mode, hold, float(charge), float(discharge), float(limit)


def recorded(hass: HomeAssistant) -> list[dict[str, Any]]:
    """Note every call of an action from now on."""
    calls: list[dict[str, Any]] = []
    hass.bus.async_listen("call_service", lambda event: calls.append(event.data))
    return calls


NORMAL_STATES = ("auto", "off", 0.0, 0.0, 3000.0)


@pytest.mark.usefixtures("inverter")
@pytest.mark.parametrize(
    ("action", "power_w", "expected"),
    [
        (BatteryAction.HOLD, 0.0, ("pause", "on", 0.0, 0.0, 0.0)),
        (BatteryAction.CHARGE, 1234.0, ("charge", "off", 1230.0, 0.0, 3000.0)),
        (BatteryAction.DISCHARGE, 1260.0, ("discharge", "off", 0.0, 1.2, 3000.0)),
    ],
)
async def test_every_command_reaches_what_is_mapped_and_is_undone_on_unload(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    action: BatteryAction,
    power_w: float,
    expected: tuple[object, ...],
) -> None:
    async with led(hass, commanded(action, power_w), **EVERYTHING):
        assert states(hass) == expected
    assert states(hass) == NORMAL_STATES


@pytest.mark.usefixtures("inverter")
async def test_powers_are_kept_to_the_batterys_rating_and_the_numbers_own_bounds(hass: HomeAssistant) -> None:
    async with led(hass, commanded(BatteryAction.DISCHARGE, 9000.0), **EVERYTHING):
        assert states(hass)[3] == 4.0  # the battery's rating
    async with led(hass, commanded(BatteryAction.CHARGE, 9000.0), **EVERYTHING):
        assert states(hass)[2] == 3000.0  # the number's maximum, below the rating of 5 kW


@pytest.mark.usefixtures("inverter")
async def test_a_battery_that_is_only_watched_is_never_written_to(hass: HomeAssistant) -> None:
    calls = recorded(hass)
    async with led(hass, commanded(BatteryAction.HOLD), control="none"):
        assert calls == []
    assert calls == []


@pytest.mark.usefixtures("inverter")
async def test_what_is_right_already_is_not_written(hass: HomeAssistant) -> None:
    calls = recorded(hass)
    async with led(hass, commanded(BatteryAction.NORMAL), **EVERYTHING):
        assert calls == []
    assert calls == []


@pytest.mark.usefixtures("inverter")
async def test_what_an_earlier_run_left_is_put_right_at_the_start(hass: HomeAssistant) -> None:
    await hass.services.async_call("input_boolean", "turn_on", {"entity_id": HOLD}, blocking=True)
    async with led(hass, commanded(BatteryAction.NORMAL), hold_switch=HOLD):
        assert states(hass)[1] == "off"


@pytest.mark.usefixtures("inverter")
async def test_nothing_is_written_twice_in_five_seconds(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    async with led(hass, commanded(BatteryAction.HOLD), hold_switch=HOLD) as site:
        freezer.tick(4.9)
        await site.show(commanded(BatteryAction.NORMAL))
        assert states(hass)[1] == "on"
        freezer.tick(0.1)
        await site.show(commanded(BatteryAction.NORMAL))
        assert states(hass)[1] == "off"


@pytest.mark.usefixtures("inverter")
async def test_small_changes_of_power_are_not_worth_a_write(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    async with led(hass, commanded(BatteryAction.DISCHARGE, 1000.0), discharge_power=DISCHARGE_KW) as site:
        for power_w, expected in ((1099.0, 1.0), (901.0, 1.0), (1100.0, 1.1), (60.0, 0.0), (0.0, 0.0)):
            freezer.tick(5)
            await site.show(commanded(BatteryAction.DISCHARGE, power_w))
            assert states(hass)[3] == expected


@pytest.mark.usefixtures("inverter")
async def test_a_discharge_that_ends_is_told_however_small_it_was(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    async with led(hass, commanded(BatteryAction.CHARGE, 90.0), charge_power=CHARGE_W) as site:
        assert states(hass)[2] == 90.0
        freezer.tick(5)
        await site.show(commanded(BatteryAction.CHARGE, 0.0))
        assert states(hass)[2] == 0.0


@pytest.mark.usefixtures("inverter")
async def test_only_what_differs_is_written(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    async with led(hass, commanded(BatteryAction.DISCHARGE, 1000.0), **EVERYTHING) as site:
        calls = recorded(hass)
        freezer.tick(5)
        await site.show(commanded(BatteryAction.DISCHARGE, 2000.0))
        assert [call["service_data"]["entity_id"] for call in calls] == [DISCHARGE_KW]


@pytest.mark.usefixtures("inverter")
async def test_a_command_is_renewed_only_where_the_battery_needs_it(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    async with led(hass, commanded(BatteryAction.HOLD), hold_switch=HOLD, renew_s=60) as site:
        calls = recorded(hass)
        freezer.tick(59)
        await site.show(commanded(BatteryAction.HOLD))
        assert calls == []
        freezer.tick(1)
        await site.show(commanded(BatteryAction.HOLD))
        assert [call["service"] for call in calls] == ["turn_on"]
        freezer.tick(5)
        await site.show(commanded(BatteryAction.NORMAL))
        freezer.tick(600)
        await site.show(commanded(BatteryAction.NORMAL))
        assert [call["service"] for call in calls] == ["turn_on", "turn_off"]
    async with led(hass, commanded(BatteryAction.HOLD), hold_switch=HOLD) as site:
        calls = recorded(hass)
        freezer.tick(3600)
        await site.show(commanded(BatteryAction.HOLD))
        assert calls == []


@pytest.mark.usefixtures("inverter")
async def test_a_site_that_only_observes_writes_nothing_and_undoes_what_it_wrote(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    calls = recorded(hass)
    async with led(hass, commanded(BatteryAction.HOLD, observe_only=True), **EVERYTHING) as site:
        assert calls == []
        freezer.tick(5)
        await site.show(commanded(BatteryAction.HOLD))
        assert states(hass)[0] == "pause"
        freezer.tick(5)
        await site.show(commanded(BatteryAction.HOLD, observe_only=True))
        assert states(hass) == NORMAL_STATES


@pytest.mark.usefixtures("inverter")
async def test_a_removed_battery_is_given_back(hass: HomeAssistant) -> None:
    async with led(hass, commanded(BatteryAction.HOLD), **EVERYTHING) as site:
        assert states(hass)[0] == "pause"
        hass.config_entries.async_remove_subentry(site.entry, "battery")
        await site.show(site_view())
        assert states(hass) == NORMAL_STATES


@pytest.mark.usefixtures("inverter")
async def test_a_mapping_that_changes_gives_the_old_entities_back(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    async with led(hass, commanded(BatteryAction.HOLD), hold_switch=HOLD) as site:
        assert states(hass)[1] == "on"
        subentry = site.entry.subentries["battery"]
        data = {key: value for key, value in subentry.data.items() if key != "hold_switch"}
        hass.config_entries.async_update_subentry(site.entry, subentry, data={**data, "discharge_limit": LIMIT_W})
        await site.show(commanded(BatteryAction.HOLD))
        assert states(hass)[1] == "off"
        freezer.tick(5)
        await site.show(commanded(BatteryAction.HOLD))
        assert states(hass)[4] == 0.0


@pytest.mark.usefixtures("inverter")
async def test_nothing_is_written_before_home_assistant_is_up_or_before_a_decision(hass: HomeAssistant) -> None:
    undecided = replace(battery_view(), command=None)
    async with led(hass, site_view(batteries={"battery": undecided}), **EVERYTHING) as site:
        calls = recorded(hass)
        hass.set_state(CoreState.starting)
        await site.show(commanded(BatteryAction.HOLD))
        assert calls == []
        hass.set_state(CoreState.running)
        await site.show(commanded(BatteryAction.HOLD))
        assert states(hass)[0] == "pause"


async def test_an_entity_that_is_missing_is_shown_and_tried_again(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    issue_registry: ir.IssueRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with led(hass, commanded(BatteryAction.HOLD), hold_switch=HOLD) as site:
        issue = issue_registry.async_get_issue(*ISSUE)
        assert issue is not None
        assert issue.translation_placeholders == {
            "site": "Home",
            "battery": "Battery",
            "detail": f"{HOLD} is not available",
        }
        assert await async_setup_component(hass, "input_boolean", {"input_boolean": {"hold": {"initial": False}}})
        freezer.tick(4.9)
        await site.show(commanded(BatteryAction.HOLD))
        assert issue_registry.async_get_issue(*ISSUE) is not None
        freezer.tick(0.1)
        await site.show(commanded(BatteryAction.HOLD))
        assert issue_registry.async_get_issue(*ISSUE) is None
        state = hass.states.get(HOLD)
        assert state is not None
        assert state.state == "on"
    assert caplog.text.count("could not be led") == 1


async def failing(hass: HomeAssistant, domain: str, service: str) -> list[ServiceCall]:
    """Let an action fail from now on, and note when it is called."""
    calls: list[ServiceCall] = []

    async def fail(call: ServiceCall) -> None:
        calls.append(call)
        raise HomeAssistantError("bus is busy")

    hass.services.async_register(domain, service, fail)
    return calls


async def seconds_tried(
    site: SiteDouble, freezer: FrozenDateTimeFactory, calls: list[ServiceCall], views: Callable[[int], SiteView]
) -> list[int]:
    """Return after how many seconds of ten minutes something was called, with a view each second."""
    tried: list[int] = []
    for second in range(1, 601):
        calls.clear()
        freezer.tick(1)
        await site.show(views(second))
        tried += [second] * bool(calls)
    return tried


BACKED_OFF_S = [5, 15, 35, 75, 155, 315]


@pytest.mark.usefixtures("inverter")
async def test_what_keeps_failing_is_tried_ever_more_rarely(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    calls = await failing(hass, "input_boolean", "turn_on")
    async with led(hass, commanded(BatteryAction.HOLD), hold_switch=HOLD) as site:
        assert len(calls) == 1
        assert await seconds_tried(site, freezer, calls, lambda _: commanded(BatteryAction.HOLD)) == BACKED_OFF_S


@pytest.mark.usefixtures("inverter")
async def test_a_power_that_changes_all_the_time_is_no_reason_to_hurry(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    calls = await failing(hass, "input_number", "set_value")
    async with led(hass, commanded(BatteryAction.DISCHARGE, 1000.0), discharge_power=DISCHARGE_KW) as site:
        assert len(calls) == 1
        changing = lambda second: commanded(BatteryAction.DISCHARGE, 1000.0 + 500.0 * (second % 3))  # noqa: E731
        assert await seconds_tried(site, freezer, calls, changing) == BACKED_OFF_S


@pytest.mark.usefixtures("inverter")
async def test_another_command_is_told_at_once_and_waited_for_anew(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    calls = await failing(hass, "input_number", "set_value")
    async with led(hass, commanded(BatteryAction.CHARGE, 1000.0), charge_power=CHARGE_W, hold_switch=HOLD) as site:
        for _ in range(100):
            freezer.tick(1)
            await site.show(commanded(BatteryAction.CHARGE, 1000.0))
        calls.clear()
        await site.show(commanded(BatteryAction.HOLD))
        assert states(hass)[1] == "on"
        freezer.tick(5)
        await site.show(commanded(BatteryAction.CHARGE, 1000.0))
        assert len(calls) == 1
        freezer.tick(5)
        await site.show(commanded(BatteryAction.CHARGE, 1000.0))
        assert len(calls) == 2


@pytest.mark.usefixtures("inverter")
@pytest.mark.parametrize(
    "error", [HomeAssistantError("bus is busy"), ValueError("bus is busy"), OSError("bus is busy")]
)
async def test_whatever_another_integration_raises_is_shown_and_the_rest_is_written_all_the_same(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry, error: Exception
) -> None:
    async def fail(call: ServiceCall) -> None:
        raise error

    hass.services.async_register("input_select", "select_option", fail)
    async with led(hass, commanded(BatteryAction.HOLD), **EVERYTHING):
        issue = issue_registry.async_get_issue(*ISSUE)
        assert issue is not None
        assert "bus is busy" in str(issue.translation_placeholders)
        assert states(hass)[1:] == ("on", 0.0, 0.0, 0.0)
    assert states(hass)[1:] == NORMAL_STATES[1:]
    assert issue_registry.async_get_issue(*ISSUE) is None


@pytest.mark.usefixtures("inverter")
async def test_a_battery_that_cannot_be_given_back_is_told_in_the_log(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    async with led(hass, commanded(BatteryAction.HOLD), hold_switch=HOLD):
        assert states(hass)[1] == "on"
        hass.services.async_remove("input_boolean", "turn_off")
    assert "The battery Battery could not be given back to its own control" in caplog.text


async def test_a_number_that_is_no_power_is_refused(hass: HomeAssistant, issue_registry: ir.IssueRegistry) -> None:
    number = {"min": 0, "max": 100, "initial": 0, "unit_of_measurement": "A"}
    assert await async_setup_component(hass, "input_number", {"input_number": {"charge": number}})
    async with led(hass, commanded(BatteryAction.CHARGE, 3000.0), charge_power=CHARGE_W):
        issue = issue_registry.async_get_issue(*ISSUE)
        assert issue is not None
        assert "is in A, which is no power" in str(issue.translation_placeholders)
        state = hass.states.get(CHARGE_W)
        assert state is not None
        assert float(state.state) == 0.0


@pytest.mark.usefixtures("inverter")
async def test_actions_of_the_users_own_run_with_the_power(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    def set_charge(value: str) -> list[dict[str, Any]]:
        return [{"action": "input_number.set_value", "target": {"entity_id": CHARGE_W}, "data": {"value": value}}]

    actions = {
        "control": "actions",
        "action_charge": set_charge("{{ power_w / 2 }}"),
        "action_normal": set_charge("10"),
    }
    async with led(hass, commanded(BatteryAction.CHARGE, 2000.0), **actions) as site:
        assert states(hass)[2] == 1000.0
        freezer.tick(5)
        await site.show(commanded(BatteryAction.CHARGE, 3000.0))
        assert states(hass)[2] == 1500.0
    assert states(hass)[2] == 10.0


@pytest.mark.usefixtures("inverter")
async def test_actions_that_cannot_be_run_are_shown(hass: HomeAssistant, issue_registry: ir.IssueRegistry) -> None:
    broken = [{"action": "nonsense.nothing"}]
    async with led(hass, commanded(BatteryAction.HOLD), action_hold=broken, hold_switch=HOLD):
        issue = issue_registry.async_get_issue(*ISSUE)
        assert issue is not None
        assert "nonsense" in str(issue.translation_placeholders)
        assert states(hass)[1] == "on"


@pytest.mark.usefixtures("inverter")
async def test_a_mode_without_an_option_for_an_action_stays_at_its_normal_one(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    mapped = {"mode_select": MODE, "option_normal": "auto", "option_hold": "pause", "charge_power": CHARGE_W}
    async with led(hass, commanded(BatteryAction.HOLD), **mapped) as site:
        assert states(hass)[0] == "pause"
        freezer.tick(5)
        await site.show(commanded(BatteryAction.CHARGE, 500.0))
        assert (states(hass)[0], states(hass)[2]) == ("auto", 500.0)
