"""The actions that say what a car is to have and when, and the one that tells how it will get it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_get_device_and_config_entry
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonValueType
import probatio

from .car_settings import car_config
from .const import CONF_CAR, DOMAIN
from .coordinator import SmartChargingConfigEntry
from .engine.config import EvseSettings
from .engine.control.planning.problem import Plan
from .engine.control.prices.carbon import G_PER_KG, CarbonOutlook
from .engine.model import PLANNED_MODES, ChargeMode, EvseKey
from .engine.repeating_plans import plan_origin
from .engine.view import EvseView
from .errors import check_charge_levels
from .number import MAX_ENERGY_KWH, MAX_LATE_MIN, MAX_PRICE_LIMIT, MIN_PRICE_LIMIT
from .sensor_plan import next_start
from .service_repeating import (
    ATTR_DEPARTURE,
    ATTR_WEEKDAYS,
    WEEKDAYS,
    told_repeating,
    with_repeating,
    without_repeating,
)
from .service_targets import ATTR_EVSE, EVSE_SCHEMA, Target, evses_of
from .service_times import to_come

ATTR_ENERGY: Final = "energy"
ATTR_SOC: Final = "soc"
ATTR_CURRENT_SOC: Final = "current_soc"
ATTR_PRICE_LIMIT: Final = "price_limit"
ATTR_RANGE: Final = "range"
ATTR_LATE: Final = "late"
ATTR_CONTINUOUS: Final = "continuous"
ATTR_MODE: Final = "mode"

MAX_RANGE_KM: Final = 2000
_PERCENT: Final = probatio.All(probatio.Coerce(float), probatio.Range(min=0, max=100))
PLAN_SCHEMA: Final = EVSE_SCHEMA.extend(
    {
        probatio.Optional(ATTR_ENERGY): probatio.All(probatio.Coerce(float), probatio.Range(min=0, max=MAX_ENERGY_KWH)),
        probatio.Exclusive(ATTR_SOC, "charge"): _PERCENT,
        probatio.Exclusive(ATTR_RANGE, "charge"): probatio.All(
            probatio.Coerce(float), probatio.Range(min=0, max=MAX_RANGE_KM)
        ),
        probatio.Optional(ATTR_LATE): probatio.All(probatio.Coerce(float), probatio.Range(min=0, max=MAX_LATE_MIN)),
        probatio.Optional(ATTR_CONTINUOUS): cv.boolean,
        probatio.Optional(ATTR_CURRENT_SOC): _PERCENT,
        probatio.Optional(ATTR_PRICE_LIMIT): probatio.All(
            probatio.Coerce(float), probatio.Range(min=MIN_PRICE_LIMIT, max=MAX_PRICE_LIMIT)
        ),
        probatio.Optional(ATTR_WEEKDAYS): WEEKDAYS,
        probatio.Optional(ATTR_DEPARTURE): probatio.Any(cv.time, cv.datetime),
        probatio.Optional(ATTR_MODE): probatio.All(probatio.Coerce(ChargeMode), probatio.In(PLANNED_MODES)),
    }
)


CLEAR_SCHEMA: Final = EVSE_SCHEMA.extend(
    {
        probatio.Optional(ATTR_PRICE_LIMIT, default=False): cv.boolean,
        probatio.Optional(ATTR_WEEKDAYS): WEEKDAYS,
        probatio.Optional(ATTR_DEPARTURE): cv.time,
    }
)


def check_plan(target: Target, call: ServiceCall) -> None:
    """Raise ServiceValidationError for a plan that asks for nothing, for a time gone by, or that no car can have."""
    before, after = target.entry.runtime_data.site.settings(target.key), _planned(target, call)
    check_charge_levels(before, after, target.subentry.title)
    for plan in set(after.repeating) - set(before.repeating):
        if plan.soc_percent is not None:
            check_charge_levels(before, replace(after, target_soc_percent=plan.soc_percent), target.subentry.title)


def check_clearing(_target: Target, call: ServiceCall) -> None:
    """Raise ServiceValidationError for a time of day without the weekdays of the plans that are to go."""
    if ATTR_DEPARTURE in call.data and ATTR_WEEKDAYS not in call.data:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="time_without_weekdays")


async def set_plan(target: Target, call: ServiceCall) -> None:
    """Change all that is given at once."""
    await target.entry.runtime_data.site.set_settings(target.key, _planned(target, call))


async def clear_plan(target: Target, call: ServiceCall) -> None:
    """Let the car have no target of energy and no departure, or only not what is named; the mode stays."""
    site = target.entry.runtime_data.site
    settings = site.settings(target.key)
    if call.data[ATTR_PRICE_LIMIT]:
        settings = replace(settings, price_limit=None)
    if ATTR_WEEKDAYS in call.data:
        settings = without_repeating(settings, call.data[ATTR_WEEKDAYS], call.data.get(ATTR_DEPARTURE))
    elif not call.data[ATTR_PRICE_LIMIT]:
        settings = replace(settings, target_energy_wh=None, departure=None)
    await site.set_settings(target.key, settings)


async def get_plan(call: ServiceCall) -> ServiceResponse:
    """Return what each EVSE is to draw and when, once for each that is named, and what batteries of their sites are to do."""
    asked: dict[tuple[str, EvseKey], SmartChargingConfigEntry] = {}
    for device_id in call.data[ATTR_DEVICE_ID]:
        device, entry = async_get_device_and_config_entry(call.hass, DOMAIN, device_id)
        asked |= {(entry.entry_id, key): entry for key in evses_of(call, entry, device)}
    sites = {entry.entry_id: entry for entry in asked.values()}
    for entry in sites.values():  # what was set a moment ago is told, too
        await entry.runtime_data.site.fresh_plan()
    plans: list[JsonValueType] = [_told(entry, key) for (_, key), entry in asked.items()]
    batteries: list[JsonValueType] = [told for entry in sites.values() for told in _batteries(entry)]
    return {"plans": plans, "batteries": batteries}


def _batteries(entry: SmartChargingConfigEntry) -> Iterator[dict[str, JsonValueType]]:
    """Yield what the batteries of a site that follow its plan are to do: W, negative to charge, and what a kWh is worth."""
    site = entry.runtime_data.site
    plan = site.plan
    for battery in site.config.batteries:
        led = None if plan is None else plan.batteries.get(battery.battery_id)
        if plan is None or led is None or not battery.by_plan:
            continue
        yield {
            "site": entry.title,
            "battery": battery.name,
            "worth": round(led.value, 4),
            "slots": _coming(entry, plan, led.power_w, None),
        }


def _planned(target: Target, call: ServiceCall) -> EvseSettings:
    """Return an EVSE's settings with what is given."""
    if not call.data.keys() - {ATTR_DEVICE_ID, ATTR_EVSE}:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_plan_given")
    site, key = target.entry.runtime_data.site, target.key
    settings = site.settings(key)
    soc_percent = _soc_percent(target, call)
    if ATTR_WEEKDAYS in call.data:
        settings = with_repeating(settings, call, call.data.get(ATTR_ENERGY, 0.0) * 1000, soc_percent)
    else:
        settings = _with_targets(settings, call, soc_percent)
    if ATTR_LATE in call.data:
        settings = replace(settings, late_min=call.data[ATTR_LATE] or None)
    if ATTR_CONTINUOUS in call.data:
        settings = replace(settings, continuous=call.data[ATTR_CONTINUOUS])
    if ATTR_PRICE_LIMIT in call.data:
        settings = replace(settings, price_limit=call.data[ATTR_PRICE_LIMIT])
    if ATTR_CURRENT_SOC in call.data:
        evse = site.view.chargers[key.station_id].evses[key.evse_id]
        session = evse.session
        runs = session is not None and session.plugged_out_at is None
        settings = replace(
            settings,
            told_soc_percent=call.data[ATTR_CURRENT_SOC],
            told_at_wh=session.energy_wh if session is not None and runs else 0.0,
            told_at_given_wh=(evse.session_given_wh or 0.0) if runs else 0.0,
        )
    return replace(settings, mode=call.data.get(ATTR_MODE, settings.mode))


