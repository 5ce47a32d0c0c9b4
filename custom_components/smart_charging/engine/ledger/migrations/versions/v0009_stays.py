"""Keep what prices are worked out from: where energy came from and what it cost by the quarter hour, and signed values."""

from alembic import op
import sqlalchemy as sa

revision = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None

_ROW = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.BigInteger  # microseconds since 1970, UTC


def upgrade() -> None:
    """Add the tables; of older sessions nobody knows any of it."""
    op.create_table(
        "origin_slots",
        sa.Column("session_row", _ROW, nullable=False),
        sa.Column("start", _TIME, nullable=False),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("site_id", sa.String(64), nullable=False),
        sa.Column("solar_wh", sa.Double, nullable=False),
        sa.Column("battery_wh", sa.Double, nullable=False),
        sa.Column("grid_wh", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("session_row", "start", "since", name="pk_origin_slots"),
        sa.ForeignKeyConstraint(["session_row"], ["sessions.id"], name="fk_origin_slots_session_row"),
    )
    op.create_table(
        "market_prices",
        sa.Column("site_id", sa.String(64), nullable=False),
        sa.Column("start", _TIME, nullable=False),
        sa.Column("price", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("site_id", "start", name="pk_market_prices"),
    )
    op.create_table(
        "signed_values",
        sa.Column("id", _ROW, nullable=False),
        sa.Column("site_id", sa.String(64), nullable=False),
        sa.Column("transaction_row", _ROW, nullable=False),
        sa.Column("time", _TIME, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("context", sa.String(32), nullable=False),
        sa.Column("method", sa.String(50)),
        sa.Column("encoding", sa.String(50)),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("public_key", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_signed_values"),
        sa.ForeignKeyConstraint(["transaction_row"], ["transactions.id"], name="fk_signed_values_transaction_row"),
    )
    op.create_index("ix_signed_values_transaction", "signed_values", ["transaction_row"])
