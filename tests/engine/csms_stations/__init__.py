"""Tests of what the central system does with its stations."""
