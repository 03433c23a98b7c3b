"""What each driver takes: scanned, closed and printed, once."""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from datetime import date, datetime, time
from pathlib import Path
from uuid import uuid4
from zlib import crc32

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fulfillment.models import Manifest, Shipment, WmsLink
from fulfillment.services import book_shipment, cancel_order
from fulfillment.services.asking_pickups import pickup_day
from inventory.models import NodeHoliday
from oms.accounts.models import Role
from oms.dashboard.fulfil.manifest_views import PAGE_ROWS
from orders.canonical import CanonicalPayment
from orders.models import OrderEvent
from tests.carriers.labels.test_codes_are_read import text_of
from tests.dashboard.fulfil.conftest import Show, SignIn
from tests.factories import World, make_line
from tests.fulfillment.floor import labelled, make_carrier, make_work, packed, stock_of
from tests.fulfillment.linked import box, given, link, says

pytestmark = pytest.mark.django_db(transaction=True)
HX = {"HX-Request": "true"}
#: One white dot.
PNG = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mP8/x8AAwMCAO+ip1sAAAAASUVORK5CYII=")


def test_a_manifest_is_opened_scanned_closed_and_printed(client: Client, world: World, show: Show) -> None:
    account = make_carrier(name="City riders")
    first, second = (labelled(make_work(world, name, make_line(world.kurta))) for name in ("1", "2"))
    assert "City riders" in show("/fulfil/manifests/")
    opened = client.post("/fulfil/manifests/open/", {"node": world.blr.pk, "account": account.pk})
    address = opened["Location"]

    answer = client.post(f"{address}scan/", {"code": first.awb, "idempotency_key": str(uuid4())}, headers=HX)
    assert f'"{first.order.number} is on the list."' in answer["HX-Trigger"]
    assert '"unknown"' in client.post(f"{address}scan/", {"code": "zz"}, headers=HX)["HX-Trigger"]
    text = show(address)
    assert second.awb in text.partition("Not scanned")[2]

    assert client.post(f"{address}close/", {"driver_name": ""}).status_code == 422
    for _ in range(2):
        assert client.post(f"{address}close/", {"driver_name": "Suresh"}).status_code == 302
    assert client.get(f"{address}manifest.pdf").content.startswith(b"%PDF")
    assert stock_of(world.kurta, world.blr) == {"on_hand": 8, "packed": 1}
    assert Manifest.objects.get().driver_name == "Suresh"
    assert "Suresh" in show("/fulfil/manifests/")


def test_everything_waiting_is_added_at_once(client: Client, world: World) -> None:
    account = make_carrier()
    for name in ("1", "2"):
        labelled(make_work(world, name, make_line(world.kurta)))
    address = client.post("/fulfil/manifests/open/", {"node": world.blr.pk, "account": account.pk})["Location"]

    text = client.post(f"{address}all/", follow=True).content.decode()

    assert "2 parcels added without a scan." in text
    assert set(Shipment.objects.values_list("state", flat=True)) == {"manifested"}


def test_no_manifest_is_opened_where_nothing_waits(client: Client, world: World) -> None:
    account = make_carrier()
    packed(make_work(world, "1", make_line(world.kurta)))

    form = {"node": world.blr.pk, "account": account.pk}
    assert client.post("/fulfil/manifests/open/", form).status_code == 404
    assert Manifest.objects.count() == 0


@pytest.fixture
def opened(client: Client, world: World) -> str:
    """The address of an open manifest with one parcel that waits for it."""
    account = make_carrier(name="City riders")
    labelled(make_work(world, "1", make_line(world.kurta)))
    return client.post("/fulfil/manifests/open/", {"node": world.blr.pk, "account": account.pk})["Location"]


def test_no_parcels_and_no_manifests_is_said(world: World, show: Show) -> None:
    assert "No parcel waits for a driver" in show("/fulfil/manifests/")


def test_opening_twice_goes_on_with_the_open_one(client: Client, world: World, opened: str) -> None:
    manifest = Manifest.objects.get()
    form = {"node": world.blr.pk, "account": manifest.carrier_account_id}

    assert client.post("/fulfil/manifests/open/", form)["Location"] == opened
    assert Manifest.objects.count() == 1


@pytest.mark.parametrize(
    "form", [{}, {"node": "x", "account": "1"}, {"node": "1"}, {"node": "9999", "account": "9999"}]
)
def test_a_manifest_of_nothing_is_not_opened(client: Client, world: World, form: dict[str, str]) -> None:
    assert client.post("/fulfil/manifests/open/", form).status_code == 404
    assert Manifest.objects.count() == 0


def test_without_scripts_a_typed_awb_is_added_and_answered(client: Client, opened: str) -> None:
    parcel = Shipment.objects.get()

    wrong = client.post(f"{opened}scan/", {"code": "nonsense"}, follow=True).content.decode()
    right = client.post(f"{opened}scan/", {"code": parcel.awb}, follow=True).content.decode()

    assert "No parcel nonsense waits at this node." in wrong
    assert f"{parcel.order.number} is on the list." in right
    assert Shipment.objects.get().state == "manifested"


