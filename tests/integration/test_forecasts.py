"""A site asks for the sun, learns its house from the recorder, and tells both to those who plan."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock, patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.energy.data import async_get_manager
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockModule,
    async_fire_time_changed,
    mock_integration,
    mock_platform,
)

from custom_components.smart_charging.diagnostics import async_get_config_entry_diagnostics
from custom_components.smart_charging.engine.ledger import SiteLedger
from custom_components.smart_charging.engine.model import StoreError
from custom_components.smart_charging.forecasts import SiteForecasts

from .builders import GRID_POWER, PV_POWER, battery, charger, grid_meter, pv, set_power, set_soc
from .forecast_house import dashboard, provider_entry, remember
from .site_setup import set_up

NOW = datetime(2026, 6, 22, 9, 0, 20, tzinfo=UTC)  # a Monday
MIDNIGHT = datetime(2026, 6, 22, tzinfo=UTC)
DAY = timedelta(days=1)
SLOT = timedelta(minutes=15)
TODAY, TOMORROW = "sensor.home_pv_forecast_rest_of_today", "sensor.home_pv_forecast_tomorrow"

pytestmark = pytest.mark.usefixtures("unload_at_the_end")


@pytest.fixture(autouse=True)
def auto_enable_custom_integrations(recorder_mock: object, enable_custom_integrations: None) -> None:
    """Start the recorder first, which has to be there before Home Assistant."""


@pytest.fixture(autouse=True)
async def morning(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    """Let it be a morning in Lyon, by the clock of Greenwich."""
    freezer.move_to(NOW)
    await hass.config.async_set_time_zone("UTC")
    hass.config.latitude, hass.config.longitude = 45.76, 4.84


def sunny(power_w: float = 2000.0, days: int = 3) -> dict[str, Any]:
    """Return a provider's answer: the same power from 8 to 16 o'clock of each day."""
    hours = [MIDNIGHT + day * DAY + timedelta(hours=hour) for day in range(days) for hour in range(8, 16)]
    return {"wh_hours": {hour.isoformat(): power_w for hour in hours}}


def forecasts(entry: MockConfigEntry) -> SiteForecasts:
    found: SiteForecasts = entry.runtime_data.forecasts
    return found


async def settle(hass: HomeAssistant) -> None:
    """Let everything come to its end."""
    await hass.async_block_till_done(wait_background_tasks=True)


async def set_up_home(hass: HomeAssistant, port: int, *subentries: Any, **changes: Any) -> MockConfigEntry:
    """Set a home up and let it ask and learn."""
    entry = await set_up(hass, port, *subentries, **changes)
    await settle(hass)
    return entry


async def next_slot(hass: HomeAssistant, freezer: FrozenDateTimeFactory, at: datetime) -> None:
    """Let the time of a slot's beginning come."""
    freezer.move_to(at + timedelta(seconds=1))
    async_fire_time_changed(hass, at + timedelta(seconds=1))
    await settle(hass)


@pytest.fixture
def roof(hass: HomeAssistant) -> Iterator[dict[str, Any]]:
    """Return the answers of a provider that the Energy dashboard shows."""
    provider_entry(hass, "roof")
    answers: dict[str, Any] = {"roof": sunny()}
    with dashboard(hass, answers):
        yield answers


async def test_the_dashboards_provider_becomes_the_forecast_and_two_sensors(
    hass: HomeAssistant, free_port: int, roof: dict[str, Any]
) -> None:
    entry = await set_up_home(hass, free_port)
    forecast = forecasts(entry).pv
    assert forecast is not None
    assert (forecast.start, forecast.slots) == (MIDNIGHT + timedelta(hours=9), 192)
    assert forecast.median_w[0] == 2000
    assert forecast.low_w[0] < 2000 < forecast.high_w[0]
    assert forecast.median_w[4 * 12] == 0
    assert float(hass.states.get(TODAY).state) == pytest.approx(14.0 - 2 * 20 / 3600, abs=0.01)
    assert float(hass.states.get(TOMORROW).state) == 16.0
    assert forecasts(entry).told()["providers"] == ["Roof roof"]


