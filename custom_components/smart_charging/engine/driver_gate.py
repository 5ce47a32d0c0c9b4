"""Tells whether the driver of a token may charge at a station now; fulfils the authorizer's `DriverGate`."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from .authorization import driver_refusal
from .charge_record import StatementOf
from .driver import AccessRefusal, Allowance, Driver, DriverAccess, DriverUnknown, Group
from .id_token import IdToken
from .ledger import SiteLedger


class LedgerDriverGate:
    """Asks the ledger for drivers, their groups, and what they used of their allowance."""

    def __init__(
        self, ledger: SiteLedger, time_zone: Callable[[], str], schedule_on: Callable[[str], bool | None]
    ) -> None:
        """Take the site's IANA time zone, and who tells whether a schedule's entity is on: None where that is unknown."""
        self._ledger = ledger
        self._time_zone = time_zone
        self._schedule_on = schedule_on

    async def refusal(self, station_id: str, token: IdToken, now: datetime) -> AccessRefusal | None:
        """Return why the driver of a token may not begin at a station now; raises StoreError."""
        if token.details.driver_id is None:
            return None
        try:
            driver = await self._ledger.drivers.driver(token.details.driver_id)
        except DriverUnknown:
            return AccessRefusal.INACTIVE  # one of another site
        group = (await self._groups()).get(driver.group_id or "")
        local = now.astimezone(ZoneInfo(self._time_zone()))
        access = self._access(driver, group)
        if (refusal := driver_refusal(access, station_id, local)) is not None:
            return refusal
        if await self.used_up(driver, group, local.date()):
            return AccessRefusal.ALLOWANCE
        return None

    async def refusals(self, station_id: str, now: datetime) -> Mapping[str, AccessRefusal]:
        """Return the same of all tokens whose driver may not begin there, by their ids; raises StoreError.

        What an allowance has left is not looked at: lists of stations know nothing of it.
        """
        drivers = {driver.driver_id: driver for driver in await self._ledger.drivers.all()}
        groups, found = await self._groups(), dict[str, AccessRefusal]()
        local = now.astimezone(ZoneInfo(self._time_zone()))
        for token in await self._ledger.tokens.all():
            if token.details.driver_id is None:
                continue
            driver = drivers.get(token.details.driver_id)
            group = None if driver is None else groups.get(driver.group_id or "")
            refusal = (
                AccessRefusal.INACTIVE
                if driver is None
                else driver_refusal(self._access(driver, group), station_id, local)
            )
            if refusal is not None:
                found[token.token_id] = refusal
        return found

    async def used_up(self, driver: Driver, group: Group | None, day: date) -> bool:
        """Return whether an allowance that bounds is used up in the month of a day; raises StoreError."""
        allowance = allowance_of(driver, group)
        if allowance is None or not allowance.bounds:
            return False
        of, subject_id = allowance_subject(driver, allowance)
        used = await self._ledger.records.allowance_used(day.replace(day=1), of, subject_id)
        kwh_left = allowance.energy_kwh is not None and used.quantity < allowance.energy_kwh
        amount_left = allowance.amount is not None and used.amount < allowance.amount
        return not (kwh_left or amount_left)

    async def _groups(self) -> Mapping[str, Group]:
        return {group.group_id: group for group in await self._ledger.drivers.groups()}

    def _access(self, driver: Driver, group: Group | None) -> DriverAccess:
        schedule = None if group is None else group.schedule
        return DriverAccess(driver, group, scheduled=None if schedule is None else self._schedule_on(schedule))


def allowance_of(driver: Driver, group: Group | None) -> Allowance | None:
    """Return what is free for a driver in each month: the driver's own has precedence."""
    if driver.allowance is not None or group is None:
        return driver.allowance
    return group.allowance


def allowance_subject(driver: Driver, allowance: Allowance) -> tuple[StatementOf, str]:
    """Return by whose records it is counted what an allowance has left."""
    if allowance.shared and driver.group_id is not None:
        return StatementOf.GROUP, driver.group_id
    return StatementOf.DRIVER, driver.driver_id
