"""The ledger's tables of drivers, tariffs, charge records and statements; what holds for `tables.py` holds for them.

- `drivers`, `driver_groups`, `vehicles`: who charges; site "" is every site. `email_sealed` is encrypted, see `vault.py`.
- `tariffs`: versions of tariffs; site "" is every site. `content` is what the caller made of it, as JSON. A version that
  was taken back stays, so that its number names no other one.
- `stays_to_price`: sessions whose records have to be made, anew or for the first time. A session that changes again gets
  a new row, so that `id` tells what was priced from what changed since.
- `charge_records`: every version of every record; `next_version` is NULL for the newest. `body` is the record as JSON
  without what names people, `hash` the SHA-256 of that text; the other columns say the same for queries.
- `record_days`: what a version of a record came to on each of its days.
- `record_totals`: what records that were taken away for their age came to, by driver and month; driver "" is nobody.
- `personal_texts`: what names people in records and statements, apart from them, see `personal.py`. `driver_id`, `token_id`
  and `vehicle_id` are whom it tells of.
- `statements`: the chain of each site: `position` counts all statements, `sequence` those of a series. `content` is NULL
  for one that was taken away for its age; its row stays, so that numbers and hashes have no gaps.
- `statement_heads`: the last row of each site's chain, and the last one whose content was taken away.
- `billed_days`: which day of which version of a record stands in which statement, and in which one it was taken back.

Amounts are decimal numbers as text, for they have to come back in every digit.
"""

import sqlalchemy as sa
from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from .encoding import UtcTime
from .tables import ROW, metadata

_AMOUNT = String(64)
_NEWEST = sa.text("next_version IS NULL")
_HOLDS = sa.text("reversed_in IS NULL")

