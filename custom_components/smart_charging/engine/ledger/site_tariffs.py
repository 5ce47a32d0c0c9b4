"""One site's view of tariffs, those of every site included."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from ..model import Json
from ..tariff import TariffUnknown
from . import tariffs
from .tariffs import TariffVersion

if TYPE_CHECKING:
    from .ledger import Ledger


class SiteTariffs:
    """Tariffs that count at one site, in versions that are never changed.

    Each call that writes returns after a durable commit; each call raises StoreError if it failed.
    """

    def __init__(self, ledger: Ledger, site_id: str) -> None:
        """See `SiteLedger.tariffs`."""
        self._ledger = ledger
        self._site_id = site_id

    async def add(
        self,
        tariff_id: str | None,
        *,
        name: str,
        valid_from: datetime,
        content: Mapping[str, Json],
        at: datetime,
        everywhere: bool = True,
    ) -> TariffVersion:
        """Keep the next version of a tariff, or the first one of a new tariff, which gets an id if it brings none.

        `everywhere` is for a new one; its later versions are where it is. Raises ValueError for what can't be kept, and
        TariffUnknown for the id of another site's tariff.
        """
        text = tariffs.checked(tariff_id, name, content)
        added = await self._ledger.write(
            lambda book: tariffs.add(
                book,
                self._site_id,
                tariff_id,
                name=name,
                valid_from=valid_from,
                content=text,
                at=at,
                everywhere=everywhere,
            )
        )
        return _known(added)

    async def withdraw(self, tariff_id: str, version: int, at: datetime) -> TariffVersion:
        """Use a version no more; raises TariffUnknown, and TariffInUse once a charge record was made by it."""
        done = await self._ledger.write(lambda book: tariffs.withdraw(book, self._site_id, tariff_id, version, at))
        if not isinstance(done, TariffVersion):
            raise done
        return done

    async def at(self, tariff_id: str, at: datetime) -> TariffVersion | None:
        """Return the version of a tariff that counts for what begins at this time; None before the first one."""
        return await self._ledger.read(lambda connection: tariffs.valid_at(connection, self._site_id, tariff_id, at))

    async def version(self, tariff_id: str, version: int) -> TariffVersion:
        """Return a version of a tariff, a withdrawn one too; raises TariffUnknown."""
        return _known(
            await self._ledger.read(lambda connection: tariffs.version(connection, self._site_id, tariff_id, version))
        )

    async def all(self) -> tuple[TariffVersion, ...]:
        """Return all versions of all tariffs but those withdrawn, oldest first."""
        return await self._ledger.read(lambda connection: tariffs.all_versions(connection, self._site_id))


def _known(version: TariffVersion | None) -> TariffVersion:
    if version is None:
        raise TariffUnknown
    return version
