"""Plans: the linear programme, and what is made without a solver."""
