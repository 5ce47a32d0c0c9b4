"""What is asked of a station beside charging: limits led on, lists in pages, reservations that end, reports."""

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest

from custom_components.smart_charging.engine.config import LeaseTimes
from custom_components.smart_charging.engine.csms.certificates import SigningRefused, SigningRequest
from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.customer_information import Customer
from custom_components.smart_charging.engine.csms.display_messages import DisplayMessage, DisplayPriority
from custom_components.smart_charging.engine.csms.monitoring import Monitor, MonitorType
from custom_components.smart_charging.engine.csms.network_profiles import NetworkProfile
from custom_components.smart_charging.engine.csms.operations import supported
from custom_components.smart_charging.engine.csms.reservations import MAX_RESERVATIONS, ReservationRequest
from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.csms.station import Station
from tests.manual_clock import ManualClock

from .conftest import CONFIG, Bench, make_bench
from .memory_store import MemoryStore
from .raw_station import RawStation
from .raw_station_2 import RawStation2, RawStation21
from .test_v2 import ready


class Authority:
    """Signs for the stations it knows, and keeps what became of it."""

    def __init__(self) -> None:
        self.asked: list[SigningRequest] = []
        self.told: list[tuple[str, bool]] = []

    async def sign(self, request: SigningRequest) -> str:
        self.asked.append(request)
        if request.csr != "good":
            raise SigningRefused("not its key")
        return "CHAIN"

    def delivered(self, station_id: str, *, accepted: bool) -> None:
        self.told.append((station_id, accepted))


async def refused(station: Station, action: str, payload: dict[str, Any]) -> CommandErrorCode:
    """Send a message that is refused here; return why."""
    with pytest.raises(CommandError) as error:
        await station.call(action, payload)
    return error.value.code


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("ClearChargingProfile", {}),
        ("ChangeConfiguration", {"key": "MaxChargingProfilesInstalled", "value": "1"}),
    ],
)
async def test_limits_are_led_on_after_a_message_that_may_have_moved_them(
    bench: Bench, action: str, payload: dict[str, Any]
) -> None:
    client = await bench.ready()
    await client.start(bench.now())
    bench.station.set_limit(1, 16.0, 6.0)
    await bench.until(lambda: client.profiles("TxProfile") != [])
    client.calls.clear()
    assert await refused(bench.station, action, {"nonsense": 1}) is CommandErrorCode.INVALID
    await bench.pass_time(1.0)
    assert client.profiles() == []
    assert (await bench.station.call(action, payload)).payload == {"status": "Accepted"}
    await bench.until(
        lambda: {"TxProfile", "TxDefaultProfile"} <= {p["chargingProfilePurpose"] for p in client.profiles()}
    )


async def test_a_raw_message_needs_a_station_and_an_answer(bench: Bench) -> None:
    assert await refused(bench.station, "ClearCache", {}) is CommandErrorCode.NOT_CONNECTED
    client = await bench.ready()
    client.answers["ClearCache"] = lambda _: None
    waiting = asyncio.create_task(refused(bench.station, "ClearCache", {}))
    await bench.until(lambda: client.sent("ClearCache") != [])
    await bench.pass_time(60.0)
    assert await waiting is CommandErrorCode.TIMEOUT
    deep: dict[str, Any] = {"vendorId": "x", "data": "x" * 10}
    for _ in range(2000):
        deep = {"vendorId": "x", "data": deep}
    assert await refused(bench.station, "DataTransfer", deep) is CommandErrorCode.INVALID


async def test_what_was_read_is_forgotten_once_somebody_else_may_have_written(bench: Bench) -> None:
    client = await bench.ready()
    variables = bench.station.operations.variables
    client.calls.clear()
    await variables.model()
    assert client.sent("GetConfiguration") == []
    await bench.station.call("ChangeConfiguration", {"key": "A", "value": "1"})
    await variables.model()
    assert client.sent("GetConfiguration") == [{}]


async def test_no_more_settings_are_asked_for_at_once_than_the_station_takes(bench: Bench) -> None:
    client = await bench.dial()
    client.configuration |= {"GetConfigurationMaxKeys": "2", "AuthorizationKey": "S3CRET"}
    await bench.ready(client)
    client.calls.clear()
    values = await bench.station.operations.variables.read(["A", "B", "C", "A"])
    assert values["AuthorizationKey"] is None
    assert client.sent("GetConfiguration") == [{"key": ["A", "B"]}, {"key": ["C"]}]


