"""The ledger's tables as they are now; how they came about is in `migrations`.

- `evses`: one row for each EVSE that was ever heard of. Holds its settings and the energy of its
  ended transactions, so that the lifetime energy is cheap to read.
- `sessions`: plug-in to plug-out. `plugged` is false while only a transaction tells that a car is
  there; such a session ends with its transaction. `heard_at` is our time, which tells live from replayed.
  `solar_wh` and what follows is where its energy came from as far as that is known, all NULL where nobody looked.
- `transactions`: times and registers as the station sent them; `energy_wh` is what was delivered
  so far by `..energy_count` and `energy_count` what it needs to go on. `token_sealed` is the token, encrypted, and
  `token_key` what it is found by, see `vault.py`; `token_id` is that of the registry, if it was there at the start,
  and `driver_id` and `vehicle_id` whose it was then, unless it was assigned to others since.
  `lost` marks an end that the station did not send, `offline` one or a begin that came from a station's queue.
- `meter_values`: every reading as received, one row for each moment, see `encoding.py`.
- `reading_journal`: readings that are not yet in `meter_values`, in SQLite, see `journal.py`.
- `origin_slots`: what a session took in each quarter hour by where it came from. Who looked `since` another moment, as
  after a restart, writes rows of its own; those of the same quarter hour are added up.
- `market_prices`: what a kWh from the grid cost in each quarter hour.
- `signed_values`: readings with the meter's signature, as received; `sealed` is the encrypted text, for it may hold a token.
- `orphan_stops`: ends of transactions that are not known, kept apart.
- `station_memory`: what was learnt about a station.
- `site_memory`: what a site remembers beside its stations, by name. Site "" is the host: which key is in use.
- `id_tokens`: the registry of tokens; site "" is every site. A deleted one stays, for records refer to it.
- `grid_proof`: the proof log of grid signals, see `proof_chain.py`: rows are added at the end and never changed. `refers_to`
  is the record that a row with a measurement belongs to. Its time has no type, for one that somebody spoilt is read too.
- `grid_proof_heads`: the last row of each site's log, and as its anchor the last one that was taken away for its age.

What drivers, tariffs, charge records and statements are kept in is in `billing_tables.py`.

Every row carries its site; every time is UTC in microseconds since 1970.
"""

import sqlalchemy as sa
from sqlalchemy import Boolean, Column, Double, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from .encoding import UtcTime

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s",
    }
)

# SQLite numbers rows by itself only in a column declared INTEGER.
ROW = sa.BigInteger().with_variant(Integer, "sqlite")

