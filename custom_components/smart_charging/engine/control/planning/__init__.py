"""When to charge: a plan over the hours that prices and forecasts reach, and what energy is worth by it."""
