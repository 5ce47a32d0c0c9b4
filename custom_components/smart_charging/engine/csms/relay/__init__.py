"""A second central system, as of a billing provider, that sees a station as if it were connected to it."""
