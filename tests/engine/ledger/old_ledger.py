"""Ledgers as earlier versions of the integration made them."""

from pathlib import Path

from alembic import command

from custom_components.smart_charging.engine.ledger import storage


def make_ledger(path: Path, revision: str) -> None:
    """Make an empty ledger, with its key, of an earlier schema."""
    engine = storage._create_engine(path)
    storage._use_wal(engine)
    vault = storage.open_vault(storage._key_beside(engine.url), None)
    with storage.for_writing(storage.with_vault(engine, vault)).begin() as connection:
        config = storage._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
