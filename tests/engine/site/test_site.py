"""The site as a whole: what it keeps over a restart, and what a fault in one cycle does to the next."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import EvseSettings, Giving, LeaseTimes, SiteConfig, StationConfig
from custom_components.smart_charging.engine.csms.authorization import AcceptEveryone
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.ledger import Ledger
from custom_components.smart_charging.engine.limit import Limit, LimitSource, LimitUnit
from custom_components.smart_charging.engine.model import ChargeMode, EvseKey, MeterQuality, Phases, ReasonCode
from custom_components.smart_charging.engine.site import Site
from custom_components.smart_charging.engine.view import MeterReading
from tests.manual_clock import ManualClock

CONFIG = SiteConfig("site", "Home", fuse_a=25.0)
CHARGER = StationConfig("CP1", "Garage", allow_without_password=True)
FIRST, SECOND = EvseKey("CP1", 1), EvseKey("CP1", 2)


class Home:
    """A site with its ledger on disk, started and stopped as often as a test wants."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = ManualClock()

    async def start(self) -> Site:
        self.ledger = await Ledger.open(self.path / "ledger.db")
        records = self.ledger.site("site")
        csms = CentralSystem(
            clock=self.clock, transactions=records, memory=records, authorizer=AcceptEveryone(), lease=LeaseTimes()
        )
        self.site = Site(CONFIG, csms=csms, ledger=records, clock=self.clock)
        await self.site.start()
        await self.site.add_charger(CHARGER)
        return self.site

    async def stop(self) -> None:
        await self.site.stop()
        await self.ledger.close()


@pytest.fixture
async def home(tmp_path: Path) -> AsyncGenerator[Home]:
    opened = Home(tmp_path)
    await opened.start()
    yield opened
    await opened.stop()


async def test_what_a_user_set_for_any_evse_survives_a_restart(home: Home) -> None:
    await home.site.set_mode(SECOND, ChargeMode.OFF)
    await home.site.set_mode(FIRST, ChargeMode.SOLAR)
    await home.site.set_max_current(FIRST, 10.0)
    await home.site.set_enabled(FIRST, enabled=False)
    await home.stop()
    site = await home.start()
    first = site.settings(FIRST)
    assert (first.mode, first.max_current_a, first.enabled) == (ChargeMode.SOLAR, 10.0, False)
    assert site.settings(SECOND).mode is ChargeMode.OFF


async def test_every_wish_survives_a_restart(home: Home) -> None:
    wishes = EvseSettings(
        mode=ChargeMode.SOLAR_MIN,
        priority=3,
        min_soc_percent=20.0,
        target_soc_percent=80.0,
        target_energy_wh=12_000.0,
        boost_until=home.clock.now() + timedelta(minutes=5),
        giving=Giving.GRID,
        keep_soc_percent=35.0,
    )
    await home.site.set_settings(FIRST, wishes)
    await home.stop()
    assert (await home.start()).settings(FIRST) == wishes


async def test_wishes_that_are_none_are_read_as_none(home: Home) -> None:
    kept = {"mode": "fast", "priority": True, "boost_until": "soon", "target_energy_wh": "x"}
    await home.ledger.site("site").save_settings(FIRST, kept)
    await home.stop()
    assert (await home.start()).settings(FIRST) == EvseSettings()


async def test_only_looking_and_a_users_limits_survive_a_restart(home: Home) -> None:
    lasting = Limit("user", LimitSource.USER, 10.0, LimitUnit.AMPERE)
    home.site.set_limit(lasting)
    home.site.set_limit(Limit("signal", LimitSource.GRID_SIGNAL, 4_200.0, LimitUnit.WATT))
    await home.site.set_observe_only(observe_only=True)
    await home.stop()
    site = await home.start()
    assert site.observe_only
    assert site.view.limits == (lasting,)
    assert site.withdraw_limit("user")
    assert not site.withdraw_limit("user")
    assert site.view.limits == ()


async def test_a_limit_that_has_ended_is_forgotten(home: Home) -> None:
    until = home.clock.now() + timedelta(seconds=20)
    home.site.set_limit(Limit("user", LimitSource.USER, 10.0, LimitUnit.AMPERE, valid_until=until))
    assert home.site.view.limits
    await home.clock.advance(30)
    assert home.site.view.limits == ()


async def test_a_reading_of_an_unknown_circuit_is_refused(home: Home) -> None:
    with pytest.raises(KeyError):
        home.site.set_circuit_reading("nowhere", MeterReading(home.clock.now(), power_w=100.0))


async def test_a_mode_of_a_newer_version_is_off(home: Home) -> None:
    await home.ledger.site("site").save_settings(FIRST, {"mode": "teleport", "enabled": "maybe", "max_current_a": "x"})
    await home.stop()
    site = await home.start()
    settings = site.settings(FIRST)
    assert (settings.mode, settings.enabled, settings.max_current_a) == (ChargeMode.OFF, False, None)


async def test_a_cycle_that_fails_is_logged_and_is_not_the_last(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tick = home.site._tick
    failures = iter([KeyError("CP9/1")])

    def tick_or_fail() -> None:
        if (error := next(failures, None)) is not None:
            raise error
        tick()

    monkeypatch.setattr(home.site, "_tick", tick_or_fail)
    await home.clock.advance(1)
    assert "A cycle of Home failed" in caplog.text
    decided_at = home.site.view.at
    await home.clock.advance(10)
    assert home.site.view.at > decided_at


async def test_the_view_tells_what_is_measured_and_decided(home: Home) -> None:
    home.site.set_grid_reading(MeterReading(home.clock.now(), phase_power_w=Phases(-2300.0, -2300.0, -2300.0)))
    home.site.set_pv_power("roof", 5000.0, home.clock.now())
    home.site.set_pv_power("barn", 2000.0, home.clock.now())
    await home.clock.advance(6)
    view = home.site.view
    assert view.grid_quality is MeterQuality.FRESH
    assert view.limit_source is LimitSource.FUSE
    assert (view.grid_power_w, view.pv_power_w, view.surplus_w) == (-6900.0, 7000.0, 6900.0)
    assert view.headroom_a == Phases.each(34.0)
    evse = view.chargers["CP1"].evses[1]
    assert evse.setpoint.reason.code is ReasonCode.OFFLINE
    home.site.remove_pv("roof")
    home.site.remove_pv("barn")
    assert home.site.view.pv_power_w is None


async def test_a_lost_meter_is_shown_and_sets_the_limit(home: Home) -> None:
    home.site.set_grid_reading(MeterReading(home.clock.now(), power_w=690.0))
    await home.clock.advance(62)
    assert home.site.view.grid_quality is MeterQuality.LOST
    assert home.site.view.limit_source is LimitSource.METER_LOST
    assert home.site.view.grid_power_w is None


async def test_a_removed_charger_is_not_shown_any_more(home: Home) -> None:
    await home.site.remove_charger("CP1")
    assert home.site.view.chargers == {}
    with pytest.raises(KeyError):
        home.site.station("CP1")
