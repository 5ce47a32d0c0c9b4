"""A ledger of before drivers, tariffs and records were kept."""

import asyncio
from pathlib import Path
import sqlite3

from custom_components.smart_charging.engine.id_token import TokenDetails
from custom_components.smart_charging.engine.ledger import Ledger

from .billing_builders import charged, issued, registered
from .builders import EVSE
from .old_ledger import make_ledger

DAY = 86_400_000_000


def ledger_of_before(path: Path) -> None:
    """Make a ledger of the schema before, with sessions of which one goes on, tokens and memory."""
    make_ledger(path, "0007")
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO evses VALUES (1, 'home', 'CP1', 1, '{}', 4200.0)")
    for number in (1, 2, 3):
        connection.execute(
            "INSERT INTO sessions (id, site_id, evse_row, plugged, plugged_in_at, plugged_out_at, heard_at) "
            "VALUES (?, ?, 1, 0, ?, ?, 0)",
            (number, "office" if number == 3 else "home", number * DAY, None if number == 2 else (number + 1) * DAY),
        )
    for number, (session, ended) in enumerate([(1, 5), (1, 6), (2, None), (3, 7)]):
        connection.execute(
            "INSERT INTO transactions (site_id, station_id, evse_row, session_row, transaction_id, token_key, started_at,"
            " meter_start_wh, received_at, energy_wh, energy_count, stopped_at, lost) "
            "VALUES (?, 'CP1', 1, ?, ?, 'k', ?, 1000, 0, 2100.0, '{}', ?, 0)",
            ("office" if session == 3 else "home", session, f"t{number}", number * DAY, ended),
        )
    connection.execute(
        "INSERT INTO id_tokens (site_id, token_id, lookup, label, type, master_pass, blocked, created_at) "
        "VALUES ('home', 'abcd', 'x', 'Anna', 'rfid', 0, 0, 5)"
    )
    connection.commit()
    connection.close()


async def test_what_was_charged_so_far_waits_to_be_priced_and_nothing_is_lost(path: Path) -> None:
    await asyncio.to_thread(ledger_of_before, path)
    ledger = await Ledger.open(path)
    site = ledger.site("home")
    assert [one.session_id for one in await site.records.pending()] == [1]
    assert [one.session_id for one in await ledger.site("office").records.pending()] == [3]
    assert [one.session_id for one in await site.sessions()] == [2, 1]
    assert [one.transaction_id for one in await site.open_transactions("CP1")] == ["t2"]
    assert await site.lifetime_energy_wh(EVSE) == 6300
    (token,) = await site.tokens.all()
    assert token.details == TokenDetails("Anna")
    await registered(site)
    done = await site.drivers.assign("CP1", "t0", "anna")
    assert done is not None
    assert (done.driver_id, done.energy_wh) == ("anna", 2100)
    await site.records.keep(1, [charged()])
    assert await issued(site) is not None
    await ledger.close()
    again = await Ledger.open(path)
    assert (await again.site("home").statements.verify()).statements == 1
    await again.close()
