"""Stations learn by themselves who may charge, so that they decide alike while nobody can be asked."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
import logging
from pathlib import Path
from typing import Any

import pytest

from custom_components.smart_charging.engine.config import LeaseTimes, SiteConfig, StationConfig
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.id_token import (
    AccessMode,
    AccessPolicy,
    IdToken,
    ListState,
    ListStatus,
    LocalListUse,
    TokenDetails,
    TokenType,
)
from custom_components.smart_charging.engine.ledger import Ledger
from custom_components.smart_charging.engine.local_lists import SPACING_S
from custom_components.smart_charging.engine.model import StoreError
from custom_components.smart_charging.engine.registry_authorizer import RegistryAuthorizer
from custom_components.smart_charging.engine.site import Site
from simulator.ocpp.options import StartMode, StationOptions
from simulator.ocpp2.options import StationOptions2, Version
from simulator.ocpp2.station import SimulatedStation2
from simulator.simulated_site import SimulatedSite
from tests.engine.csms_stations.conftest import SETTINGS
from tests.manual_clock import ManualClock

KNOWN_ONLY = AccessPolicy(AccessMode.KNOWN_ONLY)
TAG = "04A2B3C4D5E680"


@dataclass
class Premises:
    """A site with a registry, and simulated stations that dial it, on one clock."""

    site: Site
    access: RegistryAuthorizer
    ledger: Ledger
    clock: ManualClock
    simulated: SimulatedSite

    async def add(self, value: str = TAG, **details: Any) -> IdToken:
        known = TokenDetails(f"Anna {value}", **details)
        return await self.ledger.site("site").tokens.add(value, known, self.clock.now())

    async def change(self, token: IdToken, **details: Any) -> None:
        await self.ledger.site("site").tokens.change(token.token_id, lambda known: replace(known, **details))

    async def until(self, condition: Callable[[], bool], within_s: float = 120.0) -> None:
        for _ in range(int(within_s * 2)):
            if condition():
                return
            await self.pass_time(0.5)
        assert condition()

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds, settle=0.001)

    def state(self, station_id: str = "CP1") -> ListState:
        state = self.site.view.chargers[station_id].local_list
        assert state is not None
        return state

    @property
    def status(self) -> ListStatus | None:
        state = self.site.view.chargers["CP1"].local_list
        return None if state is None else state.status

    def listed(self, station_id: str = "CP1") -> dict[str, str]:
        """Return what a station's list says of each tag."""
        if station_id in self.simulated.stations:
            entries = self.simulated.stations[station_id].local_list.entries
            return {tag: entry.status for tag, entry in entries.items()}
        return {key[0]: judgement.status for key, judgement in self.station2.memory.listed.items()}

    def taken(self, station_id: str = "CP1") -> list[dict[str, Any]]:
        """Return what a station of 1.6 took."""
        return [*self.simulated.stations[station_id].local_list.taken]

    @property
    def station2(self) -> SimulatedStation2:
        return self.simulated.stations2["CP1"]

    async def up_to_date(self) -> None:
        await self.until(lambda: self.status is ListStatus.UP_TO_DATE)


def station16(url: str, **options: Any) -> StationOptions:
    return StationOptions("CP1", url, start_mode=StartMode.TAG, **{"local_list_entries": 20, **options})


def station20(url: str, **options: Any) -> StationOptions2:
    return StationOptions2("CP1", url, start_mode=StartMode.TAG, **options)


def station21(url: str, **options: Any) -> StationOptions2:
    return station20(url, version=Version.V21, **options)


EVERY_VERSION = pytest.mark.parametrize("make", [station16, station20, station21])


