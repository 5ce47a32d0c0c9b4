"""Certification cases of OCPP 2.0.1, block N: logs, and what a station keeps of its customers."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.customer_information import Customer
from custom_components.smart_charging.engine.csms.maintenance import LogKind, LogRequest
from custom_components.smart_charging.engine.csms.operations import supported
from custom_components.smart_charging.engine.csms.v2_reports import PAGE_TIMEOUT_S
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station import Payload
from tests.engine.csms_stations.raw_station_2 import RawStation2

from .f_to_p_station import TAG, online

URL = "https://files.test/log"
CARD = {"idToken": TAG, "type": "Central"}
HOLDER = Customer(TAG, token_kind="Central")


async def get_log(bench: Bench, client: RawStation2, kind: LogKind, log_type: str) -> int:
    """Ask for a log and return the request's id, all that the case demands of the message seen."""
    upload = (await bench.station.operations.files.get_log(LogRequest(URL, kind))).upload
    assert upload.request_id is not None
    sent = client.sent("GetLog")[-1]
    assert sent == {"logType": log_type, "requestId": upload.request_id, "log": {"remoteLocation": URL}}
    return upload.request_id


async def goes_through(bench: Bench, client: RawStation2, number: int, *statuses: str) -> None:
    """Tell the states of an upload one after the other; each is shown, with the request it is about."""
    for status in statuses:
        assert await client.ask("LogStatusNotification", {"status": status, "requestId": number}) == {}
        state = bench.station.state
        assert (state.diagnostics_status, state.log_request_id) == (status, number)


@pytest.mark.certification("TC_N_25")
@pytest.mark.certification("TC_N_35")
@pytest.mark.parametrize(
    ("kind", "log_type"),
    [
        pytest.param(LogKind.DIAGNOSTICS, "DiagnosticsLog", id="TC_N_25-diagnostics"),
        pytest.param(LogKind.SECURITY, "SecurityLog", id="TC_N_35-security"),
    ],
)
async def test_a_log_is_uploaded(bench: Bench, kind: LogKind, log_type: str) -> None:
    client = await online(bench)
    number = await get_log(bench, client, kind, log_type)
    await goes_through(bench, client, number, "Uploading", "Uploaded")
    assert client.broken == []


@pytest.mark.certification("TC_N_34")
async def test_a_log_is_refused(bench: Bench) -> None:
    client = await online(bench)
    client.answers["GetLog"] = {"status": "Rejected"}
    with pytest.raises(CommandError, match="Rejected") as refused:
        await bench.station.operations.files.get_log(LogRequest(URL))
    assert refused.value.code is CommandErrorCode.REJECTED
    assert bench.station.state.diagnostics_status is None


@pytest.mark.certification("TC_N_36")
async def test_a_second_log_takes_the_place_of_the_first(bench: Bench) -> None:
    client = await online(bench)
    first = await get_log(bench, client, LogKind.DIAGNOSTICS, "DiagnosticsLog")
    await goes_through(bench, client, first, "Uploading")
    client.answers["GetLog"] = {"status": "AcceptedCanceled"}
    second = await get_log(bench, client, LogKind.DIAGNOSTICS, "DiagnosticsLog")
    assert second != first
    await goes_through(bench, client, first, "AcceptedCanceled")
    await goes_through(bench, client, second, "Uploading", "Uploaded")


def keeps(client: RawStation2, bench: Bench, *parts: str) -> list[Payload]:
    """Let the station tell this of any customer, and return where the answers to it come in."""
    answers: list[Payload] = []

    async def tell(request_id: int) -> None:
        for number, part in enumerate(parts):
            page = {
                "requestId": request_id,
                "data": part,
                "seqNo": number,
                "generatedAt": bench.now(),
                "tbc": number + 1 < len(parts),
            }
            answers.append(await client.ask("NotifyCustomerInformation", page))

    def answer(payload: Payload) -> Payload:
        client.run(tell(payload["requestId"]))
        return {"status": "Accepted"}

    client.answers["CustomerInformation"] = answer
    return answers


def asked(client: RawStation2) -> Payload:
    """Return the only CustomerInformation, without its number."""
    (sent,) = client.sent("CustomerInformation")
    assert sent["requestId"] > 0
    return {name: value for name, value in sent.items() if name != "requestId"}


@pytest.mark.certification("TC_N_27")
@pytest.mark.certification("TC_N_28")
@pytest.mark.certification("TC_N_30")
@pytest.mark.certification("TC_N_31")
@pytest.mark.parametrize("clear", [False, True], ids=["read", "clear"])
@pytest.mark.parametrize("parts", [("name: ", "Ada"), ("",)], ids=["data", "no-data"])
async def test_what_is_kept_of_a_tag_is_told(bench: Bench, parts: tuple[str, ...], clear: bool) -> None:
    client = await online(bench)
    answers = keeps(client, bench, *parts)
    told = await supported(bench.station.operations.customers).read(HOLDER, clear=clear)
    assert told == "".join(parts)
    await bench.until(lambda: answers == [{}] * len(parts))
    assert asked(client) == {"report": True, "clear": clear, "idToken": CARD}
    assert client.broken == []


