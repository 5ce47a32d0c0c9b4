"""When is measured what came of a limit, and what a measurement says of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.grid.proof_schedule import (
    LATE_S,
    MeasuredPowers,
    ProofSchedule,
    follow_up,
    moved,
    opened,
    resumed,
)
from custom_components.smart_charging.engine.grid.signal import SignalKind, SignalScope
from custom_components.smart_charging.engine.grid_record import (
    FOLLOW_UPS_S,
    FollowUp,
    GridEvent,
    GridPowers,
    GridRecord,
    ProofResult,
    ProvenRecord,
)
from custom_components.smart_charging.engine.ledger import Ledger
from custom_components.smart_charging.engine.model import EvseKey
from custom_components.smart_charging.engine.recorded_json import Decoder, Encoder

T0 = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
EVSE = EvseKey("CP1", 1)
HIGH = MeasuredPowers(22_000.0, 21_500.0, 21_500.0, {EVSE: 21_500.0})
LOW = MeasuredPowers(7_000.0, 6_500.0, 6_500.0, {EVSE: 6_500.0})
SILENT = MeasuredPowers()


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def record(
    seconds: float = 0,
    limit_w: float | None = 7560.0,
    *,
    signal: SignalKind = SignalKind.IMPORT_LIMIT,
    scope: SignalScope = SignalScope.SITE,
    evse: EvseKey | None = None,
) -> GridRecord:
    event = GridEvent.LIMIT_RELEASED if limit_w is None else GridEvent.LIMIT_STARTED
    return GridRecord(
        event=event,
        at=at(seconds),
        source_id="relay",
        signal=signal.value,
        scope=scope.value,
        limit_w=limit_w,
        evse=evse,
    )


def go(schedule: ProofSchedule, begin: int, end: int, powers: MeasuredPowers) -> tuple[ProofSchedule, list[FollowUp]]:
    """Measure the same each second from `begin` to before `end`."""
    found: list[FollowUp] = []
    for second in range(begin, end):
        schedule, made = follow_up(schedule, at(second), powers)
        found += made
    return schedule, found


def told(made: list[FollowUp]) -> list[tuple[int, int, str, float | None]]:
    return [(one.refers_to, one.after_s, one.result.value, one.complied_after_s) for one in made]


def test_nothing_is_due_without_records() -> None:
    assert follow_up(ProofSchedule(), at(0), HIGH) == (ProofSchedule(), ())


def test_what_came_of_a_limit_is_measured_three_times_and_then_no_more() -> None:
    schedule = opened(ProofSchedule(), 7, record())
    schedule, early = go(schedule, 0, 4, HIGH)
    assert early == []
    schedule, made = go(schedule, 4, 400, LOW)
    assert told(made) == [(7, 10, "obeyed", 4.0), (7, 60, "obeyed", 4.0), (7, 300, "obeyed", 4.0)]
    assert [one.at for one in made] == [at(10), at(60), at(300)]
    assert {one.powers for one in made} == {GridPowers(7_000.0, 6_500.0)}
    assert {one.judged_w for one in made} == {7_000.0}
    assert schedule == ProofSchedule()


def test_a_limit_that_is_never_obeyed_is_told_with_what_was_measured() -> None:
    _, made = go(opened(ProofSchedule(), 1, record()), 0, 400, HIGH)
    assert told(made) == [(1, after_s, "not_obeyed", None) for after_s in FOLLOW_UPS_S]
    assert {(one.judged_w, one.powers) for one in made} == {(22_000.0, GridPowers(22_000.0, 21_500.0))}


def test_a_limit_that_is_obeyed_from_the_begin_took_no_time() -> None:
    _, made = go(opened(ProofSchedule(), 1, record()), 0, 11, LOW)
    assert told(made) == [(1, 10, "obeyed", 0.0)]


def test_the_time_to_comply_is_that_from_which_the_power_stayed_low() -> None:
    schedule = opened(ProofSchedule(), 1, record())
    schedule, made = go(schedule, 0, 3, HIGH)
    for begin, end, powers in ((3, 6, LOW), (6, 20, HIGH), (20, 62, LOW)):
        schedule, more = go(schedule, begin, end, powers)
        made += more
    assert told(made) == [(1, 10, "not_obeyed", None), (1, 60, "obeyed", 20.0)]


@pytest.mark.parametrize(
    ("limit_w", "power_w", "result"),
    [
        (7560.0, 7660.0, ProofResult.OBEYED),
        (7560.0, 7661.0, ProofResult.NOT_OBEYED),
        (50_000.0, 50_500.0, ProofResult.OBEYED),
        (50_000.0, 50_501.0, ProofResult.NOT_OBEYED),
        (0.0, 100.0, ProofResult.OBEYED),
        (0.0, 101.0, ProofResult.NOT_OBEYED),
    ],
)
def test_meters_may_be_off_a_little(limit_w: float, power_w: float, result: ProofResult) -> None:
    _, made = go(opened(ProofSchedule(), 1, record(0, limit_w)), 10, 11, MeasuredPowers(power_w))
    assert [one.result for one in made] == [result]


SCOPES = [
    (SignalKind.IMPORT_LIMIT, SignalScope.SITE, None, 5_000.0),
    (SignalKind.BLOCK, SignalScope.SITE, None, 5_000.0),
    (SignalKind.EXPORT_LIMIT, SignalScope.SITE, None, 0.0),
    (SignalKind.IMPORT_LIMIT, SignalScope.CONTROLLABLE, None, 3_000.0),
    (SignalKind.BLOCK, SignalScope.CONTROLLABLE, None, 3_000.0),
    (SignalKind.IMPORT_LIMIT, SignalScope.DEVICE, EVSE, 2_000.0),
    (SignalKind.IMPORT_LIMIT, SignalScope.DEVICE, EvseKey("CP9", 1), None),
    (SignalKind.EXPORT_LIMIT, SignalScope.CONTROLLABLE, None, None),
]


@pytest.mark.parametrize(("signal", "scope", "evse", "judged_w"), SCOPES)
def test_a_limit_is_compared_with_the_power_it_is_about(
    signal: SignalKind, scope: SignalScope, evse: EvseKey | None, judged_w: float | None
) -> None:
    powers = MeasuredPowers(5_000.0, 4_000.0, 3_000.0, {EVSE: 2_000.0})
    schedule = opened(ProofSchedule(), 1, record(0, 10_000.0, signal=signal, scope=scope, evse=evse))
    _, made = go(schedule, 9, 17, powers)
    if judged_w is None:
        assert told(made) == [(1, 10, "not_measured", None)]
    else:
        assert [(one.result, one.judged_w) for one in made] == [(ProofResult.OBEYED, judged_w)]


def test_what_is_fed_in_counts_for_limits_of_feeding_in_only() -> None:
    feeding = MeasuredPowers(-8_000.0, 0.0)
    exporting = record(0, 6_000.0, signal=SignalKind.EXPORT_LIMIT)
    _, made = go(opened(ProofSchedule(), 1, exporting), 10, 11, feeding)
    assert [(one.result, one.judged_w) for one in made] == [(ProofResult.NOT_OBEYED, 8_000.0)]
    _, made = go(opened(ProofSchedule(), 1, record()), 10, 11, feeding)
    assert [(one.result, one.judged_w) for one in made] == [(ProofResult.OBEYED, 0.0)]


def test_after_a_release_is_measured_but_not_judged() -> None:
    _, made = go(opened(ProofSchedule(), 1, record(0, None)), 0, 400, HIGH)
    assert told(made) == [(1, after_s, "not_judged", None) for after_s in FOLLOW_UPS_S]
    assert {one.powers for one in made} == {GridPowers(22_000.0, 21_500.0)}


def test_a_limit_that_nobody_was_told_is_measured_and_never_judged() -> None:
    observed = replace(record(), inputs={"observe_only": True})
    schedule, made = go(opened(ProofSchedule(), 1, observed), 0, 100, LOW)
    assert told(made) == [(1, 10, "not_judged", None), (1, 60, "not_judged", None)]
    assert {one.powers for one in made} == {GridPowers(7_000.0, 6_500.0)}
    remembered = Decoder().decode(ProofSchedule, Encoder().encode(schedule), "grid_proof")
    for known in (remembered, ProofSchedule()):
        schedule = resumed([ProvenRecord(1, "", observed, tuple(made))], known)
        assert told(go(schedule, 100, 301, LOW)[1]) == [(1, 300, "not_judged", None)]


def test_a_limit_is_judged_no_more_once_the_site_only_observes() -> None:
    schedule, made = go(opened(ProofSchedule(), 1, record()), 0, 30, LOW)
    schedule, during = follow_up(schedule, at(30), LOW, observe_only=True)
    schedule, later = go(schedule, 31, 301, LOW)
    assert [*told(made), *told([*during]), *told(later)] == [
        (1, 10, "obeyed", 0.0),
        (1, 60, "not_judged", None),
        (1, 300, "not_judged", None),
    ]


def test_a_limit_is_not_judged_once_another_took_its_place() -> None:
    schedule = opened(ProofSchedule(), 1, record())
    schedule, made = go(schedule, 0, 30, LOW)
    schedule = opened(schedule, 2, record(30, 4200.0))
    schedule, more = go(schedule, 30, 400, LOW)
    assert told(made + more) == [
        (1, 10, "obeyed", 0.0),
        (2, 10, "not_obeyed", None),
        (1, 60, "not_judged", None),
        (2, 60, "not_obeyed", None),
        (1, 300, "not_judged", None),
        (2, 300, "not_obeyed", None),
    ]


@pytest.mark.parametrize(
    "other",
    [
        record(30),
        record(30, 100.0, signal=SignalKind.EXPORT_LIMIT),
        record(30, 100.0, scope=SignalScope.CONTROLLABLE),
        record(30, 100.0, scope=SignalScope.DEVICE, evse=EVSE),
    ],
)
def test_a_limit_goes_on_to_be_judged_beside_the_same_again_and_limits_of_other_things(other: GridRecord) -> None:
    schedule = opened(opened(ProofSchedule(), 1, record()), 2, other)
    _, made = go(schedule, 60, 61, LOW)
    assert (1, 60, "obeyed") in [one[:3] for one in told(made)]


def at_w(power_w: float) -> MeasuredPowers:
    return MeasuredPowers(power_w)


def after_moving(now_w: float, limit_w: float = 7560.0) -> ProofSchedule:
    """Return a schedule whose record's limit moved without a record that took its place."""
    signal, scope = record().signal, record().scope
    return moved(opened(ProofSchedule(), 1, record(0, limit_w)), signal, scope, None, now_w)


