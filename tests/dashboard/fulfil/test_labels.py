"""Parcels that no carrier took: again, another carrier, or a number by hand; a label is never bought twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from carriers.models import Booking, CarrierAccount
from fulfillment.models import Shipment
from fulfillment.services import shipping
from oms.accounts.models import Role
from oms.core.clock import now
from oms.core.errors import PermanentError
from tests.dashboard.fulfil.conftest import Show, SignIn
from tests.factories import World, make_line
from tests.fulfillment.floor import labelled, make_carrier, make_work

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_parcel_without_a_label_is_listed_with_its_reason_and_tried_again(
    client: Client, stuck: Shipment, show: Show
) -> None:
    text = show("/fulfil/labels/")
    assert stuck.order.number in text
    assert "Carries up to 0.01 kg" in text

    again = client.post(f"/fulfil/parcels/{stuck.pk}/retry/", follow=True)
    assert "still has no label" in again.content.decode()

    make_carrier("strong")
    for _ in range(2):
        client.post(f"/fulfil/parcels/{stuck.pk}/retry/")
    stuck.refresh_from_db()
    assert (stuck.state, Booking.objects.filter(state="booked").count()) == ("labelled", 1)
    assert "Every packed parcel has its label" in show("/fulfil/labels/")


def test_try_all_reports_what_worked(client: Client, world: World, stuck: Shipment) -> None:
    labelled(make_work(world, "2", make_line(world.saree)))
    CarrierAccount.objects.update(max_weight_grams=1200)
    Shipment.objects.filter(pk=stuck.pk).update(weight_grams=1500)

    text = client.post("/fulfil/labels/retry/", follow=True).content.decode()

    assert "1 label bought, 1 still refused." in text
    assert sorted(Shipment.objects.values_list("state", flat=True)) == ["created", "labelled"]


def test_a_label_that_cannot_be_had_is_said_on_the_parcel(
    client: Client, stuck: Shipment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(booking_id: int) -> None:
        raise PermanentError("No label for this one.")

    make_carrier()
    monkeypatch.setattr(shipping, "make_label", refuse)

    answer = client.post(f"/fulfil/parcels/{stuck.pk}/retry/")

    stuck.refresh_from_db()
    assert answer.status_code == 302
    assert "its label cannot be had: No label for this one." in stuck.problem


def test_another_carrier_is_chosen_from_the_table(client: Client, stuck: Shipment, show: Show) -> None:
    strong = make_carrier("strong", name="Strong couriers")
    text = show(f"/fulfil/parcels/{stuck.pk}/").partition('id="quotes"')[2]
    assert text.index("Strong couriers") < text.index("Weak couriers")

    for _ in range(2):
        client.post(f"/fulfil/parcels/{stuck.pk}/book/", {"account": strong.pk})

    stuck.refresh_from_db()
    assert (stuck.carrier_account, stuck.state, stuck.problem) == (strong, "labelled", "")
    assert Booking.objects.filter(state="booked").count() == 1


def test_an_awb_is_typed_in_by_hand(client: Client, stuck: Shipment) -> None:
    account = make_carrier("local")
    client.post(f"/fulfil/parcels/{stuck.pk}/book/", {"account": account.pk, "awb": "  "})
    stuck.refresh_from_db()
    assert stuck.state == "created"

    client.post(f"/fulfil/parcels/{stuck.pk}/book/", {"account": account.pk, "awb": " LOC-778 "})

    stuck.refresh_from_db()
    assert (stuck.state, stuck.awb) == ("labelled", "LOC-778")
    assert client.get(f"/fulfil/parcels/{stuck.pk}/label.pdf").content.startswith(b"%PDF")
    assert client.get("/fulfil/find/", {"q": "LOC-778"})["Location"] == f"/fulfil/parcels/{stuck.pk}/"


@pytest.mark.parametrize("form", [{"account": "999"}, {"account": "x"}, {}])
def test_an_unknown_carrier_books_nothing(client: Client, stuck: Shipment, form: dict[str, str]) -> None:
    assert client.post(f"/fulfil/parcels/{stuck.pk}/book/", form).status_code == 404
    assert Shipment.objects.get().state == "created"


def test_a_label_that_exists_is_not_bought_again(client: Client, world: World) -> None:
    make_carrier()
    shipment = labelled(make_work(world, "1", make_line(world.kurta)))

    assert client.post(f"/fulfil/parcels/{shipment.pk}/retry/").status_code == 409
    assert client.get("/fulfil/find/", {"q": "nothing"}).status_code == 404
    assert client.get("/fulfil/find/", {"q": shipment.order.number})["Location"] == f"/fulfil/parcels/{shipment.pk}/"


@pytest.mark.parametrize("role", [Role.PACKER, Role.READ_ONLY])
def test_choosing_a_carrier_needs_its_verb(
    client: Client, stuck: Shipment, role: str, show: Show, sign_in: SignIn
) -> None:
    sign_in(role)
    account = make_carrier("strong")

    assert client.post(f"/fulfil/parcels/{stuck.pk}/book/", {"account": account.pk}).status_code == 403
    assert "Type an AWB" not in show(f"/fulfil/parcels/{stuck.pk}/")


@pytest.mark.parametrize("role", [Role.CUSTOMER_SERVICE, Role.READ_ONLY])
def test_asking_again_needs_the_verb_of_the_floor(client: Client, stuck: Shipment, sign_in: SignIn, role: str) -> None:
    sign_in(role)
    make_carrier("strong")

    for path in (f"parcels/{stuck.pk}/retry/", "labels/retry/"):
        assert client.post(f"/fulfil/{path}").status_code == 403

    stuck.refresh_from_db()
    assert stuck.state == "created"


def test_who_only_reads_sees_the_problem_without_buttons_that_would_refuse(
    client: Client, stuck: Shipment, show: Show, sign_in: SignIn
) -> None:
    sign_in(Role.READ_ONLY)

    text = show("/fulfil/labels/")

    assert stuck.order.number in text
    assert "Try all again" not in text
    assert f"/fulfil/parcels/{stuck.pk}/retry/" not in text
    assert f"/fulfil/parcels/{stuck.pk}/retry/" not in show(f"/fulfil/parcels/{stuck.pk}/")


def test_causes_are_counted_when_there_are_several(world: World, stuck: Shipment, show: Show) -> None:
    Shipment.objects.filter(pk=labelled(make_work(world, "2", make_line(world.kurta))).pk).update(problem="No pickup")

    text = show("/fulfil/labels/")

    assert "By cause" in text
    assert '<b class="num">1</b> No pickup' in text


def test_a_parcel_of_another_node_does_not_exist(client: Client, stuck: Shipment, sign_in: SignIn) -> None:
    sign_in(Role.WAREHOUSE_LEAD, "del-01")

    assert client.get(f"/fulfil/parcels/{stuck.pk}/").status_code == 404
    assert client.get(f"/fulfil/parcels/{stuck.pk}/label.pdf").status_code == 404
    for action in ("retry", "book"):
        assert client.post(f"/fulfil/parcels/{stuck.pk}/{action}/", {"account": "1"}).status_code == 404
    assert "0 labels bought, 0 still refused." in client.post("/fulfil/labels/retry/", follow=True).content.decode()


def test_a_parcel_without_a_label_has_nothing_to_print(client: Client, stuck: Shipment) -> None:
    assert client.get(f"/fulfil/parcels/{stuck.pk}/label.pdf").status_code == 404
    assert client.get("/fulfil/parcels/999999/").status_code == 404


def test_an_action_is_never_a_link(client: Client, stuck: Shipment) -> None:
    for path in (f"parcels/{stuck.pk}/retry/", f"parcels/{stuck.pk}/book/", "labels/retry/"):
        assert client.get(f"/fulfil/{path}").status_code == 405


def test_a_person_says_what_the_carrier_shows(client: Client, stuck: Shipment, show: Show, sign_in: SignIn) -> None:
    account = make_carrier("strong", name="Strong couriers")
    booking = Booking.objects.create(
        account=account, client_reference="OMS-1-abc-1", parcel_uid=stuck.uid, order_number=stuck.order.number,
        state="unknown", error="It shows no parcel, which proves nothing.", created_at=now() - timedelta(hours=1),
    )  # fmt: skip
    there = {"answer": "there", "awb": "", "reason": "Seen."}
    text = show(f"/fulfil/parcels/{stuck.pk}/")
    assert "which proves nothing" in text
    assert "Somebody who may edit carriers" in text
    assert client.post(f"/fulfil/parcels/{stuck.pk}/decide/", there | {"awb": "SC-1234"}).status_code == 403

    sign_in(Role.OPS_MANAGER)
    assert "Look in the panel of Strong couriers for OMS-1-abc-1" in show(f"/fulfil/parcels/{stuck.pk}/")
    assert "Type in the AWB" in client.post(f"/fulfil/parcels/{stuck.pk}/decide/", there, follow=True).content.decode()
    absent = {"answer": "absent", "reason": "Not in its history."}
    assert "booked anew" in client.post(f"/fulfil/parcels/{stuck.pk}/decide/", absent, follow=True).content.decode()
    booking.refresh_from_db()
    assert booking.state == "requested"
    again = client.post(f"/fulfil/parcels/{stuck.pk}/decide/", absent, follow=True)
    assert "certain by now" in again.content.decode()
