"""Signals of grid operators: what they mean, and servers that give them."""
