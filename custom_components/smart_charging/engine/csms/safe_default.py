"""Keeps the persistent safe default profile of one EVSE written, once per boot and value."""

from itertools import product

from .commands import CommandError, CommandErrorCode, set_charging_profile
from .core import StationCore
from .profiles import DEFAULT_STACK_LEVEL, Purpose, profile_id, safe_default
from .state import ProfileForm, RateUnit

_FORMS = (ProfileForm.TWO_PERIODS, ProfileForm.RELATIVE_TWO_PERIODS)


class SafeDefault:
    """The TxDefaultProfile at the lowest level, under every lease."""

    def __init__(self, core: StationCore, evse_id: int) -> None:
        """Begin not knowing what the station holds."""
        self._core = core
        self._evse_id = evse_id
        self._written: float | None = None

    def forget(self) -> None:
        """Take the profile for lost, as after a boot."""
        self._written = None

    def is_written(self, safe_a: float) -> bool:
        """Return True where the station accepted this value and did not boot since."""
        return self._written == safe_a

    async def write(self, safe_a: float) -> None:
        """Write the default in the first way that the station takes; raises CommandError if it takes none."""
        wiring = self._core.wiring
        units = sorted(
            RateUnit, key=lambda unit: (unit not in self._core.state.capabilities.rate_units, unit is not RateUnit.A)
        )
        refusal: CommandError | None = None
        await self._core.learn_profile(profile_id(Purpose.TX_DEFAULT, self._evse_id, DEFAULT_STACK_LEVEL))
        # Some stations take a default for connector 0 only; there it would bind the other sockets too.
        connectors = (self._evse_id, 0) if self._core.single_evse else (self._evse_id,)
        for unit, form, connector in product(units, _FORMS, connectors):
            profile = safe_default(self._evse_id, safe_a, wiring, unit, form)
            try:
                await set_charging_profile(self._core, connector, profile)
            except CommandError as error:
                if error.code in {CommandErrorCode.NOT_CONNECTED, CommandErrorCode.TIMEOUT}:
                    raise
                refusal = refusal or error
                continue
            self._written = safe_a
            return
        raise refusal or CommandError(CommandErrorCode.REJECTED, "safe default")
