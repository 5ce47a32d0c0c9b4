"""The profiles a station holds and the limit that follows from them (OCPP 1.6 ed. 2 section 3.13)."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

from simulator.plant.phases import NOMINAL_VOLTAGE

from .profiles import Kind, Period, Profile, Purpose, Unit
from .quirks import NO_QUIRKS, Quirks


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the station's hardware and configuration allow."""

    max_a: float = 32.0
    phases: int = 3
    max_stack_level: int = 8
    max_periods: int = 24
    max_profiles: int = 20
    units: frozenset[Unit] = frozenset(Unit)
    switches_phases: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """A per-phase limit and the phases it may use."""

    current_a: float
    phases: int


@dataclass(frozen=True, slots=True)
class RunningTransaction:
    """What of a transaction matters to profiles: its number, where known, and its start."""

    transaction_id: int | None
    start: datetime


@dataclass(frozen=True, slots=True)
class Installed:
    """A profile and the connector it was set for; 0 is the whole station."""

    connector_id: int
    profile: Profile


@dataclass(slots=True)
class ProfileStack:
    """Installed profiles of all connectors."""

    abilities: Abilities
    connectors: int
    quirks: Quirks = NO_QUIRKS
    installed: list[Installed] = field(default_factory=list)

    def refusal(
        self, connector_id: int, profile: Profile, transaction: RunningTransaction | None, *, remote_start: bool = False
    ) -> str | None:
        """Return why this profile can not be set, or None when it can."""
        checks = (
            self._refused_place(connector_id, profile),
            None if remote_start else _refused_transaction(profile, transaction),
            self._refused_schedule(profile),
            self._refused_by_habit(connector_id, profile),
        )
        reasons = [reason for reason in checks if reason is not None]
        if reasons:
            return reasons[0]
        new = not any(_replaces(profile, connector_id, old) for old in self.installed)
        if new and len(self.installed) >= self.abilities.max_profiles:
            return "no room for another profile"
        return None

    def install(self, connector_id: int, profile: Profile) -> None:
        """Install a profile in place of those of the same id, or of the same purpose, level and connector."""
        drops = self.quirks.drops_lower_tx_profiles and profile.purpose is Purpose.TX
        self.installed = [
            old
            for old in self.installed
            if not _replaces(profile, connector_id, old)
            and not (drops and old.connector_id == connector_id and old.profile.purpose is Purpose.TX)
        ]
        self.installed.append(Installed(connector_id, profile))

    def clear(
        self,
        *,
        profile_id: int | None = None,
        connector_id: int | None = None,
        purpose: Purpose | None = None,
        stack_level: int | None = None,
    ) -> bool:
        """Remove the profile of this id, else all that match every given filter; tell whether there was one."""

        def matches(entry: Installed) -> bool:
            if profile_id is not None:
                return entry.profile.profile_id == profile_id
            return (
                connector_id in (None, entry.connector_id)
                and purpose in (None, entry.profile.purpose)
                and stack_level in (None, entry.profile.stack_level)
            )

        kept = [entry for entry in self.installed if not matches(entry)]
        cleared = len(kept) < len(self.installed)
        self.installed = kept
        return cleared

    def end_transaction(self, connector_id: int) -> None:
        """Forget the TxProfiles of a connector whose transaction is over."""
        self.clear(connector_id=connector_id, purpose=Purpose.TX)

    def limit(self, connector_id: int, now: datetime, transaction: RunningTransaction | None) -> Limit:
        """Return what a connector may offer now; connector 0 asks for the station as a whole."""
        unlimited = Limit(self.abilities.max_a, self.abilities.phases)
        if self.quirks.ignores_profiles:
            return unlimited
        limits = [unlimited, *(self._in_amperes(*ruling) for ruling in self._rulings(connector_id, now, transaction))]
        return Limit(min(limit.current_a for limit in limits), min(limit.phases for limit in limits))

    def composite(
        self, connector_id: int, now: datetime, duration_s: int, transaction: RunningTransaction | None
    ) -> list[tuple[int, Limit]]:
        """Return the limits of the coming seconds, each with the second from which on it holds."""
        until = now + timedelta(seconds=duration_s)
        start = transaction.start if transaction else None
        edges = {now}
        for entry in self.installed:
            edges.update(entry.profile.edges(now, until, start))
        steps: list[tuple[int, Limit]] = []
        for edge in sorted(edges):
            limit = self.limit(connector_id, edge, transaction)
            if not steps or steps[-1][1] != limit:
                steps.append((round((edge - now).total_seconds()), limit))
        return steps

    def _rulings(
        self, connector_id: int, now: datetime, transaction: RunningTransaction | None
    ) -> list[tuple[Profile, Period]]:
        """Return the station's ruling and, for a connector, that of the first purpose that has one."""
        start = transaction.start if transaction else None
        ladder: list[list[Profile]] = []
        if connector_id > 0:
            ladder = [self._of(Purpose.TX_DEFAULT, connector_id), self._of(Purpose.TX_DEFAULT, 0)]
        if connector_id > 0 and transaction is not None:
            known = (None, transaction.transaction_id)
            ladder.insert(0, [p for p in self._of(Purpose.TX, connector_id) if p.transaction_id in known])
        station = _leading(self._of(Purpose.CHARGE_POINT_MAX, 0), now, start)
        connector = next((ruling for step in ladder if (ruling := _leading(step, now, start))), None)
        return [ruling for ruling in (station, connector) if ruling is not None]

    def _of(self, purpose: Purpose, connector_id: int) -> list[Profile]:
        return [
            replace(entry.profile, valid_to=None) if self.quirks.ignores_valid_to else entry.profile
            for entry in self.installed
            if entry.profile.purpose is purpose and entry.connector_id == connector_id
        ]

    def _in_amperes(self, profile: Profile, period: Period) -> Limit:
        phases = self.abilities.phases
        if self.abilities.switches_phases:
            phases = min(phases, period.phases)
        if profile.unit is Unit.AMPERE:
            return Limit(period.limit, phases)
        counted = min(period.phases, self.abilities.phases)
        return Limit(period.limit / (NOMINAL_VOLTAGE * counted), phases)

    def _refused_place(self, connector_id: int, profile: Profile) -> str | None:
        if not 0 <= connector_id <= self.connectors:
            return "no such connector"
        if profile.purpose is Purpose.CHARGE_POINT_MAX and connector_id != 0:
            return "ChargePointMaxProfile belongs to connector 0"
        if profile.purpose is Purpose.TX and connector_id == 0:
            return "TxProfile needs a connector"
        if not 0 <= profile.stack_level <= self.abilities.max_stack_level:
            return "stack level out of range"
        return None

    def _refused_schedule(self, profile: Profile) -> str | None:
        starts = [period.start_s for period in profile.periods]
        if not starts or starts[0] != 0 or any(a >= b for a, b in pairwise(starts)):
            return "periods must begin at 0 and ascend"
        if len(starts) > self.abilities.max_periods:
            return "too many periods"
        if any(period.limit < 0 or period.phases not in {1, 2, 3} for period in profile.periods):
            return "impossible limit or phases"
        if profile.unit not in self.abilities.units:
            return "unit not supported"
        if profile.kind is Kind.RECURRING and (profile.recurrence is None or profile.start is None):
            return "a recurring schedule needs its recurrence and start"
        if profile.kind is Kind.RELATIVE and profile.purpose is Purpose.CHARGE_POINT_MAX:
            return "a station's limit can not be relative to a transaction"
        return None

    def _refused_by_habit(self, connector_id: int, profile: Profile) -> str | None:
        quirks = self.quirks
        top = 0 if quirks.one_stack_level_only else quirks.max_accepted_stack_level
        absolute = profile.kind is Kind.ABSOLUTE
        habits = {
            "stack level refused": top is not None and profile.stack_level > top,
            "Absolute refused": quirks.rejects_absolute and absolute,
            "Relative refused": quirks.rejects_relative and profile.kind is Kind.RELATIVE,
            "TxProfile refused": quirks.rejects_tx_profile and profile.purpose is Purpose.TX,
            "TxDefaultProfile refused": quirks.rejects_tx_default and profile.purpose is Purpose.TX_DEFAULT,
            "one period only": quirks.one_period_only and len(profile.periods) > 1,
            "numberPhases refused": quirks.rejects_number_of_phases and profile.names_phases,
            "startSchedule missing": quirks.needs_start_schedule and absolute and profile.start is None,
            "W only": quirks.watts_only and profile.unit is Unit.AMPERE,
            "A only": quirks.amps_only and profile.unit is Unit.WATT,
            "transactionId missing": quirks.needs_transaction_id
            and profile.purpose is Purpose.TX
            and profile.transaction_id is None,
            "connector 0 refused": quirks.rejects_connector_zero_default
            and profile.purpose is Purpose.TX_DEFAULT
            and connector_id == 0,
        }
        return next((reason for reason, refused in habits.items() if refused), None)


def _leading(
    profiles: list[Profile], now: datetime, transaction_start: datetime | None
) -> tuple[Profile, Period] | None:
    """Return the highest stack level's profile that applies now, with its period."""
    for profile in sorted(profiles, key=lambda profile: -profile.stack_level):
        period = profile.period_at(now, transaction_start)
        if period is not None:
            return profile, period
    return None


def _replaces(new: Profile, connector_id: int, old: Installed) -> bool:
    same_slot = (
        old.profile.purpose is new.purpose
        and old.profile.stack_level == new.stack_level
        and old.connector_id == connector_id
    )
    return old.profile.profile_id == new.profile_id or same_slot


def _refused_transaction(profile: Profile, transaction: RunningTransaction | None) -> str | None:
    if profile.purpose is not Purpose.TX:
        return None
    if transaction is None:
        return "no transaction"
    if profile.transaction_id not in (None, transaction.transaction_id):
        return "another transaction"
    return None
