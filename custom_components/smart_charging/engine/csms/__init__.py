"""OCPP central system: stations dial in, tell what happens, and are kept at their setpoints."""
