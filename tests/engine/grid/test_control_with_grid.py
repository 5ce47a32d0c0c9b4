"""From a signal to what chargers draw: the room's limits through control, with a plant that obeys."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.config import SiteConfig
from custom_components.smart_charging.engine.grid.signal import SignalKind, SignalScope
from custom_components.smart_charging.engine.grid.source import SignalAdded, SignalsCleared, SourceConfig
from custom_components.smart_charging.engine.limit import LimitSource
from custom_components.smart_charging.engine.model import ReasonCode
from tests.engine.control.builders import SITE
from tests.engine.control.plant import VOLTS, Car, Plant, stations

from .builders import NOW, Room, battery, charger, click, messages, relay, signal

STEP_W = 150.0  # what steps of the stations leave of a limit
BIG: SiteConfig = replace(SITE, fuse_a=35.0)


class Dimmed:
    """A plant with as many 11 kW chargers as cars, whose limits are the room's, and the room at the plant's time."""

    def __init__(self, *sources: SourceConfig, cars: int = 2) -> None:
        self.plant = Plant(BIG, *(Car(one) for one in stations(cars)))
        devices = [*(charger(f"CP{n + 1}") for n in range(cars - 1)), battery()]
        self.room = Room(*sources, devices=devices)

    @property
    def drawn_w(self) -> float:
        return sum(car.on_grid().total for car in self.plant.cars) * VOLTS

    def run(self, seconds: float, *events: object) -> None:
        self.room.now = self.plant.now
        self.plant.limits = self.room.tell(*events).limits  # type: ignore[arg-type]  # events of any kind
        for _ in range(int(seconds)):
            self.plant.step(1.0)
            self.room.now = self.plant.now
            self.plant.limits = self.room.tell().limits


def test_a_relay_dims_22_kw_to_the_minimum_of_two_devices_and_lets_them_return_slowly() -> None:
    home = Dimmed(relay(debounce_s=0.0))
    home.run(120, click(False))
    home.run(400)
    assert home.drawn_w == pytest.approx(22_080.0)
    home.run(1, click(True, home.plant.now))
    assert home.drawn_w <= 7_560.0
    home.run(60)
    assert home.drawn_w == pytest.approx(7_560.0, abs=STEP_W)
    assert home.plant.decision is not None
    assert home.plant.decision.setpoints[home.plant.cars[0].key].reason.code is ReasonCode.LIMIT_GRID_SIGNAL
    assert home.plant.decision.bounds[home.plant.cars[0].key].source is LimitSource.GRID_SIGNAL
    home.run(150, click(False, home.plant.now))
    assert home.drawn_w <= 7_560.0 + (24_150.0 - 7_560.0) / 2 + STEP_W
    home.run(400)
    assert home.drawn_w == pytest.approx(22_080.0)


def test_a_block_stops_all_charging() -> None:
    block = relay(kind=SignalKind.BLOCK, debounce_s=0.0)
    home = Dimmed(block)
    home.run(60, click(True))
    assert home.drawn_w == 0.0


def test_a_site_limit_of_zero_leaves_the_sun_to_the_cars() -> None:
    home = Dimmed(messages(), cars=1)
    home.plant.house(-10.0)
    home.run(120, SignalAdded("message", NOW, signal(0.0, scope=SignalScope.SITE)))
    assert home.drawn_w == pytest.approx(6_900.0, abs=STEP_W)


LIMITS = st.one_of(st.none(), st.floats(0.0, 25_000.0))


@settings(max_examples=40, deadline=None)
@given(
    moments=st.lists(st.tuples(LIMITS, st.integers(1, 60)), min_size=1, max_size=6),
    load_a=st.floats(0.0, 8.0),
    sun_a=st.floats(0.0, 20.0),
    cars=st.integers(1, 4),
)
def test_what_chargers_draw_from_the_grid_never_exceeds_a_limit_while_it_is_asked(
    moments: Sequence[tuple[float | None, int]], load_a: float, sun_a: float, cars: int
) -> None:
    home = Dimmed(messages(), cars=cars)
    home.plant.house(load_a - sun_a)
    for limit_w, seconds in moments:
        now = home.plant.now
        cleared = SignalsCleared("message", now)
        home.run(1, cleared if limit_w is None else SignalAdded("message", now, signal(limit_w)))
        for _ in range(seconds):
            home.run(1)
            from_grid_w = home.drawn_w - max(0.0, sun_a - load_a) * 3 * VOLTS
            assert limit_w is None or from_grid_w <= limit_w + 1e-6
