"""The steps of the config flow, one module for each thing a user configures."""
