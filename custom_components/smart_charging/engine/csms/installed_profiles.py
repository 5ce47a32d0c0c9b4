"""The charging profiles that a station of OCPP 2 holds, ours and those of others, read by criteria (K09)."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..model import Json
from .commands import Caller, CommandError, CommandErrorCode, ask
from .v2_reports import Reports


@dataclass(frozen=True, slots=True)
class ProfileCriteria:
    """Which profiles are meant: those with these ids, or those that all of the other criteria fit (K09.FR.03).

    `evse_id` 0 is the station as a whole, None means profiles wherever they are. `purpose` and `sources` are
    OCPP's words (`TxDefaultProfile`; `EMS`, `Other`, `SO`, `CSO`).
    """

    evse_id: int | None = None
    ids: tuple[int, ...] = ()
    purpose: str | None = None
    stack_level: int | None = None
    sources: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Return the fields of a message; raises CommandError where there is no criterion, or ids beside others."""
        others: dict[str, Json] = {}
        if self.purpose is not None:
            others["chargingProfilePurpose"] = self.purpose
        if self.stack_level is not None:
            others["stackLevel"] = self.stack_level
        if self.sources:
            others["chargingLimitSource"] = list(self.sources)
        if bool(self.ids) == bool(others):
            raise CommandError(CommandErrorCode.INVALID, "name profiles by their ids or by other criteria")
        place: dict[str, Json] = {} if self.evse_id is None else {"evseId": self.evse_id}
        return {**place, "chargingProfile": {"chargingProfileId": list(self.ids)} if self.ids else others}


@dataclass(frozen=True, slots=True)
class InstalledProfile:
    """A profile as its station reports it (ChargingProfileType), where it holds and who set it."""

    evse_id: int
    source: str
    profile: dict[str, Json]


class InstalledProfiles:
    """The charging profiles of one station."""

    def __init__(self, caller: Caller, reports: Reports) -> None:
        """Ask through this caller; `reports` gathers what comes in pages."""
        self._caller = caller
        self._reports = reports

    async def read(self, criteria: ProfileCriteria) -> tuple[InstalledProfile, ...]:
        """Return the profiles that the criteria fit; raises CommandError."""
        wanted = criteria.to_json()

        async def request(request_id: int) -> bool:
            answer = await ask(
                self._caller, "GetChargingProfiles", {"requestId": request_id, **wanted}, ("Accepted", "NoProfiles")
            )
            return answer == "Accepted"

        pages = await self._reports.gather(request)
        return tuple(_profile(one) for one in pages if isinstance(one, dict))


def reported_profiles(page: Mapping[str, Json]) -> list[Json]:
    """Return the profiles of a ReportChargingProfiles, each with the page's EVSE and source among its fields."""
    profiles = page.get("chargingProfile")
    place: dict[str, Json] = {name: page.get(name) for name in _PLACE}
    return [{**one, **place} for one in (profiles if isinstance(profiles, list) else []) if isinstance(one, dict)]


_PLACE = ("evseId", "chargingLimitSource")


def _profile(told: dict[str, Json]) -> InstalledProfile:
    evse_id, source = (told.get(name) for name in _PLACE)
    return InstalledProfile(
        evse_id if isinstance(evse_id, int) else 0,
        source if isinstance(source, str) else "",
        {name: value for name, value in told.items() if name not in _PLACE},
    )
