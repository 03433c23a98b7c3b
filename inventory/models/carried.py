"""Goods of an order on their way to the store where its customer collects them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from inventory.models.catalogue import Sku
from inventory.models.places import Node
from oms.core.constraints import not_negative, quantity_bounds


class CarriedGoods(models.Model):
    """Units of one SKU in one parcel that goes from a node to a store, for an order.

    They are nobody's stock while they are on the road. Of `quantity` each unit is in transit, came for the order and
    lies packed at the store, came when the order did not want it any more and is stock there, came damaged, is missing,
    or went back to where it came from. `key` names the parcel's item for ever.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=60, unique=True)
    reference = models.CharField(max_length=80, help_text="Number of the order, for people.")
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+")
    from_node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="+")
    to_node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="+")
    quantity = models.IntegerField()
    in_transit = models.IntegerField()
    for_order = models.IntegerField(default=0)
    for_stock = models.IntegerField(default=0)
    damaged = models.IntegerField(default=0)
    missing = models.IntegerField(default=0)
    sent_back = models.IntegerField(default=0)
    left_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            quantity_bounds("quantity", prefix="carried_goods", low=1),
            not_negative(
                "in_transit", "for_order", "for_stock", "damaged", "missing", "sent_back", prefix="carried_goods_parts"
            ),
            models.CheckConstraint(
                condition=Q(
                    quantity=F("in_transit") + F("for_order") + F("for_stock") + F("damaged") + F("missing")
                    + F("sent_back")
                ),
                name="carried_goods_conserved",
            ),
            models.CheckConstraint(condition=~Q(from_node=F("to_node")), name="carried_goods_go_somewhere"),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["sku"], name="carried_goods_on_the_road", condition=Q(in_transit__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.in_transit} of {self.quantity} for {self.reference}"
