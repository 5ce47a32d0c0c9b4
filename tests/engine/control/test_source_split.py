"""Where what each EVSE draws comes from: the rule by examples, and what holds for any powers."""

from dataclasses import replace

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.control.source_split import PowerSplit, SiteFlows, split_sources

WATTS = st.floats(0, 50_000)
SIGNED = st.floats(-50_000, 50_000)
DRAWN = st.dictionaries(st.integers(0, 9), WATTS, min_size=1, max_size=6)
FLOWS = st.builds(SiteFlows, st.none() | SIGNED, st.none() | WATTS, st.none() | SIGNED)
KNOWN = st.builds(SiteFlows, SIGNED, WATTS, SIGNED)
SLACK_W = 1e-6


def one(flows: SiteFlows, drawn_w: float) -> PowerSplit:
    return split_sources(flows, {"car": drawn_w})["car"]


def parts(split: PowerSplit) -> tuple[float, float, float, float]:
    rounded = (split.solar_w, split.battery_w, split.grid_w, split.unknown_w)
    return tuple(round(part, 6) for part in rounded)  # type: ignore[return-value]  # four of them


def balanced(house_w: float, pv_w: float, battery_w: float, drawn_w: float) -> SiteFlows:
    """Return what meters show where a house, PV, a battery and cars are as given."""
    return SiteFlows(house_w + drawn_w - pv_w - battery_w, pv_w, battery_w)


@pytest.mark.parametrize(
    ("house_w", "pv_w", "battery_w", "drawn_w", "expected"),
    [
        (1000, 6000, 0, 4000, (4000, 0, 0, 0)),  # more sun than house and car take
        (1000, 4000, 0, 4000, (3000, 0, 1000, 0)),  # the house comes first
        (3000, 2000, 0, 4000, (0, 0, 4000, 0)),  # nothing is left for the car
        (1000, 4000, 500, 4000, (3000, 500, 500, 0)),  # the battery comes after the sun
        (3000, 2000, 2500, 4000, (0, 1500, 2500, 0)),  # the house takes from the battery too
        (1000, 6000, -3000, 4000, (4000, 0, 0, 0)),  # a battery that charges is filled by what cars leave
        (500, 0, 0, 7000, (0, 0, 7000, 0)),  # night
    ],
)
def test_the_house_comes_first_then_cars_and_then_what_charges_batteries(
    house_w: float, pv_w: float, battery_w: float, drawn_w: float, expected: tuple[float, ...]
) -> None:
    assert parts(one(balanced(house_w, pv_w, battery_w, drawn_w), drawn_w)) == expected


def test_cars_share_the_sun_in_proportion_to_what_they_draw() -> None:
    split = split_sources(balanced(0, 6000, 0, 12_000), {"small": 4000, "large": 8000})
    assert parts(split["small"]) == (2000, 0, 2000, 0)
    assert parts(split["large"]) == (4000, 0, 4000, 0)


def test_what_a_car_gives_counts_as_a_batterys() -> None:
    split = split_sources(SiteFlows(2000, 0, 0), {"giving": -3000, "taking": 4000})
    assert parts(split["taking"]) == (0, 2000, 2000, 0)  # 1000 of the 3000 serve the house
    assert parts(split["giving"]) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("flows", "expected"),
    [
        (SiteFlows(), (0, 0, 0, 4000)),
        (SiteFlows(grid_w=4500, pv_w=0), (0, 0, 0, 4000)),  # the battery is not told
        (SiteFlows(pv_w=6000, battery_w=0), (0, 0, 0, 4000)),  # who knows what the house takes
        (SiteFlows(pv_w=0, battery_w=1000), (0, 0, 0, 4000)),
        (SiteFlows(pv_w=0, battery_w=-1000), (0, 0, 4000, 0)),  # nothing but the grid gives
        (SiteFlows(grid_w=5000, battery_w=0), (0, 0, 4000, 0)),  # all of it was bought, whatever PV gives
        (SiteFlows(grid_w=1500, battery_w=0), (0, 0, 1500, 2500)),  # something else gave the rest
        (SiteFlows(grid_w=1500, battery_w=-1000), (0, 0, 500, 3500)),
        (SiteFlows(grid_w=-800, battery_w=0), (0, 0, 0, 4000)),
    ],
)
def test_what_nobody_tells_is_unknown_and_not_made_up(flows: SiteFlows, expected: tuple[float, ...]) -> None:
    assert parts(one(flows, 4000)) == expected


