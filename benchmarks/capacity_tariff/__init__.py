"""A home that pays for its highest quarter hour of the month: how much of the possible saving is captured."""
