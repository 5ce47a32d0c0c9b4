"""Tests of the simulator, with nothing of the integration in them."""
