"""What a site tells an OpenADR server of its usage: what the recorder has measured, and missing where it has not."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.db_schema import StatisticsShortTerm
from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.grid.openadr_reports import Figure
from custom_components.smart_charging.openadr_figures import Mean, OpenAdrFigures, figure_of, slots_of
from tests.engine.grid.vtn import Vtn, limit_interval, period

from .builders import GRID_POWER, charger, grid_meter, set_power
from .openadr_site import House, server
from .site_setup import set_up

pytestmark = pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")

ELEVEN = datetime(2026, 6, 1, 11, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
SLOT = int(ELEVEN.timestamp()) // 300


@pytest.fixture(autouse=True)
def auto_enable_custom_integrations(recorder_mock: object, enable_custom_integrations: None) -> None:
    """Start the recorder first, which has to be there before Home Assistant."""


async def measured(hass: HomeAssistant, entity_id: str, *powers_kw: float, start: datetime = ELEVEN) -> None:
    """Have the recorder know so many means of five minutes, each with a peak of 1 kW more."""
    get_instance(hass).async_import_statistics(
        {
            "mean_type": StatisticMeanType.ARITHMETIC,
            "has_sum": False,
            "name": None,
            "source": "recorder",
            "statistic_id": entity_id,
            "unit_class": "power",
            "unit_of_measurement": "kW",
        },
        [
            {"start": start + number * timedelta(minutes=5), "mean": one, "max": one + 1, "min": one - 1}
            for number, one in enumerate(powers_kw)
        ],
        StatisticsShortTerm,
    )
    await async_wait_recording_done(hass)


def slots(*powers_w: float | None) -> Mapping[int, Mean]:
    return {SLOT + number: Mean(one, one + 100) for number, one in enumerate(powers_w) if one is not None}


def test_energy_is_the_mean_over_its_time_and_what_is_fed_in_takes_nothing_off() -> None:
    figure = figure_of(slots(6000.0, -9000.0, 3000.0), ELEVEN, ELEVEN + QUARTER)
    assert (figure.energy_wh, figure.mean_w, figure.peak_w) == (pytest.approx(750), pytest.approx(3000), 6100.0)


def test_a_time_that_means_do_not_fill_was_not_measured() -> None:
    assert figure_of(slots(6000.0, None, 3000.0), ELEVEN, ELEVEN + QUARTER) == Figure()
    assert figure_of(slots(6000.0), ELEVEN, ELEVEN) == Figure()


def test_entities_are_added_where_each_is_known_and_their_peaks_can_not_be() -> None:
    at = ELEVEN.timestamp()
    rows = {
        "a": [(at, Mean(1000.0, 1500.0), 500.0), (at + 300, Mean(1.0, 1.0), 1.0)],
        "b": [(at, Mean(200.0, 300.0), 100.0)],
    }
    assert slots_of(rows, {"a": 1.0, "b": -1.0}) == {SLOT: Mean(800.0, None)}
    assert slots_of(rows, {"b": -1.0}) == {SLOT: Mean(-200.0, -100.0)}


async def test_what_the_server_asks_for_is_told_once_it_can_be_known(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House
) -> None:
    set_power(hass, GRID_POWER, 1)
    await measured(hass, GRID_POWER, *[1.0] * 12, 2.0, 4.0, 6.0, start=ELEVEN)
    vtn.add_event(
        str(vtn.programs[0]["id"]),
        [limit_interval(11, number) for number in range(3)],
        intervalPeriod=period("2026-06-01T11:45:00Z", "PT15M"),
        reportDescriptors=[{"payloadType": "USAGE", "readingType": "DIRECT_READ", "units": "KWH"}],
    )
    await set_up(hass, free_port, charger("CP-1"), grid_meter(), server(vtn))
    await house.polls()
    for seconds in (
        860,
        860,
        70,
        70,
    ):  # each before the server would be lost; to 12:31, when the recorder may not be done
        await house.passes(seconds)
    assert vtn.reports == []
    await house.passes(70)
    (report,) = vtn.reports
    payloads = [one["payloads"][0] for one in report["resources"][0]["intervals"]]
    assert [one["values"] for one in payloads] == [[0.25], [1.0], ["MISSING"]]
    assert payloads[2]["type"] == "DATA_QUALITY"


async def test_a_resource_is_what_its_charger_drew_and_nothing_where_it_is_none(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-06-01T12:00:00+00:00")
    entry = await set_up(hass, free_port, charger("CP-1"))
    power = er.async_get(hass).async_get_or_create("sensor", DOMAIN, "sub_CP-1_1_power", config_entry=entry)
    await measured(hass, power.entity_id, 6.0, 6.0, 9.0)
    figures = OpenAdrFigures(hass, entry, {"carport": "sub_CP-1", "gone": "sub_CP-9"})

    def asked(resource: str | None, start: datetime = ELEVEN, end: datetime = ELEVEN + QUARTER) -> Figure | None:
        return figures(resource, start, end)

    figure = await hass.async_add_executor_job(asked, "carport")
    assert figure == Figure(energy_wh=1750.0, mean_w=7000.0, peak_w=10_000.0)
    assert await hass.async_add_executor_job(asked, "carport") == figure
    assert await hass.async_add_executor_job(asked, "gone") == Figure()
    assert await hass.async_add_executor_job(asked, None) == Figure()
    assert await hass.async_add_executor_job(asked, "carport", ELEVEN + timedelta(seconds=1)) == Figure()
    assert asked("carport", ELEVEN, ELEVEN + 4 * QUARTER) is None


async def test_without_a_recorder_nothing_was_measured(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-06-01T12:00:00+00:00")
    entry = await set_up(hass, free_port, charger("CP-1"))
    hass.config.components.remove("recorder")
    try:
        assert OpenAdrFigures(hass, entry, {})(None, ELEVEN, ELEVEN + QUARTER) == Figure()
    finally:
        hass.config.components.add("recorder")
