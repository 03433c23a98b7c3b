"""The bar of a promise: its parts side by side, as long as they take."""

from __future__ import annotations

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
    labels = {
        "cutoff": _("Wait for the cut-off"), "queue": _("Orders ahead"), "pack": _("Pick and pack"),
        "pickup": _("Wait for the pickup"), "transit": _("On the way"), "off": _("Sundays and holidays"),
        "margin": _("Margin, so that it is kept"),
    }  # fmt: skip
    whole = sum(part.minutes for part in option.parts) or 1
    widths = [max(_NARROWEST, 100 * part.minutes / whole) for part in option.parts]
    scale = 100 / sum(widths) if widths else 1.0
    pieces, x = [], 0.0
    for part, width in zip(option.parts, widths, strict=True):
        pieces.append(Piece(part.key, labels[part.key], f"{x:.2f}", f"{width * scale:.2f}", part.minutes * 60))
        x += width * scale
    return pieces