@asynccontextmanager
async def premises(
    path: Path,
    make: Callable[..., StationOptions | StationOptions2],
    policy: AccessPolicy = KNOWN_ONLY,
    clock: ManualClock | None = None,
    tags: Sequence[str] = (),
    **options: Any,
) -> AsyncGenerator[Premises]:
    clock = clock or ManualClock()
    ledger = await Ledger.open(path / "ledger.db")
    records = ledger.site("site")
    access = RegistryAuthorizer(records.tokens, clock, policy)
    for tag in tags:
        await records.tokens.add(tag, TokenDetails(tag), clock.now())
    csms = CentralSystem(
        clock=clock, transactions=records, memory=records, authorizer=access, lease=LeaseTimes(), settings=SETTINGS
    )
    site = Site(SiteConfig("site", "Home", fuse_a=35.0), csms=csms, ledger=records, clock=clock, access=access)
    await site.start()
    port = await site.listen("127.0.0.1", 0)
    await site.add_charger(StationConfig("CP1", "Garage", allow_without_password=True, max_current_a=16.0))
    simulated = SimulatedSite([make(f"ws://127.0.0.1:{port}", **options)], clock=clock)
    try:
        async with simulated:
            yield Premises(site, access, ledger, clock, simulated)
    finally:
        await site.stop()
        await ledger.close()
        await asyncio.sleep(0)


@EVERY_VERSION
async def test_a_tag_that_is_blocked_is_blocked_in_the_stations_list(
    tmp_path: Path, make: Callable[..., StationOptions], socket_enabled: None
) -> None:
    async with premises(tmp_path, make, tags=["OTHER1", "OTHER2"]) as it:
        token = await it.add()
        await it.until(lambda: TAG.lower() in it.listed())
        await it.up_to_date()
        assert it.state() == ListState(ListStatus.UP_TO_DATE, it.state().version, 3)
        before = it.state().version
        assert before is not None
        await it.change(token, blocked=True)
        await it.until(lambda: it.listed()[TAG.lower()] == "Blocked")
        await it.ledger.site("site").tokens.delete(token.token_id, it.clock.now())
        await it.until(lambda: TAG.lower() not in it.listed())
        await it.until(lambda: it.state() == ListState(ListStatus.UP_TO_DATE, before + 2, 2))


@EVERY_VERSION
async def test_a_station_that_was_away_gets_the_list_when_it_is_back(
    tmp_path: Path, make: Callable[..., StationOptions], socket_enabled: None
) -> None:
    async with premises(tmp_path, make) as it:
        token = await it.add()
        await it.up_to_date()
        dialler = {**it.simulated.diallers, **it.simulated.diallers2}["CP1"]
        dialler.disconnect()
        await it.until(lambda: not it.site.station("CP1").state.connected)
        await it.change(token, blocked=True)
        await it.pass_time(120)
        assert it.listed()[TAG.lower()] == "Accepted"
        dialler.reconnect()
        await it.until(lambda: it.listed()[TAG.lower()] == "Blocked")


async def test_only_changes_go_out_and_never_two_soon_after_one_another(tmp_path: Path, socket_enabled: None) -> None:
    async with premises(tmp_path, station16, tags=["A", "B", "C", "D"]) as it:
        await it.up_to_date()
        assert [one["updateType"] for one in it.taken()] == ["Full"]
        sent_at = it.clock.monotonic()
        token = await it.add()
        await it.change(token, blocked=True)
        await it.until(lambda: len(it.taken()) == 2)
        assert it.clock.monotonic() - sent_at >= SPACING_S - 5
        await it.change(token, blocked=False)
        await it.pass_time(SPACING_S - 5)
        assert len(it.taken()) == 2
        await it.until(lambda: len(it.taken()) == 3)
        assert [(one["updateType"], len(one["localAuthorizationList"])) for one in it.taken()[1:]] == [
            ("Differential", 1),
            ("Differential", 1),
        ]


async def test_a_list_is_not_sent_again_after_a_restart_nor_a_reconnect(tmp_path: Path, socket_enabled: None) -> None:
    clock = ManualClock()
    async with premises(tmp_path, station16, clock=clock, tags=["A", "B"]) as it:
        await it.up_to_date()
        dialler = it.simulated.diallers["CP1"]
        dialler.disconnect()
        await it.pass_time(60)
        dialler.reconnect()
        await it.until(lambda: it.site.station("CP1").state.connected)
        await it.up_to_date()
        assert len(it.taken()) == 1
        version, kept = it.state().version, dict(it.simulated.stations["CP1"].local_list.entries)
    async with premises(tmp_path, station16, clock=clock) as it:
        again = it.simulated.stations["CP1"].local_list
        assert version is not None
        again.version, again.entries = version, kept
        await it.up_to_date()
        assert it.taken() == []
        await it.add()
        await it.until(lambda: len(it.listed()) == 3)
        assert [one["updateType"] for one in it.taken()] == ["Full"]  # what it holds is known by its version only


