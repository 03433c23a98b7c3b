"""What no node has is sold as another SKU: once, never dearer, never oversold, and back again before it is picked."""

from __future__ import annotations

import random
from contextlib import suppress
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from channels.kits import explode_order
from channels.services.apply import held_lines
from channels.services.outbound_lines import shipped_lines, untold_cancellations
from fulfillment.models import FulfillmentOrder
from fulfillment.services import accept, cancel_order, open_fulfillment_orders, pick, report_short
from fulfillment.services.substituting import take_back_substitute
from inventory.models import Sku, StockLevel
from inventory.selectors.kits import read_recipes
from inventory.services import audit_stock, set_substitutes
from oms.core.clock import now
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.events import Recorded
from oms.core.models import OutboxEvent
from oms.flow import substituting
from oms.flow.substituting import substitute_all
from oms.integrations.payloads import line_substituted
from oms.notifications.models import Message
from oms.reporting.stock_audit import ORDER_CHECKS
from orders.canonical import CanonicalOrder, CanonicalPayment
from orders.errors import CannotEdit
from orders.events import LineSubstituted
from orders.models import Order, OrderEvent, OrderLine, Payment
from orders.services import allow_substitutions
from routing.engine import faults_of
from routing.models import RoutingDecision
from routing.policy.document import Document, Fallback, Rule
from routing.services import create_draft, forget_policy, publish, route_orders, substitute_line
from tests.factories import World, capture, make_line, make_order, make_sku, make_world, stock
from tests.flow.driver import drain
from tests.kits import make_kit
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    """Nobody has a kurta; a saree may stand in for it, and after that a shoe."""
    forget_policy()
    world = make_world()
    for node in (world.blr, world.delhi):
        stock(world.kurta, node, 0)
    set_substitutes(sku_id=world.kurta.pk, substitute_ids=[world.saree.pk, world.shoe.pk], actor="Asha")
    return world


def rules(**fallback: bool) -> None:
    rule = Rule("Every order", fallback=Fallback(**fallback))  # type: ignore[arg-type]
    draft = create_draft(name="Rules", actor="Asha", document=Document((rule,)))
    publish(policy_id=draft.pk, edit_version=1, note="So", actor="Asha")
    forget_policy()


def order_of(world: World, quantity: int = 2, name: str = "A", **fields: object) -> CanonicalOrder:
    return make_order(name, make_line(world.kurta, quantity), **({"substitutions": "allowed"} | fields))


def lines() -> list[OrderLine]:
    return list(OrderLine.objects.order_by("pk"))


def require_that_all_adds_up() -> None:
    assert audit_stock(more=ORDER_CHECKS).differences == 0
    for level in StockLevel.objects.all():
        assert 0 <= level.reserved <= level.on_hand


def test_a_rule_substitutes_what_no_node_has_and_everybody_is_told(world: World) -> None:
    rules(substitute=True)
    order_id = capture(world, order_of(world))
    drain()

    original, added = lines()
    assert (original.cancelled, original.backordered) == (2, 0)
    assert (added.sku_code, added.quantity, added.released, added.substitute_for_id) == ("SAREE-1", 2, 2, original.pk)
    assert added.total_minor == original.total_minor == 199_800
    decision = RoutingDecision.objects.latest("pk")
    assert decision.sentence.startswith("Substituted 2 x KURTA-M by SAREE-1: no node has it (rule “Every order”).")
    assert not faults_of(decision.candidates)
    entry = OrderEvent.objects.get(order_id=order_id, kind="substituted")
    assert entry.message == "2 x KURTA-M substituted by SAREE-1: no node has it (rule “Every order”)."
    letter = Message.objects.get(template="substituted")
    assert "2 x The SAREE-1" in letter.text
    assert "2 x The KURTA-M" in letter.text
    assert Order.objects.get().stage == "released"
    assert not OutboxEvent.objects.filter(kind="orders.OrderCancelled").exists()
    assert untold_cancellations(Order.objects.get()) == {}
    require_that_all_adds_up()


@pytest.mark.parametrize(("rule", "order"), [(False, "allowed"), (True, "never")])
def test_without_the_rule_or_the_customer_nothing_is_substituted(world: World, rule: bool, order: str) -> None:
    rules(substitute=rule)
    capture(world, order_of(world, substitutions=order))
    drain()
    substitute_all()

    [line] = lines()
    assert line.backordered == 2


def test_only_what_is_missing_is_substituted_also_of_orders_that_ship_whole(world: World) -> None:
    rules(substitute=True, partial=False)
    order = make_order("A", make_line(world.shoe, 3), make_line(world.kurta, 2), substitutions="allowed")
    capture(world, order)
    drain()

    shoe, kurta, added = lines()
    assert (shoe.released, kurta.cancelled, added.sku_code, added.released) == (3, 2, "SAREE-1", 2)


