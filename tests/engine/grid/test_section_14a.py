"""The arithmetic of section 14a EnWG, by the vectors of the ruling and by properties."""

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.grid.section_14a import (
    ControllableDevice,
    DeviceKind,
    minimum_power,
    not_below_minimum,
    reserved_w,
    simultaneity,
    split,
)

from .builders import air_conditioning, battery, charger, heat_pump

CHARGERS = [charger(f"CP{n}") for n in range(1, 13)]
KINDS = st.sampled_from(DeviceKind)
DEVICES = st.lists(st.tuples(KINDS, st.floats(1_000.0, 40_000.0), st.booleans()), max_size=10).map(
    lambda found: [ControllableDevice(f"d{n}", *one) for n, one in enumerate(found)]
)


def minimum_w(*devices: ControllableDevice) -> float:
    found = minimum_power(devices)
    assert found is not None
    return found.minimum_w


@pytest.mark.parametrize(
    ("devices", "expected_w"),
    [
        ([charger()], 4_200.0),
        ([charger(), battery()], 7_560.0),
        ([charger(), battery(), heat_pump(9_000.0)], 10_500.0),
        (CHARGERS[:3], 10_500.0),
        ([*CHARGERS[:4], battery(), heat_pump(14_000.0)], 18_200.0),
        ([heat_pump(14_000.0)], 5_600.0),
        ([heat_pump(11_000.0)], 4_200.0),
        ([heat_pump(14_000.0), air_conditioning(20_000.0)], 8_000.0 + 0.8 * 4_200.0),
        ([charger(), heat_pump(6_000.0), heat_pump(6_000.0, "second")], 0.4 * 12_000.0 + 0.8 * 4_200.0),
        (CHARGERS[:4], 4_200.0 * (1 + 3 * 0.70)),
        (CHARGERS[:5], 4_200.0 * (1 + 4 * 0.65)),
        (CHARGERS[:6], 4_200.0 * (1 + 5 * 0.60)),
        (CHARGERS[:7], 4_200.0 * (1 + 6 * 0.55)),
        (CHARGERS[:8], 4_200.0 * (1 + 7 * 0.50)),
        (CHARGERS[:9], 4_200.0 * (1 + 8 * 0.45)),
        (CHARGERS[:12], 4_200.0 * (1 + 11 * 0.45)),
    ],
)
def test_the_legal_minimum_is_that_of_the_ruling(devices: list[ControllableDevice], expected_w: float) -> None:
    assert minimum_w(*devices) == pytest.approx(expected_w)


def test_what_it_was_worked_out_from_is_told() -> None:
    found = minimum_power([*CHARGERS[:4], battery(), heat_pump(14_000.0)])
    assert found is not None
    assert (found.devices, found.simultaneity) == (6, 0.60)
    assert (found.heat_pumps_w, found.air_conditioning_w) == (14_000.0, 0.0)


def test_without_a_device_there_is_no_minimum() -> None:
    assert minimum_power([]) is None
    assert not_below_minimum(0.0, None) == 0.0
    with pytest.raises(ValueError, match="fewer than one"):
        simultaneity(0)


@pytest.mark.parametrize("rated_w", [0.0, -1.0, float("nan"), float("inf")])
def test_a_device_without_power_is_refused(rated_w: float) -> None:
    with pytest.raises(ValueError, match="power of a controllable device"):
        charger(rated_w=rated_w)


@given(devices=DEVICES, more=st.tuples(KINDS, st.floats(1_000.0, 40_000.0)))
def test_a_device_more_never_lowers_the_minimum_but_where_the_table_drops(
    devices: list[ControllableDevice], more: tuple[DeviceKind, float]
) -> None:
    before, grown = minimum_power(devices), minimum_power([*devices, ControllableDevice("more", *more)])
    assert grown is not None
    if before is not None and (before.devices, grown.devices) != (8, 9):
        assert grown.minimum_w >= before.minimum_w - 1e-9
    assert grown.minimum_w >= 4_200.0


@given(devices=DEVICES, limit_w=st.floats(0.0, 100_000.0))
def test_parts_add_up_and_nobody_gets_more_than_it_can_use(devices: list[ControllableDevice], limit_w: float) -> None:
    parts = split(limit_w, devices)
    rated = {one.device_id: one.rated_w for one in devices}
    assert sum(parts.values()) == pytest.approx(min(limit_w, sum(rated.values())))
    least = min((part for name, part in parts.items() if part < rated[name] - 1e-6), default=None)
    for name, part in parts.items():
        assert 0 <= part <= rated[name]
        assert least is None or part <= least + 1e-6  # who gets less than it can use gets as much as anybody


def test_parts_do_not_depend_on_the_order() -> None:
    devices = [charger(), battery(1_000.0), heat_pump()]
    assert split(7_560.0, devices) == split(7_560.0, devices[::-1])
    assert split(7_560.0, devices)["battery"] == 1_000.0


@given(devices=DEVICES, limit_w=st.floats(0.0, 100_000.0), drawn_w=st.floats(-1_000.0, 100_000.0))
def test_what_is_kept_for_others_is_never_more_than_the_limit(
    devices: list[ControllableDevice], limit_w: float, drawn_w: float
) -> None:
    for drawn in ({}, {"d0": drawn_w}):
        assert 0 <= reserved_w(limit_w, devices, drawn) <= limit_w


def test_devices_led_elsewhere_get_what_they_draw_or_else_their_part() -> None:
    devices = [charger(), heat_pump(3_000.0)]
    assert reserved_w(7_560.0, devices, {}) == 3_000.0
    assert reserved_w(7_560.0, devices, {"heat_pump": 1_200.0}) == 1_200.0
    assert reserved_w(7_560.0, devices, {"heat_pump": 9_000.0}) == 7_560.0
    assert reserved_w(7_560.0, [charger()], {}) == 0.0
