"""A VEN at work meets faults of its own: they are told and logged without secrets, and it polls on."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from custom_components.smart_charging.engine.grid import openadr_ven
from custom_components.smart_charging.engine.grid.openadr_http import VenProblem
from custom_components.smart_charging.engine.grid.openadr_notifications import Notifications
from custom_components.smart_charging.engine.grid.openadr_reports import Figure
from custom_components.smart_charging.engine.grid.openadr_values import EventReading, OpenAdrVersion
from custom_components.smart_charging.engine.grid.openadr_ven import VenState
from tests.engine.grid.conftest import SECRET, Home, with_limit
from tests.engine.grid.vtn import Vtn, limit_interval, period
from tests.manual_clock import ManualClock

OVER = period("2026-06-01T08:00:00Z", "PT1H")  # before the clock's start


class Fault:
    """Something of ours that breaks in a poll, with a secret in what it says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Break nothing yet."""
        self.broken = False
        self.times = 0
        honest = openadr_ven.read_events

        def read(*args: Any) -> EventReading:
            if self.broken:
                self.times += 1
                raise ZeroDivisionError(f"no way to use {SECRET}")
            return honest(*args)

        monkeypatch.setattr(openadr_ven, "read_events", read)


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> Fault:
    return Fault(monkeypatch)


async def test_a_fault_of_our_own_is_told_logged_without_secrets_and_polled_on_after(
    vtn: Vtn, make_home: Callable[..., Home], clock: ManualClock, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    with_limit(vtn, 11)
    home = make_home(lost_after=timedelta(minutes=10))
    home.runner.start()
    assert [signal.value for signal in (await home.told(1)).signals()] == [11_000]
    fault.broken = True
    with_limit(vtn, 4)
    attempts = [60, 70, 90, 130, 210, 370]
    for number, second in enumerate(attempts):
        await clock.advance(second - clock.monotonic())
        state = await home.told(number + 2)
        assert (state.problem, state.detail) == (VenProblem.INTERNAL, "ZeroDivisionError")
        assert (state.failures, state.lost) == (number + 1, False)
        assert [signal.value for signal in state.signals()] == [11_000]
    assert fault.times == len(attempts)
    await clock.advance(599 - clock.monotonic(), settle=0.1)
    assert len(home.states) == 7
    await clock.advance(1)
    assert (await home.told(8)).lost
    fault.broken = False
    await clock.advance(690 - clock.monotonic())
    state = await home.told(9)
    assert (state.problem, state.failures, state.lost) == (None, 0, False)
    assert sorted(signal.value or 0 for signal in state.signals()) == [4_000, 11_000]
    (logged,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "ZeroDivisionError" in logged.getMessage() and "read_events" in logged.getMessage()
    assert SECRET not in caplog.text


async def test_a_fault_that_lasts_does_not_hide_what_a_server_says_meanwhile(
    vtn: Vtn, make_home: Callable[..., Home], clock: ManualClock, fault: Fault
) -> None:
    home = make_home()
    home.runner.start()
    await home.told(1)
    fault.broken = True
    with_limit(vtn, 11)
    await clock.advance(60)
    assert (await home.told(2)).problem is VenProblem.INTERNAL
    await vtn.stop()
    await clock.advance(10)
    assert (await home.told(3)).failures == 2
    fault.broken = False
    await clock.advance(20)
    assert (await home.told(4)).problem is VenProblem.UNREACHABLE


async def test_figures_that_can_not_be_had_slow_polling_down_and_lose_no_event(
    vtn: Vtn, clock: ManualClock, make_home: Callable[..., Home]
) -> None:
    def broken(resource: str | None, start: datetime, end: datetime) -> Figure:
        raise KeyError(resource)

    wish = [{"payloadType": "USAGE", "historical": True}]
    vtn.add_event(vtn.add_program(), [limit_interval(11)], reportDescriptors=wish, intervalPeriod=OVER)
    with_limit(vtn, 11)
    home = make_home(figures=broken)
    home.runner.start()
    for number, failed_at in enumerate([0, 10, 30]):
        await clock.advance(failed_at - clock.monotonic())
        state = await home.told(number + 1)
        assert (state.problem, state.failures, state.lost) == (VenProblem.INTERNAL, number + 1, False)
        assert [signal.value for signal in state.signals()] == [11_000]


async def test_who_is_told_may_fail_without_an_end_to_polling(
    vtn: Vtn, make_home: Callable[..., Home], clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(state: VenState) -> None:
        home.states.append(state)
        raise RuntimeError("the listener fell over")

    home = make_home()
    home.on_change = fail
    home.runner.start()
    await home.told(1)
    await clock.advance(60)
    assert (await home.told(2)).problem is None
    assert "the listener fell over" in caplog.text


async def test_hints_that_can_not_be_had_for_a_fault_of_our_own_leave_polling_as_it_is(
    vtn: Vtn,
    make_home: Callable[..., Home],
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(Notifications, "start", fail)
    home = make_home(version=OpenAdrVersion.V3_1)
    home.runner.start()
    assert (await home.told(1)).problem is None
    await clock.advance(60)
    assert (await home.told(2)).failures == 0
    (logged,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "ZeroDivisionError" in logged.getMessage() and SECRET not in caplog.text


async def test_stop_ends_it_in_the_midst_of_a_fault(
    vtn: Vtn, make_home: Callable[..., Home], clock: ManualClock, fault: Fault
) -> None:
    home = make_home()
    home.runner.start()
    await home.told(1)
    fault.broken = True
    with_limit(vtn, 11)
    home.runner.poll_now()
    await asyncio.sleep(0.01)
    await clock.advance(2)
    await home.told(2)
    await home.runner.stop()
    await clock.advance(600, settle=0.1)
    assert len(home.states) == 2
