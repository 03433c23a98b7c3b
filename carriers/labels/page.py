"""A sheet of paper to draw on: fonts with the rupee sign and Devanagari, text that fits its box, vector symbols."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from carriers.labels.symbols import QUIET_MODULES, code128_modules, qr_rows, runs

FONTS = Path(__file__).parent / "fonts"
BLACK, WHITE, GREY, PALE = (0, 0, 0), (255, 255, 255), (95, 95, 95), (236, 236, 236)

# Every document makes the font library report some fifty steps.
logging.getLogger("fontTools").setLevel(logging.WARNING)

_POINT_MM = 25.4 / 72
_DEVANAGARI = re.compile(r"[\u0900-\u097f]")
#: One dot of a 203 dpi printer: bars whose width is a whole number of dots stay sharp.
DOT_MM = 0.125


class Page(FPDF):
    """A4 or a label. Millimetres; every text is clipped to its box by shrinking, then by an ellipsis."""

    def __init__(self, size_mm: tuple[float, float] | str, *, title: str, created_at: datetime) -> None:
        super().__init__(unit="mm", format=size_mm)
        self.set_title(title)
        self.set_creation_date(created_at)
        self.set_producer("oms")
        self.set_auto_page_break(False)
        self.set_margin(0)
        self.c_margin = 0
        self.add_font("Noto", "", FONTS / "NotoSans-Regular.ttf")
        self.add_font("Noto", "B", FONTS / "NotoSans-Bold.ttf")
        self.set_font("Noto", "", 9)
        self._has_devanagari = False

    def add_devanagari_if_needed(self, texts: Sequence[str]) -> None:
        """Load the Devanagari font and the shaper when a text needs them: most papers do not, and are made faster."""
        if self._has_devanagari or not any(_DEVANAGARI.search(text) for text in texts):
            return
        self.add_font("NotoDeva", "", FONTS / "NotoSansDevanagari-Regular.ttf")
        self.add_font("NotoDeva", "B", FONTS / "NotoSansDevanagari-Bold.ttf")
        self.set_fallback_fonts(["NotoDeva"], exact_match=False)
        self.set_text_shaping(True)
        self._has_devanagari = True

    def put(
        self,
        x: float,
        y: float,
        width: float,
        text: str,
        size: float = 9,
        *,
        bold: bool = False,
        align: str = "L",
        colour: tuple[int, int, int] = BLACK,
        smallest: float = 6.5,
    ) -> float:
        """One line of text in a box whose top left is x, y; returns the line's height. `size` is in points."""
        text = " ".join(text.split())
        self.add_devanagari_if_needed([text])
        style = "B" if bold else ""
        fitted = self._fitting_size(text, width, size, smallest, style)
        if self._has_devanagari:
            # fpdf2 leaves the size of a fallback fragment behind in the page: a change makes it write the size again.
            self.set_font("Noto", style, fitted + 1)
        self.set_font("Noto", style, fitted)
        self.set_text_color(*colour)
        height = size * _POINT_MM * 1.22
        self.set_xy(x, y)
        self.cell(width, height, self._clipped(text, width), align=align, new_x=XPos.RIGHT, new_y=YPos.TOP)
        return height

    def put_lines(
        self, x: float, y: float, width: float, lines: Sequence[str], size: float, *, bold: bool = False
    ) -> float:
        """Several lines below each other; returns the y below the last."""
        for line in lines:
            y += self.put(x, y, width, line, size, bold=bold)
        return y

    def wrapped(self, text: str, width: float, size: float, most: int, *, bold: bool = False) -> list[str]:
        """A text broken at blanks into at most `most` lines; what is over stays on the last, to be clipped there."""
        self.add_devanagari_if_needed([text])
        self.set_font("Noto", "B" if bold else "", size)
        lines: list[str] = []
        for word in text.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and (self.get_string_width(longer) <= width or len(lines) == most):
                lines[-1] = longer
            else:
                lines.append(word)
        return lines

    def rule(self, x1: float, y1: float, x2: float, y2: float, width: float = 0.25) -> None:
        """A black line."""
        self.set_draw_color(*BLACK)
        self.set_line_width(width)
        self.line(x1, y1, x2, y2)

    def fill(self, x: float, y: float, width: float, height: float, colour: tuple[int, int, int] = BLACK) -> None:
        """A filled box without a border."""
        self.set_fill_color(*colour)
        self.rect(x, y, width, height, style="F")

    def box(self, x: float, y: float, width: float, height: float, line: float = 0.4) -> None:
        """An empty box."""
        self.set_draw_color(*BLACK)
        self.set_line_width(line)
        self.rect(x, y, width, height, style="D")

    def code128(
        self, x: float, y: float, width: float, height: float, text: str, *, widest: float = 0.5, align: str = "C"
    ) -> None:
        """A Code 128 symbol in a box, centred with its quiet zones or ending at the right edge (`align` R).

        Modules are whole printer dots where they fit; `widest` is the widest module in millimetres.
        """
        modules = code128_modules(text)
        module = min(widest, width / (len(modules) + 2 * QUIET_MODULES))
        module = module // DOT_MM * DOT_MM or module
        left = x + (width - module * len(modules)) / (2 if align == "C" else 1)
        self.set_fill_color(*BLACK)
        for start, length in runs(modules):
            self.rect(left + start * module, y, length * module, height, style="F")

    def qr(self, x: float, y: float, size: float, text: str) -> None:
        """A QR code in a square; the caller leaves four modules of white around it."""
        rows = qr_rows(text)
        module = size / len(rows)
        self.set_fill_color(*BLACK)
        for number, row in enumerate(rows):
            for start, length in runs(row):
                # A hair higher than the module, so that no light line shows between rows.
                self.rect(x + start * module, y + number * module, length * module, module * 1.02, style="F")

    def as_bytes(self) -> bytes:
        """The finished document."""
        return bytes(self.output())

    def _fitting_size(self, text: str, width: float, size: float, smallest: float, style: str) -> float:
        self.set_font("Noto", style, size)
        actual = self.get_string_width(text)
        return size if actual <= width else max(min(smallest, size), size * width / actual)

    def _clipped(self, text: str, width: float) -> str:
        if self.get_string_width(text) <= width + 0.01:
            return text
        fits, too_long = 0, len(text)
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            if self.get_string_width(text[:middle].rstrip() + "…") <= width:
                fits = middle
            else:
                too_long = middle
        return text[:fits].rstrip() + "…"
