"""The bar of a promise: its parts side by side, as long as they take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.utils.translation import gettext as _

from routing.promise.options import Option

#: No part is drawn narrower than this, so that each can be seen.
_NARROWEST = 1.5


class Piece(NamedTuple):
    """A part with its place on the bar in percent, its name and its length in seconds."""

    key: str
    label: str
    x: str
    width: str
    seconds: int


def bar_of(option: Option) -> list[Piece]:
    """The parts of an option, first to last."""
    return pieces_of(option.parts)


def pieces_of(parts: Sequence[tuple[str, datetime, datetime]]) -> list[Piece]:
    """Spans by key, start and end, side by side. The lengths stay to scale as far as each can still be seen."""
    labels = {
        "cutoff": _("Wait for the cut-off"), "queue": _("Orders ahead"), "pack": _("Pick and pack"),
        "pickup": _("Wait for the pickup"), "transit": _("On the way"), "off": _("Sundays and holidays"),
        "margin": _("Margin, so that it is kept"), "waiting": _("Waiting"), "processing": _("Pick and pack"),
    }  # fmt: skip
    lengths = [int((end - start).total_seconds() // 60) for _key, start, end in parts]
    whole = sum(lengths) or 1
    widths = [max(_NARROWEST, 100 * length / whole) for length in lengths]
    scale = 100 / sum(widths) if widths else 1.0
    pieces, x = [], 0.0
    for (key, _start, _end), length, width in zip(parts, lengths, widths, strict=True):
        pieces.append(Piece(key, labels[key], f"{x:.2f}", f"{width * scale:.2f}", length * 60))
        x += width * scale
    return pieces
