"""Rows over pages. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Row = TypeVar("Row")


def rows_by_page(rows: Sequence[Row], first_room: int, next_room: int, tail_rows: int = 0) -> list[Sequence[Row]]:
    """Rows of each page. The last page keeps `tail_rows` rows free for what follows the table; never without a page.

    Needs more room on a page than the tail takes.
    """
    assert min(first_room, next_room) > tail_rows, "a page must have room for one row beside the tail"
    pages: list[Sequence[Row]] = []
    start = 0
    while True:
        room = next_room if pages else first_room
        rest = len(rows) - start
        if rest <= room - tail_rows:
            pages.append(rows[start:])
            return pages
        # At least one row goes with the tail, so that signatures never stand alone on a page.
        take = min(room, rest - 1)
        pages.append(rows[start : start + take])
        start += take
