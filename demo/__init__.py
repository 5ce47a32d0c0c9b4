"""The demo: a headless Home Assistant set up through its own front door, beside a simulated site."""