def test_the_first_choice_that_can_be_shipped_is_taken(world: World) -> None:
    rules(substitute=True)
    for node in (world.blr, world.delhi):
        stock(world.saree, node, 0)
    capture(world, order_of(world))
    drain()

    assert [line.sku_code for line in lines()] == ["KURTA-M", "SHOE-42"]


def test_what_cannot_be_shipped_either_leaves_no_trace_until_stock_of_it_comes(world: World) -> None:
    rules(substitute=True)
    for sku in (world.saree, world.shoe):
        for node in (world.blr, world.delhi):
            stock(sku, node, 0)
    capture(world, order_of(world))
    drain()
    assert [line.backordered for line in lines()] == [2]

    stock(world.saree, world.delhi, 1)
    assert substitute_all() == "1 looked at"
    assert [line.backordered for line in lines()] == [2]
    assert not OrderEvent.objects.filter(kind="substituted").exists()
    stock(world.saree, world.delhi, 2)
    assert (substitute_all(), substitute_all()) == ("1 looked at", "0 looked at")
    assert [line.sku_code for line in lines()] == ["KURTA-M", "SAREE-1"]


def test_a_cheaper_substitute_costs_less_and_the_rest_is_due_back(world: World) -> None:
    cheap = make_sku("CHEAP", price_minor=49_950)
    stock(cheap, world.blr, 5)
    set_substitutes(sku_id=world.kurta.pk, substitute_ids=[cheap.pk], actor="Asha")
    rules(substitute=True)
    capture(world, order_of(world))
    drain()

    added = lines()[1]
    assert (added.unit_price_minor, added.total_minor, added.tax_minor) == (49_950, 99_900, 4_757)
    assert Payment.objects.get().refund_due_minor == 99_900
    take_back_substitute(order_id=added.order_id, line_id=added.pk, actor="Asha")
    assert Payment.objects.get().refund_due_minor == 0


def test_a_substitution_is_taken_back_before_picking_and_not_made_again_by_itself(world: World) -> None:
    rules(substitute=True)
    order_id = capture(world, order_of(world))
    drain()
    added = lines()[1]

    said = [take_back_substitute(order_id=order_id, line_id=added.pk, actor="Asha") for _ in range(2)]
    drain()
    substitute_all()

    original, added = lines()
    assert said == [2, 0]
    assert (original.backordered, original.cancelled, added.cancelled) == (2, 0, 2)
    assert (Order.objects.get().stage, untold_cancellations(Order.objects.get())) == ("backordered", {})
    assert not StockLevel.objects.filter(reserved__gt=0).exists()
    assert Message.objects.filter(template="substitute_taken_back").count() == 1
    require_that_all_adds_up()


def test_a_person_chooses_a_substitute_whatever_the_rule_says(world: World) -> None:
    order_id = capture(world, order_of(world, substitutions="never"))
    route_orders([order_id], trigger="captured")
    [line] = lines()
    choose = partial(substitute_line, order_id=order_id, line_id=line.pk, actor="Asha")

    with pytest.raises(CannotEdit, match="takes no substitutes"):
        choose(sku_id=world.shoe.pk, units=2)
    assert allow_substitutions(order_id=order_id, allowed=True, actor="Asha")
    with pytest.raises(Conflict, match="2 units of KURTA-M wait now"):
        choose(sku_id=world.shoe.pk, units=1)
    with pytest.raises(CannotEdit, match="does not stand in"):
        choose(sku_id=make_sku("OTHER").pk, units=2)
    added = choose(sku_id=world.shoe.pk, units=2)

    with pytest.raises(Conflict):
        choose(sku_id=world.shoe.pk, units=2)
    assert OrderLine.objects.get(pk=added.pk).allocated == 2
    assert "chosen by Asha." in RoutingDecision.objects.latest("pk").sentence


def test_a_person_is_told_where_no_node_can_ship_it_and_nothing_changes(world: World) -> None:
    order_id = capture(world, order_of(world, quantity=25))
    route_orders([order_id], trigger="captured")
    [line] = lines()

    with pytest.raises(DomainError, match="No node can ship 25 x SHOE-42"):
        substitute_line(order_id=order_id, line_id=line.pk, sku_id=world.shoe.pk, units=25, actor="Asha")
    assert [each.backordered for each in lines()] == [25]
    require_that_all_adds_up()


