"""What a stay costs, and what a tariff is."""
