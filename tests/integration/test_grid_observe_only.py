"""A site that only observes: the grid operator is told nowhere that chargers were dimmed, and nothing claims to prove it."""

import json

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.grid_record import GridEvent, GridPowers, ProofResult

from .builders import charger
from .grid_operator import attributes, published
from .grid_site import grid_site
from .grid_sources import WEBHOOK, demand
from .site_setup import set_up
from .virtual_station import virtual_station

ACTIVE = "binary_sensor.home_grid_operator_limit_active"

pytestmark = pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")


async def test_the_proof_says_that_nobody_was_told_and_judges_nothing(hass: HomeAssistant, free_port: int) -> None:
    async with grid_site(hass, free_port, charger("CP-1")) as home, virtual_station(home.port, "CP-1") as station:
        transaction_id = await home.charging(station)
        await home.site.set_observe_only(True)
        await home.wait(10)
        station.asked.clear()
        await home.call("set_grid_limit", power=4200)
        await home.wait(9, settle=0)
        await home.meter(station, transaction_id, 1600, 2000)  # a car that draws little by itself
        await home.wait(2)
        assert not [action for action, _ in station.asked if action in {"SetChargingProfile", "TriggerMessage"}]
        (proven,) = await home.entry.runtime_data.ledger.grid_proof.records()
        assert (proven.record.event, proven.record.limit_w) == (GridEvent.LIMIT_STARTED, 4200.0)
        assert proven.record.set_points == ()
        assert proven.record.observe_only
        assert [(one.after_s, one.result, one.powers) for one in proven.follow_ups] == [
            (10, ProofResult.NOT_JUDGED, GridPowers(None, 2000.0))
        ]
        await home.site.set_observe_only(False)
        await home.call("set_grid_limit", power=5000)
        await home.wait(1)
        led = (await home.entry.runtime_data.ledger.grid_proof.records())[0].record  # the newest
        assert not led.observe_only
        assert [(one.evse.station_id, one.power_w) for one in led.set_points] == [("CP-1", 4140.0)]
        exported = await home.call("export_grid_log")
        assert exported["intact"]
        records = [row["content"] for row in json.loads(exported["content"])["rows"] if row["kind"] != "follow_up"]
        assert [one["inputs"].get("observe_only") for one in records] == [True, None]


async def test_answers_and_the_sensor_say_that_the_site_only_observes(
    hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator, free_port: int
) -> None:
    for component in ("webhook", DOMAIN):
        assert await async_setup_component(hass, component, {})
    entry = await set_up(hass, free_port, charger("CP-1"), demand(WEBHOOK, "hook"))
    caller = await hass_client_no_auth()
    for observes in (True, False):
        await entry.runtime_data.site.set_observe_only(observes)
        answer = await caller.post(f"/api/webhook/{WEBHOOK['webhook_id']}", json={"kind": "block"})
        assert await answer.json() == {"active": True, "limit_w": 0, "until": None, "observe_only": observes}
        await published(hass)
        assert attributes(hass, ACTIVE)["observe_only"] is observes
