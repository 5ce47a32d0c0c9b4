"""Charging profiles and schedules of OCPP 2 from and to the shape of `profiles` and `composite`."""

from collections.abc import Mapping

from ..model import Json

# OCPP 2.0.1 part 2 ChargingProfilePurposeEnumType: the others are called as in 1.6.
_PURPOSES = {"ChargePointMaxProfile": "ChargingStationMaxProfile"}
_SAME = (
    "stackLevel",
    "chargingProfileKind",
    "validFrom",
    "validTo",
    "transactionId",
    "maxOfflineDuration",
    "invalidAfterOfflineDuration",
)


def to_v2(profile: Mapping[str, Json]) -> dict[str, Json]:
    """Return a profile as ChargingProfileType, whose schedules have ids: one, called as the profile."""
    number, purpose, schedule = (
        profile["chargingProfileId"],
        str(profile["chargingProfilePurpose"]),
        profile["chargingSchedule"],
    )
    only = {"id": number, **schedule} if isinstance(schedule, dict) else {"id": number}
    return {
        "id": number,
        "chargingProfilePurpose": _PURPOSES.get(purpose, purpose),
        "chargingSchedule": [only],
        **{name: profile[name] for name in _SAME if name in profile},
    }


def composite_from_v2(answer: Mapping[str, Json]) -> dict[str, Json]:
    """Return an answer to GetCompositeSchedule in the shape of 1.6."""
    schedule = answer.get("schedule")
    if not isinstance(schedule, dict):
        return {}
    return {"scheduleStart": schedule.get("scheduleStart"), "chargingSchedule": schedule}
