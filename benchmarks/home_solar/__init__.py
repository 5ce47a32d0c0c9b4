"""A home with PV and one car: how much of the possible saving surplus charging captures, and how often it switches."""
