"""How long a plan takes by number of cars, and whether the event loop notices."""
