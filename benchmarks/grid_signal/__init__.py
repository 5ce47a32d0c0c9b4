"""A signal of the grid operator to 22 kW of charging: how long until it is obeyed, and how much flows too much."""
