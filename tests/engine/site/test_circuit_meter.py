"""Readings of the grid meter as the site uses them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from custom_components.smart_charging.engine.circuit_meter import CircuitMeter
from custom_components.smart_charging.engine.config import SiteConfig
from custom_components.smart_charging.engine.model import MeterQuality, Phases
from custom_components.smart_charging.engine.view import MeterReading

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
SITE = SiteConfig("site", "Home", fuse_a=25.0)


def after(*readings: MeterReading) -> CircuitMeter:
    connection = CircuitMeter()
    for reading in readings:
        connection.take(SITE, reading)
    return connection


@pytest.mark.parametrize(
    ("reading", "current", "power"),
    [
        (MeterReading(NOW, power_w=6900.0), Phases.each(10.0), 6900.0),
        (MeterReading(NOW, phase_power_w=Phases(2300.0, -1150.0, 0.0)), Phases(10.0, -5.0, 0.0), 1150.0),
        (MeterReading(NOW, current_a=Phases(1.0, 2.0, -3.0)), Phases(1.0, 2.0, -3.0), None),
        (MeterReading(NOW, current_a=Phases(1.0, 2.0, 3.0), power_w=-1380.0), Phases(-1.0, -2.0, -3.0), -1380.0),
        (
            MeterReading(NOW, current_a=Phases(11.0, 6.0, 1.0), phase_power_w=Phases(2300.0, -1150.0, 0.0)),
            Phases(11.0, -6.0, 1.0),
            1150.0,
        ),
        (
            MeterReading(NOW, phase_power_w=Phases(2400.0, 0.0, 0.0), voltage_v=Phases(240.0, 240.0, 240.0)),
            Phases(10.0, 0.0, 0.0),
            2400.0,
        ),
        (
            MeterReading(NOW, phase_power_w=Phases(2300.0, 0.0, 0.0), voltage_v=Phases(0.0, 999.0, 230.0)),
            Phases(10.0, 0.0, 0.0),
            2300.0,
        ),
    ],
)
def test_every_kind_of_meter_gives_signed_currents(reading: MeterReading, current: Phases, power: float | None) -> None:
    snapshot = after(reading).snapshot(SITE, NOW)
    assert snapshot.current_a == current
    assert snapshot.power_w == power
    assert snapshot.quality is MeterQuality.FRESH


def test_nonsense_is_counted_and_changes_nothing() -> None:
    connection = after(MeterReading(NOW, power_w=690.0), MeterReading(NOW, power_w=9e9))
    assert connection.rejected == 1
    assert connection.snapshot(SITE, NOW).power_w == 690.0
    assert connection.shown_quality(SITE, NOW) is MeterQuality.IMPLAUSIBLE
    assert connection.quality(SITE, NOW) is MeterQuality.STALE


def test_a_meter_that_only_talks_nonsense_is_lost_in_the_end() -> None:
    connection = after(MeterReading(NOW, power_w=690.0))
    for second in range(1, 65):
        connection.take(SITE, MeterReading(NOW + timedelta(seconds=second), power_w=float("nan")))
    assert connection.quality(SITE, NOW + timedelta(seconds=64)) is MeterQuality.LOST


def test_an_unavailable_meter_is_stale_at_once_and_keeps_its_last_value() -> None:
    connection = after(MeterReading(NOW, power_w=690.0), MeterReading(NOW, available=False))
    assert connection.quality(SITE, NOW) is MeterQuality.STALE
    assert connection.snapshot(SITE, NOW).power_w == 690.0


def test_a_reading_without_any_value_is_no_reading() -> None:
    connection = after(MeterReading(NOW))
    assert connection.quality(SITE, NOW) is MeterQuality.LOST


def test_a_site_without_a_meter_says_so() -> None:
    assert after().quality(replace(SITE, has_meter=False), NOW) is MeterQuality.ABSENT


def test_an_overload_is_above_the_fuse_less_its_margin() -> None:
    assert not after(MeterReading(NOW, current_a=Phases(24.0, 0, -30.0), power_w=None)).overloaded(SITE)
    assert after(MeterReading(NOW, current_a=Phases(0, 24.1, -1.0))).overloaded(SITE)
    assert not after().overloaded(SITE)
