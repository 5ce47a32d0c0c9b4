"""Pieces of a document, one below the other, and which of them are on which page."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """What takes up `height` mm of a page and is drawn from a y on.

    It stands where `keep` mm more have place below it. On a page that would begin with it `head` comes before.
    """

    height: float
    draw: Callable[[float], None]
    keep: float = 0
    head: Piece | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """A piece at its place on a page."""

    y: float
    piece: Piece


def pages(pieces: Iterable[Piece], first_top: float, top: float, bottom: float) -> list[list[Placed]]:
    """Return what is on each page, between its top and its bottom; at least one page, that may be empty."""
    placed: list[list[Placed]] = [[]]
    y = first_top
    for piece in pieces:
        if y + piece.height + piece.keep > bottom and (placed[-1] or len(placed) == 1):
            placed.append([])
            y = top
            if piece.head is not None:
                placed[-1].append(Placed(y, piece.head))
                y += piece.head.height
        placed[-1].append(Placed(y, piece))
        y += piece.height
    return placed