@pytest.mark.parametrize(
    ("now_w", "power_w", "result"),
    [
        (7600.0, 7700.0, ProofResult.OBEYED),  # it trembles: judged by what it is now
        (7520.0, 7621.0, ProofResult.NOT_OBEYED),
        (9000.0, 7660.0, ProofResult.OBEYED),  # it is another: who keeps to both obeys
        (9000.0, 8900.0, ProofResult.NOT_JUDGED),
        (5000.0, 5100.0, ProofResult.OBEYED),
        (5000.0, 7500.0, ProofResult.NOT_JUDGED),
    ],
)
def test_a_limit_that_moved_without_a_record_goes_on_to_be_judged(
    now_w: float, power_w: float, result: ProofResult
) -> None:
    _, made = go(after_moving(now_w), 0, 62, at_w(power_w))
    assert [one.result for one in made] == [result] * 2


def test_a_limit_that_moved_is_judged_so_after_a_restart_and_only_where_it_is_the_same_one() -> None:
    schedule = after_moving(9000.0)
    (kept,) = resumed((proven(1, record()),), restarted(schedule)).records
    assert kept.now_w == 9000.0
    other = moved(opened(ProofSchedule(), 1, record()), SignalKind.EXPORT_LIMIT, SignalScope.SITE, None, 1.0)
    assert other == opened(ProofSchedule(), 1, record())


