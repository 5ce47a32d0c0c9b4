"""A restart makes a site forget neither its peaks, nor its wiring, nor that it only observes."""

import asyncio
from dataclasses import replace
import json
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.car_charge import Charge
from custom_components.smart_charging.engine.control.battery import BatteryMemory
from custom_components.smart_charging.engine.control.conductor import ConductorMemory
from custom_components.smart_charging.engine.control.peak import PeakMemory
from custom_components.smart_charging.engine.control.snapshot import ControlState, EvseControl
from custom_components.smart_charging.engine.energy_count import advance, begin
from custom_components.smart_charging.engine.given_energy import Given
from custom_components.smart_charging.engine.ledger import Ledger
from custom_components.smart_charging.engine.limit import Limit, LimitSource, LimitUnit
from custom_components.smart_charging.engine.model import EvseKey, Json, PhaseRotation, StoreError
from custom_components.smart_charging.engine.site_memory import SAVE_EVERY_S, RememberedSite, SiteMemory
from tests.engine.control.builders import NOW
from tests.manual_clock import ManualClock

CP1, CP2 = EvseKey("CP1", 1), EvseKey("CP2", 2)
PEAK = PeakMemory(
    interval_start=NOW,
    interval_min=15,
    energy_wh=123.456,
    counted_s=60.0,
    counted_to=NOW,
    power_w=2_000.0,
    measured_at=NOW,
    month="2026-06",
    daily_peaks=(("2026-06-01", 4_321.5), ("2026-06-02", 2_500.0)),
)
BATTERY = BatteryMemory(day="2026-06-01", expansion_wh=1_500.5, past_days_wh=(800.0, 900.0))


def learnt(rotation: PhaseRotation | None) -> EvseControl:
    return EvseControl(setpoint_a=13.0, conductor=ConductorMemory(rotation, votes=(PhaseRotation.RST,)))


STATE = ControlState(
    evses={CP1: learnt(PhaseRotation.SRT), CP2: learnt(PhaseRotation.TRS)},
    surplus_w=3_000.0,
    peak=PEAK,
    batteries={"house": BATTERY},
)


