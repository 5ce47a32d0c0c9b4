"""Prices, charge records and statements: arithmetic and documents, without I/O and without a clock."""
