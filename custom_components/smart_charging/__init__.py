"""Smart Charging: charge points, solar surplus, fuses and a ledger in Home Assistant."""
