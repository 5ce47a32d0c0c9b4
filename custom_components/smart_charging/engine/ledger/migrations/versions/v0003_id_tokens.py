"""Make a registry of id tokens, and encrypt the tags that transactions tell of."""

from collections.abc import Callable
from typing import Any

from alembic import op
import sqlalchemy as sa

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

_ROW = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.BigInteger  # microseconds since 1970, UTC
_BATCH = 500


def upgrade() -> None:
    """Create the registry, then replace plain tags by encrypted ones."""
    _create_id_tokens()
    _seal_transactions()
    _seal_orphan_stops()


def _create_id_tokens() -> None:
    op.create_table(
        "id_tokens",
        sa.Column("id", _ROW, nullable=False),
        sa.Column("site_id", sa.String(64), nullable=False),
        sa.Column("token_id", sa.String(16), nullable=False),
        sa.Column("lookup", sa.String(64), nullable=False),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("label", sa.String(100)),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("group_name", sa.String(100)),
        sa.Column("master_pass", sa.Boolean, nullable=False),
        sa.Column("blocked", sa.Boolean, nullable=False),
        sa.Column("valid_from", _TIME),
        sa.Column("valid_until", _TIME),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("last_used_at", _TIME),
        sa.Column("deleted_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_id_tokens"),
        sa.UniqueConstraint("token_id", name="uq_id_tokens"),
    )
    there = sa.text("deleted_at IS NULL")
    op.create_index(
        "ix_id_tokens_lookup",
        "id_tokens",
        ["lookup", "site_id"],
        unique=True,
        sqlite_where=there,
        postgresql_where=there,
    )


def _seal_transactions() -> None:
    for column in (
        sa.Column("token_sealed", sa.LargeBinary),
        sa.Column("stop_token_sealed", sa.LargeBinary),
        sa.Column("token_id", sa.String(16)),
    ):
        op.add_column("transactions", column)
    table = sa.table(
        "transactions",
        sa.column("id"),
        sa.column("id_token"),
        sa.column("stop_id_token"),
        sa.column("token_key"),
        sa.column("token_sealed", sa.LargeBinary),
        sa.column("stop_token_sealed", sa.LargeBinary),
    )
    vault = op.get_bind().get_execution_options()["ledger_vault"]

    def sealed(row: sa.Row[Any]) -> dict[str, Any]:
        ended_with = row.stop_id_token
        return {
            "row": row.id,
            "token_key": vault.lookup(row.id_token),
            "token_sealed": vault.seal(row.id_token),
            "stop_token_sealed": None if ended_with is None else vault.seal(ended_with),
        }

    _replace(table, sealed)
    op.drop_column("transactions", "id_token")
    op.drop_column("transactions", "stop_id_token")
    running = sa.text("stopped_at IS NULL")
    op.create_index(
        "ix_transactions_running", "transactions", ["token_key"], sqlite_where=running, postgresql_where=running
    )


def _seal_orphan_stops() -> None:
    op.add_column("orphan_stops", sa.Column("token_sealed", sa.LargeBinary))
    table = sa.table("orphan_stops", sa.column("id"), sa.column("id_token"), sa.column("token_sealed", sa.LargeBinary))
    vault = op.get_bind().get_execution_options()["ledger_vault"]

    def sealed(row: sa.Row[Any]) -> dict[str, Any]:
        return {"row": row.id, "token_sealed": None if row.id_token is None else vault.seal(row.id_token)}

    _replace(table, sealed)
    op.drop_column("orphan_stops", "id_token")


def _replace(table: sa.TableClause, sealed: Callable[[sa.Row[Any]], dict[str, Any]]) -> None:
    """Write what `sealed` makes of each row, a batch at a time."""
    connection, last = op.get_bind(), -1
    following = sa.select(table).where(table.c.id > sa.bindparam("last")).order_by(table.c.id).limit(_BATCH)
    while rows := connection.execute(following, {"last": last}).all():
        values = [sealed(row) for row in rows]
        write = sa.update(table).where(table.c.id == sa.bindparam("row"))
        connection.execute(write.values({name: sa.bindparam(name) for name in values[0] if name != "row"}), values)
        last = rows[-1].id
