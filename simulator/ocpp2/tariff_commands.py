"""Tariffs that the central system leaves with a 2.1 station (2.1 part 2 I)."""

from simulator.ocpp.json import Json, Payload, integer, mapping, text
from simulator.ocpp.link import Answer

from .answers import Command, optional_list, refused, status
from .station import SimulatedStation2
from .transaction import Trigger
from .transaction_commands import running_evse


def _set_default(station: SimulatedStation2, payload: Payload) -> Answer:
    evse_id, tariff = integer(payload, "evseId"), mapping(payload, "tariff")
    tariff_id = text(tariff, "tariffId")
    if evse_id not in {0, *station.evses}:
        return refused("UnknownEvse")
    if any(text(known, "tariffId") == tariff_id for place, known in station.tariffs.items() if place != evse_id):
        return status("DuplicateTariffId")
    station.tariffs[evse_id] = tariff
    return status("Accepted")


def _get(station: SimulatedStation2, payload: Payload) -> Answer:
    evse_id = integer(payload, "evseId")
    assignments: list[Json] = [
        {"tariffId": text(tariff, "tariffId"), "tariffKind": "DefaultTariff", "evseIds": _places(station, place)}
        for place, tariff in station.tariffs.items()
        if evse_id in {0, place} or place == 0
    ]
    if not assignments:
        return status("NoTariff")
    return Answer({"status": "Accepted", "tariffAssignments": assignments})


def _places(station: SimulatedStation2, place: int) -> list[Json]:
    return [place] if place else list(station.evses)


def _clear(station: SimulatedStation2, payload: Payload) -> Answer:
    ids = optional_list(payload, "tariffIds")
    known = {text(tariff, "tariffId"): place for place, tariff in station.tariffs.items()}
    results: list[Json] = []
    for tariff_id in [str(each) for each in ids] if ids is not None else list(known):
        place = known.get(tariff_id)
        if place is not None:
            del station.tariffs[place]
        results.append({"tariffId": tariff_id, "status": "NoTariff" if place is None else "Accepted"})
    return Answer({"clearTariffsResult": results or [{"status": "NoTariff"}]})


def _change_transaction(station: SimulatedStation2, payload: Payload) -> Answer:
    tariff = mapping(payload, "tariff")
    evse = running_evse(station, text(payload, "transactionId"))
    if evse is None or evse.transaction is None:
        return status("TxNotFound")
    evse.transaction.tariff_id = text(tariff, "tariffId")
    return status("Accepted", lambda: station.went_on(evse, Trigger.TARIFF_CHANGED))


COMMANDS_21: dict[str, Command] = {
    "ChangeTransactionTariff": _change_transaction,
    "ClearTariffs": _clear,
    "GetTariffs": _get,
    "SetDefaultTariff": _set_default,
}
