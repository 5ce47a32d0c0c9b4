"""Profile stacks follow OCPP 1.6 ed. 2 section 3.13."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings, strategies as st
import pytest

from simulator.ocpp.json import FormatError
from simulator.ocpp.profile_stack import Abilities, ProfileStack, RunningTransaction
from simulator.ocpp.profiles import Kind, Period, Profile, Purpose, Unit, read_profile
from simulator.ocpp.quirks import Quirks

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
TRANSACTION = RunningTransaction(7, NOON - timedelta(seconds=100))


def stack(quirks: Quirks | None = None, **abilities: object) -> ProfileStack:
    return ProfileStack(Abilities(**abilities), connectors=2, quirks=quirks or Quirks())


def flat(limit: float, purpose: Purpose = Purpose.TX_DEFAULT, level: int = 0, **changes: object) -> Profile:
    profile = Profile(
        profile_id=100 * list(Purpose).index(purpose) + level,
        stack_level=level,
        purpose=purpose,
        kind=Kind.ABSOLUTE,
        unit=Unit.AMPERE,
        periods=(Period(0, limit),),
        start=NOON - timedelta(days=1),
    )
    return replace(profile, **changes)


def amps(own: ProfileStack, at_s: float = 0, transaction: RunningTransaction | None = TRANSACTION) -> float:
    return own.limit(1, NOON + timedelta(seconds=at_s), transaction).current_a


def test_without_profiles_the_hardware_is_the_limit() -> None:
    assert amps(stack(max_a=20.0)) == 20.0


def test_the_highest_valid_stack_level_leads() -> None:
    own = stack()
    own.install(1, flat(10, level=0))
    own.install(1, flat(16, level=2))
    own.install(1, flat(8, level=1))
    assert amps(own) == 16


def test_the_next_lower_level_leads_once_the_higher_one_is_over() -> None:
    own = stack()
    own.install(1, flat(6, level=0))
    own.install(1, flat(16, level=1, start=NOON, duration_s=20))
    assert [amps(own, at) for at in (0, 19.9, 20)] == [16, 16, 6]


def test_valid_from_and_valid_to_bound_a_profile() -> None:
    own = stack()
    own.install(1, flat(6))
    window = {"valid_from": NOON + timedelta(seconds=5), "valid_to": NOON + timedelta(seconds=10)}
    own.install(1, flat(16, level=1, **window))
    assert [amps(own, at) for at in (0, 5, 9.9, 10)] == [6, 16, 16, 6]


def test_a_tx_profile_overrules_the_default_even_upwards_and_only_in_its_transaction() -> None:
    own = stack()
    own.install(0, flat(6, level=5))
    own.install(1, flat(16, Purpose.TX, transaction_id=7))
    assert amps(own) == 16
    assert amps(own, transaction=None) == 6
    assert amps(own, transaction=RunningTransaction(8, NOON)) == 6


def test_the_stations_limit_bounds_every_connector() -> None:
    own = stack()
    own.install(0, flat(9, Purpose.CHARGE_POINT_MAX))
    own.install(1, flat(16, Purpose.TX))
    assert amps(own) == 9


def test_a_connectors_default_overrules_the_stations_default() -> None:
    own = stack()
    own.install(0, flat(6, level=3, profile_id=1))
    own.install(1, flat(12, level=0, profile_id=2))
    assert amps(own) == 12
    assert own.limit(2, NOON, TRANSACTION).current_a == 6


def test_the_same_id_replaces_wherever_it_was() -> None:
    own = stack()
    own.install(1, flat(6, level=0, profile_id=5))
    own.install(1, flat(9, level=4, profile_id=5))
    assert [(e.profile.stack_level, e.profile.periods[0].limit) for e in own.installed] == [(4, 9)]


def test_the_same_purpose_level_and_connector_replace_under_another_id() -> None:
    own = stack()
    own.install(1, flat(6, profile_id=5))
    own.install(2, flat(7, profile_id=6))
    own.install(1, flat(9, profile_id=7))
    assert {(e.connector_id, e.profile.profile_id) for e in own.installed} == {(2, 6), (1, 7)}


def test_a_relative_schedule_begins_with_the_transaction() -> None:
    own = stack()
    own.install(1, flat(0, kind=Kind.RELATIVE, start=None, periods=(Period(0, 16), Period(110, 6))))
    assert [amps(own, at) for at in (0, 9.9, 10)] == [16, 16, 6]
    assert amps(own, transaction=None) == 32


def test_a_daily_schedule_comes_back_each_day() -> None:
    own = stack()
    yesterday = NOON - timedelta(days=1, seconds=30)
    daily = flat(0, kind=Kind.RECURRING, recurrence=timedelta(days=1), start=yesterday, duration_s=60)
    own.install(1, replace(daily, periods=(Period(0, 10), Period(40, 12))))
    assert [amps(own, at) for at in (0, 10, 30, 86_400, 86_410)] == [10, 12, 32, 10, 12]


@pytest.mark.parametrize(
    ("phases", "limit_phases", "limit_w", "expected_a"),
    [(3, 3, 6900, 10.0), (1, 3, 2300, 10.0), (3, 1, 2300, 10.0), (1, 1, 3680, 16.0)],
)
def test_watts_are_a_total_over_the_phases_used(
    phases: int, limit_phases: int, limit_w: float, expected_a: float
) -> None:
    own = stack(phases=phases)
    own.install(1, flat(0, unit=Unit.WATT, periods=(Period(0, limit_w, limit_phases),)))
    assert amps(own) == pytest.approx(expected_a)


def test_only_a_station_that_can_switch_phases_obeys_their_number() -> None:
    for switches, phases in ((True, 1), (False, 3)):
        own = stack(switches_phases=switches)
        own.install(1, flat(0, periods=(Period(0, 10, 1),)))
        assert own.limit(1, NOON, TRANSACTION).phases == phases


REFUSED = [
    ("unknown connector", 3, flat(6)),
    ("station limit on a connector", 1, flat(6, Purpose.CHARGE_POINT_MAX)),
    ("tx profile on the station", 0, flat(6, Purpose.TX)),
    ("stack level too high", 1, flat(6, level=9)),
    ("no periods", 1, flat(6, periods=())),
    ("first period later than 0", 1, flat(6, periods=(Period(1, 6),))),
    ("periods not ascending", 1, flat(6, periods=(Period(0, 6), Period(0, 7)))),
    ("negative limit", 1, flat(-1)),
    ("other transaction", 1, flat(6, Purpose.TX, transaction_id=8)),
    ("recurring without recurrence", 1, flat(6, kind=Kind.RECURRING)),
    ("relative station limit", 0, flat(6, Purpose.CHARGE_POINT_MAX, kind=Kind.RELATIVE)),
    ("too many periods", 1, flat(6, periods=tuple(Period(n, 6) for n in range(25)))),
]


@pytest.mark.parametrize(("connector", "profile"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_an_impossible_profile_is_refused(connector: int, profile: Profile) -> None:
    assert stack().refusal(connector, profile, TRANSACTION) is not None


def test_possible_profiles_are_taken() -> None:
    own = stack()
    for connector, profile in ((0, flat(6)), (2, flat(6)), (0, flat(9, Purpose.CHARGE_POINT_MAX))):
        assert own.refusal(connector, profile, None) is None
    assert own.refusal(1, flat(6, Purpose.TX), TRANSACTION) is None
    assert own.refusal(1, flat(6, Purpose.TX), None) is not None


def test_a_full_store_takes_replacements_only() -> None:
    own = stack(max_profiles=1)
    own.install(1, flat(6))
    assert own.refusal(1, flat(8), None) is None
    assert own.refusal(2, flat(8, profile_id=3), None) is not None


def test_clearing_by_id_or_by_all_given_filters() -> None:
    own = stack()
    for connector, level in ((1, 0), (1, 1), (2, 0)):
        own.install(connector, flat(6, level=level, profile_id=10 * connector + level))
    assert not own.clear(profile_id=99)
    assert own.clear(connector_id=1, stack_level=1)
    assert own.clear(profile_id=10)
    assert [e.profile.profile_id for e in own.installed] == [20]
    assert own.clear()
    assert own.installed == []


def test_reading_a_profile_refuses_what_is_none() -> None:
    good = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "validTo": "2026-06-01T12:00:10Z",
        "chargingSchedule": {
            "chargingRateUnit": "W",
            "startSchedule": "2026-06-01T12:00:00",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 4140, "numberPhases": 1}],
        },
    }
    profile = read_profile(good)
    assert (profile.start, profile.valid_to) == (NOON, NOON + timedelta(seconds=10))
    assert profile.periods == (Period(0, 4140.0, 1),)
    for key, value in (("chargingProfilePurpose", "Other"), ("stackLevel", "0"), ("validTo", "soon")):
        with pytest.raises(FormatError):
            read_profile({**good, key: value})


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    """Any profile whose edges lie near noon."""
    purpose = draw(st.sampled_from([Purpose.CHARGE_POINT_MAX, Purpose.TX_DEFAULT, Purpose.TX]))
    kinds = [Kind.ABSOLUTE, Kind.RECURRING] + ([Kind.RELATIVE] if purpose is not Purpose.CHARGE_POINT_MAX else [])
    starts = sorted({0} | draw(st.sets(st.integers(1, 120), max_size=3)))
    near = st.integers(-120, 120).map(lambda s: NOON + timedelta(seconds=s))
    return Profile(
        profile_id=draw(st.integers(1, 50)),
        stack_level=draw(st.integers(0, 3)),
        purpose=purpose,
        kind=draw(st.sampled_from(kinds)),
        unit=Unit.AMPERE,
        periods=tuple(Period(s, float(draw(st.integers(0, 32)))) for s in starts),
        recurrence=timedelta(days=1),
        valid_from=draw(st.none() | near),
        valid_to=draw(st.none() | near),
        start=draw(near),
        duration_s=draw(st.none() | st.integers(1, 200)),
    )


def fix_recurrence(profile: Profile) -> Profile:
    return profile if profile.kind is Kind.RECURRING else replace(profile, recurrence=None)


@settings(max_examples=150, deadline=None)
@given(st.lists(profiles().map(fix_recurrence), max_size=6))
def test_the_composite_schedule_says_for_each_second_what_will_be_offered(installed: list[Profile]) -> None:
    own = stack()
    for profile in installed:
        own.install(0 if profile.purpose is Purpose.CHARGE_POINT_MAX else 1, profile)
    steps = own.composite(1, NOON, 150, TRANSACTION)
    assert steps[0][0] == 0
    for second in range(150):
        promised = [limit for start, limit in steps if start <= second][-1]
        assert promised == own.limit(1, NOON + timedelta(seconds=second), TRANSACTION)


@settings(max_examples=150, deadline=None)
@given(st.lists(profiles().map(fix_recurrence), max_size=6), st.floats(0, 32))
def test_a_stations_limit_is_never_exceeded_whatever_else_is_installed(installed: list[Profile], top: float) -> None:
    own = stack()
    for profile in installed:
        own.install(0 if profile.purpose is Purpose.CHARGE_POINT_MAX else 1, profile)
    own.install(0, flat(top, Purpose.CHARGE_POINT_MAX, level=8, profile_id=99))
    assert all(amps(own, at) <= top for at in range(0, 150, 10))
