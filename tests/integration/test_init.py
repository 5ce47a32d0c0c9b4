"""Setting a site up, changing it while chargers are connected, and ending it."""

from datetime import timedelta
from pathlib import Path
import socket
import ssl
from typing import Any
from unittest.mock import patch

import aiohttp
from homeassistant.config_entries import ConfigEntryState, ConfigSubentry
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.smart_charging import async_remove_config_entry_device
from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.csms.security import verify_password
from custom_components.smart_charging.engine.ledger import Ledger, LedgerError, LedgerTooNew
from custom_components.smart_charging.engine.model import EvseKey, MeterQuality, StoreError
from custom_components.smart_charging.issues import async_password_refused

from .builders import (
    GRID_POWER,
    PASSWORD,
    PV_POWER,
    charger,
    charger_with_password,
    grid_meter,
    pv,
    set_power,
    site_data,
    site_entry,
)
from .certificates import write_certificate
from .site_setup import add_charger, is_free, issue_ids, set_up
from .virtual_station import virtual_station

pytestmark = pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")


async def test_a_charger_logs_in_with_its_password_and_is_seen(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port, charger_with_password("CP-1"))
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.port == free_port
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with virtual_station(free_port, "CP-1", "wrong password"):
            pass
    async with virtual_station(free_port, "CP-1", PASSWORD) as station:
        assert await station.boot() == "Accepted"
        await station.report("Available")
        seen = entry.runtime_data.site.view.chargers["CP-1"].station
        assert (seen.connected, seen.vendor) == (True, "Volta")


async def test_unloading_closes_the_port_and_every_socket(hass: HomeAssistant, free_port: int) -> None:
    set_power(hass, GRID_POWER, 100)
    set_power(hass, PV_POWER, 100)
    entry = await set_up(hass, free_port, charger("CP-1"), grid_meter(), pv())
    async with virtual_station(free_port, "CP-1") as station:
        await station.boot()
        assert await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()
        assert not station.connected
    assert is_free(free_port)
    assert await hass.config_entries.async_setup(entry.entry_id)


async def test_the_end_of_home_assistant_closes_everything_once(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port)
    with patch.object(Ledger, "close", autospec=True, side_effect=Ledger.close) as close:
        hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
        await hass.async_block_till_done()
        assert is_free(free_port)
        await hass.config_entries.async_unload(entry.entry_id)
    assert close.call_count == 1


