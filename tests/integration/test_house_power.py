"""What the house alone takes, from the view: nothing is told where a part is not known."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.smart_charging.engine.control.battery import BatterySnapshot
from custom_components.smart_charging.engine.model import MeterQuality
from custom_components.smart_charging.engine.view import BatteryView, SiteView
from custom_components.smart_charging.measurements import house_power_w

from .site_double import AT, evse, garage, measurement, site_view


def view(**changes: Any) -> SiteView:
    """Return a site where a car draws 7 kW of 2 kW from the grid, 5 kW from panels and 1 kW from a battery."""
    charging = evse(state={"measurement": measurement(power_w=7000.0)})
    known = {"b": BatteryView("b", "Battery", BatterySnapshot(True, 50.0, 1000.0))}
    base = replace(site_view(garage(charging)), grid_power_w=2000.0, pv_power_w=5000.0, batteries=known)
    return replace(base, grid_quality=MeterQuality.FRESH, **changes)


def test_the_house_is_what_neither_cars_nor_batteries_take() -> None:
    assert house_power_w(view(), AT, has_pv=True) == pytest.approx(1000)


@pytest.mark.parametrize(
    "unknown",
    [
        {"grid_power_w": None},
        {"pv_power_w": None},
        {"batteries": {"b": BatteryView("b", "Battery", BatterySnapshot(False))}},
        {"chargers": {"garage": garage(connected=False)}},
        {"chargers": {"garage": garage(evse(state={"measurement": measurement(power_w=None)}))}},
    ],
)
def test_where_a_part_is_not_known_nothing_is_told(unknown: dict[str, Any]) -> None:
    assert house_power_w(view(**unknown), AT, has_pv=True) is None


def test_an_old_meter_reading_tells_nothing() -> None:
    assert house_power_w(replace(view(), grid_quality=MeterQuality.STALE), AT, has_pv=True) is None


def test_without_panels_none_are_asked_for_and_a_station_that_is_away_without_a_transaction_takes_nothing() -> None:
    away = garage(evse(state={"transaction": None}), connected=False)
    house = house_power_w(view(pv_power_w=None, chargers={"garage": away}), AT, has_pv=False)
    assert house == pytest.approx(3000)
