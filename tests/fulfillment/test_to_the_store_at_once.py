"""Two people with one parcel for the store, and a cancellation beside it: it happens once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.services import cancel_order, give_up_parcel, hand_over, receive_for_pickup
from inventory.models import CarriedGoods
from inventory.selectors.audit import Compared, iter_differences
from oms.reporting.stock_audit import ORDER_CHECKS
from tests.factories import make_line, make_world
from tests.fulfillment.floor import labelled, make_carrier, stock_of, units_of
from tests.fulfillment.to_store import allow_transfers, on_the_road, order_to_collect, work_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def differences() -> list[object]:
    return list(iter_differences(Compared(), more=ORDER_CHECKS))


def test_a_parcel_that_two_people_hand_over_and_receive_at_once_moves_once() -> None:
    world = make_world()
    make_carrier()
    allow_transfers()
    for turn in range(4):
        order_id = order_to_collect(world, f"W{turn}", make_line(world.kurta))
        parcel = labelled(work_of(order_id))
        at_once([partial(hand_over, shipment_ids=[parcel.pk], actor=name) for name in ("Ravi", "Asha")])
        waiting = FulfillmentOrder.objects.get(arrives_in=parcel)

        at_once(
            [
                partial(receive_for_pickup, fulfillment_order_id=waiting.pk, actor="Meera"),
                partial(receive_for_pickup, fulfillment_order_id=waiting.pk, actor="Ravi"),
                partial(give_up_parcel, fulfillment_order_id=waiting.pk, how="missing", note="Gone", actor="Asha"),
            ]
        )

        row = CarriedGoods.objects.get(reference=waiting.order.number)
        assert (row.in_transit, row.for_order + row.missing) == (0, 1)
        assert Shipment.objects.filter(fulfillment_order=waiting).count() == row.for_order
        assert units_of(order_id) == ({"packed": 1} if row.for_order else {"unallocated": 1})
    assert differences() == []


def test_a_cancellation_while_it_is_received_leaves_the_goods_in_one_place() -> None:
    world = make_world()
    make_carrier()
    allow_transfers()
    for sku in (world.kurta, world.saree, world.shoe):
        order_id = order_to_collect(world, f"W-{sku.code}", make_line(sku))
        waiting = on_the_road(order_id)

        acts: list[Callable[[], object]] = [
            partial(receive_for_pickup, fulfillment_order_id=waiting.pk, actor="Meera"),
            partial(cancel_order, order_id=order_id, reason="Changed mind", actor="Asha"),
        ]
        at_once(acts)

        assert units_of(order_id) == {"cancelled": 1}
        assert stock_of(sku, world.store) == {"on_hand": 1}
    assert differences() == []


def test_a_crash_while_receiving_leaves_everything_on_the_road(monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world()
    make_carrier()
    allow_transfers()
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2))
    waiting = on_the_road(order_id)

    def die(*args: object, **kwargs: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("fulfillment.services.arriving._arrive", die)
        with pytest.raises(RuntimeError):
            receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera")

    waiting.refresh_from_db()
    assert (waiting.state, CarriedGoods.objects.get().in_transit) == ("waiting_transfer", 2)
    assert (units_of(order_id), differences()) == ({"packed": 2}, [])
    receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera")
    assert stock_of(world.kurta, world.store) == {"packed": 2}
