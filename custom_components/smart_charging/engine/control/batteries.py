"""What batteries are told beside what cars get: held while cars charge fast, used at limits, led by the plan."""

from collections.abc import Collection, Mapping

from ..config import BatteryConfig
from ..limit import ROOT_CIRCUIT
from ..model import EvseKey, Setpoint
from .battery import BatteryAction, BatteryCommand, BatteryMemory, BatteryReason, BatterySnapshot
from .desire import Desire
from .feed_in import FeedIn
from .grid_expansion import LEAST_W, command, remember
from .house import TRUSTED
from .planning.battery_advice import BatteryUse, bought_w, use_of
from .sharing import Shared
from .situation import Situation
from .snapshot import ControlState
from .wiring import PHASE_NAMES

PROOF_SHARE = 0.1  # of its rating: what a battery is told to see whether it obeys


def lead_batteries(
    basis: Situation,
    desires: Mapping[EvseKey, Desire],
    setpoints: Mapping[EvseKey, Setpoint],
    shared: Shared,
    state: ControlState,
    feed_in: FeedIn,
) -> tuple[dict[str, BatteryCommand], dict[str, BatteryMemory]]:
    """Return a command for every battery that something was mapped for, and the memory after it."""
    if not basis.batteries:
        return {}, {}
    over_w, spare_w = _balance(basis, {key: one.current_a for key, one in setpoints.items()}, shared)
    helped = {row.row.name for row in shared.rows if row.on_flow and row.bound.circuit_id == ROOT_CIRCUIT}
    wanted = any(share.bound_by in helped for share in shared.shares.values())
    _, left_w = _balance(basis, _wanted(setpoints, shared, helped), shared)
    most_w = _most_from_grid(basis, setpoints, shared)
    spare_w, left_w = min(spare_w, most_w), min(left_w, most_w)
    fast = any(desires[key].at_once and setpoint.current_a > 0 for key, setpoint in setpoints.items())
    commands: dict[str, BatteryCommand] = {}
    memories: dict[str, BatteryMemory] = {}
    for config, measured in basis.batteries:
        memory = state.batteries.get(config.battery_id, BatteryMemory())
        # A battery leads the way until it has proven to obey: cars only follow what it is seen to give.
        lead_w = PROOF_SHARE * config.max_discharge_w if wanted and not memory.proven else 0.0
        told = _command(config, measured, memory, fast=fast, over_w=over_w + lead_w, spare_w=spare_w, basis=basis)
        if told.action in {BatteryAction.NORMAL, BatteryAction.HOLD} and config.by_plan:
            told = _by_plan(config, measured, left_w=min(left_w, spare_w), basis=basis) or told
        told = feed_in.command(config, told, spare_w)
        if told.action is BatteryAction.DISCHARGE:
            over_w = max(0.0, over_w - told.power_w)
        if told.action is BatteryAction.CHARGE:
            spare_w = max(0.0, spare_w - told.power_w)
            left_w = max(0.0, left_w - told.power_w)
        commands[config.battery_id] = told
        memories[config.battery_id] = remember(
            memory, told, measured, config=config, now=basis.now, zone=basis.snapshot.site.time_zone
        )
    return commands, memories


def _command(
    config: BatteryConfig,
    measured: BatterySnapshot,
    memory: BatteryMemory,
    *,
    fast: bool,
    over_w: float,
    spare_w: float,
    basis: Situation,
) -> BatteryCommand:
    if not measured.available:
        return BatteryCommand(BatteryAction.NORMAL, BatteryReason.UNAVAILABLE)
    told = BatteryCommand(BatteryAction.NORMAL, BatteryReason.NOTHING_ASKED)
    if config.grid_expansion and config.can_discharge:
        told = command(config, measured, memory, over_w=over_w, spare_w=spare_w, now=basis.now)
    if told.action is BatteryAction.NORMAL and fast and config.hold_while_fast and config.can_hold:
        return BatteryCommand(BatteryAction.HOLD, BatteryReason.FAST_CHARGING)
    return told


