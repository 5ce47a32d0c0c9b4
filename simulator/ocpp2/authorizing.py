"""How a station finds out whether somebody may charge (OCPP 2.0.1 part 2 C01-C16)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.ocpp.json import Payload, mapping
from simulator.ocpp.outbox import Outgoing

from .evse import Evse
from .profiles import Profile
from .tokens import Judgement, Token, read_judgement
from .transaction import Authorization

if TYPE_CHECKING:
    from .station import SimulatedStation2

ACCEPTED = Judgement("Accepted")


@dataclass(frozen=True, slots=True)
class RemoteStart:
    """What a RequestStartTransaction brings besides the token."""

    remote_start_id: int
    profile: Profile | None = None
    group: Token | None = None


def authorize(
    station: SimulatedStation2, token: Token, evse: Evse, *, stops: bool = False, remote: RemoteStart | None = None
) -> None:
    """Permit charging if the token may, or with `stops` end what another token of its group began."""

    def judged(judgement: Judgement) -> None:
        if not judgement.accepted(station.station_time()):
            return
        if stops:
            _stop_by_group(station, evse, judgement)
        else:
            grant(station, token, evse, group=judgement.group, remote=remote)

    _ask(station, token, judged)


def grant(
    station: SimulatedStation2,
    token: Token,
    evse: Evse,
    *,
    group: Token | None = None,
    remote: RemoteStart | None = None,
) -> None:
    """Let this token charge, unless the place is kept for somebody else."""
    group = group or (remote.group if remote else None)
    kept = evse.reservation is not None and not evse.reservation.admits(token, group)
    if kept or not evse.free:
        return
    now = station.clock.monotonic()
    until = now + station.model.integer("TxCtrlr", "EVConnectionTimeOut")
    remote_id = remote.remote_start_id if remote else None
    evse.permit(Authorization(token, until, group, remote_id, remote.profile if remote else None), now)
    station.wake.set()


def _ask(station: SimulatedStation2, token: Token, judged: Callable[[Judgement], None]) -> None:
    """Find an answer by what the station remembers, else by asking; without one `judged` is not called."""
    model, memory = station.model, station.memory

    def offline() -> None:
        known = memory.known(token, station.station_time(), online=False)
        if known is not None:
            judged(known)
        elif model.flag("AuthCtrlr", "OfflineTxForUnknownIdEnabled"):
            judged(ACCEPTED)

    def answered(payload: Payload) -> None:
        judgement = read_judgement(mapping(payload, "idTokenInfo"))
        memory.remember(token, judgement, station.station_time())
        judged(judgement)

    if not model.flag("AuthCtrlr", "Enabled"):
        judged(ACCEPTED)
    elif not station.online:
        offline()
    elif (known := memory.known(token, station.station_time(), online=True)) is not None:
        judged(known)
    else:
        asked: Payload = {"idToken": token.payload()}
        station.outbox.add(Outgoing("Authorize", lambda: asked, answered, offline), keep=False)


def _stop_by_group(station: SimulatedStation2, evse: Evse, judgement: Judgement) -> None:
    running = evse.authorization
    group = evse.transaction.group if evse.transaction is not None else None
    if running is None or judgement.group is None:
        return
    if judgement.group.key in {each.key for each in (group, running.group) if each is not None}:
        station.deauthorize(evse.evse_id)
