"""Home Assistant is killed in the middle of a session and started again."""

import signal
import time

import pytest

from demo.json import as_list

from .scene import LEASE_HOLD_S, Scene

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAFE_A = 6.0


async def test_a_session_survives_a_killed_home_assistant_to_the_watt_hour(scene: Scene) -> None:
    await scene.unplug()
    await scene.until("the car is gone", lambda truth: truth.transaction is None, within_s=20)
    known = len(await scene.sessions())
    await scene.charge("fast", max_a=8)
    running = await scene.until("the car charges", lambda truth: truth.offered_a >= 8, within_s=60)

    await scene.stage.home.process.kill()
    assert scene.stage.home.process.exit_code == -signal.SIGKILL
    killed = time.monotonic()
    # A lease may have been renewed in the moment of the kill; the station looks at it each 0.25 s.
    await scene.until("the lease ended", lambda truth: truth.offered_a == SAFE_A, within_s=LEASE_HOLD_S + 5)
    assert time.monotonic() - killed <= LEASE_HOLD_S + 5

    await scene.stage.start_home()
    await scene.simulator.dial_now()
    led = await scene.until("the charger is led again", lambda truth: truth.offered_a > SAFE_A, within_s=60)
    assert led.transaction == running.transaction
    await scene.unplug()
    ended = await scene.until("the car is gone", lambda truth: truth.transaction is None, within_s=20)
    await scene.until_shown("status", "available", within_s=20)

    sessions = await scene.sessions()
    assert len(sessions) == known + 1, "one session, not a new one after the restart"
    session = sessions[-1]
    assert len(as_list(session["transactions"])) == 1
    assert "ended_at" in session
    energy_kwh = session["energy_kwh"]
    assert isinstance(energy_kwh, float)
    assert abs(1000 * energy_kwh - (ended.register_wh - running.meter_start_wh)) <= 1.0
    parts_kwh = [session[f"{part}_kwh"] for part in ("solar", "battery", "grid", "unknown")]
    assert all(isinstance(part, float) and part >= 0 for part in parts_kwh)
    assert abs(sum(part for part in parts_kwh if isinstance(part, float)) - energy_kwh) <= 0.002
