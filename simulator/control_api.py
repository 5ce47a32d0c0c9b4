"""A small HTTP interface on the local host by which tests in another process act on the site and read the truth."""

from collections.abc import Callable
import json

from aiohttp import web
from aiohttp.typedefs import Handler

from .control_api2 import act2, station_state2
from .modbus.server import ModbusDevices
from .ocpp.connector import Connector
from .ocpp.dialler import Dialler
from .ocpp.json import FormatError, Json, Payload, integer, number, optional_integer, text
from .ocpp.station import SimulatedStation
from .ocpp.transaction import StopReason
from .plant.battery import BatteryMode
from .plant.circuit import Circuit
from .plant.contactor import Contactor
from .plant.outlet import Outlet
from .plant.phases import Phases, phases
from .simulated_site import SimulatedSite

type Act = Callable[[SimulatedStation, Dialler, Payload], None]

_LINE: dict[str, Callable[[Dialler], None]] = {
    "hang": Dialler.hang,
    "disconnect": Dialler.disconnect,
    "reconnect": Dialler.reconnect,
}


class ControlApi:
    """GET /state; POST /house, /pv, /meter, /battery, /relay, /circuits/{id} and /stations/{id} with JSON objects."""

    def __init__(self, site: SimulatedSite, modbus: ModbusDevices) -> None:
        """Act on this site and these devices."""
        self._site = site
        self._modbus = modbus
        self._runner: web.AppRunner | None = None

    async def start(self, port: int) -> int:
        """Listen on 127.0.0.1 and return the port; OSError when it is taken."""
        app = web.Application(middlewares=[_explain])
        app.add_routes(
            [
                web.get("/state", self._state),
                web.post("/house", self._house),
                web.post("/pv", self._pv),
                web.post("/meter", self._meter),
                web.post("/battery", self._battery),
                web.post("/relay", self._relay),
                web.post("/circuits/{circuit_id}", self._circuit),
                web.post("/stations/{station_id}", self._station),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _state(self, request: web.Request) -> web.Response:
        del request
        self._site.advance()
        return web.json_response(site_state(self._site, self._modbus))

    async def _house(self, request: web.Request) -> web.Response:
        body = await _body(request)
        watts = body.get("phases_w")
        self._site.plant.house.hold(None if watts is None else _three(watts))
        return self._done()

    async def _pv(self, request: web.Request) -> web.Response:
        body = await _body(request)
        self._site.plant.photovoltaics.hold(None if body.get("power_w") is None else number(body, "power_w"))
        return self._done()

    async def _meter(self, request: web.Request) -> web.Response:
        self._modbus.meter.online = bool((await _body(request)).get("online"))
        return self._done()

    async def _battery(self, request: web.Request) -> web.Response:
        battery = self._site.plant.battery
        if battery is None:
            raise web.HTTPNotFound(text="no battery")
        body = await _body(request)
        if "mode" in body:
            mode = text(body, "mode")
            if mode not in list(BatteryMode):
                raise FormatError(f"no mode {mode!r}")
            power_w = number(body, "power_w") if "power_w" in body else 0.0
            if power_w < 0:
                raise FormatError("power_w must not be negative")
            battery.command(BatteryMode(mode), power_w)
        if "obeys" in body:
            battery.obeys = bool(body["obeys"])
        return self._done()

    async def _relay(self, request: web.Request) -> web.Response:
        self._site.plant.relay.closed = bool((await _body(request)).get("closed"))
        return self._done()

    async def _circuit(self, request: web.Request) -> web.Response:
        circuit_id = request.match_info["circuit_id"]
        circuit = self._site.plant.tree.circuits.get(circuit_id)
        if circuit is None:
            raise web.HTTPNotFound(text=f"no circuit {circuit_id}")
        watts = (await _body(request)).get("phases_w")
        circuit.load.hold(None if watts is None else _three(watts))
        return self._done()

    async def _station(self, request: web.Request) -> web.Response:
        station_id = request.match_info["station_id"]
        newer = self._site.stations2.get(station_id)
        station = self._site.stations.get(station_id)
        body = await _body(request)
        if newer is not None:
            for act in [act2(name, value) for name, value in body.items() if name != "connector"]:
                act(newer, self._site.diallers2[station_id], body)
            return self._done()
        if station is None:
            raise web.HTTPNotFound(text=f"no station {station_id}")
        acts = [_act(name, value) for name, value in body.items() if name != "connector"]
        for each in acts:
            each(station, self._site.diallers[station_id], body)
        return self._done()

    def _done(self) -> web.Response:
        self._site.advance()
        return web.json_response({"ok": True})


def site_state(site: SimulatedSite, modbus: ModbusDevices) -> Payload:
    """Return the whole truth about a site."""
    plant = site.plant
    battery = plant.battery
    return {
        "time": plant.now.isoformat(),
        "house_w": list(plant.house_w),
        "pv_w": plant.photovoltaics.power_w,
        "pv_available_w": plant.photovoltaics.available_w,
        "pv_wh": plant.photovoltaics.energy_wh,
        "grid": {
            "power_w": plant.grid.total_w,
            "phase_power_w": list(plant.grid.power_w),
            "current_a": list(plant.grid.current_a),
            "voltage": list(plant.grid.voltage),
            "import_wh": plant.grid.import_wh,
            "export_wh": plant.grid.export_wh,
        },
        "battery": None
        if battery is None
        else {
            "power_w": battery.power_w,
            "state_of_charge": battery.state_of_charge,
            "mode": battery.mode,
            "told_w": battery.told_w,
            "obeys": battery.obeys,
        },
        "circuits": {circuit_id: _circuit_state(circuit) for circuit_id, circuit in plant.tree.circuits.items()},
        "meter_online": modbus.meter.online,
        "relay_closed": plant.relay.closed,
        "stations": _stations(site),
    }


def _stations(site: SimulatedSite) -> Payload:
    states: Payload = {
        station_id: _station_state(station, site.diallers[station_id]) for station_id, station in site.stations.items()
    }
    for station_id, newer in site.stations2.items():
        states[station_id] = station_state2(newer, site.diallers2[station_id])
    return states


def _circuit_state(circuit: Circuit) -> Payload:
    return {
        "parent": circuit.parent_id,
        "own_w": list(circuit.load.power_w()),
        "phase_power_w": list(circuit.meter.power_w),
        "current_a": list(circuit.meter.current_a),
        "import_wh": circuit.meter.import_wh,
    }


def _contactor_state(contactor: Contactor | None) -> Json:
    if contactor is None:
        return None
    return {
        "phases": contactor.phases,
        "switches": contactor.switches,
        "switched_under_load": contactor.switched_under_load,
    }


def _station_state(station: SimulatedStation, dialler: Dialler) -> Payload:
    return {
        "online": station.online,
        "booted": station.booted,
        "powered": station.powered,
        "connections": dialler.connections,
        "waiting_messages": len(station.outbox),
        "profiles": [
            {
                "connector": entry.connector_id,
                "id": entry.profile.profile_id,
                "purpose": entry.profile.purpose,
                "stack_level": entry.profile.stack_level,
            }
            for entry in station.profiles.installed
        ],
        "connectors": {str(number): _connector_state(each) for number, each in station.connectors.items()},
    }


def _connector_state(connector: Connector) -> Payload:
    outlet = connector.outlet
    transaction = connector.transaction
    return {
        "status": connector.status,
        "error": connector.error,
        "plugged": outlet.plugged,
        "register_wh": outlet.energy_wh,
        "offered_a": outlet.present_offer.current_a,
        "offered_phases": outlet.present_offer.phases,
        "phase_switches": connector.relay.switches,
        "circuit": outlet.wiring.circuit_id,
        "contactor": _contactor_state(outlet.wiring.contactor),
        "current_a": list(outlet.current_a),
        "power_w": outlet.power_w,
        "car": _car_state(outlet),
        "transaction": None
        if transaction is None
        else {
            "id": transaction.number,
            "id_tag": transaction.id_tag,
            "started": transaction.started.isoformat(),
            "meter_start": transaction.meter_start,
        },
    }


def _car_state(outlet: Outlet) -> Json:
    if outlet.car is None:
        return None
    return {"state_of_charge": outlet.car.state_of_charge, "asleep": outlet.car.asleep}


def _act(name: str, value: Json) -> Act:
    """Return what a request's field asks for; FormatError for an unknown one."""
    match name, value:
        case "plug", True | False:
            return lambda station, _, body: station.plug(value is True, _connector(station, body))
        case "plug", "hang" | "disconnect" | "reconnect" | "reboot":
            return _act(value, True)
        case "tag", str():
            return lambda station, _, body: station.present_tag(text(body, "tag"), _connector(station, body))
        case "fault", str():
            return lambda station, _, body: station.fail(text(body, "fault"), _connector(station, body))
        case "contactor", 1 | 3:
            return lambda station, _, body: _switch_contactor(station, body)
        case "hang" | "disconnect" | "reconnect", True:
            change_line = _LINE[name]
            return lambda _, dialler, __: change_line(dialler)
        case "reboot", True:
            return lambda station, _, __: station.reset(StopReason.POWER_LOSS, after_s=0.0)
        case _:
            raise FormatError(f"{name} can not be {value!r}")


def _switch_contactor(station: SimulatedStation, body: Payload) -> None:
    outlet = station.connectors[_connector(station, body)].outlet
    if outlet.wiring.contactor is None:
        raise FormatError("this connector has no contactor")
    outlet.switch_contactor(integer(body, "contactor"))


def _connector(station: SimulatedStation, body: Payload) -> int:
    connector_id = optional_integer(body, "connector") or 1
    if connector_id not in station.connectors:
        raise FormatError(f"no connector {integer(body, 'connector')}")
    return connector_id


def _three(value: Json) -> Phases:
    if not isinstance(value, list) or len(value) != 3:
        raise FormatError("phases_w must be three numbers")
    return phases(number({"phases_w": watts}, "phases_w") for watts in value)


async def _body(request: web.Request) -> Payload:
    try:
        body = await request.json()
    except json.JSONDecodeError as error:
        raise FormatError("the body must be JSON") from error
    if not isinstance(body, dict):
        raise FormatError("the body must be an object")
    return body


@web.middleware
async def _explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a wrong request with 400 and the reason."""
    try:
        return await handler(request)
    except FormatError as error:
        raise web.HTTPBadRequest(text=str(error)) from error
