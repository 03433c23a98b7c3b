"""The lines of orders, where every unit is in one bucket, and the kits that they were sold as."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from oms.core.constraints import money_bounds, not_negative, quantity_bounds
from oms.core.ids import uuid7
from orders.models.orders import Order
from orders.status import LineQuantities

_BUCKETS = ("unallocated", "backordered", "allocated", "released", "picked", "packed", "shipped", "cancelled")


class OrderKit(models.Model):
    """A line of the channel that was sold as a kit: its units are those of the order lines that name it.

    `external_id`, prices and sums are the channel's for the whole kit; the lines share them out to the minor unit.
    The recipe is the one of the moment of capture: the lines and their `units_per_kit` never change.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="kits", db_index=False)
    external_id = models.CharField(max_length=120)
    sku_code = models.CharField(max_length=80)
    sku_id = models.BigIntegerField(help_text="The stable key of the kit in the stock room.")
    name = models.CharField(max_length=300, blank=True)
    options = models.JSONField(default=dict, blank=True)
    quantity = models.IntegerField()
    unit_price_minor = models.BigIntegerField(default=0)
    discount_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    tax_included = models.BooleanField(default=True)
    ships_together = models.BooleanField(default=True, help_text="All of one unit leaves from one node.")

    class Meta:
        ordering = ["order_id", "id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "external_id"], name="order_kit_once"),
            quantity_bounds("quantity", prefix="order_kit", low=1),
            money_bounds("unit_price_minor", "discount_minor", "tax_minor", prefix="order_kit"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku_code}"

    @property
    def total_minor(self) -> int:
        """What the customer pays for it: the sum of its lines."""
        tax = 0 if self.tax_included else self.tax_minor
        return self.unit_price_minor * self.quantity - self.discount_minor + tax


class OrderLine(models.Model):
    """One line. Every unit is in exactly one bucket; delivered and returned units lie within the shipped ones.

    `sku_id` is the stable key of the SKU in the stock room, not a foreign key: orders and stock are strangers.
    A line with a `kit` is a component: `units_per_kit` units of it belong to each unit of the kit.

    A line with a `substitute_for` was added here, after capture: its units are sold in place of as many units of that
    line, which are cancelled there. A trigger keeps the two together: of a line at least as many units are cancelled as
    its substitutes have that are not, and the two are of one order.
    """

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines", db_index=False)
    external_id = models.CharField(max_length=120)
    position = models.SmallIntegerField(default=1)
    sku_code = models.CharField(max_length=80)
    sku_id = models.BigIntegerField(null=True, blank=True)
    name = models.CharField(max_length=300, blank=True)
    options = models.JSONField(default=dict, blank=True)
    unit_price_minor = models.BigIntegerField(default=0)
    discount_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    tax_included = models.BooleanField(default=True)
    kit = models.ForeignKey(
        OrderKit, null=True, blank=True, on_delete=models.CASCADE, related_name="lines", db_index=False
    )
    units_per_kit = models.IntegerField(null=True, blank=True)
    substitute_for = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="substitutes", db_index=False
    )

    quantity = models.IntegerField()
    unallocated = models.IntegerField(default=0)
    backordered = models.IntegerField(default=0)
    allocated = models.IntegerField(default=0)
    released = models.IntegerField(default=0)
    picked = models.IntegerField(default=0)
    packed = models.IntegerField(default=0)
    shipped = models.IntegerField(default=0)
    cancelled = models.IntegerField(default=0)
    delivered = models.IntegerField(default=0)
    returned = models.IntegerField(default=0)

    class Meta:
        ordering = ["order_id", "position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "external_id"], name="order_line_once"),
            not_negative(*_BUCKETS, "delivered", "returned", prefix="order_line"),
            quantity_bounds("quantity", prefix="order_line_total", low=1),
            money_bounds("unit_price_minor", "discount_minor", "tax_minor", prefix="order_line"),
            models.CheckConstraint(
                condition=Q(
                    quantity=F("unallocated") + F("backordered") + F("allocated") + F("released")
                    + F("picked") + F("packed") + F("shipped") + F("cancelled")
                ),
                name="order_line_units_conserved",
            ),
            models.CheckConstraint(
                condition=Q(shipped__gte=F("delivered") + F("returned")), name="order_line_delivered_within_shipped"
            ),
            models.CheckConstraint(
                condition=Q(kit__isnull=True) | Q(units_per_kit__gte=1), name="order_line_of_a_kit_says_how_many"
            ),
            models.CheckConstraint(
                condition=Q(substitute_for__isnull=True) | Q(kit__isnull=True) & ~Q(substitute_for=F("id")),
                name="order_line_substitute_is_no_component",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["sku_id", "order"], name="order_line_unrouted_demand",
                         condition=Q(unallocated__gt=0) | Q(backordered__gt=0)),
            models.Index(fields=["sku_code"], name="order_line_by_sku"),
            models.Index(fields=["kit"], name="order_line_by_kit", condition=Q(kit__isnull=False)),
            models.Index(fields=["substitute_for"], name="order_line_by_original",
                         condition=Q(substitute_for__isnull=False)),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku_code}"

    @property
    def quantities(self) -> LineQuantities:
        """The counters as a value."""
        return LineQuantities(**{name: getattr(self, name) for name in LineQuantities.__slots__})

    @property
    def total_minor(self) -> int:
        """What the customer pays for the line."""
        tax = 0 if self.tax_included else self.tax_minor
        return self.unit_price_minor * self.quantity - self.discount_minor + tax

    @property
    def unrouted(self) -> int:
        """Units that still need a node."""
        return self.unallocated + self.backordered
