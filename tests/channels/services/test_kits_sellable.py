"""What channels may sell of a kit, and that no change of it goes unheard."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.models import ChannelAccount, Listing, RecountDue
from channels.selectors import explain_sellable, listing_rows
from channels.services import recount_due, refresh_node, refresh_sellable
from inventory.models import BufferRule, KitComponent, Node, PurchaseOrder, Sku, SkuTotal, Supplier
from inventory.services import Posting, apply_buffers, post, set_safety_stock
from oms.core.ids import uuid7
from orders.models import OrderLine
from tests.channels.services.doors import take, woo
from tests.factories import World, capture, make_line, make_node, make_order, make_sku, stock
from tests.kits import make_kit


@pytest.fixture
def kit(world: World, account: ChannelAccount) -> Sku:
    """A gift set of two kurtas and a pair of shoes: five at each warehouse."""
    return make_kit("GIFT-SET", (world.kurta, 2), (world.shoe, 1))


@pytest.fixture
def listing(kit: Sku, account: ChannelAccount) -> Listing:
    """The set in the web shop."""
    return Listing.objects.create(account=account, external_sku="GIFT-SET", sku=kit)


def wanted(listing: Listing) -> int | None:
    listing.refresh_from_db()
    return listing.wanted_quantity


def sentence(world: World, sku: Sku) -> str:
    [found] = explain_sellable(sku_id=sku.pk, channel_ids=[world.channel.pk])
    assert found.quantity == found.stored
    return found.sentence()


def test_a_kit_may_be_sold_as_often_as_each_node_can_assemble_it(world: World, kit: Sku, listing: Listing) -> None:
    stock(world.kurta, world.blr, 9)
    stock(world.shoe, world.delhi, 3)
    recount_due()
    assert wanted(listing) == 7
    assert sentence(world, kit) == "7 = 4 blr-01 + 3 del-01 − 0 waiting − 0 threshold"
    [row] = listing_rows([listing.pk])
    assert (row.atp, row.buffer, row.wanted_quantity) == (7, 0, 7)


def test_buffers_of_the_components_are_the_kits(world: World, kit: Sku, listing: Listing) -> None:
    BufferRule.objects.create(name="Web", amount=3, channel_code="web", sku=world.kurta, node=world.blr)
    apply_buffers(sku_ids=[world.kurta.pk])
    set_safety_stock(node_id=world.delhi.pk, sku_id=world.shoe.pk, quantity=8)
    recount_due()
    # (10 - 3) / 2 kurtas in Bengaluru, 10 - 8 pairs of shoes in Delhi.
    assert wanted(listing) == 5
    [row] = listing_rows([listing.pk])
    assert (row.atp, row.buffer) == (7, 2)


def test_sold_kits_and_sold_components_that_have_no_node_yet_wait(
    world: World, account: ChannelAccount, kit: Sku, listing: Listing
) -> None:
    take(account, woo(501, sku="GIFT-SET", quantity=3))
    assert wanted(listing) == 7
    take(account, woo(502, sku="KURTA-M", quantity=3))
    # Three kurtas may be those of two sets.
    assert wanted(listing) == 5
    assert sentence(world, kit) == "5 = 5 blr-01 + 5 del-01 − 5 waiting − 0 threshold"
    assert sentence(world, world.kurta) == "11 = 10 blr-01 + 10 del-01 − 9 waiting − 0 threshold"


def test_a_change_of_a_component_recounts_the_kits_with_it(world: World, kit: Sku, listing: Listing) -> None:
    refresh_sellable([kit.pk])
    assert wanted(listing) == 10
    stock(world.shoe, world.blr, 2)
    assert recount_due() > 0
    assert (wanted(listing), SkuTotal.objects.get(sku=kit).atp) == (7, 7)


def test_a_change_of_the_recipe_is_noted_whoever_made_it(world: World, kit: Sku, listing: Listing) -> None:
    recount_due()
    RecountDue.objects.all().delete()
    KitComponent.objects.filter(kit=kit, component=world.kurta).update(quantity=5)
    assert list(RecountDue.objects.values_list("sku_id", flat=True).distinct()) == [kit.pk]
    recount_due()
    assert wanted(listing) == 4
    KitComponent.objects.filter(kit=kit, component=world.kurta).delete()
    recount_due()
    assert wanted(listing) == 20


def test_a_node_that_goes_off_takes_its_kits_along(world: World, kit: Sku, listing: Listing) -> None:
    refresh_sellable([kit.pk])
    Node.objects.filter(pk=world.blr.pk).update(is_active=False)
    refresh_node(world.blr.pk)
    assert wanted(listing) == 5


def test_goods_on_order_make_kits_where_the_listing_sells_them(world: World, kit: Sku, listing: Listing) -> None:
    stock(world.kurta, world.blr, 1)
    supplier = Supplier.objects.create(code="mill", name="The mill")
    order = PurchaseOrder.objects.create(
        number="PO-1", supplier=supplier, node=world.blr, state="placed", expected_on="2026-12-01"
    )
    order.lines.create(sku=world.kurta, quantity=4, open_quantity=4)
    post([Posting(op_key="PO-1", sku_id=world.kurta.pk, node_id=world.blr.pk, from_bucket="supplier",
                  to_bucket="inbound", quantity=4, reason="expected")])  # fmt: skip
    refresh_sellable([kit.pk])
    assert wanted(listing) == 5
    Listing.objects.update(sells_inbound=True)
    refresh_sellable([kit.pk])
    # One kurta is there and four come: two sets, neither of which the one alone would make.
    assert wanted(listing) == 7
    assert sentence(world, kit) == "7 = 5 del-01 + 2 inbound − 0 waiting − 0 threshold"


cells = st.fixed_dictionaries({"on_hand": st.integers(0, 12), "safety": st.integers(0, 5), "hidden": st.integers(0, 4)})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    per_kit=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    nodes=st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=3),
    waiting=st.lists(st.integers(0, 4), min_size=3, max_size=3), threshold=st.integers(0, 3),
)  # fmt: skip
def test_explanation_publication_and_a_plain_model_agree_on_kits(
    world: World, account: ChannelAccount, per_kit: list[int], nodes: list[list[dict[str, Any]]], waiting: list[int],
    threshold: int,
) -> None:  # fmt: skip
    word = str(uuid7())[-12:]
    Node.objects.update(is_active=False)
    OrderLine.objects.all().delete()
    skus = [make_sku(f"C{number}-{word}") for number in range(len(per_kit))]
    kit = make_kit(f"KIT-{word}", *zip(skus, per_kit, strict=True))
    listing = Listing.objects.create(account=account, external_sku=kit.code, sku=kit, threshold=threshold)
    total = 0
    for number, row in enumerate(nodes):
        node = make_node(f"n{number}-{word}"[:40], city="Pune", postcode="411001")
        node.groups.set(world.blr.groups.all())
        for sku, cell in zip(skus, row, strict=False):
            stock(sku, node, cell["on_hand"])
            set_safety_stock(node_id=node.pk, sku_id=sku.pk, quantity=cell["safety"])
            if cell["hidden"]:
                BufferRule.objects.create(name="H", amount=cell["hidden"], channel_code="web", sku=sku, node=node)
        total += min(
            (max(0, cell["on_hand"] - cell["safety"] - cell["hidden"]) // units if cell["on_hand"] else 0)
            for cell, units in zip(row, per_kit, strict=False)
        )
    apply_buffers(sku_ids=[sku.pk for sku in skus])
    for sku, units in zip(skus, waiting, strict=False):
        if units:
            capture(world, make_order(f"o-{uuid7()}", make_line(sku, units)))
    waits = sum(-(-units // each) for units, each in zip(waiting, per_kit, strict=False))

    refresh_sellable([skus[0].pk])

    listing.refresh_from_db()
    [found] = explain_sellable(sku_id=kit.pk, channel_ids=[world.channel.pk])
    assert found.quantity == found.stored == listing.wanted_quantity == max(0, total - waits - threshold)
