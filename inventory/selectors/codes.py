"""What a scanned or typed code means."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from inventory.models import Barcode, Sku


def find_sku_by_code_or_barcode(text: str) -> Sku | None:
    """The SKU that a scanned or typed code means: a barcode, else the SKU's own code in any case. None if unknown.

    One statement, by indexes, also for what is no SKU.
    """
    wanted = text.strip()
    if not wanted:
        return None
    by_barcode = Barcode.objects.filter(code=wanted).values("sku")[:1]
    rows = list(Sku.objects.filter(Q(pk=by_barcode) | Q(code__iexact=wanted)).order_by("code"))
    # With several, those by their own code say so: what is left was found by its barcode.
    rows.sort(key=lambda sku: (sku.code.upper() == wanted.upper(), sku.code != wanted))
    return rows[0] if rows else None


def find_skus_by_codes(texts: Iterable[str]) -> dict[str, Sku]:
    """Many at once, by the text asked for; what is not known is left out. Two statements."""
    wanted = {text.strip() for text in texts if text.strip()}
    upper = {text.upper(): text for text in wanted}
    found = {row.code.upper(): row for row in Sku.objects.filter(code__in=[*wanted, *upper])}
    answer = {text: found[text.upper()] for text in wanted if text.upper() in found}
    for sku in Sku.objects.filter(barcodes__code__in=wanted).prefetch_related("barcodes"):
        answer |= {code.code: sku for code in sku.barcodes.all() if code.code in wanted}
    return answer
