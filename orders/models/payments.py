"""What was paid for an order."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from oms.core.constraints import money_bounds, one_of
from orders.models.orders import Order


class PaymentState(models.TextChoices):
    """States of a payment."""

    PENDING = "pending", "Pending"
    AUTHORIZED = "authorized", "Authorized"
    PAID = "paid", "Paid"
    FAILED = "failed", "Failed"
    PARTIALLY_REFUNDED = "partially_refunded", "Partly refunded"
    REFUNDED = "refunded", "Refunded"


class Payment(models.Model):
    """What was agreed, taken and given back for one order. Counters with CHECKs: never refund more than captured."""

    State = PaymentState

    id = models.BigAutoField(primary_key=True)
    order = models.OneToOneField(Order, on_delete=models.CASCADE, related_name="payment")
    method = models.CharField(max_length=10, choices=Order.PaymentMethod)
    state = models.CharField(max_length=20, choices=State)
    gateway = models.CharField(max_length=60, blank=True)
    reference = models.CharField(max_length=120, blank=True)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    captured_minor = models.BigIntegerField(default=0)
    refunded_minor = models.BigIntegerField(default=0)
    refund_due_minor = models.BigIntegerField(default=0)
    reduced_minor = models.BigIntegerField(
        default=0, db_default=0,
        help_text="What the order costs less than was agreed: cancelled units, cheaper substitutes.",
    )  # fmt: skip
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            money_bounds("amount_minor", "captured_minor", "refunded_minor", "refund_due_minor", prefix="payment"),
            models.CheckConstraint(
                condition=Q(refunded_minor__lte=F("captured_minor")) & Q(captured_minor__lte=F("amount_minor")),
                name="payment_refund_within_captured",
            ),
            one_of("state", PaymentState, prefix="payment"),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} {self.get_method_display()}"
