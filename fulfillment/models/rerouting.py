"""Work that was, or could not be, moved by itself."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from fulfillment.models.work import FulfillmentOrder
from oms.core.constraints import one_of
from orders.models import Order


class RerouteCause(models.TextChoices):
    """Why work is moved that its node did not refuse."""

    CAPACITY_CUT = "capacity_cut", "The node takes fewer orders"
    NOT_SERVICEABLE = "not_serviceable", "No carrier goes there"
    AT_RISK = "at_risk", "Promise at risk"


class RerouteOutcome(models.TextChoices):
    """What came of trying to move it."""

    MOVED = "moved", "Moved to another node"
    STAYED = "stayed", "Stayed where it is"


class RerouteAttempt(models.Model):
    """One piece of work that was, or could not be, moved by itself for one cause; the last try counts.

    What stayed needs a person for as long as the work is open.
    """

    Cause = RerouteCause
    Outcome = RerouteOutcome

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="reroute_attempts")
    fulfillment_order = models.ForeignKey(FulfillmentOrder, on_delete=models.CASCADE, related_name="reroute_attempts")
    cause = models.CharField(max_length=16, choices=Cause)
    outcome = models.CharField(max_length=8, choices=Outcome)
    sentence = models.CharField(max_length=500, help_text="What was found, in words for people.")
    tried_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["fulfillment_order", "cause"], name="reroute_attempt_once"),
            one_of("cause", RerouteCause, prefix="reroute_attempt"),
            one_of("outcome", RerouteOutcome, prefix="reroute_attempt"),
        ]
        indexes = [
            models.Index(fields=["fulfillment_order"], name="reroute_stayed", condition=Q(outcome="stayed")),
        ]

    def __str__(self) -> str:
        return f"{self.cause} of {self.fulfillment_order_id}: {self.outcome}"
