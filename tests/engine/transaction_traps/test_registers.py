"""Trap 14: registers that begin anew, go back, jump, change their unit, or are written oddly."""

import pytest

from custom_components.smart_charging.engine.model import Json
from tests.engine.transaction_traps.chargers import Charger
from tests.engine.transaction_traps.conftest import Place


class Meter:
    """A charger in mid-charge whose register a test moves, a minute at a time."""

    def __init__(self, place: Place, charger: Charger, tx: str) -> None:
        self.place, self.charger, self.tx = place, charger, tx
        self.totals: list[float] = []

    async def read(self, value: Json, unit: str | None = None, **more: Json) -> float:
        """Send a register after a minute and return the transaction's energy."""
        await self.place.pass_time(60)
        await self.charger.sample(self.tx, self.place.now(), self.charger.energy(value, unit, **more))
        await self.place.settled()
        self.totals.append(self.place.shown.lifetime_energy_wh or 0.0)
        return (await self.place.kept(self.tx)).energy_wh


@pytest.fixture
async def meter(place: Place, version: str) -> Meter:
    charger = await place.ready(version)
    await charger.status("Charging", place.now())
    return Meter(place, charger, await charger.start(place.now(), 10_000))


async def test_trap_14_register_that_begins_anew_is_counted_on(meter: Meter) -> None:
    assert await meter.read(10_500) == 500
    await meter.read(0)
    assert await meter.read(200) == 700
    assert await meter.read(400) == 900
    await meter.charger.stop(meter.tx, meter.place.now(), 500)
    assert (await meter.place.kept(meter.tx)).energy_wh == 1000
    assert meter.totals == sorted(meter.totals)


async def test_trap_14_decrease_by_a_watt_hour_is_ignored_and_not_counted_twice(meter: Meter) -> None:
    readings = [10_500, 10_499, 10_500, 10_501]
    assert [await meter.read(value) for value in readings] == [500, 500, 500, 501]
    assert meter.totals == [500, 500, 500, 501]


async def test_trap_14_meter_stop_below_meter_start_is_no_energy(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 10_000)
    await charger.stop(tx, place.now(), 9_999)
    assert (await place.kept(tx)).energy_wh == 0


async def test_trap_14_jump_beyond_what_can_flow_is_no_energy(meter: Meter) -> None:
    assert await meter.read(10_500) == 500
    assert await meter.read(999_999) == 500
    assert await meter.read(10_600) == 600
    await meter.charger.stop(meter.tx, meter.place.now(), 5_000_000)
    assert (await meter.place.kept(meter.tx)).energy_wh == 600


async def test_trap_14_small_fall_keeps_what_is_shown_and_a_large_one_is_a_new_meter(meter: Meter) -> None:
    """As Home Assistant's `total_increasing` has it: more than a tenth is a reset."""
    assert await meter.read(10_500) == 500
    assert await meter.read(9_600) == 500  # less than a tenth
    assert await meter.read(10_600) == 600
    await meter.read(50)
    assert await meter.read(150) == 750
    assert meter.totals == sorted(meter.totals)


async def test_trap_14_units_that_change_between_messages_are_converted(meter: Meter) -> None:
    assert await meter.read(10_500, "Wh") == 500
    assert await meter.read(10.6, "kWh") == pytest.approx(600)
    assert await meter.read(10_700) == pytest.approx(700)
    assert await meter.read(10.8, "kwh") == pytest.approx(800)


async def test_trap_14_kilowatt_hours_called_watt_hours_now_and_then_are_no_energy(meter: Meter) -> None:
    energies = [await meter.read(value) for value in (10_500, 10.55, 10_600, 10.65, 10_700)]
    assert energies == [500, 500, 600, 600, 700]
    await meter.charger.stop(meter.tx, meter.place.now(), 10_800)
    assert (await meter.place.kept(meter.tx)).energy_wh == 800


async def test_trap_14_register_a_thousand_times_too_big_is_no_energy(meter: Meter) -> None:
    for value in (10_500, 10_600, 10_700):
        assert await meter.read(value, "kWh") == 0


@pytest.mark.parametrize(
    ("written", "register"),
    [
        ("10500,5", 10_500.5),
        (" 10500", 10_500),
        ("10500.840820000001", 10_500.84082),
        ("1.05e4", 10_500),
        ("10.500,5", 10_500.5),
    ],
)
async def test_trap_14_texts_are_read_as_the_numbers_they_are(meter: Meter, written: str, register: float) -> None:
    assert await meter.read(written) == pytest.approx(register - 10_000)
    assert meter.place.station.state.dropped_values == 0


@pytest.mark.parametrize("written", ["", "NaN", "-NaN", "inf", "n/a", " ", "1_050"])
async def test_trap_14_texts_that_are_no_numbers_are_dropped_and_counted_and_never_zero(
    meter: Meter, written: str
) -> None:
    await meter.read(10_400)
    assert await meter.read(written) == 400
    assert meter.place.station.state.dropped_values == 1
    assert meter.place.evse.measurement is not None
    assert meter.place.evse.measurement.energy_wh == 10_400


async def test_trap_14_seventeen_digits_lose_nothing(meter: Meter) -> None:
    assert await meter.read(11_001.840820000001) == pytest.approx(1001.84082)
    assert await meter.read(11_001.840820000002) == pytest.approx(1001.84082)
    assert meter.place.station.state.dropped_values == 0


async def test_trap_14_registers_rounded_to_float32_do_not_go_back(meter: Meter) -> None:
    energies = [await meter.read(value, "kWh") for value in (10.500857, 10.500856, 10.500857, 10.600858)]
    assert energies == pytest.approx([500.857, 500.857, 500.857, 600.858])
    assert meter.totals == sorted(meter.totals)


@pytest.mark.parametrize(
    ("value", "unit", "multiplier"), [(10.5, "Wh", 3), (105_000, "Wh", -1), (10.5, "kWh", 0), (0.0105, "kWh", 3)]
)
async def test_trap_14_multiplier_is_a_power_of_ten(
    place: Place, version_2: str, value: float, unit: str, multiplier: int
) -> None:
    charger = await place.ready_2(version_2)
    meter = Meter(place, charger, await charger.start(place.now(), 10_000))
    scale: Json = {"unit": unit, "multiplier": multiplier}
    assert await meter.read(value, unitOfMeasure=scale) == pytest.approx(500)


async def test_trap_14_absurd_multiplier_is_dropped(place: Place, version_2: str) -> None:
    charger = await place.ready_2(version_2)
    meter = Meter(place, charger, await charger.start(place.now(), 10_000))
    assert await meter.read(1.0, unitOfMeasure={"unit": "Wh", "multiplier": 400}) == 0
    assert place.station.state.dropped_values == 1
