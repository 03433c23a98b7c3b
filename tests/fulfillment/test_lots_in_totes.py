"""Lots that lie in a picker's tote are not taken away by transfers and adjustments."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from fulfillment.models import FulfillmentOrder
from fulfillment.selectors.units import units_in_totes
from fulfillment.services import pack
from inventory.errors import NotEnoughStock
from inventory.models import ApprovalLimit, Sku, StockAdjustment, Transfer
from inventory.selectors.audit import Compared, iter_differences
from inventory.services import (
    StockLine,
    approve_adjustment,
    ask_adjustment,
    confirm_transfer,
    draft_transfer,
    finish_picking,
    pick_for_transfer,
    scan_pick,
    ship_transfer,
    undo_adjustment,
)
from inventory.services.adjusting import Asked
from oms.core.errors import Conflict
from oms.reporting.stock_audit import ORDER_CHECKS
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_work, picked
from tests.fulfillment.tracked import in_parcel, in_totes, lots_at, make_lot_sku, put_lot

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def serum(world: World) -> Sku:
    sku = make_lot_sku()
    put_lot(sku, world.blr, "SOON", 2, days=60)
    put_lot(sku, world.blr, "LATE", 5, days=200)
    return sku


@pytest.fixture
def work(world: World, serum: Sku) -> FulfillmentOrder:
    """Both units of the lot that expires first lie in a tote."""
    return picked(make_work(world, "1", make_line(serum, 2)))


def nothing_differs() -> bool:
    return list(iter_differences(Compared(), more=ORDER_CHECKS)) == []


def transfer_of(world: World, sku: Sku, units: int) -> Transfer:
    made = draft_transfer(from_node_id=world.blr.pk, to_node_id=world.delhi.pk, lines=[StockLine(sku.pk, units)],
                          actor="Asha")  # fmt: skip
    return confirm_transfer(transfer_id=made.pk, actor="Asha")


def adjust(world: World, sku: Sku, reason: str, units: int, lot: str = "", key: str = "1") -> Asked:
    return ask_adjustment(
        node_id=world.blr.pk, sku_id=sku.pk, reason=reason, quantity=units, op_key=f"test/{key}", actor="Asha",
        actor_key="user:1", lot_code=lot, spoken_for=units_in_totes,
    )  # fmt: skip


def test_a_transfer_leaves_what_lies_in_a_tote(world: World, serum: Sku, work: FulfillmentOrder) -> None:
    transfer = transfer_of(world, serum, 2)

    ship_transfer(transfer_id=transfer.pk, actor="Babu", spoken_for=units_in_totes)

    assert lots_at(serum, world.blr) == {"LATE": {"on_hand": 3}, "SOON": {"on_hand": 2}}
    [parcel] = pack(fulfillment_order_id=work.pk, actor="Asha")
    assert in_parcel(parcel.pk) == {"SOON": 2}
    assert nothing_differs()


def test_nobody_picks_a_lot_for_a_transfer_out_of_a_tote(world: World, serum: Sku, work: FulfillmentOrder) -> None:
    transfer = transfer_of(world, serum, 2)
    told = "Lot SOON of SERUM-30: 1 units wanted, 0 are on hand; 2 lie in totes for orders"

    with pytest.raises(NotEnoughStock, match=told), transaction.atomic():
        pick_for_transfer(transfer_id=transfer.pk, sku_id=serum.pk, lot="SOON", actor="Babu", spoken_for=units_in_totes)
    with pytest.raises(NotEnoughStock, match=told), transaction.atomic():
        scan_pick(transfer_id=transfer.pk, code="SOON", actor="Babu", spoken_for=units_in_totes)

    scan_pick(transfer_id=transfer.pk, code="LATE", actor="Babu", spoken_for=units_in_totes)
    finish_picking(transfer_id=transfer.pk, actor="Babu", spoken_for=units_in_totes)
    ship_transfer(transfer_id=transfer.pk, actor="Babu", spoken_for=units_in_totes)
    assert lots_at(serum, world.delhi) == {}
    assert lots_at(serum, world.blr) == {"LATE": {"on_hand": 4}, "SOON": {"on_hand": 2}}


def test_an_adjustment_leaves_what_lies_in_a_tote(world: World, serum: Sku, work: FulfillmentOrder) -> None:
    adjust(world, serum, "lost", 1)

    assert lots_at(serum, world.blr) == {"LATE": {"on_hand": 4}, "SOON": {"on_hand": 2}}
    with pytest.raises(NotEnoughStock, match="Lot SOON of SERUM-30: 1 .* 2 lie in totes for orders"):
        adjust(world, serum, "damaged", 1, lot="SOON", key="2")
    pack(fulfillment_order_id=work.pk, actor="Asha")
    assert nothing_differs()


def test_an_adjustment_that_waited_looks_again_when_it_is_approved(world: World, serum: Sku) -> None:
    ApprovalLimit.objects.create(node_kind="", units=0, value_minor=0)
    asked = adjust(world, serum, "lost", 2, lot="SOON")
    assert asked.waits
    picked(make_work(world, "1", make_line(serum, 2)))

    with pytest.raises(NotEnoughStock, match="changed since this was asked for.* 2 lie in totes"):
        approve_adjustment(adjustment_id=asked.adjustment.pk, actor="Ravi", actor_key="user:2",
                           spoken_for=units_in_totes)  # fmt: skip

    assert StockAdjustment.objects.get().state == "waiting"
    assert in_totes() == {"SOON": 2}


def test_an_adjustment_is_not_taken_back_out_of_a_tote(world: World, serum: Sku) -> None:
    asked = adjust(world, serum, "found", 1, lot="SOON")
    picked(make_work(world, "1", make_line(serum, 3)))

    with pytest.raises(Conflict, match="Lot SOON of SERUM-30: 1 units wanted, 0 are on hand; 3 lie in totes"):
        undo_adjustment(adjustment_id=asked.adjustment.pk, actor="Asha", actor_key="user:1", spoken_for=units_in_totes)

    assert lots_at(serum, world.blr)["SOON"] == {"on_hand": 3}


def test_what_is_kept_by_quantity_is_not_asked_for(world: World) -> None:
    with CaptureQueriesContext(connection) as caught:
        adjust(world, world.kurta, "lost", 1)

    assert [query["sql"] for query in caught if "fulfillment_pickedunit" in (query["sql"] or "")] == []
