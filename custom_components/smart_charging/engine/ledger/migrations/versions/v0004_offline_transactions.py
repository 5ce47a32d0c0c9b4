"""Mark transactions that stations told of from their offline queue."""

from alembic import op
import sqlalchemy as sa

revision = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add the mark; of what was recorded before nobody knows it, and it is left off."""
    op.add_column("transactions", sa.Column("offline", sa.Boolean, nullable=False, server_default=sa.false()))
