"""One station's second central system, whichever versions of OCPP the station comes to speak."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ...model import Json
from ...relay_config import RelayConfig
from ..core import CALL_TIMEOUT_S
from ..rpc import OCPP16, OCPP21, OCPP201
from ..schemas import schemas_of
from ..station import Station
from .limits import LimitCleared, LimitSet, ProfileLimit, RelayEvent
from .session import RelaySession, RelaySurroundings
from .state import RelayState
from .store import RelayFile


class _Messages:
    """Sends a station what they send it; fulfils `RelayedStation`."""

    def __init__(self, station: Station) -> None:
        self._station = station

    async def call(
        self, action: str, payload: Mapping[str, Json], *, timeout_s: float = CALL_TIMEOUT_S
    ) -> dict[str, Json]:
        """Ask the station; raises CommandError."""
        return await self._station.pass_on(action, payload, timeout_s)


class StationRelay:
    """Holds a session for each version that something was said in.

    Messages of one version can't be told in another: where a station changes its version, as by an update, the
    former session goes on until they have all of it, with a file of its own.
    """

    def __init__(self, station: Station, config: RelayConfig, directory: Path, around: RelaySurroundings) -> None:
        """Prepare; nothing is read or dialled before `start`."""
        self.config = config
        self._station = station
        self._directory = directory
        self._around = around
        self._sessions: dict[str, RelaySession] = {}
        self._limits: dict[str, dict[int, ProfileLimit]] = {}
        self._protocol: str | None = None

    @property
    def state(self) -> RelayState:
        """Return how the session in force stands."""
        session = self._in_force
        return RelayState(self.config.shown) if session is None else session.state

    @property
    def knows_boot(self) -> bool:
        """Return whether the station introduced itself in the version that it speaks."""
        session = self._in_force
        return session is not None and session.knows_boot

    @property
    def limits(self) -> tuple[ProfileLimit, ...]:
        """Return the limits they set, in the version that the station speaks."""
        limits = [one for protocol, one in self._limits.items() if self._protocol in {None, protocol}]
        return tuple(limit for one in limits for limit in one.values())

    @property
    def _in_force(self) -> RelaySession | None:
        if self._protocol is None:
            return next(iter(self._sessions.values()), None)
        return self._sessions.get(self._protocol)

    async def start(self) -> None:
        """Go on with what was left to tell; no file that can't be read keeps a station from being served."""
        for protocol in (OCPP16, OCPP201, OCPP21):
            if await self._file(protocol).exists():
                await self._open(protocol)

    async def speak(self, protocol: str) -> None:
        """Take the version that the station speaks from now on."""
        if protocol not in self._sessions:
            await self._open(protocol)
        self._protocol = protocol
        for spoken, session in self._sessions.items():
            if spoken != protocol:
                session.set_online(False)

    async def _open(self, protocol: str) -> None:
        limits = self._limits.setdefault(protocol, {})

        def take(event: RelayEvent) -> None:
            if isinstance(event, LimitSet):
                limits[event.limit.profile_id] = event.limit
            elif isinstance(event, LimitCleared):
                limits.pop(event.profile_id, None)
            self._around.on_event(event)

        station_id = self._station.config.station_id
        session = RelaySession(
            station_id,
            self.config,
            _Messages(self._station),
            self._file(protocol),
            schemas_of(protocol),
            replace(self._around, on_event=take),
        )
        await session.start()
        self._sessions[protocol] = session

    def _file(self, protocol: str) -> RelayFile:
        return RelayFile(self._directory, f"{self._station.config.station_id} {protocol}")

    def set_online(self, online: bool) -> None:
        """Say whether the station is connected."""
        if self._in_force is not None:
            self._in_force.set_online(online)

    async def take(self, action: str, payload: Mapping[str, Json], answer: Mapping[str, Json]) -> None:
        """Copy a message of the station."""
        if self._in_force is not None:
            await self._in_force.take(action, payload, answer)

    async def authorise(self, id_token: str) -> Mapping[str, Json] | None:
        """Ask them who may charge, where that is theirs to say."""
        return None if self._in_force is None else await self._in_force.authorise(id_token)

    async def stop(self) -> None:
        """Close the sockets and keep what waits."""
        for session in self._sessions.values():
            await session.stop()

    async def remove(self) -> None:
        """End, and forget what waits."""
        await self.stop()
        for protocol in (OCPP16, OCPP201, OCPP21):
            await self._file(protocol).remove()
