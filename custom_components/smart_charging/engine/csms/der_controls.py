"""Grid-support settings of a station that feeds back, in OCPP 2.1 (R01 to R05)."""

from collections.abc import Mapping

from ..model import Json
from .commands import Caller, accepted_status, ask
from .v2_reports import Reports

_REPORTED = (
    "curve",
    "enterService",
    "fixedPFAbsorb",
    "fixedPFInject",
    "fixedVar",
    "freqDroop",
    "gradient",
    "limitMaxDischarge",
)


def reported_controls(payload: Mapping[str, Json]) -> list[Json]:
    """Return the controls in a ReportDERControl as one list, each with its `kind`."""
    found: list[Json] = []
    for kind in _REPORTED:
        listed = payload.get(kind)
        found += [
            {"kind": kind, **one} for one in (listed if isinstance(listed, list) else []) if isinstance(one, dict)
        ]
    return found


class DerControls:
    """The controls of one station; they are in OCPP's own shape."""

    def __init__(self, caller: Caller, reports: Reports) -> None:
        """Ask through this caller; `reports` gathers what comes in pages."""
        self._caller = caller
        self._reports = reports

    async def read(
        self, *, control_type: str | None = None, control_id: str | None = None, default: bool | None = None
    ) -> tuple[dict[str, Json], ...]:
        """Return the controls that are set, all without any chosen; raises CommandError."""

        async def request(request_id: int) -> bool:
            payload: dict[str, Json] = {"requestId": request_id, **_chosen(control_type, control_id)}
            if default is not None:
                payload["isDefault"] = default
            return await ask(self._caller, "GetDERControl", payload, ("Accepted", "NotFound")) == "Accepted"

        return tuple(one for one in await self._reports.gather(request) if isinstance(one, dict))

    async def set(
        self, control_id: str, control_type: str, setting: Mapping[str, Json], *, default: bool
    ) -> tuple[str, ...]:
        """Set a control, whose fields are in `setting`, and return the ids of those it supersedes; raises CommandError."""
        payload: dict[str, Json] = {
            **setting,
            "isDefault": default,
            "controlId": control_id,
            "controlType": control_type,
        }
        answer = await self._caller.call("SetDERControl", payload)
        accepted_status("SetDERControl", answer)
        superseded = answer.get("supersededIds")
        return tuple(str(one) for one in superseded) if isinstance(superseded, list) else ()

    async def clear(self, *, default: bool, control_type: str | None = None, control_id: str | None = None) -> None:
        """Remove controls, all default or scheduled ones without any chosen; raises CommandError."""
        payload: dict[str, Json] = {"isDefault": default, **_chosen(control_type, control_id)}
        await ask(self._caller, "ClearDERControl", payload)


def _chosen(control_type: str | None, control_id: str | None) -> dict[str, Json]:
    fields = {"controlType": control_type, "controlId": control_id}
    return {name: value for name, value in fields.items() if value is not None}
