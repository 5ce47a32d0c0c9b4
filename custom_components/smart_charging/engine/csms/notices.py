"""What a station tells beside charging, made fit to be shown and bounded in number."""

from collections.abc import Mapping
from datetime import datetime
import re

from .core import StationCore
from .limits import TokenBucket
from .redaction import without_login
from .state import Detail, StationEventType

_PER_S = 0.5
_BURST = 20.0
_MAX_TEXT = 255
_UNFIT = re.compile(r"[^\w .,:;/()+%=#*'\-]")  # no markup, no templates, no control characters


class Notices:
    """The notices of one station."""

    def __init__(self, core: StationCore) -> None:
        """Begin with a full allowance."""
        self._core = core
        self._bucket = TokenBucket(core.clock, _PER_S, _BURST)

    def tell(
        self,
        kind: StationEventType,
        details: Mapping[str, Detail | None],
        evse_id: int | None = None,
        at: datetime | None = None,
    ) -> bool:
        """Tell of something; what is None is left out. Returns False for one too many, which is only counted."""
        if not self._bucket.try_take():
            self._core.note_deviation(f"too many notices: {kind.value}")
            return False
        told = {name: _fit(value) for name, value in details.items() if value is not None}
        self._core.emit(kind, evse_id, at=at, details=told)
        return True


def _fit(value: Detail) -> Detail:
    return _UNFIT.sub("", without_login(value))[:_MAX_TEXT].strip() if isinstance(value, str) else value
