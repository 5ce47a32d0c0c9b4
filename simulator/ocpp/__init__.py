"""OCPP 1.6J charging stations that speak over a real WebSocket."""
