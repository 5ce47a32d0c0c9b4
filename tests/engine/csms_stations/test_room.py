"""What a station tells of the room it has is kept to: how many profiles it holds, and how long a message may be."""

import json

import pytest

from custom_components.smart_charging.engine.csms.local_list import LocalListEntry
from custom_components.smart_charging.engine.csms.profiles import Purpose
from custom_components.smart_charging.engine.csms.quirks import Quirks
from custom_components.smart_charging.engine.csms.reconciliation import ladder
from custom_components.smart_charging.engine.csms.state import Capabilities, ProfileForm
from simulator.ocpp2.options import Version

from .conftest import Bench
from .raw_station import configuration_answer
from .raw_station_2 import Payload, RawStation21
from .test_simulated_v2 import VERSIONS, pair
from .test_v2 import ready


class Roomy(RawStation21):
    """A station that also tells the most that some variables may be."""

    def __init__(self, limits: dict[tuple[str, str, str | None], tuple[str, float | None]]) -> None:
        super().__init__("CP1")
        self.limits = limits

    def later(self, action: str, payload: Payload) -> None:
        if action == "NotifyReport" and payload["seqNo"] == 0:
            for (component, variable, instance), (value, most) in self.limits.items():
                traits = {"dataType": "integer", "supportsMonitoring": False}
                payload["reportData"].append(
                    {
                        "component": {"name": component},
                        "variable": {"name": variable} | ({} if instance is None else {"instance": instance}),
                        "variableAttribute": [{"value": value}],
                        "variableCharacteristics": traits if most is None else traits | {"maxLimit": most},
                    }
                )
        super().later(action, payload)


def size(message: Payload) -> int:
    return len(json.dumps(message, separators=(",", ":")))


async def test_a_list_of_tags_keeps_to_entries_and_bytes(bench: Bench) -> None:
    client = Roomy({("LocalAuthListCtrlr", "Entries", None): ("0", 12)})
    client.variables |= {
        ("LocalAuthListCtrlr", "ItemsPerMessage"): "10",
        ("LocalAuthListCtrlr", "BytesPerMessage"): "600",
    }
    await ready(bench, client)
    local_list = bench.station.operations.local_list
    limits = await local_list.limits()
    assert (limits.at_once, limits.bytes_at_once, limits.most) == (10, 600, 12)
    tags = [LocalListEntry(f"0123456789ABCDEF{number:02}") for number in range(12)]
    last = await local_list.replace(tags, 1)
    sent = client.sent("SendLocalList")
    assert last == len(sent) > 1
    assert all(size(message) <= 600 for message in sent)
    assert sum(len(message["localAuthorizationList"]) for message in sent) == 12
    assert [message["updateType"] for message in sent] == ["Full"] + ["Differential"] * (len(sent) - 1)
    assert client.broken == []


async def test_settings_are_read_in_messages_of_the_length_that_a_station_takes(bench: Bench) -> None:
    client = Roomy(
        {
            ("DeviceDataCtrlr", "ItemsPerMessage", "GetVariables"): ("20", None),
            ("DeviceDataCtrlr", "BytesPerMessage", "GetVariables"): ("400", None),
        }
    )
    await ready(bench, client)
    before = len(client.sent("GetVariables"))
    names = [f"SmartChargingCtrlr.Variable{number}" for number in range(9)]
    await bench.station.get_configuration(names)
    sent = client.sent("GetVariables")[before:]
    assert sum(len(message["getVariableData"]) for message in sent) == 9
    assert all(size(message) <= 400 for message in sent)
    assert 1 < len(sent) < 9


async def test_how_many_profiles_fit_is_read_in_each_version(bench: Bench) -> None:
    await ready(bench, Roomy({("SmartChargingCtrlr", "Entries", "ChargingProfiles"): ("0", 6)}))
    assert bench.station.state.capabilities.max_profiles == 6


async def test_how_many_profiles_fit_is_read_from_a_configuration_key(bench: Bench) -> None:
    client = await bench.dial()
    client.answers["GetConfiguration"] = configuration_answer({"MaxChargingProfilesInstalled": "3"})
    await bench.ready(client)
    assert bench.station.state.capabilities.max_profiles == 3


def test_where_there_is_room_for_one_profile_it_takes_the_place_of_the_safe_default() -> None:
    known = Capabilities(max_stack_level=3, max_profiles=1)
    rungs = ladder(known, {}, in_transaction=True, evses=1)
    assert {(rung.purpose, rung.stack_level) for rung in rungs} == {(Purpose.TX_DEFAULT, 0)}
    assert all(rung.form is not ProfileForm.DYNAMIC for rung in rungs)
    assert len(ladder(known, {}, in_transaction=True, evses=1, quirks=Quirks(no_zero_in_defaults=True))) > 0


@VERSIONS
@pytest.mark.parametrize("room", [1, 2, 3])
async def test_a_station_with_little_room_is_led_all_the_same(
    version: Version, room: int, socket_enabled: None
) -> None:
    async with pair(version, max_profiles=room) as it:
        await it.until(lambda: it.set_up, 60)
        it.limit(0.0, safe_a=6.0)  # held before a car comes, by a profile for any transaction
        await it.pass_time(30)
        await it.charge(16.0)
        for limit_a in (8.0, 12.0):
            it.limit(limit_a)
            await it.until(lambda at=limit_a: it.outlet_a == pytest.approx(at, abs=0.1), 60)  # type: ignore[misc]
        assert len(it.station.profiles.installed) <= room
