"""What the control interface shows of OCPP 2.x stations, and how it acts on them."""

from collections.abc import Callable

from .ocpp.json import FormatError, Json, Payload, number, optional_integer, optional_text, text
from .ocpp2.dialler import Dialler2
from .ocpp2.evse import Evse
from .ocpp2.station import SimulatedStation2

type Act2 = Callable[[SimulatedStation2, Dialler2, Payload], None]

_LINE: dict[str, Callable[[Dialler2], None]] = {
    "hang": Dialler2.hang,
    "disconnect": Dialler2.disconnect,
    "reconnect": Dialler2.reconnect,
}


def station_state2(station: SimulatedStation2, dialler: Dialler2) -> Payload:
    """Return the truth about a station; its EVSEs stand where 1.6 stations have connectors."""
    return {
        "protocol": station.options.version,
        "online": station.online,
        "booted": station.booted,
        "powered": station.powered,
        "connections": dialler.connections,
        "network_profile": dialler.slot,
        "security_profile": station.network.security_profile,
        "waiting_messages": len(station.outbox),
        "profiles": [
            {
                "connector": entry.evse_id,
                "id": entry.profile.profile_id,
                "purpose": entry.profile.purpose,
                "stack_level": entry.profile.stack_level,
                "source": entry.source,
            }
            for entry in station.profiles.installed
        ],
        "connectors": {str(evse_id): _evse_state(evse) for evse_id, evse in station.evses.items()},
    }


def _evse_state(evse: Evse) -> Payload:
    outlet = evse.outlet
    transaction = evse.transaction
    connector = evse.connectors[evse.plugged_id]
    return {
        "status": connector.status,
        "error": connector.fault,
        "plugged": outlet.plugged,
        "register_wh": outlet.energy_wh,
        "offered_a": outlet.present_offer.current_a,
        "offered_phases": outlet.present_offer.phases,
        "phase_switches": evse.relay.switches,
        "circuit": outlet.wiring.circuit_id,
        "current_a": list(outlet.current_a),
        "power_w": outlet.power_w,
        "car": _car_state(evse),
        "transaction": None
        if transaction is None
        else {
            "id": transaction.transaction_id,
            "id_tag": None if transaction.token is None else transaction.token.value,
            "started": transaction.started.isoformat(),
            "state": transaction.state,
        },
    }


def _car_state(evse: Evse) -> Json:
    car = evse.outlet.car
    return None if car is None else {"state_of_charge": car.state_of_charge, "asleep": car.asleep}


def act2(name: str, value: Json) -> Act2:
    """Return what a request's field asks of a 2.x station; FormatError for an unknown one."""
    match name, value:
        case "plug", True | False:
            return lambda station, _, body: station.plug(value is True, _evse(station, body))
        case "plug", "hang" | "disconnect" | "reconnect" | "reboot":
            return act2(value, True)
        case "tag", str():
            return lambda station, _, body: station.present_token(text(body, "tag"), _evse(station, body))
        case "fault", str() | None:
            return lambda station, _, body: station.fail(_fault(body), _evse(station, body))
        case "hang" | "disconnect" | "reconnect", True:
            change_line = _LINE[name]
            return lambda _, dialler, __: change_line(dialler)
        case "reboot", True:
            return lambda station, _, __: station.reboot()
        case "power", True | False:
            return lambda station, _, __: station.restore_power() if value is True else station.lose_power()
        case "limit_a", int() | float() | None:
            return lambda station, _, body: station.set_local_limit(_limit(body))
        case _:
            raise FormatError(f"{name} can not be {value!r}")


def _fault(body: Payload) -> str | None:
    fault = None if body["fault"] is None else optional_text(body, "fault")
    return None if fault == "NoError" else fault


def _limit(body: Payload) -> float | None:
    return None if body["limit_a"] is None else number(body, "limit_a")


def _evse(station: SimulatedStation2, body: Payload) -> int:
    evse_id = optional_integer(body, "connector") or 1
    if evse_id not in station.evses:
        raise FormatError(f"no EVSE {evse_id}")
    return evse_id
