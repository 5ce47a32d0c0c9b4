"""A car that gives energy back: from the select to the message at its station, and from its meter to the entities."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from custom_components.smart_charging.engine.config import Giving
from custom_components.smart_charging.engine.control import giving
from tests.engine.csms_stations.raw_station_2 import RawStation21

from .builders import GRID_POWER, charger, grid_meter, set_power, site_entry
from .operating import ask, is_set_up, station
from .site_double import KEY, evse, garage, running_site, site_view
from .test_planned_charging import becomes

GIVING, KEEP = "select.charger_cp_1_giving_back", "number.charger_cp_1_charge_to_keep"
GIVEN, REASON, POWER = (
    "sensor.charger_cp_1_session_energy_given_back",
    "sensor.charger_cp_1_reason",
    "sensor.charger_cp_1_power",
)
CALENDAR = "calendar.charger_cp_1_plan"
CAR = {"capacity_kwh": 60.0, "efficiency_percent": 90.0}
NEEDS = {
    "requestedEnergyTransfer": "AC_BPT",
    "v2xChargingParameters": {"maxChargePower": 11000, "maxDischargePower": 11000},
}

pytestmark = pytest.mark.usefixtures("unload_at_the_end")


@pytest.fixture
async def client(hass: HomeAssistant, free_port: int, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RawStation21]:
    """Run a site with a grid meter and a tariff that is dear now, and a charger of OCPP 2.1 with a car."""
    monkeypatch.setattr(giving, "START_S", 0.0)
    await hass.config.async_set_time_zone("UTC")
    set_power(hass, GRID_POWER, 3_000.0)
    cheap = (dt_util.utcnow() + timedelta(hours=3)).hour
    table = f"default = 0.6\nlow = 0.1\nlow: {cheap:02}:00-{(cheap + 5) % 24:02}:00"
    options = {"prices": {"price_source": "time_of_use", "table": table}}
    entry = site_entry(free_port, [charger("CP-1", car=CAR), grid_meter()], options=options)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    raw = RawStation21("CP-1")
    raw.evses = 1
    try:
        await raw.connect(free_port)
        yield raw
    finally:
        await raw.close()
    assert raw.broken == []


async def boot(hass: HomeAssistant, client: RawStation21, *, two_way: bool) -> None:
    """Let the charger boot, and a car be plugged in that holds 80 %."""
    if two_way:
        client.variables["V2XChargingCtrlr", "SupportedOperationModes"] = "ChargingOnly,CentralSetpoint"
    await client.boot()
    await client.connector("Occupied", now())
    await until(hass, lambda: is_set_up(station(hass)))
    await client.event("Started", now(), evse=1, values={"SoC": 80.0}, energy=1_000.0)
    await client.ask("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": NEEDS})
    await until(hass, lambda: station(hass).state.evses[1].applied is not None)


def now() -> str:
    return dt_util.utcnow().isoformat()


async def until(hass: HomeAssistant, condition: Callable[[], Any]) -> None:
    """Let events and publishing intervals pass until something holds."""
    async with asyncio.timeout(20):
        while not condition():
            set_power(hass, GRID_POWER, 3_000.0 + 0.001 * len(dt_util.utcnow().isoformat()))
            async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
            await hass.async_block_till_done()
            await asyncio.sleep(0.01)


async def choose(hass: HomeAssistant, option: str) -> None:
    await hass.services.async_call("select", "select_option", {"entity_id": GIVING, "option": option}, blocking=True)


def first_period(client: RawStation21) -> dict[str, Any]:
    """Return what the charger was told last for its transaction."""
    period: dict[str, Any] = client.set_profiles("TxProfile")[-1]["chargingSchedule"][0]["chargingSchedulePeriod"][0]
    return period


async def test_a_car_gives_what_the_house_takes_once_that_is_allowed(hass: HomeAssistant, client: RawStation21) -> None:
    await boot(hass, client, two_way=True)
    await ask_plan(hass)
    await becomes(hass, GIVING, lambda state: state == "off")
    await becomes(hass, KEEP, lambda state: state == "50.0")
    assert "setpoint" not in first_period(client)
    await choose(hass, "home")
    await until(hass, lambda: "setpoint" in first_period(client))
    told = first_period(client)
    assert (told["operationMode"], told["limit"]) == ("CentralSetpoint", 0.0)
    assert told["setpoint"] == told["dischargeLimit"] == pytest.approx(-2_900, abs=5)
    await becomes(hass, REASON, lambda state: state == "plan_giving")

    flows = {"Power.Active.Import": 0.0, "Power.Active.Export": 2_900.0, "Energy.Active.Export.Register": 500.0}
    await client.event("Updated", now(), reason="MeterValuePeriodic", values=flows, energy=1_000.0)
    await choose(hass, "home")  # the site looks at its chargers
    await client.event(
        "Updated", now(), reason="MeterValuePeriodic", energy=1_000.0,
        values=flows | {"Energy.Active.Export.Register": 1_250.0},
    )  # fmt: skip
    assert float(await becomes(hass, POWER, lambda state: state.startswith("-"))) == pytest.approx(-2_900)
    assert float(await becomes(hass, GIVEN, lambda state: state not in {"unknown", "0.0"})) == pytest.approx(
        0.75, abs=0.01
    )
    assert hass.states.get("sensor.charger_cp_1_session_energy").state == "0.0"  # type: ignore[union-attr]

    (plan,) = (await ask(hass, "get_plan"))["plans"]
    assert plan["worth"] is not None
    await choose(hass, "off")
    await until(hass, lambda: "setpoint" not in first_period(client))
    await becomes(hass, REASON, lambda state: state != "plan_giving")


async def ask_plan(hass: HomeAssistant) -> None:
    """Have the car follow a plan to 70 %."""
    device = {"device_id": _device(hass)}
    await hass.services.async_call(
        "smart_charging", "set_plan", device | {"mode": "cheapest", "soc": 70}, blocking=True
    )


def _device(hass: HomeAssistant) -> str:
    entity = er.async_get(hass).async_get(REASON)
    assert entity is not None and entity.device_id is not None
    return entity.device_id


async def test_nothing_is_offered_where_the_station_does_not_tell_that_it_can(
    hass: HomeAssistant, client: RawStation21
) -> None:
    await boot(hass, client, two_way=False)
    await ask_plan(hass)
    assert [hass.states.get(one) for one in (GIVING, KEEP, GIVEN)] == [None, None, None]


async def test_what_a_two_way_station_has_beside_appears_once_it_tells(
    hass: HomeAssistant, entity_registry: er.EntityRegistry, snapshot: SnapshotAssertion
) -> None:
    snapshot = snapshot.use_extension(HomeAssistantSnapshotExtension)
    async with running_site(hass, [Platform.SELECT, Platform.NUMBER, Platform.SENSOR]) as site:
        known = {"select.charger_garage_giving_back", "number.charger_garage_charge_to_keep"}
        known.add("sensor.charger_garage_session_energy_given_back")
        assert not known & set(hass.states.async_entity_ids())
        await site.show(site_view(garage(evse(gives_back=True, session_given_wh=750.4))))
        for entity_id in sorted(known):
            assert entity_registry.async_get(entity_id) == snapshot(name=f"{entity_id}-entry")
            assert hass.states.get(entity_id) == snapshot(name=f"{entity_id}-state")
        await site.show(site_view(garage(evse(gives_back=False))))
        assert known <= set(hass.states.async_entity_ids())


@pytest.mark.parametrize(
    ("platform", "service", "data", "changes"),
    [
        ("select", "select_option", {"option": "grid"}, {"giving": Giving.GRID}),
        ("number", "set_value", {"value": 35}, {"keep_soc_percent": 35.0}),
    ],
)
async def test_what_a_car_may_give_is_set(
    hass: HomeAssistant, platform: str, service: str, data: dict[str, Any], changes: dict[str, Any]
) -> None:
    entity = {"select": "select.charger_garage_giving_back", "number": "number.charger_garage_charge_to_keep"}
    async with running_site(hass, [Platform(platform)], site_view(garage(evse(gives_back=True)))) as site:
        call = {"entity_id": entity[platform], **data}
        await hass.services.async_call(platform, service, call, blocking=True)
        before = site.settings(KEY)
        assert site.commands == [("set_settings", KEY, replace(before, **changes))]
