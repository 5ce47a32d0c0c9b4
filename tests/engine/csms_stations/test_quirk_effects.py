"""Links, settings and commands of stations that stumble over what others take, over a real socket."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from custom_components.smart_charging.engine.config import LeaseTimes
from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.state import Capabilities, StepStatus
from tests.engine.csms_stations import conftest
from tests.engine.csms_stations.conftest import CONFIG, Bench
from tests.engine.csms_stations.memory_store import MemoryStore
from tests.engine.csms_stations.raw_station import Payload, RawStation, configuration_answer
from tests.engine.csms_stations.raw_station_2 import RawStation2
from tests.engine.csms_stations.test_quirk_profiles import (
    AUTEL,
    EASEE,
    GRIZZLE,
    HUAWEI,
    NECHARGE,
    UNKNOWN,
    WALLBOX,
    Told,
    booted,
    charging,
)
from tests.manual_clock import ManualClock

BAD_ABB = ("ABB", "CDT_TACW22::NET_WIFI", "TAC3Z9119006710273::V1.8.21")
ALFEN = ("Alfen BV", "NG910-60023", "4.14.0")
FOX = {"vendorName": "FoxESS", "model": "A022KP1-E-A", "firmwareVersion": "1.10"}
OCULAR = ("Ocular", "LTE+", "3.0")
SIMPSON = ("Simpson & Partners", "Home 7", "1.0")
SYNC_EV = ("SyncEV", "EVWC2T7G", "1.0")


def written(client: RawStation) -> dict[str, str]:
    return {payload["key"]: payload["value"] for payload in client.sent("ChangeConfiguration")}


def outcome(bench: Bench, name: str) -> StepStatus:
    return next(step.status for step in bench.station.state.setup if step.name == name)


# Measurements


@pytest.mark.parametrize(("told", "crashes"), [(UNKNOWN, 1), (BAD_ABB, 0)])
async def test_a_station_that_reboots_when_asked_for_its_measurands_is_not_asked(
    bench: Bench, told: Told, crashes: int
) -> None:
    client = await bench.dial()
    del client.configuration["MeterValuesSampledData"]
    crashed: list[Payload] = []

    def answer(payload: Payload) -> Payload | tuple[str, str]:
        if "MeterValuesSampledData" in payload.get("key", []):
            crashed.append(payload)
            return "InternalError", "rebooting"
        return configuration_answer(client.configuration)

    client.answers["GetConfiguration"] = answer
    await booted(bench, told, client)
    assert len(crashed) == crashes
    names = "Current.Import,Current.Offered,Energy.Active.Import.Register,Power.Active.Import,Voltage"
    assert written(client).get("MeterValuesSampledData") == (None if crashes else names)
    sent = len(client.sent("ChangeConfiguration"))
    await booted(bench, told, client)
    assert "MeterValuesSampledData" not in {p["key"] for p in client.sent("ChangeConfiguration")[sent:]}  # once


async def test_known_measurands_that_are_set_already_are_not_written(bench: Bench) -> None:
    client = await bench.dial()
    names = "Voltage,Current.Import,Current.Offered,Energy.Active.Import.Register,Power.Active.Import"
    client.configuration["MeterValuesSampledData"] = names
    await booted(bench, BAD_ABB, client)
    assert outcome(bench, "measurands") is StepStatus.SKIPPED


@pytest.mark.parametrize(("told", "interval_s"), [(UNKNOWN, "10"), (EASEE, "30"), (("MENNEKES", "ACU", "1.2"), "60")])
async def test_readings_are_asked_for_no_more_often_than_a_station_bears(
    bench: Bench, told: Told, interval_s: str
) -> None:
    client = await bench.dial()
    client.configuration["MeterValueSampleInterval"] = "300"
    await booted(bench, told, client)
    assert written(client)["MeterValueSampleInterval"] == interval_s


@pytest.mark.parametrize(("told", "polls"), [(UNKNOWN, 2), (SYNC_EV, 6)])
async def test_a_station_that_tells_nothing_by_itself_is_asked_more_often(bench: Bench, told: Told, polls: int) -> None:
    client = await booted(bench, told)
    await bench.pass_time(46)  # what was begun before it was known
    await client.start(bench.now())
    asked = len(client.sent("TriggerMessage"))
    await bench.pass_time(92)
    assert len(client.sent("TriggerMessage")) - asked == polls


# The link


class Pinged(RawStation):
    """A station that closes its socket on a ping."""

    pings = 0

    async def connect(self, port: int, *, password: str | None = None) -> None:
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(
            f"http://127.0.0.1:{port}/{self.station_id}", protocols=(self.protocol,), autoping=False
        )
        self._reader = asyncio.create_task(self._read(self._socket))

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.PING:
                self.pings += 1
                await socket.close(code=1002)
                return
            await self._take(socket, message.data)


@pytest.fixture
async def pinging(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A bench that pings as a site does."""
    server = replace(conftest.SETTINGS.server, ping_interval_s=30.0)
    monkeypatch.setattr(conftest, "SETTINGS", replace(conftest.SETTINGS, server=server))
    bench = conftest.make_bench(MemoryStore(), ManualClock(), LeaseTimes())
    bench.port = await bench.csms.start("127.0.0.1", 0)
    await bench.csms.add_station(CONFIG)
    yield bench
    for client in bench.clients:
        await client.close()
    await bench.csms.stop()


