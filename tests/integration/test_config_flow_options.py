"""The options of a site: a menu with a page for each subject, of which the others are left alone."""

from dataclasses import replace
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.engine.config import QUICK_SOLAR, PeakConfig, SiteConfig, SolarConfig
from custom_components.smart_charging.engine.control.peak import PRESETS, PeakPreset
from custom_components.smart_charging.engine.id_token import AccessMode, AccessPolicy, LocalListUse
from custom_components.smart_charging.settings import site_config
from custom_components.smart_charging.site_options import (
    SolarForecastSource,
    access_policy,
    holiday_calendar,
    solar_forecast_entities,
    solar_forecast_source,
)
from custom_components.smart_charging.stored_files import files_address

from .builders import site_entry
from .flow_steps import suggested
from .forecast_house import dashboard, provider_entry

pytestmark = pytest.mark.usefixtures("no_setup")

LEASE = {"lease_hold_s": 20, "lease_renew_s": 8}
LIMITS = {"power_limit_w": 11000, "unbalance_a": 20, "turn_min": 30, "seniority_per_h": 0.5}
CUSTOM_SOLAR = {
    "start_share_percent": 90,
    "start_s": 30,
    "stop_share_percent": 40,
    "stop_s": 90,
    "smoothing_s": 20,
    "phases_up_s": 70,
    "phases_down_s": 80,
    "phases_hold_s": 400,
    "phase_switches_per_day": 6,
}


async def entry_with(hass: HomeAssistant, **options: Any) -> MockConfigEntry:
    """Return a site with these options."""
    entry = site_entry(9000, options=options)
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    return entry


async def open_page(hass: HomeAssistant, subject: str) -> dict[str, Any]:
    """Choose a subject in the menu."""
    menu = await hass.config_entries.options.async_init("site1")
    assert menu["type"] is FlowResultType.MENU
    return await submit(hass, dict(menu), {"next_step_id": subject})


async def submit(hass: HomeAssistant, result: dict[str, Any], user_input: dict[str, Any]) -> dict[str, Any]:
    """Submit a page and return what comes next."""
    return dict(await hass.config_entries.options.async_configure(result["flow_id"], user_input))


async def test_a_site_without_options_has_the_engines_defaults(hass: HomeAssistant) -> None:
    site = site_config(hass, await entry_with(hass))
    default = SiteConfig(site_id="", name="", fuse_a=35)
    assert (site.power_w, site.unbalance_a, site.peak) == (None, None, None)
    assert (site.turn_s, site.solar, site.lease) == (default.turn_s, SolarConfig(), default.lease)
    assert site.seniority_per_h == default.seniority_per_h


async def test_limits_and_turns_are_entered_and_emptied_again(hass: HomeAssistant) -> None:
    entry = await entry_with(hass, **LEASE)
    page = await open_page(hass, "limits")
    result = await submit(hass, page, LIMITS)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    site = site_config(hass, entry)
    assert (site.power_w, site.unbalance_a, site.turn_s, site.seniority_per_h) == (11000, 20, 1800, 0.5)
    assert site.lease.hold_s == 20
    page = await open_page(hass, "limits")
    assert suggested(page) == LIMITS
    await submit(hass, page, {"turn_min": 15})
    assert entry.options == {"turn_min": 15, "seniority_per_h": 0, **LEASE}
    site = site_config(hass, entry)
    assert (site.power_w, site.unbalance_a) == (None, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"power_limit_w": -1},
        {"unbalance_a": 0},
        {"unbalance_a": 1001},
        {"turn_min": 0},
        {"turn_min": 241},
        {"seniority_per_h": -0.1},
        {"seniority_per_h": 10.1},
    ],
)
async def test_a_senseless_limit_is_refused(hass: HomeAssistant, wrong: dict[str, Any]) -> None:
    entry = await entry_with(hass)
    page = await open_page(hass, "limits")
    with pytest.raises(InvalidData):
        await submit(hass, page, {"turn_min": 15} | wrong)
    assert entry.options == {}


async def test_a_power_limit_that_would_block_the_site_is_refused(hass: HomeAssistant) -> None:
    entry = await entry_with(hass)
    page = await submit(hass, await open_page(hass, "limits"), {"power_limit_w": 0, "turn_min": 20})
    assert page["errors"] == {"power_limit_w": "power_limit_zero"}
    assert suggested(page)["turn_min"] == 20
    await submit(hass, page, {"turn_min": 20})
    assert entry.options == {"turn_min": 20, "seniority_per_h": 0}