async def test_variables_of_the_device_model_come_in_the_numbers_that_the_station_names(bench: Bench) -> None:
    client = RawStation2()
    client.answers["GetBaseReport"] = lambda payload: _report(client, payload)
    await ready(bench, client)
    client.calls.clear()
    await bench.station.operations.variables.read([f"A.B{number}" for number in range(4)])
    assert [len(one["getVariableData"]) for one in client.sent("GetVariables")] == [3, 1]
    (rate, *_) = await bench.station.operations.variables.model()
    assert (rate.unit, rate.minimum, rate.maximum, rate.choices) == ("A", 0.0, 32.0, ("a", "b"))


def _report(client: RawStation2, payload: dict[str, Any]) -> dict[str, Any]:
    traits = {"dataType": "decimal", "unit": "A", "minLimit": 0, "maxLimit": 32, "valuesList": "a,b"}
    data = [
        {
            "component": {"name": "EVSE"},
            "variable": {"name": "Current"},
            "variableAttribute": [{"value": "16"}],
            "variableCharacteristics": {**traits, "supportsMonitoring": True},
        },
        {
            "component": {"name": "DeviceDataCtrlr"},
            "variable": {"name": "ItemsPerMessage", "instance": "GetVariables"},
            "variableAttribute": [{"value": "3"}],
        },
    ]
    page = {"requestId": payload["requestId"], "generatedAt": "2026-06-01T10:00:00Z", "seqNo": 0}
    client.later("NotifyReport", {**page, "reportData": data})
    return {"status": "Accepted"}


async def test_a_reservation_ends_by_itself(bench: Bench) -> None:
    await bench.ready()
    until = bench.clock.now() + timedelta(minutes=5)
    number = await bench.station.operations.reservations.reserve(ReservationRequest(1, "TAG", until))
    held = bench.station.state.reservation_of(1)
    assert held is not None
    assert (held.reservation_id, held.until) == (number, until)
    assert bench.station.state.reservation_of(2) is None
    await bench.pass_time(299.0)
    assert bench.station.state.reservations
    await bench.pass_time(2.0)
    (event,) = bench.told(StationEventType.RESERVATION_ENDED)
    assert (event.evse_id, event.details) == (1, {"reservation_id": number, "reason": "expired"})
    assert bench.station.state.reservations == {}


async def test_a_reservation_holds_over_a_restart_until_it_ends(bench: Bench) -> None:
    await bench.ready()
    until = bench.clock.now() + timedelta(minutes=15)
    reservations = bench.station.operations.reservations
    number = await reservations.reserve(ReservationRequest(1, "SECRET-TAG", until))
    cancelled = await reservations.reserve(ReservationRequest(1, "SECRET-TAG", until))
    await reservations.cancel(cancelled)
    await bench.until(lambda: len(cast("list[Any]", bench.store.learnt["CP1"]["reservations"])) == 1)
    assert "SECRET-TAG" not in str(bench.store.learnt)
    again = make_bench(bench.store, bench.clock, LeaseTimes())
    await again.csms.add_station(CONFIG)
    held = again.station.state.reservation_of(1)
    assert held is not None
    assert (held.reservation_id, held.until) == (number, until)
    await again.pass_time(16 * 60 + 1)
    (event,) = again.told(StationEventType.RESERVATION_ENDED)
    assert (event.evse_id, event.details) == (1, {"reservation_id": number, "reason": "expired"})
    await again.until(lambda: again.store.learnt["CP1"]["reservations"] == [])
    await again.csms.stop()


async def test_a_reservation_that_ran_out_while_nobody_looked_is_over(bench: Bench) -> None:
    kept: list[Any] = [
        [7, 1, (bench.clock.now() - timedelta(hours=1)).isoformat()],
        "?",
        [1, 2],
        [1, "?", 3],
        [1, 1, "?"],
    ]
    bench.store.learnt["CP1"] = {**bench.store.learnt.get("CP1", {}), "reservations": kept}
    again = make_bench(bench.store, bench.clock, LeaseTimes())
    await again.csms.add_station(CONFIG)
    await again.pass_time(1)
    assert [event.details["reason"] for event in again.told(StationEventType.RESERVATION_ENDED)] == ["expired"]
    assert again.station.state.reservations == {}
    await again.csms.stop()


async def test_a_reservation_is_used_by_the_transaction_that_names_it(bench: Bench) -> None:
    client = await bench.ready()
    until = bench.clock.now() + timedelta(minutes=5)
    number = await bench.station.operations.reservations.reserve(ReservationRequest(1, "TAG", until))
    start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": bench.now(), "reservationId": number}
    await client.ask("StartTransaction", start)
    (event,) = bench.told(StationEventType.RESERVATION_ENDED)
    assert event.details["reason"] == "used"
    await bench.pass_time(400.0)
    assert len(bench.told(StationEventType.RESERVATION_ENDED)) == 1


