"""The actions that limit an EVSE, a circuit or the whole site, and take that back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import ServiceCall
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_get_device_and_config_entry
from homeassistant.util import dt as dt_util
import probatio

from .const import CONF_MAX_CURRENT_A, DOMAIN, SUBENTRY_CIRCUIT
from .coordinator import SmartChargingConfigEntry
from .engine.limit import ROOT_CIRCUIT, Limit, LimitSource, LimitUnit
from .engine.model import MIN_CURRENT_A, EvseKey
from .errors import translated_errors
from .service_targets import ATTR_EVSE, EVSE_SCHEMA, Target, device_name, evse_target, real_number
from .service_times import utc

ATTR_CURRENT: Final = "current"
ATTR_POWER: Final = "power"
ATTR_DURATION: Final = "duration"
ATTR_UNTIL: Final = "until"
ATTR_CONTROLLABLE_ONLY: Final = "controllable_only"

HIGHEST: Final = 1_000_000  # A or W; above it, and for what is no number, nothing is meant
_AMOUNT: Final = probatio.All(real_number, probatio.Range(min=0, max=HIGHEST))

LIMIT_SCHEMA: Final = EVSE_SCHEMA.extend(
    {
        probatio.Exclusive(ATTR_CURRENT, "amount"): _AMOUNT,
        probatio.Exclusive(ATTR_POWER, "amount"): _AMOUNT,
        probatio.Exclusive(ATTR_DURATION, "end"): cv.positive_time_period,
        probatio.Exclusive(ATTR_UNTIL, "end"): cv.datetime,
        probatio.Optional(ATTR_CONTROLLABLE_ONLY, default=False): cv.boolean,
    }
)


@dataclass(frozen=True, slots=True)
class Place:
    """What a limit is for: an EVSE where `target` is set, else a circuit, `ROOT_CIRCUIT` for the whole site."""

    entry: SmartChargingConfigEntry
    name: str
    target: Target | None = None
    circuit_id: str = ROOT_CIRCUIT

    @property
    def key(self) -> EvseKey | None:
        """Return the EVSE."""
        return None if self.target is None else self.target.key

    @property
    def limit_id(self) -> str:
        """Return the id of the one limit that a user may have set here; it tells no station's id."""
        if self.target is not None:
            return f"user {self.target.subentry.subentry_id} {self.target.key.evse_id}"
        return f"user {self.circuit_id}".rstrip()


async def set_limit(call: ServiceCall) -> None:
    """Limit each place, once all of them are known to be right."""
    await _at_each(call, [_limiter(call, _place(call, device_id)) for device_id in call.data[ATTR_DEVICE_ID]])


async def clear_limit(call: ServiceCall) -> None:
    """Take back what `set_limit` set at each place, once all of them are known to be right."""
    await _at_each(call, [_clearer(_place(call, device_id)) for device_id in call.data[ATTR_DEVICE_ID]])


type Step = tuple[Place, Callable[[], Awaitable[None]]]


async def _at_each(_call: ServiceCall, steps: list[Step]) -> None:
    """Do it and show the result at once."""
    for place, step in steps:
        with translated_errors(place.name):
            await step()
        place.entry.runtime_data.coordinator.async_publish_now()


def _place(call: ServiceCall, device_id: str) -> Place:
    """Return what a device stands for: the site, a circuit, or an EVSE."""
    device, entry = async_get_device_and_config_entry(call.hass, DOMAIN, device_id)
    subentry = entry.subentries.get(device.config_subentry_id or "")
    if subentry is not None and subentry.subentry_type != SUBENTRY_CIRCUIT:
        target = evse_target(call, device_id)
        return Place(entry, target.subentry.title, target)
    if ATTR_EVSE in call.data:
        raise _refusal("evse_without_charger")
    if subentry is None:
        return Place(entry, entry.title)
    if subentry.subentry_id not in entry.runtime_data.site.view.circuits:
        raise _refusal("not_a_place_to_limit", device=device_name(device))
    return Place(entry, subentry.title, circuit_id=subentry.subentry_id)


def _limiter(call: ServiceCall, place: Place) -> Step:
    """Return what sets the limit that is asked for; raises ServiceValidationError for one that can't be."""
    current_a: float | None = call.data.get(ATTR_CURRENT)
    value: float | None = call.data.get(ATTR_POWER) if current_a is None else current_a
    if value is None:
        raise _refusal("limit_without_value")
    until = _end(call)
    if place.target is not None and call.data[ATTR_CONTROLLABLE_ONLY]:
        raise _refusal("controllable_only_of_charger", charger=place.name)
    if place.target is not None and current_a is not None:
        _check_current(place.target, current_a, lasting=until is None)
        if until is None and current_a > 0:
            return place, _keeper(place, place.target.key, current_a)
    limit = Limit(
        limit_id=place.limit_id,
        source=LimitSource.USER,
        value=value,
        unit=LimitUnit.WATT if current_a is None else LimitUnit.AMPERE,
        circuit_id=place.circuit_id,
        evse=place.key,
        controllable_only=call.data[ATTR_CONTROLLABLE_ONLY],
        valid_until=until,
    )

    async def set_it() -> None:
        """Let the limit hold."""
        place.entry.runtime_data.site.set_limit(limit)

    return place, set_it


def _keeper(place: Place, key: EvseKey, current_a: float) -> Callable[[], Awaitable[None]]:
    """Return what sets an EVSE's maximum current, in place of the limit that was set there before."""
    site = place.entry.runtime_data.site

    async def keep_it() -> None:
        """Keep the maximum current."""
        await site.set_max_current(key, current_a)
        site.withdraw_limit(place.limit_id)

    return keep_it


def _clearer(place: Place) -> Step:
    """Return what takes back the limits that a user set."""
    site = place.entry.runtime_data.site

    async def clear_it() -> None:
        """Let no limit of the user's hold."""
        site.withdraw_limit(place.limit_id)
        if place.target is not None and site.settings(place.target.key).max_current_a is not None:
            await site.set_settings(place.target.key, replace(site.settings(place.target.key), max_current_a=None))

    return place, clear_it


def _end(call: ServiceCall) -> datetime | None:
    """Return when the limit ends, None where it is to last; raises ServiceValidationError for a time gone by."""
    now = dt_util.utcnow()
    duration: timedelta | None = call.data.get(ATTR_DURATION)
    until = utc(call.data.get(ATTR_UNTIL))
    if duration is not None:
        try:
            until = now + duration
        except OverflowError as err:
            raise _refusal("time_out_of_range", time=str(duration)) from err
    if until is not None and until <= now:
        raise _refusal("limit_already_over")
    return until


def _check_current(target: Target, current_a: float, *, lasting: bool) -> None:
    """Raise ServiceValidationError for a current that the charger can't have; 0 blocks, also until further notice.

    A lasting one is kept as the maximum current, below which no car charges.
    """
    rated_a, lowest_a = float(target.subentry.data[CONF_MAX_CURRENT_A]), MIN_CURRENT_A if lasting else 0.0
    if current_a != 0 and not lowest_a <= current_a <= rated_a:
        raise _refusal(
            "limit_out_of_range",
            charger=target.subentry.title,
            current=f"{current_a:g}",
            minimum=f"{lowest_a:g}",
            maximum=f"{rated_a:g}",
        )


def _refusal(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders or None
    )
