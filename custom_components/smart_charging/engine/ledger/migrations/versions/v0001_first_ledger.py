"""Create the first ledger: EVSEs, sessions, transactions, meter values, orphan stops, station memory."""

from alembic import op
import sqlalchemy as sa

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

_ROW = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.BigInteger  # microseconds since 1970, UTC


def upgrade() -> None:
    """Create all tables."""
    _create_evses()
    _create_sessions()
    _create_transactions()
    _create_meter_values()
    _create_orphan_stops()
    _create_station_memory()


def _create_evses() -> None:
    op.create_table(
        "evses",
        sa.Column("id", _ROW, nullable=False),
        sa.Column("site_id", sa.String(64), nullable=False),
        sa.Column("station_id", sa.String(255), nullable=False),
        sa.Column("evse_id", sa.Integer, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("ended_energy_wh", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_evses"),
        sa.UniqueConstraint("site_id", "station_id", "evse_id", name="uq_evses"),
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", _ROW, nullable=False),
        sa.Column("site_id", sa.String(64), nullable=False),
        sa.Column("evse_row", _ROW, nullable=False),
        sa.Column("plugged", sa.Boolean, nullable=False),
        sa.Column("plugged_in_at", _TIME, nullable=False),
        sa.Column("plugged_out_at", _TIME),
        sa.Column("heard_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.ForeignKeyConstraint(["evse_row"], ["evses.id"], name="fk_sessions_evse_row"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sessions_evse", "sessions", ["evse_row", "plugged_out_at"])
    op.create_index("ix_sessions_site", "sessions", ["site_id", "plugged_in_at"])


def _create_transactions() -> None:
    op.create_table(
        "transactions",
        sa.Column("id", _ROW, nullable=False),
        sa.Column("site_id", sa.String(64), nullable=False),
        sa.Column("station_id", sa.String(255), nullable=False),
        sa.Column("evse_row", _ROW, nullable=False),
        sa.Column("session_row", _ROW, nullable=False),
        sa.Column("transaction_id", sa.String(36), nullable=False),
        sa.Column("id_token", sa.String(255), nullable=False),
        sa.Column("token_key", sa.String(255), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("meter_start_wh", sa.BigInteger, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("energy_wh", sa.Double, nullable=False),
        sa.Column("energy_count", sa.JSON, nullable=False),
        sa.Column("stopped_at", _TIME),
        sa.Column("meter_stop_wh", sa.BigInteger),
        sa.Column("stop_reason", sa.String(64)),
        sa.Column("stop_id_token", sa.String(255)),
        sa.Column("stop_received_at", _TIME),
        sa.Column("lost", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_transactions"),
        sa.ForeignKeyConstraint(["evse_row"], ["evses.id"], name="fk_transactions_evse_row"),
        sa.ForeignKeyConstraint(["session_row"], ["sessions.id"], name="fk_transactions_session_row"),
        sa.UniqueConstraint("transaction_id", "station_id", "site_id", name="uq_transactions"),
        sa.UniqueConstraint(
            "evse_row", "started_at", "token_key", "meter_start_wh", name="uq_transactions_announcement"
        ),
    )
    op.create_index("ix_transactions_open", "transactions", ["evse_row", "stopped_at"])
    op.create_index("ix_transactions_session", "transactions", ["session_row"])


def _create_meter_values() -> None:
    op.create_table(
        "meter_values",
        sa.Column("id", _ROW, nullable=False),
        sa.Column("site_id", sa.String(64), nullable=False),
        sa.Column("evse_row", _ROW, nullable=False),
        sa.Column("transaction_row", _ROW),
        sa.Column("time", _TIME, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("readings", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_meter_values"),
        sa.ForeignKeyConstraint(["evse_row"], ["evses.id"], name="fk_meter_values_evse_row"),
        sa.ForeignKeyConstraint(["transaction_row"], ["transactions.id"], name="fk_meter_values_transaction_row"),
    )
    op.create_index("ix_meter_values_transaction", "meter_values", ["transaction_row"])
    op.create_index("ix_meter_values_evse", "meter_values", ["evse_row", "time"])


def _create_orphan_stops() -> None:
    op.create_table(
        "orphan_stops",
        sa.Column("id", _ROW, nullable=False),
        sa.Column("site_id", sa.String(64), nullable=False),
        sa.Column("station_id", sa.String(255), nullable=False),
        sa.Column("transaction_id", sa.String(255), nullable=False),
        sa.Column("stopped_at", _TIME, nullable=False),
        sa.Column("meter_stop_wh", sa.BigInteger),
        sa.Column("stop_reason", sa.String(64)),
        sa.Column("id_token", sa.String(255)),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("readings", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_orphan_stops"),
    )
    op.create_index("ix_orphan_stops_station", "orphan_stops", ["site_id", "station_id"])


def _create_station_memory() -> None:
    op.create_table(
        "station_memory",
        sa.Column("site_id", sa.String(64), nullable=False),
        sa.Column("station_id", sa.String(255), nullable=False),
        sa.Column("learnt", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("site_id", "station_id", name="pk_station_memory"),
    )
