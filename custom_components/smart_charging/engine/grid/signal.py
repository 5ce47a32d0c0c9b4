"""One form for what the distribution operator or an aggregator demands, whichever way it arrived."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
import math
from typing import Final

from ..model import EvseKey

RAW_LENGTH: Final = 500  # characters of what was received that are kept as proof


class SignalKind(StrEnum):
    """What a signal is about."""

    IMPORT_LIMIT = "import_limit"  # what may be drawn from the grid
    EXPORT_LIMIT = "export_limit"  # what may be fed in
    BLOCK = "block"  # nothing may be drawn by what it is for, as ripple control in CH and AT does
    PRICE_LEVEL = "price_level"  # a step without a price: 0 is normal, higher is scarcer (OpenADR SIMPLE)


class SignalScope(StrEnum):
    """What a signal is for."""

    SITE = "site"  # all that flows through the grid connection
    CONTROLLABLE = "controllable"  # what controllable devices draw from the grid (section 14a EnWG)
    DEVICE = "device"  # one EVSE


class SignalUnit(StrEnum):
    """What the value of a signal is counted in."""

    WATT = "W"  # over all phases
    AMPERE = "A"  # on each phase
    PERCENT = "%"  # of installed PV power for an export limit, of the connection's power for an import limit
    LEVEL = "level"


OF_THE_SITE: Final = frozenset({SignalKind.EXPORT_LIMIT, SignalKind.PRICE_LEVEL})  # never for a part of it
# The most that anybody who says so much of a unit can mean.
HIGHEST: Final[Mapping[SignalUnit, float]] = {
    SignalUnit.WATT: 10_000_000.0,
    SignalUnit.AMPERE: 10_000.0,
    SignalUnit.PERCENT: 100.0,
    SignalUnit.LEVEL: 100.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSignal:
    """A demand with its source.

    `value` is None for a block only. Valid from `valid_from` (None: from receipt on) until before `valid_until`
    (None: until it is withdrawn). A `binding` one comes from law or contract: its loss makes the fail-safe hold and no
    user overrides it. `raw` is what was received, cut at `RAW_LENGTH`. ValueError for a value that is none.
    """

    source_id: str
    kind: SignalKind
    received_at: datetime
    value: float | None = None
    unit: SignalUnit = SignalUnit.WATT
    scope: SignalScope = SignalScope.SITE
    evse: EvseKey | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    binding: bool = False
    raw: str = ""

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        if (self.kind is SignalKind.BLOCK) != (self.value is None):
            raise ValueError("a block has no value, every other signal has one")
        if self.value is not None and not (math.isfinite(self.value) and self.value >= 0):
            raise ValueError("the value of a signal is a finite number of at least 0")
        if (self.scope is SignalScope.DEVICE) != (self.evse is not None):
            raise ValueError("a signal for a device names its EVSE, no other does")

    def live(self, now: datetime) -> bool:
        """Return whether the signal holds at this moment."""
        begun = self.valid_from is None or now >= self.valid_from
        return begun and (self.valid_until is None or now < self.valid_until)
