"""One step for many purchase orders: what it does first, then each that allows it."""

from __future__ import annotations

from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory.models import PurchaseOrder, StockMovement, Supplier
from oms.core.models import Transition
from tests.dashboard.inventory.test_purchase_orders import LIST, read, signed_in
from tests.factories import World, make_world
from tests.inventory.purchases import buckets, make_draft, make_placed, make_supplier, state_of

pytestmark = pytest.mark.django_db
BULK = f"{LIST}bulk/"


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def supplier() -> Supplier:
    return make_supplier()


def ask(client: Client, do: str, *orders: PurchaseOrder, confirmed: bool = True, **fields: str) -> Any:
    sent: dict[str, object] = {"do": do, "ids": [order.pk for order in orders], **fields}
    if confirmed:
        sent = {"confirmed": "1", "idempotency_key": str(uuid4())} | sent
    return client.post(f"{BULK}?show=all", sent, follow=True)


def text_of(response: Any) -> str:
    return " ".join(unescape(response.content.decode()).split())


def test_rows_that_allow_a_step_can_be_chosen_by_buyers(world: World, supplier: Supplier) -> None:
    order = make_draft(supplier, world.blr, (world.kurta, 5))
    ended = make_draft(supplier, world.blr, (world.kurta, 5))
    PurchaseOrder.objects.filter(pk=ended.pk).update(state="cancelled")

    page = read(signed_in(), f"{LIST}?show=all")
    assert f'value="{order.pk}" data-select' in page
    assert f'value="{ended.pk}" data-select' not in page
    assert "data-select" not in read(signed_in("read_only"), f"{LIST}?show=all")


def test_what_it_does_is_shown_first_and_changes_nothing(world: World, supplier: Supplier) -> None:
    draft = make_draft(supplier, world.blr, (world.kurta, 5))
    here, there = (
        make_placed(supplier, world.blr, (world.kurta, 7)),
        make_placed(supplier, world.delhi, (world.shoe, 2)),
    )
    rows = StockMovement.objects.count()

    placing = text_of(ask(signed_in(), "place", draft, here, there, confirmed=False))
    assert "1 of 3 chosen" in placing
    assert "Their state does not allow it" in placing
    assert "Inbound at blr-01" in placing
    assert "+5" in placing
    ending = text_of(ask(signed_in(), "cancel", draft, here, there, confirmed=False))
    assert "−7" in ending
    assert "−2" in ending
    assert "Nothing was expected of drafts: no stock changes." in ending
    assert [state_of(order) for order in (draft, here, there)] == ["draft", "placed", "placed"]
    assert StockMovement.objects.count() == rows


def test_drafts_are_placed_together_once(world: World, supplier: Supplier) -> None:
    first, second = (make_draft(supplier, world.blr, (world.kurta, units)) for units in (5, 7))
    client, key = signed_in(), str(uuid4())

    page = text_of(ask(client, "place", first, second, idempotency_key=key))
    again = text_of(ask(client, "place", first, second, idempotency_key=key))

    told = f"2 orders are placed: {first.number}, {second.number}."
    assert told in page
    assert told in again
    assert buckets(world.kurta, world.blr) == (10, 0, 12)
    assert Transition.objects.filter(model="inventory.PurchaseOrder", to_state="placed").count() == 2


def test_one_that_is_refused_is_named_with_its_reason_and_stops_no_other(world: World, supplier: Supplier) -> None:
    good = make_draft(supplier, world.blr, (world.kurta, 5))
    gone = make_draft(make_supplier("gone"), world.blr, (world.kurta, 5))
    Supplier.objects.filter(code="gone").update(is_active=False)
    placed = make_placed(supplier, world.blr, (world.shoe, 1))

    page = text_of(ask(signed_in(), "place", good, gone, placed))

    assert f"1 order is placed: {good.number}." in page
    assert f"{gone.number}: The gone is switched off: nothing is bought there." in page
    assert placed.number in page
    assert [state_of(order) for order in (good, gone, placed)] == ["placed", "draft", "placed"]
    assert buckets(world.kurta, world.blr) == (10, 0, 5)


@pytest.mark.parametrize(("do", "state", "words"), [
    ("cancel", "cancelled", "1 order is cancelled:"), ("close", "closed", "1 order is closed short:"),
])  # fmt: skip
def test_orders_end_together_with_one_reason(world: World, supplier: Supplier, do: str, state: str, words: str) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 5))

    page = text_of(ask(signed_in(), do, order, reason="Out of cloth"))

    assert words in page
    assert (state_of(order), buckets(world.kurta, world.blr)) == (state, (10, 0, 0))
    assert StockMovement.objects.latest("pk").note == "Out of cloth"
    assert Transition.objects.latest("pk").reason == "Out of cloth"


def test_orders_of_other_nodes_are_not_there_and_looking_is_not_buying(world: World, supplier: Supplier) -> None:
    mine, theirs = (make_draft(supplier, node, (world.kurta, 5)) for node in (world.blr, world.delhi))

    page = text_of(ask(signed_in(all_nodes=False, node_codes=["blr-01"]), "place", mine, theirs))
    assert "1 order is placed" in page
    assert (state_of(mine), state_of(theirs)) == ("placed", "draft")
    assert ask(signed_in("read_only"), "place", theirs).status_code == 403
    assert "Tick the orders first." in text_of(ask(signed_in(), "place"))
    assert ask(signed_in(), "sell", theirs).status_code == 422


def test_the_look_costs_the_same_for_more_orders(world: World, supplier: Supplier) -> None:
    orders = [make_draft(supplier, world.blr, (world.kurta, 5)) for _ in range(6)]
    client = signed_in()

    def statements(count: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            ask(client, "place", *orders[:count], confirmed=False)
        return len(queries)

    statements(1)
    assert statements(3) == statements(6)
