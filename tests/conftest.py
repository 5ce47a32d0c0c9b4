"""What holds for all tests."""

from hypothesis import settings

# No test depends on speed; a busy machine takes its time for an example.
settings.register_profile("any_speed", deadline=None)
settings.load_profile("any_speed")
