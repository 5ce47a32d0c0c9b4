"""The currents that chargers fall to when nobody leads them."""

from dataclasses import replace

from hypothesis import given, strategies as st

from custom_components.smart_charging.engine.config import StationConfig
from custom_components.smart_charging.engine.control.safe_currents import allocate_safe_currents, safe_current_shortage
from custom_components.smart_charging.engine.model import EvseKey, PhaseRotation

from .builders import SITE


def station(number: int, **changes: object) -> StationConfig:
    return replace(StationConfig(f"CP{number}", "x"), **changes)  # type: ignore[arg-type]  # fields by name


def test_two_chargers_fit_beside_the_house_and_the_third_gets_none() -> None:
    chargers = [station(number) for number in (1, 2, 3)]
    allocation = allocate_safe_currents(SITE, ((EvseKey(one.station_id, 1), one) for one in chargers))
    assert [allocation.currents[EvseKey(one.station_id, 1)] for one in chargers] == [6.0, 6.0, 0.0]
    assert safe_current_shortage(SITE, chargers) == ("CP3",)


def test_priority_comes_before_the_id() -> None:
    chargers = [station(1), station(2), station(3, priority=1)]
    assert safe_current_shortage(SITE, chargers) == ("CP2",)


def test_one_phase_chargers_spread_over_rotations_all_fit() -> None:
    rotations = (PhaseRotation.RST, PhaseRotation.STR, PhaseRotation.TRS) * 2
    chargers = [station(number, phases=1, rotation=rotation) for number, rotation in enumerate(rotations)]
    assert safe_current_shortage(SITE, chargers) == ()


@given(
    st.lists(
        st.builds(
            station,
            st.integers(0, 99),
            phases=st.sampled_from([1, 3]),
            rotation=st.sampled_from(PhaseRotation),
            safe_current_a=st.floats(6, 16),
            priority=st.integers(0, 3),
        ),
        max_size=8,
        unique_by=lambda one: one.station_id,
    ),
    st.sampled_from([1, 3]),
)
def test_worst_house_and_safe_currents_stay_within_the_fuse(chargers: list[StationConfig], phases: int) -> None:
    site = replace(SITE, phases=phases)
    allocation = allocate_safe_currents(site, ((EvseKey(one.station_id, 1), one) for one in chargers))
    load = [site.reserved_house_a + site.margin_a] * 3
    for one in chargers:
        used = (0,) if phases == 1 else one.rotation.grid_phases(one.phases)
        for phase in used:
            load[phase] += allocation.currents[EvseKey(one.station_id, 1)]
    assert max(load) <= site.fuse_a + 1e-6
