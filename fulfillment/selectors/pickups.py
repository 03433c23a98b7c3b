"""Questions about orders to collect: the code that proves it is the customer, the shelf, and who waits outside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.crypto import constant_time_compare, salted_hmac

from fulfillment.models import (
    CurbsideVisit,
    FulfillmentOrderKind,
    FulfillmentOrderState,
    Pickup,
    Shipment,
    ShipmentState,
    StagedParcel,
)
from oms.core.clock import now
from orders.models import Order

_SALT = "oms.pickup.code"
DIGITS = 6
#: After so long somebody who waits in the car has waited too long.
CURB_LATE = timedelta(minutes=3)
#: So long after somebody went out, and after a customer who was not met said something, their visit is over.
MET_LASTS = timedelta(minutes=30)
VISIT_LASTS = timedelta(hours=4)


def pickup_code(order: Order) -> str:
    """The six digits with which an order is collected, the same for all of its parcels.

    A keyed hash of the order, so that the letter and the page always agree without a row. Messages that told it are
    kept with it, as they were sent.
    """
    return _code(order, settings.SECRET_KEY)


def is_code_of(order: Order, text: str) -> bool:
    """The code is that of the order, also one that was told under a former secret key."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(constant_time_compare(text, _code(order, key)) for key in keys)


def _code(order: Order, key: str) -> str:
    digest = salted_hmac(_SALT, str(order.uid), secret=key, algorithm="sha256").digest()
    return f"{int.from_bytes(digest[:8]) % 10**DIGITS:0{DIGITS}}"


def is_locked(order_id: int) -> bool:
    """Too many wrong codes were given: a manager has to allow the next one."""
    return Pickup.objects.filter(order=order_id, locked_at__isnull=False).exists()


def waiting_parcels(rows: QuerySet[Shipment]) -> QuerySet[Shipment]:
    """Those that lie packed for customers to collect."""
    return rows.filter(
        state=ShipmentState.CREATED, fulfillment_order__kind=FulfillmentOrderKind.PICKUP,
        fulfillment_order__state=FulfillmentOrderState.READY,
    )  # fmt: skip


def unstaged(rows: QuerySet[Shipment]) -> QuerySet[Shipment]:
    """Of these those that their store wants on a shelf, and that are on none yet."""
    staged = StagedParcel.objects.filter(shipment=OuterRef("pk"))
    return rows.filter(~Exists(staged), node__stages_pickups=True)


def shelves_of(shipments: Iterable[Shipment]) -> dict[int, str]:
    """Parcel id -> the shelf on which it lies."""
    rows = StagedParcel.objects.filter(shipment__in=[shipment.pk for shipment in shipments])
    return dict(rows.values_list("shipment_id", "shelf"))


@dataclass(frozen=True, slots=True)
class AtTheCurb:
    """A customer who is here or on the way, with the first parcel that waits for them."""

    visit: CurbsideVisit
    parcel: Shipment

    @property
    def is_late(self) -> bool:
        """They wait for longer than three minutes."""
        return self.visit.here_at is not None and now() - self.visit.here_at > CURB_LATE


def standing_visits() -> QuerySet[CurbsideVisit]:
    """Visits that are not over: who comes again, or was not given anything, begins another one."""
    moment = now()
    met, said = moment - MET_LASTS, moment - VISIT_LASTS
    waits = Q(here_at__gt=said) | Q(here_at__isnull=True, on_way_at__gt=said)
    return CurbsideVisit.objects.filter(Q(met_at__gt=met) | Q(waits, met_at__isnull=True))


def visits_at(node_id: int) -> list[AtTheCurb]:
    """Who is before a store or on the way to it: those who wait longest first, then those who come. Two statements."""
    parcels = waiting_parcels(Shipment.objects.filter(node=node_id, order__curbside_visit__isnull=False))
    first = {parcel.order_id: parcel for parcel in parcels.select_related("order").order_by("-pk")}
    visits = standing_visits().filter(order__in=first) if first else []
    found = [AtTheCurb(visit, first[visit.order_id]) for visit in visits]
    return sorted(found, key=lambda item: (item.visit.here_at is None, item.visit.here_at or item.visit.on_way_at))
