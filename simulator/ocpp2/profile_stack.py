"""The profiles a station holds and the limit that follows from them (OCPP 2.0.1 part 2 K, 2.1 K)."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from simulator.ocpp.json import Json, Payload
from simulator.plant.phases import NOMINAL_VOLTAGE

from .profile_rules import Abilities, Installed, refused_beside, refused_place, refused_schedule, refused_transaction
from .profiles import Kind, Period, Profile, Purpose, Unit, read_profile
from .quirks import NO_QUIRKS2, Quirks2

EXTERNAL_ID = -1
"""First id of the profiles that a local controller's limits become."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A per-phase limit, the phases it may use, and which one if it is only one."""

    current_a: float
    phases: int
    phase_to_use: int | None = None
    mode: str | None = None
    taken_back_a: float = 0.0


@dataclass(frozen=True, slots=True)
class Situation:
    """What of an EVSE matters to profiles: its transaction, what it shares, and for how long nobody was heard."""

    transaction_id: str | None = None
    start: datetime | None = None
    priority: bool = False
    sharers: int = 1
    """How many EVSEs share the station's limits."""
    offline_s: float = 0.0


IDLE = Situation()


@dataclass(slots=True)
class ProfileStack:
    """Installed profiles of all EVSEs."""

    abilities: Abilities
    quirks: Quirks2 = NO_QUIRKS2
    installed: list[Installed] = field(default_factory=list)
    _first_ids: dict[tuple[int, Purpose], int] = field(default_factory=dict)

    def refusal(
        self, evse_id: int, profile: Profile, running_id: str | None, *, remote_start: bool = False
    ) -> str | None:
        """Return the reason code why this profile can not be set, or None when it can."""
        if remote_start:
            fits = profile.purpose is Purpose.TX and profile.transaction_id is None
            transaction = None if fits else "InvalidValue"
        else:
            transaction = refused_transaction(profile, running_id)
        checks = (
            refused_place(evse_id, profile, self.abilities),
            transaction,
            refused_schedule(profile, self.abilities),
            refused_beside(evse_id, profile, self.installed, self.abilities),
            self._refused_by_habit(evse_id, profile),
        )
        return next((reason for reason in checks if reason is not None), None)

    def install(self, evse_id: int, profile: Profile, source: str = "CSO") -> None:
        """Install a profile in place of that of the same id."""
        self.installed = [old for old in self.installed if old.profile.profile_id != profile.profile_id]
        self.installed.append(Installed(evse_id, profile, source))
        self._first_ids.setdefault((evse_id, profile.purpose), profile.profile_id)

    def clear(self, wanted: Callable[[Installed], bool]) -> bool:
        """Remove the central system's profiles that are wanted gone; tell whether there was one."""
        kept = [entry for entry in self.installed if entry.source != "CSO" or not wanted(entry)]
        cleared = len(kept) < len(self.installed)
        self.installed = kept
        return cleared

    def end_transaction(self, transaction_id: str) -> None:
        """Forget the TxProfiles of a transaction that is over."""
        self.clear(lambda e: e.profile.purpose is Purpose.TX and e.profile.transaction_id == transaction_id)

    def constrain(self, evse_id: int, limit_a: float | None, source: str, now: datetime) -> None:
        """Set or, with None, take away what a local controller allows (K11-K14)."""
        profile_id = EXTERNAL_ID - evse_id
        self.installed = [old for old in self.installed if old.profile.profile_id != profile_id]
        if limit_a is None:
            return
        payload = external_profile(profile_id, limit_a, now)
        self.installed.append(Installed(evse_id, read_profile(payload, now), source))

    def update(self, profile_id: int, numbers: Payload, now: datetime) -> bool:
        """Give a Dynamic profile new numbers; False where there is no such profile."""
        for at, entry in enumerate(self.installed):
            if entry.profile.profile_id == profile_id and entry.profile.kind is Kind.DYNAMIC:
                self.installed[at] = replace(entry, profile=entry.profile.with_update(numbers, now))
                return True
        return False

    def drop_offline(self, offline_s: float) -> None:
        """Throw away the profiles that must not outlive this long a silence (2.1)."""
        self.clear(lambda e: e.profile.ends_offline and _too_long_offline(e.profile, offline_s))

    def limit(self, evse_id: int, now: datetime, situation: Situation = IDLE) -> Limit:
        """Return what an EVSE may offer now; EVSE 0 asks for the station as a whole."""
        abilities = self.abilities
        hardware = abilities.station_max_a if evse_id == 0 else abilities.max_a
        unlimited = Limit(hardware, abilities.phases)
        if self.quirks.ignores_profiles:
            return unlimited
        share = 1 if evse_id == 0 else max(1, situation.sharers)
        limits = [unlimited, Limit(abilities.station_max_a / share, abilities.phases)]
        limits += self._station_limits(evse_id, now, situation, share)
        own = self._own_ruling(evse_id, now, situation)
        if own is not None:
            limits.append(self._in_amperes(*own))
        one_phase = next((limit.phase_to_use for limit in limits if limit.phase_to_use is not None), None)
        mode = next((limit.mode for limit in limits if limit.mode is not None), None)
        taken_back_a = max(each.taken_back_a for each in limits)
        current_a = min(each.current_a for each in limits)
        return Limit(current_a, min(each.phases for each in limits), one_phase, mode, taken_back_a)

    def composite(
        self, evse_id: int, now: datetime, duration_s: int, situation: Situation = IDLE
    ) -> list[tuple[int, Limit]]:
        """Return the limits of the coming seconds, each with the second from which on it holds."""
        until = now + timedelta(seconds=duration_s)
        edges = {now}
        for entry in self.installed:
            edges.update(entry.profile.edges(now, until, situation.start))
        steps: list[tuple[int, Limit]] = []
        for edge in sorted(edges):
            limit = self.limit(evse_id, edge, situation)
            if not steps or steps[-1][1] != limit:
                steps.append((round((edge - now).total_seconds()), limit))
        return steps

    def _station_limits(self, evse_id: int, now: datetime, situation: Situation, share: int) -> list[Limit]:
        """Return the bounds by the station's maximum and by others, with what is generated on site added to these."""
        limits: list[Limit] = []
        extra_a = self._generation(now, situation)
        for place in sorted({0, evse_id}):
            parts = share if place == 0 else 1
            for purpose in (Purpose.STATION_MAX, Purpose.EXTERNAL):
                ruling = _leading(self._of(purpose, {place}, situation), now, situation.start)
                if ruling is None:
                    continue
                limit = self._in_amperes(*ruling)
                added = extra_a if purpose is Purpose.EXTERNAL else 0.0
                limits.append(replace(limit, current_a=(limit.current_a + added) / parts))
        return limits

    def _generation(self, now: datetime, situation: Situation) -> float:
        ruling = _leading(self._of(Purpose.LOCAL_GENERATION, {0}, situation), now, situation.start)
        return 0.0 if ruling is None else self._in_amperes(*ruling).current_a

    def _own_ruling(self, evse_id: int, now: datetime, situation: Situation) -> tuple[Profile, Period] | None:
        """Return the ruling of the first purpose that has one: priority, the transaction's own, the default."""
        if evse_id == 0:
            return None
        ladder = [self._of(Purpose.TX_DEFAULT, {0, evse_id}, situation)]
        if situation.transaction_id is not None:
            running = situation.transaction_id
            own = self._of(Purpose.TX, {evse_id}, situation)
            ladder.insert(0, [profile for profile in own if profile.transaction_id == running])
        if situation.priority:
            ladder.insert(0, self._of(Purpose.PRIORITY, {0, evse_id}, situation))
        return next((ruling for step in ladder if (ruling := _leading(step, now, situation.start))), None)

    def _of(self, purpose: Purpose, places: set[int], situation: Situation) -> list[Profile]:
        return [
            entry.profile
            for entry in sorted(self.installed, key=lambda entry: -entry.evse_id)
            if entry.profile.purpose is purpose
            and entry.evse_id in places
            and not _too_long_offline(entry.profile, situation.offline_s)
        ]

    def _in_amperes(self, profile: Profile, period: Period) -> Limit:
        phases = self.abilities.phases
        if self.abilities.switches_phases and period.phases is not None:
            phases = min(phases, period.phases)
        bound = period.bound
        if bound is None:
            return Limit(self.abilities.station_max_a, phases, period.phase_to_use, period.mode)
        taken_back = period.taken_back
        if profile.unit is Unit.WATT:
            per_ampere = NOMINAL_VOLTAGE * min(period.phases or 3, self.abilities.phases)
            bound, taken_back = bound / per_ampere, taken_back / per_ampere
        return Limit(bound, phases, period.phase_to_use, period.mode, taken_back)

    def _refused_by_habit(self, evse_id: int, profile: Profile) -> str | None:
        first = self._first_ids.get((evse_id, profile.purpose), profile.profile_id)
        new = self.quirks.rejects_new_profile_ids and first != profile.profile_id
        return "InvalidProfile" if new else None


def external_profile(profile_id: int, limit_a: float, now: datetime) -> Payload:
    """Return what a local controller's limit looks like as a profile."""
    periods: list[Json] = [{"startPeriod": 0, "limit": limit_a}]
    schedule: Payload = {
        "id": 1,
        "startSchedule": now.isoformat(),
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": periods,
    }
    return {
        "id": profile_id,
        "stackLevel": 0,
        "chargingProfilePurpose": Purpose.EXTERNAL,
        "chargingProfileKind": Kind.ABSOLUTE,
        "chargingSchedule": [schedule],
    }


def _leading(
    profiles: list[Profile], now: datetime, transaction_start: datetime | None
) -> tuple[Profile, Period] | None:
    """Return the highest stack level's profile that applies now, with its period."""
    for profile in sorted(profiles, key=lambda profile: -profile.stack_level):
        period = profile.period_at(now, transaction_start)
        if period is not None:
            return profile, period
    return None


def _too_long_offline(profile: Profile, offline_s: float) -> bool:
    return profile.most_offline_s is not None and offline_s > profile.most_offline_s
