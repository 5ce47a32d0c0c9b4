"""What a car gives back is what the house takes, and nothing but a wish rests on it."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.config import BatteryConfig, EvseSettings, Giving, SiteConfig
from custom_components.smart_charging.engine.control.battery import BatterySnapshot
from custom_components.smart_charging.engine.control.decision import decide
from custom_components.smart_charging.engine.control.giving import RETRY
from custom_components.smart_charging.engine.control.planning.advice import Gives, PlanAdvice
from custom_components.smart_charging.engine.control.snapshot import ControlState, Decision, EvseSnapshot, Snapshot
from custom_components.smart_charging.engine.model import ChargeMode, EvseKey, MeterQuality, Phases, ReasonCode

from .builders import NOW, SITE, evse, grid

CAR, OTHER = EvseKey("CP1", 1), EvseKey("CP2", 1)
VOLTS = 230.0
GIVES = Gives(most_w=11_000.0, stored_wh=20_000.0, spare_wh=0.0, efficiency=0.81, wear=0.05)
ADVICE = PlanAdvice(0.0, 11_000.0, value=0.1, planned_w=-3_000.0, price=0.6, gives=GIVES, feed_in=0.08)
WISHED = EvseSettings(mode=ChargeMode.CHEAPEST, target_soc_percent=70.0, giving=Giving.HOME)


class Home:
    """A house with a car that gives what it is told, on a clock; other cars draw what they are allowed."""

    def __init__(self, site: SiteConfig = SITE, house_w: float = 3_000.0) -> None:
        self.site, self.now, self.state = site, NOW, ControlState()
        self.house_a = Phases.each(house_w / VOLTS / 3)
        self.advice: PlanAdvice = ADVICE
        self.obeys = True
        self.quality = MeterQuality.FRESH
        self.battery_w: float | None = None
        self.others: tuple[EvseSnapshot, ...] = ()
        self.given_a = 0.0
        self.drawn_a = 0.0
        self.car: dict[str, object] = {}

    def step(self, seconds: float = 5.0, *, may_raise: bool = True) -> Decision:
        """Decide once, and let all cars follow."""
        self.now += timedelta(seconds=seconds)
        car = evse(ChargeMode.CHEAPEST, key=CAR, measured=-self.given_a, commanded=0.0)
        fields: dict[str, object] = {
            "settings": WISHED, "advice": self.advice, "soc_percent": 70.0, "most_given_w": 11_000.0,
            "given_room_w": 20_000.0, "kept_room_w": 20_000.0,
        }  # fmt: skip
        car = replace(car, **(fields | self.car))  # type: ignore[arg-type]  # fields by name
        others = tuple(
            replace(one, measured_a=Phases.each(self.drawn_a), commanded_a=self.drawn_a) for one in self.others
        )
        flow = self.house_a + Phases.each(len(others) * self.drawn_a - self.given_a - (self.battery_w or 0.0) / 690.0)
        batteries = {} if self.battery_w is None else {"home": BatterySnapshot(True, 50.0, self.battery_w)}
        snapshot = Snapshot(self.site, grid(flow, quality=self.quality), (car, *others), batteries=batteries)
        decision, self.state = decide(snapshot, self.state, self.now, may_raise=may_raise)
        self.given_a = decision.setpoints[CAR].give_w / VOLTS / 3 if self.obeys else 0.0
        self.drawn_a = decision.setpoints[OTHER].current_a if others else 0.0
        return decision

    def run(self, seconds: float) -> Decision:
        """Decide each 5 s for a while; return the last decision."""
        decision = self.step()
        for _ in range(int(seconds / 5) - 1):
            decision = self.step()
        return decision


def given_w(decision: Decision) -> float:
    return decision.setpoints[CAR].give_w


def test_a_load_that_lasts_is_covered_and_then_followed() -> None:
    home = Home()
    assert given_w(home.run(50)) == 0
    decision = home.run(60)
    assert given_w(decision) == pytest.approx(2_900)
    assert decision.setpoints[CAR].current_a == 0
    assert decision.setpoints[CAR].reason.code is ReasonCode.PLAN_GIVING
    home.house_a = Phases.each(1_000 / 690)
    assert given_w(home.step()) == pytest.approx(900)
    home.house_a = Phases.each(5_000 / 690)
    assert given_w(home.run(30)) == pytest.approx(4_900)


def test_a_house_that_needs_nothing_for_long_ends_it_and_for_a_moment_does_not() -> None:
    home = Home()
    home.run(120)
    home.house_a = Phases()
    assert given_w(home.run(60)) == 0
    home.house_a = Phases.each(3_000 / 690)
    assert given_w(home.run(15)) == pytest.approx(2_900)
    home.house_a = Phases()
    home.run(240)
    home.house_a = Phases.each(3_000 / 690)
    assert given_w(home.run(30)) == 0


@pytest.mark.parametrize("may_raise", [True, False])
def test_between_two_decisions_less_is_given_and_never_more(may_raise: bool) -> None:
    home = Home()
    home.run(120)
    home.house_a = Phases.each(6_000 / 690)
    home.run(10) if may_raise else home.step(1.0, may_raise=False)
    assert (home.state.evses[CAR].giving.told_w > 3_000) is may_raise
    home.house_a = Phases.each(500 / 690)
    assert given_w(home.step(1.0, may_raise=False)) == pytest.approx(400)


@pytest.mark.parametrize(
    "change",
    [
        {"quality": MeterQuality.STALE},
        {"quality": MeterQuality.LOST},
        {"advice": replace(ADVICE, price=0.1)},
        {"advice": replace(ADVICE, gives=None)},
        {"car": {"given_room_w": 0.0, "kept_room_w": 0.0}},
        {"car": {"connected": False}},
        {"car": {"ordered_w": -500.0}},
        {"car": {"settings": replace(WISHED, enabled=False)}},
    ],
)
def test_what_speaks_against_it_ends_it_at_once(change: dict[str, object]) -> None:
    home = Home()
    assert given_w(home.run(120)) > 0
    for name, value in change.items():
        setattr(home, name, value)
    assert given_w(home.step(1.0, may_raise=False)) == 0


def test_a_car_that_gives_nothing_is_asked_again_later() -> None:
    home = Home()
    home.obeys = False
    home.run(200)
    decision = home.step()
    assert decision.setpoints[CAR].reason.code is ReasonCode.GIVING_FAILED
    assert given_w(home.run(RETRY.total_seconds() - 120)) == 0
    home.obeys = True
    assert given_w(home.run(300)) > 0


def test_what_a_battery_takes_is_no_need_of_the_house() -> None:
    battery = BatteryConfig("home", "Battery", 10_000.0, 5_000.0, 5_000.0)
    home = Home(replace(SITE, batteries=(battery,)))
    home.battery_w = -2_000.0
    assert given_w(home.run(120)) == pytest.approx(2_900)
    home.battery_w = 1_000.0
    assert given_w(home.run(60)) == pytest.approx(1_900)


def test_what_a_car_gives_is_no_surplus_for_another() -> None:
    home = Home()
    home.others = (evse(ChargeMode.SOLAR, key=OTHER),)
    assert given_w(home.run(900)) > 2_000
    assert home.drawn_a == 0


@settings(deadline=None, max_examples=100)
@given(
    house_a=st.tuples(*[st.floats(-5, 22)] * 3),
    moved_a=st.floats(-6, 6),
    obeys=st.booleans(),
    sells=st.booleans(),
    fuse_a=st.sampled_from([16.0, 25.0, 35.0]),
)
def test_no_fuse_rests_on_what_a_car_gives(
    house_a: tuple[float, float, float], moved_a: float, obeys: bool, sells: bool, fuse_a: float
) -> None:
    home = Home(replace(SITE, fuse_a=fuse_a))
    home.others = (evse(ChargeMode.FAST, key=OTHER),)
    home.house_a, home.obeys = Phases(*house_a), obeys
    home.advice = replace(ADVICE, feed_in=0.5, gives=replace(GIVES, sells=sells))
    for number in range(60):
        if number == 40:
            home.house_a += Phases.each(moved_a)
        decision = home.step()
        if number in range(40, 44):
            continue  # the meter has just told
        without = home.house_a + Phases.each(decision.setpoints[OTHER].current_a)
        assert decision.setpoints[OTHER].current_a == 0 or max(without) <= fuse_a + 1e-6


def test_a_car_on_one_phase_keeps_the_phases_close() -> None:
    home = Home(replace(SITE, unbalance_a=20.0), house_w=9_000.0)
    single = replace(evse(ChargeMode.CHEAPEST, key=CAR).station, phases=1)
    home.house_a = Phases(10.0, 14.0, 12.0)
    home.obeys = False  # what it gives is told below, on its phase alone
    for _ in range(20):
        told = home.state.evses[CAR].giving.told_w if CAR in home.state.evses else 0.0
        given_a = Phases(told / VOLTS, 0.0, 0.0)
        home.car = {"station": single, "measured_a": Phases() - given_a}
        home.house_a = Phases(10.0, 14.0, 12.0) - given_a
        decision = home.step()
    assert given_w(decision) == pytest.approx((20.0 - 4.0) * VOLTS, abs=1)
