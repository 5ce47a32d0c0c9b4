"""Every message of OCPP 2.1, in both directions, over a real socket."""

from collections.abc import Mapping

import pytest

from custom_components.smart_charging.engine.csms.operations import supported
from custom_components.smart_charging.engine.csms.transaction_services import DynamicLimits

from . import every_message_v2 as shared
from .conftest import Bench
from .every_message import Command, check_command, check_from_station, check_raw
from .raw_station_2 import RawStation21
from .schema_samples import actions
from .test_v2 import ready

ACTIONS = actions("ocpp2.1")
FROM_STATION = shared.FROM_STATION | {
    "BatterySwap",
    "GetCertificateChainStatus",
    "NotifyDERAlarm",
    "NotifyDERStartStop",
    "NotifyPriorityCharging",
    "NotifySettlement",
    "NotifyWebPaymentStarted",
    "OpenPeriodicEventStream",
    "ClosePeriodicEventStream",
    "PullDynamicScheduleUpdate",
    "ReportDERControl",
    "VatNumberValidation",
}
TARIFF = {"tariffId": "day", "currency": "EUR", "energy": {"prices": [{"priceKwh": 0.3}]}}
LIMIT = {"limitMaxDischarge": {"priority": 1, "pctMaxDischargePower": 50}}
COMMANDS: Mapping[str, Command] = {
    **shared.COMMANDS,
    "ChangeTransactionTariff": lambda _, station: supported(station.operations.tariffs).change("tx-1", TARIFF),
    "ClearDERControl": lambda _, station: supported(station.operations.der).clear(default=True),
    "ClearTariffs": lambda _, station: supported(station.operations.tariffs).clear(["day"], 1),
    "GetDERControl": lambda _, station: supported(station.operations.der).read(control_type="VoltVar", default=True),
    "GetTariffs": lambda _, station: supported(station.operations.tariffs).installed(0),
    "SetDERControl": lambda _, station: supported(station.operations.der).set(
        "c1", "LimitMaxDischarge", LIMIT, default=False
    ),
    "SetDefaultTariff": lambda _, station: supported(station.operations.tariffs).set_default(0, TARIFF),
    "UpdateDynamicSchedule": lambda _, station: supported(station.operations.dynamic).update_schedule(
        9, DynamicLimits(limit=8.0, limit_l2=7.0)
    ),
    "UsePriorityCharging": lambda _, station: supported(station.operations.dynamic).use_priority("tx-1", activate=True),
}
RAW = shared.RAW | {
    "AFRRSignal",
    "AdjustPeriodicEventStream",
    "GetPeriodicEventStream",
    "NotifyAllowedEnergyTransfer",
    "RequestBatterySwap",
}


@pytest.mark.parametrize("action", ACTIONS)
async def test_what_a_station_sends_is_answered_as_the_schema_has_it(bench: Bench, action: str) -> None:
    client = await ready(bench, RawStation21())
    await check_from_station(client, action, ours=action in FROM_STATION)


@pytest.mark.parametrize("action", [one for one in ACTIONS if one in COMMANDS])
async def test_what_we_send_fits_the_schema_and_a_refusal_is_an_error(bench: Bench, action: str) -> None:
    client = await shared.charging(bench, RawStation21())
    await check_command(bench, client, action, COMMANDS[action])


@pytest.mark.parametrize("action", [one for one in ACTIONS if one not in FROM_STATION or one == "DataTransfer"])
async def test_any_message_can_be_sent_as_it_is(bench: Bench, action: str) -> None:
    client = await ready(bench, RawStation21())
    await check_raw(bench, client, action)


def test_every_message_to_a_station_is_accounted_for() -> None:
    assert set(ACTIONS) - FROM_STATION - set(COMMANDS) == RAW