def test_components_of_kits_are_not_substituted(world: World) -> None:
    rules(substitute=True)
    kit = make_kit("SET-1", (world.kurta, 1), (world.shoe, 1))
    with pytest.raises(DomainError, match="SET-1 is a kit"):
        set_substitutes(sku_id=kit.pk, substitute_ids=[world.shoe.pk], actor="Asha")
    sold = make_order("A", make_line(kit), substitutions="allowed")
    order_id = capture(world, explode_order(sold, read_recipes([kit.pk])))
    drain()
    substitute_all()
    part = OrderLine.objects.get(order=order_id, sku_code="KURTA-M")

    assert (part.backordered, OrderLine.objects.filter(substitute_for__isnull=False).count()) == (1, 0)
    with pytest.raises(CannotEdit, match="part of a kit"):
        substitute_line(order_id=order_id, line_id=part.pk, sku_id=world.saree.pk, units=1, actor="Asha")
    with pytest.raises(NotFound):
        take_back_substitute(order_id=order_id, line_id=0, actor="Asha")


def test_what_nobody_has_in_hand_of_a_substitute_is_taken_back_and_the_rest_stays(world: World) -> None:
    rules(substitute=True)
    for node, units in ((world.delhi, 0), (world.blr, 2)):
        stock(world.saree, node, units)
    order_id = capture(world, order_of(world))
    drain()
    work = FulfillmentOrder.objects.get()
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    line = work.lines.get()
    pick(fulfillment_order_id=work.pk, actor="Asha", line_id=line.pk)
    report_short(fulfillment_order_id=work.pk, line_id=line.pk, quantity=1, reason="not_found", actor="Asha")
    drain()

    original, added = lines()
    assert take_back_substitute(order_id=order_id, line_id=added.pk, actor="Asha") == 1
    original, added = lines()
    assert (original.backordered, original.cancelled, added.picked, added.cancelled) == (1, 1, 1, 1)
    with pytest.raises(CannotEdit, match="is being picked"):
        take_back_substitute(order_id=order_id, line_id=added.pk, actor="Asha")
    require_that_all_adds_up()


def test_nobody_waits_for_ever_behind_orders_that_cannot_be_shipped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules(substitute=True)
    for sku in (world.saree, world.shoe):
        for node in (world.blr, world.delhi):
            stock(sku, node, 0)
    capture(world, order_of(world, 2, "first"))
    last = capture(world, order_of(world, 1, "last"))
    drain()
    stock(world.saree, world.delhi, 1)
    monkeypatch.setattr(substituting, "PAGE", 1)
    monkeypatch.setattr(substituting, "SECONDS", 0.0)
    monkeypatch.setattr(substituting._Place, "after", 0)

    assert [substitute_all(), substitute_all()] == ["1 looked at", "1 looked at"]
    assert OrderLine.objects.get(substitute_for__isnull=False).order_id == last


def test_two_who_substitute_at_once_do_it_once(world: World) -> None:
    rules(substitute=True)
    order_id = capture(world, order_of(world))
    route_orders([order_id], trigger="captured")

    at_once([substitute_all] * 4)

    assert [(line.sku_code, line.quantity) for line in lines()] == [("KURTA-M", 2), ("SAREE-1", 2)]
    require_that_all_adds_up()


def test_many_orders_that_want_the_last_substitutes_never_sell_them_twice(world: World) -> None:
    rules(substitute=True)
    for sku, units in ((world.saree, 3), (world.shoe, 2)):
        stock(sku, world.blr, units)
        stock(sku, world.delhi, 0)
    ids = [capture(world, order_of(world, quantity=1, name=str(n))) for n in range(8)]
    route_orders(ids, trigger="captured")

    at_once([substitute_all] * 4)
    substitute_all()

    sold = [line for line in lines() if line.substitute_for_id is not None]
    assert sorted(line.sku_code for line in sold) == ["SAREE-1"] * 3 + ["SHOE-42"] * 2
    assert OrderLine.objects.filter(backordered=1).count() == 3
    require_that_all_adds_up()


