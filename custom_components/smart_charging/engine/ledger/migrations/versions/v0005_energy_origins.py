"""Keep where the energy of sessions came from, and what it was worth."""

from alembic import op
import sqlalchemy as sa

revision = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add the parts; of what was recorded before nobody knows them, and they are left empty."""
    for name in ("solar_wh", "battery_wh", "grid_wh", "cost", "priced_wh", "co2_g", "co2_known_wh"):
        op.add_column("sessions", sa.Column(name, sa.Double))
