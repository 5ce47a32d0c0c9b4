"""Where the sun stands: what tells night from day without asking anybody."""

from dataclasses import dataclass
from datetime import UTC, datetime
from math import asin, cos, degrees, radians, sin
from typing import Final

from ..planning.problem import SLOT

# Upper edge of the sun with the air's refraction, and one degree for how coarse this is: light before the sun is none.
HORIZON_DEG: Final = -1.8


@dataclass(frozen=True, slots=True)
class Place:
    """Where on earth the panels stand, in degrees, north and east positive."""

    latitude: float
    longitude: float


def sun_height(place: Place, at: datetime) -> float:
    """Return the height of the sun above the horizon in degrees, true to half a degree.

    After the low-precision formulas of the Astronomical Almanac, section C.
    """
    days = (at - datetime(2000, 1, 1, 12, tzinfo=UTC)).total_seconds() / 86400
    mean_longitude = 280.460 + 0.9856474 * days
    anomaly = radians(357.528 + 0.9856003 * days)
    ecliptic = radians(mean_longitude + 1.915 * sin(anomaly) + 0.020 * sin(2 * anomaly))
    declination = asin(sin(radians(23.439)) * sin(ecliptic))
    # The right ascension minus the mean longitude is small, a series replaces the quadrant's choice.
    ascension = degrees(ecliptic) - 2.466 * sin(2 * ecliptic) + 0.053 * sin(4 * ecliptic)
    sidereal = 280.46062 + 360.98564737 * days
    hour_angle = radians(sidereal + place.longitude - ascension)
    latitude = radians(place.latitude)
    return degrees(asin(sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(hour_angle)))


def is_night(place: Place, start: datetime) -> bool:
    """Return whether the sun is down all through the slot that begins here."""
    return sun_height(place, start) < HORIZON_DEG and sun_height(place, start + SLOT) < HORIZON_DEG
