"""A label for the shelf or the box: SKU, name and a bar code that every scanner reads. 50 x 25 mm PDF."""

from __future__ import annotations

from datetime import date, datetime

from carriers.labels.page import GREY, Page
from carriers.labels.symbols import MAX_CODE128
from inventory.models import Sku

_WIDTH, _HEIGHT, _EDGE = 50.0, 25.0, 2.0
#: Labels in one document.
MOST_LABELS = 200


def sku_label_pdf(
    sku: Sku, *, copies: int, moment: datetime, lot_code: str = "", expires_on: date | None = None, serial: str = ""
) -> bytes:
    """So many labels of a SKU, a page each; with its lot and expiry, or with a serial number as the bar code."""
    page = Page((_WIDTH, _HEIGHT), title=f"Label {sku.code}", created_at=moment)
    barcode = sku.barcodes.order_by("pk").values_list("code", flat=True).first()
    text = next((t for t in (serial, barcode or "", sku.code) if _prints(t)), "")
    extra = " ".join(part for part in (lot_code, f"exp {expires_on:%d %b %Y}" if expires_on else "") if part)
    width = _WIDTH - 2 * _EDGE
    for _ in range(max(1, min(copies, MOST_LABELS))):
        page.add_page()
        page.put(_EDGE, 1.5, width, sku.code, 9, bold=True)
        page.put(_EDGE, 5.5, width, sku.name, 7)
        if text:
            page.code128(_EDGE, 9.5, width, 9, text, widest=0.375)
            page.put(_EDGE, 19, width, text, 6.5, align="C", smallest=5)
        page.put(_EDGE, 21.8, width, extra, 6.5, align="C", colour=GREY, smallest=5)
    return page.as_bytes()


def _prints(text: str) -> bool:
    """What Code 128 takes on a label."""
    return 0 < len(text) <= MAX_CODE128 and all(32 <= ord(letter) < 127 for letter in text)
