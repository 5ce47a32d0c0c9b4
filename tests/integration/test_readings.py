"""What entities report becomes readings of the site: fresh, signed, in W and A, or told as missing."""

from datetime import UTC, datetime, timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.smart_charging.engine.model import Phases
from custom_components.smart_charging.engine.view import GridReading
from custom_components.smart_charging.readings import SiteReadings
from custom_components.smart_charging.settings import GridMeterEntities, PvEntity

from .builders import GRID_POWER, PV_POWER, set_current, set_power, set_voltage

START = datetime(2026, 7, 1, 12, tzinfo=UTC)
CURRENTS = ("sensor.i1", "sensor.i2", "sensor.i3")
POWERS = ("sensor.p1", "sensor.p2", "sensor.p3")
VOLTAGES = ("sensor.v1", "sensor.v2", "sensor.v3")


class RecordingSite:
    """Notes what it is given."""

    def __init__(self) -> None:
        self.grid: list[GridReading] = []
        self.pv: list[tuple[str, float | None, datetime]] = []
        self.removed: list[str] = []

    def set_grid_reading(self, reading: GridReading) -> None:
        self.grid.append(reading)

    def set_pv_power(self, name: str, power_w: float | None, at: datetime) -> None:
        self.pv.append((name, power_w, at))

    def remove_pv(self, name: str) -> None:
        self.removed.append(name)


@pytest.fixture
def site() -> RecordingSite:
    """Return a site that notes its readings."""
    return RecordingSite()


@pytest.fixture
def readings(hass: HomeAssistant, site: RecordingSite, freezer: FrozenDateTimeFactory) -> SiteReadings:
    """Return readings at noon."""
    freezer.move_to(START)
    return SiteReadings(hass, site)


async def test_a_meters_power_is_read_at_once_and_on_each_change(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings, freezer: FrozenDateTimeFactory
) -> None:
    set_power(hass, GRID_POWER, 1.5, "kW")
    freezer.tick(5)
    readings.async_configure(GridMeterEntities(power=GRID_POWER), {})
    assert site.grid == [GridReading(at=START, power_w=1500.0)]
    set_power(hass, GRID_POWER, -2, "kW")
    await hass.async_block_till_done()
    assert site.grid[-1] == GridReading(at=START + timedelta(seconds=5), power_w=-2000.0)


async def test_a_repeated_value_counts_as_fresh(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings, freezer: FrozenDateTimeFactory
) -> None:
    set_power(hass, GRID_POWER, 1500)
    readings.async_configure(GridMeterEntities(power=GRID_POWER), {})
    freezer.tick(30)
    set_power(hass, GRID_POWER, 1500)
    await hass.async_block_till_done()
    assert [reading.at for reading in site.grid] == [START, START + timedelta(seconds=30)]


@pytest.mark.parametrize("state", ["unavailable", "unknown", "", "nan", "inf", "twelve"])
async def test_what_is_no_number_is_told_as_missing_and_never_as_zero(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings, freezer: FrozenDateTimeFactory, state: str
) -> None:
    set_power(hass, GRID_POWER, 1500)
    readings.async_configure(GridMeterEntities(power=GRID_POWER), {"pv": PvEntity(GRID_POWER)})
    freezer.tick(3)
    set_power(hass, GRID_POWER, state)
    await hass.async_block_till_done()
    now = START + timedelta(seconds=3)
    assert site.grid[-1] == GridReading(at=now, available=False)
    assert site.pv[-1] == ("pv", None, now)


async def test_a_removed_entity_is_told_as_missing(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings
) -> None:
    set_power(hass, GRID_POWER, 1500)
    readings.async_configure(GridMeterEntities(power=GRID_POWER), {})
    hass.states.async_remove(GRID_POWER)
    await hass.async_block_till_done()
    assert site.grid[-1].available is False


async def test_a_value_without_a_unit_is_not_guessed(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings
) -> None:
    hass.states.async_set(GRID_POWER, "1.5")
    readings.async_configure(GridMeterEntities(power=GRID_POWER), {})
    assert site.grid == [GridReading(at=START, available=False)]


