"""Simulated stations are brought to one phase and back, or are seen not to follow."""

import pytest

from simulator.ocpp.quirks import Quirks
from tests.engine.csms_stations.test_quirks import Pair, pair

SEEN_WITHIN_S = 200.0  # the time to switch, and a measurement after that

SWITCHING = {
    "one that keeps to the specification": Quirks(),
    "one that counts in watts": Quirks(watts_only=True),
    "one with a single stack level": Quirks(one_stack_level_only=True),
    "one that takes relative profiles only": Quirks(rejects_absolute=True),
    "one that takes one period only": Quirks(one_period_only=True),
    "one without TxProfile": Quirks(rejects_tx_profile=True),
}


def current_a(it: Pair) -> tuple[float, float, float]:
    return it.site.stations["CP1"].connectors[1].outlet.current_a


def tell(it: Pair, limit_a: float, phases: int | None) -> None:
    it.csms.stations["CP1"].set_limit(1, limit_a, 6.0, phases)


async def charge(it: Pair, limit_a: float, phases: int) -> None:
    tell(it, limit_a, phases)
    await it.pass_time(15)
    it.plug()
    await it.until(lambda: current_a(it)[0] == pytest.approx(limit_a, abs=0.1), 90)


@pytest.mark.parametrize("name", SWITCHING)
async def test_a_station_that_switches_goes_to_one_phase_and_back(name: str, socket_enabled: None) -> None:
    async with pair(SWITCHING[name], switches_phases=True, sample_s=10) as it:
        await charge(it, 8.0, 3)
        await it.pass_time(20)
        assert current_a(it) == pytest.approx((8.0, 8.0, 8.0), abs=0.1)
        tell(it, 12.0, 1)
        await it.until(lambda: current_a(it) == pytest.approx((12.0, 0.0, 0.0), abs=0.1), 60)
        assert it.evse.applied is not None
        assert it.evse.applied.phases == 1
        await it.until(lambda: it.capabilities.switches_phases is True, SEEN_WITHIN_S)
        tell(it, 8.0, 3)
        await it.until(lambda: current_a(it) == pytest.approx((8.0, 8.0, 8.0), abs=0.1), 60)


async def test_one_phase_stays_one_when_the_lease_runs_out(socket_enabled: None) -> None:
    async with pair(Quirks(), switches_phases=True, sample_s=10) as it:
        await charge(it, 12.0, 1)
        it.site.diallers["CP1"].disconnect()
        await it.until(lambda: current_a(it) == pytest.approx((6.0, 0.0, 0.0), abs=0.1), 60)


@pytest.mark.parametrize("switches", [True, False])
async def test_a_station_that_only_says_yes_is_seen_and_held_at_what_is_safe(
    switches: bool, socket_enabled: None
) -> None:
    quirks = Quirks(ignores_number_of_phases=True)
    async with pair(quirks, switches_phases=switches, sample_s=10) as it:
        await charge(it, 12.0, 1)
        assert current_a(it) == pytest.approx((12.0, 12.0, 12.0), abs=0.1)
        await it.until(lambda: it.capabilities.switches_phases is False, SEEN_WITHIN_S)
        await it.until(lambda: current_a(it) == pytest.approx((6.0, 6.0, 6.0), abs=0.1), 60)
        tell(it, 10.0, 3)
        await it.until(lambda: current_a(it) == pytest.approx((10.0, 10.0, 10.0), abs=0.1), 60)


async def test_a_station_that_says_no_is_led_without(socket_enabled: None) -> None:
    async with pair(Quirks(rejects_number_of_phases=True), switches_phases=True, sample_s=10) as it:
        await charge(it, 10.0, 3)
        assert it.capabilities.switches_phases is False
        assert it.evse.applied is not None
        assert it.evse.applied.phases is None
        tell(it, 12.0, 1)
        await it.until(lambda: current_a(it) == pytest.approx((6.0, 6.0, 6.0), abs=0.1), 60)
