"""A station's second central system, played by an independent one over real sockets."""