async def test_an_integration_with_an_energy_platform_is_asked_through_the_energy_component(
    hass: HomeAssistant, free_port: int
) -> None:
    asked: list[str] = []

    async def answer(_hass: HomeAssistant, config_entry_id: str) -> dict[str, Any]:
        asked.append(config_entry_id)
        return sunny(1234)

    mock_integration(hass, MockModule("sunny"))
    mock_platform(hass, "sunny.energy", Mock(spec=["async_get_solar_forecast"], async_get_solar_forecast=answer))
    provider_entry(hass, "roof")
    hass.config.components.add("sunny")
    assert await async_setup_component(hass, "energy", {})
    manager = await async_get_manager(hass)
    solar: Any = {"type": "solar", "stat_energy_from": "sensor.pv", "config_entry_solar_forecast": ["roof"]}
    await manager.async_update({"energy_sources": [solar]})
    entry = await set_up_home(hass, free_port)
    forecast = forecasts(entry).pv
    assert forecast is not None
    assert forecast.median_w[0] == 1234
    assert asked == ["roof"]


async def test_what_a_provider_says_in_the_next_slot_counts_from_then_on(
    hass: HomeAssistant, free_port: int, roof: dict[str, Any], freezer: FrozenDateTimeFactory
) -> None:
    entry = await set_up_home(hass, free_port)
    heard: list[bool] = []
    stop = forecasts(entry).subscribe(lambda: heard.append(True))
    roof["roof"] = sunny(1000)
    await next_slot(hass, freezer, NOW.replace(minute=15, second=0))
    assert heard == [True]
    forecast = forecasts(entry).pv
    assert forecast is not None
    assert (forecast.start, forecast.median_w[0]) == (NOW.replace(minute=15, second=0), 1000)
    stop()
    await next_slot(hass, freezer, NOW.replace(minute=30, second=0))
    assert heard == [True]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (None, "has no forecast yet"),
        (RuntimeError("cloud"), "cloud"),
        (KeyError(), "KeyError"),
        ([], "no mapping"),
        ({"wh_hours": {"today": 1}}, "a time is not in ISO 8601"),
        ({"wh_hours": {}}, "says nothing of these days"),
        ({"wh_hours": {(NOW - 9 * DAY).isoformat(): 5}}, "says nothing of these days"),
    ],
)
async def test_a_provider_that_fails_leaves_no_forecast_and_tells_why(
    hass: HomeAssistant, free_port: int, roof: dict[str, Any], answer: Any, problem: str
) -> None:
    roof["roof"] = answer
    entry = await set_up_home(hass, free_port, pv())
    assert forecasts(entry).pv is None
    assert forecasts(entry).told()["problems"] == [problem]
    assert hass.states.get(TODAY).state == "unavailable"


async def test_a_provider_that_is_not_loaded_or_offers_nothing_is_told(hass: HomeAssistant, free_port: int) -> None:
    provider_entry(hass, "off", state=ConfigEntryState.NOT_LOADED)
    provider_entry(hass, "mute", domain="mute")
    with dashboard(hass, {"off": sunny(), "mute": sunny()}):
        entry = await set_up_home(hass, free_port)
    assert forecasts(entry).told()["problems"] == ["not loaded", "offers no forecast"]