async def test_a_taken_port_is_told_and_tried_again(hass: HomeAssistant, free_port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()
        entry = await set_up(hass, free_port, charger("CP-1"))
        assert entry.state is ConfigEntryState.SETUP_RETRY
        assert issue_ids(hass) == {"port_taken_site1"}
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    assert issue_ids(hass) == set()


async def test_chargers_connect_over_tls(hass: HomeAssistant, free_port: int, tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    entry = site_entry(free_port, [charger("CP-1")])
    entry.add_to_hass(hass)
    data = site_data(free_port, certificate=str(certificate), private_key=str(key))
    hass.config_entries.async_update_entry(entry, data=data)
    await hass.config_entries.async_setup(entry.entry_id)
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    async with virtual_station(free_port, "CP-1", ssl_context=context) as station:
        assert await station.boot() == "Accepted"


async def test_a_certificate_that_went_keeps_the_site_from_starting(hass: HomeAssistant, free_port: int) -> None:
    entry = site_entry(free_port)
    entry.add_to_hass(hass)
    data = site_data(free_port, certificate="/none.pem", private_key="/none.key")
    hass.config_entries.async_update_entry(entry, data=data)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert is_free(free_port)


async def test_a_ledger_of_a_newer_version_is_left_alone_and_told(hass: HomeAssistant, free_port: int) -> None:
    with patch.object(Ledger, "open", side_effect=LedgerTooNew("newer")):
        entry = await set_up(hass, free_port)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert issue_ids(hass) == {"ledger_too_new_host"}
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    assert issue_ids(hass) == set()


async def test_a_ledger_that_can_not_be_opened_is_tried_again(hass: HomeAssistant, free_port: int) -> None:
    with patch.object(Ledger, "open", side_effect=LedgerError("disk")):
        entry = await set_up(hass, free_port)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    with patch("custom_components.smart_charging.engine.site.Site.add_chargers", side_effect=StoreError("disk")):
        hass.config_entries.async_update_entry(entry, title="Home")
        add_charger(hass, entry, "CP-1")
        await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED


async def test_two_sites_share_the_hosts_ledger(hass: HomeAssistant, free_port: int) -> None:
    with (
        patch.object(Ledger, "open", side_effect=Ledger.open) as opened,
        patch.object(Ledger, "close", autospec=True, side_effect=Ledger.close) as closed,
    ):
        first = await set_up(hass, free_port)
        second = MockConfigEntry(domain=DOMAIN, title="Barn", entry_id="site2", version=1, data=site_data(0))
        second.add_to_hass(hass)
        assert await hass.config_entries.async_setup("site2")
        assert await hass.config_entries.async_unload(first.entry_id)
        assert closed.call_count == 0
        assert await hass.config_entries.async_unload("site2")
    assert (opened.call_count, closed.call_count) == (1, 1)
    assert Path(hass.config.path("smart_charging.db")).exists()


@pytest.mark.parametrize(("version", "minor_version"), [(1, 2), (2, 1)])
async def test_a_site_of_a_newer_version_is_refused_and_told(
    hass: HomeAssistant, free_port: int, version: int, minor_version: int
) -> None:
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Home",
        entry_id="site1",
        version=version,
        minor_version=minor_version,
        data={"what": "ever"},
    )
    entry.add_to_hass(hass)
    await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.MIGRATION_ERROR
    assert issue_ids(hass) == {"entry_too_new_site1"}
    await hass.config_entries.async_remove(entry.entry_id)
    assert issue_ids(hass) == set()


async def test_only_devices_that_stand_for_nothing_may_be_removed(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"))
    registry = dr.async_get(hass)
    old = registry.async_get_or_create(
        config_entry_id="site1", config_subentry_id="sub_CP-1", identifiers={(DOMAIN, "sub_CP-1_2")}
    )
    for device in dr.async_entries_for_config_entry(registry, "site1"):
        assert await async_remove_config_entry_device(hass, entry, device) is (device.id == old.id)


async def confirm(hass: HomeAssistant, **changes: Any) -> dict[str, Any]:
    """Confirm the one discovered station."""
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    typed = {
        "name": "Carport",
        "no_password": True,
        "max_current_a": 16,
        "phases": "3",
        "rotation": "RST",
        "safe_current_a": 6,
    }
    return dict(await hass.config_entries.flow.async_configure(flow["flow_id"], typed | changes))


def only_charger(entry: MockConfigEntry) -> ConfigSubentry:
    """Return the site's one charger."""
    (subentry,) = entry.subentries.values()
    return subentry


async def test_a_discovered_charger_is_adopted_on_its_socket_and_given_its_first_password(
    hass: HomeAssistant, free_port: int
) -> None:
    entry = await set_up(hass, free_port)
    async with virtual_station(free_port, "CP-9") as station:
        assert await station.boot("Volta", "Wall [x](y)") == "Pending"
        await hass.async_block_till_done(wait_background_tasks=True)
        result = await confirm(hass, no_password=False, password=PASSWORD)
        assert result["reason"] == "charger_added"
        await station.was_asked("ChangeConfiguration", key="AuthorizationKey")
        await hass.async_block_till_done(wait_background_tasks=True)
        assert station.connected
        assert entry.runtime_data.site.view.chargers["CP-9"].station.connected
    subentry = only_charger(entry)
    assert subentry.data["no_password"] is False
    assert verify_password(subentry.data["password_hash"], PASSWORD.encode())
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with virtual_station(free_port, "CP-9"):
            pass
    async with virtual_station(free_port, "CP-9", PASSWORD) as station:
        assert await station.boot() == "Accepted"


async def test_a_charger_that_refuses_its_password_is_not_locked_out(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port)
    async with virtual_station(free_port, "CP-9") as station:
        station.answers["ChangeConfiguration"] = {"status": "NotSupported"}
        await station.boot()
        await hass.async_block_till_done(wait_background_tasks=True)
        await confirm(hass, no_password=False, password=PASSWORD)
        await station.was_asked("ChangeConfiguration", key="AuthorizationKey")
        await hass.async_block_till_done(wait_background_tasks=True)
    subentry = only_charger(entry)
    assert issue_ids(hass) == {f"password_refused_{subentry.subentry_id}"}
    async with virtual_station(free_port, "CP-9") as station:
        assert await station.boot() == "Accepted"
    hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, "max_current_a": 10})
    await hass.async_block_till_done()
    assert issue_ids(hass) == set()


