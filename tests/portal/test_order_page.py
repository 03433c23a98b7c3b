"""The customer's page: date first, moved dates explained, parcels apart, nothing that names the customer."""

from __future__ import annotations

import ast
import gzip
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import timezone, translation

from carriers.models import TrackingEvent
from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.services import (
    ParcelPlan,
    apply_tracking,
    book_shipment,
    cancel_order,
    collect,
    hand_over,
    pack,
    pick_all,
)
from oms.core.templatetags.oms_format import ago
from oms.notifications.links import tracking_token
from oms.portal.days import day_text
from oms.portal.story import tell
from orders.canonical import CanonicalPayment
from orders.models import Order, Payment, SalesChannel
from tests.factories import World, make_line, make_world, stock
from tests.fulfillment.floor import labelled, make_carrier, make_work, packed, picked, stock_of, units_of

pytestmark = pytest.mark.django_db(transaction=True)
TODAY = datetime(2026, 11, 21, 6, tzinfo=UTC)
LOCALE = Path(__file__).resolve().parents[2] / "oms" / "locale" / "hi" / "LC_MESSAGES"


@pytest.fixture
def world() -> World:
    made = make_world()
    make_carrier()
    return made


@pytest.fixture
def work(world: World) -> FulfillmentOrder:
    item = make_work(world, "W-1", make_line(world.kurta, 2), make_line(world.saree))
    promise(item.order_id, 3)
    return item


def promise(order_id: int, days: int) -> None:
    moment = timezone.now() + timedelta(days=days)
    Order.objects.filter(pk=order_id).update(promised_by=moment, first_promised_by=moment)


def scan(shipment: Shipment, milestone: str, hours_ago: float) -> None:
    at = timezone.now() - timedelta(hours=hours_ago)
    TrackingEvent.objects.create(booking_id=shipment.booking_id or 0, scan_key=f"{milestone}/{hours_ago}",
                                 milestone=milestone, occurred_at=at, carrier_status=milestone,
                                 description=f"Scan {milestone}", location="Delhi hub")  # fmt: skip
    apply_tracking([shipment.booking_id or 0])


def url(order_id: int) -> str:
    return f"/t/{tracking_token(Order.objects.get(pk=order_id))}/"


def day(days: int) -> str:
    return day_text(timezone.localdate() + timedelta(days=days))


def test_the_date_comes_first(client: Client, work: FulfillmentOrder) -> None:
    response = client.get(url(work.order_id))

    assert response.status_code == 200
    page = response.content.decode()
    assert f"<h1>Arriving {day(3)}</h1>" in page
    assert page.index("<h1>") < page.index("Being prepared")


def test_nothing_on_the_page_names_the_customer(client: Client, work: FulfillmentOrder) -> None:
    page = client.get(url(work.order_id)).content.decode()

    assert "For A. in 560001" in page
    for private in ("Asha", "Rao", "12 MG Road", "9845012345", "asha@example.com"):
        assert private not in page


def test_the_page_is_not_indexed_cached_or_told_to_others(client: Client, work: FulfillmentOrder) -> None:
    response = client.get(url(work.order_id))

    assert "noindex" in response["X-Robots-Tag"]
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["Cache-Control"] == "private, no-store"
    assert "frame-ancestors" in response["Content-Security-Policy"]
    assert response.cookies.keys() == set()


@pytest.mark.parametrize("path", ["/t/", "/t/1/", "/t/1-AAAAAAAAAAAAAAAAAAAAAA/", "/t/999999-AAAAAAAAAAAAAAAAAAAAAA/",
                                  "/t/x/cancel/", "/t/a/b/c/", "/t/%F0%9F%98%80/"])  # fmt: skip
def test_every_wrong_address_gets_the_same_answer(client: Client, work: FulfillmentOrder, path: str) -> None:
    answers = {re.sub(rb'name="server-time" content="\d+"', b"", client.get(each).content)
               for each in ("/t/nonsense/", path)}  # fmt: skip

    assert client.get(path).status_code == 404
    assert len(answers) == 1


