"""Decisions about id tokens as properties: they hold for every token, policy and set of running transactions."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.authorization import (
    build_local_list,
    decide_authorization,
    driver_refusal,
    may_stop,
    same_group,
    standing,
)
from custom_components.smart_charging.engine.driver import (
    AccessRefusal,
    Allowance,
    Driver,
    DriverAccess,
    Group,
    WeeklyWindow,
)
from custom_components.smart_charging.engine.id_token import (
    AccessMode,
    AccessPolicy,
    IdToken,
    OpenUse,
    TokenDetails,
    TokenSecret,
    TokenType,
)
from custom_components.smart_charging.engine.model import AuthorizationStatus as Status

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)

times = st.none() | st.sampled_from([NOW - SECOND, NOW, NOW + SECOND])
groups = st.sampled_from([None, "Family", "FAMILY", "Fleet"])
details = st.builds(
    TokenDetails,
    label=st.sampled_from([None, "Anna"]),
    type=st.sampled_from(TokenType),
    valid_from=times,
    valid_until=times,
    group=groups,
    master_pass=st.booleans(),
    blocked=st.booleans(),
)
tokens = st.builds(
    IdToken, token_id=st.just("0a"), details=details, site_id=st.none(), created_at=st.just(NOW), deleted_at=times
)
uses = st.builds(OpenUse, evse_id=st.integers(1, 2), here=st.booleans(), same_token=st.booleans(), group=groups)
running = st.lists(uses, max_size=3)
policies = st.builds(AccessPolicy, st.sampled_from(AccessMode), st.booleans())

ANNA = IdToken("0a", TokenDetails("Anna"), "home", NOW)
ELSEWHERE = OpenUse(1, here=False, same_token=True)


def having(**changes: object) -> IdToken:
    """Return Anna's token with these details."""
    return replace(ANNA, details=replace(ANNA.details, **changes))  # type: ignore[arg-type]  # fields of a test


def decide(token: IdToken | None, uses: list[OpenUse], policy: AccessPolicy, *, expected: bool = False) -> Status:
    return decide_authorization(token, uses, policy, NOW, expected=expected).status


@given(tokens | st.none(), running, policies, st.booleans())
def test_what_is_accepted_deserves_it(
    token: IdToken | None, uses: list[OpenUse], policy: AccessPolicy, expected: bool
) -> None:
    if decide(token, uses, policy, expected=expected) is not Status.ACCEPTED:
        return
    if token is None or not token.assigned:
        assert expected or policy.mode is AccessMode.ACCEPT_ALL or any(use.here and use.same_token for use in uses)
        assert token is None or not token.details.blocked
        return
    assert not token.details.blocked
    assert not token.details.master_pass
    assert token.deleted_at is None
    assert token.details.valid_until is None or token.details.valid_until > NOW
    assert token.details.valid_from is None or token.details.valid_from <= NOW


@given(tokens, running, policies)
def test_a_block_is_never_overruled(token: IdToken, uses: list[OpenUse], policy: AccessPolicy) -> None:
    blocked = replace(token, deleted_at=None, details=replace(token.details, blocked=True))
    assert decide(blocked, uses, policy, expected=True) is Status.BLOCKED


@given(tokens, running, policies)
def test_a_token_runs_twice_only_where_its_group_shares(
    token: IdToken, uses: list[OpenUse], policy: AccessPolicy
) -> None:
    usable = replace(
        token, deleted_at=None, details=TokenDetails("Anna", group=token.details.group, type=token.details.type)
    )
    group = usable.details.group
    shared = group is not None and policy.groups_share
    elsewhere_only = any(use.same_token for use in uses) and not any(
        use.here and (use.same_token or same_group(group, use.group)) for use in uses
    )
    expected = Status.CONCURRENT_TX if elsewhere_only and not shared else Status.ACCEPTED
    assert decide(usable, uses, policy) is expected


@given(tokens | st.none(), policies)
def test_what_is_not_known_is_never_in_use_elsewhere(token: IdToken | None, policy: AccessPolicy) -> None:
    # Stations that charge for everybody present the same tag at each place.
    if token is None or not token.assigned:
        assert decide(token, [ELSEWHERE], policy) is decide(token, [], policy)


