"""Migrations of the ledger, run by alembic when it is opened."""