def test_taking_back_and_cancelling_at_once_leave_every_unit_in_one_place(world: World) -> None:
    rules(substitute=True)
    order_id = capture(world, order_of(world))
    route_orders([order_id], trigger="captured")
    substitute_all()
    open_fulfillment_orders([order_id])
    added = lines()[1]

    def take_back() -> object:
        return take_back_substitute(order_id=order_id, line_id=added.pk, actor="Asha")

    def cancel() -> object:
        return cancel_order(order_id=order_id, reason="So", actor="Ravi")

    at_once([take_back, cancel])

    assert Order.objects.get().stage == "cancelled"
    assert Payment.objects.get().refund_due_minor == 199_800
    require_that_all_adds_up()


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_units_and_money_add_up(world: World, seed: int) -> None:
    dice = random.Random(seed)
    cheap = make_sku("CHEAP", price_minor=33_333)
    stock(cheap, world.blr, 3)
    set_substitutes(sku_id=world.kurta.pk, substitute_ids=[cheap.pk, world.saree.pk], actor="Asha")
    order_id = capture(world, order_of(world, quantity=4))
    route_orders([order_id], trigger="captured")
    original = lines()[0]
    gone = 0

    def choose() -> None:
        line = OrderLine.objects.get(pk=original.pk)
        sku = dice.choice([cheap, world.saree])
        substitute_line(order_id=order_id, line_id=line.pk, sku_id=sku.pk, units=line.backordered, actor="Asha")

    def undo() -> None:
        take_back_substitute(order_id=order_id, line_id=dice.choice(lines()).pk, actor="Asha")

    def cancel_one() -> None:
        nonlocal gone
        cancel_order(order_id=order_id, reason="So", actor="Ravi", lines={dice.choice(lines()).pk: 1})
        gone += 1

    for _ in range(10):
        with suppress(DomainError):
            dice.choice([choose, undo, undo, choose, cancel_one])()
        every = lines()
        added = [line for line in every if line.substitute_for_id is not None]
        live = sum(line.quantity - line.cancelled for line in every)
        assert live == 4 - gone
        assert sum(line.quantity - line.cancelled for line in added) <= every[0].cancelled
        payment = Payment.objects.get()
        assert 0 <= payment.refund_due_minor <= payment.captured_minor
        assert payment.captured_minor - payment.refund_due_minor >= sum(
            line.total_minor * (line.quantity - line.cancelled) // line.quantity for line in every
        ) - len(every)
        assert sum(untold_cancellations(Order.objects.get()).values()) == gone
    require_that_all_adds_up()


def test_the_channel_knows_the_line_that_was_ordered_only(world: World) -> None:
    rules(substitute=True)
    order_id = capture(world, order_of(world, quantity=3))
    drain()
    original, added = lines()

    [held] = held_lines(list(OrderLine.objects.select_related("kit").order_by("pk")))
    assert (held.external_id, held.quantity, held.cancelled, held.cancellable) == ("KURTA-M-line", 3, 0, 3)
    assert (held.units_of(2), held.left_units()) == ({added.pk: 2}, {added.pk: 3})
    assert shipped_lines([(order_id, {added.pk: 2})]) == [{"KURTA-M-line": 2}]
    cancel_order(order_id=order_id, reason="So", actor="Ravi", lines={added.pk: 1})
    assert untold_cancellations(Order.objects.get()) == {"KURTA-M-line": 1}


def test_cash_on_delivery_collects_what_the_substitute_costs(world: World) -> None:
    cheap = make_sku("CHEAP", price_minor=50_000)
    stock(cheap, world.blr, 5)
    set_substitutes(sku_id=world.kurta.pk, substitute_ids=[cheap.pk], actor="Asha")
    rules(substitute=True)
    capture(world, make_order(
        "A", make_line(world.shoe, 1), make_line(world.kurta, 1), substitutions="allowed", cod_fee_minor=5_000,
        payment=CanonicalPayment(method="cod", state="pending"),
    ))  # fmt: skip
    drain()

    order = Order.objects.get()
    every = list(order.lines.all())
    units = {line.pk: line.quantity - line.cancelled for line in every}
    assert _cash(order, units) == 99_900 + 50_000 + 5_000


def _cash(order: Order, units: dict[int, int]) -> int:
    from fulfillment.services.cash import _due  # noqa: PLC0415 - what every amount to collect is made from

    return _due(order, units, but=0)


def test_other_systems_are_told_of_both_skus(world: World) -> None:
    rules(substitute=True)
    order_id = capture(world, order_of(world))
    drain()
    original, added = lines()
    event = LineSubstituted(order_id=order_id, line_id=original.pk, substitute_line_id=added.pk, units=2)

    [news] = line_substituted([Recorded(id=7, event=event, at=now())])

    assert news.data is not None
    assert (news.data["units"], news.data["line"]["sku"], news.data["substitute"]["sku"]) == (2, "KURTA-M", "SAREE-1")
    assert news.sku_ids == frozenset({world.kurta.pk, world.saree.pk})


def test_the_database_refuses_units_that_are_sold_twice(world: World) -> None:
    capture(world, order_of(world))
    [line] = lines()
    with pytest.raises(IntegrityError, match="do not match"):
        OrderLine.objects.create(order=line.order, external_id="x", sku_code="SHOE-42", sku_id=world.shoe.pk,
                                 quantity=1, unallocated=1, substitute_for=line)  # fmt: skip
    assert [each.pk for each in lines()] == [line.pk]


def test_a_kit_cannot_slip_in(world: World) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Sku.objects.filter(pk=world.saree.pk).update(is_kit=True)
