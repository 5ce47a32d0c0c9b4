"""MeterValues messages per second on one core: our server beside the `ocpp` package's own routing."""