@pytest.mark.parametrize(
    ("preset", "target_kw", "tariff"),
    [
        ("flanders", 2.5, PeakConfig(interval_min=15, target_w=2500, floor_w=2500, days=1)),
        ("norway", 5, PeakConfig(interval_min=60, target_w=5000, days=3)),
        ("sweden", 5, PeakConfig(interval_min=60, target_w=5000, days=3)),
        ("germany_business", 30, PeakConfig(interval_min=15, target_w=30000, days=1)),
    ],
)
async def test_a_known_tariff_only_asks_for_its_target(
    hass: HomeAssistant, preset: str, target_kw: float, tariff: PeakConfig
) -> None:
    entry = await entry_with(hass, **LEASE)
    page = await submit(hass, await open_page(hass, "peak"), {"peak_preset": preset})
    assert page["step_id"] == "peak_target"
    field, price = page["data_schema"].schema
    assert price == "peak_price_per_kw"
    assert field.default() == target_kw
    result = await submit(hass, page, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert site_config(hass, entry).peak == tariff
    assert entry.options["lease_hold_s"] == 20


async def test_a_tariff_with_a_price_is_weighed(hass: HomeAssistant) -> None:
    entry = await entry_with(hass, **LEASE)
    page = await submit(hass, await open_page(hass, "peak"), {"peak_preset": "flanders"})
    assert page["description_placeholders"] == {"currency": "EUR"}
    await submit(hass, page, {"peak_target_kw": 2.5, "peak_price_per_kw": 4.13})
    known = site_config(hass, entry).peak
    assert known == replace(PRESETS[PeakPreset.FLANDERS], price_per_kw=4.13)


async def test_the_target_of_another_tariff_is_not_offered(hass: HomeAssistant) -> None:
    await entry_with(hass, peak_preset="norway", peak_target_kw=8)
    page = await submit(hass, await open_page(hass, "peak"), {"peak_preset": "norway"})
    assert suggested(page) == {"peak_target_kw": 8}
    page = await submit(hass, await open_page(hass, "peak"), {"peak_preset": "flanders"})
    assert suggested(page) == {}


async def test_a_tariff_of_ones_own_is_entered_and_given_up(hass: HomeAssistant) -> None:
    entry = await entry_with(hass, **LEASE)
    page = await submit(hass, await open_page(hass, "peak"), {"peak_preset": "custom"})
    assert page["step_id"] == "peak_custom"
    values = {
        "peak_target_kw": 7.5,
        "peak_interval_min": "60",
        "peak_days": 2,
        "peak_floor_kw": 1,
        "peak_price_per_kw": 3.5,
    }
    await submit(hass, page, values)
    assert site_config(hass, entry).peak == PeakConfig(
        interval_min=60, target_w=7500, floor_w=1000, days=2, price_per_kw=3.5
    )
    page = await open_page(hass, "peak")
    assert suggested(page) == {"peak_preset": "custom"}
    page = await submit(hass, page, {"peak_preset": "custom"})
    assert suggested(page) == values
    result = await submit(hass, await open_page(hass, "peak"), {"peak_preset": "none"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == {"peak_preset": "none", **LEASE}
    assert site_config(hass, entry).peak is None


async def test_a_known_tariff_forgets_what_ones_own_had(hass: HomeAssistant) -> None:
    entry = await entry_with(
        hass, peak_preset="custom", peak_target_kw=9, peak_interval_min="15", peak_days=5, peak_floor_kw=3
    )
    page = await submit(hass, await open_page(hass, "peak"), {"peak_preset": "sweden"})
    await submit(hass, page, {"peak_target_kw": 6})
    assert entry.options == {"peak_preset": "sweden", "peak_target_kw": 6}


@pytest.mark.parametrize(("preset", "solar"), [("tuned", SolarConfig()), ("quick", QUICK_SOLAR)])
async def test_a_solar_preset_is_one_choice(hass: HomeAssistant, preset: str, solar: SolarConfig) -> None:
    entry = await entry_with(hass, solar_preset="custom", residual_w=0, zero_export=False, **CUSTOM_SOLAR, **LEASE)
    page = await open_page(hass, "solar")
    result = await submit(hass, page, {"solar_preset": preset, "residual_w": 0, "zero_export": False})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert site_config(hass, entry).solar == solar
    assert entry.options == {"solar_preset": preset, "residual_w": 0, "zero_export": False, **LEASE}


@pytest.mark.parametrize("preset", ["tuned", "quick", "custom"])
async def test_residual_power_and_zero_export_go_with_every_preset(hass: HomeAssistant, preset: str) -> None:
    entry = await entry_with(hass)
    page = await open_page(hass, "solar")
    page = await submit(hass, page, {"solar_preset": preset, "residual_w": 200, "zero_export": True})
    if preset == "custom":
        await submit(hass, page, CUSTOM_SOLAR)
    solar = site_config(hass, entry).solar
    assert (solar.residual_w, solar.zero_export) == (200, True)


async def test_thresholds_and_times_of_ones_own(hass: HomeAssistant) -> None:
    entry = await entry_with(hass)
    page = await submit(hass, await open_page(hass, "solar"), {"solar_preset": "custom"})
    assert page["step_id"] == "solar_custom"
    result = await submit(hass, page, CUSTOM_SOLAR | {"stop_share_percent": 91})
    assert result["errors"] == {"stop_share_percent": "stop_above_start"}
    assert suggested(result)["stop_share_percent"] == 91
    result = await submit(hass, result, CUSTOM_SOLAR)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert site_config(hass, entry).solar == SolarConfig(
        start_share=0.9,
        start_s=30,
        stop_share=0.4,
        stop_s=90,
        smoothing_s=20,
        phases_up_s=70,
        phases_down_s=80,
        phases_hold_s=400,
        phase_switches_per_day=6,
    )
    page = await submit(hass, await open_page(hass, "solar"), {"solar_preset": "custom"})
    assert suggested(page) == CUSTOM_SOLAR


async def test_the_form_of_ones_own_starts_from_the_tuned_values(hass: HomeAssistant) -> None:
    entry = await entry_with(hass)
    page = await submit(hass, await open_page(hass, "solar"), {"solar_preset": "custom"})
    await submit(hass, page, {})
    assert site_config(hass, entry).solar == SolarConfig()


async def test_who_may_charge_is_chosen_and_everybody_may_before(hass: HomeAssistant) -> None:
    entry = await entry_with(hass, **LEASE)
    assert access_policy(entry.options) == AccessPolicy(AccessMode.ACCEPT_ALL)
    page = await open_page(hass, "access")
    chosen = {"access_mode": "learn", "groups_share": True, "local_lists": "always"}
    result = await submit(hass, page, chosen)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == {**chosen, **LEASE}
    policy = access_policy(entry.options)
    assert policy == AccessPolicy(AccessMode.LEARN, groups_share=True, local_lists=LocalListUse.ALWAYS)
    assert suggested(await open_page(hass, "access")) == chosen


async def test_the_web_server_is_chosen_and_given_up(hass: HomeAssistant) -> None:
    entry = await entry_with(hass, **LEASE)
    page = await open_page(hass, "connection")
    assert page["description_placeholders"] == {"path": "/api/smart_charging/ocpp/"}
    await submit(hass, page, {"web_server": True})
    assert entry.options == LEASE | {"web_server": True}
    page = await open_page(hass, "connection")
    assert suggested(page) == {"web_server": True}
    await submit(hass, page, {"web_server": False})
    assert entry.options == LEASE | {"web_server": False}


async def test_an_address_for_files_is_chosen_and_emptied(hass: HomeAssistant) -> None:
    entry = await entry_with(hass)
    page = await open_page(hass, "connection")
    for unfit in (
        "home.test",
        "ftp://home.test",
        "https://home.test/?a=b",
        "https://user@home.test",
        "http://" + "x" * 300,
    ):
        page = await submit(hass, page, {"web_server": True, "files_address": unfit})
        assert page["errors"] == {"files_address": "files_address_unfit"}
        assert suggested(page)["files_address"] == unfit
    await submit(hass, page, {"web_server": True, "files_address": "https://home.test/x/"})
    assert entry.options == {"web_server": True, "files_address": "https://home.test/x/"}
    assert files_address(entry) == "https://home.test/x"
    await submit(hass, await open_page(hass, "connection"), {"web_server": True})
    assert entry.options == {"web_server": True}
    assert files_address(entry) is None


async def test_a_lease_has_to_outlast_its_renewal(hass: HomeAssistant) -> None:
    entry = await entry_with(hass, turn_min=20)
    page = await open_page(hass, "expert")
    result = await submit(hass, page, {"lease_hold_s": 20, "lease_renew_s": 20})
    assert result["errors"] == {"lease_renew_s": "lease_too_short"}
    assert suggested(result) == {"lease_hold_s": 20, "lease_renew_s": 20}
    result = await submit(hass, result, LEASE)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == {"turn_min": 20, **LEASE}


async def test_who_is_asked_for_the_sun_is_chosen(hass: HomeAssistant) -> None:
    entry = await entry_with(hass, **LEASE)
    provider_entry(hass, "roof")
    with dashboard(hass, {"roof": {}}):
        page = await open_page(hass, "forecasts")
    assert page["description_placeholders"]["found"] == "Roof roof"
    chosen = {"solar_forecast": "learnt", "holiday_calendar": "calendar.holidays"}
    await submit(hass, page, chosen)
    assert solar_forecast_source(entry.options) is SolarForecastSource.LEARNT
    assert holiday_calendar(entry.options) == "calendar.holidays"
    assert entry.options == {**chosen, **LEASE}


async def test_entities_that_tell_no_forecast_are_refused(hass: HomeAssistant) -> None:
    entry = await entry_with(hass)
    page = await open_page(hass, "forecasts")
    assert page["description_placeholders"]["found"] == "-"
    chosen: dict[str, Any] = {"solar_forecast": "entities"}
    page = await submit(hass, page, chosen)
    assert page["errors"] == {"solar_forecast_entities": "forecast_entities_missing"}
    hass.states.async_set("sensor.sun", "8", {"friendly_name": "Sun"})
    chosen["solar_forecast_entities"] = ["sensor.sun"]
    page = await submit(hass, page, chosen)
    assert page["errors"] == {"solar_forecast_entities": "entity_no_forecast"}
    assert page["description_placeholders"]["entity"] == "sensor.sun"
    assert suggested(page) == chosen
    hass.states.async_set("sensor.sun", "8", {"watts": {"2026-06-21T12:00:00+00:00": 800}})
    await submit(hass, page, chosen)
    assert entry.options == chosen
    assert solar_forecast_entities(entry.options) == ("sensor.sun",)
