"""What goes and comes back is logged once each time."""

import logging
from unittest.mock import Mock

import pytest

from custom_components.smart_charging.engine.model import MeterQuality
from custom_components.smart_charging.engine.view import LimitSource, SiteView
from custom_components.smart_charging.presence import PresenceLog

from .site_double import garage, site_view


@pytest.fixture(autouse=True)
def info(caplog: pytest.LogCaptureFixture) -> None:
    """Keep what is only informative too."""
    caplog.set_level(logging.INFO, "custom_components.smart_charging")


def told(caplog: pytest.LogCaptureFixture, *views: SiteView) -> list[str]:
    """Show these views; return what was logged."""
    coordinator = Mock()
    coordinator.config_entry.title = "Home"
    log = PresenceLog(coordinator)
    for view in views:
        coordinator.data = view
        log.async_update()
    return [record.getMessage() for record in caplog.records]


def test_a_charger_that_goes_and_comes_back_is_told_once_each(caplog: pytest.LogCaptureFixture) -> None:
    here, gone = site_view(), site_view(garage(connected=False))
    assert told(caplog, gone, gone, here, here, gone, gone, here, here) == [
        "The charger Charger garage of Home is no longer connected",
        "The charger Charger garage of Home is connected again",
    ]


def meter_view(quality: MeterQuality) -> SiteView:
    """Return a site whose meter is of this quality."""
    source = LimitSource.METER_LOST if quality is MeterQuality.LOST else LimitSource.METER_STALE
    return site_view(grid_quality=quality, limit_source=LimitSource.FUSE if quality is MeterQuality.FRESH else source)


def test_single_implausible_values_are_no_loss(caplog: pytest.LogCaptureFixture) -> None:
    views = [meter_view(MeterQuality(quality)) for quality in ("fresh", "implausible", "fresh")]
    assert told(caplog, *views) == []


def test_a_meter_that_is_lost_and_comes_back_is_told_once_each(caplog: pytest.LogCaptureFixture) -> None:
    qualities = ("fresh", "stale", "implausible", "lost", "lost", "stale", "lost", "fresh", "stale", "fresh")
    views = [meter_view(MeterQuality(quality)) for quality in qualities]
    assert told(caplog, *views) == [
        "The grid meter of Home is lost: chargers are held at their safe currents",
        "The grid meter of Home is back",
    ]
