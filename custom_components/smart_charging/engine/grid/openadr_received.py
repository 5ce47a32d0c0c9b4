"""The events of a server as they were received, kept as text: a month of quarter hours is one string, not 10,000 objects.

They are read anew now and then, and each one only while it is. Else Python would look through all of them, with
everything at a stop, whenever it looks for what can be forgotten.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
import json
from typing import Self, override

from .openadr_values import clean_text


class Received(Collection[object]):
    """JSON values. Equal to others that say the same."""

    __slots__ = ("_texts", "programs")

    def __init__(self, texts: tuple[str, ...], programs: frozenset[str]) -> None:
        """Keep these texts, which name these programmes."""
        self._texts = texts
        self.programs = programs

    @classmethod
    def of(cls, events: Iterable[object]) -> Self:
        """Return what was received."""
        texts, programs = [], set()
        for event in events:
            texts.append(_text(event))
            if isinstance(event, Mapping):
                programs.add(clean_text(event.get("programID")))
        return cls(tuple(texts), frozenset(programs))

    @override
    def __iter__(self) -> Iterator[object]:
        return (json.loads(text) for text in self._texts)

    @override
    def __len__(self) -> int:
        return len(self._texts)

    @override
    def __contains__(self, event: object) -> bool:
        return _text(event) in self._texts

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Received) and self._texts == other._texts

    @override
    def __hash__(self) -> int:
        return hash(self._texts)


def _text(event: object) -> str:
    try:
        return json.dumps(event, separators=(",", ":"))
    except RecursionError:  # nested deeper than any event is
        return "null"
