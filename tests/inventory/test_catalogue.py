"""What of the catalogue may change while there is stock."""

from __future__ import annotations

import pytest
from django.contrib.admin import site
from django.db import IntegrityError, transaction
from django.test import RequestFactory

from inventory.models import Sku
from tests.factories import World, make_sku, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def test_how_a_sku_is_kept_does_not_change_while_there_is_stock_of_it(world: World) -> None:
    with pytest.raises(IntegrityError, match="There is stock of KURTA-M"), transaction.atomic():
        Sku.objects.filter(pk=world.kurta.pk).update(tracking="serial")

    fresh = make_sku("PHONE")
    Sku.objects.filter(pk=fresh.pk).update(tracking="serial")
    fresh.refresh_from_db()
    assert fresh.tracking == "serial"


def test_the_admin_offers_it_for_what_has_no_stock_only(world: World, rf: RequestFactory) -> None:
    admin = site._registry[Sku]

    assert "tracking" in admin.get_readonly_fields(rf.get("/"), world.kurta)
    assert "tracking" not in admin.get_readonly_fields(rf.get("/"), make_sku("PHONE"))
    assert "tracking" not in admin.get_readonly_fields(rf.get("/"))