def test_a_day_that_the_courier_moved_shows_the_old_one_and_why(client: Client, work: FulfillmentOrder) -> None:
    shipment = labelled(work)
    hand_over(shipment_ids=[shipment.pk], actor="dock")
    Shipment.objects.update(expected_delivery=timezone.localdate() + timedelta(days=5))

    page = client.get(url(work.order_id)).content.decode()

    assert f"<h1>Arriving {day(5)}</h1>" in page
    assert f"<del>{day(3)}</del>" in page
    assert "The courier needs longer" in page


def test_a_courier_that_is_faster_than_promised_is_no_moved_date(work: FulfillmentOrder) -> None:
    shipment = labelled(work)
    hand_over(shipment_ids=[shipment.pk], actor="dock")
    Shipment.objects.update(expected_delivery=timezone.localdate() + timedelta(days=1))

    headline = tell(Order.objects.get()).headline

    assert (headline.title, headline.was, headline.reason) == (f"Arriving {day(1)}", "", "")


def test_out_for_delivery_means_today(work: FulfillmentOrder) -> None:
    shipment = labelled(work)
    scan(shipment, "in_transit", 10)
    scan(shipment, "out_for_delivery", 2)

    [parcel] = (story := tell(Order.objects.get())).parcels
    assert story.headline.title == "Arriving today"
    assert [(step["label"], step["state"]) for step in parcel.steps] == [
        ("Ordered", "done"), ("Packed", "done"), ("Shipped", "done"), ("Out for delivery", "current"),
        ("Delivered", "todo"),
    ]  # fmt: skip
    assert parcel.last_scan == "Scan out_for_delivery – Delhi hub"


def test_a_failed_attempt_is_said_with_what_comes_next(work: FulfillmentOrder) -> None:
    shipment = labelled(work)
    scan(shipment, "in_transit", 10)
    scan(shipment, "attempt_failed", 2)
    promise(work.order_id, -1)
    Shipment.objects.update(expected_delivery=None)

    story = tell(Order.objects.get())

    assert (story.headline.title, story.headline.was) == (f"Arriving {day(1)}", day(-1))
    assert "Tell us below" in story.headline.reason
    assert [step["state"] for step in story.parcels[0].steps][-2:] == ["problem", "todo"]


def test_a_past_promise_without_news_is_not_repeated(work: FulfillmentOrder) -> None:
    promise(work.order_id, -2)

    headline = tell(Order.objects.get()).headline

    assert (headline.title, headline.was) == ("We are working on your date", day(-2))
    assert headline.reason


def test_a_delivered_order_says_when(client: Client, work: FulfillmentOrder) -> None:
    shipment = labelled(work)
    scan(shipment, "delivered", 1)

    story = tell(Order.objects.get())

    local = timezone.localtime(Shipment.objects.get().delivered_at)
    assert story.headline.title == f"Delivered {day_text(local.date())}"
    assert (story.can_cancel, story.why_not_cancel, story.waiting) == (False, "", [])


def test_a_parcel_that_goes_back_is_no_longer_arriving(work: FulfillmentOrder) -> None:
    shipment = labelled(work)
    scan(shipment, "in_transit", 10)
    scan(shipment, "rto_initiated", 2)

    assert tell(Order.objects.get()).headline.title == "Your parcel is going back to us"


def test_two_parcels_are_told_apart(client: Client, work: FulfillmentOrder) -> None:
    pick_all(fulfillment_order_id=work.pk, actor="Asha")
    kurta, saree = work.lines.order_by("pk")
    pack(fulfillment_order_id=work.pk, actor="Asha",
         parcels=[ParcelPlan(items={kurta.pk: 2}), ParcelPlan(items={saree.pk: 1})])  # fmt: skip

    page = client.get(url(work.order_id)).content.decode()
    story = tell(Order.objects.get())

    assert "Parcel 1 of 2" in page
    assert "In 2 parcels" in page
    assert [[(goods.name, goods.quantity) for goods in parcel.goods] for parcel in story.parcels] == [
        [("The KURTA-M", 2)], [("The SAREE-1", 1)],
    ]  # fmt: skip


def weight(page: bytes) -> int:
    """Bytes on the way of a page with all that it loads."""
    assets = [
        Path(str(finders.find(name))).read_bytes() for name in ("css/portal.css", "js/portal.js", "vendor/icons.svg")
    ]
    return sum(len(gzip.compress(body)) for body in [page, *assets])


