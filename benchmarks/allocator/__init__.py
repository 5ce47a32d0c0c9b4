"""The allocator by itself: how long it takes, and whether it is ever wrong."""
