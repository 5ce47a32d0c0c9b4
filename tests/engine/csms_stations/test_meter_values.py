"""Meter values as stations really write them: read, converted, or dropped and counted."""

import pytest

from custom_components.smart_charging.engine.csms.measurement import MeasurementReader
from custom_components.smart_charging.engine.csms.meter_values import (
    parse_measurand,
    parse_meter_values,
    parse_number,
    parse_sampled_value,
)
from custom_components.smart_charging.engine.model import (
    EvseMeasurement,
    Json,
    Measurand,
    MeterValue,
    Phases,
    SignedValue,
)
from tests.manual_clock import START


def read(*samples: dict[str, Json], phases: int = 3, before: EvseMeasurement | None = None) -> EvseMeasurement:
    """Return the measurement that one message with these readings makes."""
    return MeasurementReader(phases, 16.0).merge(before, meter_value(*samples))


def meter_value(*samples: dict[str, Json]) -> MeterValue:
    parsed = parse_meter_values([{"timestamp": "2026-06-01T10:00:00Z", "sampledValue": list(samples)}], START)
    return parsed.values[0]


def sample(measurand: Measurand, value: Json, phase: str | None = None, **more: Json) -> dict[str, Json]:
    return {"measurand": measurand.value, "value": value} | ({"phase": phase} if phase else {}) | more


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("12,5", 12.5),
        (" 12", 12.0),
        ("0.15003999999999998", 0.15003999999999998),
        ("1.234,5", 1234.5),
        ("1,234.5", 1234.5),
        ("-3", -3.0),
        ("1e3", 1000.0),
        (27.630857, 27.630857),
        (7, 7.0),
    ],
)
def test_number_is_read_however_it_is_written(raw: Json, number: float) -> None:
    assert parse_number(raw) == number


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "NaN",
        "inf",
        "-Infinity",
        "n/a",
        None,
        True,
        "1_000",
        "0x10",
        [],
        "1e999",
        10**400,
        "9" * 400 + ",5",
        "1,2,3",
        "١٢",
    ],
)
def test_what_is_no_number_is_never_read_as_zero(raw: Json) -> None:
    assert parse_number(raw) is None


@pytest.mark.parametrize(
    ("measurand", "unit", "value", "expected"),
    [
        (Measurand.ENERGY_IMPORT_REGISTER, None, "1500", 1500),
        (Measurand.ENERGY_IMPORT_REGISTER, "kWh", "1.5", 1500),
        (Measurand.POWER_IMPORT, "kW", "11", 11000),
        (Measurand.CURRENT_IMPORT, "mA", "16000", 16),
        (Measurand.FREQUENCY, "Hz", "50", 50),
        (Measurand.TEMPERATURE, "Celcius", "21", 21),
        (Measurand.TEMPERATURE, "Fahrenheit", "212", 100),
        (Measurand.TEMPERATURE, "K", "273.15", 0),
        (Measurand.SOC, "Percent", "80", 80),
    ],
)
def test_units_are_converted(measurand: Measurand, unit: str | None, value: str, expected: float) -> None:
    raw = sample(measurand, value) | ({"unit": unit} if unit else {})
    parsed = parse_sampled_value(raw)
    assert parsed is not None
    assert parsed.value == pytest.approx(expected)


def test_missing_fields_mean_the_energy_register_at_the_outlet() -> None:
    parsed = parse_sampled_value({"value": "42"})
    assert parsed is not None
    assert (parsed.measurand, parsed.location, parsed.context) == (
        Measurand.ENERGY_IMPORT_REGISTER,
        "Outlet",
        "Sample.Periodic",
    )


def test_phase_appended_to_the_measurand_is_understood() -> None:
    assert parse_measurand("Voltage.L1-N") == (Measurand.VOLTAGE, "L1-N")
    assert parse_measurand("voltage") == (Measurand.VOLTAGE, None)
    assert parse_measurand("RPM") == (None, None)


def test_unparsable_readings_are_dropped_and_counted_while_the_rest_is_used() -> None:
    parsed = parse_meter_values(
        [
            {
                "timestamp": "2026-06-01T10:00:00Z",
                "sampledValue": [{"value": ""}, {"value": "5"}, {"value": "1", "unit": "V"}, "junk"],
            },
            "junk",
            {"timestamp": "2026-06-01T10:00:10Z", "sampledValue": []},
        ],
        START,
    )
    assert [sampled.value for sampled in parsed.values[0].values] == [5.0]
    assert parsed.dropped == 4
    assert len(parsed.values) == 1
    assert len(parsed.times) == 2


@pytest.mark.parametrize("told", ["255", "100.1", "-1", 65535])
def test_a_state_of_charge_that_is_none_is_dropped_and_the_last_one_stays(told: Json) -> None:
    samples: list[Json] = [sample(Measurand.SOC, told, location="EV"), sample(Measurand.POWER_IMPORT, "3000")]
    parsed = parse_meter_values([{"timestamp": "2026-06-01T10:00:00Z", "sampledValue": samples}], START)
    assert parsed.dropped == 1
    before = EvseMeasurement(START, soc_percent=55.0)
    after = MeasurementReader(3, 16.0).merge(before, parsed.values[0])
    assert (after.soc_percent, after.power_w) == (55, 3000)