def test_a_closed_manifest_takes_no_more(client: Client, world: World, opened: str, show: Show) -> None:
    client.post(f"{opened}all/")
    client.post(f"{opened}close/", {"driver_name": "Suresh", "vehicle": "KA 01 AB 1234"})
    late = labelled(make_work(world, "2", make_line(world.kurta)))

    answer = client.post(f"{opened}scan/", {"code": late.awb}, headers=HX)

    assert '"ok"' not in answer["HX-Trigger"]
    late.refresh_from_db()
    assert late.state == "labelled"
    text = show(opened)
    assert "KA 01 AB 1234" in text
    assert "Close and hand over" not in text


@pytest.mark.parametrize("role", [Role.PACKER, Role.READ_ONLY])
def test_manifests_are_changed_by_those_with_the_verb(
    client: Client, opened: str, show: Show, sign_in: SignIn, role: str
) -> None:
    sign_in(role)
    manifest = Manifest.objects.get()

    assert "Close and hand over" not in show(opened)
    for action in ("scan", "all", "close"):
        assert client.post(f"{opened}{action}/", {"driver_name": "X", "code": "Y"}).status_code == 403
    form = {"node": manifest.node_id, "account": manifest.carrier_account_id}
    assert client.post("/fulfil/manifests/open/", form).status_code == 403
    manifest.refresh_from_db()
    assert (manifest.state, Shipment.objects.get().state) == ("open", "labelled")


def test_a_manifest_of_another_node_does_not_exist(client: Client, opened: str, sign_in: SignIn) -> None:
    sign_in(Role.WAREHOUSE_LEAD, "del-01")

    for path in ("", "manifest.pdf"):
        assert client.get(opened + path).status_code == 404
    for action in ("scan", "all", "close"):
        assert client.post(f"{opened}{action}/", {"driver_name": "X", "code": "Y"}).status_code == 404
    assert "City riders" not in client.get("/fulfil/manifests/").content.decode()


def test_older_manifests_are_on_the_next_page(client: Client, world: World, show: Show) -> None:
    account = make_carrier()
    closed = [Manifest(number=f"M-{n:03d}", node=world.blr, carrier_account=account, state="closed")
              for n in range(PAGE_ROWS + 2)]  # fmt: skip
    Manifest.objects.bulk_create(closed)

    first = show("/fulfil/manifests/")
    second = show(
        first.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0].join(["/fulfil/manifests/", ""])
    )

    assert ("M-051" in first, "M-001" in first) == (True, False)
    assert ("M-051" in second, "M-001" in second, "M-000" in second) == (False, True, True)


SIGNED = "data:image/png;base64," + b64encode(PNG).decode()


def opened_with(client: Client, world: World, *scanned: Shipment) -> str:
    """An open manifest with these parcels on it; its address."""
    account = scanned[0].carrier_account_id
    address = client.post("/fulfil/manifests/open/", {"node": world.blr.pk, "account": account})["Location"]
    for parcel in scanned:
        client.post(f"{address}scan/", {"code": parcel.awb})
    return address