def test_parcels_that_move_apart_each_say_their_day_and_why(client: Client, work: FulfillmentOrder) -> None:
    pick_all(fulfillment_order_id=work.pk, actor="Asha")
    kurta, saree = work.lines.order_by("pk")
    pack(fulfillment_order_id=work.pk, actor="Asha",
         parcels=[ParcelPlan(items=items) for items in ({kurta.pk: 1}, {kurta.pk: 1}, {saree.pk: 1})])  # fmt: skip
    for parcel in Shipment.objects.all():
        book_shipment(parcel.pk)
    first, late, failing = Shipment.objects.order_by("pk")
    scan(first, "out_for_delivery", 2)
    for shipment in (late, failing):
        scan(shipment, "in_transit", 10)
    scan(failing, "attempt_failed", 2)
    Shipment.objects.filter(pk=late.pk).update(expected_delivery=timezone.localdate() + timedelta(days=6))
    Shipment.objects.filter(pk=failing.pk).update(expected_delivery=timezone.localdate() + timedelta(days=4))

    story = tell(Order.objects.get())

    assert (story.headline.title, story.headline.was) == (
        f"The first parcel comes today, the last {day(6)}", day(3)
    )  # fmt: skip
    lines = [parcel.arrival for parcel in story.parcels]
    assert [(line.title, line.was, line.reason) for line in lines if line] == [
        ("Arriving today", "", ""),
        (f"Arriving {day(6)}", day(3), "The courier needs longer than we had planned."),
        (f"Arriving {day(4)}", day(3), "The courier tried and could not deliver. Tell us below what they should do."),
    ]  # fmt: skip
    page = client.get(f"{url(work.order_id)}?lang=hi").content.decode()
    assert "पहला पार्सल आज आएगा, आख़िरी" in page
    assert page.count("पहले <del>") == 3
    assert weight(page.encode()) < 40 * 1024
    assert page.count("कूरियर को हमारी योजना से अधिक समय लग रहा है।") == 1


def test_the_page_is_light_and_needs_no_script(client: Client, work: FulfillmentOrder) -> None:
    labelled(work)
    page = client.get(url(work.order_id)).content

    assert weight(page) < 40 * 1024
    assert b"htmx" not in page.replace(b"htmx-config", b"")


def test_an_unchanged_page_answers_204(client: Client, work: FulfillmentOrder) -> None:
    address = url(work.order_id)
    page = client.get(address).content.decode()
    version = page.partition('data-version="')[2].partition('"')[0]

    assert client.get(address, headers={"X-Fragment-Version": version}).status_code == 204
    cancel_order(order_id=work.order_id, reason="Changed their mind", actor="care")
    assert client.get(address, headers={"X-Fragment-Version": version}).status_code == 200


# -- pickup ------------------------------------------------------------------------------------------------------------


def test_a_pickup_shows_store_hours_and_code_until_it_is_collected(client: Client, world: World) -> None:
    stock(world.kurta, world.store, 5)
    work = make_work(world, "W-2", make_line(world.kurta), service_level="pickup", pickup_node_code="blr-s1")
    address = url(work.order_id)
    assert "We are getting it ready" in client.get(address).content.decode()

    shipment = packed(work)
    page = client.get(address).content.decode()
    assert "<h1>Ready to collect</h1>" in page
    assert "Bengaluru store" in page
    assert 'class="qr"' in page

    collect(shipment_id=shipment.pk, actor="Asha")
    page = client.get(address).content.decode()
    assert f"Collected {day(0)}" in page
    assert 'class="qr"' not in page