async def test_a_list_that_somebody_else_changed_is_replaced(tmp_path: Path, socket_enabled: None) -> None:
    async with premises(tmp_path, station16, tags=["A", "B"]) as it:
        await it.up_to_date()
        theirs = it.simulated.stations["CP1"].local_list
        theirs.version, theirs.entries = 40, {}
        await it.add()
        await it.until(lambda: len(it.listed()) == 3)
        assert it.taken()[-1]["listVersion"] == 41


async def test_a_long_list_goes_out_in_parts(tmp_path: Path, socket_enabled: None) -> None:
    async with premises(tmp_path, station16, tags=[f"TAG{number}" for number in range(12)]) as it:
        await it.up_to_date()
        assert [len(one["localAuthorizationList"]) for one in it.taken()] == [5, 5, 2]
        assert len(it.listed()) == 12
        assert it.state().version == it.simulated.stations["CP1"].local_list.version == 3


async def test_a_full_list_holds_those_who_may_charge(
    tmp_path: Path, socket_enabled: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with premises(tmp_path, station16, local_list_entries=3, tags=["B", "C", "D"]) as it:
        await it.add("A", blocked=True)
        await it.until(lambda: len(it.listed()) == 3)
        assert set(it.listed().values()) == {"Accepted"}
        await it.until(lambda: it.status is ListStatus.SHORTENED)
        await it.add("E")
        await it.pass_time(120)
        assert len([record for record in caplog.records if "has room for" in record.message]) == 1


@pytest.mark.parametrize(
    "policy",
    [
        AccessPolicy(AccessMode.ACCEPT_ALL),
        AccessPolicy(AccessMode.LEARN),
        AccessPolicy(AccessMode.KNOWN_ONLY, local_lists=LocalListUse.NEVER),
    ],
)
async def test_no_list_is_sent_unless_only_known_tags_may_charge_or_it_is_chosen(
    tmp_path: Path, policy: AccessPolicy, socket_enabled: None
) -> None:
    async with premises(tmp_path, station16, policy, tags=["A"]) as it:
        await it.until(lambda: it.site.station("CP1").state.connected)
        await it.pass_time(120)
        assert it.taken() == []
        assert it.site.view.chargers["CP1"].local_list is None
        it.access.policy = replace(policy, local_lists=LocalListUse.ALWAYS)
        await it.until(lambda: len(it.listed()) == 1)


async def test_what_was_sent_is_taken_back_where_lists_are_not_kept_any_more(
    tmp_path: Path, socket_enabled: None
) -> None:
    async with premises(tmp_path, station20, tags=["A", "B"]) as it:
        await it.up_to_date()
        it.access.policy = replace(KNOWN_ONLY, local_lists=LocalListUse.NEVER)
        await it.until(lambda: it.listed() == {})
        await it.until(lambda: it.site.view.chargers["CP1"].local_list is None)


async def test_stations_without_lists_are_left_alone(tmp_path: Path, socket_enabled: None) -> None:
    async with premises(tmp_path, station16, local_list_entries=0, tags=["A"]) as it:
        await it.until(lambda: it.status is ListStatus.UNSUPPORTED)


async def test_a_list_that_is_switched_off_is_left_alone_until_the_next_boot(
    tmp_path: Path, socket_enabled: None
) -> None:
    async with premises(tmp_path, station20, tags=["A"]) as it:
        it.station2.model.put("LocalAuthListCtrlr", "Enabled", "false")
        await it.until(lambda: it.status is ListStatus.UNSUPPORTED)
        it.station2.model.put("LocalAuthListCtrlr", "Enabled", "true")
        it.station2.reboot()
        await it.up_to_date()
        assert it.listed() == {"a": "Accepted"}


async def test_a_list_that_is_refused_is_tried_again_later_and_told_once(
    tmp_path: Path, socket_enabled: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with premises(tmp_path, station20, tags=["A"]) as it:
        it.station2.model.put("LocalAuthListCtrlr", "ItemsPerMessage", "0")
        await it.until(lambda: it.status is ListStatus.FAILED)
        await it.pass_time(400)
        told = [record for record in caplog.records if "could not be brought up to date" in record.message]
        assert [record.levelno for record in told] == [logging.WARNING]
        it.station2.model.put("LocalAuthListCtrlr", "ItemsPerMessage", "50")
        await it.until(lambda: it.status is ListStatus.UP_TO_DATE, within_s=600)
        assert it.listed() == {"a": "Accepted"}


async def test_a_registry_that_can_not_be_read_is_tried_again(
    tmp_path: Path, socket_enabled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise StoreError("disk full")

    async with premises(tmp_path, station16, tags=["A"]) as it:
        with monkeypatch.context() as patched:
            patched.setattr(it.access, "local_list", broken)
            await it.until(lambda: it.status is ListStatus.FAILED)
        await it.up_to_date()


async def test_a_defect_ends_no_list_and_no_tag_is_logged(
    tmp_path: Path, socket_enabled: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("defect")

    async with premises(tmp_path, station16, tags=[TAG]) as it:
        with monkeypatch.context() as patched:
            patched.setattr(it.access, "local_list", broken)
            await it.until(lambda: "Keeping the local list of CP1 failed" in caplog.text)
        it.access.policy = replace(KNOWN_ONLY, groups_share=True)
        await it.up_to_date()
        assert TAG in {tag.upper() for tag in it.listed()}
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert not any(TAG in message for message in told)


async def test_validity_that_begins_and_ends_reaches_the_list(tmp_path: Path, socket_enabled: None) -> None:
    async with premises(tmp_path, station16) as it:
        soon = it.clock.now() + timedelta(minutes=3)
        await it.add(valid_from=soon, valid_until=soon + timedelta(minutes=6))
        await it.up_to_date()
        assert it.listed()[TAG.lower()] == "Invalid"
        await it.until(lambda: it.listed()[TAG.lower()] == "Accepted", within_s=600)
        await it.until(lambda: it.listed()[TAG.lower()] == "Expired", within_s=900)


async def test_cars_and_apps_are_listed_by_their_kind(tmp_path: Path, socket_enabled: None) -> None:
    async with premises(tmp_path, station20) as it:
        await it.add("AABBCCDDEEFF", type=TokenType.VEHICLE)
        await it.add("APP1", type=TokenType.APP)
        await it.until(lambda: len(it.listed()) == 2)
        assert set(it.station2.memory.listed) == {("aabbccddeeff", "MacAddress"), ("app1", "Central")}


async def test_a_station_that_is_removed_is_forgotten(tmp_path: Path, socket_enabled: None) -> None:
    async with premises(tmp_path, station16, tags=["A"]) as it:
        await it.up_to_date()
        await it.site.remove_charger("CP1")
        assert (await it.ledger.site("site").load_memory())["local_lists"] == {}
        await it.add()
        await it.pass_time(60)
        assert len(it.taken()) == 1


@EVERY_VERSION
async def test_alone_a_station_lets_nobody_charge_whose_tag_is_blocked(
    tmp_path: Path, make: Callable[..., StationOptions], socket_enabled: None
) -> None:
    async with premises(tmp_path, make, tags=["GOOD"]) as it:
        await it.add("BAD", blocked=True)
        await it.until(lambda: len(it.listed()) == 2)
        {**it.simulated.diallers, **it.simulated.diallers2}["CP1"].disconnect()
        await it.until(lambda: not it.site.station("CP1").state.connected)
        station: Any = {**it.simulated.stations, **it.simulated.stations2}["CP1"]
        running = {**station.connectors}[1] if make is station16 else station.evses[1]
        present = station.present_tag if make is station16 else station.present_token
        station.plug(True)
        present("BAD")
        await it.pass_time(5)
        assert running.transaction is None
        present("GOOD")
        await it.pass_time(5)
        assert running.transaction is not None
