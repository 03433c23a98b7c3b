"""Which SKU may stand in for which where no node can ship what was ordered."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from inventory.models.catalogue import Sku

#: Substitutes of one SKU at most.
MAX_SUBSTITUTES = 20


class Substitute(models.Model):
    """One unit of `substitute` may be sold in place of one unit of `sku`; never the other way round by this row.

    The substitutes of a SKU are offered by `rank`, 1 first. Kits neither have substitutes nor are any: a trigger
    refuses them, also where a SKU becomes a kit. Units that are told apart by lot or serial number are chosen when they
    are picked, so such SKUs stand in like any other.
    """

    id = models.BigAutoField(primary_key=True)
    sku = models.ForeignKey(Sku, on_delete=models.CASCADE, related_name="substitutes")
    substitute = models.ForeignKey(Sku, on_delete=models.CASCADE, related_name="stands_in_for")
    rank = models.PositiveSmallIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["sku_id", "rank"]
        constraints = [
            models.UniqueConstraint(fields=["sku", "substitute"], name="substitute_once"),
            models.UniqueConstraint(
                fields=["sku", "rank"], name="substitute_rank_once", deferrable=models.Deferrable.DEFERRED
            ),
            models.CheckConstraint(condition=~Q(sku=F("substitute")), name="substitute_is_another"),
            models.CheckConstraint(condition=Q(rank__gte=1, rank__lte=MAX_SUBSTITUTES), name="substitute_rank_bounded"),
        ]

    def __str__(self) -> str:
        return f"{self.substitute_id} for {self.sku_id}"