# -- cancelling --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["released", "picked"])
def test_before_packing_the_customer_cancels_once(
    client: Client, world: World, work: FulfillmentOrder, stage: str
) -> None:
    if stage == "picked":
        picked(work)
    address = f"{url(work.order_id)}cancel/"
    assert b"Yes, cancel the order" in client.get(address).content

    answers = [client.post(address, headers={"Origin": "null"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [302, 302]
    response = answers[-1]

    assert units_of(work.order_id) == {"cancelled": 3}
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10}
    assert Payment.objects.get().refund_due_minor == 449_800
    page = client.get(response["Location"]).content.decode()
    assert "Your order is cancelled." in page
    assert "Your money goes back" in page


def test_after_packing_it_cannot_be_cancelled_here(client: Client, work: FulfillmentOrder) -> None:
    packed(work)
    address = url(work.order_id)
    assert b"Cancel this order" not in client.get(address).content

    for response in (client.get(f"{address}cancel/"), client.post(f"{address}cancel/")):
        assert response.status_code == 409
        assert b"packed already" in response.content
    assert units_of(work.order_id) == {"packed": 3}


def test_an_order_of_a_marketplace_is_cancelled_there(client: Client, work: FulfillmentOrder) -> None:
    SalesChannel.objects.update(notifies_customer=False)

    response = client.post(f"{url(work.order_id)}cancel/")

    assert response.status_code == 409
    assert b"You ordered at Web shop" in response.content
    assert units_of(work.order_id) == {"released": 3}


def test_who_paid_nothing_is_told_so(client: Client, world: World) -> None:
    payment = CanonicalPayment(method="cod", state="pending", amount_minor=99_900)
    work = make_work(world, "W-3", make_line(world.kurta), payment=payment)

    assert b"You paid nothing yet" in client.get(f"{url(work.order_id)}cancel/").content


# -- Hindi -------------------------------------------------------------------------------------------------------------


def test_the_page_speaks_hindi_when_asked_by_link_or_browser(client: Client, work: FulfillmentOrder) -> None:
    address = url(work.order_id)

    for page in (client.get(f"{address}?lang=hi"), client.get(address, headers={"Accept-Language": "hi-IN"})):
        text = page.content.decode()
        assert '<html lang="hi"' in text
        assert "यह ऑर्डर रद्द करें" in text
        assert "Cancel this order" not in text
    assert "Cancel this order" in client.get(f"{address}?lang=xx", headers={"Accept-Language": "de"}).content.decode()


def test_how_long_ago_is_said_in_hindi() -> None:
    with translation.override("hi"):
        assert "12 मिनट पहले" in ago(timezone.now() - timedelta(minutes=12, seconds=5))
        assert "3 घंटे 05 मिनट पहले" in ago(timezone.now() - timedelta(hours=3, minutes=5, seconds=5))


def portal_words() -> set[str]:
    """Every sentence of the portal that is to be translated."""
    root = Path(__file__).resolve().parents[2]
    found = set()
    for path in (root / "oms" / "portal").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("pgettext", "npgettext"):
                found.add(ast.literal_eval(node.args[1]))
    for path in (root / "templates" / "portal").glob("*.html"):
        for piece in path.read_text(encoding="utf-8").split('{% translate "')[1:]:
            found.add(piece.partition('"')[0])
    return found - {"Help", "Talk to us", "Skip to the content"}


def test_every_sentence_of_the_portal_has_its_hindi() -> None:
    with (LOCALE / "django.po").open("rb") as file:
        catalog = read_po(file, locale="hi")

    missing = []
    for words in sorted(portal_words()):
        message = catalog.get(words, context="portal")
        if message is None or not message.string:
            missing.append(words)
    assert missing == []


def entries(messages: Any) -> list[tuple[str, str, list[str]]]:
    """Singular, context and translations of each message; the compiled form keeps contexts as bytes."""
    found = []
    for message in messages:
        singular = message.id[0] if isinstance(message.id, list | tuple) else message.id
        context = message.context.decode() if isinstance(message.context, bytes) else message.context or ""
        strings = [message.string] if isinstance(message.string, str) else list(message.string)
        found.append((singular, context, strings))
    return sorted(entry for entry in found if entry[0])


def test_the_compiled_catalogue_belongs_to_its_source() -> None:
    with (LOCALE / "django.po").open("rb") as source, (LOCALE / "django.mo").open("rb") as compiled:
        assert entries(read_mo(compiled)) == entries(read_po(source, locale="hi"))


def test_days_are_written_with_a_year_only_when_it_is_another() -> None:
    with translation.override("en"):
        this_year = timezone.localdate().year
        assert day_text(datetime(this_year, 6, 5).date()).endswith("5 Jun")
        assert day_text(datetime(this_year + 1, 1, 4).date()).endswith(f"4 Jan {this_year + 1}")
