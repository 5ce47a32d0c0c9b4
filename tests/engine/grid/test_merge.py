"""All signals of a moment as one demand for each target."""

from dataclasses import replace
from itertools import permutations
from random import Random

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.grid.merge import Demand, Direction, full_value, merge, price_level
from custom_components.smart_charging.engine.grid.signal import GridSignal, SignalKind, SignalScope, SignalUnit
from custom_components.smart_charging.engine.grid.source_state import Claim, ClaimReason
from custom_components.smart_charging.engine.limit import LimitUnit, OwnPower

from .builders import CONNECTION, KEY, NOW, OTHER, after, signal


def demanded(*signals: GridSignal) -> Demand:
    (found,) = merge([Claim(one) for one in signals], CONNECTION, NOW)
    return found


def test_the_most_restrictive_counts_and_all_others_are_told() -> None:
    found = demanded(signal(9_000.0, source_id="a"), signal(4_200.0, source_id="b"), signal(7_000.0, source_id="c"))
    assert (found.value, found.source_id, found.others) == (4_200.0, "b", ("a", "c"))


def test_of_equal_ones_the_binding_one_counts_then_the_longest() -> None:
    later = signal(valid_until=after(900.0), source_id="z")
    assert demanded(later, signal(source_id="a", valid_until=after(60.0))).source_id == "z"
    assert demanded(later, signal(source_id="a", binding=True, valid_until=after(60.0))).source_id == "a"
    assert demanded(later, signal(source_id="z2")).until is None


@pytest.mark.parametrize(
    ("told", "value", "unit", "value_w"),
    [
        (signal(5_000.0, scope=SignalScope.SITE), 5_000.0, LimitUnit.WATT, 5_000.0),
        (signal(10.0, scope=SignalScope.SITE, unit=SignalUnit.AMPERE), 10.0, LimitUnit.AMPERE, 6_900.0),
        (signal(10.0, unit=SignalUnit.AMPERE), 10.0, LimitUnit.AMPERE, 6_900.0),
        (signal(10.0, scope=SignalScope.DEVICE, evse=KEY, unit=SignalUnit.AMPERE), 10.0, LimitUnit.AMPERE, 6_900.0),
        (signal(10.0, scope=SignalScope.DEVICE, evse=OTHER, unit=SignalUnit.AMPERE), 10.0, LimitUnit.AMPERE, 2_300.0),
        (signal(50.0, scope=SignalScope.SITE, unit=SignalUnit.PERCENT), 12_075.0, LimitUnit.WATT, 12_075.0),
        (signal(60.0, kind=SignalKind.EXPORT_LIMIT, unit=SignalUnit.PERCENT), 6_000.0, LimitUnit.WATT, 6_000.0),
        (signal(None), 0.0, LimitUnit.WATT, 0.0),
    ],
)
def test_values_are_counted_by_the_connection(told: GridSignal, value: float, unit: LimitUnit, value_w: float) -> None:
    found = demanded(told)
    assert (found.value, found.target.unit, found.value_w) == (pytest.approx(value), unit, pytest.approx(value_w))


def test_amperes_on_one_phase_are_fewer_watts() -> None:
    one_phase = replace(CONNECTION, phases=1, power_w=5_000.0)
    assert one_phase.watts(6.0) == 1_380.0
    assert one_phase.watts(6.0, KEY) == 1_380.0
    assert one_phase.full_w == 5_000.0


def test_what_can_t_be_compared_stays_apart() -> None:
    claims = [
        Claim(signal(5_000.0), own_power=OwnPower.AFTER_OTHER_LOAD),
        Claim(signal(None)),
        Claim(signal(5_000.0, scope=SignalScope.SITE), own_power=OwnPower.AFTER_OTHER_LOAD),
        Claim(signal(8.0, unit=SignalUnit.AMPERE)),
        Claim(signal(8.0, scope=SignalScope.DEVICE, evse=KEY, unit=SignalUnit.AMPERE)),
        Claim(signal(0.0, kind=SignalKind.EXPORT_LIMIT)),
    ]
    assert [str(one.target) for one in merge(claims, CONNECTION, NOW)] == [
        "export/controllable/W/not_counted",
        "import/controllable/A/not_counted",
        "import/controllable/W/after_other_load",
        "import/controllable/W/not_counted",
        "import/device/A/not_counted/CP1/1",
        "import/site/W/not_counted",
    ]


