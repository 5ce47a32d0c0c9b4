"""Who may charge: decisions, the registry's authorizer, and what follows from a tag."""