evses = Table(
    "evses",
    metadata,
    Column("id", ROW, primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("station_id", String(255), nullable=False),
    Column("evse_id", Integer, nullable=False),
    Column("settings", sa.JSON, nullable=False),
    Column("ended_energy_wh", Double, nullable=False),
    UniqueConstraint("site_id", "station_id", "evse_id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", ROW, primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("evse_row", ROW, ForeignKey("evses.id"), nullable=False),
    Column("plugged", Boolean, nullable=False),
    Column("plugged_in_at", UtcTime, nullable=False),
    Column("plugged_out_at", UtcTime),
    Column("heard_at", UtcTime, nullable=False),
    Column("solar_wh", Double),
    Column("battery_wh", Double),
    Column("grid_wh", Double),
    Column("cost", Double),
    Column("priced_wh", Double),
    Column("co2_g", Double),
    Column("co2_known_wh", Double),
    Index("ix_sessions_evse", "evse_row", "plugged_out_at"),
    Index("ix_sessions_site", "site_id", "plugged_in_at"),
    sqlite_autoincrement=True,
)

transactions = Table(
    "transactions",
    metadata,
    Column("id", ROW, primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("station_id", String(255), nullable=False),
    Column("evse_row", ROW, ForeignKey("evses.id"), nullable=False),
    Column("session_row", ROW, ForeignKey("sessions.id"), nullable=False),
    Column("transaction_id", String(36), nullable=False),
    Column("token_key", String(255), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("meter_start_wh", sa.BigInteger, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("energy_wh", Double, nullable=False),
    Column("energy_count", sa.JSON, nullable=False),
    Column("stopped_at", UtcTime),
    Column("meter_stop_wh", sa.BigInteger),
    Column("stop_reason", String(64)),
    Column("stop_received_at", UtcTime),
    Column("lost", Boolean, nullable=False),
    Column("token_sealed", sa.LargeBinary),
    Column("stop_token_sealed", sa.LargeBinary),
    Column("token_id", String(16)),
    Column("offline", Boolean, nullable=False, server_default=sa.false()),
    Column("driver_id", String(16)),
    Column("vehicle_id", String(16)),
    UniqueConstraint("transaction_id", "station_id", "site_id"),
    UniqueConstraint("evse_row", "started_at", "token_key", "meter_start_wh", name="uq_transactions_announcement"),
    Index("ix_transactions_open", "evse_row", "stopped_at"),
    Index("ix_transactions_session", "session_row"),
    Index("ix_transactions_driver", "driver_id"),
    Index(
        "ix_transactions_running",
        "token_key",
        sqlite_where=sa.text("stopped_at IS NULL"),
        postgresql_where=sa.text("stopped_at IS NULL"),
    ),
)

meter_values = Table(
    "meter_values",
    metadata,
    Column("id", ROW, primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("evse_row", ROW, ForeignKey("evses.id"), nullable=False),
    Column("transaction_row", ROW, ForeignKey("transactions.id")),
    Column("time", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("readings", sa.JSON, nullable=False),
    Index("ix_meter_values_transaction", "transaction_row"),
    Index("ix_meter_values_evse", "evse_row", "time"),
)

reading_journal = Table(
    "reading_journal",
    metadata,
    Column("id", ROW, primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("readings", sa.Text, nullable=False),
)

origin_slots = Table(
    "origin_slots",
    metadata,
    Column("session_row", ROW, ForeignKey("sessions.id"), primary_key=True, autoincrement=False),
    Column("start", UtcTime, primary_key=True, autoincrement=False),
    Column("since", UtcTime, primary_key=True, autoincrement=False),
    Column("site_id", String(64), nullable=False),
    Column("solar_wh", Double, nullable=False),
    Column("battery_wh", Double, nullable=False),
    Column("grid_wh", Double, nullable=False),
)

market_prices = Table(
    "market_prices",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("start", UtcTime, primary_key=True, autoincrement=False),
    Column("price", Double, nullable=False),
)

signed_values = Table(
    "signed_values",
    metadata,
    Column("id", ROW, primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("transaction_row", ROW, ForeignKey("transactions.id"), nullable=False),
    Column("time", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("context", String(32), nullable=False),
    Column("method", String(50)),
    Column("encoding", String(50)),
    Column("sealed", sa.LargeBinary),
    Column("public_key", sa.Text),
    Index("ix_signed_values_transaction", "transaction_row"),
)

orphan_stops = Table(
    "orphan_stops",
    metadata,
    Column("id", ROW, primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("station_id", String(255), nullable=False),
    Column("transaction_id", String(255), nullable=False),
    Column("stopped_at", UtcTime, nullable=False),
    Column("meter_stop_wh", sa.BigInteger),
    Column("stop_reason", String(64)),
    Column("received_at", UtcTime, nullable=False),
    Column("readings", sa.JSON, nullable=False),
    Column("token_sealed", sa.LargeBinary),
    Index("ix_orphan_stops_station", "site_id", "station_id"),
)

station_memory = Table(
    "station_memory",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("station_id", String(255), primary_key=True),
    Column("learnt", sa.JSON, nullable=False),
)

site_memory = Table(
    "site_memory",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("value", sa.JSON, nullable=False),
)

id_tokens = Table(
    "id_tokens",
    metadata,
    Column("id", ROW, primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("token_id", String(16), nullable=False),
    Column("lookup", String(64), nullable=False),
    Column("sealed", sa.LargeBinary),
    Column("label", String(100)),
    Column("type", String(16), nullable=False),
    Column("group_name", String(100)),
    Column("master_pass", Boolean, nullable=False),
    Column("blocked", Boolean, nullable=False),
    Column("valid_from", UtcTime),
    Column("valid_until", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("last_used_at", UtcTime),
    Column("deleted_at", UtcTime),
    Column("driver_id", String(16)),
    Column("vehicle_id", String(16)),
    UniqueConstraint("token_id"),
    Index(
        "ix_id_tokens_lookup",
        "lookup",
        "site_id",
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    ),
)

grid_proof = Table(
    "grid_proof",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    Column("time", sa.BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("refers_to", sa.BigInteger),
    Column("content", sa.Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("ix_grid_proof_time", "site_id", "time"),
    Index("ix_grid_proof_refers_to", "site_id", "refers_to"),
)

grid_proof_heads = Table(
    "grid_proof_heads",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("sequence", sa.BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("anchor_sequence", sa.BigInteger, nullable=False),
    Column("anchor_hash", String(64), nullable=False),
)
