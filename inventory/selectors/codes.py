"""What a scanned or typed code means."""

from __future__ import annotations

from collections.abc import Iterable

from inventory.models import Sku


def find_sku_by_code_or_barcode(text: str) -> Sku | None:
    """The SKU that a scanned or typed code means: a barcode, else the SKU's own code in any case. None if unknown."""
    wanted = text.strip()
    if not wanted:
        return None
    by_barcode = Sku.objects.filter(barcodes__code=wanted).first()
    return by_barcode or Sku.objects.filter(code=wanted).first() or Sku.objects.filter(code__iexact=wanted).first()


def find_skus_by_codes(texts: Iterable[str]) -> dict[str, Sku]:
    """Many at once, by the text asked for; what is not known is left out. Two statements."""
    wanted = {text.strip() for text in texts if text.strip()}
    upper = {text.upper(): text for text in wanted}
    found = {row.code.upper(): row for row in Sku.objects.filter(code__in=[*wanted, *upper])}
    answer = {text: found[text.upper()] for text in wanted if text.upper() in found}
    for sku in Sku.objects.filter(barcodes__code__in=wanted).prefetch_related("barcodes"):
        answer |= {code.code: sku for code in sku.barcodes.all() if code.code in wanted}
    return answer