def _soc_percent(target: Target, call: ServiceCall) -> float | None:
    """Return the state of charge that is to be reached, for a range that of the car's battery; None for none given."""
    if ATTR_RANGE not in call.data:
        soc: float | None = call.data.get(ATTR_SOC)
        return soc
    car, charger = car_config(target.subentry.data.get(CONF_CAR)), target.subentry.title
    if car.range_km is None:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="range_needs_car", translation_placeholders={"charger": charger}
        )
    if call.data[ATTR_RANGE] > car.range_km:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="range_beyond_battery",
            translation_placeholders={"charger": charger, "most": f"{car.range_km:.0f}"},
        )
    percent: float = call.data[ATTR_RANGE] / car.range_km * 100
    return percent


def _with_targets(settings: EvseSettings, call: ServiceCall, soc_percent: float | None) -> EvseSettings:
    """Return the settings with the targets and the departure that are given for once."""
    if ATTR_ENERGY in call.data:
        settings = replace(settings, target_energy_wh=call.data[ATTR_ENERGY] * 1000 or None)
    if soc_percent is not None:
        settings = replace(settings, target_soc_percent=soc_percent or None)
    if ATTR_DEPARTURE in call.data:
        settings = replace(settings, departure=to_come(call.data[ATTR_DEPARTURE]))
    return settings


