"""SKUs that are kept by quantity pay nothing for lots and serial numbers: the statements of their way, counted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.models import FulfillmentOrder
from fulfillment.services import (
    accept,
    book_shipment,
    cancel_order,
    hand_over,
    pack,
    pack_many,
    pick,
    pick_many,
    report_short,
)
from returns.services import expect_rto, receive
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_carrier, make_work, packed

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def statements(act: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as caught:
        act()
    return len(caught)


def some_work(world: World, number: int = 1) -> FulfillmentOrder:
    work = make_work(world, str(number), make_line(world.kurta, 2), make_line(world.saree))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    return work


def test_the_statements_of_each_step_are_those_of_before(world: World) -> None:
    make_carrier()
    work, other, third = some_work(world), some_work(world, 2), some_work(world, 3)
    shorted, cancelled = some_work(world, 4), some_work(world, 5)
    line = shorted.lines.order_by("pk")[0]
    counts = {
        "pick": statements(lambda: pick(fulfillment_order_id=work.pk, code="KURTA-M", quantity=2, actor="Asha")),
        "pick the last": statements(lambda: pick(fulfillment_order_id=work.pk, code="SAREE-1", actor="Asha")),
        "pack": statements(lambda: pack(fulfillment_order_id=work.pk, actor="Asha")),
        "pick many": statements(lambda: pick_many(fulfillment_order_ids=[other.pk, third.pk], actor="Asha")),
        "pack many": statements(lambda: pack_many(fulfillment_order_ids=[other.pk, third.pk], actor="Asha")),
        "short": statements(
            lambda: report_short(
                fulfillment_order_id=shorted.pk, line_id=line.pk, quantity=1, reason="not_found", actor="Asha"
            )
        ),
    }
    parcel = work.shipments.get()
    book_shipment(parcel.pk)
    counts["hand over"] = statements(lambda: hand_over(shipment_ids=[parcel.pk], actor="Asha"))
    packed(cancelled)
    counts["cancel packed"] = statements(lambda: cancel_order(order_id=cancelled.order_id, reason="x", actor="Asha"))
    back = expect_rto(shipment_id=parcel.pk)
    lines = {line.pk: "restock" for line in back.lines.all()}
    counts["receive"] = statements(lambda: receive(return_id=back.pk, dispositions=lines, actor="Asha"))

    assert counts == {
        "pick": 12, "pick the last": 11, "pack": 20, "pick many": 21, "pack many": 20, "short": 29, "hand over": 26,
        "cancel packed": 47, "receive": 34,
    }  # fmt: skip
