"""Where a station dials to, in OCPP 2 (B09, B10)."""

from dataclasses import dataclass

from ..model import Json
from .commands import Caller, CommandError, CommandErrorCode, Commands, ask
from .rpc import OCPP21

_PRIORITY = "OCPPCommCtrlr.NetworkConfigurationPriority"


@dataclass(frozen=True, slots=True)
class NetworkProfile:
    """How a station reaches a central system; passwords are none of its fields.

    `interface` is OCPP's word (`Wired0`, `Wireless0`, ...), `security_profile` 0 to 3.
    """

    url: str
    security_profile: int
    interface: str = "Wired0"
    message_timeout_s: int = 30


class NetworkProfiles:
    """The network profiles of one station, each in a slot."""

    def __init__(self, caller: Caller, commands: Commands, protocol: str) -> None:
        """Ask through this caller; which slot comes first is a setting."""
        self._caller = caller
        self._commands = commands
        self._version = "OCPP21" if protocol == OCPP21 else "OCPP20"

    async def write(self, slot: int, profile: NetworkProfile) -> None:
        """Write a profile into a slot, where it changes nothing until it comes first; raises CommandError."""
        data: dict[str, Json] = {
            "ocppVersion": self._version,
            "ocppTransport": "JSON",
            "ocppCsmsUrl": profile.url,
            "messageTimeout": profile.message_timeout_s,
            "securityProfile": profile.security_profile,
            "ocppInterface": profile.interface,
        }
        await ask(self._caller, "SetNetworkProfile", {"configurationSlot": slot, "connectionData": data})

    async def prefer(self, slot: int) -> None:
        """Let a slot come first and the others after it, from the next start on; raises CommandError."""
        known = await self._commands.get_configuration([_PRIORITY])
        if known.get(_PRIORITY) is None:
            raise CommandError(CommandErrorCode.NOT_SUPPORTED, _PRIORITY)
        others = [word for word in known.words(_PRIORITY) if word != str(slot)]
        await self._commands.change_configuration(_PRIORITY, ",".join([str(slot), *others]))
