"""Questions about goods that come back. Nothing here writes."""

from __future__ import annotations

from django.db.models import Count, Prefetch, Q, QuerySet, Sum

from fulfillment.models import Shipment, ShipmentState
from returns.models import Return, ReturnLine, ReturnState

#: States in which the goods are not put away yet.
OPEN = (ReturnState.REQUESTED, ReturnState.APPROVED, ReturnState.IN_TRANSIT, ReturnState.RECEIVED,
        ReturnState.INSPECTED)  # fmt: skip
#: Parcels that may come back although the carrier has not said so.
_MAY_COME_BACK = (ShipmentState.HANDED_OVER, ShipmentState.IN_TRANSIT, ShipmentState.OUT_FOR_DELIVERY,
                  ShipmentState.NDR_OPEN, ShipmentState.RTO_INITIATED, ShipmentState.RTO_IN_TRANSIT,
                  ShipmentState.LOST, ShipmentState.DAMAGED)  # fmt: skip


def with_lines(rows: QuerySet[Return]) -> QuerySet[Return]:
    """Load order, node, parcel and lines with the rows."""
    lines = ReturnLine.objects.select_related("order_line").order_by("pk")
    return rows.select_related("order", "node", "shipment").prefetch_related(Prefetch("lines", lines))


def listed(rows: QuerySet[Return]) -> QuerySet[Return]:
    """The rows with their number of units, for a list."""
    return rows.select_related("order", "node", "shipment").annotate(units=Sum("lines__quantity"))


def count_by_state(rows: QuerySet[Return]) -> dict[str, int]:
    """How many of the rows are open and how many are put away."""
    found = rows.aggregate(open=Count("pk", filter=Q(state__in=OPEN)), all=Count("pk"))
    return {"open": found["open"], "all": found["all"], "done": found["all"] - found["open"]}


def find_return(rows: QuerySet[Return], code: str) -> Return | None:
    """The return of a scanned AWB, a return number or an order number; open ones before those put away."""
    text = code.strip()
    if not text:
        return None
    matching = rows.filter(Q(shipment__awb=text) | Q(number__iexact=text) | Q(order__number__iexact=text))
    return matching.filter(state__in=OPEN).order_by("pk").first() or matching.order_by("-pk").first()


def unannounced_parcel(rows: QuerySet[Shipment], code: str) -> Shipment | None:
    """A parcel on the road with this AWB that no return expects: it stands here before the carrier's news."""
    text = code.strip()
    if not text:
        return None
    on_road = rows.filter(awb=text, state__in=_MAY_COME_BACK, return_order__isnull=True)
    return on_road.select_related("order", "node").order_by("-pk").first()
