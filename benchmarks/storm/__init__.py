"""A thousand stations come back at once after an outage of the central system, each with a queue of what it missed."""
