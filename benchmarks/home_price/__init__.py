"""A home with hourly prices, PV, a car and perhaps a battery: how much of the possible saving a plan captures."""
