"""Tests of prices, charge records and documents."""
