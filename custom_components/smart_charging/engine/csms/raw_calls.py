"""Any message to a station as its version has it, for those who know what they do; the station's refusal is data."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..model import Json
from .commands import CommandError, CommandErrorCode
from .connection import CallFailed, CallTimeout, NotConnected
from .core import CALL_TIMEOUT_S, StationCore
from .limits import TokenBucket
from .reconciler import Reconciler
from .v2_settings import read_setting
from .variables import Variables, is_password

_PER_S = 1.0
_BURST = 10.0
# After these the station may hold other limits than ours.
_MOVES_LIMITS = frozenset(
    {
        "ChangeConfiguration",
        "ClearChargingProfile",
        "SetChargingProfile",
        "SetVariables",
        "UpdateDynamicSchedule",
        "UsePriorityCharging",
    }
)
_WRITES_SETTINGS = frozenset({"ChangeConfiguration", "SetVariables"})


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """A station's reply: its payload, or the code and description of a CALLERROR, as the station spelled them."""

    payload: dict[str, Json] | None = None
    error_code: str | None = None
    error_description: str = ""


class RawCalls:
    """Raw messages to one station, so many in a time."""

    def __init__(self, core: StationCore, reconciler: Reconciler) -> None:
        """Make our limits hold again by the reconciler after what may have moved them."""
        self._core = core
        self._reconciler = reconciler
        self._bucket = TokenBucket(core.clock, _PER_S, _BURST)

    async def call(self, action: str, payload: Mapping[str, Json], variables: Variables) -> RawAnswer:
        """Send a message that fits the schema of the station's version and return what it says.

        Raises CommandError: INVALID with what does not fit, PROTECTED for the login's password, TOO_OFTEN,
        NOT_CONNECTED, TIMEOUT.
        """
        connection = self._core.connection
        if connection is None:
            raise CommandError(CommandErrorCode.NOT_CONNECTED, action)
        if _carries_password(payload):
            raise CommandError(CommandErrorCode.PROTECTED, action)
        if not self._bucket.try_take():
            raise CommandError(CommandErrorCode.TOO_OFTEN, action)
        sent = True
        try:
            return RawAnswer(await connection.call(action, payload, timeout_s=CALL_TIMEOUT_S))
        except NotConnected as error:
            raise CommandError(CommandErrorCode.NOT_CONNECTED, action) from error
        except CallTimeout as error:
            raise CommandError(CommandErrorCode.TIMEOUT, action) from error
        except CallFailed as error:
            return RawAnswer(error_code=error.code, error_description=error.description)
        except (ValueError, RecursionError) as error:
            sent = False
            raise CommandError(CommandErrorCode.INVALID, str(error)) from error
        finally:
            if sent:  # also where no answer came: the station may have done it
                self._look_again(action, variables)

    def _look_again(self, action: str, variables: Variables) -> None:
        """Take for granted no longer what a message may have changed."""
        if action in _WRITES_SETTINGS:
            variables.forget()
        if action in _MOVES_LIMITS:
            self._reconciler.reassert(booted=True)


def _carries_password(payload: Mapping[str, Json]) -> bool:
    """Return whether a message would change the password of the login, whichever message that is."""
    key, connection, data = payload.get("key"), payload.get("connectionData"), payload.get("setVariableData")
    if isinstance(key, str) and is_password(key) and "value" in payload:
        return True
    if isinstance(connection, dict) and "basicAuthPassword" in connection:
        return True
    settings = [read_setting(one) for one in data if isinstance(one, dict)] if isinstance(data, list) else []
    return any(one is not None and is_password(f"{one.component}.{one.variable}") for one in settings)
