"""OCPP 1.6, Core: how charging begins and ends at the station."""

import pytest

from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.csms.timestamps import parse_time
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench

from .charging import say


@pytest.mark.certification("TC_001")
async def test_a_station_that_boots_is_accepted_and_its_statuses_are_answered(bench: Bench) -> None:
    client = await bench.dial()
    answer = await client.boot()
    assert answer.keys() == {"status", "currentTime", "interval"}
    assert answer["status"] == "Accepted"
    assert answer["interval"] > 0
    told = parse_time(answer["currentTime"])
    assert told is not None and told.at == bench.clock.now()
    for connector in (0, 1):
        assert await say(bench, client, "Available", connector) == {}
    assert (await client.ask("Heartbeat")).keys() == {"currentTime"}
    assert bench.station.state.status is bench.evse.status is EvseStatus.AVAILABLE
    assert bench.told(StationEventType.BOOTED)
    await bench.until(lambda: bench.station.state.setup != ())
