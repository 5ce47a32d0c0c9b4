"""What the site decides: pure functions of a snapshot, the state carried over, and the time."""
