"""What people decide about suggestions: drafts of them, once; dismissing; and taking both back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from inventory.models import (
    PurchaseOrder,
    ReplenishmentRule,
    ReplenishmentSuggestion,
    Sku,
    Supplier,
    SupplierItem,
    Transfer,
)
from inventory.services import place_purchase_order, suggestions
from inventory.services.replenishing import Refreshed, refresh_suggestions
from inventory.services.suggestions import (
    Accepting,
    Decided,
    accept_suggestions,
    dismiss_suggestions,
    undo_decision,
)
from oms.core.clock import now
from oms.core.errors import DomainError
from oms.core.models import Transition
from tests.factories import World, make_world
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    """Bengaluru lacks five of each; kurtas and sarees come from the mill, shoes from Delhi, which has ten."""
    world = make_world()
    mill = Supplier.objects.create(code="mill", name="Mill", lead_days=9)
    for sku in (world.kurta, world.saree):
        SupplierItem.objects.create(supplier=mill, sku=sku, unit_cost_minor=700)
        ReplenishmentRule.objects.create(name=sku.code, sku=sku, node=world.blr, least_stock=15)
    ReplenishmentRule.objects.create(name="Shoes", sku=world.shoe, node=world.blr, from_node=world.delhi,
                                     least_stock=15, transfer_days=3)  # fmt: skip
    refresh_suggestions()
    return world


def one(sku: Sku) -> ReplenishmentSuggestion:
    return ReplenishmentSuggestion.objects.filter(sku=sku).latest("pk")


def accept(*rows: ReplenishmentSuggestion, **quantities: int) -> Decided:
    items = [Accepting(row.pk, quantities.get(row.sku.code.partition("-")[0].lower())) for row in rows]
    return accept_suggestions(items=items, actor="Meera")


def lines(document: PurchaseOrder | Transfer) -> list[tuple[str, int]]:
    return list(document.lines.order_by("sku__code").values_list("sku__code", "quantity"))


def test_accepted_suggestions_become_one_draft_for_each_supplier_and_each_pair_of_nodes(world: World) -> None:
    kurta, saree, shoe = one(world.kurta), one(world.saree), one(world.shoe)
    decided = accept(kurta, saree, shoe, saree=12)
    order, transfer = PurchaseOrder.objects.get(), Transfer.objects.get()
    assert (order.state, order.supplier.code, order.node, order.created_by) == ("draft", "mill", world.blr, "Meera")
    assert lines(order) == [("KURTA-M", 5), ("SAREE-1", 12)]
    assert set(order.lines.values_list("unit_cost_minor", flat=True)) == {700}
    assert (transfer.state, transfer.from_node, transfer.to_node) == ("draft", world.delhi, world.blr)
    assert lines(transfer) == [("SHOE-42", 5)]
    assert transfer.expected_on is not None
    assert transfer.expected_on - now().date() <= timedelta(days=4)
    assert sorted(decided.done) == sorted(row.pk for row in (kurta, saree, shoe))
    assert decided.refused == {}
    assert {(row.kind, row.number) for row in decided.drafts} == {
        ("purchase_order", order.number), ("transfer", transfer.number)
    }  # fmt: skip
    saree.refresh_from_db()
    assert (saree.state, saree.quantity, saree.sums["quantity"]) == ("accepted", 12, 5)
    assert (saree.purchase_order, saree.decided_by, saree.decided_at is not None) == (order, "Meera", True)
    assert Transition.objects.filter(model="inventory.ReplenishmentSuggestion", actor="Meera").count() == 3


def test_accepting_again_drafts_nothing_and_says_by_whom_it_was_done(world: World) -> None:
    kurta = one(world.kurta)
    accept(kurta)
    again = accept(kurta)
    number = PurchaseOrder.objects.get().number
    assert again.done == []
    assert again.drafts == []
    assert again.refused == {kurta.pk: f"KURTA-M for blr-01: {number} was made from it before, by Meera."}
    assert refresh_suggestions() == Refreshed()  # the draft counts as ordered


@pytest.mark.django_db(transaction=True)
def test_many_who_accept_the_same_at_once_make_one_draft_of_each(world: World) -> None:
    rows = [one(world.kurta), one(world.saree), one(world.shoe)]
    results = at_once([lambda: accept(*rows)] * 4)
    assert sorted(len(result.done) for result in results) == [0, 0, 0, 3]
    assert (PurchaseOrder.objects.count(), Transfer.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_who_accepts_while_a_run_goes_on_is_not_suggested_the_same_again(world: World) -> None:
    rows = [one(world.kurta), one(world.saree), one(world.shoe)]
    tasks: list[Callable[[], object]] = [lambda: accept(*rows), refresh_suggestions, refresh_suggestions]
    at_once(tasks)
    assert set(ReplenishmentSuggestion.objects.values_list("state", flat=True)) == {"accepted"}


@pytest.mark.django_db(transaction=True)
def test_dying_between_two_drafts_keeps_the_first_with_its_suggestions_and_nothing_of_the_second(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(**_fields: Any) -> None:
        raise RuntimeError("the machine is gone")

    rows = [one(world.kurta), one(world.saree), one(world.shoe)]
    monkeypatch.setattr(suggestions, "draft_transfer", dies)
    with pytest.raises(RuntimeError):
        accept(*rows)
    assert [one(sku).state for sku in (world.kurta, world.saree, world.shoe)] == ["accepted", "accepted", "open"]
    monkeypatch.undo()
    assert len(accept(*rows).refused) == 2
    assert (PurchaseOrder.objects.count(), Transfer.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_dying_after_a_draft_was_written_leaves_no_draft(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: Any, **_fields: Any) -> None:
        raise RuntimeError("the machine is gone")

    monkeypatch.setattr(suggestions, "advance_many", dies)
    with pytest.raises(RuntimeError):
        accept(one(world.kurta))
    assert PurchaseOrder.objects.count() == 0
    assert one(world.kurta).state == "open"


def test_what_cannot_be_drafted_is_refused_row_by_row_and_the_rest_is_done(world: World) -> None:
    kurta, saree = one(world.kurta), one(world.saree)
    SupplierItem.objects.filter(sku=world.saree).delete()
    refresh_suggestions()
    decided = accept_suggestions(
        items=[Accepting(kurta.pk), Accepting(saree.pk), Accepting(one(world.shoe).pk, 0), Accepting(10**9)],
        actor="Meera",
    )
    assert decided.done == [kurta.pk]
    assert sorted(decided.refused.values()) == [
        "SAREE-1 for blr-01: no supplier sells it. Add the SKU to a supplier's items first.",
        "SHOE-42 for blr-01: 0 is not a quantity; expected a whole number from 1.",
        "There is no such suggestion.",
    ]
    with pytest.raises(DomainError, match="Name each suggestion once"):
        accept_suggestions(items=[Accepting(kurta.pk), Accepting(kurta.pk)], actor="Meera")
    with pytest.raises(DomainError, match="Choose 1 to 2000"):
        accept_suggestions(items=[], actor="Meera")


def test_dismissed_for_three_days_with_a_reason(world: World) -> None:
    kurta = one(world.kurta)
    decided = dismiss_suggestions(suggestion_ids=[kurta.pk], reason=" Goes out of season ", days=3, actor="Meera")
    kurta.refresh_from_db()
    assert decided.done == [kurta.pk]
    assert (kurta.state, kurta.reason, kurta.decided_by) == ("dismissed", "Goes out of season", "Meera")
    assert kurta.snoozed_until is not None
    assert kurta.decided_at is not None
    assert kurta.snoozed_until - kurta.decided_at == timedelta(days=3)
    again = dismiss_suggestions(suggestion_ids=[kurta.pk], reason="Again", days=3, actor="Meera")
    assert again.refused == {kurta.pk: "KURTA-M for blr-01: the suggestion is dismissed."}
    for reason, days, words in (("", 3, "Say why"), ("No", 0, "expected 1 to 365"), ("No", 366, "expected 1 to 365")):
        with pytest.raises(DomainError, match=words):
            dismiss_suggestions(suggestion_ids=[one(world.saree).pk], reason=reason, days=days, actor="Meera")
    assert one(world.saree).state == "open"


def test_taking_back_cancels_the_untouched_draft_and_opens_all_its_suggestions(world: World) -> None:
    kurta, saree = one(world.kurta), one(world.saree)
    accept(kurta, saree, kurta=9)
    decided = undo_decision(suggestion_ids=[kurta.pk], actor="Ravi")
    order = PurchaseOrder.objects.get()
    assert order.state == "cancelled"
    assert decided.drafts[0].number == order.number
    assert decided.done == sorted([kurta.pk, saree.pk])
    kurta.refresh_from_db()
    assert (kurta.state, kurta.quantity, kurta.purchase_order, kurta.decided_by) == ("open", 5, None, "")
    assert refresh_suggestions() == Refreshed()
    assert accept(kurta).done == [kurta.pk]


def test_a_draft_that_was_placed_is_kept_with_its_suggestions(world: World) -> None:
    kurta = one(world.kurta)
    accept(kurta)
    order = PurchaseOrder.objects.get()
    place_purchase_order(order_id=order.pk, actor="Meera")
    decided = undo_decision(suggestion_ids=[kurta.pk], actor="Ravi")
    assert decided.done == []
    assert decided.refused == {
        kurta.pk: f"{order.number} was changed or is on its way: it is kept. Cancel it where it stands."
    }
    assert one(world.kurta).state == "accepted"


def test_a_dismissal_is_taken_back_unless_something_else_is_suggested_by_now(world: World) -> None:
    kurta = one(world.kurta)
    dismiss_suggestions(suggestion_ids=[kurta.pk], reason="No", days=1, actor="Meera")
    assert undo_decision(suggestion_ids=[kurta.pk], actor="Meera").done == [kurta.pk]
    kurta.refresh_from_db()
    assert (kurta.state, kurta.reason, kurta.snoozed_until) == ("open", "", None)
    dismiss_suggestions(suggestion_ids=[kurta.pk], reason="No", days=1, actor="Meera")
    ReplenishmentSuggestion.objects.filter(pk=kurta.pk).update(snoozed_until=now() - timedelta(days=1))
    refresh_suggestions()
    undo_decision(suggestion_ids=[kurta.pk], actor="Meera")
    states = ReplenishmentSuggestion.objects.filter(sku=world.kurta).order_by("pk").values_list("state", flat=True)
    assert list(states) == ["outdated", "open"]
