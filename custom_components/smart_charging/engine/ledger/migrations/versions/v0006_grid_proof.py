"""Begin the proof log of grid signals: rows in a hash chain, and where each site's chain begins and ends."""

from alembic import op
import sqlalchemy as sa

revision = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create both tables, which nothing was recorded for before."""
    op.create_table(
        "grid_proof",
        sa.Column("site_id", sa.String(64), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("refers_to", sa.BigInteger),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "sequence", name="pk_grid_proof"),
    )
    op.create_index("ix_grid_proof_time", "grid_proof", ["site_id", "time"])
    op.create_index("ix_grid_proof_refers_to", "grid_proof", ["site_id", "refers_to"])
    op.create_table(
        "grid_proof_heads",
        sa.Column("site_id", sa.String(64), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("anchor_sequence", sa.BigInteger, nullable=False),
        sa.Column("anchor_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("site_id", name="pk_grid_proof_heads"),
    )
