"""Traps 15 and 16: what readings leave out, and phases told with or without their total."""

import math
from typing import Any

import pytest

from custom_components.smart_charging.engine.model import EvseMeasurement, Measurand, Phases
from tests.engine.transaction_traps.chargers import Charger
from tests.engine.transaction_traps.conftest import KEY, Place, charger_config

POWER, CURRENT, VOLTAGE = "Power.Active.Import", "Current.Import", "Voltage"
L123 = ("L1", "L2", "L3")

type Reading = tuple[str, Any, dict[str, Any]]


async def measured(place: Place, charger: Charger, *readings: Reading) -> EvseMeasurement:
    """Return what is known of the socket after a message with these readings."""
    await charger.loose(place.now(), *(charger.reading(name, value, **more) for name, value, more in readings))
    assert place.evse.measurement is not None
    return place.evse.measurement


def of(name: str, value: Any, phase: str | None = None, **more: Any) -> Reading:
    return name, value, ({} if phase is None else {"phase": phase}) | more


async def test_trap_15_reading_that_names_nothing_is_the_energy_register_in_wh(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    await charger.loose(place.now(), {"value": "1500" if version == "1.6" else 1500})
    assert (await place.kept(tx)).energy_wh == 500.0
    (reading,) = (await place.records.meter_values(KEY, transaction_id=tx))[-1].values
    assert (reading.measurand, reading.context, reading.location, reading.phase) == (
        Measurand.ENERGY_IMPORT_REGISTER,
        "Sample.Periodic",
        "Outlet",
        None,
    )


async def test_trap_15_unit_left_out_is_that_of_the_quantity(place: Place, version: str) -> None:
    charger = await place.ready(version)
    amps = [of(CURRENT, 10, phase) for phase in L123]
    volts = [of(VOLTAGE, 231, phase) for phase in L123]
    seen = await measured(place, charger, *amps, *volts, of(POWER, 6900), of("SoC", 55))
    assert (seen.current_a, seen.voltage_v) == (Phases.each(10), Phases.each(231))
    assert (seen.power_w, seen.soc_percent) == (6900, 55)


@pytest.mark.parametrize("location", ["Inlet", "EV"])
async def test_trap_15_reading_before_the_outlet_or_in_the_car_never_overwrites_it(
    place: Place, version: str, location: str
) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    register = "Energy.Active.Import.Register"
    both = [of(register, 1400), of(register, 9000, location=location), of(POWER, 3000)]
    seen = await measured(place, charger, *both, of(POWER, 3300, location=location))
    assert (seen.energy_wh, seen.power_w) == (1400, 3000)
    alone = await measured(place, charger, of(register, 9100, location=location), of(POWER, 3400, location=location))
    assert (alone.energy_wh, alone.power_w) == (1400, 3000)
    assert (await place.kept(tx)).energy_wh == 400.0


@pytest.mark.parametrize("location", ["Body", "Cable", "Outlet"])
async def test_trap_15_reading_of_any_other_place_is_that_of_the_outlet(
    place: Place, version: str, location: str
) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    seen = await measured(place, charger, of("Energy.Active.Import.Register", 1400, location=location))
    assert seen.energy_wh == 1400
    assert (await place.kept(tx)).energy_wh == 400.0


async def test_trap_15_outlet_counts_where_the_body_is_told_too(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    register = "Energy.Active.Import.Register"
    await measured(place, charger, of(register, 1900, location="Body"), of(register, 1400))
    assert (await place.kept(tx)).energy_wh == 400.0


async def test_trap_15_start_register_of_the_body_counts_where_no_other_is_told(place: Place, version_2: str) -> None:
    charger = await place.ready_2(version_2)
    body = {"location": "Body"}
    await charger.event("Started", place.now(), "a", evse={"id": 1}, samples=(charger.energy(1000, **body),))
    await charger.event("Ended", place.now(5), "a", samples=(charger.energy(1400, **body),))
    kept = await place.kept("a")
    assert (kept.meter_start_wh, kept.meter_stop_wh, kept.energy_wh) == (1000, 1400, 400.0)


async def test_trap_16_phases_without_a_total_are_summed_for_energy_and_power_and_not_for_voltage(
    place: Place, version: str
) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 0)
    register = "Energy.Active.Import.Register"
    readings = [of(name, value, phase) for phase in L123 for name, value in ((register, 200), (POWER, 2300))]
    seen = await measured(place, charger, *readings, *(of(VOLTAGE, 230, phase) for phase in L123))
    assert (seen.energy_wh, seen.power_w, seen.voltage_v) == (600, 6900, Phases.each(230))
    assert (await place.kept(tx)).energy_wh == 600.0


async def test_trap_16_total_beside_its_phases_is_not_added_to_them(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 0)
    register = "Energy.Active.Import.Register"
    readings = [of(name, value, phase) for phase in L123 for name, value in ((register, 200), (POWER, 2300))]
    seen = await measured(place, charger, *readings, of(register, 601), of(POWER, 6890))
    assert (seen.energy_wh, seen.power_w) == (601, 6890)
    assert (await place.kept(tx)).energy_wh == 601.0


@pytest.mark.parametrize("names", [L123, ("L1-N", "L2-N", "L3-N")], ids=["L1", "L1-N"])
async def test_trap_16_phases_are_known_by_either_name(place: Place, version: str, names: tuple[str, ...]) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 0)
    register = "Energy.Active.Import.Register"
    volts = [of(VOLTAGE, 229 + number, phase) for number, phase in enumerate(names)]
    seen = await measured(place, charger, *volts, *(of(register, 100, phase) for phase in names))
    assert (seen.voltage_v, seen.energy_wh) == (Phases(229, 230, 231), 300)
    assert (await place.kept(tx)).energy_wh == 300.0


