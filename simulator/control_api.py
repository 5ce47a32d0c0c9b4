"""A small HTTP interface on the local host by which tests in another process act on the site and read the truth."""

from collections.abc import Callable
import json

from aiohttp import web
from aiohttp.typedefs import Handler

from .modbus.server import ModbusDevices
from .ocpp.connector import Connector
from .ocpp.dialler import Dialler
from .ocpp.json import FormatError, Json, Payload, integer, number, optional_integer, text
from .ocpp.station import SimulatedStation
from .ocpp.transaction import StopReason
from .plant.outlet import Outlet
from .plant.phases import Phases, phases
from .simulated_site import SimulatedSite

type Act = Callable[[SimulatedStation, Dialler, Payload], None]


class ControlApi:
    """GET /state; POST /house, /pv, /meter and /stations/{id} with JSON objects."""

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

    async def _station(self, request: web.Request) -> web.Response:
        station_id = request.match_info["station_id"]
        station = self._site.stations.get(station_id)
        if station is None:
            raise web.HTTPNotFound(text=f"no station {station_id}")
        body = await _body(request)
        acts = [_act(name, value) for name, value in body.items() if name != "connector"]
        for act in acts:
            act(station, self._site.diallers[station_id], body)
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
        else {"power_w": battery.power_w, "state_of_charge": battery.state_of_charge},
        "meter_online": modbus.meter.online,
        "stations": {
            station_id: _station_state(station, site.diallers[station_id])
            for station_id, station in site.stations.items()
        },
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
        case "hang", True:
            return lambda _, dialler, __: dialler.hang()
        case "disconnect", True:
            return lambda _, dialler, __: dialler.disconnect()
        case "reconnect", True:
            return lambda _, dialler, __: dialler.reconnect()
        case "reboot", True:
            return lambda station, _, __: station.reset(StopReason.POWER_LOSS, after_s=0.0)
        case _:
            raise FormatError(f"{name} can not be {value!r}")


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
