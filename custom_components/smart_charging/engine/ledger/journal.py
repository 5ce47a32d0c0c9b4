"""SQLite's journal of readings: what came in at the same time is one row, until it is filed by EVSE and time.

Each reading has its place in two indices, and each of those is a page of the file to be written: with many stations
most of the work of a commit, and on a memory card most of its wear. Filed by the thousand, those of an EVSE share pages.
Other databases file at once, for several hosts may write to them.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from ..model import Json
from .bulk import is_sqlite
from .encoding import dump_json, to_microseconds

FILED_AT = 4096  # readings in the journal from which on they are filed

type Reading = tuple[str, int, int | None, datetime, datetime, list[Json]]

_NO_TRANSACTION = 0  # rows are numbered from 1
_KEEP = "INSERT INTO reading_journal (site_id, readings) VALUES (?, ?)"
_FILE = """
INSERT INTO meter_values (site_id, evse_row, transaction_row, time, received_at, readings)
SELECT reading_journal.site_id, json_extract(reading.value, '$[0]'), nullif(json_extract(reading.value, '$[1]'), 0),
       json_extract(reading.value, '$[2]'), json_extract(reading.value, '$[3]'), json_extract(reading.value, '$[4]')
FROM reading_journal, json_each(reading_journal.readings) AS reading
ORDER BY json_extract(reading.value, '$[0]'), reading_journal.id, reading.key
"""


def keep_readings(connection: sa.Connection, readings: Iterable[Reading]) -> None:
    """Keep rows of `meter_values`: site, EVSE, transaction, both times, and what was read."""
    by_site: defaultdict[str, list[Json]] = defaultdict(list)
    for site_id, evse, transaction, time, received_at, values in readings:
        row: Json = [evse, transaction or _NO_TRANSACTION, to_microseconds(time), to_microseconds(received_at), values]
        by_site[site_id].append(row)
    for site_id, rows in by_site.items():
        connection.exec_driver_sql(_KEEP, (site_id, dump_json(rows)))


def file_readings(connection: sa.Connection) -> None:
    """Move all that is in the journal to `meter_values`, each EVSE's readings in the order in which they came."""
    if is_sqlite(connection):
        connection.exec_driver_sql(_FILE)
        connection.exec_driver_sql("DELETE FROM reading_journal")
