"""A simulated site with real protocols: stations, cars, house, PV, battery and meters."""