@given(tokens | st.none(), running, policies)
def test_accepting_everybody_refuses_no_stranger(
    token: IdToken | None, uses: list[OpenUse], policy: AccessPolicy
) -> None:
    strict, open_to_all = replace(policy, mode=AccessMode.KNOWN_ONLY), replace(policy, mode=AccessMode.ACCEPT_ALL)
    assert decide(None, uses, open_to_all) is Status.ACCEPTED
    if decide(token, uses, strict) is Status.ACCEPTED:
        assert decide(token, uses, open_to_all) is Status.ACCEPTED


@given(tokens | st.none(), uses)
def test_who_began_may_always_end(token: IdToken | None, use: OpenUse) -> None:
    assert may_stop(token, replace(use, same_token=True), NOW)
    assert may_stop(token, use, NOW, remote=True)


@given(tokens | st.none(), uses)
def test_only_group_and_master_end_what_others_began(token: IdToken | None, use: OpenUse) -> None:
    foreign = replace(use, same_token=False)
    if may_stop(token, foreign, NOW):
        assert token is not None
        assert standing(token, NOW) is Status.ACCEPTED
        assert token.details.master_pass or same_group(token.details.group, use.group)
    elif token is not None and token.assigned and standing(token, NOW) is Status.ACCEPTED:
        assert not token.details.master_pass
        assert not same_group(token.details.group, use.group)


@pytest.mark.parametrize(
    ("token", "status"),
    [
        (ANNA, Status.ACCEPTED),
        (having(blocked=True, valid_until=NOW), Status.BLOCKED),
        (having(valid_until=NOW), Status.EXPIRED),
        (having(valid_until=NOW + SECOND), Status.ACCEPTED),
        (having(valid_from=NOW + SECOND), Status.INVALID),
        (having(valid_from=NOW), Status.ACCEPTED),
        (having(master_pass=True), Status.INVALID),
        (having(label=None), Status.INVALID),
        (replace(ANNA, deleted_at=NOW), Status.INVALID),
        (None, Status.INVALID),
    ],
)
def test_each_state_of_a_token_has_its_answer(token: IdToken | None, status: Status) -> None:
    for mode in (AccessMode.KNOWN_ONLY, AccessMode.LEARN):
        assert decide(token, [], AccessPolicy(mode)) is status


def test_an_answer_tells_end_and_group() -> None:
    token = having(valid_until=NOW + SECOND, group="Family")
    result = decide_authorization(token, [], AccessPolicy(), NOW, parent_value="GROUP")
    assert (result.status, result.expires_at, result.parent_id_token) == (Status.ACCEPTED, NOW + SECOND, "GROUP")


@given(st.lists(tokens, max_size=5), st.integers(8, 36))
def test_a_local_list_trusts_nobody_whom_we_would_refuse(registered: list[IdToken], longest: int) -> None:
    secrets = [TokenSecret(token, f"{number}" * 10 * (number + 1)) for number, token in enumerate(registered, 1)]
    entries = {entry.value: entry for entry in build_local_list(reversed(secrets), NOW, longest)}
    for secret in secrets:
        entry, token = entries.get(secret.value), secret.token
        if entry is None:
            assert len(secret.value) > longest or not token.assigned or token.deleted_at is not None
        else:
            assert entry.status is decide(token, [], AccessPolicy(AccessMode.KNOWN_ONLY))
            assert entry.expires_at == token.details.valid_until
            assert secret.value not in repr(entry)
    assert build_local_list(secrets, NOW, longest) == build_local_list(reversed(secrets), NOW, longest)
    assert len(entries) <= len(registered)


def test_a_value_that_was_given_up_is_in_no_local_list() -> None:
    assert build_local_list([TokenSecret(ANNA, "")], NOW, 20) == ()


FRIDAY_NIGHT = datetime(2026, 6, 5, 23, 30, tzinfo=UTC)
DRIVER = Driver("d1", "Anna", "g1")
OFFICE = Group("g1", "Office", stations=frozenset({"CP1"}), hours=(WeeklyWindow(time(22), time(6), frozenset({4})),))