@pytest.mark.parametrize(("told", "pings"), [(UNKNOWN, 1), (("EN+", "AC7000-AE-45", "1.0"), 0)])
async def test_a_station_that_stumbles_over_pings_gets_none(pinging: Bench, told: Told, pings: int) -> None:
    bench, client = pinging, Pinged()
    bench.clients.append(client)
    await client.connect(bench.port)
    await booted(bench, told, client)
    await bench.pass_time(100)
    assert client.pings == pings
    again = Pinged()
    bench.clients.append(again)
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    await again.connect(bench.port)
    await bench.until(lambda: bench.station.state.connected)
    assert bench.station.connection is not None
    assert bench.station.connection.pinged is bool(pings)  # known before it boots


@pytest.mark.parametrize("told", [UNKNOWN, OCULAR, HUAWEI])
async def test_no_link_is_idle_for_longer_than_a_minute(bench: Bench, told: Told) -> None:
    client = await bench.dial()
    vendor, model, firmware = told
    answer = await client.boot(chargePointVendor=vendor, chargePointModel=model, firmwareVersion=firmware)
    assert answer["interval"] == 60


@pytest.mark.parametrize(("told", "spaced"), [(UNKNOWN, False), (GRIZZLE, True)])
async def test_calls_are_spaced_out_for_a_station_that_stumbles_over_them(
    bench: Bench, told: Told, spaced: bool
) -> None:
    client = await bench.dial()
    moments: list[float] = []

    def note(_: Payload) -> Payload:
        moments.append(bench.clock.monotonic())
        return {"status": "Accepted"}

    for action in ("SetChargingProfile", "TriggerMessage", "ChangeConfiguration"):
        client.answers[action] = note
    await booted(bench, told, client)
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert len(gaps) > 3
    assert (min(gaps) >= 1.0) is spaced


class Offering(RawStation2):
    """A station of 2.0.1 that may offer 1.6 too."""

    offers = ("ocpp2.0.1", "ocpp1.6")

    async def connect(self, port: int, *, password: str | None = None) -> None:
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(
            f"http://127.0.0.1:{port}/{self.station_id}", protocols=self.offers
        )
        self._reader = asyncio.create_task(self._read(self._socket))


@pytest.mark.parametrize(("told", "spoken"), [({"vendorName": "Acme", "model": "One"}, "ocpp2.0.1"), (FOX, "ocpp1.6")])
async def test_a_station_whose_newest_version_fails_speaks_the_one_that_works_from_its_next_link_on(
    bench: Bench, told: Payload, spoken: str
) -> None:
    client = Offering()
    bench.clients.append(client)
    await client.connect(bench.port)
    await client.ask("BootNotification", {"reason": "PowerUp", "chargingStation": told})
    await bench.until(lambda: bench.station.state.setup != ())
    assert bench.station.state.protocol == "ocpp2.0.1"
    await bench.until(lambda: outcome(bench, "safe_default") is not StepStatus.PENDING)
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    for offers, expected in ((Offering.offers, spoken), (Offering.offers, spoken), (("ocpp2.0.1",), "ocpp2.0.1")):
        again = Offering()
        again.offers = offers
        bench.clients.append(again)
        await again.connect(bench.port)
        await bench.until(lambda: bench.station.state.connected)
        assert bench.station.state.protocol == expected  # one that offers nothing else is not locked out
        await again.close()
        await bench.until(lambda: not bench.station.state.connected)


