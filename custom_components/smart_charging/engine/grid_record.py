"""What the proof log holds of the grid operator's signals: what was done about each, and what was measured after it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from .model import EvseKey, Json

RAW_KEPT: Final = 500  # characters of what was received that are kept
FOLLOW_UPS_S: Final = (10, 60, 300)  # seconds after a record at which is measured what came of it
OBSERVE_ONLY: Final = "observe_only"  # an input of a record that was made while the site told nobody anything
COMPLY_WITHIN_S: Final = 30  # from here on a limit has to be obeyed; until then a car may still be reacting


class GridEvent(StrEnum):
    """What a record is about."""

    LIMIT_STARTED = "limit_started"
    LIMIT_CHANGED = "limit_changed"
    LIMIT_RELEASED = "limit_released"
    SOURCE_LOST = "source_lost"
    FAIL_SAFE = "fail_safe"
    NOT_OBEYED = "not_obeyed"
    COMPLIANCE_TEST = "compliance_test"


class ProofResult(StrEnum):
    """What a measurement says of the record's limit."""

    OBEYED = "obeyed"
    NOT_OBEYED = "not_obeyed"
    NOT_MEASURED = "not_measured"
    NOT_JUDGED = "not_judged"  # measured, but the limit did not hold any more then, or chargers were not told it


@dataclass(frozen=True, slots=True)
class GridPowers:
    """What was measured at one moment, W over all phases; None where nothing told it.

    `grid_w` is positive when drawn from the grid, `chargers_w` is what all chargers draw together.
    """

    grid_w: float | None = None
    chargers_w: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSetPoint:
    """What an EVSE was told: A on each phase, the number of phases, and what that is in W at most."""

    evse: EvseKey
    current_a: float | None = None
    phases: int | None = None
    power_w: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRecord:
    """One event of a grid signal.

    `raw` is what was received, of which `RAW_KEPT` characters are kept. `signal` and `scope` are what the limit is
    about and for, in the words of the signal; `limit_w` is the limit that is in force from now on, in W over all
    phases, None where there is none. `inputs` are the numbers that it was worked out from, and `before` what was
    measured until then. Numbers that are not finite are kept as null. ValueError for a time without zone.
    """

    event: GridEvent
    at: datetime
    source_id: str
    raw: str = ""
    signal: str = "import_limit"
    scope: str = "site"
    evse: EvseKey | None = None
    limit_w: float | None = None
    inputs: Mapping[str, Json] = field(default_factory=dict)
    set_points: tuple[GridSetPoint, ...] = ()
    before: GridPowers = GridPowers()

    def __post_init__(self) -> None:
        """Refuse what can't be placed in time."""
        if self.at.tzinfo is None:
            raise ValueError("the time of a record needs its zone")

    @property
    def observe_only(self) -> bool:
        """Return whether it was made while the site only observed, so that nobody was told of the limit."""
        return self.inputs.get(OBSERVE_ONLY) is True


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """What was measured after a record, whose number is `refers_to`.

    `after_s` is one of `FOLLOW_UPS_S`, `at` when it was measured or given up. `judged_w` is the power that was
    compared with the limit. `complied_after_s` is how long after the record the power had come down to the limit, to
    stay there until this measurement. ValueError for a time without zone.
    """

    refers_to: int
    after_s: int
    at: datetime
    result: ProofResult
    powers: GridPowers = GridPowers()
    judged_w: float | None = None
    complied_after_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse what can't be placed in time."""
        if self.at.tzinfo is None:
            raise ValueError("the time of a follow-up needs its zone")


@dataclass(frozen=True, slots=True)
class ProvenRecord:
    """A record as the log holds it, with its number, its hash and the measurements that followed so far."""

    sequence: int
    hash: str
    record: GridRecord
    follow_ups: tuple[FollowUp, ...] = ()

    @property
    def result(self) -> ProofResult:
        """Return what the measurements say together.

        One beyond the limit counts once the time to comply is over. Where only measurements before that were
        beyond it, nothing is known.
        """
        results = {one.result for one in self.follow_ups}
        if any(one.result is ProofResult.NOT_OBEYED and one.after_s >= COMPLY_WITHIN_S for one in self.follow_ups):
            return ProofResult.NOT_OBEYED
        if ProofResult.OBEYED in results:
            return ProofResult.OBEYED
        if results == {ProofResult.NOT_JUDGED}:
            return ProofResult.NOT_JUDGED
        return ProofResult.NOT_MEASURED

    @property
    def complied_after_s(self) -> float | None:
        """Return how long it took until the limit was obeyed, the longest that a measurement tells; None if not."""
        if self.result is not ProofResult.OBEYED:
            return None
        told = [one.complied_after_s for one in self.follow_ups if one.complied_after_s is not None]
        return max(told, default=None)

    def follow_up(self, after_s: int) -> FollowUp | None:
        """Return the measurement of that moment, None before it was made."""
        return next((one for one in self.follow_ups if one.after_s == after_s), None)
