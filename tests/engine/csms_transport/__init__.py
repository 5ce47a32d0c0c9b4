"""The OCPP port and its sockets, over a real connection on the loopback."""
