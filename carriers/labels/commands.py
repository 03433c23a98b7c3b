"""A sheet of barcodes that a scanner reads as commands, to hang beside a bench. A4 PDF."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from carriers.labels.page import GREY, Page

_LEFT, _TOP, _WIDTH, _HEIGHT, _ROW_MM = 18.0, 40.0, 82.0, 18.0, 40.0
#: The same sheet is the same bytes, whenever it is made.
_DRAWN = datetime(2026, 1, 1, tzinfo=UTC)


def command_sheet_pdf(title: str, commands: Sequence[tuple[str, str]]) -> bytes:
    """The commands in two columns: what it does in words, and the code to scan."""
    page = Page("A4", title=title, created_at=_DRAWN)
    for number, (code, words) in enumerate(commands):
        place = number % 12
        if place == 0:
            page.add_page()
            page.put(_LEFT, 18, 170, title, 20, bold=True)
        x, y = _LEFT + (place % 2) * (_WIDTH + 10), _TOP + (place // 2) * _ROW_MM
        page.put(x, y, _WIDTH, words, 13, bold=True, align="C")
        page.code128(x, y + 8, _WIDTH, _HEIGHT, code)
        page.put(x, y + 8 + _HEIGHT + 1, _WIDTH, code, 8, align="C", colour=GREY)
    return page.as_bytes()
