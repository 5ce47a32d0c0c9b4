"""Limits that come from elsewhere than a profile of the central system, and numbers that profiles ask for."""

from typing import TYPE_CHECKING

from simulator.ocpp.json import FormatError, Json, Payload, mapping
from simulator.ocpp.outbox import Outgoing

from .meter import timestamp
from .transaction import Trigger

if TYPE_CHECKING:
    from .station import SimulatedStation2


def tell_limit(station: SimulatedStation2, limit_a: float | None, source: str, evse_id: int) -> None:
    """Obey a local controller's limit, or its absence, and tell it (OCPP 2.0.1 part 2 K11-K14)."""
    station.profiles.constrain(evse_id, limit_a, source, station.station_time())
    place: Payload = {"evseId": evse_id} if evse_id else {}
    if limit_a is None:
        station.send("ClearedChargingLimit", {"chargingLimitSource": source, **place})
    else:
        station.send("NotifyChargingLimit", {**_notice(station, limit_a, source), **place})
    for evse in station.evses.values():
        if evse.transaction is not None and evse_id in {0, evse.evse_id}:
            station.events.updated(evse, Trigger.CHARGING_RATE_CHANGED)


def _notice(station: SimulatedStation2, limit_a: float, source: str) -> Payload:
    notice: Payload = {"chargingLimit": {"chargingLimitSource": source, "isGridCritical": False}}
    if station.model.flag("SmartChargingCtrlr", "NotifyChargingLimitWithSchedules"):
        periods: list[Json] = [{"startPeriod": 0, "limit": limit_a}]
        schedule: Payload = {
            "id": 1,
            "startSchedule": timestamp(station.station_time()),
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": periods,
        }
        notice["chargingSchedule"] = [schedule]
    return notice


class ScheduleUpdates:
    """Asks for new numbers of the Dynamic profiles that want that (2.1 K28)."""

    def __init__(self, station: SimulatedStation2) -> None:
        """Ask on behalf of this station."""
        self._station = station
        self._due: dict[int, float] = {}

    def tick(self, monotonic: float) -> None:
        """Ask where it is time."""
        for entry in self._station.profiles.installed:
            profile = entry.profile
            every_s = profile.pull_every_s
            if not every_s or not self._station.online:
                continue
            if monotonic >= self._due.setdefault(profile.profile_id, monotonic + every_s):
                self._due[profile.profile_id] = monotonic + every_s
                self._pull(profile.profile_id)

    def _pull(self, profile_id: int) -> None:
        station = self._station

        def answered(answer: Payload) -> None:
            if answer.get("status") != "Accepted" or "scheduleUpdate" not in answer:
                raise FormatError("no schedule update")
            station.profiles.update(profile_id, mapping(answer, "scheduleUpdate"), station.station_time())

        asked: Payload = {"chargingProfileId": profile_id}
        station.outbox.add(Outgoing("PullDynamicScheduleUpdate", lambda: asked, answered), keep=False)