@pytest.mark.parametrize(("told", "taken"), [(UNKNOWN, True), (WALLBOX, False)])
async def test_a_station_that_must_have_no_password_is_given_none(bench: Bench, told: Told, taken: bool) -> None:
    client = await booted(bench, told)
    if taken:
        await bench.station.access.set_password("a-password-of-19-by")
    else:
        with pytest.raises(CommandError) as error:
            await bench.station.access.set_password("a-password-of-19-by")
        assert error.value.code is CommandErrorCode.NOT_SUPPORTED
    assert ("AuthorizationKey" in written(client)) is taken


# Settings and commands


@pytest.mark.parametrize("told", [UNKNOWN, HUAWEI])
async def test_settings_that_a_station_needs_are_written_where_they_differ(bench: Bench, told: Told) -> None:
    client = await bench.dial()
    client.configuration |= {"LocalAuthorizeOffline": "true", "LocalPreAuthorize": "False"}
    await booted(bench, told, client)
    assert written(client).get("LocalAuthorizeOffline") == ("false" if told is HUAWEI else None)
    assert "LocalPreAuthorize" not in written(client)
    client.configuration["LocalAuthorizeOffline"] = "false"
    await booted(bench, told, client)
    assert ("settings" in {step.name for step in bench.station.state.setup}) is (told is HUAWEI)
    assert told is not HUAWEI or outcome(bench, "settings") is StepStatus.SKIPPED


@pytest.mark.parametrize(("told", "shown"), [(UNKNOWN, StepStatus.FAILED), (SIMPSON, StepStatus.SKIPPED)])
async def test_a_station_that_can_not_be_enabled_is_not_asked_to(bench: Bench, told: Told, shown: StepStatus) -> None:
    client = await booted(bench, told)
    client.answers["ChangeAvailability"] = {"status": "Rejected"}
    await client.status("Unavailable", timestamp=bench.now())
    await booted(bench, told, client)
    assert outcome(bench, "availability") is shown
    assert bool(client.sent("ChangeAvailability")) is (shown is StepStatus.FAILED)


@pytest.mark.parametrize(("told", "tag"), [(UNKNOWN, "DRIVER"), (ALFEN, "04A1B2C3")])
async def test_a_remote_start_names_the_only_tag_that_a_station_takes(bench: Bench, told: Told, tag: str) -> None:
    client = await bench.dial()
    client.answers["GetConfiguration"] = lambda payload: configuration_answer(
        {"PlugAndChargeIdentifier": "04A1B2C3"} if "key" in payload else client.configuration  # told only if asked
    )
    await booted(bench, told, client)
    await bench.station.start_transaction(1, "DRIVER")
    assert client.sent("RemoteStartTransaction") == [{"connectorId": 1, "idTag": tag}]
    assert "04A1B2C3" not in str(bench.station.state)


@pytest.mark.parametrize(
    ("told", "longest", "code"),
    [(UNKNOWN, 20, CommandErrorCode.INVALID), (OCULAR, 16, CommandErrorCode.FAILED)],
)
async def test_a_tag_that_a_station_would_garble_is_refused(
    bench: Bench, told: Told, longest: int, code: CommandErrorCode
) -> None:
    client = await booted(bench, told)
    await bench.station.start_transaction(1, "T" * longest)
    with pytest.raises(CommandError) as error:
        await bench.station.start_transaction(1, "T" * (longest + 1))
    assert error.value.code is code
    assert len(client.sent("RemoteStartTransaction")) == 1


