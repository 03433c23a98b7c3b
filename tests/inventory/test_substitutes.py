"""Which SKU may stand in for which: ranked, one way, never a kit."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from inventory.models import Sku, Substitute
from inventory.selectors.substitutes import stand_ins
from inventory.services import ComponentTerms, set_components, set_substitutes
from oms.core.errors import Conflict, DomainError
from tests.factories import World, make_sku, make_world
from tests.kits import make_kit


@pytest.fixture
def world(db: None) -> World:
    """Two warehouses with ten of each SKU."""
    return make_world()


def stored(sku: Sku) -> list[tuple[int, int]]:
    return list(Substitute.objects.filter(sku=sku).order_by("rank").values_list("substitute_id", "rank"))


def test_substitutes_are_kept_in_their_order_and_put_back_as_they_were(world: World) -> None:
    first = set_substitutes(sku_id=world.kurta.pk, substitute_ids=[world.saree.pk, world.shoe.pk], actor="Asha")
    second = set_substitutes(sku_id=world.kurta.pk, substitute_ids=[world.shoe.pk, world.saree.pk], actor="Asha")

    assert (first, second) == ((), (world.saree.pk, world.shoe.pk))
    assert stored(world.kurta) == [(world.shoe.pk, 1), (world.saree.pk, 2)]
    set_substitutes(sku_id=world.kurta.pk, substitute_ids=second, actor="Asha", seen=[world.shoe.pk, world.saree.pk])
    assert stored(world.kurta) == [(world.saree.pk, 1), (world.shoe.pk, 2)]
    assert stored(world.shoe) == []


def test_whoever_did_not_see_the_last_change_is_refused(world: World) -> None:
    set_substitutes(sku_id=world.kurta.pk, substitute_ids=[world.saree.pk], actor="Asha")

    with pytest.raises(Conflict, match="changed by someone else"):
        set_substitutes(sku_id=world.kurta.pk, substitute_ids=[], actor="Ravi", seen=[])
    assert stored(world.kurta) == [(world.saree.pk, 1)]


def test_a_sku_is_no_substitute_for_itself_and_none_stands_twice(world: World) -> None:
    kurta, saree = world.kurta.pk, world.saree.pk
    for ids, words in (([kurta], "for itself"), ([saree, saree], "stands in for KURTA-M already")):
        with pytest.raises(DomainError, match=words):
            set_substitutes(sku_id=kurta, substitute_ids=ids, actor="Asha")
    with pytest.raises(IntegrityError, match="substitute_is_another"), transaction.atomic():
        Substitute.objects.create(sku=world.kurta, substitute=world.kurta)
    assert Substitute.objects.count() == 0


def test_kits_have_no_substitutes_and_are_none_and_the_database_knows(world: World) -> None:
    kit = make_kit("SET-1", (world.kurta, 1), (world.saree, 1))

    for sku, other in ((kit, world.shoe), (world.shoe, kit)):
        with pytest.raises(DomainError, match="SET-1 is a kit"):
            set_substitutes(sku_id=sku.pk, substitute_ids=[other.pk], actor="Asha")
        with pytest.raises(IntegrityError, match="is a kit"), transaction.atomic():
            Substitute.objects.create(sku=sku, substitute=other)


def test_a_sku_with_substitutes_cannot_become_a_kit(world: World) -> None:
    fresh = make_sku("NEW-1")
    set_substitutes(sku_id=fresh.pk, substitute_ids=[world.saree.pk], actor="Asha")

    with pytest.raises(DomainError, match="NEW-1 has a substitute"):
        set_components(kit_id=fresh.pk, components=[ComponentTerms(world.kurta.pk, 2)], actor="Asha")
    with pytest.raises(IntegrityError, match="cannot become a kit"), transaction.atomic():
        Sku.objects.filter(pk=fresh.pk).update(is_kit=True)


def test_what_stands_in_is_told_with_its_atp_and_without_what_is_not_sold_any_more(world: World) -> None:
    set_substitutes(sku_id=world.kurta.pk, substitute_ids=[world.saree.pk, world.shoe.pk], actor="Asha")
    Sku.objects.filter(pk=world.saree.pk).update(is_active=False)

    [only] = stand_ins([world.kurta.pk])[world.kurta.pk]
    assert (only.code, only.rank, only.atp, only.price_minor) == ("SHOE-42", 2, 20, 99_900)
