"""A thousand chargers at one Home Assistant that records them: what their stations wait for their answers."""
