"""Who is let in, by path, protocol and origin; and what a refused one is told."""

import asyncio

import aiohttp
import pytest

from custom_components.smart_charging.engine.csms.server import Access, Admission, OcppServer, ServerSettings

from .station_side import QUICK, REAL_WAIT_S, OpenPort, Port, RecordingSink, eventually


@pytest.mark.parametrize(
    ("path", "station_id"),
    [
        ("/CP1", "CP1"),
        ("/ocpp/CP1", "CP1"),
        ("/a/b/c/CP1", "CP1"),
        ("/CP%31", "CP1"),
        ("/DE*ABC%2aE1", "DE*ABC*E1"),
        ("/x@y.z+1=2|3-4_5", "x@y.z+1=2|3-4_5"),
        ("/CP1?token=1", "CP1"),
        ("/cp1", "cp1"),
        ("/" + "a" * 48, "a" * 48),
        ("/__proto__", "__proto__"),
    ],
)
async def test_last_path_segment_is_the_station_id(path: str, station_id: str, port: Port, sink: RecordingSink) -> None:
    assert await port.status_of(path) == 101
    assert sink.admitted == [station_id]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/CP1/",
        "/..",
        "/.",
        "/a/..%2f..",
        "/CP%00",
        "/CP%2541",
        "/CP%4",
        "/%C3%BC",
        "/CP%EF%BC%91",
        "/a:b",
        "/a%3Ab",
        "/<b>x",
        "/{{1}}",
        "/a%0d%0ab",
        "/" + "a" * 49,
        "/" + "a" * 7000,
    ],
)
async def test_unfit_id_is_refused_before_anybody_is_asked(path: str, port: Port, sink: RecordingSink) -> None:
    assert await port.status_of(path) == 404
    assert sink.admitted == []


@pytest.mark.parametrize(
    ("offered", "echoed"),
    [
        (("ocpp1.6",), "ocpp1.6"),
        (("OCPP1.6",), "OCPP1.6"),
        (("ocpp1.6j",), "ocpp1.6j"),
        (("ocpp2.0", "ocpp1.6"), "ocpp1.6"),
        (("ocpp1.5", "ocpp1.6J"), "ocpp1.6J"),
    ],
)
async def test_trap_21_protocol_is_answered_in_the_stations_spelling(
    offered: tuple[str, ...], echoed: str, port: Port, sink: RecordingSink
) -> None:
    client = await port.dial(protocols=offered)
    assert client.socket.protocol == echoed
    await eventually(lambda: bool(sink.connections))
    assert sink.connections[0].protocol == "ocpp1.6"


async def test_trap_21_newest_protocol_of_ours_wins_whatever_the_stations_order(
    open_port: OpenPort, sink: RecordingSink
) -> None:
    port = await open_port(ServerSettings(protocols=("ocpp2.0.1", "ocpp1.6"), close_timeout_s=0.05))
    client = await port.dial(protocols=("ocpp1.6", "ocpp2.0.1"))
    assert client.socket.protocol == "ocpp2.0.1"


@pytest.mark.parametrize(
    ("offered", "spoken"),
    [(("ocpp1.6", "ocpp2.0.1"), "ocpp2.0.1"), (("ocpp2.0.1", "ocpp2.1"), "ocpp2.1"), (("ocpp2.1",), "ocpp2.1")],
)
async def test_trap_21_all_versions_are_spoken_and_the_newest_preferred(
    offered: tuple[str, ...], spoken: str, port: Port, sink: RecordingSink
) -> None:
    client = await port.dial(protocols=offered)
    await eventually(lambda: bool(sink.connections))
    assert client.socket.protocol == sink.connections[0].protocol == spoken


async def test_trap_21_station_pinned_to_a_version_gets_no_other(
    open_port: OpenPort, sink: RecordingSink, caplog: pytest.LogCaptureFixture
) -> None:
    sink.default = Access(Admission.KNOWN, protocol="ocpp1.6")
    port = await open_port(ServerSettings(protocols=("ocpp2.0.1", "ocpp1.6"), close_timeout_s=0.05))
    assert (await port.dial(protocols=("ocpp2.0.1", "ocpp1.6"))).socket.protocol == "ocpp1.6"
    for _ in range(2):
        assert await port.status_of("/CP2", headers={"Sec-WebSocket-Protocol": "ocpp2.0.1"}) == 400
    assert caplog.text.count("CP2 can't connect: it offers no version of OCPP that it may speak") == 1


