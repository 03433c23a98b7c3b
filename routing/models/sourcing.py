"""Where a channel is sold from, how full nodes are, and what they may not be given."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from inventory.models import Node, NodeGroup
from oms.core.constraints import quantity_bounds
from orders.models import Order, SalesChannel


class ChannelSourcing(models.Model):
    """From which node groups a channel is sold and shipped, and how many units stay unsold per SKU."""

    id = models.BigAutoField(primary_key=True)
    channel = models.OneToOneField(SalesChannel, on_delete=models.CASCADE, related_name="sourcing")
    groups = models.ManyToManyField(NodeGroup, blank=True, help_text="None: every node.")
    threshold = models.PositiveIntegerField(default=0, help_text="Units of each SKU never offered on this channel.")
    cap = models.PositiveIntegerField(
        null=True, blank=True, help_text="Most units of a SKU that this channel is told. Empty: no limit."
    )

    def __str__(self) -> str:
        return f"Sourcing of {self.channel_id}"


class NodeLoad(models.Model):
    """Orders a node was given on one of its days, less those it lost again before anything of them was packed.

    Counted in the transaction that decides, given back in the one that takes the order away, whenever that is.
    """

    id = models.BigAutoField(primary_key=True)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="loads")
    day = models.DateField()
    orders = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["node", "day"], name="node_load_once"),
            quantity_bounds("orders", prefix="node_load"),
        ]

    def __str__(self) -> str:
        return f"{self.node_id} {self.day}: {self.orders}"


class RoutingExclusion(models.Model):
    """A node that may not be given an order again, because it rejected it or did not find the goods."""

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="routing_exclusions")
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="routing_exclusions")
    reason = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "node"], name="routing_exclusion_once")]

    def __str__(self) -> str:
        return f"{self.order_id} not from {self.node_id}"
