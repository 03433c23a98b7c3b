"""What keeps an order from going on."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from oms.core.constraints import one_of
from orders.models.orders import Order


class HoldReason(models.TextChoices):
    """Reasons of a hold."""

    PAYMENT_PENDING = "payment_pending", "Payment not confirmed"
    COD_UNCONFIRMED = "cod_unconfirmed", "COD to confirm"
    BAD_ADDRESS = "bad_address", "Address incomplete"
    UNKNOWN_POSTCODE = "unknown_postcode", "Postcode unknown"
    UNMAPPED_SKU = "unmapped_sku", "SKU not mapped"
    DUPLICATE = "duplicate", "Looks like a duplicate"
    FRAUD_RISK = "fraud_risk", "Fraud check"
    CHANNEL = "channel", "Held by the channel"
    CUSTOMER_REQUEST = "customer_request", "Customer asked to wait"
    OTHER = "other", "Other"


class Hold(models.Model):
    """A reason not to release an order to a node. Many may be open; all must be cleared."""

    Reason = HoldReason

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="holds")
    reason = models.CharField(max_length=20, choices=Reason)
    source = models.CharField(max_length=120, help_text="Who or what placed it: a person, a rule, the channel.")
    handle = models.CharField(max_length=80, help_text="Unique among the open holds of an order.")
    note = models.CharField(max_length=500, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order", "handle"], condition=Q(released_at__isnull=True), name="hold_handle_open_once"
            ),
            one_of("reason", HoldReason, prefix="hold"),
        ]
        indexes = [models.Index(fields=["reason"], name="hold_open", condition=Q(released_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} on {self.order_id}"
