"""What the hours to come will bring: power of the sun and of the house alone, with how far off that may be."""
