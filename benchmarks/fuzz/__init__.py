"""Frames that no station should send, by the million: each gets what it is due, and the connection goes on."""
