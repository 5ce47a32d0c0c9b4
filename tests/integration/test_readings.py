"""What entities report becomes readings of the site: fresh, signed, in W and A, or told as missing."""

from datetime import UTC, datetime, timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.smart_charging.engine.model import EvseKey, Phases
from custom_components.smart_charging.engine.view import BatteryReading, MeterReading
from custom_components.smart_charging.pv_settings import PvEntity
from custom_components.smart_charging.readings import SiteReadings
from custom_components.smart_charging.settings import BatteryEntities, GridMeterEntities

from .builders import GRID_POWER, PV_POWER, set_current, set_power, set_soc, set_voltage

START = datetime(2026, 7, 1, 12, tzinfo=UTC)
CURRENTS = ("sensor.i1", "sensor.i2", "sensor.i3")
POWERS = ("sensor.p1", "sensor.p2", "sensor.p3")
SOC = "sensor.soc"
CONTACTOR = "switch.contactor"
KEY = EvseKey("garage", 1)
VOLTAGES = ("sensor.v1", "sensor.v2", "sensor.v3")


class RecordingSite:
    """Notes what it is given."""

    def __init__(self) -> None:
        self.grid: list[MeterReading] = []
        self.pv: list[tuple[str, float | None, datetime]] = []
        self.removed: list[str] = []
        self.circuits: list[tuple[str, MeterReading]] = []
        self.known_circuits = {"cellar"}
        self.batteries: list[tuple[str, BatteryReading]] = []
        self.cars: list[tuple[EvseKey, float | None]] = []
        self.contactors: list[tuple[EvseKey, int | None]] = []

    def set_circuit_reading(self, circuit_id: str, reading: MeterReading) -> None:
        if circuit_id not in self.known_circuits:
            raise KeyError(circuit_id)
        self.circuits.append((circuit_id, reading))

    def set_battery_reading(self, battery_id: str, reading: BatteryReading) -> None:
        self.batteries.append((battery_id, reading))

    def set_vehicle_soc(self, key: EvseKey, soc_percent: float | None) -> None:
        self.cars.append((key, soc_percent))

    def set_switched_phases(self, key: EvseKey, phases: int | None) -> None:
        self.contactors.append((key, phases))

    def set_grid_reading(self, reading: MeterReading) -> None:
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
    assert site.grid == [MeterReading(at=START, power_w=1500.0)]
    set_power(hass, GRID_POWER, -2, "kW")
    await hass.async_block_till_done()
    assert site.grid[-1] == MeterReading(at=START + timedelta(seconds=5), power_w=-2000.0)


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
    assert site.grid[-1] == MeterReading(at=now, available=False)
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
    assert site.grid == [MeterReading(at=START, available=False)]


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
        MeterReading(
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
    assert site.grid[-1] == MeterReading(at=START, current_a=Phases.each(5))
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


async def test_a_circuits_meter_is_read_like_the_grids(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings
) -> None:
    for number in range(3):
        set_current(hass, CURRENTS[number], number + 1)
    readings.async_configure(None, {}, circuits={"cellar": GridMeterEntities(current_phases=CURRENTS)})
    set_current(hass, CURRENTS[0], "unknown")
    await hass.async_block_till_done()
    assert site.circuits == [
        ("cellar", MeterReading(at=START, current_a=Phases(1, 2, 3))),
        ("cellar", MeterReading(at=START, available=False)),
    ]
    site.known_circuits.clear()  # its removal is under way
    set_current(hass, CURRENTS[0], 5)
    await hass.async_block_till_done()
    readings.async_configure(None, {})
    set_current(hass, CURRENTS[0], 6)
    await hass.async_block_till_done()
    assert len(site.circuits) == 2


async def test_a_battery_is_as_old_as_its_power(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings, freezer: FrozenDateTimeFactory
) -> None:
    set_soc(hass, SOC, 55.5)
    freezer.tick(600)
    set_power(hass, PV_POWER, -1.5, "kW")
    now = START + timedelta(seconds=600)
    readings.async_configure(None, {}, batteries={"cellar": BatteryEntities(SOC, PV_POWER, invert=True)})
    assert site.batteries == [("cellar", BatteryReading(at=now, soc_percent=55.5, power_w=1500.0))]


@pytest.mark.parametrize("state", ["unavailable", "unknown", "nan", "full", "-1", "101"])
async def test_what_a_battery_cannot_tell_is_missing_and_never_zero(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings, freezer: FrozenDateTimeFactory, state: str
) -> None:
    set_soc(hass, SOC, state)
    set_power(hass, PV_POWER, 100)
    readings.async_configure(None, {}, batteries={"cellar": BatteryEntities(SOC, PV_POWER)})
    assert site.batteries[-1] == ("cellar", BatteryReading(at=START, power_w=100.0))
    freezer.tick(5)
    set_power(hass, PV_POWER, "unavailable")
    await hass.async_block_till_done()
    now = START + timedelta(seconds=5)
    assert site.batteries[-1] == ("cellar", BatteryReading(at=now, available=False))
    set_soc(hass, SOC, 60)
    await hass.async_block_till_done()
    assert site.batteries[-1] == ("cellar", BatteryReading(at=now, soc_percent=60.0))


async def test_a_battery_that_is_followed_no_more_is_unknown(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings
) -> None:
    set_power(hass, PV_POWER, 100)
    readings.async_configure(None, {}, batteries={"cellar": BatteryEntities(SOC, PV_POWER)})
    readings.async_configure(None, {})
    assert site.batteries[-1] == ("cellar", BatteryReading(at=START, available=False))


async def test_a_cars_state_of_charge_is_followed_in_percent(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings
) -> None:
    set_soc(hass, SOC, 42)
    readings.async_configure(None, {}, vehicle_soc={"garage": SOC})
    hass.states.async_set(SOC, "0.42")
    await hass.async_block_till_done()
    set_soc(hass, SOC, 43)
    await hass.async_block_till_done()
    readings.async_configure(None, {})
    assert site.cars == [(KEY, 42.0), (KEY, None), (KEY, 43.0), (KEY, None)]


async def test_a_contactor_tells_how_many_phases_it_connects(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings
) -> None:
    hass.states.async_set(CONTACTOR, "on")
    readings.async_configure(None, {}, phase_switches={"garage": CONTACTOR})
    for state in ("off", "unavailable", "on"):
        hass.states.async_set(CONTACTOR, state)
        await hass.async_block_till_done()
    hass.states.async_remove(CONTACTOR)
    await hass.async_block_till_done()
    readings.async_configure(None, {})
    assert site.contactors == [(KEY, 3), (KEY, 1), (KEY, None), (KEY, 3), (KEY, None), (KEY, None)]


async def test_the_integrations_own_entities_tell_nothing_of_cars_and_contactors(
    hass: HomeAssistant, site: RecordingSite, readings: SiteReadings
) -> None:
    registry = er.async_get(hass)
    own_soc = registry.async_get_or_create("sensor", "smart_charging", "soc").entity_id
    own_switch = registry.async_get_or_create("switch", "smart_charging", "charging").entity_id
    set_soc(hass, own_soc, 50)
    hass.states.async_set(own_switch, "on")
    readings.async_configure(None, {}, vehicle_soc={"garage": own_soc}, phase_switches={"garage": own_switch})
    assert (site.cars, site.contactors) == ([(KEY, None)], [(KEY, None)])
