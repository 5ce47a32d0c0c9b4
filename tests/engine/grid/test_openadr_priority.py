"""Which of several OpenADR 3 events holds, and for whom it is."""

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.grid.openadr_priority import by_priority
from custom_components.smart_charging.engine.grid.openadr_values import Addressee
from custom_components.smart_charging.engine.grid.signal import GridSignal, SignalKind, SignalScope
from tests.engine.grid.events import EVSE, NOW, at, event, read, when
from tests.engine.grid.vtn import limit_interval, period

# Which one wins


def test_of_overlapping_events_the_lower_priority_number_holds() -> None:
    base = event(limit_interval(11), id="base", priority=5, intervalPeriod=period("2026-06-01T08:00:00Z", "PT8H"))
    urgent = event(limit_interval(20), id="urgent", priority=0, intervalPeriod=period("2026-06-01T11:00:00Z", "PT1H"))
    assert when(read(base, urgent)) == [
        (at(8), at(11), 11_000),
        (at(11), at(12), 20_000),
        (at(12), at(16), 11_000),
    ]


def test_an_event_without_a_priority_comes_last() -> None:
    nobody = event(limit_interval(1), id="nobody", intervalPeriod="leave out")
    somebody = event(limit_interval(11), id="somebody", priority=99)
    assert when(read(nobody, somebody)) == [(None, at(10), 1000), (at(10), at(11), 11_000), (at(11), None, 1000)]


def test_events_of_equal_priority_stay_side_by_side() -> None:
    assert [value for _, _, value in when(read(event(limit_interval(11)), event(limit_interval(7), id="other")))] == [
        7000,
        11_000,
    ]


def test_priority_is_between_signals_of_one_kind_only() -> None:
    level = event(limit_interval(2, kind="SIMPLE"), id="level", priority=0)
    assert len(read(level, event(limit_interval(11), priority=9)).signals) == 2


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(0, 4)), st.integers(0, 40), st.one_of(st.none(), st.integers(1, 20))
        ),
        max_size=25,
    )
)
@settings(max_examples=150, deadline=None)
def test_at_each_moment_exactly_the_signals_of_the_best_priority_are_left(
    stated: list[tuple[int | None, int, int | None]],
) -> None:
    ranked = [
        (
            priority,
            GridSignal(
                source_id="vtn",
                kind=SignalKind.IMPORT_LIMIT,
                received_at=NOW,
                value=float(place),
                valid_from=at(start),
                valid_until=None if length is None else at(start + length),
            ),
        )
        for place, (priority, start, length) in enumerate(stated)
    ]
    kept = by_priority(ranked)
    for half_hours in range(-1, 125):
        moment = at(half_hours / 2)
        live = [(priority, signal) for priority, signal in ranked if signal.live(moment)]
        best = min((99 if priority is None else priority for priority, _ in live), default=None)
        expected = sorted(
            signal.value or 0 for priority, signal in live if (99 if priority is None else priority) == best
        )
        assert sorted(signal.value or 0 for signal in kept if signal.live(moment)) == expected


# Whom it is for


@pytest.mark.parametrize(
    ("targets", "ours"),
    [
        (None, True),
        ([], True),
        ([{"type": "VEN_NAME", "values": ["home", "others"]}], True),
        ([{"type": "VEN_NAME", "values": ["others"]}], False),
        ([{"type": "VEN_NAME", "values": ["home"]}, {"type": "RESOURCE_NAME", "values": ["boiler"]}], False),
        ([{"type": "PROGRAM_NAME", "values": ["whatever"]}], True),
        ([{"type": "POWER_SERVICE_LOCATION", "values": ["871234567890123456"]}], True),
        (["871234567890123456"], True),
    ],
)
def test_events_for_others_are_not_ours(targets: object, ours: bool) -> None:
    reading = read(event(limit_interval(11), targets=targets))
    assert (len(reading.signals), reading.not_ours) == ((1, 0) if ours else (0, 1))


@pytest.mark.parametrize(
    ("targets", "ours"),
    [
        ([{"type": "POWER_SERVICE_LOCATION", "values": ["871111111111111111"]}], True),
        ([{"type": "POWER_SERVICE_LOCATION", "values": ["872222222222222222"]}], False),
        (["871111111111111111", "872222222222222222"], True),
        (["872222222222222222"], False),
        (["wallbox"], True),
    ],
)
def test_a_site_that_knows_its_connection_tells_it_from_others(targets: object, ours: bool) -> None:
    known = Addressee(ven_name="home", targets=frozenset({"871111111111111111"}), resources={"wallbox": EVSE})
    assert bool(read(event(limit_interval(11), targets=targets), addressee=known).signals) is ours


@pytest.mark.parametrize("targets", [["wallbox"], [{"type": "RESOURCE_NAME", "values": ["wallbox"]}]])
def test_an_event_for_a_resource_that_is_an_evse_is_for_that_evse(targets: object) -> None:
    [signal] = read(event(limit_interval(11), targets=targets)).signals
    assert (signal.scope, signal.evse) == (SignalScope.DEVICE, EVSE)


def test_an_event_for_a_resource_that_is_no_evse_is_for_the_site() -> None:
    [signal] = read(event(limit_interval(11), targets=["house"])).signals
    assert signal.scope is SignalScope.SITE
