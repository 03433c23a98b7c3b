"""Node pages: load, calendar, the switch with its preview, and the auditor's page."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.models import FulfillmentOrder
from fulfillment.services import open_fulfillment_orders
from inventory.models import Node, NodeHoliday, StockAudit, StockDifference
from oms.accounts.models import User
from oms.core.models import OutboxEvent
from oms.dashboard.inventory.outage import preview_outage
from oms.reporting.node_load import next_cutoff, nodes_now
from oms.reporting.scope import Scope
from orders.models import Order
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_node, make_order, make_world, stock
from tests.flow.driver import drain

pytestmark = pytest.mark.django_db
#: The steps look for what is due by the clock of their own transaction: there must be one after the page committed.
runs_the_flow = pytest.mark.django_db(transaction=True)
KOLKATA = ZoneInfo("Asia/Kolkata")


@pytest.fixture
def world() -> World:
    return make_world()


def signed_in(role: str = "ops_manager", **fields: Any) -> Client:
    user = User.objects.create(email=f"{role}@example.com", role=role, **({"all_nodes": True} | fields))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def open_orders(world: World, *quantities: int) -> list[int]:
    ids = [
        capture(world, make_order(f"O{number}", make_line(world.kurta, quantity), placed_at=timezone.now()))
        for number, quantity in enumerate(quantities)
    ]
    route_orders(ids, trigger="captured")
    open_fulfillment_orders(ids)
    return ids


def test_a_node_counts_its_work_by_what_is_to_be_done(world: World) -> None:
    open_orders(world, 1, 1)

    load = next(node for node in nodes_now(Scope()) if node.code == "blr-01")

    assert (load.used, load.limit, load.to_pick, load.waiting, load.backlog_hours) == (2, 500, 2, 2, None)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 11, 20, 8, 0, tzinfo=UTC), datetime(2026, 11, 20, 16, 0, tzinfo=KOLKATA)),
        (datetime(2026, 11, 20, 12, 0, tzinfo=UTC), datetime(2026, 11, 23, 16, 0, tzinfo=KOLKATA)),
    ],
)
def test_the_next_cut_off_skips_what_is_over_days_off_and_holidays(now: datetime, expected: datetime) -> None:
    holidays = {date(2026, 11, 21)}

    found = next_cutoff(now, KOLKATA, time(16, 0), [1, 2, 3, 4, 5, 6], holidays)

    assert found == expected


def test_a_node_that_never_works_has_no_cut_off() -> None:
    assert next_cutoff(datetime(2026, 11, 20, tzinfo=UTC), KOLKATA, time(16, 0), [], set()) is None


def test_the_preview_of_switching_off_plans_the_orders_without_the_node(world: World) -> None:
    open_orders(world, 2, 3)
    stock(world.kurta, world.delhi, 4)
    before = OutboxEvent.objects.count()

    preview = preview_outage(Node.objects.get(code="blr-01"))

    assert (preview.taken_back, preview.planned, preview.stays) == (2, 2, 0)
    assert preview.to_nodes == (("del-01", 2),)
    assert (preview.partial, preview.stranded) == (1, 0)
    assert OutboxEvent.objects.count() == before


@runs_the_flow
def test_switching_off_needs_a_reason_and_moves_the_orders(world: World) -> None:
    order_id = open_orders(world, 2)[0]
    client = signed_in()

    refused = client.post("/inventory/nodes/blr-01/switch/", {"active": "0", "reason": ""})
    assert refused.status_code == 422
    assert Node.objects.get(code="blr-01").is_active

    assert client.post("/inventory/nodes/blr-01/switch/", {"active": "0", "reason": "Flood"}).status_code == 302
    drain()

    node = Node.objects.get(code="blr-01")
    assert (node.is_active, node.offline_reason) == (False, "Flood (ops_manager@example.com)")
    live = FulfillmentOrder.objects.filter(order_id=order_id, state__in=FulfillmentOrder.LIVE)
    assert [work.node.code for work in live] == ["del-01"]


def test_a_second_click_does_not_turn_it_back(world: World) -> None:
    client = signed_in()
    for _ in range(2):
        client.post("/inventory/nodes/blr-01/switch/", {"active": "0", "reason": "Flood"})

    assert not Node.objects.get(code="blr-01").is_active
    assert OutboxEvent.objects.filter(kind="inventory.NodeSwitched").count() == 1


@runs_the_flow
def test_switching_on_says_how_many_orders_wait(world: World) -> None:
    Node.objects.update(is_active=False)
    route_orders([capture(world, make_order("A", make_line(world.kurta)))], trigger="captured")
    client = signed_in()

    body = client.get("/inventory/nodes/blr-01/switch/", HTTP_HX_REQUEST="true").content.decode()
    assert "1 orders wait for a node" in body
    answer = client.post("/inventory/nodes/blr-01/switch/", {"active": "1", "back": "tower"}, HTTP_HX_REQUEST="true")
    drain()

    assert answer["HX-Redirect"] == "/"
    assert Order.objects.get().stage == "released"


def test_the_node_page_shows_holidays_by_name_in_its_calendar(world: World) -> None:
    NodeHoliday.objects.create(node=world.blr, day=timezone.localdate(), name="Founders' day")

    body = signed_in().get("/inventory/nodes/blr-01/").content.decode()

    assert "Founders&#x27; day" in body
    assert "Closed today" in body


def test_the_list_of_nodes_takes_the_same_queries_for_more_nodes(world: World) -> None:
    client = signed_in()

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/inventory/nodes/").status_code == 200
        return len(queries)

    count()
    first = count()
    for number in range(3):
        make_node(f"z-{number}", city="Pune", postcode="411001")

    assert count() == first


def test_people_of_one_node_see_that_node(world: World) -> None:
    body = signed_in("store_manager", all_nodes=False, node_codes=["blr-s1"]).get("/inventory/nodes/").content.decode()

    assert "blr-s1" in body
    assert "del-01" not in body


def test_the_auditors_page_checks_when_asked(world: World) -> None:
    client = signed_in()
    assert "Not checked yet" in client.get("/inventory/differences/").content.decode()

    client.post("/inventory/differences/check/")

    assert StockAudit.objects.get().differences == 0
    assert "Everything adds up" in client.get("/inventory/differences/").content.decode()
    assert signed_in("read_only").post("/inventory/differences/check/").status_code == 403


def test_a_kept_difference_is_shown_with_its_ledger(world: World) -> None:
    row = {"sku_id": world.kurta.pk, "node_id": world.blr.pk, "what": "on_hand", "stored": 9, "computed": 10}
    StockAudit.objects.create(levels=6, differences=1, found=[row])
    StockDifference.objects.create(**row)

    body = signed_in().get("/inventory/differences/").content.decode()
    tower = signed_in("admin").get("/tower/parts/queue/").content.decode()

    assert f"/inventory/{world.kurta.pk}/blr-01/ledger/" in body
    assert "1 of 6 stock levels are not what their ledger adds up to" in tower
