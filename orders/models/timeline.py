"""What happened to an order, entry after entry."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from orders.models.orders import Order


class OrderEvent(models.Model):
    """One entry of an order's timeline. Append-only; `seq` runs 1..n without gaps."""

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(
        Order, on_delete=models.CASCADE, related_name="timeline", db_index=False, db_constraint=False
    )
    seq = models.IntegerField()
    kind = models.CharField(max_length=40)
    actor = models.CharField(max_length=120)
    message = models.CharField(max_length=500)
    data = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["order_id", "seq"]
        constraints = [models.UniqueConstraint(fields=["order", "seq"], name="order_event_seq_unique")]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.seq} {self.kind}"