def test_who_took_the_parcels_signs_and_what_stays_is_said(
    client: Client, world: World, show: Show, settings: LazySettings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    make_carrier()
    first, second = (labelled(make_work(world, name, make_line(world.kurta))) for name in ("1", "2"))
    address = opened_with(client, world, first)
    driver = {"driver_name": "Suresh", "phone": "+919845012345", "driver_code": "4711", "signature": SIGNED}
    text = client.post(f"{address}close/", driver, follow=True).content.decode()
    assert "1 parcel handed to Suresh." in text
    assert "1 parcel stays for the next driver." in text
    page = show(address)
    assert "4711" in page
    assert "+919845012345" in page
    assert b"".join(client.get(f"{address}signature.png")) == PNG
    paper = text_of(client.get(f"{address}manifest.pdf").content)
    assert "Suresh (code 4711)" in paper
    # What stayed waits on the next manifest.
    again = opened_with(client, world, second)
    assert again != address
    assert Manifest.objects.get(state="open").shipments.get() == second


def claiming(side: int) -> bytes:
    """The dot, as a picture that says it were so wide and high: opened whole it would fill the memory."""
    head = b"IHDR" + struct.pack(">II", side, side) + PNG[24:29]
    return PNG[:12] + head + struct.pack(">I", crc32(head)) + PNG[33:]


def test_a_proof_is_wanted_where_the_settings_say_so_and_rubbish_is_none(
    client: Client, world: World, settings: LazySettings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT, settings.HANDOVER_NEEDS_PROOF = tmp_path, True
    make_carrier()
    address = opened_with(client, world, labelled(make_work(world, "1", make_line(world.kurta))))
    for fields, words in (
        ({}, "Have the driver sign"),
        ({"signature": "data:image/png;base64,####"}, "Sign again"),
        ({"signature": "data:text/html;base64,PGI+"}, "Sign again"),
        ({"signature": "data:image/png;base64," + b64encode(b"no picture").decode()}, "Sign again"),
        ({"signature": "data:image/png;base64," + b64encode(claiming(30_000)).decode()}, "Sign again"),
    ):
        answer = client.post(f"{address}close/", {"driver_name": "Suresh", **fields})
        assert answer.status_code == 422
        assert words in answer.content.decode()
    assert client.get(f"{address}signature.png").status_code == 404
    assert client.post(f"{address}close/", {"driver_name": "Suresh", "driver_code": "4711"}).status_code == 302
    assert Manifest.objects.get().state == "closed"


def test_what_comes_off_a_manifest_is_named_until_it_is_out_of_the_pile(
    client: Client, world: World, show: Show
) -> None:
    account = make_carrier()
    parcels = [labelled(make_work(world, name, make_line(world.kurta))) for name in "123"]
    address = client.post("/fulfil/manifests/open/", {"node": world.blr.pk, "account": account.pk})["Location"]
    client.post(f"{address}all/")
    first, second, third = parcels
    for gone in (first, second):
        cancel_order(order_id=gone.order_id, reason="changed_mind", actor="Meera")

    dropped = show(address).partition("Take these out of the pile")[2]
    assert first.awb in dropped
    assert second.awb in dropped
    # Who goes on scanning is told with the next scan.
    assert (
        "Take these out of the pile" in client.post(f"{address}scan/", {"code": third.awb}, headers=HX).content.decode()
    )
    paper = text_of(client.get(f"{address}manifest.pdf").content)
    assert f"{first.order.number} ({first.awb})" in paper
    for _ in range(2):
        assert client.post(f"{address}out/", {"parcel": first.pk}).status_code == 302
    assert first.awb not in show(address)
    assert OrderEvent.objects.filter(order=first.order_id, kind="taken_out").count() == 1

    said = client.post(f"{address}close/", {"driver_name": "Suresh"}, follow=True).content.decode()
    assert f"These do not leave with the driver: {second.order.number} ({second.awb})." in said
    assert "Take these out of the pile" not in said
    third.refresh_from_db()
    assert third.state == "handed_over"


def test_the_paper_costs_the_same_for_many_parcels(client: Client, world: World) -> None:
    make_carrier()
    cash = CanonicalPayment(method="cod", state="pending", amount_minor=99_900)
    costs = []
    for name in "123":
        address = opened_with(client, world, labelled(make_work(world, name, make_line(world.kurta), payment=cash)))
        with CaptureQueriesContext(connection) as caught:
            assert "999.00" in text_of(client.get(f"{address}manifest.pdf").content)
        costs.append(len(caught))
    assert costs[0] == costs[1] == costs[2]


def test_a_carrier_is_asked_to_come_for_what_waits(client: Client, world: World, show: Show) -> None:
    account = make_carrier()
    form = {"node": world.blr.pk, "account": account.pk}
    assert "No parcel of" in client.post("/fulfil/manifests/pickup/", form, follow=True).content.decode()
    labelled(make_work(world, "1", make_line(world.kurta)))
    assert "Ask to come" in show("/fulfil/manifests/")
    assert "comes unasked" in client.post("/fulfil/manifests/pickup/", form, follow=True).content.decode()
    assert client.post("/fulfil/manifests/pickup/", form | {"node": "0"}).status_code == 404


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-11-20T12:00", date(2026, 11, 20)),  # Friday, before the cut-off
        ("2026-11-20T17:00", date(2026, 11, 21)),
        ("2026-11-21T17:00", date(2026, 11, 24)),  # Sunday is no day of work, Monday a holiday
    ],
)
def test_a_driver_comes_on_a_day_of_work(world: World, moment: str, day: date) -> None:
    node = world.blr
    node.working_days, node.cutoff_at = [1, 2, 3, 4, 5, 6], time(16)
    NodeHoliday.objects.create(node=node, day=date(2026, 11, 23), name="Fair")
    assert pickup_day(node, datetime.fromisoformat(f"{moment}+05:30")) == day


def test_what_a_wms_ships_is_not_the_docks(client: Client, world: World, show: Show) -> None:
    account = make_carrier(name="City riders")
    link(world.blr)
    theirs = given(world, "1", 1)
    says(theirs, "pack", boxes=box(1))
    book_shipment(theirs.shipments.get().pk)
    parcel = theirs.shipments.get()

    text = show("/fulfil/manifests/")
    assert ("and 1 with the WMS" in text, "The WMS ships" in text) == (True, True)
    form = {"node": world.blr.pk, "account": account.pk}
    assert client.post("/fulfil/manifests/open/", form).status_code == 404

    WmsLink.objects.update(mode="none")
    ours = labelled(make_work(world, "2", make_line(world.kurta)))
    address = client.post("/fulfil/manifests/open/", form)["Location"]
    scanned = client.post(f"{address}scan/", {"code": parcel.awb, "idempotency_key": str(uuid4())}, headers=HX)
    assert "is with the WMS of blr-01" in scanned["HX-Trigger"]
    client.post(f"{address}all/", {"idempotency_key": str(uuid4())})
    client.post(f"{address}close/", {"driver_name": "Suresh"})
    assert [row.pk for row in Manifest.objects.get().shipments.all()] == [ours.pk]
    assert Manifest.objects.get().left_behind == 0
    assert says(theirs, "ship").status == "applied"
