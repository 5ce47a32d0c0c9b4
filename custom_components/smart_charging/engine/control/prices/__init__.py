"""What a kWh costs, earns and emits by time, from whatever tells it."""