async def test_all_phases_are_read_in_order_and_as_old_as_the_oldest(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings, freezer: FrozenDateTimeFactory
) -> None:
    for number in range(3):
        set_current(hass, CURRENTS[number], 1000 * (number + 1), "mA")
        set_power(hass, POWERS[number], 100 * (number + 1))
        set_voltage(hass, VOLTAGES[number], 230 + number)
        freezer.tick(1)
    meter = GridMeterEntities(None, POWERS, CURRENTS, VOLTAGES)
    readings.async_configure(meter, {})
    assert site.grid == [
        GridReading(
            at=START,
            phase_power_w=Phases(100, 200, 300),
            current_a=Phases(1, 2, 3),
            voltage_v=Phases(230, 231, 232),
        )
    ]


async def test_one_missing_phase_makes_the_meter_missing_but_a_missing_voltage_does_not(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings
) -> None:
    for number in range(3):
        set_current(hass, CURRENTS[number], 5)
        set_voltage(hass, VOLTAGES[number], 230)
    readings.async_configure(GridMeterEntities(None, (), CURRENTS, VOLTAGES), {})
    set_voltage(hass, VOLTAGES[1], "unavailable")
    await hass.async_block_till_done()
    assert site.grid[-1] == GridReading(at=START, current_a=Phases.each(5))
    set_current(hass, CURRENTS[1], "unavailable")
    await hass.async_block_till_done()
    assert site.grid[-1].available is False


async def test_an_inverted_meter_is_turned_round(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings
) -> None:
    set_power(hass, GRID_POWER, -1500)
    for number in range(3):
        set_current(hass, CURRENTS[number], -5)
    readings.async_configure(GridMeterEntities(power=GRID_POWER, current_phases=CURRENTS, invert=True), {})
    assert (site.grid[-1].power_w, site.grid[-1].current_a) == (1500.0, Phases.each(-5))
    readings.async_configure(GridMeterEntities(current_phases=CURRENTS, invert=True), {})
    assert site.grid[-1].current_a == Phases.each(5)


async def test_a_one_phase_meter_leaves_the_others_at_zero(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings
) -> None:
    set_current(hass, CURRENTS[0], 5)
    readings.async_configure(GridMeterEntities(current_phases=CURRENTS[:1]), {})
    assert site.grid[-1].current_a == Phases(5, 0, 0)


async def test_pv_is_followed_by_name(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings, freezer: FrozenDateTimeFactory
) -> None:
    set_power(hass, PV_POWER, 3, "kW")
    set_power(hass, "sensor.barn", -800)
    freezer.tick(1)
    readings.async_configure(None, {"roof": PvEntity(PV_POWER), "barn": PvEntity("sensor.barn", invert=True)})
    assert site.pv == [("roof", 3000.0, START), ("barn", 800.0, START)]


async def test_a_changed_configuration_is_followed_and_the_old_one_no_more(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings
) -> None:
    set_power(hass, GRID_POWER, 1)
    set_power(hass, PV_POWER, 2)
    set_power(hass, "sensor.other", 3)
    readings.async_configure(GridMeterEntities(power=GRID_POWER), {"roof": PvEntity(PV_POWER)})
    readings.async_configure(GridMeterEntities(power=GRID_POWER), {"roof": PvEntity("sensor.other")})
    assert site.removed == ["roof"]
    assert len(site.grid) == 1
    set_power(hass, PV_POWER, 20)
    await hass.async_block_till_done()
    assert [power for _, power, _ in site.pv] == [2.0, 3.0]

    readings.async_configure(None, {})
    assert site.grid[-1].available is False
    heard = len(site.grid), len(site.pv)
    set_power(hass, GRID_POWER, 10)
    set_power(hass, "sensor.other", 30)
    await hass.async_block_till_done()
    assert (len(site.grid), len(site.pv)) == heard


async def test_after_the_stop_nothing_is_heard(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings
) -> None:
    set_power(hass, GRID_POWER, 1)
    readings.async_configure(GridMeterEntities(power=GRID_POWER), {"roof": PvEntity(GRID_POWER)})
    readings.async_stop()
    readings.async_stop()
    set_power(hass, GRID_POWER, 10)
    await hass.async_block_till_done()
    assert (len(site.grid), len(site.pv)) == (1, 1)


async def test_the_integrations_own_sensors_are_no_meter(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings
) -> None:
    own = er.async_get(hass).async_get_or_create("sensor", "smart_charging", "site1_grid_power").entity_id
    set_power(hass, own, 1500)
    readings.async_configure(GridMeterEntities(power=own), {"roof": PvEntity(own)})
    set_power(hass, own, 1500)
    set_power(hass, own, 1600)
    await hass.async_block_till_done()
    assert [reading.available for reading in site.grid] == [False]
    assert site.pv == [("roof", None, START)]
