"""Configuration keys as stations write them, composite schedules, and what is kept of both."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from custom_components.smart_charging.engine.config import SecurityProfile
from custom_components.smart_charging.engine.csms.capabilities import Configuration, measured_phases, read_capabilities
from custom_components.smart_charging.engine.csms.composite import parse_composite
from custom_components.smart_charging.engine.csms.learnt import Learnt
from custom_components.smart_charging.engine.csms.password_rotation import PasswordRotation
from custom_components.smart_charging.engine.csms.profiles import Purpose, Strategy, Wiring
from custom_components.smart_charging.engine.csms.state import Capabilities, ProfileForm, RateUnit, Reservation
from custom_components.smart_charging.engine.model import Json, Measurand, MeterValue, SampledValue
from tests.manual_clock import START

WIRING = Wiring(3, 6.0, 16.0)


def configuration(**values: str) -> Configuration:
    return Configuration.parse(
        {"configurationKey": [{"key": key, "readonly": False, "value": value} for key, value in values.items()]}
    )


def test_keys_are_found_whatever_their_case_and_lists_whatever_their_brackets() -> None:
    known = read_capabilities(
        configuration(
            numberofconnectors=" 2 ",
            CHARGEPROFILEMAXSTACKLEVEL="3",
            SupportedFeatureProfiles='[Core, SmartCharging ,"RemoteTrigger"]',
            MeterValuesSampledData="Voltage,Current.Import",
            ConnectorSwitch3to1PhaseSupported="TRUE",
            ChargingScheduleMaxPeriods="4",
        ),
        Capabilities(),
    )
    assert known.connectors == 2
    assert known.max_stack_level == 3
    assert known.feature_profiles == {"Core", "SmartCharging", "RemoteTrigger"}
    assert known.measurands == {"Voltage", "Current.Import"}
    assert known.phase_switching is True
    assert known.max_periods == 4


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("Current", {RateUnit.A}),
        ("Power", {RateUnit.W}),
        ("power", {RateUnit.W}),
        ("Current,Power", {RateUnit.A, RateUnit.W}),
        ("A", {RateUnit.A}),
        ("W", {RateUnit.W}),
        ("Furlong", {RateUnit.A}),
        ("", {RateUnit.A}),
    ],
)
def test_units_are_read_in_the_specification_s_words_and_in_those_in_use(text: str, units: set[RateUnit]) -> None:
    assert (
        read_capabilities(configuration(ChargingScheduleAllowedChargingRateUnit=text), Capabilities()).rate_units
        == units
    )


@pytest.mark.parametrize(
    ("rotation", "phases"),
    [
        ("0.RST, 1.RST,2.RTS", 3),
        ("RST", 3),
        ("0.RST,1.NotApplicable", 1),
        ("1.NotApplicable,2.RST", 3),
        ("NotApplicable", None),
        ("1.Unknown", None),
        ("0.RST", None),
        ("", None),
    ],
)
def test_phases_are_read_from_the_rotation_of_each_connector(rotation: str, phases: int | None) -> None:
    assert read_capabilities(configuration(ConnectorPhaseRotation=rotation), Capabilities()).phases == phases


def test_phases_that_were_measured_are_not_taken_back_by_the_configuration() -> None:
    told = configuration(ConnectorPhaseRotation="1.NotApplicable")
    assert read_capabilities(told, Capabilities(phases=3)).phases == 3


@pytest.mark.parametrize(
    ("named", "phases"),
    [(["L1"], 1), (["L1-N", "L2-N", "L3-N"], 3), (["L1", "N"], 1), ([None], None), (["L1-L2", "L3-L1"], 3)],
)
def test_phases_are_counted_by_the_readings_that_name_them(named: list[str | None], phases: int | None) -> None:
    values = [MeterValue(START, tuple(SampledValue(Measurand.VOLTAGE, 230.0, phase) for phase in named))]
    assert measured_phases(values) == phases


def test_a_phase_of_another_quantity_tells_nothing() -> None:
    assert measured_phases([MeterValue(START, (SampledValue(Measurand.TEMPERATURE, 20.0, "L1"),))]) is None


def test_what_a_station_does_not_tell_stays_as_it_was_known() -> None:
    known = Capabilities(connectors=2, max_stack_level=5, phase_switching=False, measurands=frozenset({"SoC"}))
    assert read_capabilities(configuration(NumberOfConnectors="many"), known) == known


@pytest.mark.parametrize("payload", [{}, {"configurationKey": None}, {"configurationKey": [1, {"key": 3}]}])
def test_an_empty_or_broken_key_list_is_no_error(payload: dict[str, Json]) -> None:
    assert len(Configuration.parse(payload)) == 0


def test_values_keep_the_station_s_spelling() -> None:
    parsed = Configuration.parse({"configurationKey": [{"key": "Abc", "readonly": True}, {"key": "N", "value": 5}]})
    assert parsed.as_dict() == {"Abc": None, "N": "5"}
    entry = parsed.get("aBC")
    assert entry is not None
    assert entry.readonly


def test_composite_schedule_is_read_in_amperes() -> None:
    schedule = parse_composite(
        {
            "status": "Accepted",
            "scheduleStart": "2026-06-01T10:00:00Z",
            "chargingSchedule": {
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [
                    {"startPeriod": 300, "limit": 4140},
                    {"startPeriod": 0, "limit": "11040.0"},
                    {"startPeriod": 5},
                    None,
                ],
            },
        },
        WIRING,
    )
    assert schedule.start == START
    assert schedule.limit_at(0) == pytest.approx(16)
    assert schedule.limit_at(299) == pytest.approx(16)
    assert schedule.limit_at(300) == pytest.approx(6)


@pytest.mark.parametrize("payload", [{}, {"chargingSchedule": None}, {"chargingSchedule": {}, "scheduleStart": "0"}])
def test_a_composite_schedule_without_periods_tells_nothing(payload: dict[str, Json]) -> None:
    assert parse_composite(payload, WIRING).limit_at(0) is None


LEARNT = Learnt(
    firmware="1.0",
    capabilities=Capabilities(
        connectors=2,
        rate_units=frozenset({RateUnit.W}),
        max_stack_level=3,
        max_periods=5,
        measurands=frozenset({"SoC"}),
        purposes_rejected=frozenset({"TxProfile"}),
        feature_profiles=frozenset({"Core"}),
        phases=3,
        phase_switching=True,
    ),
    preferred={True: Strategy(Purpose.TX, ProfileForm.VALID_TO, 2, RateUnit.W)},
    held={ProfileForm.VALID_TO: True, ProfileForm.TWO_PERIODS: False},
    measurands_written=True,
    profile_ids=frozenset({1, 39}),
    inoperative=frozenset({2}),
    passwords=PasswordRotation("scrypt$old", ("scrypt$new",), "scrypt$old"),
    seen_profile=SecurityProfile.TLS_BASIC,
    reservations=(Reservation(7, 1, datetime(2026, 6, 1, 12, tzinfo=UTC)),),
    gives_w={2: 11_000.0},
)


def test_learnt_facts_survive_being_kept() -> None:
    assert Learnt.from_json(LEARNT.to_json()) == LEARNT


def test_learnt_facts_that_were_damaged_are_learnt_again() -> None:
    damaged: dict[str, Json] = {
        "preferred": {"1": ["TxProfile", "origami", 1, "A"], "0": "x", "9": ["TxProfile", "two_periods", 1, "A"]},
        "held": 3,
        "profile_ids": ["a", 4],
        "rate_units": "A",
        "passwords": ["x"],
        "seen_profile": 9,
        "gives_w": {"x": 3, "1": "much", "2": -5},
    }
    assert Learnt.from_json(damaged) == Learnt(profile_ids=frozenset({4}))


def test_another_firmware_is_learnt_anew_but_wishes_and_ids_in_use_stay() -> None:
    other = LEARNT.for_firmware("2.0")
    assert other == Learnt(
        firmware="2.0",
        profile_ids=LEARNT.profile_ids,
        inoperative=LEARNT.inoperative,
        passwords=LEARNT.passwords,
        seen_profile=SecurityProfile.TLS_BASIC,
        reservations=LEARNT.reservations,
        gives_w=LEARNT.gives_w,
    )
    assert LEARNT.for_firmware("1.0") is LEARNT
    assert replace(LEARNT, firmware=None).for_firmware("1.0") == LEARNT
