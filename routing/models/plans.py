"""Publishing a draft at a set time."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from routing.models.policies import RoutingPolicy


class PlannedPublication(models.Model):
    """A draft that goes live by the clock, as it was at `edit_version`. Deleted when it is done or called off.

    `problem` says why it could not be published when its time came; it is not tried again until a person plans anew.
    """

    id = models.BigAutoField(primary_key=True)
    policy = models.OneToOneField(RoutingPolicy, on_delete=models.CASCADE, related_name="planned")
    edit_version = models.PositiveIntegerField()
    publish_at = models.DateTimeField()
    note = models.CharField(max_length=300)
    planned_by = models.CharField(max_length=120)
    planned_at = models.DateTimeField(db_default=Now())
    problem = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(note=""), name="planned_publication_says_why")]
        indexes = [
            models.Index(fields=["publish_at"], name="planned_publication_due", condition=Q(problem="")),
        ]

    def __str__(self) -> str:
        return f"{self.policy_id} at {self.publish_at:%Y-%m-%d %H:%M}"
