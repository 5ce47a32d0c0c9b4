"""How much garbage Python lets gather before it looks for cycles: more, where many stations talk at once.

What is made for a message lives until the message is durable. Where a few hundred are in work at once, that is more
than the collector expects to be alive: it looks again and again at what is still in use, then takes it for lasting, and
so comes to look at everything there is, for a tenth of a second to seconds, during which nobody is answered.
"""

import gc
from typing import Final

PER_STATION: Final = 200  # objects that one message keeps alive until it is durable, twice over


class YoungGeneration:
    """The collector's first threshold, which all sites of this process share: it follows the number of stations."""

    def __init__(self) -> None:
        """Take the threshold as it is for the least."""
        self._least, *self._others = gc.get_threshold()
        self._stations: dict[int, int] = {}

    def hold(self, owner: object, stations: int) -> None:
        """Make room for so many stations of an owner; 0 for one that is gone."""
        self._stations.pop(id(owner), None)
        if stations:
            self._stations[id(owner)] = stations
        if self._least:  # 0 is the choice of whoever runs this process to collect nothing
            gc.set_threshold(max(self._least, PER_STATION * sum(self._stations.values())), *self._others)


YOUNG_GENERATION: Final = YoungGeneration()