def test_a_record_of_a_limit_that_only_trembles_ends_none_before() -> None:
    schedule = opened(opened(ProofSchedule(), 1, record()), 2, record(60, 7600.0))
    _, made = go(schedule, 60, 61, at_w(7650.0))
    assert (1, 60, "obeyed", 60.0) in told(made)


def test_a_schedule_of_before_limits_could_move_is_still_read() -> None:
    stored = json.loads(json.dumps(Encoder().encode(opened(ProofSchedule(), 1, record()))))
    del stored["records"][0]["now_w"]
    assert Decoder().decode(ProofSchedule, stored, "schedule") == opened(ProofSchedule(), 1, record())


@pytest.mark.parametrize("silent_s", [1, int(LATE_S)])
def test_a_measurement_waits_a_little_for_meters_that_are_silent(silent_s: int) -> None:
    schedule, made = go(opened(ProofSchedule(), 1, record()), 0, 10 + silent_s, SILENT)
    assert made == []
    _, made = go(schedule, 10 + silent_s, 11 + silent_s, LOW)
    assert told(made) == [(1, 10, "obeyed", 10.0 + silent_s)]


@pytest.mark.parametrize("power_w", [None, float("nan"), float("inf"), float("-inf")])
def test_what_nobody_measured_is_kept_as_that(power_w: float | None) -> None:
    _, made = go(opened(ProofSchedule(), 1, record()), 0, 17, MeasuredPowers(power_w))
    assert made == [FollowUp(refers_to=1, after_s=10, at=at(16), result=ProofResult.NOT_MEASURED)]


