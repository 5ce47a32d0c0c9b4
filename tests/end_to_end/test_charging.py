"""A real Home Assistant leads a charger: surplus, fuse, and what happens when a connection or the meter goes."""

import asyncio
import time

import pytest

from .scene import STATION, Scene

pytestmark = pytest.mark.asyncio(loop_scope="session")

FUSE_A = 25.0
SAFE_A = 6.0


async def test_a_car_charges_from_surplus_without_importing(scene: Scene) -> None:
    before = await scene.truth()
    await scene.charge("solar")
    # 6000 W from the sun less 600 W for the house
    full = await scene.until("the car takes the surplus", lambda truth: truth.power_w > 5000, within_s=120)
    await asyncio.sleep(5)
    after = await scene.truth()
    assert after.register_wh > full.register_wh
    assert after.import_wh - before.import_wh <= 100


async def test_a_reconnect_while_the_old_socket_hangs_is_served(scene: Scene) -> None:
    await scene.charge("fast", max_a=8)
    before = await scene.until("the car charges", lambda truth: truth.offered_a == 8, within_s=60)
    await scene.simulator.tell(STATION, hang=True)
    await scene.simulator.tell(STATION, reconnect=True)
    await scene.until(
        "the station is served again",
        lambda truth: truth.online and truth.connections > before.connections,
        within_s=30,
    )
    await scene.charge("fast", max_a=7)
    after = await scene.until(
        "the new connection leads the charger", lambda truth: 0 < truth.offered_a <= 7, within_s=30
    )
    assert after.transaction == before.transaction


async def test_a_lost_meter_brings_the_charger_to_its_safe_current(scene: Scene) -> None:
    await scene.charge("fast", max_a=8)
    await scene.until("the car charges above its safe current", lambda truth: truth.offered_a > SAFE_A, within_s=60)
    await scene.simulator.connect_meter(online=False)
    await scene.until("the charger is at its safe current", lambda truth: truth.offered_a == SAFE_A, within_s=90)
    await scene.until_shown("reason", "meter_lost", within_s=15)
    await scene.simulator.connect_meter(online=True)
    await scene.until("charging goes on as before", lambda truth: truth.offered_a > SAFE_A, within_s=60)


# Last in this file: for 15 minutes the site takes a lost meter's house to draw as much again.
async def test_the_fuse_is_respected_when_the_house_load_jumps(scene: Scene) -> None:
    await scene.simulator.hold_sun(0)
    await scene.charge("fast", max_a=9)
    await scene.until("the car is told its maximum", lambda truth: truth.offered_a >= 9, within_s=60)
    await scene.until_measured(3 * 9 * 220, within_s=30)
    await scene.simulator.hold_house(4000, 200, 200)
    jumped = time.monotonic()
    assert (await scene.truth()).grid_l1_a > FUSE_A, "the jump must overload the fuse, or nothing is tested"
    await scene.until("the load is below the fuse", lambda truth: truth.grid_l1_a <= FUSE_A, within_s=10)
    while time.monotonic() < jumped + 15:
        assert (await scene.truth()).grid_l1_a <= FUSE_A
        await asyncio.sleep(0.25)
    assert (await scene.truth()).power_w > 3 * SAFE_A * 220, "what is left of the fuse still charges the car"