drivers = Table(
    "drivers",
    metadata,
    Column("id", ROW, primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("driver_id", String(16), nullable=False),
    Column("name", String(100), nullable=False),
    Column("group_id", String(16)),
    Column("email_sealed", sa.LargeBinary),
    Column("cost_centre", String(100)),
    Column("language", String(16)),
    Column("active", Boolean, nullable=False),
    Column("user_id", String(64)),
    Column("tariff_id", String(16)),
    Column("allowance", sa.Text),
    Column("employer_share", _AMOUNT),
    Column("created_at", UtcTime),
    Column("anonymised_at", UtcTime),
    UniqueConstraint("driver_id"),
    Index("ix_drivers_user", "user_id"),
)

driver_groups = Table(
    "driver_groups",
    metadata,
    Column("id", ROW, primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("group_id", String(16), nullable=False),
    Column("name", String(100), nullable=False),
    Column("terms", sa.Text, nullable=False),
    UniqueConstraint("group_id"),
)

vehicles = Table(
    "vehicles",
    metadata,
    Column("id", ROW, primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("vehicle_id", String(16), nullable=False),
    Column("name", String(100), nullable=False),
    Column("battery_kwh", _AMOUNT),
    Column("phases", Integer),
    Column("driver_id", String(16)),
    Column("plate", String(32)),
    UniqueConstraint("vehicle_id"),
)

tariffs = Table(
    "tariffs",
    metadata,
    Column("id", ROW, primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("tariff_id", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", String(100), nullable=False),
    Column("valid_from", UtcTime, nullable=False),
    Column("content", sa.Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("withdrawn_at", UtcTime),
    UniqueConstraint("tariff_id", "version"),
)

stays_to_price = Table(
    "stays_to_price",
    metadata,
    Column("id", ROW, primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("session_row", ROW, nullable=False),
    Index("ix_stays_to_price_session", "session_row"),
    Index("ix_stays_to_price_site", "site_id", "id"),
    sqlite_autoincrement=True,
)

charge_records = Table(
    "charge_records",
    metadata,
    Column("id", ROW, primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("record_id", String(36), nullable=False),
    Column("version", Integer, nullable=False),
    Column("next_version", Integer),
    Column("session_row", ROW, nullable=False),
    Column("station_id", String(255), nullable=False),
    Column("driver_id", String(16)),
    Column("group_id", String(16)),
    Column("vehicle_id", String(16)),
    Column("tariff_id", String(16)),
    Column("tariff_version", Integer),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime, nullable=False),
    Column("first_day", sa.Date, nullable=False),
    Column("last_day", sa.Date, nullable=False),
    Column("day_count", Integer, nullable=False),
    Column("energy_wh", _AMOUNT, nullable=False),
    Column("gross", _AMOUNT, nullable=False),
    Column("currency", String(8), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("body", sa.Text, nullable=False),
    UniqueConstraint("record_id", "version"),
    Index("ix_charge_records_session", "session_row"),
    Index("ix_charge_records_tariff", "tariff_id", "tariff_version"),
    *(
        Index(f"ix_charge_records_{name}", *columns, sqlite_where=_NEWEST, postgresql_where=_NEWEST)
        for name, columns in {
            "site": ("site_id", "started_at"),
            "station": ("site_id", "station_id", "started_at"),
            "driver": ("driver_id", "started_at"),
            "group": ("group_id", "started_at"),
            "vehicle": ("vehicle_id", "started_at"),
        }.items()
    ),
)

record_days = Table(
    "record_days",
    metadata,
    Column("record_row", ROW, ForeignKey("charge_records.id"), primary_key=True, autoincrement=False),
    Column("day", sa.Date, primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("energy_wh", _AMOUNT, nullable=False),
    Column("gross", _AMOUNT, nullable=False),
    Column("free_quantity", _AMOUNT, nullable=False),
    Column("free_amount", _AMOUNT, nullable=False),
)

record_totals = Table(
    "record_totals",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("driver_id", String(16), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("currency", String(8), primary_key=True),
    Column("energy_wh", _AMOUNT, nullable=False),
    Column("gross", _AMOUNT, nullable=False),
    Column("records", Integer, nullable=False),
)

personal_texts = Table(
    "personal_texts",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("driver_id", String(16)),
    Column("token_id", String(16)),
    Column("vehicle_id", String(16)),
    Column("salt", String(64), nullable=False),
    Column("content", sa.Text, nullable=False),
    Index("ix_personal_texts_driver", "driver_id"),
    Index("ix_personal_texts_vehicle", "vehicle_id"),
)

statements = Table(
    "statements",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("series", String(32), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("number", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("of", String(16), nullable=False),
    Column("subject_id", String(255), nullable=False),
    Column("first_day", sa.Date, nullable=False),
    Column("last_day", sa.Date, nullable=False),
    Column("issued_at", UtcTime, nullable=False),
    Column("energy_wh", _AMOUNT, nullable=False),
    Column("gross", _AMOUNT, nullable=False),
    Column("currency", String(8), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("content", sa.Text),
    Index("ix_statements_number", "site_id", "number", unique=True),
    Index("ix_statements_sequence", "site_id", "series", "sequence", unique=True),
    Index("ix_statements_subject", "of", "subject_id"),
)

statement_heads = Table(
    "statement_heads",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("pruned", Integer, nullable=False),
)

billed_days = Table(
    "billed_days",
    metadata,
    Column("id", ROW, primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("of", String(16), nullable=False),
    Column("subject_id", String(255), nullable=False),
    Column("record_id", String(36), nullable=False),
    Column("version", Integer, nullable=False),
    Column("day", sa.Date, nullable=False),
    Column("number", String(64), nullable=False),
    Column("reversed_in", String(64)),
    Index(
        "ix_billed_days_once",
        "record_id",
        "kind",
        "of",
        "version",
        "day",
        unique=True,
        sqlite_where=_HOLDS,
        postgresql_where=_HOLDS,
    ),
    Index("ix_billed_days_subject", "site_id", "of", "subject_id"),
    Index("ix_billed_days_number", "site_id", "number"),
    Index("ix_billed_days_reversed", "site_id", "reversed_in"),
)
