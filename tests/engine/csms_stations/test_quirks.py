"""Simulated stations with the habits of real ones: each is brought to its limit and falls back by itself."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from custom_components.smart_charging.engine.config import LeaseTimes
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.csms.state import Capabilities, EvseState, Obedience, ProfileForm
from simulator.ocpp.options import StationOptions
from simulator.ocpp.profile_stack import Installed
from simulator.ocpp.profiles import Purpose
from simulator.ocpp.quirks import Quirks
from simulator.plant.car import Car, CarModel
from simulator.plant.grid import GridSupply
from simulator.simulated_site import Premises, SimulatedSite
from tests.engine.csms_stations.conftest import CONFIG, SETTINGS
from tests.engine.csms_stations.memory_store import MemoryStore
from tests.manual_clock import ManualClock

LEASE = LeaseTimes(hold_s=20.0, renew_s=8.0)


@dataclass
class Pair:
    """A central system and one simulated station on one clock."""

    csms: CentralSystem
    site: SimulatedSite
    clock: ManualClock
    store: MemoryStore

    @property
    def evse(self) -> EvseState:
        return self.csms.stations["CP1"].state.evses[1]

    @property
    def drawn_a(self) -> float:
        return max(self.site.stations["CP1"].connectors[1].outlet.current_a)

    @property
    def capabilities(self) -> Capabilities:
        return self.csms.stations["CP1"].state.capabilities

    @property
    def installed(self) -> list[Installed]:
        return self.site.stations["CP1"].profiles.installed

    def foreseen_a(self, later: timedelta) -> float:
        """Return the limit the station will hold if nobody speaks to it until then."""
        station = self.site.stations["CP1"]
        transaction = station.connectors[1].transaction
        running = transaction.running() if transaction else None
        return station.profiles.limit(1, station.station_time() + later, running).current_a

    def limit(self, current_a: float, safe_a: float = 6.0) -> None:
        self.csms.stations["CP1"].set_limit(1, current_a, safe_a)

    def plug(self) -> None:
        self.site.stations["CP1"].plug(True)

    async def until(self, condition: Callable[[], bool], within_s: float) -> None:
        for _ in range(int(within_s * 4)):
            if condition():
                return
            await self.clock.advance(0.25, settle=0.001)
        assert condition()

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds, settle=0.001)


@asynccontextmanager
async def pair(quirks: Quirks, **options: Any) -> AsyncGenerator[Pair]:
    clock, store = ManualClock(), MemoryStore()
    csms = CentralSystem(
        clock=clock, transactions=store, memory=store, authorizer=store, lease=LEASE, settings=SETTINGS
    )
    port = await csms.start("127.0.0.1", 0)
    await csms.add_station(replace(CONFIG, phases=options.get("phases", 3)))
    station = StationOptions("CP1", f"ws://127.0.0.1:{port}", max_a=16.0, quirks=quirks, **options)
    site = SimulatedSite(
        [station],
        cars={("CP1", 1): Car(CarModel())},
        premises=Premises(supply=GridSupply(impedance_ohm=0.0)),
        clock=clock,
    )
    async with site:
        try:
            yield Pair(csms, site, clock, store)
        finally:
            await csms.stop()
            await asyncio.sleep(0)


OBEDIENT = {
    "one that keeps to the specification": Quirks(),
    "ABB Terra AC": Quirks(max_accepted_stack_level=7, needs_transaction_id=True, reboots_when_asked_measurands=True),
    "Wallbox before firmware 5": Quirks(
        max_accepted_stack_level=0, rejects_absolute=True, rejects_while_available=True
    ),
    "Wallbox firmware 5": Quirks(one_stack_level_only=True),
    "Wallbox with a wrong offer": Quirks(lying_offered_a=11.0),
    "Easee": Quirks(rejects_relative=True, needs_start_schedule=True),
    "Huawei SCharger": Quirks(watts_only=True, register_dip_every=3),
    "go-e": Quirks(amps_only=True),
    "MicroOcpp": Quirks(ignores_valid_to=True, watts_only=True),
    "EVBox Elvi": Quirks(rejects_connector_zero_default=True, missing_measurands=frozenset({"Current.Offered"})),
    "one without TxProfile": Quirks(rejects_tx_profile=True),
    "Grizzl-E": Quirks(loses_profiles_on_reboot=True, invalid_meter_json=True, register_per_session=True),
    "Fronius Wattpilot": Quirks(no_configuration=True, read_only_measurands=True),
    "AEFA Home": Quirks(times_without_zone=True, comma_decimals=True, empty_values=True),
    "one that reports on connector 0": Quirks(everything_on_connector_zero=True),
    "Webasto NEXT": Quirks(no_boot_on_reconnect=True, extra_field=True),
    "one that never boots": Quirks(never_boots=True),
    "one that measures nothing": Quirks(no_meter_values=True),
    "one that repeats its start": Quirks(repeats_start=True, rejects_change_availability=True),
    "a slow one": Quirks(answer_delay_s=3.0, energy_in_kwh=True, values_after_stop=True),
}


@pytest.mark.parametrize("name", OBEDIENT)
async def test_station_comes_to_its_limit_and_falls_back_when_left_alone(name: str, socket_enabled: None) -> None:
    async with pair(OBEDIENT[name]) as it:
        it.limit(0.0)
        await it.pass_time(15)
        it.plug()
        it.limit(10.0)
        await it.until(lambda: abs(it.drawn_a - 10.0) < 0.1, 90)
        it.limit(8.0)
        await it.until(lambda: abs(it.drawn_a - 8.0) < 0.1, 30)
        it.limit(16.0)
        await it.until(lambda: it.drawn_a > 15.9, 45)
        await it.pass_time(22)  # renewed
        assert it.drawn_a > 15.9
        assert it.evse.obedience is not Obedience.IGNORES
        assert it.evse.obedience is not Obedience.REJECTS
        it.site.diallers["CP1"].disconnect()
        await it.until(lambda: abs(it.drawn_a - 6.0) < 0.1, LEASE.hold_s + 10)
        it.site.diallers["CP1"].reconnect()
        await it.until(lambda: it.drawn_a > 15.9, 40)


WAYS = {
    "two periods": (Quirks(), ProfileForm.TWO_PERIODS, Purpose.TX),
    "periods from the start of the transaction": (
        Quirks(rejects_absolute=True),
        ProfileForm.RELATIVE_TWO_PERIODS,
        Purpose.TX,
    ),
    "an end by validTo": (Quirks(one_period_only=True), ProfileForm.VALID_TO, Purpose.TX),
    "an end by validTo without TxProfile": (
        Quirks(one_period_only=True, rejects_tx_profile=True),
        ProfileForm.VALID_TO,
        Purpose.TX_DEFAULT,
    ),
    "the limit of the whole station": (
        Quirks(rejects_tx_profile=True, rejects_tx_default=True),
        ProfileForm.TWO_PERIODS,
        Purpose.CHARGE_POINT_MAX,
    ),
}


# With one level above the default there is none left for a limit of 0 below such a lease.
NO_ROOM = ("an end by validTo without TxProfile", 0.0, 1)


@pytest.mark.parametrize(
    ("way", "safe_a", "stack_levels"), [case for case in product(WAYS, (6.0, 0.0), (8, 1)) if case != NO_ROOM]
)
async def test_every_way_of_writing_a_lease_ends_on_what_is_safe(
    way: str, safe_a: float, stack_levels: int, socket_enabled: None
) -> None:
    quirks, form, purpose = WAYS[way]
    async with pair(quirks, stack_levels=stack_levels) as it:
        it.limit(10.0, safe_a)
        await it.pass_time(15)
        it.plug()
        await it.until(lambda: abs(it.drawn_a - 10.0) < 0.1, 90)
        await it.pass_time(22)  # renewed
        assert it.drawn_a == pytest.approx(10.0, abs=0.1)
        assert it.csms.stations["CP1"].state.capabilities.profile_form is form
        assert purpose in {entry.profile.purpose for entry in it.installed}
        it.site.diallers["CP1"].disconnect()
        await it.until(lambda: abs(it.drawn_a - safe_a) < 0.1, LEASE.hold_s + 10)
        await it.pass_time(10)
        assert it.drawn_a == pytest.approx(safe_a, abs=0.1)
        assert it.foreseen_a(timedelta(hours=25)) == 6.0  # no limit of 0 outlives a day
        it.site.diallers["CP1"].reconnect()
        await it.until(lambda: abs(it.drawn_a - 10.0) < 0.1, 60)


async def test_what_held_at_zero_is_taken_back_once_more_is_safe(socket_enabled: None) -> None:
    async with pair(Quirks(one_period_only=True)) as it:
        it.limit(10.0, 0.0)
        await it.pass_time(15)
        it.plug()
        await it.until(lambda: abs(it.drawn_a - 10.0) < 0.1, 90)
        it.limit(10.0, 6.0)
        await it.pass_time(15)
        it.site.diallers["CP1"].disconnect()
        await it.until(lambda: abs(it.drawn_a - 6.0) < 0.1, LEASE.hold_s + 10)


async def test_purposes_that_a_station_never_takes_are_tried_once(socket_enabled: None) -> None:
    async with pair(Quirks(rejects_tx_profile=True)) as it:
        it.limit(10.0)
        await it.pass_time(15)
        it.plug()
        await it.until(lambda: it.capabilities.purposes_rejected == {Purpose.TX.value}, 90)
        assert it.store.learnt["CP1"]["purposes_rejected"] == [Purpose.TX.value]
        await it.pass_time(20)
        assert it.drawn_a == pytest.approx(10.0, abs=0.1)


async def test_station_that_ignores_profiles_is_found_out(socket_enabled: None) -> None:
    async with pair(Quirks(ignores_profiles=True, missing_measurands=frozenset({"Current.Offered"}))) as it:
        it.limit(8.0)
        await it.pass_time(20)
        it.plug()
        await it.until(lambda: it.evse.obedience is Obedience.IGNORES, 120)
        assert it.drawn_a > 15.9


@pytest.mark.parametrize("offset_s", [-900.0, 600.0])
async def test_a_wrong_clock_is_found_out_and_allowed_for(offset_s: float, socket_enabled: None) -> None:
    async with pair(Quirks(), clock_offset_s=offset_s) as it:
        it.limit(16.0)
        await it.pass_time(20)
        it.plug()
        await it.until(lambda: it.drawn_a > 15.9, 120)
        await it.until(lambda: it.evse.measurement is not None, 60)
        it.site.diallers["CP1"].disconnect()
        await it.until(lambda: abs(it.drawn_a - 6.0) < 0.1, LEASE.hold_s + 10)


async def test_a_reboot_in_mid_charge_brings_the_limit_back(socket_enabled: None) -> None:
    async with pair(Quirks(loses_profiles_on_reboot=True)) as it:
        it.limit(10.0)
        await it.pass_time(20)
        it.plug()
        await it.until(lambda: abs(it.drawn_a - 10.0) < 0.1, 60)
        await it.csms.stations["CP1"].reset(hard=True)
        await it.pass_time(5)
        await it.until(lambda: abs(it.drawn_a - 10.0) < 0.1, 60)


async def test_a_lease_that_ends_is_foreseen_by_the_station(socket_enabled: None) -> None:
    async with pair(Quirks()) as it:
        it.limit(16.0)
        await it.pass_time(20)
        it.plug()
        await it.until(lambda: it.csms.stations["CP1"].state.capabilities.holds_lease is True, 60)


async def test_a_single_phase_station_is_held_at_its_limit_in_watts(socket_enabled: None) -> None:
    async with pair(Quirks(watts_only=True), phases=1) as it:
        it.limit(10.0)
        await it.pass_time(20)
        it.plug()
        await it.until(lambda: abs(it.drawn_a - 10.0) < 0.1, 60)
