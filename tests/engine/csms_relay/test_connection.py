"""The connection to the second central system: when it is there, what it withstands, and what it keeps to itself."""

import asyncio
import logging

import aiohttp
import pytest

from custom_components.smart_charging.engine.csms.relay.session import RelaySession

from .conftest import RelayBench


async def test_they_see_the_station_go_only_after_they_know_all_of_it(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    bench.second.silent = True
    await station.start(bench.now())
    await bench.until(lambda: bench.second.told("StartTransaction") != [])
    await station.close()
    await bench.until(lambda: not bench.station.state.connected)
    assert bench.relay.state.connected
    bench.second.silent = False
    await bench.pass_time(31)
    await bench.pass_time(30)
    await bench.drained()
    await bench.until(lambda: not bench.second.connected)
    handshakes = len(bench.second.handshakes)
    await bench.pass_time(3600)
    assert len(bench.second.handshakes) == handshakes
    await bench.dial()
    await bench.until(lambda: len(bench.second.handshakes) == handshakes + 1)


@pytest.mark.parametrize(
    ("status", "error"), [(401, "refused with 401"), (404, "refused with 404"), (302, "ClientConnectionError")]
)
async def test_refused_login_and_redirects_are_tried_again_ever_more_rarely(
    bench: RelayBench, status: int, error: str
) -> None:
    bench.second.status = status
    await bench.relay_to()
    await bench.dial()
    await bench.until(lambda: bench.relay.state.error == error)
    await bench.pass_time(3600)
    assert 10 <= len(bench.second.handshakes) <= 20
    assert {request.path for request in bench.second.handshakes} == {"/ocpp/CP1"}  # a redirect leads nowhere
    bench.second.status = 101
    await bench.pass_time(301)
    await bench.until(lambda: bench.relay.state.connected)


async def test_other_sub_protocol_is_no_connection(bench: RelayBench) -> None:
    bench.second.offers = ("ocpp2.0.1",)
    await bench.relay_to()
    await bench.dial()
    await bench.until(lambda: bench.relay.state.error == "they don't speak ocpp1.6")


async def test_dial_that_is_not_answered_is_given_up(bench: RelayBench) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    await bench.relay_to(url=f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/x")
    await bench.dial()
    await asyncio.sleep(0.05)
    await bench.pass_time(31)
    await bench.until(lambda: bench.relay.state.error == "no answer in time")
    server.close()


async def test_garbage_harms_nothing_and_too_much_of_it_ends_the_socket(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    socket = bench.second.socket
    for text in (
        "",
        "null",
        "[]",
        "[9,9]",
        "{" * 5000,
        '[3,"nobody",{}]',
        '[2,"x",{},{}]',
        '[4,"nobody"]',
        "[2,1e999]",
    ):
        await socket.send_str(text)
    await socket.send_bytes(b"\xff\xfe")
    assert (await bench.second.command("GetConfiguration", {}, "after"))[0] == 3
    assert bench.relay.state.garbage == 10
    for _ in range(60):
        await socket.send_str("garbage")
    await bench.until(lambda: len(bench.second.handshakes) == 1 and not bench.second.connected)
    assert (await station.ask("Heartbeat"))["currentTime"]
    await bench.pass_time(10)
    await bench.until(lambda: len(bench.second.handshakes) == 2)


async def test_too_large_a_message_ends_the_socket_and_costs_us_nothing(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    await bench.second.socket.send_str("x" * 300_000)
    await bench.until(lambda: not bench.second.connected)
    assert (await station.ask("Heartbeat"))["currentTime"]


async def test_flood_of_theirs_is_read_at_the_pace_of_a_station(bench: RelayBench) -> None:
    await bench.station_and_relay(messages_per_s=1.0, message_burst=2)
    for number in range(30):
        await bench.second.socket.send_str(f'[2,"f{number}","GetConfiguration",{{}}]')
    await asyncio.sleep(0.1)
    before = bench.relay.state.commands_carried_out
    assert before <= 3
    await bench.pass_time(5)
    assert before < bench.relay.state.commands_carried_out <= before + 6


async def test_password_and_address_are_in_no_log_and_no_state(
    bench: RelayBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bench.second.status = 401
    await bench.relay_to()
    station = await bench.dial()
    await bench.until(lambda: bench.relay.state.error is not None)
    bench.second.status = 101
    await bench.pass_time(10)
    await bench.until(lambda: bench.relay.state.accepted)
    await station.start(bench.now(), tag="SECRETTAG")
    await bench.drained()
    everything = caplog.text + repr(bench.relay.state) + repr(bench.relay._config)
    assert "battery" not in everything
    assert "Basic " not in everything
    relayed = "\n".join(record.getMessage() for record in caplog.records if "relay" in record.name)
    assert "relay CP1 <" in relayed
    assert "/ocpp" not in relayed + repr(bench.relay.state)
    assert "SECRETTAG" not in relayed


async def test_tls_is_verified(bench: RelayBench, certificate: object) -> None:
    import ssl  # noqa: PLC0415  # needed here alone

    await bench.second.stop()
    bench.second.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    bench.second.tls.load_cert_chain(certificate)
    bench.second.port, bench.second.scheme = 0, "wss"
    await bench.second.start()
    await bench.relay_to(allow_unencrypted=False)
    await bench.dial()
    await bench.until(lambda: bench.relay.state.error == aiohttp.ClientConnectorCertificateError.__name__)
    assert bench.second.handshakes == []
    relay: RelaySession = bench.relay
    await relay.stop()
    trusting = ssl.create_default_context(cafile=str(certificate))
    await bench.relay_to(allow_unencrypted=False)
    await bench.relay.stop()
    object.__setattr__(bench.relay._around, "tls", trusting)
    await bench.relay.start()
    bench.relay.set_online(True)
    await bench.until(lambda: bench.relay.state.connected)
