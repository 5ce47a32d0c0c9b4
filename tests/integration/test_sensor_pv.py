"""The sensor of what PV systems may yield while feed-in is limited."""

from dataclasses import replace

from homeassistant.const import STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from custom_components.smart_charging.engine.control.pv import PvReason

from .builders import pv
from .site_double import pv_view, running_site, site_view

SENSORS = [Platform.SENSOR]
CEILING = "sensor.home_pv_power_allowed"
CURTAILED = pv(installed_kw=8.0, control="entities", limit_number="number.limit")


async def test_what_pv_may_yield_is_shown_while_a_limit_holds_it(hass: HomeAssistant) -> None:
    barn = pv("sensor.barn", installed_kw=8.0, control="entities", limit_number="number.barn")
    view = lambda *shown: site_view(pv={each.pv_id: each for each in shown})  # noqa: E731
    roof_w, barn_w = pv_view(None), pv_view(None, pv_id="sub_sensor.barn", name="Barn")
    async with running_site(hass, SENSORS, view(), subentries=[CURTAILED, barn]) as site:
        state = hass.states.get(CEILING)
        assert state is not None
        assert (state.state, "details" in state.attributes) == (STATE_UNKNOWN, False)
        held = pv_view(2999.6)
        for shown, expected, reason, systems in (
            ((roof_w, barn_w), STATE_UNKNOWN, "no_limit", {"PV": None, "Barn": None}),
            (
                (held, replace(barn_w, command=pv_view(1000.0).command)),
                "4000",
                "export_limit",
                {"PV": 3000, "Barn": 1000},
            ),
            (
                (replace(roof_w, command=None), pv_view(0.0, pv_id="sub_sensor.barn", name="Barn")),
                "0",
                "export_limit",
                {"Barn": 0},
            ),
            # One that is free counts with its rating.
            (
                (pv_view(None, reason=PvReason.NOT_BINDING), replace(barn_w, command=held.command)),
                "11000",
                "export_limit",
                {"PV": None, "Barn": 3000},
            ),
        ):
            await site.show(view(*shown))
            state = hass.states.get(CEILING)
            assert state is not None
            assert (state.state, state.attributes["details"]) == (expected, {"reason": reason, "systems": systems})


async def test_the_sensor_of_what_pv_may_yield_goes_with_the_mapping(
    hass: HomeAssistant, entity_registry: er.EntityRegistry
) -> None:
    async with running_site(hass, SENSORS, subentries=[CURTAILED]) as site:
        assert hass.states.is_state(CEILING, STATE_UNKNOWN)
        system = site.entry.subentries["sub_sensor.pv_power"]
        left = {key: known for key, known in system.data.items() if key not in {"control", "limit_number"}}
        hass.config_entries.async_update_subentry(site.entry, system, data=left)
        await site.show(site_view())
        assert hass.states.get(CEILING) is None
        assert entity_registry.async_get(CEILING) is None
        assert hass.states.is_state("sensor.home_pv_power", "8120")
