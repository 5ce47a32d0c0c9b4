"""Every form can be sent to the frontend, and every text it wants is translated."""

import json
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.config import PhaseSwitching
from custom_components.smart_charging.engine.control.peak import PeakPreset
from custom_components.smart_charging.engine.model import ChargeMode
from custom_components.smart_charging.site_options import SolarPreset

from .builders import GRID_POWER, battery, charger, circuit, grid_meter, pv, set_power, set_soc, site_entry
from .flow_steps import METER_EMPTY, battery_input, site_input

pytestmark = pytest.mark.usefixtures("no_setup")

ROOT = Path(__file__).parents[2] / "custom_components" / DOMAIN / "translations"
TEXTS = {language: json.loads((ROOT / f"{language}.json").read_text()) for language in ("en", "de")}


class Frontend:
    """Leads flows over HTTP as the frontend does."""

    def __init__(self, hass: HomeAssistant, hass_client: ClientSessionGenerator) -> None:
        """Take who can make a client."""
        self._hass = hass
        self._hass_client = hass_client
        self._begun: list[tuple[str, str]] = []

    async def begin(self, kind: str, handler: Any, **extra: Any) -> dict[str, Any]:
        """Open a flow and return its first form."""
        assert await async_setup_component(self._hass, "config", {})
        self._client = await self._hass_client()
        self._base = f"/api/config/config_entries/{kind}"
        answer = await self._client.post(self._base, json={"handler": handler, **extra})
        assert answer.status == 200, await answer.text()
        form: dict[str, Any] = await answer.json()
        self._begun.append((self._base, form["flow_id"]))
        return form

    async def submit(self, form: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        """Submit a form and return what comes next."""
        answer = await self._client.post(f"{self._base}/{form['flow_id']}", json=values)
        assert answer.status == 200, await answer.text()
        result: dict[str, Any] = await answer.json()
        return result


@pytest.fixture
def frontend(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> Frontend:
    """Return a frontend."""
    return Frontend(hass, hass_client)


def assert_translated(form: dict[str, Any], *path: str) -> None:
    """Check that title, fields and sections of a form have their texts in every language."""
    for language, texts in TEXTS.items():
        for part in (*path, "step", form["step_id"]):
            texts = texts[part]
        assert texts["title"], language
        for field in form["data_schema"]:
            name = field["name"]
            if field.get("type") == "expandable":
                section = texts["sections"][name]
                assert section["name"], (language, name)
                assert {inner["name"] for inner in field["schema"]} <= section["data"].keys(), (language, name)
            else:
                assert texts["data"][name], (language, name)


async def test_the_pages_of_a_new_site(hass: HomeAssistant, frontend: Frontend, free_port: int) -> None:
    set_power(hass, GRID_POWER, 5)
    form = await frontend.begin("flow", DOMAIN)
    assert_translated(form, "config")
    form = await frontend.submit(form, site_input(free_port))
    assert_translated(form, "config")
    form = await frontend.submit(form, METER_EMPTY | {"total": {"power": GRID_POWER}})
    assert_translated(form, "config")
    for _page in ("pv", "grid operator"):
        form = await frontend.submit(form, {})
        assert_translated(form, "config")
    assert (await frontend.submit(form, {}))["type"] == "create_entry"


PARTS = [charger("CP-1"), grid_meter(), pv(), circuit("garage"), battery()]


@pytest.mark.parametrize("kind", ["charger", "circuit", "grid_meter", "pv", "battery"])
async def test_the_form_of_a_new_part(hass: HomeAssistant, frontend: Frontend, kind: str) -> None:
    site_entry(9000, [circuit("garage")]).add_to_hass(hass)
    form = await frontend.begin("subentries/flow", ["site1", kind])
    assert_translated(form, "config_subentries", kind)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part["subentry_type"])
async def test_the_form_of_a_changed_part(hass: HomeAssistant, frontend: Frontend, part: Any) -> None:
    site_entry(9000, PARTS).add_to_hass(hass)
    kind = part["subentry_type"]
    form = await frontend.begin("subentries/flow", ["site1", kind], subentry_id=part["subentry_id"])
    assert form["step_id"] == "reconfigure"
    assert_translated(form, "config_subentries", kind)


@pytest.mark.parametrize("control", ["entities", "actions"])
async def test_the_second_page_of_a_battery(hass: HomeAssistant, frontend: Frontend, control: str) -> None:
    site_entry(9000).add_to_hass(hass)
    set_soc(hass, "sensor.battery_soc", 50)
    set_power(hass, "sensor.battery_power", 0)
    form = await frontend.begin("subentries/flow", ["site1", "battery"])
    form = await frontend.submit(form, battery_input(control=control))
    assert form["step_id"] == control
    assert_translated(form, "config_subentries", "battery")


async def test_the_form_of_a_changed_site(hass: HomeAssistant, frontend: Frontend) -> None:
    site_entry(9000).add_to_hass(hass)
    form = await frontend.begin("flow", DOMAIN, entry_id="site1")
    assert form["step_id"] == "reconfigure"
    assert_translated(form, "config")


@pytest.mark.parametrize(
    ("subject", "chosen"),
    [
        ("limits", None),
        ("peak", {"peak_preset": "flanders"}),
        ("peak", {"peak_preset": "custom"}),
        ("solar", {"solar_preset": "custom"}),
        *(
            ("prices", {"price_source": source, "feed_in_source": "none"})
            for source in ("fixed", "time_of_use", "entity", "attribute")
        ),
        ("expert", None),
    ],
)
async def test_the_pages_of_the_options(
    hass: HomeAssistant, frontend: Frontend, subject: str, chosen: dict[str, Any] | None
) -> None:
    site_entry(9000).add_to_hass(hass)
    menu = await frontend.begin("options/flow", "site1")
    for texts in TEXTS.values():
        assert set(menu["menu_options"]) == texts["options"]["step"]["init"]["menu_options"].keys()
    form = await frontend.submit(menu, {"next_step_id": subject})
    assert_translated(form, "options")
    if chosen is not None:
        form = await frontend.submit(form, chosen)
        assert form["type"] == "form"
        assert_translated(form, "options")


def test_every_choice_is_translated() -> None:
    choices = {
        "battery_control": {"none", "entities", "actions"},
        "circuit": {"grid_connection"},
        "mode_after_unplug": {"keep", *ChargeMode},
        "peak_preset": {"none", *PeakPreset, "custom"},
        "phase_switching": set(PhaseSwitching),
        "solar_preset": set(SolarPreset),
    }
    for texts in TEXTS.values():
        assert {name: set(texts["selector"][name]["options"]) for name in choices} == choices


async def test_the_form_of_a_discovered_charger(hass: HomeAssistant, frontend: Frontend, free_port: int) -> None:
    entry = site_entry(free_port)
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup("site1")
    station = {"entry_id": "site1", "station_id": "CP-1", "vendor": "Volta", "model": "Wall"}
    flow = await hass.config_entries.flow.async_init(DOMAIN, context={"source": "integration_discovery"}, data=station)
    client_form = await frontend.begin("flow", DOMAIN)
    form = await frontend.submit({**client_form, "flow_id": flow["flow_id"]}, {"name": ""})
    assert form["errors"]
    assert_translated(form, "config")


def test_both_languages_have_the_same_texts_and_placeholders() -> None:
    assert keys(TEXTS["en"]) == keys(TEXTS["de"])


def keys(texts: Any, path: str = "") -> dict[str, frozenset[str]]:
    """Return the placeholders of each text by its path."""
    if isinstance(texts, str):
        return {path: frozenset(part.split("}")[0] for part in texts.split("{")[1:])}
    return {name: found for key, value in texts.items() for name, found in keys(value, f"{path}/{key}").items()}
