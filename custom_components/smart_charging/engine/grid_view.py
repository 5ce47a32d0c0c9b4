"""What a site shows of the grid operator's demands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .grid.announcement import AnnouncedWindow
from .grid.export_limit import ExportDemand
from .grid.grid_room import Held
from .grid.merge import PriceLevel
from .grid.section_14a import MinimumPower
from .grid.signal import SignalKind, SignalScope
from .grid.source_state import ClaimReason
from .grid.uk_rules import UkVerdict
from .grid.verification import Verification
from .grid_record import ProvenRecord
from .model import EvseKey


@dataclass(frozen=True, slots=True)
class GridView:
    """What holds now; `limit_w` is the tightest limit on import, W over all phases.

    `active` while something is asked for on import: what follows `limit_w` up to `until` is of the tightest of that. While
    power only returns slowly `returning` is True and all of it is the ramp's. `export` is what is on feed-in. `issues` are EVSEs that did not obey. `proof` is the newest record of the log with what was measured after it; its
    number is negative while `proof_waiting` rows could not be written yet.
    """

    active: bool = False
    returning: bool = False
    limit_w: float | None = None
    demanded_w: float | None = None
    source_id: str | None = None
    why: ClaimReason | None = None
    kind: SignalKind | None = None
    scope: SignalScope | None = None
    evse: EvseKey | None = None
    binding: bool = False
    since: datetime | None = None
    until: datetime | None = None
    held: tuple[Held, ...] = ()
    export: ExportDemand | None = None
    price_level: PriceLevel | None = None
    minimum: MinimumPower | None = None
    windows: tuple[AnnouncedWindow, ...] = ()
    lost: Mapping[str, datetime] = field(default_factory=dict)
    issues: frozenset[EvseKey] = frozenset()
    checks: Verification = field(default_factory=Verification)
    uk: Mapping[EvseKey, UkVerdict] = field(default_factory=dict)
    proof: ProvenRecord | None = None
    proof_waiting: int = 0


NO_GRID_SIGNAL = GridView()
