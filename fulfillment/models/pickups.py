"""Orders that customers collect: where their parcels lie, and how often a wrong code was given."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from fulfillment.models.shipments import Shipment
from orders.models import Order

#: Wrong codes after which nothing of the order is handed out until a manager allows it.
MOST_WRONG_CODES = 5


class Pickup(models.Model):
    """How an order is collected: since when it lies ready, and the tries. There is a row from either one on.

    `ready_parcel` is the newest parcel when all of it was there, the one that the ready message is about: another one
    that comes later is another message, and the days begin anew.
    """

    id = models.BigAutoField(primary_key=True)
    order = models.OneToOneField(Order, on_delete=models.CASCADE, related_name="pickup")
    wrong_codes = models.PositiveSmallIntegerField(default=0)
    locked_at = models.DateTimeField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    ready_parcel = models.ForeignKey(Shipment, null=True, blank=True, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ready_at__isnull=True, ready_parcel__isnull=True)
                | Q(ready_at__isnull=False, ready_parcel__isnull=False),
                name="pickup_ready_with_a_parcel",
            ),
            models.CheckConstraint(condition=Q(wrong_codes__lte=MOST_WRONG_CODES), name="pickup_wrong_codes_bounded"),
            models.CheckConstraint(
                condition=Q(wrong_codes__lt=MOST_WRONG_CODES) | Q(locked_at__isnull=False), name="pickup_locks_at_last"
            ),
        ]

    def __str__(self) -> str:
        return f"Pickup of {self.order_id}"


class StagedParcel(models.Model):
    """The shelf or locker on which a parcel waits for its customer."""

    id = models.BigAutoField(primary_key=True)
    shipment = models.OneToOneField(Shipment, on_delete=models.CASCADE, related_name="staged")
    shelf = models.CharField(max_length=40)
    staged_at = models.DateTimeField(db_default=Now())
    staged_by = models.CharField(max_length=120)

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(shelf=""), name="staged_parcel_has_a_shelf")]

    def __str__(self) -> str:
        return f"{self.shipment_id} on {self.shelf}"


class CurbsideVisit(models.Model):
    """A customer who waits in the car before the store: on the way, here in a bay, met by somebody of the store."""

    id = models.BigAutoField(primary_key=True)
    order = models.OneToOneField(Order, on_delete=models.CASCADE, related_name="curbside_visit")
    on_way_at = models.DateTimeField(null=True, blank=True)
    here_at = models.DateTimeField(null=True, blank=True)
    bay = models.PositiveSmallIntegerField(null=True, blank=True)
    car = models.CharField(max_length=60, blank=True, help_text="Colour, make, number: how it is found.")
    met_at = models.DateTimeField(null=True, blank=True, help_text="Since when somebody is on the way to the car.")
    met_by = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(here_at__isnull=True, bay__isnull=True) | Q(here_at__isnull=False, bay__isnull=False),
                name="curbside_visit_here_is_in_a_bay",
            )
        ]

    def __str__(self) -> str:
        return f"Visit for {self.order_id}"
