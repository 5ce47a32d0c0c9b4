"""Keep drivers, groups, vehicles, tariffs, charge records and statements, and who charged in each transaction."""

from datetime import date

from alembic import op
import sqlalchemy as sa

revision = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None

_ROW = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_NEWEST = sa.text("next_version IS NULL")
_HOLDS = sa.text("reversed_in IS NULL")


def upgrade() -> None:
    """Add the tables, and let every stay so far be priced: of them nobody made a record yet."""
    for table in ("id_tokens", "transactions"):
        op.add_column(table, sa.Column("driver_id", sa.String(16)))
        op.add_column(table, sa.Column("vehicle_id", sa.String(16)))
    op.create_index("ix_transactions_driver", "transactions", ["driver_id"])
    _create_drivers()
    _create_tariffs()
    _create_queue()
    _create_records()
    _create_sums()
    _create_statements()
    _create_billed_days()


def _text(name: str, length: int, *, required: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=not required)


def _number(name: str, *, required: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=not required)


def _time(name: str, *, required: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=not required)


def _day(name: str) -> sa.Column[date]:
    return sa.Column(name, sa.Date, nullable=False)


def _row(name: str = "id") -> sa.Column[int]:
    return sa.Column(name, _ROW, nullable=False)


def _create_drivers() -> None:
    op.create_table(
        "drivers",
        _row(),
        _text("site_id", 64, required=True),
        _text("driver_id", 16, required=True),
        _text("name", 100, required=True),
        _text("group_id", 16),
        sa.Column("email_sealed", sa.LargeBinary),
        _text("cost_centre", 100),
        _text("language", 16),
        sa.Column("active", sa.Boolean, nullable=False),
        _text("user_id", 64),
        _text("tariff_id", 16),
        sa.Column("allowance", sa.Text),
        _text("employer_share", 64),
        _time("created_at", required=False),
        _time("anonymised_at", required=False),
        sa.PrimaryKeyConstraint("id", name="pk_drivers"),
        sa.UniqueConstraint("driver_id", name="uq_drivers"),
    )
    op.create_index("ix_drivers_user", "drivers", ["user_id"])
    op.create_table(
        "driver_groups",
        _row(),
        _text("site_id", 64, required=True),
        _text("group_id", 16, required=True),
        _text("name", 100, required=True),
        sa.Column("terms", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_driver_groups"),
        sa.UniqueConstraint("group_id", name="uq_driver_groups"),
    )
    op.create_table(
        "vehicles",
        _row(),
        _text("site_id", 64, required=True),
        _text("vehicle_id", 16, required=True),
        _text("name", 100, required=True),
        _text("battery_kwh", 64),
        _number("phases", required=False),
        _text("driver_id", 16),
        _text("plate", 32),
        sa.PrimaryKeyConstraint("id", name="pk_vehicles"),
        sa.UniqueConstraint("vehicle_id", name="uq_vehicles"),
    )


def _create_tariffs() -> None:
    op.create_table(
        "tariffs",
        _row(),
        _text("site_id", 64, required=True),
        _text("tariff_id", 16, required=True),
        _number("version"),
        _text("name", 100, required=True),
        _time("valid_from"),
        sa.Column("content", sa.Text, nullable=False),
        _time("created_at"),
        _time("withdrawn_at", required=False),
        sa.PrimaryKeyConstraint("id", name="pk_tariffs"),
        sa.UniqueConstraint("tariff_id", "version", name="uq_tariffs"),
    )


def _create_queue() -> None:
    op.create_table(
        "stays_to_price",
        sa.Column("id", _ROW, primary_key=True, nullable=False),
        _text("site_id", 64, required=True),
        _row("session_row"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_stays_to_price_session", "stays_to_price", ["session_row"])
    op.create_index("ix_stays_to_price_site", "stays_to_price", ["site_id", "id"])
    op.execute(
        "INSERT INTO stays_to_price (site_id, session_row) SELECT site_id, session_row FROM transactions "
        "WHERE stopped_at IS NOT NULL GROUP BY site_id, session_row ORDER BY session_row"
    )


def _create_records() -> None:
    op.create_table(
        "charge_records",
        _row(),
        _text("site_id", 64, required=True),
        _text("record_id", 36, required=True),
        _number("version"),
        _number("next_version", required=False),
        _row("session_row"),
        _text("station_id", 255, required=True),
        _text("driver_id", 16),
        _text("group_id", 16),
        _text("vehicle_id", 16),
        _text("tariff_id", 16),
        _number("tariff_version", required=False),
        _time("started_at"),
        _time("ended_at"),
        _day("first_day"),
        _day("last_day"),
        _number("day_count"),
        _text("energy_wh", 64, required=True),
        _text("gross", 64, required=True),
        _text("currency", 8, required=True),
        _text("hash", 64, required=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_charge_records"),
        sa.UniqueConstraint("record_id", "version", name="uq_charge_records"),
    )
    op.create_index("ix_charge_records_session", "charge_records", ["session_row"])
    op.create_index("ix_charge_records_tariff", "charge_records", ["tariff_id", "tariff_version"])
    _create_newest_index("site", "site_id", "started_at")
    _create_newest_index("station", "site_id", "station_id", "started_at")
    _create_newest_index("driver", "driver_id", "started_at")
    _create_newest_index("group", "group_id", "started_at")
    _create_newest_index("vehicle", "vehicle_id", "started_at")


def _create_newest_index(name: str, *columns: str) -> None:
    op.create_index(
        f"ix_charge_records_{name}", "charge_records", [*columns], sqlite_where=_NEWEST, postgresql_where=_NEWEST
    )


def _create_sums() -> None:
    op.create_table(
        "record_days",
        sa.Column("record_row", _ROW, nullable=False, autoincrement=False),
        _day("day"),
        _text("site_id", 64, required=True),
        _text("energy_wh", 64, required=True),
        _text("gross", 64, required=True),
        _text("free_quantity", 64, required=True),
        _text("free_amount", 64, required=True),
        sa.PrimaryKeyConstraint("record_row", "day", name="pk_record_days"),
        sa.ForeignKeyConstraint(["record_row"], ["charge_records.id"], name="fk_record_days_record_row"),
    )
    op.create_table(
        "record_totals",
        _text("site_id", 64, required=True),
        _text("driver_id", 16, required=True),
        _text("month", 7, required=True),
        _text("currency", 8, required=True),
        _text("energy_wh", 64, required=True),
        _text("gross", 64, required=True),
        _number("records"),
        sa.PrimaryKeyConstraint("site_id", "driver_id", "month", "currency", name="pk_record_totals"),
    )
    op.create_table(
        "personal_texts",
        _text("digest", 64, required=True),
        _text("site_id", 64, required=True),
        _text("driver_id", 16),
        _text("token_id", 16),
        _text("vehicle_id", 16),
        _text("salt", 64, required=True),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_personal_texts"),
    )
    op.create_index("ix_personal_texts_driver", "personal_texts", ["driver_id"])
    op.create_index("ix_personal_texts_vehicle", "personal_texts", ["vehicle_id"])


def _create_statements() -> None:
    op.create_table(
        "statements",
        _text("site_id", 64, required=True),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        _text("series", 32, required=True),
        _number("sequence"),
        _text("number", 64, required=True),
        _text("kind", 16, required=True),
        _text("of", 16, required=True),
        _text("subject_id", 255, required=True),
        _day("first_day"),
        _day("last_day"),
        _time("issued_at"),
        _text("energy_wh", 64, required=True),
        _text("gross", 64, required=True),
        _text("currency", 8, required=True),
        _text("previous", 64, required=True),
        _text("hash", 64, required=True),
        sa.Column("content", sa.Text),
        sa.PrimaryKeyConstraint("site_id", "position", name="pk_statements"),
    )
    op.create_index("ix_statements_number", "statements", ["site_id", "number"], unique=True)
    op.create_index("ix_statements_sequence", "statements", ["site_id", "series", "sequence"], unique=True)
    op.create_index("ix_statements_subject", "statements", ["of", "subject_id"])
    op.create_table(
        "statement_heads",
        _text("site_id", 64, required=True),
        _number("position"),
        _text("hash", 64, required=True),
        _number("pruned"),
        sa.PrimaryKeyConstraint("site_id", name="pk_statement_heads"),
    )


def _create_billed_days() -> None:
    op.create_table(
        "billed_days",
        _row(),
        _text("site_id", 64, required=True),
        _text("kind", 16, required=True),
        _text("of", 16, required=True),
        _text("subject_id", 255, required=True),
        _text("record_id", 36, required=True),
        _number("version"),
        _day("day"),
        _text("number", 64, required=True),
        _text("reversed_in", 64),
        sa.PrimaryKeyConstraint("id", name="pk_billed_days"),
    )
    once = ["record_id", "kind", "of", "version", "day"]
    op.create_index(
        "ix_billed_days_once", "billed_days", once, unique=True, sqlite_where=_HOLDS, postgresql_where=_HOLDS
    )
    op.create_index("ix_billed_days_subject", "billed_days", ["site_id", "of", "subject_id"])
    op.create_index("ix_billed_days_number", "billed_days", ["site_id", "number"])
    op.create_index("ix_billed_days_reversed", "billed_days", ["site_id", "reversed_in"])
