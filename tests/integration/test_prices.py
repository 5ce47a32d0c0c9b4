"""A site's prices: read from the chosen source, kept while it fails, told to who needs them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.smart_charging.engine.control.prices.carbon import CarbonSource
from custom_components.smart_charging.engine.control.prices.series import HOUR, PriceSeries
from custom_components.smart_charging.price_settings import price_settings

from .builders import grid_meter
from .price_sources import ENTSOE, NORDPOOL, OCTOPUS_TODAY, OCTOPUS_TOMORROW, Followed, NordPool, entsoe, recorded
from .site_setup import issue_ids, set_up

LOST = "prices_lost_site1"


async def test_a_fixed_price_holds_today_and_two_days_more(followed: Followed) -> None:
    series = await followed.choose(price_source="fixed", price=0.3)
    assert series is not None
    assert series.start == datetime(2026, 11, 4, 23, tzinfo=UTC)
    assert (len(series.import_price), set(series.import_price)) == (3 * 96, {0.3})
    assert series.feed_in_price == ()
    assert followed.prices.currency == "EUR"
    await followed.at("2026-11-06T00:00:00+01:00")
    assert followed.prices.series is not None
    assert followed.prices.series.start == datetime(2026, 11, 5, 23, tzinfo=UTC)


async def test_a_time_of_use_tariff_changes_with_the_clock(followed: Followed) -> None:
    table = "default = 0.3\nnight = 0.2\nnight: 22:00-06:00"
    await followed.choose(price_source="time_of_use", table=table, feed_in_source="fixed", feed_in_price=0.08)
    assert followed.now == 0.3
    heard = followed.heard
    await followed.at("2026-11-05T22:00:00+01:00")
    assert (followed.now, followed.heard) == (0.2, heard + 1)
    assert followed.prices.series is not None
    assert set(followed.prices.series.feed_in_price) == {0.08}


async def test_an_entity_is_read_now_and_when_it_changes(hass: HomeAssistant, followed: Followed) -> None:
    entsoe(hass, "2026-11-05", *[0.1] * 24)
    await followed.choose(price_source="entity", entities=[ENTSOE], surcharge=0.15, vat_percent=19, markup_percent=10)
    assert followed.now == pytest.approx((0.11 + 0.15) * 1.19)
    entsoe(hass, "2026-11-05", *[0.2] * 24, tomorrow=(0.3,) * 24)
    await followed.settle()
    assert followed.now == pytest.approx((0.22 + 0.15) * 1.19)
    assert followed.prices.series is not None
    assert followed.prices.series.end == datetime(2026, 11, 6, 23, tzinfo=UTC)


async def test_an_entity_that_fails_is_told_of_once_and_what_was_known_stays(
    hass: HomeAssistant, followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    entsoe(hass, "2026-11-05", *[0.1] * 24)
    await followed.choose(price_source="entity", entities=[ENTSOE])
    for number in range(3):
        hass.states.async_set(ENTSOE, "unavailable", {"try": number})
        await followed.settle()
    assert followed.now == 0.1
    assert caplog.text.count("can't be read") == 1
    entsoe(hass, "2026-11-05", *[0.2] * 24)
    hass.states.async_set(ENTSOE, "unavailable")
    await followed.settle()
    assert caplog.text.count("can't be read") == 2


async def test_a_price_that_a_source_dropped_is_kept_for_a_day(hass: HomeAssistant, followed: Followed) -> None:
    entsoe(hass, "2026-11-05", *[0.1] * 24)
    await followed.choose(price_source="entity", entities=[ENTSOE])
    hass.states.async_set(ENTSOE, "0.1", {"prices_today": [{"time": "2026-11-05 12:00:00+01:00", "price": 0.5}]})
    hass.states.async_set(
        ENTSOE,
        "0.1",
        {"prices_today": [{"time": "2026-11-05 12:00:00+01:00", "price": 0.5}], "unit_of_measurement": "EUR/kWh"},
    )
    await followed.settle()
    series = followed.prices.series
    assert series is not None
    assert (followed.now, series.import_at(datetime(2026, 11, 5, 11, 30, tzinfo=UTC))) == (0.1, 0.5)


async def test_prices_in_steps_that_do_not_fit_replace_those_before(hass: HomeAssistant, followed: Followed) -> None:
    entsoe(hass, "2026-11-05", *[0.1] * 24)
    await followed.choose(price_source="entity", entities=[ENTSOE])
    odd = [{"time": "2026-11-05 08:01:00+01:00", "price": 0.7}]
    hass.states.async_set(ENTSOE, "0.1", {"prices_today": odd, "unit_of_measurement": "EUR/kWh"})
    await followed.settle()
    assert followed.prices.series == PriceSeries(datetime(2026, 11, 5, 7, 1, tzinfo=UTC), HOUR, (0.7,))


async def test_tomorrow_may_be_an_entity_of_its_own_that_has_nothing_yet(
    hass: HomeAssistant, followed: Followed
) -> None:
    await followed.at("2025-12-30T00:10:00+00:00")
    hass.states.async_set(OCTOPUS_TODAY, "now", recorded("octopus"))
    hass.states.async_set(OCTOPUS_TOMORROW, "unknown", {"rates": []})
    await followed.choose(price_source="entity", entities=[OCTOPUS_TODAY, OCTOPUS_TOMORROW])
    assert (followed.now, followed.prices.currency) == (0.15834, "GBP")


async def test_two_entities_that_do_not_fit_together_are_no_prices(
    hass: HomeAssistant, followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    hass.states.async_set(OCTOPUS_TODAY, "now", recorded("octopus"))
    entsoe(hass, "2026-11-05", 0.1)
    assert await followed.choose(price_source="entity", entities=[OCTOPUS_TODAY, ENTSOE]) is None
    assert "more than two weeks" in caplog.text


async def test_an_entity_that_does_not_exist_is_named(followed: Followed, caplog: pytest.LogCaptureFixture) -> None:
    assert await followed.choose(price_source="entity", entities=["sensor.gone"]) is None
    assert "sensor.gone does not exist" in caplog.text
    assert followed.prices.currency == "EUR"


async def test_an_attribute_is_read_as_mapped(hass: HomeAssistant, followed: Followed) -> None:
    await followed.at("2025-08-27T00:30:00+02:00")
    hass.states.async_set("sensor.stromligning", "2", recorded("stromligning"))
    await followed.choose(
        price_source="attribute",
        entity="sensor.stromligning",
        attribute="prices",
        start_key="start",
        value_key="price",
        end_key="end",
        unit="DKK/kWh",
    )
    assert (followed.now, followed.prices.currency) == (2.148425, "DKK")


@pytest.mark.parametrize(
    ("feed_in", "expected"),
    [
        ({"feed_in_source": "spot", "feed_in_surcharge": -0.02}, 0.08),
        ({"feed_in_source": "fixed", "feed_in_price": 0.05}, 0.05),
        ({"feed_in_source": "entity", "feed_in_entities": ["sensor.earned"], "feed_in_markup_percent": -50}, 0.2),
        ({"feed_in_source": "entity", "feed_in_entities": ["sensor.gone"]}, None),
        ({"feed_in_source": "none"}, None),
    ],
)
async def test_what_feeding_in_earns(
    hass: HomeAssistant, followed: Followed, feed_in: dict[str, Any], expected: float | None
) -> None:
    entsoe(hass, "2026-11-05", *[0.4] * 24)
    earned = hass.states.get(ENTSOE)
    assert earned is not None
    hass.states.async_set("sensor.earned", "0.4", earned.attributes)
    entsoe(hass, "2026-11-05", *[0.1] * 24)
    series = await followed.choose(price_source="entity", entities=[ENTSOE], surcharge=1, **feed_in)
    assert series is not None
    assert (followed.now, series.feed_in_at(dt_util.utcnow())) == (pytest.approx(1.1), pytest.approx(expected))


@pytest.mark.parametrize(
    ("state", "unit", "expected"),
    [
        ("312", "gCO2eq/kWh", 312.0),
        ("312", "kg/MWh", 312.0),
        ("312", "%", None),
        ("unavailable", "g/kWh", None),
        ("-1", "g/kWh", None),
    ],
)
async def test_the_grids_carbon_is_that_of_now(
    hass: HomeAssistant, followed: Followed, state: str, unit: str, expected: float | None
) -> None:
    hass.states.async_set("sensor.co2", "200", {"unit_of_measurement": "g/kWh"})
    await followed.choose(price_source="fixed", price=0.3, co2="sensor.co2")
    hass.states.async_set("sensor.co2", state, {"unit_of_measurement": unit})
    await followed.settle()
    series = followed.prices.series
    assert series is not None
    assert series.co2_at(dt_util.utcnow()) == expected
    assert series.co2_at(dt_util.utcnow() + HOUR) is None


async def test_nothing_is_read_before_home_assistant_has_started(
    hass: HomeAssistant, followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    hass.set_state(CoreState.starting)
    nordpool = NordPool(hass, "2026-11-05")
    await followed.choose(**NORDPOOL)
    assert nordpool.asked == []
    await followed.choose(price_source="fixed", price=0.3)
    assert followed.now == 0.3
    await followed.choose(price_source="entity", entities=[ENTSOE])
    hass.states.async_set(ENTSOE, "unknown")
    await followed.settle()
    entsoe(hass, "2026-11-05", *[0.1] * 24)
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await followed.settle()
    assert followed.now == 0.1
    assert "can't be read" not in caplog.text


async def test_prices_lost_for_a_day_are_a_repair_until_they_are_back(hass: HomeAssistant, followed: Followed) -> None:
    entsoe(hass, "2026-11-05", *[0.1] * 24)
    await followed.choose(price_source="entity", entities=[ENTSOE])
    await followed.at("2026-11-05T23:45:00+01:00")
    await followed.at("2026-11-06T23:30:00+01:00")
    assert issue_ids(hass) == set()
    await followed.at("2026-11-06T23:45:00+01:00")
    assert issue_ids(hass) == {LOST}
    entsoe(hass, "2026-11-06", *[0.1] * 24)
    await followed.settle()
    assert issue_ids(hass) == set()


async def test_prices_that_are_no_longer_wanted_are_no_repair(hass: HomeAssistant, followed: Followed) -> None:
    await followed.choose(price_source="entity", entities=[ENTSOE])
    await followed.at("2026-11-06T08:15:00+01:00")
    assert issue_ids(hass) == {LOST}
    assert await followed.choose() is None
    assert issue_ids(hass) == set()
    heard = followed.heard
    await followed.at("2026-11-08T08:15:00+01:00")
    assert (issue_ids(hass), followed.heard) == (set(), heard)


async def test_the_same_choice_again_changes_nothing(followed: Followed) -> None:
    await followed.choose(price_source="fixed", price=0.3)
    heard = followed.heard
    await followed.choose(price_source="fixed", price=0.3)
    assert followed.heard == heard
    followed.unsubscribe()
    await followed.choose(price_source="fixed", price=0.4)
    assert (followed.heard, followed.now) == (heard, 0.4)


def test_settings_that_mean_nothing_are_refused() -> None:
    mapping = {"entity": "sensor.a", "attribute": "a", "start_key": "b", "value_key": "c", "unit": "points"}
    with pytest.raises(ValueError, match="points is no unit"):
        price_settings({"prices": {"price_source": "attribute", **mapping}})
    with pytest.raises(ValueError, match="line 1"):
        price_settings({"prices": {"price_source": "time_of_use", "table": "night = 1"}})


async def test_a_site_keeps_its_prices_and_follows_changed_options(
    hass: HomeAssistant, free_port: int, unload_at_the_end: None
) -> None:
    entry = await set_up(hass, free_port, grid_meter(), options={"prices": {"price_source": "fixed", "price": 0.3}})
    prices = entry.runtime_data.prices
    assert prices.series is not None
    assert prices.series.import_at(dt_util.utcnow()) == 0.3
    hass.config_entries.async_update_entry(entry, options={"prices": {"price_source": "fixed", "price": 0.4}})
    await hass.async_block_till_done()
    assert entry.runtime_data.prices is prices
    assert prices.series.import_at(dt_util.utcnow() + timedelta(hours=1)) == 0.4
    hass.config_entries.async_update_entry(entry, options={})
    await hass.async_block_till_done()
    assert (prices.settings, prices.series) == (None, None)


async def test_the_grids_carbon_of_a_day_ago_stands_in_for_the_day_to_come(
    hass: HomeAssistant, followed: Followed
) -> None:
    await followed.choose(price_source="fixed", price=0.3, co2="sensor.co2")
    for at, grams in (
        ("2026-11-05T22:00:00+01:00", 400),
        ("2026-11-05T22:15:00+01:00", 100),
        ("2026-11-06T22:00:00+01:00", 200),
    ):
        await followed.at(at)
        hass.states.async_set("sensor.co2", str(grams), {"unit_of_measurement": "g/kWh"})
        await followed.settle()
    carbon = followed.prices.carbon.outlook
    assert carbon is not None
    assert carbon.series.import_at(dt_util.utcnow()) == pytest.approx(0.2)
    assert carbon.series.import_at(dt_util.utcnow() + timedelta(minutes=15)) == pytest.approx(0.05)
    await followed.choose(price_source="fixed", price=0.3)
    assert followed.prices.carbon.outlook is None


def forecast(hass: HomeAssistant, *grams: int, unit: str = "gCO2/kWh", day: str = "2026-11-05") -> None:
    """Let Predbat's sensor forecast these half hours from eight o'clock on."""
    first = datetime.fromisoformat(f"{day}T08:00:00+01:00")
    entries = [
        {
            "from": (first + number * HOUR / 2).isoformat(),
            "to": (first + (number + 1) * HOUR / 2).isoformat(),
            "intensity": value,
        }
        for number, value in enumerate(grams)
    ]
    hass.states.async_set("sensor.predbat", "1", {"unit_of_measurement": unit, "forecast": entries})


async def test_a_forecast_of_carbon_counts_where_it_reaches_follows_its_entity_and_outlives_its_failure(
    hass: HomeAssistant, followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    forecast(hass, 300, 200, 100)
    await followed.choose(price_source="fixed", price=0.3, co2_forecast=["sensor.predbat"])
    carbon, now = followed.prices.carbon, dt_util.utcnow()

    def told(hours: float) -> tuple[float | None, CarbonSource | None]:
        assert carbon.outlook is not None
        at = now + hours * HOUR
        return carbon.outlook.series.import_at(at), carbon.outlook.source_at(at)

    assert [told(hours) for hours in (0, 0.5, 1)] == [(kg, CarbonSource.FORECAST) for kg in (0.3, 0.2, 0.1)]
    assert told(1.5) == (None, None)
    assert followed.prices.series is not None
    assert followed.prices.series.co2_at(now) == 300  # what sessions stand for is worked out with it
    forecast(hass, 300, 250)
    await followed.settle()
    assert told(0.5) == (0.25, CarbonSource.FORECAST)
    forecast(hass, 1, unit="%")
    await followed.settle()
    hass.states.async_remove("sensor.predbat")
    await followed.settle()
    assert told(0.5) == (0.25, CarbonSource.FORECAST)
    assert caplog.text.count("The CO2 forecast of") == 1
    await followed.at("2026-11-05T09:15:00+01:00")
    assert carbon.outlook is None  # it is over


async def test_beyond_a_forecast_the_sensor_of_a_day_ago_stands_in(hass: HomeAssistant, followed: Followed) -> None:
    await followed.choose(price_source="fixed", price=0.3, co2="sensor.co2", co2_forecast=["sensor.predbat"])
    for at, grams in (
        ("2026-11-05T08:06:00+01:00", 400),
        ("2026-11-05T08:30:00+01:00", 200),
        ("2026-11-06T08:05:00+01:00", 600),
    ):
        await followed.at(at)
        hass.states.async_set("sensor.co2", str(grams), {"unit_of_measurement": "g/kWh"})
        await followed.settle()
    forecast(hass, 300, day="2026-11-06")
    await followed.settle()
    outlook = followed.prices.carbon.outlook
    assert outlook is not None
    now = dt_util.utcnow()
    assert (outlook.series.import_at(now), outlook.source_at(now)) == (0.3, CarbonSource.FORECAST)
    later = now + HOUR / 2
    assert outlook.series.import_at(later) == pytest.approx(0.15)
    assert outlook.source_at(later) is CarbonSource.DAY_BEFORE
