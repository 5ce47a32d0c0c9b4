"""The actions that tell what was decided and why."""

from datetime import timedelta
from typing import Any

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
import probatio
import pytest

from custom_components.smart_charging.engine.config import EvseSettings
from custom_components.smart_charging.engine.limit import Limit, LimitSource, LimitUnit
from custom_components.smart_charging.engine.model import Reason, ReasonCode, Setpoint
from custom_components.smart_charging.engine.recording import load

from .builders import battery, charger, circuit, grid_meter
from .site_double import AT, PLUGGED_AT, battery_view, circuit_view, evse, garage, running_site, site_view
from .site_setup import set_up

DOMAIN = "smart_charging"
PLATFORMS = [Platform.SENSOR]
SUBENTRIES = [charger("garage"), grid_meter(), circuit("cellar")]


def device_id(hass: HomeAssistant, identifier: str) -> str:
    """Return the id of a device."""
    registry, key = dr.async_get(hass), (DOMAIN, identifier)
    device = registry.async_get_device_by_identifier(key, "site1") or registry.async_get_child_device_by_identifier(
        key, "site1"
    )
    assert device is not None
    return device.id


async def ask(hass: HomeAssistant, action: str, **data: Any) -> dict[str, Any]:
    """Return what an action answers."""
    answer = await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)
    assert isinstance(answer, dict)
    return answer


@pytest.mark.parametrize(("language", "text"), [("en", "Limited by a fuse"), ("de", "Von einer Sicherung begrenzt")])
async def test_a_decision_is_told_with_its_reason_and_figures(hass: HomeAssistant, language: str, text: str) -> None:
    hass.config.language = language
    bound = evse(
        setpoint=Setpoint(8.04, Reason(ReasonCode.LIMIT_FUSE, {"circuit": "Cellar", "left_a": 3.14159}), phases=3),
        limit_source=LimitSource.FUSE,
        limit_circuit="cellar",
        phases_in_use=(0, 1),
        priority=5,
        settings=EvseSettings(target_energy_wh=12500.0, min_soc_percent=20.0, boost_until=PLUGGED_AT, departure=AT),
    )
    view = site_view(garage(bound), circuits={"cellar": circuit_view()})
    async with running_site(hass, PLATFORMS, view, subentries=SUBENTRIES):
        answer = await ask(hass, "get_decision", device_id=device_id(hass, "sub_garage"))
    assert answer == {
        "decisions": [
            {
                "site": "Home",
                "charger": "Charger garage",
                "evse": 1,
                "decided_at": None,
                "mode": "solar",
                "setpoint_a": 8.04,
                "give_w": 0,
                "phases": 3,
                "phases_in_use": ["L1", "L2"],
                "reason": "limit_fuse",
                "params": {"circuit": "Cellar", "left_a": 3.1},
                "text": text,
                "limit_source": "fuse",
                "limit_circuit": "Cellar",
                "observe_only": False,
                "wanted": {
                    "charging_allowed": True,
                    "max_current_a": 16.0,
                    "priority": 5,
                    "target_energy_kwh": 12.5,
                    "target_soc": None,
                    "min_soc": 20.0,
                    "boost_until": PLUGGED_AT.isoformat(),
                    "departure": AT.isoformat(),
                },
            }
        ],
        "circuits": [],
    }


@pytest.mark.parametrize("asked", ["entity_id", "device_id"])
async def test_of_a_circuit_it_is_told_what_limits_it_and_who_gets_what(hass: HomeAssistant, asked: str) -> None:
    limits = (
        Limit("user cellar", LimitSource.USER, 9.0, LimitUnit.AMPERE, "cellar", valid_until=AT + timedelta(hours=1)),
        Limit("user", LimitSource.USER, 5_000.0, LimitUnit.WATT),
    )
    bound = evse(
        setpoint=Setpoint(8.0, Reason(ReasonCode.LIMIT_USER, {"phase": "L1"})),
        limit_source=LimitSource.USER,
        limit_circuit="cellar",
        phases_in_use=(0,),
    )
    view = site_view(garage(bound), circuits={"cellar": circuit_view()}, limits=limits)
    fed = [charger("garage", circuit="pantry"), charger("elsewhere"), circuit("cellar"), circuit("pantry", "cellar")]
    async with running_site(hass, PLATFORMS, view, subentries=fed):
        target = device_id(hass, "cellar") if asked == "device_id" else "sensor.cellar_load_l1"
        answer = await ask(hass, "get_decision", **{asked: [target]})
    assert answer["decisions"] == []
    (told,) = answer["circuits"]
    (share,) = told.pop("chargers")
    assert (share["charger"], share["evse"], share["setpoint_a"], share["reason"]) == (
        "Charger garage",
        1,
        8.0,
        "limit_user",
    )
    assert share["limit_source"] == "user"
    assert "drawn_a" in share
    assert told["phases"][0] == {
        "phase": "L1",
        "limit_a": 19.0,
        "limit_source": "user",
        "load_a": 9.04,
        "headroom_a": 9.96,
    }
    assert len(told.pop("phases")) == 3
    assert told == {
        "site": "Home",
        "circuit": "Cellar",
        "meter": "fresh",
        "fuse_a": 20.0,
        "limits": [
            {
                "source": "user",
                "value": 9.0,
                "unit": "A",
                "controllable_only": False,
                "until": (AT + timedelta(hours=1)).isoformat(),
            }
        ],
        "observe_only": False,
    }


