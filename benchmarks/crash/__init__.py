"""The engine's process is killed again and again while stations charge: what the ledger has in the end, and what not."""
