"""A contactor before an outlet, switched by somebody else than the station: it refuses nothing."""

from .phases import Phases


class Contactor:
    """Connects one phase or three, and remembers when it should not have been switched."""

    def __init__(self, phases: int = 3) -> None:
        """Begin with so many phases connected."""
        self.phases = phases
        self.switches = 0
        self.switched_under_load = 0

    def switch(self, phases: int, current_a: Phases) -> None:
        """Connect 1 or 3 phases while this current flows; ValueError for another number."""
        if phases not in {1, 3}:
            raise ValueError(f"a contactor connects 1 or 3 phases, not {phases}")
        if phases == self.phases:
            return
        self.phases = phases
        self.switches += 1
        self.switched_under_load += any(current_a)
