"""A Modbus TCP server with SunSpec models that show the simulated plant."""
