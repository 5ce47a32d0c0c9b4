"""Where a session's energy came from, end to end: a station on a socket, panels, a grid meter, prices, a restart."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.clock import SystemClock

from .builders import GRID_POWER, PV_POWER, charger, grid_meter, pv, set_power, site_entry
from .virtual_station import VirtualStation, virtual_station

TAG = "04A2B3C4D5E680"
ENERGY, SHARE, COST, PRICE = (
    f"sensor.charger_cp_1_session_{name}" for name in ("energy", "solar_share", "cost", "average_price")
)
EVENT = "event.charger_cp_1_session"
PRICES = {
    "prices": {
        "price_source": "fixed",
        "price": 0.4,
        "feed_in_source": "fixed",
        "feed_in_price": 0.1,
        "co2": "sensor.co2",
    }
}
DRAWN_W = 7000

pytestmark = pytest.mark.usefixtures("unload_at_the_end")


async def until(hass: HomeAssistant, holds: Callable[[], bool], what: str) -> None:
    """Let events and publishing intervals pass until something holds."""
    for _ in range(1000):
        await hass.async_block_till_done()
        if holds():
            return
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
        await asyncio.sleep(0.01)  # the ledger commits in a thread of its own
    pytest.fail(f"{what}: {[hass.states.get(one) for one in (ENERGY, SHARE, COST, EVENT)]}")


def shows(hass: HomeAssistant, entity_id: str, value: float) -> bool:
    state = hass.states.get(entity_id)
    return state is not None and state.state not in {"unknown", "unavailable"} and float(state.state) == value


class House:
    """A site with panels and a meter at the grid, whose car draws 7 kW when it charges."""

    def __init__(self, hass: HomeAssistant, port: int) -> None:
        self.hass = hass
        self.entry: MockConfigEntry = site_entry(port, [charger("CP-1"), grid_meter(), pv()])
        self.register_wh = 1000
        self.transaction_id = 0
        self.now = dt_util.utcnow()

    async def set_up(self) -> None:
        self.hass.states.async_set("sensor.co2", "300", {"unit_of_measurement": "g/kWh"})
        self.sun(0)
        self.entry.add_to_hass(self.hass)
        self.hass.config_entries.async_update_entry(self.entry, options=PRICES)
        assert await self.hass.config_entries.async_setup(self.entry.entry_id)
        await self.hass.async_block_till_done()

    def sun(self, pv_w: int, house_w: int = 500) -> None:
        """Let panels give this much while house and car go on."""
        set_power(self.hass, PV_POWER, pv_w)
        set_power(self.hass, GRID_POWER, house_w + DRAWN_W - pv_w)

    async def start(self, station: VirtualStation) -> None:
        await station.report("Preparing")
        announced = {"connectorId": 1, "idTag": TAG, "meterStart": self.register_wh}
        answer = await station.call("StartTransaction", announced | {"timestamp": dt_util.utcnow().isoformat()})
        self.transaction_id = int(answer["transactionId"])
        await station.report("Charging")

    async def measure(self, station: VirtualStation, more_wh: int = 0) -> None:
        """Have the station send its register and its power; a register is not believed to jump by more than 1 kWh."""
        if more_wh > 1000:
            await self.measure(station, more_wh - 1000)
            more_wh = 1000
        self.register_wh += more_wh
        sent = (("Energy.Active.Import.Register", "Wh", self.register_wh), ("Power.Active.Import", "W", DRAWN_W))
        values = [{"measurand": name, "unit": unit, "value": str(value)} for name, unit, value in sent]
        sample = {"timestamp": dt_util.utcnow().isoformat(), "sampledValue": values}
        reading = {"connectorId": 1, "transactionId": self.transaction_id, "meterValue": [sample]}
        await station.call("MeterValues", reading)

    async def charge(self, station: VirtualStation, more_wh: int) -> None:
        """Let the car charge so much: it is looked at a while, then the register tells."""
        await self.measure(station)
        await self.look(seconds=1.0)
        await self.measure(station, more_wh)
        counted_kwh = (self.register_wh - 1000) / 1000
        await until(self.hass, lambda: shows(self.hass, ENERGY, counted_kwh), f"{counted_kwh} kWh are shown")
        await self.look()

    async def look(self, seconds: float = 0.0) -> None:
        """Let time pass and have the site decide, which it does by itself only each five seconds."""
        self.now += timedelta(seconds=seconds)
        data = {"entity_id": "select.charger_cp_1_mode", "option": "fast"}
        await self.hass.services.async_call("select", "select_option", data, blocking=True)

    async def stop(self, station: VirtualStation) -> None:
        announced = {"transactionId": self.transaction_id, "meterStop": self.register_wh, "idTag": TAG}
        await station.call("StopTransaction", announced | {"timestamp": dt_util.utcnow().isoformat()})
        await station.report("Finishing")
        await station.report("Available")

    async def sessions(self) -> list[dict[str, Any]]:
        answer = await self.hass.services.async_call(DOMAIN, "get_sessions", {}, blocking=True, return_response=True)
        assert answer is not None
        return answer["sessions"]  # type: ignore[return-value]  # a list of sessions


@pytest.fixture
async def house(hass: HomeAssistant, free_port: int, monkeypatch: pytest.MonkeyPatch) -> House:
    """Return the house, whose time only passes while it is looked at."""
    hass.config.currency = "EUR"
    house = House(hass, free_port)
    monkeypatch.setattr(SystemClock, "now", lambda _: house.now)
    await house.set_up()
    return house


def parts(session: dict[str, Any]) -> list[float]:
    """Return the parts of a session's energy, which must sum to it."""
    found = [session[f"{part}_kwh"] for part in ("solar", "battery", "grid", "unknown")]
    assert sum(found) == pytest.approx(session["energy_kwh"], abs=0.002)
    return found


