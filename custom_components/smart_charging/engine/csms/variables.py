"""Settings of a station read and written by name: configuration keys of OCPP 1.6, variables of OCPP 2."""

from collections.abc import Mapping, Sequence
from itertools import batched

from .commands import CommandError, CommandErrorCode, Commands, WriteOutcome
from .inventory import Inventory, Variable
from .redaction import names_secret
from .v2_settings import PASSWORD, parse_name

MAX_NAMES = 500  # in one request of a user
_KEYS_AT_ONCE = 30  # of OCPP 1.6, where the station names no number
_PASSWORDS = frozenset({"authorizationkey", PASSWORD.lower()})


def is_password(name: str) -> bool:
    """Return whether a setting is the password of the station's login, whatever its case and spacing."""
    setting = parse_name(name)
    return (name.strip() if setting is None else f"{setting.component}.{setting.variable}").lower() in _PASSWORDS


class Variables:
    """The settings of one station."""

    def __init__(self, commands: Commands, inventory: Inventory) -> None:
        """Ask by these commands, which keep the inventory where they read all."""
        self._commands = commands
        self._inventory = inventory

    async def read(self, names: Sequence[str]) -> dict[str, str | None]:
        """Return the values of the named settings that the station has, by its own spelling; raises CommandError.

        A secret is None, as is what can't be read.
        """
        values: dict[str, str | None] = {}
        at_once = self._inventory.integer("GetConfigurationMaxKeys") or _KEYS_AT_ONCE
        for some in batched(dict.fromkeys(names[:MAX_NAMES]), at_once, strict=False):
            values |= (await self._commands.get_configuration(some)).as_dict()
        return {name: None if names_secret(name) else value for name, value in values.items()}

    async def write(self, values: Mapping[str, str]) -> dict[str, WriteOutcome]:
        """Write settings and return what became of each; raises CommandError.

        PROTECTED for the login's password, before anything is written.
        """
        if any(is_password(name) for name in values):
            raise CommandError(CommandErrorCode.PROTECTED, "the password of the login")
        try:
            outcomes = await self._commands.write_settings(values)
        except CommandError:
            self._inventory.forget()  # some of them may have been taken
            raise
        for name, outcome in outcomes.items():
            if outcome in {WriteOutcome.ACCEPTED, WriteOutcome.REBOOT_REQUIRED}:
                self._inventory.wrote(name, values[name])
        return outcomes

    async def settable(self) -> tuple[Variable, ...]:
        """Return the settings that can be set, read anew; raises CommandError."""
        return await self._commands.read_settable()

    async def model(self, *, refresh: bool = False) -> tuple[Variable, ...]:
        """Return all settings as the set-up read them, or read anew; raises CommandError."""
        if refresh or not self._inventory.variables:
            await self._commands.get_configuration()
        return self._inventory.variables

    def flag(self, name: str) -> bool | None:
        """Return a setting as a truth value as it was read last, None where it is none or unknown."""
        return self._inventory.flag(name)

    def forget(self) -> None:
        """Read all anew next time, as after somebody else wrote."""
        self._inventory.forget()
