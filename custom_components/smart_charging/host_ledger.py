"""The one ledger of this host, opened for the first site and closed after the last."""

import asyncio
from dataclasses import dataclass, field

from homeassistant.core import HomeAssistant
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN, LEDGER_FILE
from .engine.ledger import Ledger, start_with_new_key


@dataclass(slots=True)
class _HostLedger:
    """The open ledger and how many sites use it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    ledger: Ledger | None = None
    users: int = 0


_HOST_LEDGER: HassKey[_HostLedger] = HassKey(f"{DOMAIN}_ledger")


async def async_acquire_ledger(hass: HomeAssistant) -> Ledger:
    """Return the ledger, opened if need be; raises LedgerError, which LedgerTooNew is one of.

    Each call wants one `async_release_ledger`.
    """
    shared = hass.data.setdefault(_HOST_LEDGER, _HostLedger())
    async with shared.lock:
        if shared.ledger is None:
            shared.ledger = await Ledger.open(hass.config.path(LEDGER_FILE))
        shared.users += 1
        return shared.ledger


async def async_release_ledger(hass: HomeAssistant) -> None:
    """Close the ledger once nobody uses it any more."""
    shared = hass.data[_HOST_LEDGER]
    async with shared.lock:
        shared.users -= 1
        if shared.users == 0 and shared.ledger is not None:
            ledger, shared.ledger = shared.ledger, None
            await ledger.close()


async def async_start_with_new_key(hass: HomeAssistant) -> None:
    """Give up the id tokens' values, whose key is lost; raises LedgerError. Where the ledger is open, nothing is lost."""
    shared = hass.data.setdefault(_HOST_LEDGER, _HostLedger())
    async with shared.lock:
        if shared.ledger is None:
            await hass.async_add_executor_job(start_with_new_key, hass.config.path(LEDGER_FILE))
