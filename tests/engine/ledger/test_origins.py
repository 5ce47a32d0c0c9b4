"""Where the energy of sessions came from, kept with them."""

import asyncio
from dataclasses import replace
from pathlib import Path
import sqlite3

from custom_components.smart_charging.engine.energy_origin import EnergyOrigin
from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger

from .builders import EVSE, after
from .old_ledger import make_ledger

ORIGIN = EnergyOrigin(1000.5, 200.0, 3000.0, 1.234, 4200.5, 900.0, 4200.5)


async def test_an_origin_comes_back_as_it_was_kept_also_after_a_restart(path: Path) -> None:
    ledger = await Ledger.open(path)
    session = await ledger.site("home").plug_in(EVSE, after(0))
    assert session.origin is None
    await ledger.site("home").save_origins({session.session_id: EnergyOrigin()})
    await ledger.site("home").save_origins({session.session_id: ORIGIN})
    await ledger.close()
    ledger = await Ledger.open(path)
    assert await ledger.site("home").open_session(EVSE) == replace(session, origin=ORIGIN)
    ended = await ledger.site("home").plug_out(EVSE, after(60))
    assert ended is not None
    assert ended.origin == ORIGIN
    await ledger.close()


async def test_origins_of_several_sessions_are_kept_at_once_and_each_site_keeps_its_own(
    ledger: Ledger, site: SiteLedger
) -> None:
    mine = await site.plug_in(EVSE, after(0))
    other = await ledger.site("other").plug_in(EVSE, after(0))
    await site.save_origins({mine.session_id: ORIGIN, other.session_id: ORIGIN, 999: ORIGIN})
    (kept,) = await site.sessions()
    (left,) = await ledger.site("other").sessions()
    assert (kept.origin, left.origin) == (ORIGIN, None)


def ledger_of_before(path: Path) -> None:
    """Make a ledger of the schema before origins, with a session that goes on and one that ended."""
    make_ledger(path, "0004")
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO evses VALUES (1, 'home', 'CP1', 1, '{}', 0.0)")
    connection.execute("INSERT INTO sessions VALUES (1, 'home', 1, 1, 1000, 2000, 1000)")
    connection.execute("INSERT INTO sessions VALUES (2, 'home', 1, 1, 3000, NULL, 3000)")
    connection.commit()
    connection.close()


async def test_sessions_of_an_older_ledger_stay_and_nobody_knows_where_their_energy_came_from(path: Path) -> None:
    await asyncio.to_thread(ledger_of_before, path)
    ledger = await Ledger.open(path)
    site = ledger.site("home")
    newer, older = await site.sessions()
    assert (newer.session_id, newer.origin, older.session_id, older.origin) == (2, None, 1, None)
    assert newer.plugged_out_at is None
    await site.save_origins({2: ORIGIN})
    newer, older = await site.sessions()
    assert (newer.origin, older.origin) == (ORIGIN, None)
    await ledger.close()
