"""Questions about failed deliveries, their answers, and parcels that do not travel as they should."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from fulfillment.models import (
    AnsweredBy,
    DeliveryAnswer,
    FailedDelivery,
    FailureState,
    RoadTrouble,
    Shipment,
    TroubleKind,
)
from oms.core.clock import now


def failures_of(shipments: QuerySet[Shipment]) -> QuerySet[FailedDelivery]:
    """Failed deliveries of these parcels, with what a row of them shows."""
    answers = DeliveryAnswer.objects.order_by("pk")
    return (
        FailedDelivery.objects.filter(shipment__in=shipments)
        .select_related("shipment__order__channel", "shipment__node", "shipment__carrier_account")
        .prefetch_related(Prefetch("answers", answers))
    )


def needs_somebody(rows: QuerySet[FailedDelivery]) -> QuerySet[FailedDelivery]:
    """Those that a person has to do something about."""
    return rows.filter(closed_at__isnull=True, state__in=FailedDelivery.NEEDS_SOMEBODY)


def answered_by_customer(rows: QuerySet[FailedDelivery]) -> QuerySet[FailedDelivery]:
    """Those to which the customer said something."""
    said = DeliveryAnswer.objects.filter(failure=OuterRef("pk"), answered_by=AnsweredBy.CUSTOMER)
    return rows.filter(Exists(said))


def failures_by_parcel(shipment_ids: Collection[int]) -> dict[int, list[FailedDelivery]]:
    """Every failed attempt of these parcels with its answers, the first attempt first. Two statements."""
    found: dict[int, list[FailedDelivery]] = {}
    rows = FailedDelivery.objects.filter(shipment__in=shipment_ids).prefetch_related(
        Prefetch("answers", DeliveryAnswer.objects.order_by("pk"))
    )
    for row in rows.order_by("number", "pk"):
        found.setdefault(row.shipment_id, []).append(row)
    return found


def open_failures(shipment_ids: Collection[int]) -> dict[int, FailedDelivery]:
    """The failed attempt of each parcel that is not over, with its answers."""
    return {
        key: rows[-1] for key, rows in failures_by_parcel(shipment_ids).items()
        if rows[-1].state != FailureState.CLOSED
    }  # fmt: skip


def standing_answer(answers: Iterable[DeliveryAnswer]) -> DeliveryAnswer | None:
    """The newest answer that the carrier has or will have; None where it took none."""
    standing = [row for row in answers if row.state in DeliveryAnswer.STANDING]
    return standing[-1] if standing else None


def troubles_of(shipments: QuerySet[Shipment]) -> QuerySet[RoadTrouble]:
    """What is wrong with these parcels on the road, with what a row shows."""
    return RoadTrouble.objects.filter(shipment__in=shipments).select_related(
        "shipment__order", "shipment__node", "shipment__carrier_account"
    )


def open_troubles(rows: QuerySet[RoadTrouble]) -> QuerySet[RoadTrouble]:
    """Those that are not over and that nobody put off."""
    return rows.filter(Q(snoozed_until__isnull=True) | Q(snoozed_until__lt=now()), closed_at__isnull=True)


def disputed(shipment_ids: Collection[int]) -> dict[int, RoadTrouble]:
    """What customers said of delivered parcels that did not come, by parcel."""
    rows = RoadTrouble.objects.filter(shipment__in=shipment_ids, kind=TroubleKind.DISPUTED)
    return {row.shipment_id: row for row in rows}