async def test_reservations_are_bounded_and_lie_in_the_future(bench: Bench) -> None:
    client = await bench.ready()
    reservations, now = bench.station.operations.reservations, bench.clock.now()
    with pytest.raises(CommandError) as past:
        await reservations.reserve(ReservationRequest(1, "TAG", now))
    assert past.value.code is CommandErrorCode.INVALID
    for _ in range(MAX_RESERVATIONS):
        await reservations.reserve(ReservationRequest(0, "TAG", now + timedelta(hours=1)))
    with pytest.raises(CommandError, match="more than"):
        await reservations.reserve(ReservationRequest(0, "TAG", now + timedelta(hours=1)))
    assert len(client.sent("ReserveNow")) == MAX_RESERVATIONS


async def test_a_slot_is_preferred_only_where_the_station_has_an_order(bench: Bench) -> None:
    await ready(bench, RawStation21())
    network = supported(bench.station.operations.network)
    await network.write(1, NetworkProfile("wss://home.test/", 2))
    with pytest.raises(CommandError) as error:
        await network.prefer(1)
    assert error.value.code is CommandErrorCode.NOT_SUPPORTED


@pytest.mark.parametrize("make", [RawStation, RawStation2, RawStation21], ids=["1.6", "2.0.1", "2.1"])
async def test_what_the_authority_signs_follows_the_answer(make: type[RawStation], socket_enabled: None) -> None:
    authority = Authority()
    bench = make_bench(MemoryStore(), ManualClock(), LeaseTimes(), signer=authority)
    bench.port = await bench.csms.start("127.0.0.1", 0)
    await bench.csms.add_station(CONFIG)
    client = make()
    try:
        await client.connect(bench.port)
        await client.boot()
        await bench.until(lambda: bench.station.state.setup != ())
        assert await client.ask("SignCertificate", {"csr": "good"}) == {"status": "Accepted"}
        await bench.until(lambda: authority.told == [("CP1", True)])
        (sent,) = client.sent("CertificateSigned")
        assert sent["certificateChain"] == "CHAIN"
        assert ("certificateType" in sent) is (make is not RawStation)
        assert await client.ask("SignCertificate", {"csr": "bad"}) == {"status": "Rejected"}
        client.answers["CertificateSigned"] = {"status": "Rejected"}
        assert await client.ask("SignCertificate", {"csr": "good"}) == {"status": "Accepted"}
        await bench.until(lambda: authority.told == [("CP1", True), ("CP1", False)])
        assert {one.use for one in authority.asked} == {"ChargingStationCertificate"}
    finally:
        await client.close()
        await bench.csms.stop()


