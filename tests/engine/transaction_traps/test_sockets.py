"""Traps 19, 20, 21 and 22 seen from a transaction; the rest of them is in `csms_transport`, under the same numbers."""

import asyncio
import json

import aiohttp
import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.security import hash_password
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.transaction_traps.chargers import CHARGERS
from tests.engine.transaction_traps.conftest import KEY, Place, charger_config


async def test_trap_19_transaction_goes_on_over_a_takeover_and_pending_calls_fail(place: Place, version: str) -> None:
    config = charger_config("CP1").__class__("CP1", "CP1", password_hash=hash_password("right-password-1"))
    await place.site.update_charger(config)
    first, second, stranger = (CHARGERS[version]("CP1") for _ in range(3))  # type: ignore[call-arg]  # each takes its id
    place.chargers += [first, second, stranger]
    await first.raw.connect(place.port, password="right-password-1")
    await place.boot(first)
    tx = await first.start(place.now(), 1000)
    first.raw.answers[first.stop_request] = lambda _: None
    asking = asyncio.ensure_future(place.site.stop_charging(KEY))
    await place.until(lambda: first.raw.sent(first.stop_request) != [])
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await stranger.raw.connect(place.port, password="wrong-password-1")
    assert not first.raw.closed
    await second.raw.connect(place.port, password="right-password-1")
    with pytest.raises(CommandError) as failed:
        await asking
    assert failed.value.code is CommandErrorCode.NOT_CONNECTED
    await second.meter(tx, place.now(), 1400)
    await place.until(lambda: first.raw.closed)
    assert place.running() == tx
    assert place.station.state.connected
    assert (await place.kept(tx)).energy_wh == 400.0


async def test_trap_20_message_sent_twice_under_its_id_is_taken_once(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    socket = charger.raw._socket
    assert socket is not None
    payload = {"connectorId" if version == "1.6" else "evseId": 1}
    value = {"timestamp": place.now(), "sampledValue": [charger.energy(1400)]}
    for _ in range(2):
        await socket.send_str(json.dumps([2, "twice", "MeterValues", payload | {"meterValue": [value]}]))
    await charger.raw.ask("Heartbeat", {})
    at_end = [one for one in await place.records.meter_values(KEY, transaction_id=tx) if one.values[0].value == 1400]
    assert len(at_end) == 1
    assert place.deviations["message repeated"] == 1


async def test_trap_20_answer_to_what_nobody_asked_changes_nothing(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    socket = charger.raw._socket
    assert socket is not None
    await socket.send_str(json.dumps([3, "never-asked", {"status": "Accepted"}]))
    await socket.send_str(json.dumps([4, "never-asked", "InternalError", "", {}]))
    await charger.meter(tx, place.now(), 1400)
    assert place.running() == tx
    assert (await place.kept(tx)).energy_wh == 400.0


async def test_trap_20_calls_of_the_station_are_answered_while_ours_waits_and_ours_go_one_by_one(
    place: Place, version: str
) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    charger.raw.answers[charger.stop_request] = lambda _: None
    asking = [asyncio.ensure_future(place.site.stop_charging(KEY)) for _ in range(2)]
    await place.until(lambda: charger.raw.sent(charger.stop_request) != [])
    await charger.meter(tx, place.now(), 1400)
    assert len(charger.raw.sent(charger.stop_request)) == 1
    assert (await place.kept(tx)).energy_wh == 400.0
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)


@pytest.mark.parametrize(
    ("offered", "spoken"),
    [
        ((), None),
        (("ocpp1.6", "ocpp2.1", "ocpp2.0.1"), "ocpp2.1"),
        (("ocpp1.6j",), "ocpp1.6j"),
        (("OCPP1.6",), "OCPP1.6"),
        (("Ocpp2.0.1",), "Ocpp2.0.1"),
    ],
    ids=["none", "several", "1.6j", "case", "case_2"],
)
async def test_trap_21_station_is_understood_whatever_protocol_it_names(
    place: Place, offered: tuple[str, ...], spoken: str | None
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{place.port}/CP1", protocols=offered) as socket,
    ):
        assert socket.protocol == spoken
        await socket.send_str(json.dumps([2, "1", "Heartbeat", {}]))
        async with asyncio.timeout(5):
            while (frame := json.loads((await socket.receive()).data))[0] != 3:
                continue
        assert frame[2]["currentTime"].endswith("Z")


async def test_trap_22_station_that_skips_its_heartbeats_lives_by_whatever_it_sends(place: Place, version: str) -> None:
    charger = await place.ready(version)
    await charger.status("Charging", place.now())
    tx = await charger.start(place.now(), 1000)
    for minute in range(1, 12):
        await place.pass_time(60)
        await charger.meter(tx, place.now(), 1000 + 50 * minute)
        assert place.station.state.last_seen == place.clock.now()
    assert place.station.state.connected
    assert place.evse.status in {EvseStatus.CHARGING, EvseStatus.PREPARING}
    assert (await place.kept(tx)).energy_wh == 550.0
