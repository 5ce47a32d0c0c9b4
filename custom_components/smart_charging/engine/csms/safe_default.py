"""Keeps the persistent safe default profile of one EVSE written, once per boot and value."""

from itertools import product

from .commands import CommandError, CommandErrorCode
from .core import StationCore
from .profiles import DEFAULT_STACK_LEVEL, Purpose, profile_id, safe_default
from .reconciliation import forms_of, units
from .state import ProfileForm

_FORMS = (ProfileForm.TWO_PERIODS, ProfileForm.RELATIVE_TWO_PERIODS)


class SafeDefault:
    """The TxDefaultProfile at the lowest level, under every lease."""

    def __init__(self, core: StationCore, evse_id: int) -> None:
        """Begin not knowing what the station holds."""
        self._core = core
        self._evse_id = evse_id
        self._written: float | None = None
        self._covered = False

    def forget(self) -> None:
        """Take the profile for lost, as after a boot."""
        self._written = None

    def is_written(self, safe_a: float) -> bool:
        """Return True where the station accepted this value and did not boot since."""
        return self._written == self._limit(safe_a)

    def cover(self) -> None:
        """Note that a lease took the profile's place, as it must where there is one stack level only."""
        self._covered = True

    def rules(self, safe_a: float) -> bool:
        """Return True where the station holds this value in a profile of its own."""
        return self._written == safe_a and not self._covered

    def _limit(self, safe_a: float) -> float:
        """Return what the profile says; a safe current of 0 is left to profiles that expire."""
        return max(safe_a, self._core.wiring.min_a)

    async def write(self, safe_a: float) -> None:
        """Write the default in the first way that the station takes; raises CommandError if it takes none."""
        wiring = self._core.wiring
        refusal: CommandError | None = None
        await self._core.learn_profile(profile_id(Purpose.TX_DEFAULT, self._evse_id, DEFAULT_STACK_LEVEL))
        # Some stations take a default for connector 0 only; there it would bind the other sockets too.
        connectors = (self._evse_id, 0) if self._core.single_evse else (self._evse_id,)
        forms = forms_of(self._core.quirks, _FORMS)
        for unit, form, connector in product(units(self._core.profile_capabilities), forms, connectors):
            profile = safe_default(self._evse_id, safe_a, wiring, unit, form)
            try:
                await self._core.commands.set_charging_profile(connector, profile)
            except CommandError as error:
                if error.code in {CommandErrorCode.NOT_CONNECTED, CommandErrorCode.TIMEOUT}:
                    raise
                refusal = refusal or error
                continue
            self._written, self._covered = self._limit(safe_a), False
            return
        raise refusal or CommandError(CommandErrorCode.REJECTED, "safe default")