@pytest.mark.parametrize("told", [UNKNOWN, AUTEL])
async def test_a_station_that_is_stuck_in_finishing_is_reset_before_it_is_started(bench: Bench, told: Told) -> None:
    client = await booted(bench, told)
    await client.status("Finishing", timestamp=bench.now())
    client.answers["RemoteStartTransaction"] = lambda _: {"status": "Accepted" if client.sent("Reset") else "Rejected"}
    start = asyncio.create_task(bench.station.start_transaction(1, "DRIVER"))
    if told is UNKNOWN:
        with pytest.raises(CommandError):
            await start
        return
    await bench.until(lambda: client.sent("Reset") == [{"type": "Soft"}])
    await bench.pass_time(20)
    assert not client.sent("RemoteStartTransaction")
    await booted(bench, told, client)
    await start
    assert client.sent("RemoteStartTransaction") == [{"connectorId": 1, "idTag": "DRIVER"}]


async def test_a_station_that_does_not_come_back_from_a_reset_is_told_of(bench: Bench) -> None:
    client = await booted(bench, AUTEL)
    await client.status("Finishing", timestamp=bench.now())
    start = asyncio.create_task(bench.station.start_transaction(1, "DRIVER"))
    await bench.until(lambda: bool(client.sent("Reset")))
    await bench.pass_time(121)
    with pytest.raises(CommandError) as error:
        await start
    assert error.value.code is CommandErrorCode.TIMEOUT


# What is shown and forgotten


async def test_the_names_of_what_applies_are_shown_also_before_the_next_boot(bench: Bench) -> None:
    assert bench.station.state.quirks == ()
    client = await charging(bench, NECHARGE)
    names = ("currents_a", "no_change_availability", "pauses_by_stop")
    assert bench.station.state.quirks == names
    await client.close()
    await bench.csms.remove_station("CP1")
    await bench.csms.add_station(CONFIG)
    assert bench.station.state.vendor is None
    assert bench.station.state.quirks == names


async def test_another_station_under_the_same_id_is_led_by_what_it_says_itself(bench: Bench) -> None:
    client = await booted(bench, NECHARGE)
    await booted(bench, HUAWEI, client)
    assert "rate_unit" in bench.station.state.quirks
    assert "currents_a" not in bench.station.state.quirks


async def test_what_was_learnt_is_forgotten_and_learnt_anew(bench: Bench) -> None:
    client = await bench.dial()
    client.answers["SetChargingProfile"] = lambda payload: {
        "status": "Accepted" if payload["csChargingProfiles"]["chargingProfilePurpose"] != "TxProfile" else "Rejected"
    }
    await charging(bench, UNKNOWN, client)
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: bench.station.state.capabilities.purposes_rejected == {"TxProfile"})
    await bench.station.change_availability(1, False)
    await bench.station.access.set_password("a-password-of-19-by")
    kept = {key: bench.store.learnt["CP1"][key] for key in ("profile_ids", "inoperative", "passwords", "vendor")}
    asked = len(client.sent("GetConfiguration"))
    client.answers["SetChargingProfile"] = {"status": "Accepted"}
    await bench.station.forget_learnt()
    assert bench.station.state.capabilities == Capabilities()
    assert bench.store.learnt["CP1"]["preferred"] == {}
    await bench.until(lambda: len(client.sent("GetConfiguration")) > asked)
    await bench.until(lambda: client.profiles()[-1]["chargingProfilePurpose"] == "TxProfile")
    await bench.until(lambda: bench.station.state.capabilities.max_stack_level == 8)
    learnt = bench.store.learnt["CP1"]
    assert learnt["purposes_rejected"] == []
    assert set(learnt["profile_ids"]) >= set(kept.pop("profile_ids"))
    assert {key: learnt[key] for key in kept} == kept
    assert kept["inoperative"] == [1]


async def test_what_a_station_that_is_away_taught_is_forgotten_and_learnt_once_it_is_back(bench: Bench) -> None:
    client = await booted(bench, UNKNOWN)
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    await bench.station.forget_learnt()
    assert bench.station.state.capabilities == Capabilities()
    again = await bench.dial()
    await bench.until(lambda: bench.station.state.connected)
    await again.ask("Heartbeat")
    await bench.pass_time(25)  # it is asked for a boot and sends none
    await bench.until(lambda: bench.station.state.capabilities.max_stack_level == 8)
