"""Tests of the integration and its engine."""
