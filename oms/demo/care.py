"""What stands open with carriers when the story ends: failed attempts, some of them answered, and one dispute."""

from __future__ import annotations

from datetime import datetime, timedelta

from fulfillment.models import AnsweredBy, AnswerKind, FailedDelivery, FailureState, Shipment, ShipmentState
from fulfillment.services.answers import Wish, answer_failure, takes_answers
from fulfillment.services.care_terms import care_terms
from fulfillment.services.road import dispute, look_at_the_road
from inventory.models import Node
from oms.demo import past
from oms.demo.world import Standing
from orders.models import Order

#: How long ago a delivery was that its customer disputes.
_LATELY = timedelta(days=5)
#: Tables whose rows are written here, with their columns of time.
_TABLES = (
    ("fulfillment_deliveryanswer", ("created_at", "told_at")), ("fulfillment_roadtrouble", ("opened_at",)),
    ("orders_orderevent", ("at",)),
)  # fmt: skip


def add(standing: Standing, moment: datetime) -> None:
    """Customers and the care team answer a few of the failed deliveries; the carriers of the past cannot be called."""
    with past.rewriting_history():
        newest = past.newest_ids([table for table, _ in _TABLES])
        _write(list(standing.nodes.values()), moment)
        past.set_back_to(moment, newest, _TABLES)
        Order.objects.filter(updated_at__gt=moment).update(updated_at=moment)


def _write(nodes: list[Node], moment: datetime) -> None:
    FailedDelivery.objects.filter(shipment__node__in=nodes, due_at__lt=moment).exclude(
        state=FailureState.CLOSED
    ).update(due_at=moment + timedelta(hours=3))
    waiting = FailedDelivery.objects.filter(shipment__node__in=nodes, state=FailureState.WAITING, number__lt=3)
    rows = list(waiting.select_related("shipment__carrier_account", "shipment__node").order_by("due_at", "pk"))
    by_hand = [row for row in rows if not takes_answers(row.shipment.carrier_account)]
    for place, row in enumerate(by_hand[:2]):
        days = care_terms(row.shipment.carrier_account).days_from(row.shipment.node.today())
        wish = Wish(kind=AnswerKind.ON_DAY, deliver_on=days[0]) if place == 0 else Wish(kind=AnswerKind.AGAIN)
        answer_failure(failure_id=row.pk, wish=wish, by=AnsweredBy.CUSTOMER, actor="customer")
    for row in [row for row in rows if row not in by_hand[:2]][:2]:
        wish = Wish(kind=AnswerKind.AGAIN, note="Rang the customer: at home after six.")
        answer_failure(failure_id=row.pk, wish=wish, by=AnsweredBy.PERSON, actor="Harpreet Gill", by_phone=True)
    delivered = Shipment.objects.filter(
        node__in=nodes, state=ShipmentState.DELIVERED, booking__isnull=False, delivered_at__gt=moment - _LATELY
    )
    doubted = delivered.order_by("-delivered_at", "pk").values_list("pk", flat=True).first()
    if doubted is not None:
        dispute(shipment_id=doubted, note="The guard knows of no parcel.")
    look_at_the_road()
