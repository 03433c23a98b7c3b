"""Recipes: what a kit is assembled from, and how many can be."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.models import KitComponent, Sku, SkuTotal, StockLevel, Supplier
from inventory.selectors import kits_at_nodes, kits_of, read_recipes
from inventory.services import (
    MAX_COMPONENTS,
    ComponentTerms,
    PurchaseLine,
    PurchaseTerms,
    draft_purchase_order,
    recipe_from_codes,
    recipe_version,
    refresh_totals,
    set_components,
)
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.ids import uuid7
from oms.core.models import OutboxEvent, Transition
from tests.factories import World, make_node, make_sku, make_world, stock
from tests.kits import make_kit


@pytest.fixture
def world(db: None) -> World:
    """Two warehouses with ten of each SKU."""
    return make_world()


def recipe_of(kit: Sku) -> list[tuple[str, int]]:
    return [(part.component.code, part.quantity) for part in kit.components.order_by("component__code")]


def define(kit: Sku, *parts: tuple[Sku, int], **fields: object) -> None:
    terms = [ComponentTerms(sku.pk, units) for sku, units in parts]
    set_components(kit_id=kit.pk, components=terms, actor="Meera", **fields)  # type: ignore[arg-type]


def test_a_sku_becomes_a_kit_changes_its_recipe_and_becomes_single_again(world: World) -> None:
    kit = make_sku("GIFT-SET")
    define(kit, (world.kurta, 2), (world.shoe, 1))
    kit.refresh_from_db()
    assert (kit.is_kit, recipe_of(kit)) == (True, [("KURTA-M", 2), ("SHOE-42", 1)])

    define(kit, (world.kurta, 3), (world.saree, 1), ships_together=False)
    kit.refresh_from_db()
    assert (kit.ships_together, recipe_of(kit)) == (False, [("KURTA-M", 3), ("SAREE-1", 1)])

    define(kit)
    kit.refresh_from_db()
    assert (kit.is_kit, recipe_of(kit), read_recipes([kit.pk])) == (False, [], {})
    history = Transition.objects.filter(model="inventory.Sku", object_id=kit.pk).order_by("pk")
    assert [(row.from_state, row.to_state, row.actor) for row in history] == [
        ("single", "kit", "Meera"), ("kit", "kit", "Meera"), ("kit", "single", "Meera"),
    ]  # fmt: skip
    assert history[1].reason == ("Assembled from 3 x KURTA-M, 1 x SAREE-1, before 2 x KURTA-M, 1 x SHOE-42")
    changed = OutboxEvent.objects.filter(kind="inventory.StockChanged", payload__reason="components changed")
    assert [event.payload["sku_ids"] for event in changed] == [[kit.pk]] * 3


def test_the_same_recipe_again_changes_nothing(world: World) -> None:
    kit = make_kit("GIFT-SET", (world.kurta, 2))
    before = Transition.objects.count()
    define(kit, (world.kurta, 2))
    assert Transition.objects.count() == before


def test_who_saw_another_recipe_is_told_so(world: World) -> None:
    kit = make_kit("GIFT-SET", (world.kurta, 2))
    seen = recipe_version(read_recipes([kit.pk])[kit.pk])
    define(kit, (world.kurta, 3))
    with pytest.raises(Conflict, match="The components of GIFT-SET were changed by someone else"):
        define(kit, (world.saree, 1), seen=seen)
    assert recipe_of(kit) == [("KURTA-M", 3)]


def test_what_cannot_be_a_component_is_refused_by_its_field(world: World) -> None:
    kit, other = make_sku("GIFT-SET"), make_kit("OTHER", (world.shoe, 1))
    many = [(make_sku(f"S-{number}"), 1) for number in range(MAX_COMPONENTS + 1)]
    for parts, field, words in (
        ([(world.kurta, 1), (kit, 1)], "components.1.sku", "GIFT-SET cannot be a component of itself"),
        ([(other, 1)], "components.0.sku", "OTHER is a kit itself. Name its components instead"),
        ([(world.kurta, 1), (world.kurta, 2)], "components.1.sku", "named twice"),
        ([(world.kurta, 0)], "components.0.quantity", "0 units cannot go into a kit"),
        (many, "components", "a kit has at most 50"),
    ):
        with pytest.raises(DomainError, match=words) as refused:
            define(kit, *parts)
        assert refused.value.field == field
    with pytest.raises(DomainError, match="There is no such SKU"):
        set_components(kit_id=kit.pk, components=[ComponentTerms(0, 1)], actor="Meera")
    with pytest.raises(NotFound):
        set_components(kit_id=0, components=[], actor="Meera")
    with pytest.raises(DomainError, match="There is no SKU NOPE"):
        recipe_from_codes([("KURTA-M", 1), ("NOPE", 2)])
    assert not KitComponent.objects.filter(kit=kit).exists()


def test_what_cannot_be_a_kit_is_refused(world: World) -> None:
    make_kit("AROUND", (world.saree, 1))
    supplier = Supplier.objects.create(code="mill", name="The mill")
    coming = make_sku("COMING")
    draft_purchase_order(
        actor="Meera", terms=PurchaseTerms(supplier_id=supplier.pk, node_id=world.blr.pk),
        lines=[PurchaseLine(sku_id=coming.pk, quantity=5)],
    )  # fmt: skip
    for sku, words in (
        (world.kurta, "KURTA-M has stock of its own at blr-01 .10 on hand, 0 reserved."),
        (make_sku("PHONE", tracking="serial"), "PHONE is kept by serial number"),
        (world.saree, "SAREE-1 is a component of AROUND, so it cannot be a kit"),
        (coming, "COMING is on its way to a node"),
    ):
        with pytest.raises(DomainError, match=words):
            define(sku, (world.shoe, 1))
        sku.refresh_from_db()
        assert not sku.is_kit


def test_a_node_gives_what_its_scarcest_component_allows(world: World) -> None:
    kit = make_kit("GIFT-SET", (world.kurta, 2), (world.shoe, 1))
    stock(world.kurta, world.blr, 9)
    stock(world.shoe, world.blr, 7)
    stock(world.kurta, world.delhi, 0)
    stock(world.kurta, world.store, 5)

    blr, delhi, store = sorted(kits_at_nodes([kit.pk]), key=lambda place: ["blr-01", "del-01", "blr-s1"].index(
        place.node_code))  # fmt: skip
    assert (blr.atp, blr.sentence()) == (4, "4 = min(9 / 2 of KURTA-M, 7 / 1 of SHOE-42)")
    assert [part.code for part in blr.scarcest] == ["KURTA-M"]
    assert (delhi.atp, store.atp) == (0, 0)
    # A node that never had a component has none of it.
    assert store.sentence() == "0 = min(5 / 2 of KURTA-M, 0 / 1 of SHOE-42)"
    assert [place.node_code for place in kits_at_nodes([kit.pk], [world.delhi.pk])] == ["del-01"]


def test_totals_of_kits_follow_their_components(world: World) -> None:
    kit = make_kit("GIFT-SET", (world.kurta, 2), (world.shoe, 3))
    assert kits_of([world.kurta.pk]) == kits_of([kit.pk]) == {kit.pk}
    refresh_totals([world.kurta.pk])
    total = SkuTotal.objects.get(sku=kit)
    assert (total.on_hand, total.atp, total.short_nodes, total.aside_nodes) == (0, 6, 0, 0)
    stock(world.shoe, world.blr, 5)
    refresh_totals([world.shoe.pk])
    assert SkuTotal.objects.get(sku=kit).atp == 4


amounts = st.integers(0, 12)
cells = st.tuples(amounts, st.integers(0, 6))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    per_kit=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    nodes=st.lists(st.lists(st.none() | cells, min_size=3, max_size=3), min_size=1, max_size=3),
)
def test_kit_atp_is_what_a_plain_model_says(
    world: World, per_kit: list[int], nodes: list[list[tuple[int, int] | None]]
) -> None:
    word = str(uuid7())[-12:]
    skus = [make_sku(f"C{number}-{word}") for number in range(len(per_kit))]
    kit = make_kit(f"KIT-{word}", *zip(skus, per_kit, strict=True))
    expected: dict[str, int] = {}
    for number, row in enumerate(nodes):
        node = make_node(f"n{number}-{word}"[:40], city="Pune", postcode="411001")
        gives = []
        for sku, units, cell in zip(skus, per_kit, row, strict=False):
            if cell is not None:
                stock(sku, node, cell[0])
                StockLevel.objects.filter(sku=sku, node=node).update(safety_stock=cell[1])
            on_hand, safety = cell or (0, 0)
            gives.append(max(0, on_hand - safety) // units)
        expected[node.code] = min(gives)

    found = {place.node_code: place.atp for place in kits_at_nodes([kit.pk])}

    assert {code: found.get(code, 0) for code in expected} == expected
    refresh_totals([skus[0].pk])
    assert SkuTotal.objects.get(sku=kit).atp == sum(expected.values())
