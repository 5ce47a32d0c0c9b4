"""A site that only observes leaves its chargers alone, and takes them over again when it is told to."""

import pytest

from .scene import LEASE_HOLD_S, Scene

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAFE_A = 6.0


async def test_nothing_is_sent_while_the_site_only_observes(scene: Scene) -> None:
    await scene.charge("fast", max_a=8)
    await scene.until("the charger is led", lambda truth: truth.offered_a == 8, within_s=60)
    try:
        await scene.lead(observe_only=True)
        await scene.charge("fast", max_a=7)
        await scene.until_shown("current_limit", "7.0", within_s=15)
        fallen = await scene.until(
            "no limit is renewed: the charger holds its safe current",
            lambda truth: truth.offered_a != 8,
            within_s=LEASE_HOLD_S + 5,
        )
        assert fallen.offered_a == SAFE_A, "the new limit of 7 A was sent"
    finally:
        await scene.lead(observe_only=False)
    await scene.until("the charger is led again", lambda truth: truth.offered_a == 7, within_s=30)
    assert (await scene.truth()).transaction == fallen.transaction
