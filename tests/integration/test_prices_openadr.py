"""Prices and CO2 of an OpenADR server: chosen in the options, followed, and refused in another currency."""

from datetime import UTC, datetime
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.prices import SitePrices
from tests.engine.grid.vtn import Vtn

from .openadr_site import House, server, with_series
from .site_setup import set_up

pytestmark = pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")

POLL_S = 70.0
NOW = datetime(2026, 6, 1, 12, 0, 5, tzinfo=UTC)
EUR: dict[str, Any] = {"units": "KWH", "currency": "EUR"}
CHOSEN: dict[str, Any] = {
    "price_source": "openadr",
    "feed_in_source": "openadr",
    "openadr_source": "vtn",
    "surcharge": 0.1,
    "feed_in_surcharge": -0.01,
}


@pytest.fixture(autouse=True)
def euro(hass: HomeAssistant) -> None:
    """Let Home Assistant count in the currency of the server."""
    hass.config.currency = "EUR"


async def submit(hass: HomeAssistant, result: dict[str, Any], user_input: dict[str, Any]) -> dict[str, Any]:
    """Submit a page of the options and return what comes next."""
    return dict(await hass.config_entries.options.async_configure(result["flow_id"], user_input))


async def begin(hass: HomeAssistant, feed_in: str = "none", source: str = "openadr", **more: Any) -> dict[str, Any]:
    """Choose where prices come from and return what comes next."""
    menu = dict(await hass.config_entries.options.async_init("site1"))
    page = await submit(hass, menu, {"next_step_id": "prices"})
    return await submit(hass, page, {"price_source": source, "feed_in_source": feed_in, **more})


def known(entry: MockConfigEntry) -> SitePrices:
    """Return the prices of the site."""
    prices: SitePrices = entry.runtime_data.prices
    return prices


async def test_the_pages_lead_to_what_was_understood(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House
) -> None:
    with_series(vtn, "PRICE", [0.2, 0.3], **EUR)
    with_series(vtn, "EXPORT_PRICE", [0.05, 0.06], **EUR)
    with_series(vtn, "GHG", [250.0, 200.0])
    entry = await set_up(hass, free_port, server(vtn))
    await house.polls()
    page = await begin(hass, "openadr")
    assert page["step_id"] == "prices_openadr"
    page = await submit(hass, page, {"openadr_source": "vtn"})
    assert page["step_id"] == "prices_formula"
    page = await submit(hass, page, {"surcharge": 0.1, "feed_in_surcharge": -0.01})
    assert page["step_id"] == "prices_understood"
    shown = page["description_placeholders"]
    assert [shown[name] for name in ("source", "count", "minutes", "price", "feed_in", "currency")] == [
        "OpenADR", "2", "60", "0.3000", "0.0400", "EUR",
    ]  # fmt: skip
    assert shown["co2"].startswith("OpenADR, ")
    assert shown["co2"].endswith("250 g/kWh")
    await submit(hass, page, {})
    await hass.async_block_till_done()
    series = known(entry).series
    assert series is not None
    assert (series.import_at(NOW), series.feed_in_at(NOW), series.co2_at(NOW)) == (
        pytest.approx(0.3), pytest.approx(0.04), 250.0,
    )  # fmt: skip
    assert known(entry).carbon.outlook is not None


async def test_other_prices_count_as_soon_as_they_are_announced(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House
) -> None:
    event = with_series(vtn, "PRICE", [0.2, 0.3, 0.4], **EUR)
    with_series(vtn, "EXPORT_PRICE", [0.05, 0.06], **EUR)
    entry = await set_up(hass, free_port, server(vtn), options={"prices": CHOSEN})
    await house.polls()
    series = known(entry).series
    assert series is not None
    assert series.import_price == pytest.approx((0.3, 0.4, 0.5))
    vtn.delete_event(event)
    with_series(vtn, "PRICE", [0.5], **EUR)
    await house.passes(POLL_S)
    series = known(entry).series
    assert series is not None
    assert series.import_price == pytest.approx((0.6,))  # what was withdrawn is known no more


async def test_prices_in_another_currency_are_refused_and_told(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with_series(vtn, "PRICE", [0.2], units="KWH", currency="USD")
    entry = await set_up(hass, free_port, server(vtn), options={"prices": CHOSEN})
    await house.polls()
    assert known(entry).series is None
    assert "prices in USD where Home Assistant counts in EUR" in caplog.text
    page = await submit(hass, await begin(hass), {"openadr_source": "vtn"})
    assert page["errors"] == {"openadr_source": "prices_unreadable"}
    assert page["description_placeholders"]["detail"] == "prices in USD where Home Assistant counts in EUR"


async def test_a_server_without_co2_shows_none(hass: HomeAssistant, free_port: int, vtn: Vtn, house: House) -> None:
    with_series(vtn, "PRICE", [0.2], **EUR)
    await set_up(hass, free_port, server(vtn))
    await house.polls()
    page = await submit(hass, await begin(hass), {"openadr_source": "vtn"})
    page = await submit(hass, page, {})
    assert page["description_placeholders"]["co2"] == "–"


async def test_prices_of_feeding_in_that_are_not_announced_keep_no_others_away(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with_series(vtn, "PRICE", [0.2], **EUR)
    entry = await set_up(hass, free_port, server(vtn), options={"prices": CHOSEN})
    await house.polls()
    series = known(entry).series
    assert series is not None
    assert (series.import_price, series.feed_in_price) == (pytest.approx((0.3,)), ())
    assert "The feed-in prices of Home can't be read: the server announces none" in caplog.text


async def test_without_a_server_none_can_be_chosen(hass: HomeAssistant, free_port: int) -> None:
    await set_up(hass, free_port)
    assert (await begin(hass))["errors"] == {"price_source": "no_openadr_server"}


async def test_only_with_its_prices_the_server_tells_of_feeding_in(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House
) -> None:
    await set_up(hass, free_port, server(vtn))
    page = await begin(hass, "openadr", "fixed")
    assert page["errors"] == {"feed_in_source": "feed_in_needs_openadr"}


async def test_a_server_that_is_gone_or_does_not_run_tells_nothing(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with_series(vtn, "PRICE", [0.2], **EUR)
    entry = await set_up(hass, free_port, server(vtn), options={"prices": CHOSEN})
    await house.polls()
    await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    page = await submit(hass, await begin(hass), {"openadr_source": "vtn"})
    assert page["errors"] == {"openadr_source": "prices_unreadable"}
    await hass.config_entries.async_setup(entry.entry_id)
    await house.polls()
    hass.config_entries.async_remove_subentry(entry, "vtn")
    await hass.async_block_till_done()
    known(entry)._read()
    assert "the OpenADR server is not set up any more" in caplog.text
