"""Times as users of actions give them."""

from datetime import datetime

from homeassistant.exceptions import ServiceValidationError
from homeassistant.util import dt as dt_util

from .const import DOMAIN


def utc(local: datetime | None) -> datetime | None:
    """Return a time that a user gave, without a zone meant as local, in UTC."""
    if local is None:
        return None
    try:
        return dt_util.as_utc(local)
    except (OverflowError, ValueError) as err:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="time_out_of_range",
            translation_placeholders={"time": local.isoformat()},
        ) from err
