"""Statements as PDF, reproducible byte for byte with the same versions of the software and its libraries."""

from ..charge_record import Statement


def statement_pdf(statement: Statement) -> bytes:
    """Return a statement on pages of A4 in its language, English where there is no other.

    Takes time and reads the shipped fonts: for an executor. ValueError for an unknown time zone.
    """
    # What draws takes half a second to load and some memory; most hosts print once a month.
    from .pdf_layout import draw_statement  # noqa: PLC0415

    return draw_statement(statement)
