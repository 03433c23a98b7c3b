"""The explanation of what a channel may sell is the number that is published, for whatever stock there is."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.models import ChannelAccount, Listing
from channels.selectors import explain_sellable
from channels.services import refresh_listings, refresh_sellable
from inventory.models import (
    Bucket,
    BufferRule,
    ChannelBuffer,
    Node,
    NodeGroup,
    PurchaseOrder,
    Reservation,
    Supplier,
)
from inventory.services import Posting, apply_buffers, post, set_safety_stock
from oms.core.clock import now
from oms.core.ids import uuid7
from orders.models import OrderLine, SalesChannel
from routing.models import ChannelSourcing
from tests.factories import World, capture, make_line, make_node, make_order, stock


@pytest.fixture
def listing(world: World, account: ChannelAccount) -> Listing:
    """The kurta on the web shop."""
    return Listing.objects.create(account=account, external_sku="KURTA-M", sku=world.kurta)


def wanted(listing: Listing) -> int | None:
    refresh_listings([listing.pk])
    listing.refresh_from_db()
    return listing.wanted_quantity


def sentence(world: World, seen: list[str] | None = None) -> str:
    [found] = explain_sellable(sku_id=world.kurta.pk, channel_ids=[world.channel.pk])
    return found.sentence(seen)


def hide(world: World, node: Node, units: int) -> None:
    """A rule hides units from the web shop."""
    rule = BufferRule.objects.create(name="Hidden", amount=units, channel_code="web")
    ChannelBuffer.objects.create(sku=world.kurta, node=node, channel_code="web", units=units, rule=rule)


def test_the_sentence_names_nodes_waiting_threshold_and_cap(world: World, listing: Listing) -> None:
    ChannelSourcing.objects.update(threshold=2, cap=12)
    stock(world.kurta, world.delhi, 8)
    hide(world, world.blr, 1)
    capture(world, make_order("1", make_line(world.kurta, 3)))

    assert sentence(world) == "12 = 9 blr-01 + 8 del-01 − 3 waiting − 2 threshold, cap 12"
    assert sentence(world, ["blr-01"]) == "12 = 9 blr-01 + 8 other nodes − 3 waiting − 2 threshold, cap 12"
    assert wanted(listing) == 12


def test_threshold_and_cap_of_the_listing_stand_before_the_channels(world: World, listing: Listing) -> None:
    ChannelSourcing.objects.update(threshold=2, cap=12)
    Listing.objects.update(threshold=0, cap=19)
    assert wanted(listing) == 19
    Listing.objects.update(threshold=None, cap=0)
    assert wanted(listing) == 0


def test_goods_on_order_are_sold_where_the_listing_says_so_and_as_far_as_they_have_a_date(
    world: World, listing: Listing
) -> None:
    stock(world.kurta, world.blr, 0)
    stock(world.kurta, world.delhi, 0)
    supplier = Supplier.objects.create(code="mill", name="The mill")
    for number, units, day in (("PO-1", 6, date(2026, 12, 1)), ("PO-2", 5, None)):
        order = PurchaseOrder.objects.create(number=number, supplier=supplier, node=world.blr, state="placed",
                                             expected_on=day)  # fmt: skip
        order.lines.create(sku=world.kurta, quantity=units, open_quantity=units)
        post([Posting(op_key=number, sku_id=world.kurta.pk, node_id=world.blr.pk, from_bucket=Bucket.SUPPLIER,
                      to_bucket=Bucket.INBOUND, quantity=units, reason="expected")])  # fmt: skip
    assert wanted(listing) == 0
    Listing.objects.update(sells_inbound=True)
    assert wanted(listing) == 6

    # Two were sold and wait for it: they are promised already.
    order_id = capture(world, make_order("1", make_line(world.kurta, 2)))
    OrderLine.objects.filter(order=order_id).update(unallocated=0, backordered=2)
    assert wanted(listing) == 4
    assert sentence(world) == "4 = 6 inbound − 2 waiting − 0 threshold"


def test_units_of_a_hold_whose_time_is_up_may_be_sold(world: World, listing: Listing) -> None:
    post([Posting(op_key="hold", sku_id=world.kurta.pk, node_id=world.blr.pk, from_bucket=Bucket.DEMAND,
                  to_bucket=Bucket.RESERVED, quantity=4, reason="reserve")])  # fmt: skip
    hold = Reservation.objects.create(
        purpose="checkout", line_uid=uuid7(), reference="cart", sku=world.kurta, node=world.blr, state="soft",
        quantity=4, open_quantity=4, expires_at=now() + timedelta(minutes=5),
    )  # fmt: skip
    assert wanted(listing) == 16
    Reservation.objects.filter(pk=hold.pk).update(expires_at=now() - timedelta(seconds=1))
    assert wanted(listing) == 20


def test_a_channel_that_does_not_list_the_sku_is_explained_too(world: World, account: ChannelAccount) -> None:
    other = SalesChannel.objects.create(code="app", name="App", kind="website")
    found = explain_sellable(sku_id=world.kurta.pk, channel_ids=[world.channel.pk, other.pk])
    assert [(each.channel_code, each.listing_id, each.quantity) for each in found] == [
        ("app", None, 20), ("web", None, 20),
    ]  # fmt: skip


def test_one_statement_explains_every_channel(world: World, listing: Listing) -> None:
    more = [SalesChannel.objects.create(code=f"c{n}", name=f"C{n}", kind="website").pk for n in range(4)]
    with CaptureQueriesContext(connection) as captured:
        explain_sellable(sku_id=world.kurta.pk, channel_ids=[world.channel.pk, *more])
    assert len(captured) == 1


cells = st.fixed_dictionaries({
    "on_hand": st.integers(0, 9), "reserved": st.integers(0, 9), "safety": st.integers(0, 9),
    "hidden": st.integers(0, 5), "due": st.integers(0, 4), "active": st.booleans(), "in_group": st.booleans(),
})  # fmt: skip
terms = st.fixed_dictionaries({
    "threshold": st.integers(0, 4), "cap": st.none() | st.integers(0, 9), "grouped": st.booleans(),
    "own_threshold": st.none() | st.integers(0, 4), "own_cap": st.none() | st.integers(0, 9),
    "stopped": st.booleans(), "waiting": st.integers(0, 6),
})  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nodes=st.lists(cells, min_size=1, max_size=4), term=terms)
def test_explanation_publication_and_a_plain_sum_agree(
    world: World, listing: Listing, nodes: list[dict[str, Any]], term: dict[str, Any]
) -> None:
    group = _write_world(world, nodes, term)
    Listing.objects.filter(pk=listing.pk).update(
        threshold=term["own_threshold"], cap=term["own_cap"], publication="stopped" if term["stopped"] else "on"
    )
    ChannelSourcing.objects.update(threshold=term["threshold"], cap=term["cap"])
    ChannelSourcing.objects.get().groups.set([group] if term["grouped"] else [])

    refresh_sellable([world.kurta.pk])

    listing.refresh_from_db()
    [found] = explain_sellable(sku_id=world.kurta.pk, channel_ids=[world.channel.pk])
    assert found.quantity == found.stored == listing.wanted_quantity == _plainly(nodes, term)
    assert sum(node.units for node in found.nodes) == found.ready


def _write_world(world: World, nodes: list[dict[str, Any]], term: dict[str, Any]) -> NodeGroup:
    """Fresh nodes with these balances instead of those of the world, and units that wait."""
    Node.objects.update(is_active=False)
    group = NodeGroup.objects.create(code=f"g-{uuid7()}"[:40], name="Some")
    BufferRule.objects.filter(channel_code="web").delete()
    rules = {}
    for cell in nodes:
        node = make_node(f"n-{uuid7()}"[:40], city="Pune", postcode="411001", is_active=cell["active"])
        if cell["in_group"]:
            node.groups.add(group)
        stock(world.kurta, node, cell["on_hand"])
        reserved = min(cell["reserved"], cell["on_hand"])
        if reserved:
            post([Posting(op_key=f"r/{node.pk}", sku_id=world.kurta.pk, node_id=node.pk, from_bucket=Bucket.DEMAND,
                          to_bucket=Bucket.RESERVED, quantity=reserved, reason="reserve")])  # fmt: skip
            if due := min(cell["due"], reserved):
                Reservation.objects.create(
                    purpose="checkout", line_uid=uuid7(), reference="cart", sku=world.kurta, node=node, state="soft",
                    quantity=due, open_quantity=due, expires_at=now() - timedelta(hours=1),
                )  # fmt: skip
        set_safety_stock(node_id=node.pk, sku_id=world.kurta.pk, quantity=cell["safety"])
        if cell["hidden"]:
            rules[node.pk] = BufferRule(name="Hidden", amount=cell["hidden"], channel_code="web", node=node)
    BufferRule.objects.bulk_create(rules.values())
    apply_buffers(sku_ids=[world.kurta.pk])
    OrderLine.objects.all().delete()
    if term["waiting"]:
        capture(world, make_order(f"o-{uuid7()}", make_line(world.kurta, term["waiting"])))
    return group


def _plainly(nodes: list[dict[str, Any]], term: dict[str, Any]) -> int:
    if term["stopped"]:
        return 0
    total = 0
    for cell in nodes:
        if not cell["active"] or not cell["on_hand"] or (term["grouped"] and not cell["in_group"]):
            continue
        reserved = min(cell["reserved"], cell["on_hand"])
        atp = cell["on_hand"] - reserved - cell["safety"] + min(cell["due"], reserved)
        total += max(0, atp - cell["hidden"])
    threshold = term["threshold"] if term["own_threshold"] is None else term["own_threshold"]
    cap = term["cap"] if term["own_cap"] is None else term["own_cap"]
    amount: int = max(0, total - term["waiting"] - threshold)
    return amount if cap is None else min(amount, int(cap))