async def test_trap_16_voltages_between_phases_are_divided_by_the_root_of_three(place: Place, version: str) -> None:
    charger = await place.ready(version)
    seen = await measured(place, charger, *(of(VOLTAGE, 400, pair) for pair in ("L1-L2", "L2-L3", "L3-L1")))
    assert seen.voltage_v is not None
    assert list(seen.voltage_v) == pytest.approx([400 / math.sqrt(3)] * 3)


async def test_trap_16_current_of_the_neutral_is_no_phases_current(place: Place, version: str) -> None:
    charger = await place.ready(version)
    amps = [of(CURRENT, 16, "L1"), of(CURRENT, 15, "L2"), of(CURRENT, 14, "L3"), of(CURRENT, 2, "N")]
    seen = await measured(place, charger, *amps)
    assert seen.current_a == Phases(16, 15, 14)
    assert seen.power_w == pytest.approx(45 * 230)


async def test_trap_16_single_phase_of_a_single_phase_station_is_all_there_is(place: Place, version: str) -> None:
    single = charger_config("CP1").__class__("CP1", "CP1", allow_without_password=True, max_current_a=16.0, phases=1)
    await place.site.update_charger(single)
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 0)
    register = "Energy.Active.Import.Register"
    seen = await measured(place, charger, of(CURRENT, 15, "L1"), of(POWER, 3450, "L1"), of(register, 300, "L1"))
    assert (seen.current_a, seen.power_w, seen.energy_wh) == (Phases(15), 3450, 300)
    assert (await place.kept(tx)).energy_wh == 300.0


@pytest.mark.parametrize(
    ("amps", "watts", "meant"),
    [
        (16, 11040, Phases.each(16)),  # each phase's
        (48, 11040, Phases.each(16)),  # the sum of three
        (16, 3680, Phases(16)),  # a car on one phase
        (16, 7360, Phases(16, 16, 0)),
        (16, None, Phases.each(16)),
    ],
)
async def test_trap_16_current_without_a_phase_is_checked_against_the_power(
    place: Place, version: str, amps: float, watts: float | None, meant: Phases
) -> None:
    charger = await place.ready(version)
    readings = [of(CURRENT, amps)] + ([] if watts is None else [of(POWER, watts)])
    assert (await measured(place, charger, *readings)).current_a == meant