class KeptMemory:
    """A ledger's part for a site's memory, without a database; tells what was written, and fails when asked to."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.written: list[str] = []
        self.failing = False

    async def load_memory(self) -> dict[str, Json]:
        return {name: json.loads(text) for name, text in self.kept.items()}

    async def save_memory(self, name: str, value: Json) -> None:
        if self.failing:
            raise StoreError("the disk is full")
        self.written.append(name)
        self.kept[name] = json.dumps(value, allow_nan=False)


@pytest.fixture
def ledger() -> KeptMemory:
    return KeptMemory()


def memory_of(ledger: KeptMemory) -> SiteMemory:
    """Return the memory of a site that starts."""
    return SiteMemory(ledger)  # type: ignore[arg-type]  # has what of a site's ledger is used here


async def test_a_site_that_never_ran_controls_from_an_empty_state(ledger: KeptMemory) -> None:
    assert await memory_of(ledger).load() == RememberedSite(observe_only=False, state=ControlState())


async def test_what_was_saved_is_there_after_a_restart(ledger: KeptMemory) -> None:
    await memory_of(ledger).save(RememberedSite(True, STATE))
    memory = memory_of(ledger)
    remembered = await memory.load()
    assert remembered.observe_only is True
    assert remembered.state == ControlState(peak=PEAK, batteries={"house": BATTERY})
    state = memory.restore(remembered.state, [CP1, CP2])
    assert {key: control.conductor.rotation for key, control in state.evses.items()} == {
        CP1: PhaseRotation.SRT,
        CP2: PhaseRotation.TRS,
    }
    assert state.evses[CP1].setpoint_a == 0.0


async def test_the_ledger_keeps_it(tmp_path: Path) -> None:
    first = await Ledger.open(tmp_path / "ledger.db")
    await SiteMemory(first.site("home")).save(RememberedSite(True, STATE))
    await first.close()
    again = await Ledger.open(tmp_path / "ledger.db")
    memory = SiteMemory(again.site("home"))
    assert await memory.load() == RememberedSite(True, ControlState(peak=PEAK, batteries={"house": BATTERY}))
    assert memory.restore(ControlState(), [CP1]).evses[CP1].conductor.rotation is PhaseRotation.SRT
    await again.close()


async def test_what_a_battery_was_told_is_not_kept(ledger: KeptMemory) -> None:
    told = replace(BATTERY, commanded_w=2_000.0, commanded_since=NOW, delivers_w=1_500.0, delivers_until=NOW)
    await memory_of(ledger).save(RememberedSite(False, replace(STATE, batteries={"house": told})))
    assert (await memory_of(ledger).load()).state.batteries == {"house": BATTERY}


async def test_limits_of_users_are_kept_and_those_that_are_told_again_are_not(ledger: KeptMemory) -> None:
    mine = Limit("user", LimitSource.USER, 6.5, LimitUnit.AMPERE, evse=CP2, valid_until=NOW, params={"by": "me"})
    told = Limit("signal", LimitSource.GRID_SIGNAL, 4_200.0, LimitUnit.WATT)
    await memory_of(ledger).save(RememberedSite(False, STATE, (mine, told)))
    assert (await memory_of(ledger).load()).limits == (mine,)


async def test_how_full_cars_were_is_kept(ledger: KeptMemory) -> None:
    charges = {CP1: Charge(40.5, 1_234.0, 10.0, 7), CP2: Charge(80.0, 0.0)}
    await memory_of(ledger).save(RememberedSite(False, STATE, charges=charges))
    assert (await memory_of(ledger).load()).charges == charges


async def test_what_cars_gave_is_kept_with_the_doubt_about_their_register(ledger: KeptMemory) -> None:
    count = advance(advance(begin(2_000.0, NOW), 2_100.0, NOW), 0.0, NOW)
    assert count.doubt is not None
    given = {CP1: Given(7, 100.0, 0.0, count), CP2: Given(8, 5.0)}
    await memory_of(ledger).save(RememberedSite(False, STATE, given=given))
    assert (await memory_of(ledger).load()).given == given


async def test_only_what_changed_is_written(ledger: KeptMemory) -> None:
    memory = memory_of(ledger)
    await memory.save(RememberedSite(False, STATE))
    ledger.written.clear()
    await memory.save(RememberedSite(False, replace(STATE, surplus_w=1.0)))
    assert ledger.written == []
    await memory.save(RememberedSite(True, replace(STATE, peak=replace(PEAK, energy_wh=130.0))))
    assert sorted(ledger.written) == ["observe_only", "peak"]


async def test_after_a_restart_only_what_changed_is_written(ledger: KeptMemory) -> None:
    await memory_of(ledger).save(RememberedSite(True, STATE))
    ledger.written.clear()
    memory = memory_of(ledger)
    await memory.load()
    await memory.save(RememberedSite(True, STATE))
    assert ledger.written == []


async def test_a_station_that_is_not_there_yet_keeps_its_wiring(ledger: KeptMemory) -> None:
    await memory_of(ledger).save(RememberedSite(False, STATE))
    memory = memory_of(ledger)
    await memory.load()
    await memory.save(RememberedSite(False, replace(STATE, evses={CP1: learnt(PhaseRotation.STR)})))
    memory = memory_of(ledger)
    await memory.load()
    assert memory.restore(ControlState(), [CP1]).evses[CP1].conductor.rotation is PhaseRotation.STR
    assert memory.restore(ControlState(), [CP2]).evses[CP2].conductor.rotation is PhaseRotation.TRS


async def test_wiring_that_was_unlearnt_is_not_remembered(ledger: KeptMemory) -> None:
    memory = memory_of(ledger)
    await memory.save(RememberedSite(False, STATE))
    await memory.save(RememberedSite(False, replace(STATE, evses={CP1: learnt(None), CP2: learnt(PhaseRotation.TRS)})))
    memory = memory_of(ledger)
    await memory.load()
    assert memory.restore(ControlState(), [CP1]).evses == {}
    assert memory.restore(ControlState(), [CP2]).evses.keys() == {CP2}


async def test_a_station_that_was_removed_is_forgotten(ledger: KeptMemory) -> None:
    memory = memory_of(ledger)
    await memory.save(RememberedSite(False, STATE))
    memory.forget("CP1")
    await memory.save(RememberedSite(False, replace(STATE, evses={CP2: learnt(PhaseRotation.TRS)})))
    again = memory_of(ledger)
    await again.load()
    assert again.restore(ControlState(), [CP1]).evses == {}
    assert again.restore(ControlState(), [CP2]).evses.keys() == {CP2}


async def test_what_a_running_site_knows_is_not_replaced_by_what_was_kept(ledger: KeptMemory) -> None:
    await memory_of(ledger).save(RememberedSite(False, STATE))
    memory = memory_of(ledger)
    await memory.load()
    running = ControlState(evses={CP1: learnt(PhaseRotation.TSR)})
    assert memory.restore(running, [CP1]) == running


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("observe_only", "yes"),
        ("observe_only", {}),
        ("peak", {"energy_wh": "much"}),
        ("peak", {"colour": "red"}),
        ("peak", {"daily_peaks": [["2026-06-01"]]}),
        ("batteries", []),
        ("batteries", {"memories": {"house": {"expansion_wh": None}}}),
        ("conductors", {"rotations": [[{"station_id": "CP1", "evse_id": 1}, "ABC"]]}),
        ("conductors", 7),
        ("limits", {"limits": [{"limit_id": "user", "source": "user", "value": -1.0, "unit": "A"}]}),
    ],
)
async def test_what_is_not_understood_is_told_and_the_rest_used(
    ledger: KeptMemory, caplog: pytest.LogCaptureFixture, name: str, value: Json
) -> None:
    await memory_of(ledger).save(RememberedSite(True, STATE))
    await ledger.save_memory(name, value)
    memory = memory_of(ledger)
    remembered = await memory.load()
    evses = memory.restore(remembered.state, [CP1]).evses
    assert remembered.observe_only is (name != "observe_only")
    assert remembered.state.peak == (PeakMemory() if name == "peak" else PEAK)
    assert remembered.state.batteries == ({} if name == "batteries" else {"house": BATTERY})
    assert evses.keys() == (set() if name == "conductors" else {CP1})
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 1
    assert "not understood" in told[0]
    assert name in told[0]


async def test_what_a_newer_version_remembers_beside_is_left_alone(ledger: KeptMemory) -> None:
    await ledger.save_memory("forecast", [1, 2])
    memory = memory_of(ledger)
    await memory.load()
    await memory.save(RememberedSite(False, STATE))
    assert (await ledger.load_memory())["forecast"] == [1, 2]


async def test_a_running_site_is_saved_each_minute_and_again_after_a_failure(
    ledger: KeptMemory, caplog: pytest.LogCaptureFixture
) -> None:
    clock, memory = ManualClock(), memory_of(ledger)
    current = RememberedSite(observe_only=False, state=STATE)
    task = asyncio.create_task(memory.run(clock, lambda: current))

    async def minute() -> list[str]:
        ledger.written.clear()
        await clock.advance(SAVE_EVERY_S)
        return sorted(ledger.written)

    assert await minute() == ["batteries", "charges", "conductors", "given", "limits", "observe_only", "peak"]
    assert await minute() == []
    current = RememberedSite(observe_only=True, state=STATE)
    ledger.failing = True
    assert await minute() == []
    assert await minute() == []
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "The site's memory could not be kept: the disk is full"
    ]
    ledger.failing = False
    assert await minute() == ["observe_only"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
