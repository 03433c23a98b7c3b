"""One step for many purchase orders: what it does first, then each that allows it."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory.models import PurchaseOrder, StockLevel, StockMovement, Supplier
from inventory.services import (
    PurchaseLine,
    PurchaseTerms,
    close_purchase_order,
    edit_purchase_order,
    place_purchase_order,
)
from oms.core.models import Transition
from oms.dashboard.inventory import purchase_bulk_views
from tests.dashboard.inventory.test_purchase_orders import LIST, read, signed_in
from tests.factories import World, make_world
from tests.inventory.purchases import buckets, make_draft, make_placed, make_supplier, state_of
from tests.threads import elsewhere

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
        seen = [f"{order.pk}:{order.version}" for order in orders]
        sent = {"confirmed": "1", "idempotency_key": str(uuid4())} | sent | {"ids": seen}
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


def test_an_order_that_was_changed_since_it_was_looked_at_is_refused(world: World, supplier: Supplier) -> None:
    same, other = (make_draft(supplier, world.blr, (world.kurta, 5)) for _ in range(2))
    client = signed_in()
    shown = ask(client, "place", same, other, confirmed=False).content.decode()
    seen = re.findall(r'name="ids" value="([^"]+)"', shown)
    assert seen == [f"{same.pk}:1", f"{other.pk}:1"]
    terms = PurchaseTerms(supplier_id=supplier.pk, node_id=world.delhi.pk)
    more = [PurchaseLine(sku_id=world.kurta.pk, quantity=500)]
    edit_purchase_order(order_id=other.pk, version=1, terms=terms, lines=more)

    page = text_of(ask(client, "place", same, other))

    assert f"1 order is placed: {same.number}." in page
    assert f"{other.number} was changed meanwhile: you saw version 1, it is at 2." in page
    assert (state_of(same), state_of(other)) == ("placed", "draft")
    assert (buckets(world.kurta, world.blr)[2], buckets(world.kurta, world.delhi)[2]) == (5, 0)


@pytest.mark.parametrize("ids", ["{pk}", "{pk}:", "{pk}:x", "{pk}:-1"])
def test_a_step_is_confirmed_only_with_what_was_seen(world: World, supplier: Supplier, ids: str) -> None:
    order = make_draft(supplier, world.blr, (world.kurta, 5))
    sent = {"do": "place", "confirmed": "1", "idempotency_key": str(uuid4()), "ids": [ids.format(pk=order.pk)]}

    response = signed_in().post(BULK, sent)

    assert (response.status_code, "This page is incomplete" in text_of(response)) == (422, True)
    assert state_of(order) == "draft"


@pytest.mark.django_db(transaction=True)
def test_each_order_is_a_transaction_of_its_own_and_the_same_form_goes_on_after_a_crash(
    world: World, supplier: Supplier, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (make_draft(supplier, world.blr, (world.kurta, units)) for units in (5, 7))
    client, key = signed_in(), str(uuid4())
    held: list[int] = []

    def dies_at_the_second(*, order_id: int, version: int | None, actor: str) -> PurchaseOrder:
        if order_id == second.pk:
            # Another connection sees the first one placed, and may change it: nothing of it is held any more.
            elsewhere(lambda: close_purchase_order(order_id=first.pk, reason="", actor="Asha"))
            held.append(StockLevel.objects.get(sku=world.kurta, node=world.blr).inbound)
            raise RuntimeError("gone")
        return place_purchase_order(order_id=order_id, version=version, actor=actor)

    with monkeypatch.context() as broken:
        broken.setattr(purchase_bulk_views, "place_purchase_order", dies_at_the_second)
        with pytest.raises(RuntimeError):
            ask(client, "place", first, second, idempotency_key=key)
    assert (state_of(first), state_of(second), held) == ("closed", "draft", [0])

    page = text_of(ask(client, "place", first, second, idempotency_key=key))

    # The first was done by the form already; doing it again would be refused, for it was changed since.
    assert f"2 orders are placed: {first.number}, {second.number}." in page
    assert (state_of(first), state_of(second)) == ("closed", "placed")
    assert Transition.objects.filter(model="inventory.PurchaseOrder", to_state="placed").count() == 2


def test_the_look_costs_the_same_for_more_orders(world: World, supplier: Supplier) -> None:
    orders = [make_draft(supplier, world.blr, (world.kurta, 5)) for _ in range(6)]
    client = signed_in()

    def statements(count: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            ask(client, "place", *orders[:count], confirmed=False)
        return len(queries)

    statements(1)
    assert statements(3) == statements(6)
