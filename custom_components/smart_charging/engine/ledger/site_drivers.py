"""One site's view of drivers, their groups and vehicles, those of every site included."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from ..driver import Driver, DriverUnknown, Group, RegistryError, Vehicle, VehicleUnknown
from ..model import Json, Transaction
from . import anonymising, driver_export, queries, registry, transactions
from .book import Book
from .registry import DRIVERS, GROUPS, VEHICLES

if TYPE_CHECKING:
    from .ledger import Ledger


class SiteDrivers:
    """Who charges at one site.

    A new one brings an id of at most 16 characters or an empty one, and gets one then. Names are unique where they count,
    in whatever case. What is refused raises a RegistryError and changes nothing. Each call that writes returns after a
    durable commit; each call raises StoreError if it failed. An `edit` runs in the ledger's thread, and maybe more than once.
    """

    def __init__(self, ledger: Ledger, site_id: str) -> None:
        """See `SiteLedger.drivers`."""
        self._ledger = ledger
        self._site_id = site_id

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener after one of any site was added, changed or deleted; returns how to stop."""
        self._ledger.driver_listeners.append(listener)
        return lambda: self._ledger.driver_listeners.remove(listener)

    async def add(self, driver: Driver, *, everywhere: bool = True) -> Driver:
        """Keep a new driver; raises NameExists, UserTaken, GroupUnknown and NotStorable."""
        return await self._write(lambda book: registry.add(book, DRIVERS, self._site_id, driver, everywhere=everywhere))

    async def change(self, driver_id: str, edit: Callable[[Driver], Driver]) -> Driver:
        """Replace a driver by what `edit` makes of it; raises DriverUnknown for one that was anonymised, and as `add`."""
        return await self._write(lambda book: registry.change(book, DRIVERS, self._site_id, driver_id, edit))

    async def driver(self, driver_id: str) -> Driver:
        """Return a driver, an anonymised one too; raises DriverUnknown."""
        return _given(
            await self._ledger.read(lambda connection: registry.get(connection, DRIVERS, self._site_id, driver_id))
        )

    async def all(self, *, anonymised: bool = False) -> tuple[Driver, ...]:
        """Return the drivers, oldest first, those without a name any more only if asked for."""
        found = await self._ledger.read(lambda connection: registry.all_of(connection, DRIVERS, self._site_id))
        return tuple(one for one in found if anonymised or one.anonymised_at is None)

    async def of_user(self, user_id: str) -> Driver | None:
        """Return the driver that is this Home Assistant user."""
        return await self._ledger.read(lambda connection: registry.of_user(connection, self._site_id, user_id))

    async def anonymise(self, driver_id: str, at: datetime) -> None:
        """Delete all that tells who a driver is, and keep what was charged; raises DriverUnknown and DriverCharging.

        It is gone from the file too when this returns, unless a warning in the log says otherwise.
        """
        gone = await self._ledger.write(lambda book: anonymising.anonymise(book, self._site_id, driver_id, at))
        if gone is not None:
            raise gone
        self._ledger.tokens_changed()
        self._ledger.drivers_changed()

    async def export(self, driver_id: str) -> dict[str, Json]:
        """Return all that is kept of a driver as JSON data, without values of tokens; raises DriverUnknown."""
        return _given(
            await self._ledger.read(
                lambda connection: driver_export.export_driver(connection, self._site_id, driver_id)
            )
        )

    async def assign(
        self, station_id: str, transaction_id: str, driver_id: str | None, vehicle_id: str | None = None
    ) -> Transaction | None:
        """Keep whose a transaction is, and have its records made anew; None if the station has no such transaction.

        Raises DriverUnknown and VehicleUnknown.
        """

        def assigned(book: Book) -> Transaction | RegistryError | None:
            if not registry.exists(book.connection, self._site_id, driver_id, None):
                return DriverUnknown()
            if not registry.exists(book.connection, self._site_id, None, vehicle_id):
                return VehicleUnknown()
            return transactions.assign(book, self._site_id, station_id, transaction_id, driver_id, vehicle_id)

        return _given(await self._ledger.write(assigned))

    async def unassigned(self, token_id: str, limit: int = 1000) -> tuple[Transaction, ...]:
        """Return the site's transactions with a token that are nobody's, newest first, also from before it was known."""
        return await self._ledger.read(
            lambda connection: queries.unassigned(connection, self._site_id, token_id, limit)
        )

    async def add_group(self, group: Group) -> Group:
        """Keep a new group; raises NameExists and NotStorable."""
        everywhere = group.every_site
        return await self._write(lambda book: registry.add(book, GROUPS, self._site_id, group, everywhere=everywhere))

    async def change_group(self, group_id: str, edit: Callable[[Group], Group]) -> Group:
        """Replace a group by what `edit` makes of it; raises GroupUnknown, and as `add_group`."""
        return await self._write(lambda book: registry.change(book, GROUPS, self._site_id, group_id, edit))

    async def delete_group(self, group_id: str) -> Group:
        """Delete a group that nobody is in; raises GroupUnknown and StillInUse."""
        return await self._write(lambda book: registry.delete_group(book, self._site_id, group_id))

    async def groups(self) -> tuple[Group, ...]:
        """Return the groups, oldest first."""
        return await self._ledger.read(lambda connection: registry.all_of(connection, GROUPS, self._site_id))

    async def add_vehicle(self, vehicle: Vehicle, *, everywhere: bool = True) -> Vehicle:
        """Keep a new vehicle; raises NameExists, DriverUnknown and NotStorable."""
        return await self._write(
            lambda book: registry.add(book, VEHICLES, self._site_id, vehicle, everywhere=everywhere)
        )

    async def change_vehicle(self, vehicle_id: str, edit: Callable[[Vehicle], Vehicle]) -> Vehicle:
        """Replace a vehicle by what `edit` makes of it; raises VehicleUnknown, and as `add_vehicle`."""
        return await self._write(lambda book: registry.change(book, VEHICLES, self._site_id, vehicle_id, edit))

    async def delete_vehicle(self, vehicle_id: str) -> Vehicle:
        """Delete a vehicle; tokens name it no more, and records keep its name. Raises VehicleUnknown."""
        return await self._write(lambda book: registry.delete_vehicle(book, self._site_id, vehicle_id))

    async def vehicles(self) -> tuple[Vehicle, ...]:
        """Return the vehicles, oldest first."""
        return await self._ledger.read(lambda connection: registry.all_of(connection, VEHICLES, self._site_id))

    async def _write[T](self, work: Callable[[Book], T | RegistryError]) -> T:
        written = _given(await self._ledger.write(work))
        self._ledger.drivers_changed()
        return written


def _given[T](outcome: T | RegistryError) -> T:
    if isinstance(outcome, RegistryError):
        raise outcome
    return outcome