@pytest.mark.certification("TC_N_29")
async def test_a_request_for_customer_data_is_refused(bench: Bench) -> None:
    client = await online(bench)
    client.answers["CustomerInformation"] = {"status": "Rejected"}
    with pytest.raises(CommandError, match="Rejected") as refused:
        await supported(bench.station.operations.customers).read(HOLDER)
    assert refused.value.code is CommandErrorCode.REJECTED
    assert asked(client) == {"report": True, "clear": False, "idToken": CARD}


@pytest.mark.certification("TC_N_32")
async def test_customer_data_is_deleted_untold(bench: Bench) -> None:
    client = await online(bench)
    answers = keeps(client, bench, "")
    await supported(bench.station.operations.customers).clear(HOLDER)
    await bench.until(lambda: answers == [{}])
    assert asked(client) == {"report": False, "clear": True, "idToken": CARD}
    assert "report that nobody asked for" not in bench.station.state.deviations


async def test_a_deletion_needs_no_confirmation(bench: Bench) -> None:
    client = await online(bench)
    clearing = asyncio.create_task(supported(bench.station.operations.customers).clear(HOLDER))
    await bench.until(lambda: client.sent("CustomerInformation") != [])
    await bench.pass_time(PAGE_TIMEOUT_S + 1.0)
    await clearing


async def test_a_deletion_that_is_refused_is_told(bench: Bench) -> None:
    client = await online(bench)
    client.answers["CustomerInformation"] = {"status": "Invalid"}
    with pytest.raises(CommandError, match="Invalid"):
        await supported(bench.station.operations.customers).clear(HOLDER)
    assert client.sent("SendLocalList") == []


@pytest.mark.certification("TC_N_62")
async def test_a_customer_has_a_name_of_the_stations_own(bench: Bench) -> None:
    client = await online(bench)
    client.answers["GetLocalListVersion"] = {"versionNumber": 4}
    answers = keeps(client, bench, "name: Ada")
    named = Customer(identifier="OpenChargeAlliance")
    assert await supported(bench.station.operations.customers).read(named, clear=True) == "name: Ada"
    await bench.until(lambda: answers == [{}])
    assert asked(client) == {"report": True, "clear": True, "customerIdentifier": "OpenChargeAlliance"}
    assert client.sent("SendLocalList") == []  # nobody knows which tag that would be


@pytest.mark.certification("TC_N_46")
@pytest.mark.parametrize("told", [True, False], ids=["told", "untold"])
async def test_a_tag_whose_data_is_deleted_leaves_the_local_list(bench: Bench, told: bool) -> None:
    client = await online(bench)
    client.answers["GetLocalListVersion"] = {"versionNumber": 4}
    keeps(client, bench, "name: Ada" if told else "")
    customers = supported(bench.station.operations.customers)
    delete: Callable[[Customer], Coroutine[Any, Any, Any]] = (
        (lambda customer: customers.read(customer, clear=True)) if told else customers.clear
    )
    await delete(HOLDER)
    assert asked(client) == {"report": told, "clear": True, "idToken": CARD}
    change = {"versionNumber": 5, "updateType": "Differential", "localAuthorizationList": [{"idToken": CARD}]}
    assert client.sent("SendLocalList") == [change]
    actions = [action for action, _ in client.calls]
    assert actions.index("CustomerInformation") < actions.index("SendLocalList")
    assert client.broken == []


@pytest.mark.parametrize(
    "answer", [{"versionNumber": 0}, ("NotSupported", "no list")], ids=["no-list-sent", "no-list-kept"]
)
async def test_a_station_without_a_list_needs_no_change(bench: Bench, answer: Any) -> None:
    client = await online(bench)
    client.answers["GetLocalListVersion"] = answer
    keeps(client, bench, "name: Ada")
    assert await supported(bench.station.operations.customers).read(HOLDER, clear=True) == "name: Ada"
    assert client.sent("SendLocalList") == []


async def test_a_list_that_can_not_be_reached_is_told(bench: Bench) -> None:
    client = await online(bench)
    client.answers["GetLocalListVersion"] = lambda _: None
    keeps(client, bench, "")
    clearing = asyncio.create_task(supported(bench.station.operations.customers).clear(HOLDER))
    await bench.until(lambda: client.sent("GetLocalListVersion") != [])
    await client.close()
    with pytest.raises(CommandError) as lost:
        await clearing
    assert lost.value.code is CommandErrorCode.NOT_CONNECTED
