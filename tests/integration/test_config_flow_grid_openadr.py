"""Adding and changing an OpenADR server: what is asked, what is refused and why, and that the server itself is asked."""

import asyncio
from pathlib import Path
from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.requirements import RequirementsNotFound
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.engine.grid.openadr_client import VtnClient
from custom_components.smart_charging.engine.grid.openadr_config import ConfigProblem
from custom_components.smart_charging.engine.grid.openadr_http import VenProblem
from custom_components.smart_charging.engine.grid.signal import SignalScope
from custom_components.smart_charging.engine.grid.source import InputKind, LostPolicy
from custom_components.smart_charging.flows import grid_openadr
from custom_components.smart_charging.grid_settings import source_config
from tests.engine.grid.vtn import Vtn

from .builders import charger, site_entry
from .flow_steps import add_part, submit_part, suggested
from .openadr_site import LOGIN, SECRET, server
from .test_config_flow_frontend import TEXTS, Frontend, assert_translated, frontend  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("no_setup", "socket_enabled")


@pytest.fixture
def entry(hass: HomeAssistant) -> MockConfigEntry:
    """Return a site with two chargers."""
    entry = site_entry(9000, [charger("CP-1"), charger("CP-2")])
    entry.add_to_hass(hass)
    return entry


def typed(vtn: Vtn, advanced: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Return what a user types for a server on this host."""
    return {
        "name": "Aggregator",
        "url": vtn.url,
        "ven_name": "home",
        "login": {},
        "failsafe": 4.2,
        "advanced": {"allow_http": True} | (advanced or {}),
    } | changes


async def page(hass: HomeAssistant, entry: MockConfigEntry, preset: str = "openadr") -> dict[str, Any]:
    """Get to the page of a server."""
    form = await submit_part(hass, await add_part(hass, entry, "grid_signal"), {"preset": preset})
    assert form["step_id"] == "openadr"
    return form


async def add(hass: HomeAssistant, entry: MockConfigEntry, values: dict[str, Any]) -> dict[str, Any]:
    """Submit the page of a server."""
    return await submit_part(hass, await page(hass, entry), values)


def kept(entry: MockConfigEntry) -> dict[str, Any]:
    """Return what is kept of the one server."""
    (subentry,) = entry.get_subentries_of_type("grid_signal")
    return dict(subentry.data)


async def test_a_server_is_asked_and_kept(hass: HomeAssistant, entry: MockConfigEntry, vtn: Vtn) -> None:
    result = await add(hass, entry, typed(vtn, name=" Aggregator ", targets=[" 8716871 ", " "]))
    assert (result["type"], result["title"]) == (FlowResultType.CREATE_ENTRY, "Aggregator")
    data = kept(entry)
    assert (data["url"], data["openadr_version"], data["targets"]) == (vtn.url, "3.1", ["8716871"])
    assert vtn.vens == []  # asking makes nothing known yet
    (subentry,) = entry.get_subentries_of_type("grid_signal")
    source = source_config(entry, subentry)
    assert (source.input, source.scope, source.binding) == (InputKind.MESSAGES, SignalScope.SITE, True)
    assert (source.lost_policy, source.failsafe, source.silent_s) == (LostPolicy.FAILSAFE, 4200.0, 900.0)
    assert source.keeps_announced


async def test_a_login_is_tried_and_its_secret_kept(hass: HomeAssistant, entry: MockConfigEntry, vtn: Vtn) -> None:
    vtn.client_secret = SECRET
    form = await page(hass, entry)
    result = await submit_part(hass, form, typed(vtn, login={**LOGIN, "client_secret": "wrong"}))
    assert result["errors"] == {"login": "openadr_login"}
    result = await submit_part(hass, result, typed(vtn, login={**LOGIN, "scopes": ["read_all"]}))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert (kept(entry)["client_secret"], kept(entry)["scopes"]) == (SECRET, ["read_all"])


async def test_what_the_netherlands_ask_for_is_filled_in(hass: HomeAssistant, entry: MockConfigEntry, vtn: Vtn) -> None:
    vtn.version = "3.0.1"
    form = await page(hass, entry, "nl_openadr")
    result = await submit_part(hass, form, typed(vtn, targets=[]))
    assert result["errors"] == {"targets": "targets_missing"}
    result = await submit_part(hass, result, typed(vtn, targets=["871687120000000017"]))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    data = kept(entry)
    assert (data["openadr_version"], data["place"], data["binding"]) == ("3.0.1", "site", True)


async def test_names_are_not_shared(hass: HomeAssistant, vtn: Vtn) -> None:
    entry = site_entry(9000, [server(vtn)])
    entry.add_to_hass(hass)
    assert (await add(hass, entry, typed(vtn)))["errors"] == {"name": "grid_signal_name_in_use"}


@pytest.mark.parametrize(
    ("changes", "advanced", "field", "error"),
    [
        ({"url": "no address"}, {}, "url", "openadr_url"),
        ({"url": "http://vtn.example.com"}, {}, "url", "openadr_url_not_https"),
        ({"login": {"client_id": "it"}}, {}, "login", "openadr_credentials"),
        ({"login": {"client_secret": "it"}}, {}, "login", "openadr_credentials"),
        ({"login": {**LOGIN, "token_url": "it"}}, {}, "login", "openadr_token_url"),
        ({"login": {**LOGIN, "token_url": "http://example.com"}}, {}, "login", "openadr_token_url_not_https"),
        ({"ven_name": "x" * 129}, {}, "ven_name", "openadr_ven_name"),
        ({}, {"resources": [f"{'x' * 129} = Charger CP-1"]}, "advanced", "openadr_resource_name"),
        ({}, {"resources": ["carport"]}, "advanced", "openadr_resources"),
        ({}, {"resources": ["= Charger CP-1"]}, "advanced", "openadr_resources"),
        ({}, {"resources": ["a = Charger CP-1", "a = Charger CP-2"]}, "advanced", "openadr_resources"),
        ({}, {"resources": ["a = Charger CP-1", "b = Charger CP-1"]}, "advanced", "openadr_resources"),
        ({}, {"poll_s": 3600, "silent_min": 15}, "advanced", "openadr_lost_after"),
        ({}, {"ca_file": "gone.pem"}, "advanced", "openadr_ca_file"),
        ({}, {"ca_file": "/etc/hostname"}, "advanced", "openadr_ca_file"),
        ({}, {"program_name": "another"}, "advanced", "openadr_no_program"),
        ({"openadr_version": "3.0.1", "login": LOGIN}, {}, "login", "openadr_login"),
        ({"failsafe": None}, {}, "failsafe", "failsafe_missing"),
    ],
)
async def test_what_can_not_be_used_is_told_at_its_field(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    vtn: Vtn,
    changes: dict[str, Any],
    advanced: dict[str, Any],
    field: str,
    error: str,
) -> None:
    values = {key: value for key, value in typed(vtn, advanced, **changes).items() if value is not None}
    result = await add(hass, entry, values)
    assert result["errors"] == {field: error}
    assert not entry.get_subentries_of_type("grid_signal")


@pytest.mark.parametrize(
    ("status", "field", "error"),
    [
        (403, "login", "openadr_forbidden"),
        (404, "url", "openadr_not_found"),
        (429, "base", "openadr_rate_limited"),
        (500, "base", "openadr_server"),
        (400, "base", "openadr_refused"),
    ],
)
async def test_what_the_server_answers_is_told(
    hass: HomeAssistant, entry: MockConfigEntry, vtn: Vtn, status: int, field: str, error: str
) -> None:
    vtn.trouble.status = status
    assert (await add(hass, entry, typed(vtn)))["errors"] == {field: error}


async def test_a_server_that_is_not_there_is_not_kept(hass: HomeAssistant, entry: MockConfigEntry, vtn: Vtn) -> None:
    await vtn.stop()
    result = await add(hass, entry, typed(vtn))
    assert result["errors"] == {"base": "cannot_connect"}
    assert result["description_placeholders"]["detail"]


async def test_a_server_that_is_too_slow_is_not_waited_for(
    hass: HomeAssistant, entry: MockConfigEntry, vtn: Vtn
) -> None:
    with patch.object(grid_openadr.asyncio, "timeout", lambda _seconds: asyncio.timeout_at(0)):
        assert (await add(hass, entry, typed(vtn)))["errors"] == {"base": "cannot_connect"}


async def test_a_fault_of_ours_is_told_as_such(hass: HomeAssistant, entry: MockConfigEntry, vtn: Vtn) -> None:
    with patch.object(VtnClient, "programs", side_effect=RuntimeError(SECRET)):
        result = await add(hass, entry, typed(vtn))
    assert result["errors"] == {"base": "openadr_internal"}
    assert SECRET not in str(result["description_placeholders"])


async def test_the_library_is_installed_by_the_form(hass: HomeAssistant, entry: MockConfigEntry, vtn: Vtn) -> None:
    install = "custom_components.smart_charging.openadr_library.async_process_requirements"
    with patch(install, side_effect=RequirementsNotFound("smart_charging", ["it"])):
        result = await add(hass, entry, typed(vtn))
    assert result["errors"] == {"base": "openadr_not_installed"}
    with patch(install) as installs:
        result = await submit_part(hass, result, typed(vtn))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (call,) = installs.call_args_list
    assert call.args[2] == ["openadr3-client[mqtt]==2.4.2"]


async def test_a_certificate_below_the_configuration_is_taken(
    hass: HomeAssistant, entry: MockConfigEntry, vtn: Vtn
) -> None:
    await hass.async_add_executor_job(Path(hass.config.path("own.pem")).write_text, "not read for http")
    result = await add(hass, entry, typed(vtn, {"ca_file": "own.pem"}))
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_chargers_may_be_resources_of_the_server(hass: HomeAssistant, entry: MockConfigEntry, vtn: Vtn) -> None:
    await add(hass, entry, typed(vtn, {"resources": ["left = charger cp-1", "right = Charger CP-2"]}))
    assert kept(entry)["resources"] == {"left": "sub_CP-1", "right": "sub_CP-2"}
    (subentry,) = entry.get_subentries_of_type("grid_signal")
    hass.config_entries.async_remove_subentry(entry, "sub_CP-2")
    form = dict(await entry.start_subentry_reconfigure_flow(hass, subentry.subentry_id))
    assert suggested(form)["advanced"]["resources"] == ["left = Charger CP-1"]


async def test_a_secret_stays_while_its_field_is_left_empty_but_goes_nowhere_else(
    hass: HomeAssistant, vtn: Vtn
) -> None:
    vtn.client_secret = SECRET
    entry = site_entry(9000, [server(vtn, **LOGIN)])
    entry.add_to_hass(hass)
    form = dict(await entry.start_subentry_reconfigure_flow(hass, "vtn"))
    shown = suggested(form)
    assert (shown["name"], shown["url"], shown["login"]) == ("Aggregator", vtn.url, {"client_id": "ven-client"})
    assert SECRET not in str(shown)
    elsewhere = typed(vtn, url=f"{vtn.url}/", login={"client_id": "ven-client"})
    result = await submit_part(hass, form, elsewhere)
    assert result["errors"] == {"login": "openadr_credentials"}
    result = await submit_part(hass, result, typed(vtn, name="VTN", login={"client_id": "ven-client"}, failsafe=5))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert (kept(entry)["client_secret"], kept(entry)["failsafe"]) == (SECRET, 5)


async def test_without_its_id_no_secret_is_kept(hass: HomeAssistant, vtn: Vtn) -> None:
    entry = site_entry(9000, [server(vtn, **LOGIN)])
    entry.add_to_hass(hass)
    form = dict(await entry.start_subentry_reconfigure_flow(hass, "vtn"))
    assert (await submit_part(hass, form, typed(vtn)))["reason"] == "reconfigure_successful"
    assert "client_secret" not in kept(entry)


async def test_the_page_can_be_shown_and_is_translated(hass: HomeAssistant, frontend: Frontend) -> None:  # noqa: F811
    site_entry(9000).add_to_hass(hass)
    form = await frontend.begin("subentries/flow", ["site1", "grid_signal"])
    form = await frontend.submit(form, {"preset": "openadr"})
    assert_translated(form, "config_subentries", "grid_signal")


def test_every_problem_has_its_words() -> None:
    keys = {grid_openadr._key(problem) for problem in (*ConfigProblem, *VenProblem)}
    for texts in TEXTS.values():
        assert keys <= texts["config_subentries"]["grid_signal"]["error"].keys()
