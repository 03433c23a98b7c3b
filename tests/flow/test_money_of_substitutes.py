"""Cheaper substitutes: what is due back follows what the order costs, whenever the money came."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fulfillment.services import cancel_order
from fulfillment.services.substituting import take_back_substitute
from inventory.models import Node, Sku
from inventory.services import set_substitutes
from orders.canonical import CanonicalPayment
from orders.models import Order, OrderLine, Payment
from orders.services import record_payment
from routing.policy.document import Document, Fallback, Rule
from routing.services import create_draft, forget_policy, publish, substitute_line
from tests.factories import World, capture, make_line, make_order, make_sku, make_world, stock
from tests.flow.driver import drain

pytestmark = pytest.mark.django_db(transaction=True)
#: Two kurtas cost 199,800; two of the cheap SKU half of it.
AGREED, SAVED = 199_800, 99_900


@pytest.fixture
def world() -> World:
    forget_policy()
    made = make_world()
    for node in (made.blr, made.delhi):
        stock(made.kurta, node, 0)
    return made


@pytest.fixture
def cheap(world: World) -> Sku:
    """Half the price; it may stand in for a kurta by every rule."""
    return stands_in(world, 49_950)


def stands_in(world: World, price_minor: int) -> Sku:
    sku = make_sku("CHEAP", price_minor=price_minor)
    stock(sku, world.blr, 5)
    set_substitutes(sku_id=world.kurta.pk, substitute_ids=[sku.pk], actor="Asha")
    draft = create_draft(
        name="Rules", actor="Asha", document=Document((Rule("Every order", fallback=Fallback(substitute=True)),))
    )
    publish(policy_id=draft.pk, edit_version=1, note="So", actor="Asha")
    forget_policy()
    return sku


def ordered(world: World, *, captured: int, shoes: int = 0) -> int:
    amount = AGREED + shoes * 99_900
    lines = [make_line(world.kurta, 2), *([make_line(world.shoe, shoes)] if shoes else [])]
    payment = CanonicalPayment(method="prepaid", state="paid" if captured else "pending", captured_minor=captured,
                               amount_minor=amount)  # fmt: skip
    order_id = capture(world, make_order("A", *lines, substitutions="allowed", payment=payment))
    drain()
    return order_id


def due() -> int:
    return Payment.objects.get().refund_due_minor


def added() -> OrderLine:
    return OrderLine.objects.filter(substitute_for__isnull=False).latest("pk")


def test_what_is_paid_after_the_substitution_is_judged_by_what_the_order_costs_now(world: World, cheap: Sku) -> None:
    order_id = ordered(world, captured=0)
    assert due() == 0

    record_payment(order_id=order_id, state="paid", captured_minor=AGREED, actor="shop")
    assert due() == SAVED
    record_payment(order_id=order_id, state="partially_refunded", refunded_minor=SAVED, actor="shop")
    assert due() == 0


def test_a_refund_is_not_given_twice_for_a_substitute_that_is_taken_back_and_chosen_again(
    world: World, cheap: Sku
) -> None:
    order_id = ordered(world, captured=AGREED)
    assert due() == SAVED
    record_payment(order_id=order_id, state="partially_refunded", refunded_minor=SAVED, actor="shop")

    take_back_substitute(order_id=order_id, line_id=added().pk, actor="Asha")
    line = OrderLine.objects.get(sku_code="KURTA-M")
    substitute_line(order_id=order_id, line_id=line.pk, sku_id=cheap.pk, units=2, actor="Asha")
    assert due() == 0


def test_taking_back_leaves_the_refund_of_something_else_alone(world: World, cheap: Sku) -> None:
    order_id = ordered(world, captured=0, shoes=2)
    record_payment(order_id=order_id, state="paid", captured_minor=Payment.objects.get().amount_minor, actor="shop")
    shoe = OrderLine.objects.get(sku_code="SHOE-42")
    value = shoe.total_minor // 2
    cancel_order(order_id=order_id, reason="changed_mind", actor="Ravi", lines={shoe.pk: 1})
    assert due() == SAVED + value

    take_back_substitute(order_id=order_id, line_id=added().pk, actor="Asha")
    assert due() == value


def test_what_is_cancelled_before_it_is_paid_is_due_once_it_is(world: World, cheap: Sku) -> None:
    order_id = ordered(world, captured=0, shoes=1)
    shoe = OrderLine.objects.get(sku_code="SHOE-42")
    done = cancel_order(order_id=order_id, reason="changed_mind", actor="Ravi", lines={shoe.pk: 1})
    assert (done.refund_minor, due()) == (0, 0)

    record_payment(order_id=order_id, state="paid", captured_minor=Payment.objects.get().amount_minor, actor="shop")
    assert due() == SAVED + shoe.total_minor


def test_cancelling_the_whole_order_makes_all_due_that_was_not_given_back(world: World, cheap: Sku) -> None:
    order_id = ordered(world, captured=AGREED)
    record_payment(order_id=order_id, state="partially_refunded", refunded_minor=SAVED, actor="shop")

    done = cancel_order(order_id=order_id, reason="changed_mind", actor="Ravi")
    assert (done.refund_minor, due()) == (AGREED - SAVED, AGREED - SAVED)


def test_an_order_in_another_currency_costs_what_was_agreed(world: World) -> None:
    stands_in(world, 149_900)
    line = replace(make_line(world.kurta, 1), unit_price_minor=2_000_000)
    payment = CanonicalPayment(method="prepaid", state="paid", amount_minor=2_000_000, captured_minor=2_000_000)
    capture(world, make_order("A", line, substitutions="allowed", currency="HUF", payment=payment))
    drain()

    assert (Order.objects.get().currency, added().total_minor, due()) == ("HUF", 2_000_000, 0)


def test_a_price_without_its_tax_is_compared_with_its_tax(world: World) -> None:
    stands_in(world, 110_000)
    line = replace(make_line(world.kurta, 1), unit_price_minor=100_000, tax_minor=18_000, tax_included=False)
    capture(world, make_order("A", line, substitutions="allowed"))
    drain()

    assert added().total_minor == 110_000


def test_a_node_that_is_full_today_is_waited_for(world: World, cheap: Sku) -> None:
    stock(world.kurta, world.blr, 50)
    stock(cheap, world.delhi, 5)
    Node.objects.filter(pk=world.blr.pk).update(daily_capacity=0)
    ordered(world, captured=AGREED)

    assert OrderLine.objects.count() == 1
