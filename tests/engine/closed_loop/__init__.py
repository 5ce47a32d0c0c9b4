"""The whole engine against the simulator over real sockets, on a clock that the tests move."""