async def test_installed_certificates_are_listed(bench: Bench) -> None:
    client = await bench.ready()
    identity = {"hashAlgorithm": "SHA256", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": "1"}
    certificates = bench.station.operations.certificates
    client.answers["GetInstalledCertificateIds"] = {"status": "Accepted", "certificateHashData": [identity]}
    assert await certificates.installed("CentralSystemRootCertificate") == (identity,)
    client.answers["GetInstalledCertificateIds"] = {"status": "NotFound"}
    assert await certificates.installed("CentralSystemRootCertificate") == ()


def pages(client: RawStation2, action: str, field: str, *items: Any, **more: Any) -> Any:
    """Return an answer that says yes and sends a page with these items after it."""

    def answer(payload: dict[str, Any]) -> dict[str, Any]:
        client.later(action, {"requestId": payload["requestId"], field: list(items), **more})
        return {"status": "Accepted"}

    return answer


async def test_what_can_not_be_read_of_a_report_is_passed_over(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    place = {"component": {"name": "EVSE"}, "variable": {"name": "Power"}}
    stamp = {"generatedAt": "2026-06-01T10:00:00Z", "seqNo": 0}
    attributes = [{"value": 11000}, {"type": "MaxSet", "value": "22000", "mutability": "ReadOnly"}, 7]
    client.answers["GetBaseReport"] = pages(
        client, "NotifyReport", "reportData", 5, {"component": 1}, {**place, "variableAttribute": attributes}, **stamp
    )
    model = await bench.station.operations.variables.model(refresh=True)
    assert [(one.name, one.attribute, one.value) for one in model] == [
        ("EVSE.Power", "Actual", "11000"),
        ("EVSE.Power", "MaxSet", "22000"),
    ]
    monitor = {"id": 1, "type": "Delta", "value": 1.5, "severity": 3, "transaction": True}
    client.answers["GetMonitoringReport"] = pages(
        client,
        "NotifyMonitoringReport",
        "monitor",
        {**place, "variableMonitoring": [{"type": "Odd"}, 3, monitor]},
        **stamp,
    )
    (known,) = await supported(bench.station.operations.monitoring).report()
    assert known == Monitor("EVSE.Power", MonitorType.DELTA, 1.5, 3, transaction=True, monitor_id=1)
    content = {"format": "UTF8", "content": "Hello"}
    message = {"id": 2, "priority": "Odd", "message": content, "endDateTime": "2026-06-01T11:00:00Z"}
    client.answers["GetDisplayMessages"] = pages(
        client, "NotifyDisplayMessages", "messageInfo", {"id": 1, "priority": "InFront"}, message
    )
    shown = await supported(bench.station.operations.display).shown(priority=DisplayPriority.IN_FRONT)
    assert [(one.message_id, one.text, one.priority) for one in shown] == [(2, "Hello", DisplayPriority.NORMAL_CYCLE)]
    assert shown[0].end is not None


async def test_a_message_for_a_transaction_has_a_beginning_and_an_end(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    now = bench.clock.now()
    message = DisplayMessage("Hi", 3, start=now, end=now + timedelta(hours=1), transaction_id="tx-1")
    assert await supported(bench.station.operations.display).show(message) == 3
    (sent,) = client.sent("SetDisplayMessage")
    assert sent["message"].keys() >= {"startDateTime", "endDateTime", "transactionId"}
    assert client.broken == []


async def test_a_monitor_needs_a_variable_of_the_device_model(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    monitoring = supported(bench.station.operations.monitoring)
    with pytest.raises(CommandError, match=r"not Component\.Variable") as error:
        await monitoring.set([Monitor("HeartbeatInterval", MonitorType.DELTA, 1.0)])
    assert error.value.code is CommandErrorCode.INVALID
    client.answers["SetVariableMonitoring"] = {"setMonitoringResult": []}
    assert await monitoring.set([Monitor("A.B", MonitorType.DELTA, 1.0, monitor_id=4)]) == ()
    assert client.sent("SetVariableMonitoring")[0]["setMonitoringData"][0]["id"] == 4


async def test_no_tariff_is_no_error(bench: Bench) -> None:
    client = await ready(bench, RawStation21())
    client.answers["GetTariffs"] = {"status": "NoTariff"}
    assert await supported(bench.station.operations.tariffs).installed(0) == ()


async def test_customers_have_names_of_the_stations_own(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    client.answers["CustomerInformation"] = {"status": "Invalid"}
    with pytest.raises(CommandError, match="Invalid"):
        await supported(bench.station.operations.customers).read(Customer(identifier="Ada"))
    assert client.sent("CustomerInformation")[0]["customerIdentifier"] == "Ada"


async def test_a_socket_that_ends_under_a_raw_message_is_told(bench: Bench) -> None:
    client = await bench.ready()
    client.answers["ClearCache"] = lambda _: None
    waiting = asyncio.create_task(refused(bench.station, "ClearCache", {}))
    await bench.until(lambda: client.sent("ClearCache") != [])
    await client.close()
    assert await waiting is CommandErrorCode.NOT_CONNECTED


async def test_a_station_that_fails_while_it_writes_is_told(bench: Bench) -> None:
    client = await bench.ready()
    client.answers["ChangeConfiguration"] = ("InternalError", "flash")
    with pytest.raises(CommandError, match="flash"):
        await bench.station.operations.variables.write({"A": "1"})


@pytest.mark.parametrize("make", [RawStation, RawStation2], ids=["1.6", "2.0.1"])
async def test_a_transaction_may_be_led_from_its_beginning(bench: Bench, make: type[RawStation]) -> None:
    client = make()
    bench.clients.append(client)
    await client.connect(bench.port)
    await client.boot()
    period: dict[str, Any] = {"startPeriod": 0, "limit": 10.0}
    await bench.station.start_transaction(
        1,
        "TAG",
        {
            "chargingProfileId": 9,
            "stackLevel": 1,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]},
        },
    )
    (sent,) = client.sent("RemoteStartTransaction") + client.sent("RequestStartTransaction")
    schedule = sent["chargingProfile"]["chargingSchedule"]
    (only,) = schedule if isinstance(schedule, list) else [schedule]
    assert only["chargingSchedulePeriod"] == [period]