@pytest.mark.parametrize(("away_s", "missed"), [(20, (10,)), (66, (10, 60)), (100_000, (10, 60, 300))])
def test_moments_that_went_by_are_kept_as_not_measured_not_with_what_is_measured_later(
    away_s: int, missed: tuple[int, ...]
) -> None:
    schedule, made = follow_up(opened(ProofSchedule(), 1, record()), at(away_s), LOW)
    assert [(one.after_s, one.result, one.powers) for one in made] == [
        (after_s, ProofResult.NOT_MEASURED, GridPowers()) for after_s in missed
    ]
    assert [one.due for one in schedule.records] == ([FOLLOW_UPS_S[len(missed) :]] if len(missed) < 3 else [])


def test_a_clock_that_was_set_back_ends_the_measuring() -> None:
    schedule, made = go(opened(ProofSchedule(), 1, record()), 0, 11, LOW)
    assert len(made) == 1
    assert follow_up(schedule, at(-4), LOW)[1] == ()
    schedule, made_after = follow_up(schedule, at(-3600), LOW)
    assert [(one.after_s, one.result) for one in made_after] == [
        (60, ProofResult.NOT_MEASURED),
        (300, ProofResult.NOT_MEASURED),
    ]
    assert schedule == ProofSchedule()


def restarted(schedule: ProofSchedule) -> ProofSchedule:
    """Return the schedule as it comes back from where the site remembers it."""
    stored = json.loads(json.dumps(Encoder().encode(schedule)))
    return Decoder().decode(ProofSchedule, stored, "schedule")


def proven(sequence: int, one: GridRecord, *made: FollowUp) -> ProvenRecord:
    return ProvenRecord(sequence, "0" * 64, one, tuple(made))


def test_a_schedule_comes_back_from_what_is_remembered_as_it_was() -> None:
    schedule = opened(opened(ProofSchedule(), 1, record()), 2, record(20, 4200.0, scope=SignalScope.SITE))
    schedule = opened(schedule, 3, record(25, 100.0, scope=SignalScope.DEVICE, evse=EVSE))
    schedule, _ = go(schedule, 30, 40, LOW)
    assert restarted(schedule) == schedule


@pytest.mark.parametrize("remembered", [True, False])
def test_the_log_says_what_is_left_to_be_measured_after_a_restart(remembered: bool) -> None:
    """A site that died remembers nothing: then the time to comply counts from the first measurement on."""
    schedule, made = go(opened(ProofSchedule(), 1, record()), 0, 40, LOW)
    known = restarted(schedule) if remembered else ProofSchedule()
    after = resumed((proven(1, record(), *made),), known)
    _, more = go(after, 55, 400, LOW)
    took = 0.0 if remembered else 55.0
    assert told(more) == [(1, 60, "obeyed", took), (1, 300, "obeyed", took)]


