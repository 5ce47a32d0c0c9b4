"""A workplace with 52 charging stations: how much of the possible energy a controller delivers."""