async def test_a_session_in_the_sun_then_at_night_over_a_restart_of_home_assistant(
    hass: HomeAssistant, free_port: int, house: House
) -> None:
    async with virtual_station(free_port, "CP-1") as station:
        await station.boot()
        await house.start(station)
        house.sun(9000)
        await house.charge(station, 3000)
        await until(hass, lambda: shows(hass, SHARE, 100.0), "all of it is the sun's")
        assert shows(hass, COST, 0.3)
        house.sun(0)
        await house.charge(station, 1000)
        await until(hass, lambda: shows(hass, SHARE, 75.0), "a quarter is the grid's")
        assert shows(hass, COST, 0.7)
        assert shows(hass, PRICE, 0.175)
        (running,) = await house.sessions()
        assert parts(running) == [3.0, 0.0, 1.0, 0.0]
        await hass.config_entries.async_unload(house.entry.entry_id)

    assert await hass.config_entries.async_setup(house.entry.entry_id)
    await hass.async_block_till_done()
    (kept,) = await house.sessions()
    assert parts(kept) == [3.0, 0.0, 1.0, 0.0]
    async with virtual_station(free_port, "CP-1") as station:
        await station.boot()
        await station.report("Charging")
        await house.measure(station, 2000)  # which flowed while nobody was there
        await until(hass, lambda: shows(hass, ENERGY, 6.0), "the meter goes on")
        await house.look()
        await until(hass, lambda: shows(hass, SHARE, 50.0), "half is the sun's, a third is unknown")
        house.sun(4000)  # half of what the car takes, beside the house
        await house.charge(station, 2000)
        await until(hass, lambda: shows(hass, SHARE, 50.0), "half of what came then is the sun's too")
        await house.stop(station)
        ended = "session_ended"
        await until(hass, lambda: hass.states.get(EVENT).attributes.get("event_type") == ended, "it ended")

    told = dict(hass.states.get(EVENT).attributes)
    (session,) = await house.sessions()
    assert parts(session) == parts(told)
    assert parts(session) == pytest.approx([4.0, 0.0, 2.0, 2.0], abs=0.02)
    assert session["energy_kwh"] == 8.0
    assert session["solar_share"] == told["solar_share"] == pytest.approx(0.5, abs=0.003)
    assert session["priced_kwh"] == pytest.approx(6.0, abs=0.02)
    assert session["cost"] == pytest.approx(4 * 0.1 + 2 * 0.4, abs=0.02)
    assert session["co2_g"] == pytest.approx(2 * 300, abs=5)


async def test_without_a_reading_of_the_panels_what_may_be_theirs_is_unknown(
    hass: HomeAssistant, free_port: int, house: House
) -> None:
    async with virtual_station(free_port, "CP-1") as station:
        await station.boot()
        await house.start(station)
        house.sun(5600)
        hass.states.async_set(PV_POWER, "unavailable")
        await house.charge(station, 1000)
        (session,) = await house.sessions()
    assert parts(session) == pytest.approx([0.0, 0.0, 1900 / 7000, 5100 / 7000], abs=0.005)
    assert "solar_share" not in session
