"""What a site remembers beside its stations, and how older ledgers get room for it."""

from pathlib import Path
import sqlite3

from alembic import command
import pytest
import sqlalchemy as sa

from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger, storage
from custom_components.smart_charging.engine.model import Json, StoreError

from .builders import EVSE, after, register, started

VALUES: list[Json] = [True, False, None, 0, 3.5, "x", [1, "ä", None], {"peak": {"energy_wh": 12.5}}]


def first_ledger(path: Path) -> None:
    """Make a ledger as the first version of the integration did."""
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = storage._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()


async def test_nothing_is_remembered_at_first(site: SiteLedger) -> None:
    assert await site.load_memory() == {}


async def test_values_of_every_kind_survive_a_restart(path: Path) -> None:
    ledger = await Ledger.open(path)
    for number, value in enumerate(VALUES):
        await ledger.site("home").save_memory(f"value {number}", value)
    await ledger.close()
    again = await Ledger.open(path)
    assert await again.site("home").load_memory() == {f"value {number}": value for number, value in enumerate(VALUES)}
    await again.close()


async def test_a_value_replaces_the_one_of_its_name_and_site_only(ledger: Ledger, site: SiteLedger) -> None:
    await site.save_memory("peak", {"energy_wh": 1.0})
    await site.save_memory("conductors", [1])
    await ledger.site("office").save_memory("peak", {"energy_wh": 7.0})
    await site.save_memory("peak", {"energy_wh": 2.0})
    assert await site.load_memory() == {"peak": {"energy_wh": 2.0}, "conductors": [1]}
    assert await ledger.site("office").load_memory() == {"peak": {"energy_wh": 7.0}}


async def test_a_value_is_saved_as_it_was_when_asked(site: SiteLedger) -> None:
    value: list[Json] = [1]
    saving = site.save_memory("list", value)
    await saving
    value.append(2)
    assert await site.load_memory() == {"list": [1]}


async def test_what_can_not_be_kept_is_told(ledger: Ledger, site: SiteLedger) -> None:
    with pytest.raises(StoreError):
        await site.save_memory("peak", float("nan"))
    assert await site.load_memory() == {}
    await ledger.close()
    with pytest.raises(StoreError):
        await site.load_memory()


async def test_a_ledger_of_the_first_version_is_brought_up_to_date(path: Path) -> None:
    first_ledger(path)
    with sqlite3.connect(path) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        connection.execute("INSERT INTO station_memory VALUES ('home', 'CP1', '{\"level\": 3}')")
    connection.close()
    assert "station_memory" in tables
    assert "site_memory" not in tables
    ledger = await Ledger.open(path)
    site = ledger.site("home")
    assert await site.load("CP1") == {"level": 3}
    kept = await site.start_transaction(started())
    await site.record_meter_values("CP1", 1, kept.transaction_id, (register(10, 1030),), after(10))
    assert await site.lifetime_energy_wh(EVSE) == 30
    await site.save_memory("observe_only", value=True)
    await ledger.close()
    again = await Ledger.open(path)
    assert await again.site("home").load_memory() == {"observe_only": True}
    assert [one.energy_wh for one in await again.site("home").open_transactions("CP1")] == [30]
    await again.close()
