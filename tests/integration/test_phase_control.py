"""Contactors are moved as the site decides, and never under load."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest

from custom_components.smart_charging import back_off, phase_control
from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.model import EvseStatus, Phases, Reason, ReasonCode, Setpoint
from custom_components.smart_charging.engine.view import SiteView
from custom_components.smart_charging.phase_control import PhaseControls

from .builders import charger
from .site_double import AT, SiteDouble, evse, garage, measurement, running_site, site_view

CONTACTOR = "input_boolean.contactor"
SWITCHED = charger("garage", phase_switching="switch", phase_switch=CONTACTOR)
ISSUE = (DOMAIN, "phase_switch_site1_garage")
PAUSED = {"status": EvseStatus.SUSPENDED_EVSE, "measurement": measurement(current_a=Phases(), power_w=0.0)}


@pytest.fixture
async def contactor(hass: HomeAssistant) -> None:
    """Offer a contactor that connects one phase."""
    assert await async_setup_component(hass, "input_boolean", {"input_boolean": {"contactor": {"initial": False}}})


def wanting(
    phases: int | None, current_a: float = 0.0, state: dict[str, Any] | None = None, **changes: Any
) -> SiteView:
    """Return a view in which so many phases are wanted, by default of a paused car."""
    setpoint = Setpoint(current_a, Reason(ReasonCode.PHASE_SWITCHING), phases)
    return site_view(garage(evse(setpoint=setpoint, state=PAUSED if state is None else state)), **changes)


@asynccontextmanager
async def switching(hass: HomeAssistant, view: SiteView, **changes: Any) -> AsyncIterator[SiteDouble]:
    """Run a site with a contactor, and stop as an unload does."""
    async with running_site(hass, [], view, subentries=changes.get("subentries", [SWITCHED])) as site:
        assert site.entry is not None
        controls = PhaseControls(hass, site.entry)
        site.entry.async_on_unload(site.entry.runtime_data.coordinator.async_add_listener(controls.async_update))
        controls.async_update()
        await hass.async_block_till_done()
        yield site
        controls.async_stop()


def position(hass: HomeAssistant) -> str:
    """Return whether the contactor is on."""
    state = hass.states.get(CONTACTOR)
    assert state is not None
    return state.state


@pytest.mark.usefixtures("contactor")
async def test_a_contactor_follows_the_phases_wanted_and_stays_when_the_site_ends(hass: HomeAssistant) -> None:
    async with switching(hass, wanting(3)) as site:
        assert position(hass) == "on"
        await site.show(wanting(1))
        assert position(hass) == "off"
        await site.show(wanting(3))
    assert position(hass) == "on"


@pytest.mark.usefixtures("contactor")
@pytest.mark.parametrize(
    "view",
    [
        wanting(None),
        wanting(3, current_a=6.0),
        wanting(3, state={}),
        wanting(3, state={"measurement": None}),
        wanting(3, state={"measured_at": AT - timedelta(hours=1)}),
        wanting(3, observe_only=True),
        site_view(chargers={}),
    ],
    ids=["not wanted", "about to charge", "draws", "nothing measured", "silent", "only observes", "no charger"],
)
async def test_a_contactor_is_left_alone(hass: HomeAssistant, view: SiteView) -> None:
    async with switching(hass, view):
        assert position(hass) == "off"


@pytest.mark.usefixtures("contactor")
async def test_a_charger_that_is_configured_for_no_contactor_has_none(hass: HomeAssistant) -> None:
    other = charger("garage", phase_switching="ocpp", phase_switch=CONTACTOR)
    async with switching(hass, wanting(3), subentries=[other]):
        assert position(hass) == "off"


async def test_a_contactor_that_does_not_move_is_tried_again_and_shown(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    issue_registry: ir.IssueRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hass.states.async_set(CONTACTOR, "off")
    tried: list[str] = []

    async def fail(call: ServiceCall) -> None:
        tried.append(call.service)
        raise HomeAssistantError("relay is stuck")

    hass.services.async_register("input_boolean", "turn_on", fail)
    async with switching(hass, wanting(3)) as site:
        issue = issue_registry.async_get_issue(*ISSUE)
        assert issue is not None
        assert issue.translation_placeholders == {
            "site": "Home",
            "charger": "Charger garage",
            "detail": f"{CONTACTOR}: relay is stuck",
        }
        freezer.tick(4.9)
        await site.show(wanting(3))
        assert len(tried) == 1
        freezer.tick(0.1)
        await site.show(wanting(3))
        assert len(tried) == 2
        hass.states.async_set(CONTACTOR, "unavailable")
        freezer.tick(10)
        await site.show(wanting(3))
        assert len(tried) == 2
        hass.states.async_set(CONTACTOR, "off")
        hass.services.async_remove("input_boolean", "turn_on")
        moved: list[str] = []

        async def move(call: ServiceCall) -> None:
            moved.append(call.service)
            hass.states.async_set(CONTACTOR, "on")

        hass.services.async_register("input_boolean", "turn_on", move)
        freezer.tick(19.9)
        await site.show(wanting(3))
        assert moved == []
        freezer.tick(0.1)
        await site.show(wanting(3))
        assert moved == ["turn_on"]
        assert issue_registry.async_get_issue(*ISSUE) is None
    assert caplog.text.count("could not be switched") == 1


async def tried_seconds(site: SiteDouble, freezer: FrozenDateTimeFactory, calls: list[str], seconds: int) -> list[int]:
    """Return after how many seconds a contactor was told to go to three phases."""
    tried: list[int] = []
    for second in range(1, seconds + 1):
        calls.clear()
        freezer.tick(1)
        await site.show(wanting(3))
        tried += [second] * bool(calls)
    return tried


@pytest.mark.parametrize("refuses", [True, False], ids=["refuses", "stays where it is"])
async def test_a_contactor_that_never_moves_is_tried_ever_more_rarely(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, refuses: bool
) -> None:
    hass.states.async_set(CONTACTOR, "off")
    calls: list[str] = []

    async def take(call: ServiceCall) -> None:
        calls.append(call.service)
        if refuses:
            raise HomeAssistantError("relay is stuck")

    hass.services.async_register("input_boolean", "turn_on", take)
    hass.services.async_register("input_boolean", "turn_off", take)
    async with switching(hass, wanting(3)) as site:
        assert calls == ["turn_on"]
        assert await tried_seconds(site, freezer, calls, 600) == [5, 15, 35, 75, 155, 315]
        hass.states.async_set(CONTACTOR, "on")
        calls.clear()
        await site.show(wanting(1))
        assert calls == ["turn_off"]
        hass.states.async_set(CONTACTOR, "off")
        await site.show(wanting(1))
        await site.show(wanting(3))
        assert await tried_seconds(site, freezer, calls, 20) == [5, 15]


async def test_a_contactor_that_came_by_itself_is_no_failure_any_more(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry
) -> None:
    async with switching(hass, wanting(3)) as site:
        assert issue_registry.async_get_issue(*ISSUE) is not None
        hass.states.async_set(CONTACTOR, "on")
        await site.show(wanting(3))
        assert issue_registry.async_get_issue(*ISSUE) is None


async def test_a_contactor_that_does_not_answer_is_told_once_at_a_time(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phase_control, "MOVE_TIMEOUT_S", 0.05)
    monkeypatch.setattr(back_off, "FIRST_WAIT_S", 0.0)
    hass.states.async_set(CONTACTOR, "off")
    calls: list[str] = []

    async def hang(call: ServiceCall) -> None:
        calls.append(call.service)
        await asyncio.Event().wait()

    hass.services.async_register("input_boolean", "turn_on", hang)
    async with running_site(hass, [], wanting(3), subentries=[SWITCHED]) as site:
        assert site.entry is not None
        controls = PhaseControls(hass, site.entry)
        controls.async_update()
        await asyncio.sleep(0)
        controls.async_update()
        await asyncio.sleep(0)
        assert calls == ["turn_on"]
        await hass.async_block_till_done()
        issue = issue_registry.async_get_issue(*ISSUE)
        assert issue is not None
        assert issue.translation_placeholders is not None
        assert issue.translation_placeholders["detail"] == "no answer in time"
        controls.async_stop()


async def test_what_is_shown_is_taken_back_with_the_contactor_and_with_the_site(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry
) -> None:
    async with switching(hass, wanting(3)) as site:
        assert issue_registry.async_get_issue(*ISSUE) is not None
        subentry = site.entry.subentries["sub_garage"]
        data = {**subentry.data, "phase_switching": "none"}
        hass.config_entries.async_update_subentry(site.entry, subentry, data=data)
        await site.show(wanting(3))
        assert issue_registry.async_get_issue(*ISSUE) is None
    async with switching(hass, wanting(3)):
        assert issue_registry.async_get_issue(*ISSUE) is not None
    assert issue_registry.async_get_issue(*ISSUE) is None