@pytest.mark.parametrize("told", ["0", "100"])
def test_an_empty_and_a_full_car_are_told_as_they_are(told: str) -> None:
    assert read(sample(Measurand.SOC, told)).soc_percent == float(told)


def test_readings_without_a_usable_time_get_the_time_of_arrival() -> None:
    parsed = parse_meter_values([{"timestamp": "soon", "sampledValue": [{"value": "5"}]}], START)
    assert parsed.values[0].time == START


def test_quantities_not_used_are_passed_over_without_being_counted() -> None:
    parsed = parse_meter_values([{"sampledValue": [{"value": "9", "measurand": "RPM"}]}], START)
    assert parsed.values == ()
    assert parsed.dropped == 0


def signed_of(*samples: Json) -> tuple[SignedValue, ...]:
    """Return what is signed in one message, in which nothing is taken for a number or dropped."""
    parsed = parse_meter_values([{"sampledValue": list(samples)}], START)
    assert parsed.dropped == 0
    return tuple(signed for value in parsed.values for signed in value.signed)


@pytest.mark.parametrize(
    "sample",
    [
        {"value": "OCMF|{}|{}", "format": "SignedData", "context": "Transaction.End"},
        {
            "value": "OCMF|{}|{}",
            "format": "Raw",
            "measurand": "Energy.Active.Import.Register",
            "context": "Transaction.End",
        },
        {"value": "OCMF|{}|{}", "measurand": "Nothing.Known", "context": "Transaction.End"},
        {"value": "OCMF|{}|{}", "format": "SignedData", "unit": "Wh", "context": "Transaction.End"},
    ],
)
def test_what_is_signed_in_place_of_a_value_is_kept_as_it_came(sample: Json) -> None:
    assert signed_of(sample) == (SignedValue("OCMF|{}|{}", "Transaction.End"),)


def test_what_is_signed_beside_a_value_is_kept_with_it() -> None:
    beside = {"signedMeterData": "T0NNRg==", "signingMethod": "ECDSA", "encodingMethod": "OCMF", "publicKey": "a2V5"}
    value = meter_value({"value": 1000.0, "context": "Transaction.Begin", "signedMeterValue": beside})
    assert [one.value for one in value.values] == [1000.0]
    assert value.signed == (SignedValue("T0NNRg==", "Transaction.Begin", "ECDSA", "OCMF", "a2V5"),)


@pytest.mark.parametrize(
    "sample",
    [
        {"value": "", "format": "SignedData"},
        {"value": 12, "format": "SignedData"},
        {"value": "x" * 32_769, "format": "SignedData"},
        {"value": 1.0, "signedMeterValue": {"signedMeterData": None}},
        {"value": 1.0, "signedMeterValue": "OCMF"},
        {"value": 1.0, "signedMeterValue": {}},
    ],
)
def test_what_can_not_be_signed_data_is_not_kept(sample: Json) -> None:
    assert signed_of(sample) == ()


def test_names_and_keys_that_are_too_long_are_left_out() -> None:
    beside = {"signedMeterData": "eA==", "signingMethod": "x" * 51, "encodingMethod": 7, "publicKey": "k" * 2501}
    assert signed_of({"value": 1.0, "signedMeterValue": beside}) == (SignedValue("eA=="),)


def test_of_one_moment_only_some_signed_values_are_kept() -> None:
    assert len(signed_of(*({"value": f"OCMF|{n}|{{}}", "format": "SignedData"} for n in range(50)))) == 8


def test_power_of_the_phases_is_summed_only_where_no_total_is_told() -> None:
    phases = [sample(Measurand.POWER_IMPORT, "1000", phase) for phase in ("L1", "L2", "L3")]
    assert read(*phases).power_w == 3000
    assert read(*phases, sample(Measurand.POWER_IMPORT, "2900")).power_w == 2900


def test_voltages_stay_per_phase_whichever_way_they_are_named() -> None:
    assert read(sample(Measurand.VOLTAGE, "231", "L1-N"), sample(Measurand.VOLTAGE, "229", "L2")).voltage_v == Phases(
        231, 229, 0
    )
    between = read(*(sample(Measurand.VOLTAGE, "400", pair) for pair in ("L1-L2", "L2-L3", "L3-L1")))
    assert between.voltage_v is not None
    assert list(between.voltage_v) == pytest.approx([230.94] * 3, abs=0.01)
    assert read(sample(Measurand.VOLTAGE, "230")).voltage_v == Phases.each(230)
    whole = read(sample(Measurand.VOLTAGE, "400")).voltage_v
    assert whole is not None
    assert whole.l1 == pytest.approx(230.94, abs=0.01)


