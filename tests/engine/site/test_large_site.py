"""What a site of many chargers does only once, in turns, or for fewer cycles."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from custom_components.smart_charging.engine import site as site_module
from custom_components.smart_charging.engine.config import StationConfig
from custom_components.smart_charging.engine.model import EvseKey
from custom_components.smart_charging.engine.paced_decision import PacedDecision
from custom_components.smart_charging.engine.recording import KEPT_EVSES, CycleRecorder

from .test_recording import cycle
from .test_site import Home


async def test_chargers_added_together_are_decided_for_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    site = await home.start()
    more = [StationConfig(f"CP{number}", f"Bay {number}") for number in range(10, 40)]
    with patch.object(site_module, "decide", wraps=site_module.decide) as decide:
        await site.add_chargers(more)
    assert decide.call_count == 1
    assert {EvseKey(config.station_id, 1) for config in more} <= {key for key, _ in site.evses()}
    assert site.view.chargers["CP39"].name == "Bay 39"
    await home.stop()


def test_a_car_is_decided_for_at_once_unless_decisions_take_their_time() -> None:
    paced = PacedDecision(10)
    assert paced.due(0.0)
    paced.decided(0.0, 0.0)
    assert paced.due(0.0)
    paced.decided(0.0, 0.2)
    assert not paced.due(2.1)
    assert paced.waits
    assert not paced.waited(2.1)
    assert paced.waited(2.2)
    assert paced.due(2.2)
    assert not paced.waited(2.2)
    assert not paced.waits


def test_any_decision_is_made_for_the_cars_that_wait() -> None:
    paced = PacedDecision(10)
    paced.decided(0.0, 0.2)
    assert not paced.due(1.0)
    paced.decided(1.0, 1.2)
    assert not paced.waits


def test_of_a_large_site_fewer_cycles_are_kept() -> None:
    recorder, one = CycleRecorder(), cycle()
    (evse, *_) = one.snapshot.evses
    large = replace(one, snapshot=replace(one.snapshot, evses=(evse,) * (KEPT_EVSES // 4)))
    for _ in range(9):
        recorder.record(large)
    assert len(recorder.cycles) == 4