@pytest.mark.parametrize(
    ("access", "station_id", "at", "refusal"),
    [
        (DriverAccess(DRIVER), "CP2", FRIDAY_NIGHT, None),
        (DriverAccess(DRIVER, OFFICE), "CP1", FRIDAY_NIGHT, None),
        (DriverAccess(DRIVER, OFFICE), "CP1", FRIDAY_NIGHT + timedelta(hours=6), None),  # the night of that Friday
        (DriverAccess(DRIVER, OFFICE), "CP1", FRIDAY_NIGHT + timedelta(hours=6.5), AccessRefusal.HOURS),
        (DriverAccess(DRIVER, OFFICE), "CP1", FRIDAY_NIGHT + timedelta(days=1), AccessRefusal.HOURS),
        (DriverAccess(DRIVER, OFFICE), "CP1", FRIDAY_NIGHT - timedelta(days=1), AccessRefusal.HOURS),
        (DriverAccess(DRIVER, OFFICE, scheduled=False), "CP1", FRIDAY_NIGHT, AccessRefusal.HOURS),
        (DriverAccess(DRIVER, OFFICE), "CP2", FRIDAY_NIGHT, AccessRefusal.STATION),
        (DriverAccess(DRIVER, OFFICE, allowance_left=False), "CP1", FRIDAY_NIGHT, AccessRefusal.ALLOWANCE),
        (DriverAccess(replace(DRIVER, active=False), OFFICE), "CP1", FRIDAY_NIGHT, AccessRefusal.INACTIVE),
        (DriverAccess(replace(DRIVER, anonymised_at=NOW)), "CP1", FRIDAY_NIGHT, AccessRefusal.INACTIVE),
    ],
)
def test_a_driver_may_charge_where_and_when_the_group_may(
    access: DriverAccess, station_id: str, at: datetime, refusal: AccessRefusal | None
) -> None:
    assert driver_refusal(access, station_id, at) is refusal


@given(tokens, running, policies, st.sampled_from(AccessRefusal))
def test_a_refused_driver_begins_nothing_and_may_still_end(
    token: IdToken, uses: list[OpenUse], policy: AccessPolicy, refusal: AccessRefusal
) -> None:
    result = decide_authorization(token, uses, policy, NOW, refusal=refusal)
    if not token.assigned:
        return  # nobody's
    group = token.details.group
    ends = any(use.here and (use.same_token or same_group(group, use.group)) for use in uses)
    if result.status is Status.ACCEPTED:
        assert ends
        assert result.refusal is None
    elif result.refusal is not None:
        assert (result.status, result.refusal) == (Status.BLOCKED, refusal)
    else:
        assert result == decide_authorization(token, uses, policy, NOW)


def test_a_list_for_a_station_keeps_out_who_may_never_charge_there_and_knows_no_hours() -> None:
    secrets = [TokenSecret(replace(ANNA, token_id=name), name) for name in ("A", "B", "C", "D", "E")]
    refused = {
        "B": AccessRefusal.STATION, "C": AccessRefusal.INACTIVE, "D": AccessRefusal.HOURS, "E": AccessRefusal.ALLOWANCE,
    }  # fmt: skip
    listed = {entry.value: entry.status for entry in build_local_list(secrets, NOW, 20, refused)}
    assert {name for name, status in listed.items() if status is Status.ACCEPTED} == {"A", "D", "E"}
    assert {listed["B"], listed["C"]} == {Status.BLOCKED}


@pytest.mark.parametrize(
    ("start", "end", "clock", "held"),
    [
        (time(8), time(18), time(8), True),
        (time(8), time(18), time(18), False),
        (time(8), time(18), time(7, 59), False),
        (time(0), time(0), time(12), True),
    ],
)
def test_a_window_of_the_week_holds_from_its_start_to_before_its_end(
    start: time, end: time, clock: time, held: bool
) -> None:
    assert WeeklyWindow(start, end).holds(datetime.combine(NOW, clock)) is held


@pytest.mark.parametrize("wrong", [{"energy_kwh": Decimal(-1)}, {"amount": Decimal("NaN")}, {}])
def test_an_allowance_of_nothing_is_none(wrong: dict[str, Decimal]) -> None:
    with pytest.raises(ValueError, match="allowance"):
        Allowance(**wrong)


@pytest.mark.parametrize("share", ["-0.1", "1.01", "Infinity"])
def test_a_share_is_a_part_of_the_whole(share: str) -> None:
    with pytest.raises(ValueError, match="part of the whole"):
        Group("g", "G", employer_share=Decimal(share))
