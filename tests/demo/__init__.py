"""Tests of the demo's own parts; the whole of it is shown by the end-to-end tests."""
