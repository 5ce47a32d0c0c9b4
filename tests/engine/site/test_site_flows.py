"""A site's powers as its energy is told apart by: what is missing is missing, and what is long ago is not now."""

from dataclasses import replace
from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.config import BatteryConfig, SiteConfig
from custom_components.smart_charging.engine.control.source_split import SiteFlows
from custom_components.smart_charging.engine.csms.state import EvseState, StationState
from custom_components.smart_charging.engine.limit import ROOT_CIRCUIT
from custom_components.smart_charging.engine.measurements import SiteMeasurements
from custom_components.smart_charging.engine.model import EvseMeasurement, EvseStatus, Phases, Transaction
from custom_components.smart_charging.engine.site_flows import drawn_power, site_flows
from custom_components.smart_charging.engine.view import BatteryReading, MeterReading
from tests.manual_clock import START

SITE = SiteConfig("site", "Home", fuse_a=25.0)
RUNNING = Transaction("1", "CP1", 1, "TAG", START, 0, session_id=1)


def flows(site: SiteConfig, measured: SiteMeasurements) -> SiteFlows:
    return site_flows(site, measured, START)


def test_all_that_is_measured_is_told() -> None:
    measured = SiteMeasurements()
    site = replace(SITE, batteries=(BatteryConfig("a", "A", 10_000.0, 5000.0, 5000.0),))
    measured.take_meter(SITE, ROOT_CIRCUIT, MeterReading(START, power_w=-500.0))
    measured.take_pv("roof", 3000.0, START)
    measured.take_pv("shed", 500.0, START)
    measured.take_battery("a", BatteryReading(START, 50.0, -1000.0))
    assert flows(site, measured) == SiteFlows(-500.0, 3500.0, -1000.0)


def test_a_meter_of_currents_alone_is_taken_at_the_nominal_voltage() -> None:
    measured = SiteMeasurements()
    measured.take_meter(SITE, ROOT_CIRCUIT, MeterReading(START, current_a=Phases(10.0, -2.0, 0.0)))
    assert flows(SITE, measured).grid_w == 8 * 230.0


@pytest.mark.parametrize(("has_meter", "pv_w"), [(True, None), (False, 0.0)])
def test_without_panels_only_a_grid_meter_may_show_that_something_else_gives(
    has_meter: bool, pv_w: float | None
) -> None:
    assert flows(replace(SITE, has_meter=has_meter), SiteMeasurements()) == SiteFlows(None, pv_w, 0.0)


def test_panels_that_do_not_tell_leave_the_suns_power_unknown() -> None:
    measured = SiteMeasurements()
    measured.take_pv("roof", 3000.0, START)
    measured.take_pv("shed", None, START)
    assert flows(replace(SITE, has_meter=False), measured).pv_w is None


@pytest.mark.parametrize(
    "reading",
    [
        None,
        BatteryReading(START, 50.0, None),
        BatteryReading(START, 50.0, 800.0, available=False),
    ],
)
def test_a_battery_that_does_not_tell_leaves_their_power_unknown(reading: BatteryReading | None) -> None:
    measured = SiteMeasurements()
    both = (BatteryConfig("a", "A", 10_000.0, 5000.0, 5000.0), BatteryConfig("b", "B", 10_000.0, 5000.0, 5000.0))
    measured.take_battery("a", BatteryReading(START, 50.0, 300.0))
    if reading is not None:
        measured.take_battery("b", reading)
    assert flows(replace(SITE, batteries=both), measured).battery_w is None


def test_a_battery_that_rests_is_known_as_long_as_it_is_there() -> None:
    measured = SiteMeasurements()
    measured.take_battery("a", BatteryReading(START - timedelta(hours=5), 50.0, 0.0))
    site = replace(SITE, batteries=(BatteryConfig("a", "A", 10_000.0, 5000.0, 5000.0),))
    assert flows(site, measured).battery_w == 0.0


def test_a_meter_that_is_lost_tells_nothing() -> None:
    measured = SiteMeasurements()
    measured.take_meter(SITE, ROOT_CIRCUIT, MeterReading(START - timedelta(minutes=5), power_w=900.0))
    assert flows(SITE, measured).grid_w is None


def drawn(evse: EvseState | None, *, connected: bool = True) -> float | None:
    state = StationState("CP1", connected=connected, evses={} if evse is None else {1: evse})
    return drawn_power(state, 1, START)


def measured_ago(seconds: float, *, power_w: float | None = 7000.0, running: bool = True) -> EvseState:
    at = START - timedelta(seconds=seconds)
    return EvseState(
        1,
        status=EvseStatus.CHARGING,
        measurement=EvseMeasurement(at, power_w=power_w),
        measured_at=at,
        transaction=RUNNING if running else None,
    )


@pytest.mark.parametrize(
    ("evse", "expected"),
    [
        (None, 0.0),
        (EvseState(1), 0.0),
        (measured_ago(5), 7000.0),
        (measured_ago(600), 7000.0),  # it measures seldom
        (measured_ago(1000), None),
        (measured_ago(5, power_w=None), 0.0),  # it measures no power: nothing was seen of it
        (measured_ago(60, running=False), 7000.0),  # it charges without a transaction
        (measured_ago(600, running=False), 0.0),
        (replace(measured_ago(5, running=False), status=EvseStatus.FINISHING), 0.0),  # of what went on before
    ],
)
def test_what_an_evse_draws_is_its_newest_reading_as_long_as_it_can_be_of_now(
    evse: EvseState | None, expected: float | None
) -> None:
    assert drawn(evse) == expected


def test_of_a_station_that_is_away_nobody_can_know() -> None:
    assert drawn(measured_ago(5), connected=False) is None
