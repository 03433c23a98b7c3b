"""What promises are made from is kept in the admin, which refuses what nobody could keep."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from oms.accounts.models import User
from routing.models import DeliveryHoliday, DeliveryService, NodePickup
from tests.factories import World, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def admin() -> Client:
    user = User.objects.create(email="root@example.com", role="admin", all_nodes=True, is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def service(**fields: Any) -> DeliveryService:
    return DeliveryService(**({"code": "tonight", "name": "Tonight", "radius_km": 10} | fields))


@pytest.mark.parametrize(("slots", "words"), [
    ({"from": "18:00"}, "Write windows as"), ([["18:00"]], "Write windows as"),
    ([["6 pm", "21:00"]], "is not a time of the day"), ([["21:00", "18:00"]], "is not before"),
    ([["15:00", "18:00"], ["17:00", "20:00"]], "before the window ahead of it has ended"),
])  # fmt: skip
def test_windows_that_no_rider_can_keep_are_refused(slots: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        service(slots=slots).clean()


def test_windows_one_after_the_other_are_good_and_need_a_radius() -> None:
    windows = [["15:00", "18:00"], ["18:00", "21:00"]]
    service(slots=windows).clean()

    with pytest.raises(ValidationError, match="how far riders go"):
        service(slots=windows, radius_km=0).clean()


def test_a_pickup_comes_while_the_node_is_open_and_by_a_known_carrier(world: World) -> None:
    world.blr.opens_at, world.blr.closes_at = time(9), time(20)
    NodePickup(node=world.blr, at=time(17)).clean()

    with pytest.raises(ValidationError, match="is open from 09:00 to 20:00"):
        NodePickup(node=world.blr, at=time(21)).clean()
    with pytest.raises(ValidationError, match="no carrier account nobody"):
        NodePickup(node=world.blr, at=time(17), carrier="nobody").clean()


def test_a_holiday_names_a_state_as_places_do() -> None:
    day = DeliveryHoliday(day=date(2026, 12, 25), state=" karnataka ")
    day.clean()
    assert day.state == "Karnataka"

    with pytest.raises(ValidationError, match="Atlantis is not a state"):
        DeliveryHoliday(day=date(2026, 12, 25), state="Atlantis").clean()
    DeliveryHoliday(day=date(2026, 12, 25)).clean()


@pytest.mark.parametrize("name", ["deliveryservice", "nodepickup", "deliveryholiday"])
def test_the_admin_lists_and_adds_them(admin: Client, world: World, name: str) -> None:
    assert admin.get(f"/admin/routing/{name}/").status_code == 200
    assert admin.get(f"/admin/routing/{name}/add/").status_code == 200


def test_a_holiday_is_added_in_the_admin(admin: Client) -> None:
    answer = admin.post(
        "/admin/routing/deliveryholiday/add/", {"day": "2026-12-25", "state": "goa", "name": "Christmas"}
    )

    assert answer.status_code == 302
    assert DeliveryHoliday.objects.get().state == "Goa"
