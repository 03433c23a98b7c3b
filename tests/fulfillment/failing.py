"""Parcels of which an attempt to deliver failed, brought as far as a test needs them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from carriers.models import CarrierAccount, TrackingEvent
from fulfillment.models import FailedDelivery, Shipment
from fulfillment.services import apply_tracking, hand_over
from tests.factories import World, make_line
from tests.fulfillment.floor import labelled, make_work


def on_the_road(world: World, name: str, **fields: object) -> Shipment:
    """A parcel that left its node; there must be a carrier."""
    shipment = labelled(make_work(world, name, make_line(world.kurta), **fields))
    hand_over(shipment_ids=[shipment.pk], actor="dock")
    shipment.refresh_from_db()
    return shipment


def scan(shipment: Shipment, milestone: str, hours_ago: float = 0, **fields: object) -> TrackingEvent:
    """The carrier scanned it so long ago, and the parcel followed."""
    at = timezone.now() - timedelta(hours=hours_ago)
    defaults: dict[str, object] = {
        "scan_key": f"{milestone}/{hours_ago}", "milestone": milestone, "occurred_at": at, "carrier_status": milestone,
    }  # fmt: skip
    made = TrackingEvent.objects.create(booking_id=shipment.booking_id or 0, **(defaults | fields))
    note_scan(shipment, at)
    apply_tracking([shipment.booking_id or 0])
    return made


def note_scan(shipment: Shipment, at: datetime) -> None:
    """What recording a scan writes on its booking."""
    if shipment.booking is not None:
        latest = shipment.booking.scans.order_by("-occurred_at", "-pk").values_list("milestone", flat=True)[0]
        shipment.booking.milestone, shipment.booking.last_scan_at = latest, at
        shipment.booking.save(update_fields=["milestone", "last_scan_at"])


def failed(world: World, name: str, hours_ago: float = 2, **fields: object) -> FailedDelivery:
    """A parcel of which the first attempt failed: nobody was there."""
    shipment = on_the_road(world, name)
    words = {"sub_status": "customer_unavailable", "description": "Pending - Customer not available"} | fields
    scan(shipment, "attempt_failed", hours_ago, **words)
    return shipment.failures.get()


def by_shiprocket(shipment: Shipment) -> None:
    """The parcel goes with an aggregator that takes answers over its API; nobody is there to be called."""
    account, _ = CarrierAccount.objects.get_or_create(
        code="aggregator", defaults={"name": "Aggregator", "adapter": "shiprocket", "base_url": "http://127.0.0.1:9"}
    )
    Shipment.objects.filter(pk=shipment.pk).update(carrier_account=account)
    if shipment.booking is not None:
        shipment.booking.account = account
        shipment.booking.save(update_fields=["account"])
