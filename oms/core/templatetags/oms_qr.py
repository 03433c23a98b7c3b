"""QR codes drawn by the server, so that pages need no script for them."""

from __future__ import annotations

import segno
from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

#: Light modules that a reader needs on every side (ISO/IEC 18004).
QUIET = 4


@register.simple_tag
def qr(text: str, label: str) -> SafeString:
    """A QR code (error correction M) as inline SVG on white, with its quiet zone; `label` is read aloud."""
    rows = segno.make_qr(text, error="m").matrix
    side = len(rows) + 2 * QUIET
    dark = ((x + QUIET, y + QUIET) for y, row in enumerate(rows) for x, module in enumerate(row) if module)
    path = "".join(f"M{x} {y}h1v1h-1z" for x, y in dark)
    return format_html(
        '<svg class="qr" viewBox="0 0 {0} {0}" role="img" aria-label="{1}" shape-rendering="crispEdges">'
        '<path fill="#fff" d="M0 0h{0}v{0}H0z"/><path fill="#000" d="{2}"/></svg>',
        side, label, mark_safe(path),  # noqa: S308 - made of numbers
    )  # fmt: skip
