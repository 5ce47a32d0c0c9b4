"""Commands about charging profiles (OCPP 2.0.1 part 2 K; 2.1 K with dynamic schedules and priority)."""

from functools import partial
from itertools import batched
import math

from simulator.ocpp.json import Json, Payload, integer, mapping, optional_integer, optional_text, text
from simulator.ocpp.link import Answer
from simulator.plant.phases import NOMINAL_VOLTAGE

from .answers import Command, optional_list, refused, status
from .meter import timestamp
from .profile_rules import Installed
from .profile_stack import Situation
from .profiles import Purpose, Unit, read_profile
from .station import SimulatedStation2
from .transaction_commands import running_evse

SCHEDULE_LONGEST_S = 7 * 86_400


def _set_profile(station: SimulatedStation2, payload: Payload) -> Answer:
    evse_id = integer(payload, "evseId")
    profile = read_profile(mapping(payload, "chargingProfile"), station.station_time())
    if not station.model.flag("SmartChargingCtrlr", "Enabled"):
        return refused("NotEnabled")
    evse = station.evses.get(evse_id)
    running = evse.transaction.transaction_id if evse is not None and evse.transaction is not None else None
    refusal = station.profiles.refusal(evse_id, profile, running)
    if refusal is not None:
        return refused(refusal)
    station.profiles.install(evse_id, profile)
    return status("Accepted", partial(_count, station))


def _clear_profile(station: SimulatedStation2, payload: Payload) -> Answer:
    profile_id = optional_integer(payload, "chargingProfileId")
    criteria = mapping(payload, "chargingProfileCriteria") if "chargingProfileCriteria" in payload else {}
    evse_id, level = optional_integer(criteria, "evseId"), optional_integer(criteria, "stackLevel")
    purpose = optional_text(criteria, "chargingProfilePurpose")

    def wanted(entry: Installed) -> bool:
        profile = entry.profile
        if profile_id is not None:
            return profile.profile_id == profile_id
        return (
            evse_id in (None, entry.evse_id)
            and level in (None, profile.stack_level)
            and purpose in (None, profile.purpose)
        )

    cleared = station.profiles.clear(wanted)
    return status("Accepted" if cleared else "Unknown", partial(_count, station))


def _get_profiles(station: SimulatedStation2, payload: Payload) -> Answer:
    request_id = integer(payload, "requestId")
    evse_id = optional_integer(payload, "evseId")
    criterion = mapping(payload, "chargingProfile")
    ids, sources = optional_list(criterion, "chargingProfileId"), optional_list(criterion, "chargingLimitSource")
    level, purpose = optional_integer(criterion, "stackLevel"), optional_text(criterion, "chargingProfilePurpose")
    found = [
        entry
        for entry in station.profiles.installed
        if evse_id in (None, entry.evse_id)
        and (ids is None or entry.profile.profile_id in ids)
        and (sources is None or entry.source in sources)
        and level in (None, entry.profile.stack_level)
        and purpose in (None, entry.profile.purpose)
    ]
    if not found:
        return status("NoProfiles")
    return status("Accepted", partial(_report_profiles, station, request_id, found))


def _report_profiles(station: SimulatedStation2, request_id: int, found: list[Installed]) -> None:
    """Send the profiles by EVSE and source, each page but the very last to be continued."""
    groups: dict[tuple[int, str], list[Json]] = {}
    for entry in found:
        groups.setdefault((entry.evse_id, entry.source), []).append(entry.profile.payload)
    size = station.options.items_per_report
    pages = [
        (place, list(page)) for place, profiles in groups.items() for page in batched(profiles, size, strict=False)
    ]
    for n, ((evse_id, source), page) in enumerate(pages):
        report: Payload = {
            "requestId": request_id,
            "chargingLimitSource": source,
            "evseId": evse_id,
            "tbc": n + 1 < len(pages),
            "chargingProfile": page,
        }
        if station.quirks.extra_key_in_profile_report:
            report["chargingProfileId"] = 1
        station.send("ReportChargingProfiles", report)
    station.wake.set()


def _composite_schedule(station: SimulatedStation2, payload: Payload) -> Answer:
    evse_id = integer(payload, "evseId")
    duration_s = min(integer(payload, "duration"), SCHEDULE_LONGEST_S)
    units = station.options.rate_units
    unit = optional_text(payload, "chargingRateUnit") or units[0]
    if evse_id not in {0, *station.evses}:
        return refused("UnknownEvse")
    if unit not in units:
        return refused("UnsupportedRateUnit")
    evse = station.evses.get(evse_id)
    situation = Situation(offline_s=station.offline_s()) if evse is None else station.situation(evse)
    now = station.station_time()
    periods: list[Json] = []
    for start_s, limit in station.profiles.composite(evse_id, now, duration_s, situation):
        value = limit.current_a * (NOMINAL_VOLTAGE * limit.phases if unit == Unit.WATT else 1.0)
        rounded = math.floor(value * 10 + 1e-6) / 10
        periods.append({"startPeriod": start_s, "limit": rounded, "numberPhases": limit.phases})
    schedule: Payload = {
        "evseId": evse_id,
        "duration": duration_s,
        "scheduleStart": timestamp(now),
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": periods,
    }
    return Answer({"status": "Accepted", "schedule": schedule})


def _update_dynamic(station: SimulatedStation2, payload: Payload) -> Answer:
    profile_id, numbers = integer(payload, "chargingProfileId"), mapping(payload, "scheduleUpdate")
    found = station.profiles.update(profile_id, numbers, station.station_time())
    return status("Accepted") if found else refused("InvalidProfile")


def _use_priority(station: SimulatedStation2, payload: Payload) -> Answer:
    evse = running_evse(station, text(payload, "transactionId"))
    if evse is None or evse.transaction is None:
        return refused("TxNotFound")
    places = {0, evse.evse_id}
    profiles = station.profiles.installed
    if not any(e.profile.purpose is Purpose.PRIORITY and e.evse_id in places for e in profiles):
        return status("NoProfile")
    evse.transaction.priority = payload.get("activate") is True
    return status("Accepted")


def _count(station: SimulatedStation2) -> None:
    number = str(len(station.profiles.installed))
    station.model.put("SmartChargingCtrlr", "Entries", number, "ChargingProfiles")


COMMANDS: dict[str, Command] = {
    "ClearChargingProfile": _clear_profile,
    "GetChargingProfiles": _get_profiles,
    "GetCompositeSchedule": _composite_schedule,
    "SetChargingProfile": _set_profile,
}

COMMANDS_21: dict[str, Command] = {
    "UpdateDynamicSchedule": _update_dynamic,
    "UsePriorityCharging": _use_priority,
}