def test_a_meter_that_lags_behind_makes_no_sun_at_night() -> None:
    assert parts(one(SiteFlows(grid_w=300, pv_w=0, battery_w=0), 11_000)) == (0, 0, 11_000, 0)


@given(FLOWS, st.dictionaries(st.integers(0, 9), SIGNED, max_size=6))
def test_the_parts_of_an_evse_are_what_it_draws_and_none_is_negative(
    flows: SiteFlows, drawn_w: dict[int, float]
) -> None:
    split = split_sources(flows, drawn_w)
    assert split.keys() == drawn_w.keys()
    for key, one_split in split.items():
        assert min(one_split.solar_w, one_split.battery_w, one_split.grid_w, one_split.unknown_w) >= 0
        assert one_split.total_w == pytest.approx(max(0.0, drawn_w[key]), abs=SLACK_W)


@given(FLOWS, DRAWN)
def test_all_evses_together_never_get_more_than_what_the_site_gives(
    flows: SiteFlows, drawn_w: dict[int, float]
) -> None:
    split = split_sources(flows, drawn_w).values()
    assert sum(one_split.solar_w for one_split in split) <= (flows.pv_w or 0.0) + SLACK_W
    assert sum(one_split.battery_w for one_split in split) <= max(0.0, flows.battery_w or 0.0) + SLACK_W


@given(FLOWS, DRAWN, st.randoms())
def test_the_order_of_evses_changes_nothing(flows: SiteFlows, drawn_w: dict[int, float], chance: object) -> None:
    shuffled = list(drawn_w.items())
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' own Random
    assert split_sources(flows, dict(shuffled)) == split_sources(flows, drawn_w)


@given(WATTS, WATTS, SIGNED, DRAWN, WATTS)
def test_more_sun_on_the_same_house_never_means_less_sun_or_more_grid_in_a_car(
    house_w: float, pv_w: float, battery_w: float, drawn_w: dict[int, float], more_w: float
) -> None:
    taken_w = sum(drawn_w.values())
    before = split_sources(balanced(house_w, pv_w, battery_w, taken_w), drawn_w)
    after = split_sources(balanced(house_w, pv_w + more_w, battery_w, taken_w), drawn_w)
    for key in drawn_w:
        assert after[key].solar_w >= before[key].solar_w - SLACK_W
        assert after[key].grid_w <= before[key].grid_w + SLACK_W


@given(KNOWN, DRAWN, WATTS)
def test_more_sun_in_the_same_import_never_means_less_sun_in_a_car(
    flows: SiteFlows, drawn_w: dict[int, float], more_w: float
) -> None:
    assert flows.pv_w is not None
    after = split_sources(replace(flows, pv_w=flows.pv_w + more_w), drawn_w)
    for key, before in split_sources(flows, drawn_w).items():
        assert after[key].solar_w >= before.solar_w - SLACK_W


@given(WATTS, WATTS, SIGNED, DRAWN)
def test_nothing_is_unknown_where_everything_is_measured_and_cars_never_buy_more_than_is_imported(
    house_w: float, pv_w: float, battery_w: float, drawn_w: dict[int, float]
) -> None:
    flows = balanced(house_w, pv_w, battery_w, sum(drawn_w.values()))
    split = split_sources(flows, drawn_w).values()
    assert all(one_split.unknown_w == 0 for one_split in split)
    assert flows.grid_w is not None
    assert sum(one_split.grid_w for one_split in split) <= max(0.0, flows.grid_w) + SLACK_W