async def test_the_forecasts_of_two_roofs_are_added_and_one_alone_is_not_the_whole(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    provider_entry(hass, "east")
    provider_entry(hass, "west")
    answers: dict[str, Any] = {"east": sunny(1000), "west": sunny(500)}
    with dashboard(hass, answers):
        entry = await set_up_home(hass, free_port)
        forecast = forecasts(entry).pv
        assert forecast is not None
        assert forecast.median_w[0] == 1500
        answers["west"] = None
        await next_slot(hass, freezer, NOW.replace(minute=15, second=0))
        assert forecasts(entry).pv is None


async def test_entities_tell_the_forecast_with_its_band(hass: HomeAssistant, free_port: int) -> None:
    for day, name in enumerate(("sensor.today", "sensor.tomorrow")):
        periods = [
            {
                "period_start": MIDNIGHT + day * DAY + number * timedelta(minutes=30),
                "pv_estimate": 1.0,
                "pv_estimate10": 0.5,
                "pv_estimate90": 1.2,
            }
            for number in range(16, 32)
        ]
        hass.states.async_set(name, "8", {"detailedForecast": periods})
    options = {"solar_forecast": "entities", "solar_forecast_entities": ["sensor.today", "sensor.tomorrow"]}
    entry = await set_up_home(hass, free_port, options=options)
    forecast = forecasts(entry).pv
    assert forecast is not None
    assert (forecast.low_w[0], forecast.median_w[0], forecast.high_w[0]) == (500, 1000, 1200)
    assert float(hass.states.get(TOMORROW).state) == 8.0


async def test_an_entity_that_is_not_there_or_makes_no_sense_is_told(hass: HomeAssistant, free_port: int) -> None:
    hass.states.async_set("sensor.odd", "8", {"watts": {NOW.isoformat(): "much"}})
    options = {"solar_forecast": "entities", "solar_forecast_entities": ["sensor.none", "sensor.odd"]}
    entry = await set_up_home(hass, free_port, options=options)
    assert forecasts(entry).pv is None
    assert forecasts(entry).told()["problems"] == ["not available", "a value is no number"]


async def test_entities_that_overreach_are_told(hass: HomeAssistant, free_port: int) -> None:
    far = {"watts": {(NOW + number * timedelta(hours=1)).isoformat(): 1.0 for number in range(2)}}
    hass.states.async_set("sensor.sun", "8", far)
    options = {"solar_forecast": "entities", "solar_forecast_entities": ["sensor.sun"]}
    with patch("custom_components.smart_charging.solar_sources.into_slots", side_effect=ValueError("too far away")):
        entry = await set_up_home(hass, free_port, options=options)
    assert forecasts(entry).told()["problems"] == ["too far away"]


async def test_other_options_are_followed_at_once(hass: HomeAssistant, free_port: int, roof: dict[str, Any]) -> None:
    entry = await set_up_home(hass, free_port)
    assert forecasts(entry).pv is not None
    hass.config_entries.async_update_entry(entry, options={"solar_forecast": "learnt"})
    await settle(hass)
    assert forecasts(entry).pv is None
    assert er.async_get(hass).async_get(TODAY) is None
    hass.config_entries.async_update_entry(entry, options={"solar_forecast": "energy_dashboard"})
    await settle(hass)
    assert forecasts(entry).pv is not None


async def test_a_provider_that_promises_half_is_put_right_and_that_outlives_a_restart(
    hass: HomeAssistant, free_port: int, roof: dict[str, Any], freezer: FrozenDateTimeFactory
) -> None:
    roof["roof"] = sunny(1000)
    entry = await set_up_home(hass, free_port, pv(), grid_meter())
    begin = NOW.replace(second=0)
    for number in range(1, 13):
        for minute in range(0, 15, 5):
            freezer.move_to(begin + (number - 1) * SLOT + timedelta(minutes=minute, seconds=25))
            set_power(hass, PV_POWER, 2000.0 + minute)
            set_power(hass, GRID_POWER, 100.0)
            await hass.async_block_till_done()
        await next_slot(hass, freezer, begin + number * SLOT)
    forecast = forecasts(entry).pv
    assert forecast is not None
    assert forecast.median_w[0] > 1500
    # Tomorrow at nine no measurement helps: what is higher then was learnt.
    assert forecast.median_w[forecast.index(begin + DAY)] > 1300
    seen = forecasts(entry).told()["slots_learnt_by_hour"]
    assert seen == {9: 4, 10: 4, 11: 4}
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    forecast = forecasts(entry).pv
    assert forecast is not None
    assert forecasts(entry).told()["slots_learnt_by_hour"] == seen
    assert forecast.median_w[forecast.index(begin + DAY)] > 1300


async def test_where_the_inverter_is_curtailed_its_power_teaches_nothing(
    hass: HomeAssistant, free_port: int, roof: dict[str, Any], freezer: FrozenDateTimeFactory
) -> None:
    entry = await set_up_home(hass, free_port, pv(), options={"zero_export": True})
    set_power(hass, PV_POWER, 100.0)
    for number in (1, 2):
        await next_slot(hass, freezer, NOW.replace(second=0) + number * SLOT)
    assert forecasts(entry).told()["slots_learnt_by_hour"] == {}


def evening(at: datetime) -> float:
    """Return a house that cooks at six in the evening and takes 300 W else."""
    return 2300.0 if at.hour == 18 else 300.0


def noon(at: datetime) -> float:
    """Return panels that bring 3 kW around noon."""
    return 3000.0 if 10 <= at.hour < 14 else 0.0


async def test_the_house_alone_is_learnt_from_meter_panels_battery_and_chargers(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    # What is remembered of the day before makes the newest statistics; a car charged at night and gave in the evening,
    # the battery charged all day.
    start = MIDNIGHT - 10 * DAY
    car = "sensor.charger_garage_power"

    def charging(at: datetime) -> float:
        return 7000.0 if at.hour < 4 else (-900.0 if at.hour == 18 else 0.0)

    def grid(at: datetime) -> float:
        return evening(at) + charging(at) + 500.0 - noon(at)

    entry = await set_up(hass, free_port, grid_meter(), pv(), battery(), charger("garage"))
    registry = er.async_get(hass)
    known = registry.async_get_entity_id("sensor", "smart_charging", "sub_garage_1_power")
    assert known is not None
    registry.async_update_entity(known, new_entity_id=car)
    await remember(hass, GRID_POWER, start, MIDNIGHT, grid)
    await remember(hass, PV_POWER, start, MIDNIGHT, noon)
    await remember(hass, "sensor.battery_power", start, MIDNIGHT, lambda _: -500.0)
    await remember(hass, car, start + 5 * DAY, MIDNIGHT, charging)
    # The last day is known by five minutes; a quarter of an hour that is cut short does not count.
    await remember(hass, GRID_POWER, MIDNIGHT, NOW.replace(second=0), lambda at: grid(at) + 50, five_minutes=True)
    await remember(hass, PV_POWER, MIDNIGHT, NOW.replace(second=0), noon, five_minutes=True)
    await remember(hass, "sensor.battery_power", MIDNIGHT, NOW.replace(second=0), lambda _: -500.0, five_minutes=True)
    await remember(hass, car, MIDNIGHT, NOW.replace(second=0), charging, five_minutes=True)
    freezer.move_to(NOW + DAY - timedelta(hours=8, minutes=39, seconds=50))
    async_fire_time_changed(hass, NOW + DAY - timedelta(hours=8, minutes=39, seconds=50))
    await settle(hass)
    forecast = forecasts(entry).base_load
    assert forecast is not None
    by_hour = {(forecast.start + number * SLOT).hour: power for number, power in enumerate(forecast.median_w[:96])}
    assert by_hour[18] == 2300
    assert by_hour[2] == pytest.approx(325, abs=26)
    assert by_hour[12] == 300
    assert forecasts(entry).told()["days_of_house"] == 11
    # Nobody forecasts the sun: it will shine as it did.
    sun = forecasts(entry).pv
    assert sun is not None
    assert sun.median_w[sun.index(MIDNIGHT + DAY + timedelta(hours=12))] == 3000
    assert sun.median_w[sun.index(MIDNIGHT + DAY + timedelta(hours=22))] == 0
    assert hass.states.get(TOMORROW).state == "12.0"


async def test_a_meter_of_three_phases_the_wrong_way_round_is_read_too(hass: HomeAssistant, free_port: int) -> None:
    phases = {f"power_l{number}": f"sensor.l{number}" for number in (1, 2, 3)}
    for entity_id in phases.values():
        await remember(hass, entity_id, MIDNIGHT - DAY, MIDNIGHT, lambda _: -200.0)
    entry = await set_up_home(hass, free_port, grid_meter(**phases, invert=True))
    forecast = forecasts(entry).base_load
    assert forecast is not None
    assert set(forecast.median_w) == {600.0}


@pytest.fixture
async def calendar(hass: HomeAssistant) -> list[Any]:
    """Return the events that a calendar of holidays tells; an exception in their place is raised."""
    events: list[Any] = []
    assert await async_setup_component(hass, "calendar", {})  # whose own action is the one to be replaced

    async def tell(call: ServiceCall) -> Any:
        if events and isinstance(events[0], Exception):
            raise events[0]
        return {call.data["entity_id"]: {"events": events}} if events else {}

    hass.services.async_register("calendar", "get_events", tell, supports_response=SupportsResponse.ONLY)
    return events


async def test_a_holiday_of_the_calendar_is_learnt_and_forecast_as_a_sunday(
    hass: HomeAssistant, free_port: int, calendar: list[Any]
) -> None:
    calendar += [
        {"start": "2026-06-22", "end": "2026-06-24", "summary": "Midsummer"},
        {"start": "2026-06-25T10:00:00+00:00", "end": "2026-06-25T11:00:00+00:00", "summary": "Dentist"},
        {"start": "2026-06-01", "end": "2027-06-01"},
        {"start": None},
        "odd",
    ]
    await remember(hass, GRID_POWER, MIDNIGHT - 14 * DAY, MIDNIGHT, lambda at: 900.0 if at.weekday() == 6 else 300.0)
    options = {"holiday_calendar": "calendar.holidays"}
    entry = await set_up_home(hass, free_port, grid_meter(), options=options)
    assert forecasts(entry).told()["holidays"] == ["2026-06-22", "2026-06-23"]
    forecast = forecasts(entry).base_load
    assert forecast is not None
    holiday, workday = (forecast.mean_w[forecast.index(MIDNIGHT + hours)] for hours in (DAY, 2 * DAY))
    assert holiday > workday + 100


@pytest.mark.parametrize("answer", [[], [RuntimeError("away")]])
async def test_a_calendar_that_fails_leaves_the_days_of_the_week(
    hass: HomeAssistant, free_port: int, calendar: list[Any], answer: list[Any]
) -> None:
    calendar += answer
    await remember(hass, GRID_POWER, MIDNIGHT - DAY, MIDNIGHT, lambda _: 300.0)
    options = {"holiday_calendar": "calendar.holidays"}
    entry = await set_up_home(hass, free_port, grid_meter(), options=options)
    assert forecasts(entry).told()["holidays"] == []
    assert forecasts(entry).base_load is not None


async def test_of_a_meter_that_tells_currents_the_sites_own_sensor_is_read(hass: HomeAssistant, free_port: int) -> None:
    currents = {f"current_l{number}": f"sensor.i{number}" for number in (1, 2, 3)}
    await remember(hass, "sensor.home_grid_power", MIDNIGHT - DAY, MIDNIGHT, lambda _: 400.0)
    entry = await set_up_home(hass, free_port, grid_meter(**currents))
    forecast = forecasts(entry).base_load
    assert forecast is not None
    assert set(forecast.median_w) == {400.0}


async def test_without_a_meter_nothing_is_known_of_the_house(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up_home(hass, free_port)
    assert (forecasts(entry).base_load, forecasts(entry).pv) == (None, None)
    assert hass.states.get(TODAY) is None
    assert forecasts(entry).told()["days_of_house"] == 0


async def test_what_the_house_takes_now_counts_for_the_next_hour(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    await remember(hass, GRID_POWER, MIDNIGHT - DAY, MIDNIGHT, lambda _: 400.0)
    await remember(hass, "sensor.battery_power", MIDNIGHT - DAY, MIDNIGHT, lambda _: 0.0)
    entry = await set_up_home(hass, free_port, grid_meter(), battery(), charger("garage"))
    begin = NOW.replace(second=0)
    for minute in range(15):
        freezer.move_to(begin + timedelta(minutes=minute, seconds=25))
        set_power(hass, GRID_POWER, 2400.0 + minute % 2)
        set_power(hass, "sensor.battery_power", -1000.0 - minute % 2)
        set_soc(hass, "sensor.battery_soc", 50)
        async_fire_time_changed(hass)
        await hass.async_block_till_done()
    await next_slot(hass, freezer, begin + SLOT)
    forecast = forecasts(entry).base_load
    assert forecast is not None
    left = [400 + 0.8 * 1000 * 0.5 ** (slot / 3) for slot in range(1, 5)]
    assert forecast.median_w[:4] == pytest.approx(left, abs=20)


async def test_what_was_learnt_is_there_at_once_after_a_restart(
    hass: HomeAssistant, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    await remember(hass, GRID_POWER, MIDNIGHT - DAY, MIDNIGHT, lambda _: 400.0)
    entry = await set_up_home(hass, free_port, grid_meter())
    assert forecasts(entry).base_load is not None
    with patch("custom_components.smart_charging.forecasts.async_learn", return_value=None):
        await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
        assert forecasts(entry).base_load is not None
    await hass.config_entries.async_unload(entry.entry_id)
    kept = {"forecast_usual": {"house": 3}, "forecast_provider": None}
    with (
        patch.object(SiteLedger, "load_memory", return_value=kept),
        patch("custom_components.smart_charging.forecasts.async_learn", return_value=None),
    ):
        await hass.config_entries.async_setup(entry.entry_id)
        await settle(hass)
    assert forecasts(entry).base_load is None
    assert "What forecasts learnt before is not understood" in caplog.text


async def test_a_memory_that_takes_nothing_is_complained_about_once(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await set_up_home(hass, free_port, grid_meter())
    with patch.object(SiteLedger, "save_memory", side_effect=StoreError("full")):
        for hour in (10, 11):
            await next_slot(hass, freezer, NOW.replace(hour=hour, second=0))
        assert await hass.config_entries.async_unload(entry.entry_id)
    assert caplog.text.count("What forecasts learnt could not be kept: full") == 1


async def test_diagnostics_tell_the_forecasts_in_whole_watts(
    hass: HomeAssistant, free_port: int, roof: dict[str, Any]
) -> None:
    entry = await set_up_home(hass, free_port)
    told: Any = await async_get_config_entry_diagnostics(hass, entry)
    assert told["forecasts"]["source"] == "energy_dashboard"
    assert told["forecasts"]["pv"]["median_w"][0] == 2000
    assert told["forecasts"]["base_load"] is None
    assert told["forecasts"]["learnt_at"] == NOW.isoformat()
