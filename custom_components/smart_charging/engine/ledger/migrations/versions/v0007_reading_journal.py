"""Take readings into a journal first, which costs fewer pages of the file than filing each at once."""

from alembic import op
import sqlalchemy as sa

revision = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add the journal; what was filed so far stays where it is."""
    op.create_table(
        "reading_journal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, nullable=False),
        sa.Column("site_id", sa.String(64), nullable=False),
        sa.Column("readings", sa.Text, nullable=False),
    )
