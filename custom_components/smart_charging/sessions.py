"""Sessions in the words of automations: plain values with units, and never the value of a tag."""

from datetime import datetime

from homeassistant.util.json import JsonValueType

from .engine.energy_origin import NOTHING_WH, EnergyOrigin
from .engine.model import Session, Transaction
from .engine.session_tracking import fingerprint
from .engine.view import SiteEvent

type Detail = str | int | float


def session_details(session: Session, now: datetime) -> dict[str, Detail]:
    """Return when a session was, how long, and what it delivered."""
    details: dict[str, Detail] = {
        "started_at": session.plugged_in_at.isoformat(),
        "energy_kwh": round(session.energy_wh / 1000, 3),
        "duration_s": round(((session.plugged_out_at or now) - session.plugged_in_at).total_seconds()),
    }
    if session.plugged_out_at is not None:
        details["ended_at"] = session.plugged_out_at.isoformat()
    if session.origin is not None:
        details |= _origin_details(session.origin, session.energy_wh)
    return details


def _origin_details(origin: EnergyOrigin, energy_wh: float) -> dict[str, Detail]:
    """Return where energy came from and what it was worth; what nobody knows is left out."""
    if energy_wh < NOTHING_WH:
        return {}
    details: dict[str, Detail] = dict(origin_parts_kwh(origin, energy_wh))
    if (share := origin.solar_share(energy_wh)) is not None:
        details["solar_share"] = round(share, 3)
    if origin.price is not None:
        details["cost"] = round(origin.cost, 2)
        details["average_price"] = round(origin.price, 4)
        details["priced_kwh"] = round(origin.priced_wh / 1000, 3)
    if origin.co2_g_per_kwh is not None:
        details["co2_g"] = round(origin.co2_g)
    return details


def origin_parts_kwh(origin: EnergyOrigin, energy_wh: float) -> dict[str, float]:
    """Return the parts of an energy in kWh; they sum to it, but for what rounding takes."""
    return {
        "solar_kwh": round(origin.solar_wh / 1000, 3),
        "battery_kwh": round(origin.battery_wh / 1000, 3),
        "grid_kwh": round(origin.grid_wh / 1000, 3),
        "unknown_kwh": round(max(0.0, energy_wh - origin.known_wh) / 1000, 3),
    }


def event_details(event: SiteEvent) -> dict[str, Detail]:
    """Return what an event tells; what is not known is left out."""
    details = {} if event.session is None else session_details(event.session, event.at)
    if event.tag_label is not None:
        details["tag_label"] = event.tag_label
    if event.token_id is not None:
        details["token_id"] = event.token_id
    if event.details and event.key.evse_id:
        details["evse"] = event.key.evse_id
    return {**details, **event.details}


def recorded_session(session: Session, site_id: str, now: datetime) -> dict[str, JsonValueType]:
    """Return a session of the ledger with its transactions."""
    result: dict[str, JsonValueType] = {"evse": session.evse_id, **session_details(session, now)}
    if session.transactions and session.transactions[-1].id_token:
        result["tag_label"] = fingerprint(site_id, session.transactions[-1].id_token)
    result["transactions"] = [_recorded_transaction(each, site_id) for each in session.transactions]
    return result


def _recorded_transaction(transaction: Transaction, site_id: str) -> JsonValueType:
    """Return a transaction without what would let somebody charge as its owner."""
    details: dict[str, JsonValueType] = {
        "started_at": transaction.started_at.isoformat(),
        "energy_kwh": round(transaction.energy_wh / 1000, 3),
        "offline": transaction.offline,
    }
    if transaction.id_token:
        details["tag_label"] = fingerprint(site_id, transaction.id_token)
    if transaction.token_id is not None:
        details["token_id"] = transaction.token_id
    if transaction.stopped_at is not None:
        details["stopped_at"] = transaction.stopped_at.isoformat()
    if transaction.stop_reason is not None:
        details["stop_reason"] = transaction.stop_reason
    return details
