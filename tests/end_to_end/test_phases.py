"""A charger that can is switched to one phase when there is little sun, and back when there is more."""

import pytest

from demo.json import Json
from demo.site import follow_sun

from .scene import Scene

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOME_SUN_W = 2600.0  # less 600 W for the house: 8.7 A on one phase, too little for three
AT_ONCE: dict[str, Json] = {
    "start_s": 0, "stop_s": 600, "smoothing_s": 1, "phases_up_s": 0, "phases_down_s": 0, "phases_hold_s": 0,
}  # fmt: skip


async def test_a_car_changes_to_one_phase_with_little_sun_and_back_with_more(scene: Scene) -> None:
    async with scene.stage.client() as client:
        await follow_sun(client, scene.site.entry_id, "custom", AT_ONCE)
    try:
        await scene.charge("solar")
        await scene.until("the car charges on three phases", lambda truth: truth.phases == 3, within_s=150)
        await scene.simulator.hold_sun(SOME_SUN_W)
        one = await scene.until(
            "the car charges on one phase", lambda truth: truth.phases == 1 and truth.power_w > 1700, within_s=150
        )
        assert (await scene.decision())["phases"] == 1
        await scene.simulator.hold_sun(6000)
        three = await scene.until(
            "the car charges on three phases again", lambda truth: truth.phases == 3, within_s=150
        )
        assert one.transaction == three.transaction
    finally:
        async with scene.stage.client() as client:
            await follow_sun(client, scene.site.entry_id, "quick")