def _by_plan(
    config: BatteryConfig, measured: BatterySnapshot, *, left_w: float, basis: Situation
) -> BatteryCommand | None:
    """Return what a battery is told because of prices, None where its own control does best or nobody knows better.

    What it buys is what cars leave of the connection, also of what they are still on their way to, which only a meter can
    tell. One that cars lean on is led once they do no more.
    """
    if measured.advice is None or not _can_do_without(basis, measured.power_w or 0.0):
        return None
    use = use_of(measured.advice)
    taken_w = min(left_w, bought_w(measured.advice, config.max_charge_w))
    metered = basis.snapshot.grid.quality in TRUSTED
    if use is BatteryUse.BUY and config.can_charge and metered and taken_w > LEAST_W:
        return BatteryCommand(BatteryAction.CHARGE, BatteryReason.PLAN_BUYING, taken_w)
    if use is not BatteryUse.SPEND and config.can_hold:
        return BatteryCommand(BatteryAction.HOLD, BatteryReason.PLAN_KEEPING)
    return None


def _can_do_without(basis: Situation, given_w: float) -> bool:
    """Return whether the connection carries now what a battery gives, evenly on its phases."""
    flow_a, site = basis.snapshot.grid.current_a, basis.snapshot.site
    if given_w <= LEAST_W or flow_a is None:
        return True
    phases = 1 if site.phases == 1 else len(PHASE_NAMES)
    return max(flow_a) + given_w / phases / basis.volts <= site.fuse_a


def _wanted(setpoints: Mapping[EvseKey, Setpoint], shared: Shared, rows: Collection[str]) -> dict[EvseKey, float]:
    """Return what each EVSE would have of the connection, in A, were it not for one of these rows."""
    wanted = {key: setpoint.current_a for key, setpoint in setpoints.items()}
    for key, share in shared.shares.items():
        most_a = shared.ceilings[key].current_a if share.bound_by in rows else share.current_a
        wanted[key] = max(wanted[key], most_a)
    return wanted


def _most_from_grid(basis: Situation, setpoints: Mapping[EvseKey, Setpoint], shared: Shared) -> float:
    """Return what batteries may charge with beside limits on what controllable devices draw from the grid.

    Cars go first: it is what they would leave with all that such a limit keeps from them.
    """
    most_w = float("inf")
    for row in shared.rows:
        if not row.on_batteries or row.bound.circuit_id != ROOT_CIRCUIT:
            continue
        wanted = _wanted(setpoints, shared, {row.row.name})
        taken = sum(each * wanted[key] for key, each in row.row.coefficients.items() if key in shared.shares)
        phases = 1 if basis.snapshot.site.phases == 1 else len(PHASE_NAMES)
        left_w = (row.row.capacity - taken) * (1.0 if row.bound.phase is None else phases * basis.volts)
        most_w = min(most_w, left_w + basis.charging_w)
    return max(0.0, most_w)


def _balance(basis: Situation, currents: Mapping[EvseKey, float], shared: Shared) -> tuple[float, float]:
    """Return by how many W the connection's limits would be exceeded without batteries, and how many are spare.

    A battery is symmetric: what one phase lacks costs three times as much.
    """
    over_w = float("-inf")
    for row in shared.rows:
        if row.bound.circuit_id != ROOT_CIRCUIT or not row.on_flow:
            continue
        taken = sum(
            coefficient * currents[key] for key, coefficient in row.row.coefficients.items() if key in shared.shares
        )
        over = taken - (row.row.capacity - row.expansion)
        phases = 1 if basis.snapshot.site.phases == 1 else len(PHASE_NAMES)
        over_w = max(over_w, over if row.bound.phase is None else over * phases * basis.volts)
    without_w = over_w + basis.expansion.measured_w - basis.expansion.bought_w
    return max(0.0, without_w), max(0.0, -without_w)
