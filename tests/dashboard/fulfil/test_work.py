"""The floor as the office sees it: how much stands where, what is late, and one box that finds a parcel."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fulfillment.models import FulfillmentOrder
from oms.accounts.models import Role
from oms.core.clock import now
from oms.dashboard.fulfil.work_views import PAGE_ROWS
from tests.dashboard.fulfil.conftest import Show, SignIn
from tests.factories import World, make_line, stock
from tests.fulfillment.floor import labelled, make_carrier, make_work, picked

pytestmark = pytest.mark.django_db(transaction=True)


def due(work: FulfillmentOrder, minutes: int) -> str:
    FulfillmentOrder.objects.filter(pk=work.pk).update(due_at=now() + timedelta(minutes=minutes))
    return str(work.order.number)


def test_late_work_comes_first_and_filters_narrow_the_list(world: World, show: Show) -> None:
    first, second, third = (make_work(world, name, make_line(world.kurta)) for name in ("1", "2", "3"))
    later, late, soon = due(first, 300), due(second, -10), due(third, 60)
    picked(third)

    text = show("/fulfil/")
    assert text.index(late) < text.index(soon) < text.index(later)
    assert "3 at the nodes, 1 late" in text

    assert [number in show("/fulfil/?due=late") for number in (late, soon, later)] == [True, False, False]
    assert [number in show("/fulfil/?state=picked") for number in (late, soon, later)] == [False, True, False]
    assert "No work matches" in show("/fulfil/?node=del-01")
    assert late in show("/fulfil/?state=nonsense&due=x&kind=y&after=zz_9_x")


def test_pages_follow_each_other_without_gaps_or_doubles(world: World, show: Show) -> None:
    stock(world.kurta, world.blr, 200)
    works = [make_work(world, str(position), make_line(world.kurta)) for position in range(PAGE_ROWS + 3)]
    numbers = {due(work, 10 if position % 2 else 20) for position, work in enumerate(works)}
    FulfillmentOrder.objects.filter(pk=works[-1].pk).update(due_at=None)

    first = show("/fulfil/")
    assert 'rel="next"' in first
    url = first.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
    second = show(url)

    on_first = {number for number in numbers if f"{number}-1<" in first}
    on_second = {number for number in numbers if f"{number}-1<" in second}
    assert (len(on_first), len(on_second)) == (PAGE_ROWS, 3)
    assert on_first | on_second == numbers


def test_the_list_asks_as_often_for_many_as_for_few(world: World, show: Show) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            show("/fulfil/")
        return len(captured)

    make_work(world, "1", make_line(world.kurta))
    queries()
    few = queries()
    for name in ("2", "3", "4"):
        make_work(world, name, make_line(world.saree))

    assert queries() == few <= 25


@pytest.mark.parametrize(
    ("query", "shown"),
    [("due=2h", ["soon"]), ("due=today", ["late", "soon"]), ("due=later", ["later", "open"]), ("kind=pickup", ["open"]),
     ("kind=ship", ["late", "soon", "later"]), ("node=blr-s1", ["open"]), ("node=blr-01&due=late", ["late"])],
)  # fmt: skip
def test_every_filter_narrows_by_what_it_says(world: World, show: Show, query: str, shown: list[str]) -> None:
    moments = {"late": now() - timedelta(hours=1), "soon": now() + timedelta(minutes=1),
               "later": now() + timedelta(days=2)}  # fmt: skip
    numbers = {}
    for name, moment in moments.items():
        work = make_work(world, name, make_line(world.kurta))
        FulfillmentOrder.objects.filter(pk=work.pk).update(due_at=moment)
        numbers[name] = work.order.number
    stock(world.kurta, world.store, 1)
    pickup = make_work(world, "open", make_line(world.kurta), service_level="pickup", pickup_node_code="blr-s1")
    FulfillmentOrder.objects.filter(pk=pickup.pk).update(due_at=None)
    numbers["open"] = pickup.order.number

    text = show(f"/fulfil/?{query}")

    assert [name for name, number in numbers.items() if number in text] == shown


def test_an_empty_floor_says_so_and_an_empty_filter_says_how_to_see_more(world: World, show: Show) -> None:
    assert "All caught up" in show("/fulfil/")

    make_work(world, "1", make_line(world.kurta))

    text = show("/fulfil/?state=packed")
    assert "No work matches" in text
    assert "Show all work" in text


def test_counts_stand_by_node_and_state(world: World, show: Show) -> None:
    picked(make_work(world, "1", make_line(world.kurta)))
    make_work(world, "2", make_line(world.kurta))

    loads = show("/fulfil/").partition('id="loads"')[2].partition("</table>")[0]

    assert "blr-01" in loads
    assert "del-01" not in loads


def test_the_box_finds_work_by_order_number_and_parcels_by_awb(client: Client, world: World, show: Show) -> None:
    make_carrier()
    work = make_work(world, "1", make_line(world.kurta))
    parcel = labelled(make_work(world, "2", make_line(world.saree)))

    assert work.order.number in show(f"/fulfil/find/?q={work.order.number.lower()}")
    assert client.get("/fulfil/find/", {"q": ""}).status_code == 200
    assert client.get("/fulfil/find/", {"q": "nothing"}).status_code == 404
    for code in (parcel.awb, parcel.order.number):
        assert client.get("/fulfil/find/", {"q": code})["Location"] == f"/fulfil/parcels/{parcel.pk}/"


def test_people_of_one_node_see_and_count_that_node_only(client: Client, world: World, sign_in: SignIn) -> None:
    work = make_work(world, "1", make_line(world.kurta))
    sign_in(Role.WAREHOUSE_LEAD, "del-01")

    text = client.get("/fulfil/").content.decode()

    assert "0 at the nodes, 0 late" in text
    assert work.order.number not in text
    assert client.get("/fulfil/find/", {"q": work.order.number}).status_code == 404


@pytest.mark.parametrize("role", [Role.CUSTOMER_SERVICE, Role.INTEGRATOR])
@pytest.mark.parametrize("path", ["", "labels/", "manifests/", "find/"])
def test_the_screens_need_the_verb_to_see_the_floor(client: Client, sign_in: SignIn, role: str, path: str) -> None:
    sign_in(role)

    assert client.get(f"/fulfil/{path}").status_code == 403


@pytest.mark.parametrize("role", [Role.STORE_ASSOCIATE, Role.READ_ONLY, Role.PACKER])
def test_nothing_is_offered_that_its_reader_may_not_open(
    client: Client, world: World, show: Show, sign_in: SignIn, role: str
) -> None:
    make_carrier()
    parcel = labelled(make_work(world, "1", make_line(world.kurta)))
    make_work(world, "2", make_line(world.kurta))
    sign_in(role)

    for page in ("/fulfil/", "/fulfil/waves/?node=blr-01", f"/fulfil/parcels/{parcel.pk}/"):
        for link in set(re.findall(r'href="(/(?:fulfil|orders)/[^"#]*)"', show(page))):
            assert client.get(link).status_code == 200, f"{page} offers {link}"


def test_visitors_are_asked_to_sign_in(client: Client) -> None:
    for path in ("", "labels/", "manifests/", "find/"):
        assert client.get(f"/fulfil/{path}")["Location"].startswith("/accounts/login/")