def _told(entry: SmartChargingConfigEntry, key: EvseKey) -> dict[str, JsonValueType]:
    """Return what is wanted of an EVSE, what is planned for it, and what that comes to."""
    runtime = entry.runtime_data
    charger = runtime.site.view.chargers[key.station_id]
    evse = charger.evses[key.evse_id]
    missing_wh = evse.missing_wh
    if missing_wh is None and evse.planned is not None:
        missing_wh = evse.planned.missing_wh
    planned, wanted_wh = evse.planned, evse.wanted.target_energy_wh
    return {
        "site": entry.title,
        "charger": charger.name,
        "evse": key.evse_id,
        "mode": evse.mode.value,
        "target_energy_kwh": None if wanted_wh is None else wanted_wh / 1000,
        "target_soc": evse.wanted.target_soc_percent,
        "soc": None if evse.soc_percent is None else round(evse.soc_percent, 1),
        "price_limit": evse.settings.price_limit,
        "departure": _iso(evse.wanted.departure),
        "next_start": _iso(next_start(evse)),
        "energy_kwh": None if planned is None else round(planned.energy_wh / 1000, 2),
        "given_kwh": None if planned is None else round(planned.given_wh / 1000, 2),
        "worth": None if planned is None or planned.worth is None else round(planned.worth, 4),
        "missing_kwh": None if missing_wh is None else round(missing_wh / 1000, 2),
        "cost": None if planned is None or planned.cost is None else round(planned.cost, 2),
        "currency": runtime.prices.currency,
        **_told_origin(entry, key),
        "repeating": told_repeating(evse.settings, runtime.site.config.time_zone, dt_util.utcnow()),
        "slots": _slots(entry, evse),
    }


def _told_origin(entry: SmartChargingConfigEntry, key: EvseKey) -> dict[str, JsonValueType]:
    """Return where departure and target of an EVSE come from, and how its calendar is read."""
    runtime = entry.runtime_data
    settings = runtime.site.view.chargers[key.station_id].evses[key.evse_id].settings
    origin = plan_origin(settings, runtime.site.config.time_zone, dt_util.utcnow())
    event = origin.event
    return {
        "departure_from": None if origin.departure is None else origin.departure.value,
        "target_from": None if origin.target is None else origin.target.value,
        "event": None if event is None else {"title": event.event_title, "names_target": event.told},
        "calendar": runtime.departures.status(key),
    }


def _slots(entry: SmartChargingConfigEntry, evse: EvseView) -> list[JsonValueType]:
    """Return what is planned from the running slot to the departure; nothing where there is no plan for this EVSE."""
    plan, planned = entry.runtime_data.site.plan, evse.planned
    car = None if plan is None else plan.cars.get(str(evse.key))
    if plan is None or car is None or planned is None:
        return []
    carbon = entry.runtime_data.prices.carbon.outlook if evse.mode is ChargeMode.GREENEST else None
    return _coming(entry, plan, car.power_w, planned.departure, planned.slot_costs, carbon)


def _coming(
    entry: SmartChargingConfigEntry,
    plan: Plan,
    powers_w: Sequence[float],
    departure: datetime | None,
    costs: Mapping[datetime, float | None] | None = None,
    carbon: CarbonOutlook | None = None,
) -> list[JsonValueType]:
    """Return what is planned from the running slot on, until a departure that is still to come; with CO2 if that counts.

    With `costs` each slot has its own, which is less than nothing where energy is given back.
    """
    now, prices = dt_util.utcnow(), entry.runtime_data.prices.series
    until = departure if departure is not None and departure > now else None
    starts = [plan.start + number * plan.slot for number in range(len(powers_w))]
    return [
        {
            "start": start.isoformat(),
            "power_w": round(power_w),
            "price": None if prices is None else prices.import_at(start),
            **({} if costs is None else {"cost": _rounded(costs.get(start, 0.0))}),
            **({} if carbon is None else _told_carbon(carbon, start)),
        }
        for start, power_w in zip(starts, powers_w, strict=True)
        if start + plan.slot > now and (until is None or start < until)
    ]


def _told_carbon(carbon: CarbonOutlook, at: datetime) -> dict[str, JsonValueType]:
    """Return the grams of CO2 of a kWh at a moment, and whether they are forecast, measured or those of the day before."""
    kg, source = carbon.series.import_at(at), carbon.source_at(at)
    return {
        "co2_g": None if kg is None else round(kg * G_PER_KG, 1),
        "co2_from": None if source is None else source.value,
    }


def _rounded(cost: float | None) -> float | None:
    return None if cost is None else round(cost, 4)


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
