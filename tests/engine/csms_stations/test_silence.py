"""Stations that fall silent where WebSocket pings can't tell."""

from dataclasses import replace

from tests.engine.csms_stations.conftest import CONFIG, Bench


async def test_a_station_that_may_not_be_pinged_is_watched_by_its_silence(empty_bench: Bench) -> None:
    bench = empty_bench
    await bench.csms.add_station(replace(CONFIG, websocket_ping=False))
    client = await bench.ready()
    heartbeat = {"requestedMessage": "Heartbeat"}
    await bench.pass_time(360)
    assert client.sent("TriggerMessage").count(heartbeat) == 1  # its answer is a sign of life
    assert not client.closed
    client.answers["TriggerMessage"] = lambda _: None
    await bench.pass_time(400)
    await bench.until(lambda: client.closed)
    await bench.until(lambda: not bench.station.state.connected)


async def test_a_station_that_is_pinged_is_asked_for_nothing(bench: Bench) -> None:
    client = await bench.ready()
    await bench.pass_time(900)
    assert {"requestedMessage": "Heartbeat"} not in client.sent("TriggerMessage")
    assert not client.closed
