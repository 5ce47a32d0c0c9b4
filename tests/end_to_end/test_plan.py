"""A car that is due at seven in the morning at the prices of a real day: its plan, what that costs, and the screen."""

from datetime import datetime, timedelta
from pathlib import Path
import re

import pytest

from demo.__main__ import next_departure
from demo.client import HomeClient
from demo.dashboard import PLAN_PATH, URL_PATH
from demo.json import Json, as_list, as_object
from demo.prices import LOCAL, SURCHARGE, TAX_PERCENT, real_day

from .browser import look
from .scene import Scene, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENERGY_KWH = 8.0
REASONS = {
    "plan_waiting": "Waiting by plan for a cheaper time",
    "plan_buying": "Charging by plan, as it is cheap now",
}


def all_in(at: datetime) -> float:
    """Return what a kWh from the grid costs at a moment, worked out apart from the integration."""
    return (real_day()[at.astimezone(LOCAL).hour] + SURCHARGE) * (1 + TAX_PERCENT / 100)


def worth(told: dict[str, Json]) -> float:
    """Return what the quarters of a plan cost after the one that runs, worked out apart from the integration."""
    slots = [as_object(slot) for slot in as_list(told["slots"])][1:]
    return sum(
        all_in(datetime.fromisoformat(str(slot["start"]))) * float(str(slot["power_w"])) / 4000 for slot in slots
    )


async def wish(scene: Scene, client: HomeClient, departure: datetime) -> None:
    """Ask for the energy as somebody would on the page."""
    for domain, action, key, data in (
        ("number", "set_value", "target_energy", {"value": ENERGY_KWH}),
        ("datetime", "set_value", "departure", {"datetime": departure.isoformat()}),
        ("select", "select_option", "mode", {"option": "cheapest"}),
    ):
        await client.act(domain, action, {"entity_id": scene.entity(key), **data})


async def told_plan(scene: Scene, client: HomeClient) -> dict[str, Json]:
    """Return the plan of the charger."""
    listed = [as_object(item) for item in as_list(await client.command("config/entity_registry/list"))]
    device = next(item["device_id"] for item in listed if item["entity_id"] == scene.entity("mode"))
    answer = as_object(await client.act("smart_charging", "get_plan", {"device_id": device}, answers=True))
    return as_object(as_list(answer["plans"])[0])


async def test_a_car_due_at_seven_gets_the_cheapest_hours_of_a_real_day(scene: Scene, tmp_path: Path) -> None:
    await scene.simulator.hold_sun(0.0)
    await scene.charge("off")
    departure = next_departure(datetime.now(LOCAL) + timedelta(hours=4))
    async with scene.stage.client() as client:
        await wish(scene, client, departure)

        async def planned() -> bool:
            told = await told_plan(scene, client)
            return bool(told["slots"]) and datetime.fromisoformat(str(told["departure"])) == departure

        await eventually(planned, True, within_s=150)
        told = await told_plan(scene, client)
        slots = [as_object(slot) for slot in as_list(told["slots"])]
        times = [datetime.fromisoformat(str(slot["start"])) for slot in slots]
        powers = [float(str(slot["power_w"])) for slot in slots]
        assert [slot["price"] for slot in slots] == pytest.approx([all_in(at) for at in times], abs=1e-4)
        drawn = [all_in(at) for at, power in zip(times, powers, strict=True) if power > 100]
        left = [all_in(at) for at, power in zip(times[1:], powers[1:], strict=True) if power <= 100]
        assert max(drawn) <= min(left) + 1e-6  # no cheaper quarter is left out
        assert all(at < departure for at in times)
        assert float(str(told["energy_kwh"])) == pytest.approx(ENERGY_KWH, abs=0.3)
        assert float(str(told["cost"])) == pytest.approx(worth(told), abs=0.05 + all_in(times[0]) * powers[0] / 4000)
        assert told["missing_kwh"] == 0.0

        async def reason() -> str | None:
            return await client.state(scene.entity("reason"))

        async def led() -> str | None:
            code = await reason()
            return "by plan" if code in REASONS else code

        await eventually(led, "by plan", within_s=300)  # what is left of the sun before goes first
        code = await reason()
        told = await told_plan(scene, client)  # anew: what the sun gave meanwhile needs not be bought
    assert code is not None
    shown = [REASONS[code], "07:00 - 07:15", re.compile(r"Charging \d+\.\d kWh")]
    if code == "plan_waiting":  # else it falls while somebody looks
        shown.append(re.compile("|".join(re.escape(f"€{worth(told) + cents / 100:.2f}") for cents in range(-5, 6))))
    await look(scene, f"/{URL_PATH}/{PLAN_PATH}", shown, tmp_path / "plan.png")
    await scene.charge("off")
