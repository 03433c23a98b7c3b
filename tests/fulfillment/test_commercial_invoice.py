"""A parcel that goes abroad has its commercial invoice: on the bench, the parcel's page, and the store phone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.selectors.customs import customs_paper
from fulfillment.services import book_shipment
from oms.accounts.models import Role, User
from oms.core.values import Address
from orders.models import OrderLine
from tests.api.test_api import bearer
from tests.carriers.labels.test_codes_are_read import text_of
from tests.factories import ASHA, World, make_line, make_world, register_for_tax
from tests.fulfillment.floor import card_to, labelled, make_carrier, make_work, packed

pytestmark = pytest.mark.django_db(transaction=True)

AUSTIN = Address(name="Maya Lopez", line1="701 Brazos St", city="Austin", region="TX", postcode="78701", country="US",
                 phone="+15125550100", email="maya@example.com")  # fmt: skip


@pytest.fixture
def world() -> World:
    return make_world()


def work_abroad(world: World, number: str = "1", **fields: object) -> FulfillmentOrder:
    return make_work(world, number, make_line(world.kurta, 2), **({"ship_to": AUSTIN} | fields))


def carrier_abroad(**settings: str) -> None:
    make_carrier(rate_card=card_to("A", "B", "US"), settings=settings)


def sign_in(client: Client, role: str = Role.ADMIN, *node_codes: str) -> None:
    user = User.objects.create_user(f"{role}@example.com", "a long pass phrase", role=role,
                                    all_nodes=not node_codes, node_codes=list(node_codes))  # fmt: skip
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")


def test_it_says_what_the_carrier_was_told_whatever_changes_later(world: World) -> None:
    register_for_tax(world.blr)
    carrier_abroad(duties_paid_by="shipper", country_of_origin="NP")
    parcel = packed(work_abroad(world))
    assert customs_paper(parcel) is None
    book_shipment(parcel.pk)
    parcel.refresh_from_db()
    OrderLine.objects.update(unit_price_minor=1)
    paper = customs_paper(parcel)
    assert paper is not None
    assert paper.data is not None
    price = world.kurta.price_minor
    [row] = paper.data.rows
    assert (row.quantity, row.unit_value, row.line_value, row.origin, row.grams) == (
        2, f"{price / 100:.2f}", f"{price / 50:.2f}", "NP", parcel.weight_grams,
    )  # fmt: skip
    assert (paper.data.total, paper.data.terms, paper.data.number) == (row.line_value, "DDP", parcel.order.number)
    assert (paper.data.awb, paper.data.ship_to) == (parcel.awb, AUSTIN)
    assert paper.data.exporter_number == f"GSTIN {parcel.node.gstin}"


def test_the_papers_of_the_bench_hold_it_and_those_of_a_gift_too(client: Client, world: World) -> None:
    carrier_abroad()
    sign_in(client)
    for number, is_gift in (("1", False), ("2", True)):
        parcel = labelled(work_abroad(world, number, is_gift=is_gift))
        text = text_of(client.get(f"/fulfil/parcels/{parcel.pk}/papers.pdf").content)
        assert "Packing slip" in text
        assert text.count("I declare") == 3
        page = client.get(f"/fulfil/parcels/{parcel.pk}/").content.decode()
        assert f'href="/fulfil/parcels/{parcel.pk}/customs.pdf"' in page
        panel = client.get(f"/fulfil/pack/label/{parcel.pk}/").content.decode()
        assert "It goes abroad, to US" in panel
        assert "All papers" in panel
        answer = client.get(f"/fulfil/parcels/{parcel.pk}/customs.pdf")
        assert answer["Content-Disposition"] == f'inline; filename="commercial-invoice-{parcel.awb}.pdf"'
        assert text_of(answer.content).count("I declare") == 3


def test_a_parcel_that_stays_in_its_country_has_none_and_asks_nothing(
    client: Client, world: World, django_assert_num_queries: object
) -> None:
    carrier_abroad()
    sign_in(client)
    parcel = Shipment.objects.select_related("order", "node").get(
        pk=labelled(make_work(world, "1", make_line(world.kurta))).pk
    )
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert customs_paper(parcel) is None
    assert client.get(f"/fulfil/parcels/{parcel.pk}/customs.pdf").status_code == 404
    assert "customs.pdf" not in client.get(f"/fulfil/parcels/{parcel.pk}/").content.decode()
    assert "I declare" not in text_of(client.get(f"/fulfil/parcels/{parcel.pk}/papers.pdf").content)


def test_goods_without_a_value_cannot_be_declared_and_the_rest_prints(client: Client, world: World) -> None:
    carrier_abroad()
    sign_in(client)
    free = replace(make_line(world.kurta), unit_price_minor=0)
    parcel = labelled(make_work(world, "1", free, ship_to=AUSTIN))
    why = "Customs needs a value of every article; KURTA-M has none."
    answer = client.get(f"/fulfil/parcels/{parcel.pk}/customs.pdf")
    assert answer.status_code == 409
    assert why in answer.content.decode()
    assert why in client.get(f"/fulfil/parcels/{parcel.pk}/").content.decode()
    assert why in client.get(f"/fulfil/pack/label/{parcel.pk}/").content.decode()
    assert "Packing slip" in text_of(client.get(f"/fulfil/parcels/{parcel.pk}/papers.pdf").content)


def test_an_associate_prints_it_beside_the_label(client: Client, world: World) -> None:
    carrier_abroad()
    sign_in(client, Role.STORE_ASSOCIATE, "blr-01")
    client.post("/s/node/", {"node": "blr-01"})
    abroad, at_home = labelled(work_abroad(world)), labelled(work_abroad(world, "2", ship_to=ASHA))
    page = client.get(f"/s/work/{abroad.fulfillment_order_id}/packed/").content.decode()
    assert f'href="/s/labels/{abroad.pk}/customs.pdf"' in page
    assert text_of(client.get(f"/s/labels/{abroad.pk}/customs.pdf").content).count("I declare") == 3
    assert "customs.pdf" not in client.get(f"/s/work/{at_home.fulfillment_order_id}/packed/").content.decode()
    assert client.get(f"/s/labels/{at_home.pk}/customs.pdf").status_code == 404


def test_callers_of_the_api_fetch_it_as_they_fetch_the_label(client: Client, world: World) -> None:
    carrier_abroad()
    abroad, at_home = labelled(work_abroad(world)), labelled(work_abroad(world, "2", ship_to=ASHA))

    def fetched(parcel: Shipment, *verbs: str) -> Any:
        return client.get(f"/api/v1/shipments/{parcel.pk}/commercial-invoice", headers=bearer(*verbs))

    assert fetched(abroad, "fulfillment.view").status_code == 403
    assert text_of(fetched(abroad, "fulfillment.view", "fulfillment.work").content).count("I declare") == 3
    assert fetched(at_home, "fulfillment.view", "pii.view").status_code == 404