def test_current_on_the_neutral_is_left_out_where_phases_are_told() -> None:
    samples = [sample(Measurand.CURRENT_IMPORT, "16", "L1"), sample(Measurand.CURRENT_IMPORT, "15", "N")]
    assert read(*samples).current_a == Phases(16, 0, 0)
    assert read(samples[1]).current_a is None
    assert read(samples[1], phases=1).current_a == Phases(15)


@pytest.mark.parametrize(
    ("amps", "watts", "expected"),
    [
        ("16", "11040", Phases.each(16)),  # the current of each phase
        ("16", "3680", Phases(16)),  # a single-phase car
        ("16", "7360", Phases(16, 16, 0)),
        ("48", "11040", Phases.each(16)),  # the sum of the phases
        ("16", None, Phases.each(16)),
        ("0", "0", Phases.each(0)),
    ],
)
def test_current_without_a_phase_is_checked_against_power(amps: str, watts: str | None, expected: Phases) -> None:
    samples = [sample(Measurand.CURRENT_IMPORT, amps)]
    if watts is not None:
        samples.append(sample(Measurand.POWER_IMPORT, watts))
    assert read(*samples).current_a == expected


def test_power_that_is_not_measured_is_current_times_voltage() -> None:
    amps = [sample(Measurand.CURRENT_IMPORT, "10", phase) for phase in ("L1", "L2", "L3")]
    assert read(*amps).power_w == pytest.approx(6900)
    assert read(*amps, sample(Measurand.VOLTAGE, "240")).power_w == pytest.approx(7200)


def test_a_glitch_reading_of_the_start_does_not_displace_the_periodic_one() -> None:
    register = Measurand.ENERGY_IMPORT_REGISTER
    glitch = sample(register, "0", context="Transaction.Begin")
    periodic = sample(register, "4711")
    assert read(glitch, periodic).energy_wh == 4711
    assert read(periodic, glitch).energy_wh == 4711
    assert read(glitch).energy_wh == 0  # alone it is all there is


def test_a_reading_at_the_inlet_does_not_displace_the_outlet() -> None:
    reader = MeasurementReader(1, 16.0)
    outlet, inlet = sample(Measurand.POWER_IMPORT, "3000"), sample(Measurand.POWER_IMPORT, "3300", location="Inlet")
    only_inlet = reader.merge(None, meter_value(inlet))
    assert only_inlet.power_w == 3300
    both = reader.merge(only_inlet, meter_value(inlet, outlet))
    assert both.power_w == 3000
    assert reader.merge(both, meter_value(inlet)).power_w == 3000


def test_state_of_charge_comes_from_the_car() -> None:
    assert read(sample(Measurand.SOC, "55", location="EV")).soc_percent == 55


def test_what_a_message_does_not_name_stays_known() -> None:
    before = read(sample(Measurand.POWER_IMPORT, "3000"), sample(Measurand.CURRENT_OFFERED, "16"))
    after = read(sample(Measurand.SOC, "55"), sample(Measurand.TEMPERATURE, "30"), before=before)
    assert (after.power_w, after.offered_a, after.soc_percent, after.temperature_c) == (3000, 16, 55, 30)


def test_offered_power_is_turned_into_current() -> None:
    assert read(sample(Measurand.POWER_OFFERED, "11.04", unit="kW")).offered_a == pytest.approx(16)


GIVEN_W, TAKEN_W = sample(Measurand.POWER_EXPORT, "6900"), sample(Measurand.POWER_IMPORT, "0")


@pytest.mark.parametrize(
    ("amps", "current_a"),
    [
        ([sample(Measurand.CURRENT_EXPORT, "10", f"L{number}") for number in (1, 2, 3)], Phases.each(-10.0)),
        ([sample(Measurand.CURRENT_IMPORT, "10", f"L{number}") for number in (1, 2, 3)], Phases.each(-10.0)),
        ([sample(Measurand.CURRENT_IMPORT, "0", f"L{number}") for number in (1, 2, 3)], Phases.each(-10.0)),
        ([], None),
    ],
)
def test_what_a_car_gives_back_is_negative_however_its_currents_are_told(
    amps: list[dict[str, Json]], current_a: Phases | None
) -> None:
    found = read(GIVEN_W, TAKEN_W, sample(Measurand.ENERGY_EXPORT_REGISTER, "1500"), *amps)
    assert (found.power_w, found.given_wh) == (-6900, 1500)
    assert found.current_a == current_a
    ended = read(sample(Measurand.POWER_EXPORT, "0"), before=found)
    assert ended.power_w == 0
    charges = read(sample(Measurand.POWER_EXPORT, "0"), sample(Measurand.POWER_IMPORT, "2300"), before=found)
    assert (charges.power_w, charges.given_wh) == (2300, 1500)


def test_currents_alone_tell_their_direction_and_a_sign_does() -> None:
    assert read(sample(Measurand.CURRENT_EXPORT, "10", "L1")).power_w == -2300
    assert read(sample(Measurand.POWER_IMPORT, "-4600")).power_w == -4600
    assert read(sample(Measurand.CURRENT_EXPORT, "0", "L1"), sample(Measurand.POWER_IMPORT, "2300")).power_w == 2300
