"""Tests of the decisions: pure functions, no I/O."""
