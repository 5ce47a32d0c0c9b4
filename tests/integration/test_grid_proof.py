"""The proof log of grid signals in a running site."""

import asyncio
from datetime import timedelta
import sqlite3

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.smart_charging.const import LEDGER_FILE
from custom_components.smart_charging.engine.grid_record import GridEvent, GridRecord
from custom_components.smart_charging.engine.ledger import BreakReason, ChainBreak, ChainVerdict, SiteGridProof

from .builders import charger, set_power
from .grid_sources import NUMBER, demand
from .site_setup import set_up
from .test_grid_inputs import restart

pytestmark = pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")


async def checked(proof: SiteGridProof) -> ChainVerdict:
    """Return the verdict of the check that runs beside the start."""
    async with asyncio.timeout(10):
        while proof.verdict is None:
            await asyncio.sleep(0.01)
    return proof.verdict


def tamper(hass: HomeAssistant) -> None:
    connection = sqlite3.connect(hass.config.path(LEDGER_FILE))
    connection.execute("UPDATE grid_proof SET kind = 'limit_released'")
    connection.commit()
    connection.close()


async def test_the_log_is_checked_at_the_start_and_a_broken_one_keeps_no_site_from_starting(
    hass: HomeAssistant, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await set_up(hass, free_port)
    proof = entry.runtime_data.ledger.grid_proof
    assert (await checked(proof)).intact
    await proof.append(GridRecord(event=GridEvent.LIMIT_STARTED, at=dt_util.utcnow(), source_id="relay"))
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_add_executor_job(tamper, hass)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    verdict = await checked(entry.runtime_data.ledger.grid_proof)
    assert verdict.broken == ChainBreak(BreakReason.CHANGED, 1)
    assert "row 1 is changed" in caplog.text


async def test_a_number_that_trembles_each_second_leaves_a_row_a_minute(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    set_power(hass, "sensor.limit", 5, "kW")
    entry = await set_up(hass, free_port, charger("CP-1"), demand(NUMBER))
    grid = entry.runtime_data.site.grid
    for second in range(1, 121):
        freezer.tick(timedelta(seconds=1))
        set_power(hass, "sensor.limit", 5 + second % 7 / 100, "kW")
        await hass.async_block_till_done()
        grid.look()
        assert grid.view.demanded_w == pytest.approx(5000.0 + second % 7 * 10)
    await restart(hass, entry)  # with it all is written
    ledger = entry.runtime_data.ledger.grid_proof
    rows = [one.record for one in await ledger.records()]
    # A look more at the turn of a minute, as the machine has time for it, may make one row of two.
    changed = [one for one in rows if one.event is GridEvent.LIMIT_CHANGED]
    assert len(changed) in {2, 3}
    assert len(rows) == len(changed) + 1
    summed_up = [one.inputs["summed_up"] for one in changed]
    assert all(isinstance(one, dict) and one["strictest_w"] == pytest.approx(5000.0, abs=60) for one in summed_up)
    assert (await ledger.verify(dt_util.utcnow())).intact
