"""What a second central system asks of a station, as the site makes it its own."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from custom_components.smart_charging.engine.config import LeaseTimes, SiteConfig
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.csms.relay.limits import ProfileLimit, TransactionRefused
from custom_components.smart_charging.engine.csms.state import EvseState, StationState
from custom_components.smart_charging.engine.elsewhere import relay_limits
from custom_components.smart_charging.engine.ledger import Ledger
from custom_components.smart_charging.engine.limit import LimitSource, LimitUnit
from custom_components.smart_charging.engine.model import EvseKey, EvseStatus, ReasonCode, Transaction
from custom_components.smart_charging.engine.relay_config import RelayConfig, RelayPolicy
from custom_components.smart_charging.engine.site import Site
from custom_components.smart_charging.engine.view import EvseView, SiteEvent, SiteEventType
from tests.engine.csms_stations.conftest import CONFIG, SETTINGS, Bench
from tests.engine.csms_stations.memory_store import MemoryStore
from tests.manual_clock import START, ManualClock

from .second_system import SecondSystem
from .test_wired import profile

KEY = EvseKey("CP1", 1)


class SiteBench(Bench):
    """A site whose only charger is shown to a second central system."""

    site: Site
    second: SecondSystem
    told_events: list[SiteEvent]

    @property
    def evse_view(self) -> EvseView:
        return self.site.view.chargers["CP1"].evses[1]


@pytest.fixture
async def bench(socket_enabled: None, tmp_path: Path) -> AsyncGenerator[SiteBench]:
    clock, store = ManualClock(), MemoryStore()
    ledger = await Ledger.open(tmp_path / "ledger.db")
    csms = CentralSystem(
        clock=clock,
        transactions=store,
        memory=store,
        authorizer=store,
        lease=LeaseTimes(),
        settings=replace(SETTINGS, relay_directory=tmp_path / "relay"),
    )
    bench = SiteBench(csms, clock, store)
    bench.second, bench.told_events = SecondSystem(), []
    await bench.second.start()
    config = SiteConfig("site", "Home", fuse_a=35.0, has_meter=False)
    bench.site = Site(config, csms=csms, ledger=ledger.site("site"), clock=clock)
    await bench.site.start()
    bench.site.subscribe_events(bench.told_events.append)
    bench.port = await bench.site.listen("127.0.0.1", 0)
    relay = RelayConfig(bench.second.url, policy=RelayPolicy.START_STOP, allow_unencrypted=True, authorisation=True)
    await bench.site.add_charger(replace(CONFIG, relay=relay))
    yield bench
    for client in bench.clients:
        await client.close()
    await bench.site.stop()
    await ledger.close()
    await bench.second.stop()
    assert bench.second.errors == []


async def test_their_limit_holds_until_they_take_it_back(bench: SiteBench) -> None:
    station = await bench.ready()
    await station.status("Preparing")
    await bench.until(lambda: bench.site.view.chargers["CP1"].relay is not None)
    await bench.until(lambda: _accepted(bench))
    await bench.second.command("SetChargingProfile", profile(8))
    await bench.pass_time(30)
    assert bench.evse_view.limit_source is LimitSource.RELAY
    assert bench.evse_view.setpoint.current_a == 8.0
    assert bench.evse_view.setpoint.reason.code is ReasonCode.LIMIT_RELAY
    assert not [sent for sent in station.sent("SetChargingProfile") if sent["csChargingProfiles"] == profile(8)]
    await bench.second.command("ClearChargingProfile", {"id": 1})
    await bench.pass_time(120)
    assert bench.evse_view.limit_source is not LimitSource.RELAY
    assert bench.evse_view.setpoint.current_a > 8.0


def _accepted(bench: SiteBench) -> bool:
    relay = bench.csms.relays.state("CP1")
    return relay is not None and relay.accepted


async def test_a_transaction_that_they_refuse_is_ended_and_told(bench: SiteBench) -> None:
    bench.second.answers["StartTransaction"] = {"transactionId": 7, "idTagInfo": {"status": "Blocked"}}
    station = await bench.ready()
    await bench.until(lambda: _accepted(bench))
    started = await station.start(bench.now())
    await bench.until(lambda: bool(station.sent("RemoteStopTransaction")))
    assert station.sent("RemoteStopTransaction") == [{"transactionId": started["transactionId"]}]
    (told,) = [event for event in bench.told_events if event.type is SiteEventType.TRANSACTION_REFUSED]
    assert told.key == KEY


async def test_a_station_that_does_not_end_a_refused_transaction_is_told_in_the_log(
    bench: SiteBench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.second.answers["StartTransaction"] = {"transactionId": 7, "idTagInfo": {"status": "Blocked"}}
    station = await bench.ready()
    station.answers["RemoteStopTransaction"] = {"status": "Rejected"}
    await bench.until(lambda: _accepted(bench))
    await station.start(bench.now())
    await bench.until(lambda: "did not end a refused transaction" in caplog.text)
    assert "TAG" not in caplog.text


async def test_a_refusal_of_what_is_over_changes_nothing(bench: SiteBench) -> None:
    station = await bench.ready()
    elsewhere = bench.site._elsewhere
    elsewhere._take(TransactionRefused("gone", "1", "Blocked"))
    elsewhere._take(TransactionRefused("CP1", "1", "Blocked"))
    await bench.pass_time(1)
    assert station.sent("RemoteStopTransaction") == []


def limit(profile_id: int, value: float, **changes: Any) -> ProfileLimit:
    values: dict[str, Any] = {
        "evse_id": 0,
        "purpose": "ChargePointMaxProfile",
        "stack_level": 0,
        "unit": LimitUnit.AMPERE,
        "starts_at": START,
        "periods": ((0, value, None),),
    }
    return ProfileLimit("CP1", profile_id, **values | changes)


def state(*statuses: EvseStatus, transaction_id: str | None = None) -> StationState:
    running = None
    if transaction_id is not None:
        running = Transaction(transaction_id, "CP1", 1, "TAG", START, 0, 1)
    return StationState(
        "CP1",
        connected=True,
        evses={
            number: EvseState(number, status=status, transaction=running) for number, status in enumerate(statuses, 1)
        },
    )


def values(station: StationState, *limits: ProfileLimit, after_s: float = 0) -> list[tuple[int, float]]:
    found = relay_limits(station, limits, START + timedelta(seconds=after_s))
    return [(one.evse.evse_id if one.evse else 0, one.value) for one in found]


CHARGING, FREE = EvseStatus.CHARGING, EvseStatus.AVAILABLE


def test_a_bound_of_the_whole_station_is_shared_by_the_cars_there() -> None:
    assert values(state(CHARGING, FREE), limit(1, 20)) == [(1, 20), (2, 20)]
    assert values(state(CHARGING, CHARGING), limit(1, 20)) == [(1, 10), (2, 10)]
    assert values(state(CHARGING, CHARGING), limit(1, 20, purpose="TxDefaultProfile")) == [(1, 20), (2, 20)]
    assert values(state(CHARGING, CHARGING), limit(1, 20, evse_id=2)) == [(2, 20)]


def test_a_higher_stack_level_counts_and_of_equal_ones_the_lower_value() -> None:
    assert values(state(CHARGING), limit(1, 8), limit(2, 12, stack_level=1)) == [(1, 12)]
    assert values(state(CHARGING), limit(1, 8), limit(2, 12, evse_id=1)) == [(1, 8)]
    assert values(state(CHARGING), limit(1, 12), limit(2, 8, evse_id=1)) == [(1, 8)]


def test_a_transactions_own_profile_stands_in_for_the_default_while_it_runs() -> None:
    default, own = limit(1, 8, purpose="TxDefaultProfile"), limit(2, 12, purpose="TxProfile", transaction_id="5")
    assert values(state(CHARGING, transaction_id="5"), default, own) == [(1, 12)]
    assert values(state(CHARGING, transaction_id="6"), default, own) == [(1, 8)]
    assert values(state(CHARGING), default, own) == [(1, 8)]


def test_a_schedule_binds_in_its_time_only() -> None:
    later = limit(1, 8, starts_at=START + timedelta(hours=1), duration_s=60)
    assert values(state(CHARGING), later) == []
    assert values(state(CHARGING), later, after_s=3601) == [(1, 8)]
    assert values(state(CHARGING), later, after_s=3700) == []