@pytest.mark.parametrize(
    ("asked", "evses"),
    [
        ({}, [1, 2]),
        ({"config_entry_id": "site1"}, [1, 2]),
        ({"device_id": "site1"}, [1, 2]),
        ({"device_id": "sub_garage"}, [1, 2]),
        ({"device_id": "sub_garage_2"}, [2]),
        ({"device_id": "sub_garage", "evse": 1}, [1]),
        ({"entity_id": ["sensor.charger_garage_evse_2_reason"]}, [2]),
        ({"entity_id": "sensor.charger_garage_evse_2_reason", "device_id": "sub_garage_2"}, [2]),
    ],
)
async def test_it_can_be_asked_for_a_site_a_charger_an_evse_or_an_entity(
    hass: HomeAssistant, asked: dict[str, Any], evses: list[int]
) -> None:
    async with running_site(hass, PLATFORMS, site_view(garage(evse(1), evse(2))), subentries=SUBENTRIES):
        if "device_id" in asked:
            asked = {**asked, "device_id": device_id(hass, asked["device_id"])}
        answer = await ask(hass, "get_decision", **asked)
        assert [decision["evse"] for decision in answer["decisions"]] == evses


@pytest.mark.parametrize(
    ("asked", "key"),
    [
        ({"entity_id": "sensor.somebody_elses"}, "not_a_charger"),
        ({"device_id": "cellar", "evse": 1}, "evse_without_charger"),
        ({"device_id": "battery"}, "not_a_charger"),
        ({"device_id": "site1", "evse": 1}, "not_a_charger"),
        ({"device_id": "sub_garage", "evse": 7}, "no_such_evse"),
        ({"evse": 1}, "evse_without_charger"),
    ],
)
async def test_what_is_no_evse_is_refused(hass: HomeAssistant, asked: dict[str, Any], key: str) -> None:
    view = site_view(circuits={"cellar": circuit_view()}, batteries={"battery": battery_view()})
    async with running_site(hass, PLATFORMS, view, subentries=[*SUBENTRIES, battery()]):
        if "device_id" in asked:
            asked = {**asked, "device_id": device_id(hass, asked["device_id"])}
        with pytest.raises(ServiceValidationError) as error:
            await ask(hass, "get_decision", **asked)
        assert error.value.translation_key == key


@pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")
async def test_a_dump_holds_the_newest_decisions_and_no_ids_unless_asked_for(
    hass: HomeAssistant, free_port: int
) -> None:
    entry = await set_up(hass, free_port, charger("SN-0815"))
    for fuse_a in (25.0, 20.0):
        hass.config_entries.async_update_entry(entry, data={**entry.data, "fuse_a": fuse_a})
        await hass.async_block_till_done()
    site = entry.runtime_data.site
    before = site.recent_cycles
    dumped = await ask(hass, "dump_decisions", cycles=2)
    assert dumped["cycles"] == 2
    # The site goes on deciding, so it may know newer ones by now.
    first, second = load(dumped["lines"])
    decided_at = [cycle.now for cycle in site.recent_cycles]
    assert first.now >= before[-2].now
    assert decided_at.index(second.now) == decided_at.index(first.now) + 1
    assert "SN-0815" not in dumped["lines"].replace("Charger SN-0815", "")

    dumped = await ask(hass, "dump_decisions", hide_ids=False, config_entry_id="site1")
    assert load(dumped["lines"])[-1] in site.recent_cycles
    assert load(dumped["lines"])[: len(before)] == before
    (told,) = (await ask(hass, "get_decision"))["decisions"]
    assert told["decided_at"] in {cycle.now.isoformat() for cycle in site.recent_cycles}


@pytest.mark.parametrize("cycles", [0, 501, 1.5])
async def test_a_dump_of_an_impossible_length_is_refused(hass: HomeAssistant, cycles: float) -> None:
    async with running_site(hass, PLATFORMS):
        with pytest.raises(probatio.Invalid):
            await ask(hass, "dump_decisions", cycles=cycles)