def test_only_what_is_live_counts() -> None:
    early, late = signal(1.0, valid_from=after(1.0)), signal(2.0, valid_until=NOW)
    assert demanded(early, late, signal(3.0, valid_from=NOW, valid_until=after(1.0))).value == 3.0


def test_a_price_level_limits_nothing_and_the_highest_is_told() -> None:
    levels = [
        Claim(signal(level, kind=SignalKind.PRICE_LEVEL, unit=SignalUnit.LEVEL, scope=SignalScope.SITE))
        for level in (1.0, 3.0, 2.0)
    ]
    assert merge(levels, CONNECTION, NOW) == ()
    told = price_level([*levels, Claim(signal())], NOW)
    assert told is not None
    assert (told.level, told.source_id) == (3.0, "message")
    assert price_level([], NOW) is None


@pytest.mark.parametrize(
    ("told", "controllable_w", "full"),
    [
        (signal(8.0, unit=SignalUnit.AMPERE), 22_000.0, 35.0),
        (signal(), 22_000.0, 22_000.0),
        (signal(), 50_000.0, 24_150.0),
        (signal(), 0.0, 24_150.0),
        (signal(scope=SignalScope.SITE), 22_000.0, 24_150.0),
        (signal(kind=SignalKind.EXPORT_LIMIT), 22_000.0, 24_150.0),
    ],
)
def test_a_limit_ceases_to_bind_where_all_can_flow(told: GridSignal, controllable_w: float, full: float) -> None:
    assert full_value(demanded(told).target, CONNECTION, controllable_w) == pytest.approx(full)


SIGNALS = st.builds(
    signal,
    st.sampled_from([None, 0.0, 4_200.0, 4_200.0, 9_000.0]),
    source_id=st.sampled_from(["a", "b", "c"]),
    scope=st.sampled_from([SignalScope.SITE, SignalScope.CONTROLLABLE]),
    binding=st.booleans(),
    unit=st.sampled_from([SignalUnit.WATT, SignalUnit.AMPERE]),
    valid_until=st.sampled_from([None, after(60.0), after(90.0)]),
    received_at=st.sampled_from([NOW, after(-5.0)]),
    raw=st.sampled_from(["", "x"]),
)
CLAIMS = st.builds(Claim, SIGNALS, st.just(ClaimReason.STATED), st.sampled_from(OwnPower), st.just(300.0))


@given(claims=st.lists(CLAIMS, max_size=8), seed=st.integers())
def test_the_order_of_signals_makes_no_difference(claims: list[Claim], seed: int) -> None:
    other = list(claims)
    Random(seed).shuffle(other)
    assert merge(claims, CONNECTION, NOW) == merge(other, CONNECTION, NOW)


@given(claims=st.lists(CLAIMS, max_size=8), more=CLAIMS)
def test_a_signal_more_never_loosens_anything(claims: list[Claim], more: Claim) -> None:
    before = {str(one.target): one.value for one in merge(claims, CONNECTION, NOW)}
    after_it = {str(one.target): one.value for one in merge([*claims, more], CONNECTION, NOW)}
    assert all(after_it[name] <= value for name, value in before.items())


def test_every_order_of_three_gives_the_same_binding_source() -> None:
    three = [signal(4_200.0, source_id="a"), signal(4_200.0, source_id="b", binding=True), signal(6_000.0)]
    assert {demanded(*one).source_id for one in permutations(three)} == {"b"}
    assert demanded(*three).target.direction is Direction.IMPORT


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"value": -1.0}, "at least 0"),
        ({"value": float("nan")}, "at least 0"),
        ({"value": None, "kind": SignalKind.IMPORT_LIMIT}, "a block has no value"),
        ({"evse": KEY}, "names its EVSE"),
        ({"scope": SignalScope.DEVICE}, "names its EVSE"),
    ],
)
def test_a_signal_that_means_nothing_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        signal(**({"value": 5_000.0} | fields))  # type: ignore[arg-type]  # fields by name