def test_what_was_kept_just_before_the_end_is_not_measured_again_and_what_came_between_is_not_made_up() -> None:
    """The measurement after 10 s is in the log, but what is remembered is older."""
    remembered = opened(ProofSchedule(), 1, record())
    _, made = go(remembered, 0, 11, LOW)
    after = resumed((proven(1, record(), *made),), remembered)
    assert told(go(after, 200, 400, LOW)[1]) == [(1, 60, "not_measured", None), (1, 300, "obeyed", 200.0)]


def test_after_a_restart_the_log_also_says_which_limit_took_the_place_of_another() -> None:
    after = resumed((proven(2, record(30, 4200.0)), proven(1, record())), ProofSchedule())
    _, made = go(after, 300, 331, LOW)
    assert [one[1:3] for one in told(made) if one[0] == 1] == [
        (10, "not_measured"),
        (60, "not_measured"),
        (300, "not_judged"),
    ]


def test_a_record_that_lacks_nothing_does_not_wait() -> None:
    _, made = go(opened(ProofSchedule(), 1, record()), 0, 301, LOW)
    assert len(made) == 3
    assert resumed((proven(1, record(), *made),), opened(ProofSchedule(), 1, record())) == ProofSchedule()


STEPS = st.lists(
    st.tuples(
        st.floats(0.1, 40), st.none() | st.floats(-30_000, 30_000), st.sampled_from(["look", "limit", "restart"])
    ),
    max_size=40,
)


@given(STEPS)
def test_every_record_gets_each_measurement_once_whatever_happens(
    steps: list[tuple[float, float | None, str]],
) -> None:
    schedule, log, seconds = ProofSchedule(), dict[int, ProvenRecord](), 0.0

    def look(power_w: float | None) -> None:
        nonlocal schedule
        schedule, made = follow_up(schedule, at(seconds), MeasuredPowers(power_w))
        for one in made:
            kept = log[one.refers_to]
            assert kept.follow_up(one.after_s) is None
            elapsed_s = (one.at - kept.record.at).total_seconds()
            assert elapsed_s >= one.after_s
            if one.result is not ProofResult.NOT_MEASURED:
                assert elapsed_s <= one.after_s + LATE_S + 0.001
            if one.result is ProofResult.OBEYED:
                assert one.complied_after_s is not None
                assert 0 <= one.complied_after_s <= elapsed_s
            log[one.refers_to] = replace(kept, follow_ups=(*kept.follow_ups, one))

    for pause_s, power_w, what in steps:
        seconds += pause_s
        if what == "limit":
            new = record(seconds, None if power_w is None else abs(power_w))
            log[len(log) + 1] = proven(len(log) + 1, new)
            schedule = opened(schedule, len(log), new)
        elif what == "restart":
            lacking = [one for one in log.values() if len(one.follow_ups) < len(FOLLOW_UPS_S)]
            schedule = resumed(lacking, restarted(schedule))
        look(power_w)
    seconds += 1000
    look(0.0)
    assert schedule == ProofSchedule()
    assert all([one.after_s for one in kept.follow_ups] == [*FOLLOW_UPS_S] for kept in log.values())


async def test_log_and_schedule_fit_together_over_a_restart(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.db")
    proof = ledger.site("home").grid_proof
    schedule = opened(ProofSchedule(), await proof.append(record()), record())
    schedule, made = go(schedule, 0, 12, LOW)
    for one in made:
        await proof.append_follow_up(one)
    await ledger.close()
    ledger = await Ledger.open(tmp_path / "ledger.db")
    proof = ledger.site("home").grid_proof
    schedule = resumed(await proof.unfinished(), restarted(schedule))
    _, made = go(schedule, 100, 400, LOW)
    for one in made:
        await proof.append_follow_up(one)
    (kept,) = await proof.records()
    assert [one.result.value for one in kept.follow_ups] == ["obeyed", "not_measured", "obeyed"]
    assert (kept.result, kept.complied_after_s) == (ProofResult.OBEYED, 0.0)
    assert await proof.unfinished() == ()
    assert (await proof.verify(at(400))).rows == 4
    await ledger.close()