async def test_an_offer_is_withdrawn_when_the_charger_is_entered_by_hand(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port)
    async with virtual_station(free_port, "CP-9") as station:
        await station.boot()
        await hass.async_block_till_done(wait_background_tasks=True)
        assert len(hass.config_entries.flow.async_progress_by_handler(DOMAIN)) == 1
        add_charger(hass, entry, "CP-9")
        await hass.async_block_till_done()
        assert hass.config_entries.flow.async_progress_by_handler(DOMAIN) == []
        assert station.connected


async def test_a_removed_site_leaves_no_issue_behind(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"))
    async_password_refused(hass, entry, entry.subentries["sub_CP-1"])
    await hass.config_entries.async_remove(entry.entry_id)
    assert issue_ids(hass) == set()


async def charge(port: int, energy_wh: int) -> None:
    """Have CP-1 deliver this much in one transaction."""
    async with virtual_station(port, "CP-1") as station:
        await station.boot()
        await station.report("Preparing")
        at = dt_util.utcnow().isoformat()
        begun = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": at}
        transaction = (await station.call("StartTransaction", begun))["transactionId"]
        ended = {"transactionId": transaction, "meterStop": energy_wh, "timestamp": at}
        await station.call("StopTransaction", ended)
        await station.report("Available")


async def test_records_outlive_their_site_and_a_new_one_starts_with_none(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"))
    await charge(free_port, 500)
    await hass.async_block_till_done()
    await hass.config_entries.async_remove(entry.entry_id)
    new = site_entry(free_port, [charger("CP-1")], entry_id="site2")
    new.add_to_hass(hass)
    assert await hass.config_entries.async_setup("site2")
    await hass.async_block_till_done()
    key = EvseKey("CP-1", 1)
    assert await new.runtime_data.ledger.lifetime_energy_wh(key) == 0
    await charge(free_port, 300)
    await hass.async_block_till_done()
    await hass.config_entries.async_unload("site2")
    ledger = await Ledger.open(hass.config.path("smart_charging.db"))
    try:
        kept = {site: await ledger.site(site).lifetime_energy_wh(key) for site in ("site1", "site2")}
        assert kept == {"site1": 500, "site2": 300}
        assert [session.energy_wh for session in await ledger.site("site1").sessions()] == [500]
    finally:
        await ledger.close()


async def test_a_site_that_was_told_to_measure_with_its_own_sensors_runs_without_a_meter(
    hass: HomeAssistant, free_port: int
) -> None:
    grid, power = "sensor.home_grid_power", "sensor.charger_cp_1_power"
    entry = await set_up(hass, free_port, charger("CP-1"), grid_meter(power=grid), pv(power))
    assert hass.states.get(grid) is not None
    assert hass.states.get(power) is not None
    assert 1 <= await publications(hass, entry, seconds=3) <= 3
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    assert 1 <= await publications(hass, entry, seconds=3) <= 3
    view = entry.runtime_data.coordinator.data
    assert (view.grid_quality, view.pv_power_w) == (MeterQuality.LOST, None)


async def publications(hass: HomeAssistant, entry: MockConfigEntry, *, seconds: int) -> int:
    """Return how often the view is published in this time, while the site changes all the time."""
    shown: list[None] = []
    coordinator, site = entry.runtime_data.coordinator, entry.runtime_data.site
    stop = coordinator.async_add_listener(lambda: shown.append(None))
    start = dt_util.utcnow()
    for second in range(1, seconds + 1):
        site.set_pv_power("other", None, start)
        async_fire_time_changed(hass, start + timedelta(seconds=1.1 * second))
        await hass.async_block_till_done()
    stop()
    return len(shown)
