"""One site's view of the registry of id tokens, those of every site included."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ..driver import DriverUnknown, VehicleUnknown
from ..id_token import IdToken, LabelExists, OpenUse, TokenDetails, TokenExists, TokenSecret, TokenUnknown
from . import id_tokens

if TYPE_CHECKING:
    from .ledger import Ledger


class SiteTokens:
    """Tokens that count at one site.

    Each call that writes returns after a durable commit; each call raises StoreError if it failed.
    """

    def __init__(self, ledger: Ledger, site_id: str) -> None:
        """See `SiteLedger.tokens`."""
        self._ledger = ledger
        self._site_id = site_id

    async def add(self, value: str, details: TokenDetails, at: datetime, *, everywhere: bool = False) -> IdToken:
        """Keep a new token, for this site or `everywhere`.

        Raises TokenExists for a value that is known there, LabelExists for a label, DriverUnknown and VehicleUnknown.
        """
        added = await self._ledger.write(
            lambda book: id_tokens.add(book, self._site_id, value, details, at, everywhere=everywhere)
        )
        if added is id_tokens.Clash.VALUE:
            raise TokenExists
        self._ledger.tokens_changed()
        return await self.token(_free(added))

    async def remember(self, value: str, at: datetime) -> IdToken | None:
        """Keep a token that is nobody's yet; None where it is known, or too many wait to be assigned."""
        token_id = await self._ledger.write(lambda book: id_tokens.remember(book, self._site_id, value, at))
        return None if token_id is None else await self.token(token_id)

    async def change(self, token_id: str, edit: id_tokens.Edit) -> IdToken:
        """Replace what was decided about a token by what `edit` makes of it.

        Raises TokenUnknown, LabelExists for a new label that another one has, DriverUnknown and VehicleUnknown. `edit`
        runs in the ledger's thread, and maybe more than once.
        """
        changed = await self._ledger.write(lambda book: id_tokens.change(book, self._site_id, token_id, edit))
        known = _known(_free(changed))
        self._ledger.tokens_changed()
        return known

    async def delete(self, token_id: str, at: datetime) -> IdToken:
        """Take a token out of use; records keep referring to it. Raises TokenUnknown."""
        deleted = _known(await self._ledger.write(lambda book: id_tokens.delete(book, self._site_id, token_id, at)))
        self._ledger.tokens_changed()
        return deleted

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener after a token of any site was added, changed or deleted; returns how to stop."""
        self._ledger.token_listeners.append(listener)
        return lambda: self._ledger.token_listeners.remove(listener)

    async def used(self, token_id: str, at: datetime) -> None:
        """Note when a token was last accepted."""
        await self._ledger.write(lambda book: id_tokens.used(book, token_id, at))

    async def all(self, *, deleted: bool = False) -> tuple[IdToken, ...]:
        """Return the tokens, oldest first, those out of use only if asked for."""
        return await self._ledger.read(
            lambda connection: id_tokens.registered(connection, self._site_id, deleted=deleted)
        )

    async def token(self, token_id: str) -> IdToken:
        """Return a token by its id, one out of use too; raises TokenUnknown."""
        return _known(await self._ledger.read(lambda connection: id_tokens.token(connection, self._site_id, token_id)))

    async def find(self, value: str) -> IdToken | None:
        """Return the token in use that has this value, in any case."""
        return await self._ledger.read(lambda connection: id_tokens.find(connection, self._site_id, value))

    async def uses(self, station_id: str, value: str) -> Sequence[OpenUse]:
        """Return the running transactions of this value, at any site, and all others that run at this station."""
        return await self._ledger.read(lambda connection: id_tokens.uses(connection, self._site_id, station_id, value))

    async def with_values(self) -> tuple[TokenSecret, ...]:
        """Return the tokens in use with their values, for stations and relays only."""
        return await self._ledger.read(lambda connection: id_tokens.with_values(connection, self._site_id))

    async def list_version(self, name: str, content: str) -> int:
        """Return the version of a list named so (at most 64 characters), which grows when its content changes."""
        return await self._ledger.write(lambda book: id_tokens.list_version(book, self._site_id, name, content))

    def group_value(self, group: str) -> str:
        """Return the id token that stands for a group."""
        return self._ledger.vault.group_value(group)


def _free[T](outcome: T | id_tokens.Clash | id_tokens.Missing) -> T:
    if isinstance(outcome, id_tokens.Clash):
        raise LabelExists
    if isinstance(outcome, id_tokens.Missing):
        raise DriverUnknown if outcome is id_tokens.Missing.DRIVER else VehicleUnknown
    return outcome


def _known(token: IdToken | None) -> IdToken:
    if token is None:
        raise TokenUnknown
    return token
