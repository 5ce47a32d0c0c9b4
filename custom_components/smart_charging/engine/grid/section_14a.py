"""Arithmetic of section 14a EnWG: what controllable devices may draw at least, and each one's part of a limit.

The rules are those of the ruling BK6-22-300 of the Bundesnetzagentur, annex 1, sections 4.3 and 4.5.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
import math
from typing import Final

MINIMUM_W: Final = 4_200.0  # of one device
LARGE_W: Final = 11_000.0  # heat pumps and air conditioning above this have a minimum of their own
LARGE_SHARE: Final = 0.4  # of their power
# How many of n devices are assumed to run at once.
SIMULTANEITY: Final[Mapping[int, float]] = {1: 1.0, 2: 0.80, 3: 0.75, 4: 0.70, 5: 0.65, 6: 0.60, 7: 0.55, 8: 0.50}
SIMULTANEITY_OF_MANY: Final = 0.45  # of nine or more


class DeviceKind(StrEnum):
    """Which kind of controllable device: those in one class count as one device together."""

    CHARGER = "charger"
    BATTERY = "battery"
    HEAT_PUMP = "heat_pump"
    AIR_CONDITIONING = "air_conditioning"


_COUNTED_TOGETHER = (DeviceKind.HEAT_PUMP, DeviceKind.AIR_CONDITIONING)


@dataclass(frozen=True, slots=True)
class ControllableDevice:
    """A device by its connected power in W; `led` says that it is led here, others take their part by themselves.

    ValueError for a power that is none.
    """

    device_id: str
    kind: DeviceKind
    rated_w: float
    led: bool = True

    def __post_init__(self) -> None:
        """Refuse a device without power."""
        if not (math.isfinite(self.rated_w) and self.rated_w > 0):
            raise ValueError("the power of a controllable device is a finite number above 0")


@dataclass(frozen=True, slots=True)
class MinimumPower:
    """What all devices together may draw from the grid at least, and what it was worked out from."""

    devices: int
    simultaneity: float
    heat_pumps_w: float
    air_conditioning_w: float
    minimum_w: float


def simultaneity(devices: int) -> float:
    """Return the factor of so many devices; ValueError for fewer than one."""
    if devices < 1:
        raise ValueError("there is no factor for fewer than one device")
    return SIMULTANEITY.get(devices, SIMULTANEITY_OF_MANY)


def minimum_power(devices: Iterable[ControllableDevice]) -> MinimumPower | None:
    """Return P_min of the devices behind one connection, None where there is none.

    All heat pumps count as one device, and so does all air conditioning. Where one of these has more than 11 kW in
    total, 0.4 of the larger takes the place of the first device's 4.2 kW.
    """
    known = list(devices)
    totals_w = {kind: sum(one.rated_w for one in known if one.kind is kind) for kind in _COUNTED_TOGETHER}
    count = sum(one.kind not in _COUNTED_TOGETHER for one in known) + sum(total > 0 for total in totals_w.values())
    if not count:
        return None
    largest_w = max(totals_w.values())
    first_w = LARGE_SHARE * largest_w if largest_w > LARGE_W else MINIMUM_W
    factor = simultaneity(count)
    return MinimumPower(
        devices=count,
        simultaneity=factor,
        heat_pumps_w=totals_w[DeviceKind.HEAT_PUMP],
        air_conditioning_w=totals_w[DeviceKind.AIR_CONDITIONING],
        minimum_w=first_w + (count - 1) * factor * MINIMUM_W,
    )


def not_below_minimum(limit_w: float, minimum: MinimumPower | None) -> float:
    """Return what a relay's limit comes to: one that names no value of its own never goes below P_min."""
    return limit_w if minimum is None else max(limit_w, minimum.minimum_w)


def split(limit_w: float, devices: Sequence[ControllableDevice]) -> dict[str, float]:
    """Return each device's part of a limit in W, by its id: equal parts, and what one can't use goes to the others.

    The parts add up to the limit, or to what all devices can draw where that is less.
    """
    parts: dict[str, float] = {}
    left_w = max(0.0, limit_w)
    for index, device in enumerate(sorted(devices, key=lambda one: (one.rated_w, one.device_id))):
        part_w = min(device.rated_w, left_w / (len(devices) - index))
        parts[device.device_id] = part_w
        left_w -= part_w
    return parts


def reserved_w(limit_w: float, devices: Sequence[ControllableDevice], drawn_w: Mapping[str, float]) -> float:
    """Return what of a limit goes to devices that are led elsewhere: what they draw where that is measured, else their part.

    `drawn_w` is W by device id. Never more than the limit.
    """
    parts = split(limit_w, devices)
    others = (max(0.0, drawn_w.get(one.device_id, parts[one.device_id])) for one in devices if not one.led)
    return min(limit_w, sum(others))
