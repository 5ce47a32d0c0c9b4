"""Measurements of the integration, each beside a baseline in the same run."""