async def test_trap_21_station_without_a_common_protocol_is_refused(port: Port, sink: RecordingSink) -> None:
    assert await port.status_of(headers={"Sec-WebSocket-Protocol": "ocpp2.0, soap"}) == 400
    assert sink.connections == []


async def test_trap_21_station_that_offers_no_protocol_is_taken_for_1_6(port: Port, sink: RecordingSink) -> None:
    client = await port.dial(protocols=())
    assert client.socket.protocol is None
    assert await client.alive()
    assert sink.connections[0].protocol == "ocpp1.6"


async def test_trap_21_station_that_offers_no_protocol_is_closed_where_settings_say_so(open_port: OpenPort) -> None:
    port = await open_port(ServerSettings(accept_without_protocol=False, close_timeout_s=0.05))
    assert await (await port.dial(protocols=())).close_code() == 1002


async def test_browser_is_refused(port: Port, sink: RecordingSink) -> None:
    assert await port.status_of(headers={"Origin": f"http://127.0.0.1:{port.number}"}) == 403
    assert sink.admitted == []


async def test_station_the_sink_refuses_is_told_that_it_is_unknown(port: Port, sink: RecordingSink) -> None:
    sink.default = Access(Admission.REFUSED)
    assert await port.status_of() == 404
    assert sink.connections == []


async def test_pending_station_is_let_in(port: Port, sink: RecordingSink) -> None:
    sink.default = Access(Admission.PENDING)
    client = await port.dial(password="whatever it has")
    assert await client.alive()
    assert sink.connections[0].info.offered_password
    assert not sink.connections[0].info.authenticated


async def test_plain_http_request_is_told_what_the_port_is_for(port: Port, sink: RecordingSink) -> None:
    async with port.session.get(f"http://127.0.0.1:{port.number}/CP1") as response:
        assert response.status == 426
        assert "OCPP" in await response.text()
    assert sink.admitted == []


async def test_improper_websocket_handshake_is_refused(port: Port, sink: RecordingSink) -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "99"}
    async with port.session.get(f"http://127.0.0.1:{port.number}/CP1", headers=headers) as response:
        assert response.status == 400
    assert sink.connections == []


@pytest.mark.parametrize("sent", [b"", b"GET /CP1 HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_peer_that_never_completes_its_handshake_is_cut_off(sent: bytes, open_port: OpenPort) -> None:
    port = await open_port(ServerSettings(handshake_timeout_s=0.02, close_timeout_s=0.05))
    reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
    writer.write(sent)
    async with asyncio.timeout(REAL_WAIT_S):
        assert await reader.read() == b""
    writer.close()
    assert await (await port.dial()).alive()


async def test_handshake_time_does_not_count_for_an_open_socket(open_port: OpenPort) -> None:
    port = await open_port(ServerSettings(handshake_timeout_s=0.02, close_timeout_s=0.05))
    client = await port.dial()
    await asyncio.sleep(0.06)
    assert await client.alive()


async def test_port_in_use_is_an_os_error(port: Port, sink: RecordingSink) -> None:
    second = OcppServer(sink, port.clock, QUICK)
    with pytest.raises(OSError):
        await second.start("127.0.0.1", port.number)
    await second.stop()


async def test_failing_sink_ends_the_socket_with_an_internal_error(port: Port, sink: RecordingSink) -> None:
    async def fail(connection: object) -> None:
        raise KeyError("no store")

    sink.connected = fail  # type: ignore[assignment, method-assign]  # a sink with a bug
    assert await (await port.dial()).close_code() == 1011
    await eventually(lambda: len(sink.ended) == 1)


async def test_stop_closes_all_sockets_as_going_away_and_lets_nobody_in(port: Port, sink: RecordingSink) -> None:
    clients = [await port.dial(f"/CP{number}") for number in range(3)]
    await eventually(lambda: len(sink.connections) == 3)
    stopping = asyncio.ensure_future(port.server.stop())
    assert [await client.close_code() for client in clients] == [1001, 1001, 1001]
    await stopping
    assert len(sink.ended) == 3
    with pytest.raises(aiohttp.ClientConnectionError):
        await port.dial()


async def test_stop_is_not_held_up_by_a_message_being_answered(port: Port, sink: RecordingSink) -> None:
    async def never(action: str, payload: object) -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    sink.handler.answer = never  # type: ignore[assignment]  # never returns anyway
    client = await port.dial()
    await client.send([2, "x", "Heartbeat", {}])
    await eventually(lambda: bool(sink.handler.calls))
    async with asyncio.timeout(REAL_WAIT_S):
        await port.server.stop()
    assert len(sink.ended) == 1
