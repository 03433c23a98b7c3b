"""The demo world is whole when it is loaded, and leaves nothing when it goes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.test import override_settings
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from carriers.models import BillLine, CashPosition, RemittanceLine
from channels.models import InboundMessage
from fulfillment.models import DeliveryAnswer, FailedDelivery, FulfillmentOrder, RoadTrouble, Shipment
from fulfillment.selectors.pickups import waiting_parcels
from inventory.models import (
    CountItem,
    InboundShipment,
    Node,
    PurchaseOrder,
    ReplenishmentRule,
    ReplenishmentSuggestion,
    Sku,
    StockAdjustment,
    StockCount,
    StockMovement,
    Transfer,
    TransferState,
)
from inventory.services import audit_stock
from oms.accounts.models import Role, User
from oms.accounts.services import create_token
from oms.core.clock import now
from oms.core.db import execute, fetch_all
from oms.core.models import IdempotencyKey
from oms.demo import brand
from oms.demo.catalogue import KITS
from oms.demo.models import DemoWorld
from oms.demo.named_units import PREFIX
from oms.demo.outside import CREW_TOKEN, message_server
from oms.notifications.base import OutgoingMessage
from oms.notifications.models import Message, MessageAccount, OptOut
from oms.notifications.registry import provider_for
from oms.notifications.sending import config_of
from oms.store.selling import channel_of
from orders.models import Hold, HoldReason, Order, OrderKit
from tests.factories import capture, make_line, make_order, make_world

ORDERS = 60


def table_counts() -> dict[str, int]:
    """Rows of every table."""
    names = [row[0] for row in fetch_all("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    return {name: fetch_all(f"SELECT count(*) FROM {connection.ops.quote_name(name)}")[0][0] for name in names}


@pytest.fixture(scope="module")
def before(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[dict[str, int]]:
    """The rows of every table before the demo world was loaded, which happens once for all tests here."""
    with django_db_blocker.unblock():
        counts = table_counts()
        call_command("load_demo", "--orders", str(ORDERS), "--days", "9", stdout=io.StringIO())
    yield counts
    with django_db_blocker.unblock():
        call_command("remove_demo", stdout=io.StringIO())


@pytest.mark.usefixtures("before", "db")
def test_every_number_of_the_world_adds_up() -> None:
    assert Order.objects.filter(kits=None).exclude(external_id__startswith=PREFIX).count() == ORDERS
    assert set(OrderKit.objects.values_list("sku_code", flat=True)) == {kit.code for kit in KITS}
    # Balances are the sums of the ledger, reserved units those of open reservations.
    assert audit_stock().differences == 0
    # Units of lines that live work covers are the units that are reserved or packed there.
    assert fetch_all("""
        SELECT o.number FROM orders_order o JOIN orders_orderline l ON l.order_id = o.id
        LEFT JOIN inventory_reservation r ON r.line_uid = l.uid AND r.open_quantity > 0
        GROUP BY o.number, l.id
        HAVING l.allocated + l.released + l.picked <> coalesce(sum(r.open_quantity), 0)
    """) == []  # fmt: skip
    # Timelines are numbered without gaps and run forward.
    assert fetch_all("""
        SELECT order_id FROM orders_orderevent GROUP BY order_id HAVING count(*) <> max(seq)
    """) == []  # fmt: skip
    assert fetch_all("""
        SELECT order_id, seq, kind, at, earlier FROM (
            SELECT order_id, seq, kind, at, lag(at) OVER (PARTITION BY order_id ORDER BY seq) AS earlier
            FROM orders_orderevent
        ) e WHERE at < earlier
    """) == []  # fmt: skip
    # The parcels of an order that is paid on delivery ask for its total together, never each for all of it.
    assert fetch_all("""
        SELECT o.number FROM orders_order o JOIN fulfillment_shipment s ON s.order_id = o.id
        LEFT JOIN carriers_booking b ON b.id = s.booking_id
        WHERE o.payment_method = 'cod' AND s.state <> 'cancelled' AND s.state NOT LIKE 'rto%'
        GROUP BY o.number, o.total_minor
        HAVING sum(s.cod_minor) > o.total_minor
            OR sum((b.request->>'cod_minor')::bigint) IS DISTINCT FROM sum(s.cod_minor) FILTER (WHERE b.id IS NOT NULL)
    """) == []  # fmt: skip
    # Every parcel that left did so after it was packed.
    assert not [s for s in Shipment.objects.exclude(handed_over_at=None) if s.created_at > moment_of(s)]


def moment_of(shipment: Shipment) -> datetime:
    assert shipment.handed_over_at is not None
    return shipment.handed_over_at


@pytest.mark.usefixtures("before", "db")
def test_nothing_of_the_past_is_stamped_with_the_present() -> None:
    began = DemoWorld.objects.get().finished_at
    for table, column in (
        ("orders_order", "captured_at"), ("orders_order", "updated_at"), ("orders_orderevent", "at"),
        ("inventory_stockmovement", "occurred_at"), ("routing_routingdecision", "decided_at"),
        ("inventory_reservation", "created_at"), ("fulfillment_fulfillmentorder", "created_at"),
        ("fulfillment_shipment", "created_at"), ("carriers_booking", "booked_at"), ("orders_hold", "created_at"),
        ("channels_inboundmessage", "received_at"), ("returns_return", "created_at"), ("orders_invoice", "created_at"),
    ):  # fmt: skip
        later = fetch_all(f"SELECT count(*) FROM {table} WHERE {column} > %s", [began])[0][0]
        assert later == 0, f"{table}.{column}"


@pytest.mark.usefixtures("before", "db")
def test_numbers_of_invoices_go_up_with_the_days_on_which_their_parcels_were_packed() -> None:
    rows = fetch_all(
        """SELECT i.registration_id, i.kind, i.financial_year, i.number, i.issued_on, e.message,
            (s.created_at AT TIME ZONE n.time_zone)::date
        FROM orders_invoice i JOIN fulfillment_shipment s ON s.uid = i.parcel_uid
        JOIN inventory_node n ON n.id = s.node_id
        JOIN orders_orderevent e ON e.order_id = i.order_id AND (e.data->>'invoice')::bigint = i.id
        WHERE e.kind = 'invoiced' ORDER BY i.registration_id, i.kind, i.financial_year, i.number"""
    )

    assert len({row[4] for row in rows}) > 3
    for _, group in groupby(rows, key=lambda row: row[:3]):
        some = list(group)
        assert [row[4] for row in some] == sorted(row[4] for row in some)
    assert all(row[3] in row[5] and row[4] == row[6] for row in rows)


@pytest.mark.usefixtures("before", "db")
def test_the_ledger_and_the_timelines_are_guarded_again() -> None:
    for table in ("inventory_stockmovement", "orders_orderevent"):
        triggers = fetch_all(
            """SELECT tgenabled FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname LIKE '%%append_only'""", [table]
        )
        assert triggers == [("O",)]
    assert StockMovement.objects.exists()


@pytest.mark.usefixtures("before", "db")
def test_every_screen_has_something_to_show() -> None:
    assert {"delivered", "shipped"} <= set(Order.objects.values_list("stage", flat=True))
    assert Hold.objects.filter(released_at__isnull=True).exists()
    assert CashPosition.objects.filter(due_minor__gt=0).exists()
    assert {"equal", "weight", "unknown"} <= set(BillLine.objects.values_list("finding", flat=True))
    assert RemittanceLine.objects.filter(finding="short").exists()
    assert set(Hold.objects.values_list("reason", flat=True)) <= set(HoldReason.values)
    assert InboundMessage.objects.filter(state="quarantined").count() >= 10
    assert FulfillmentOrder.objects.exclude(state__in=["completed", "cancelled", "rejected"]).exists()
    assert not Sku.objects.filter(image="").exists()
    assert set(Transfer.objects.values_list("state", flat=True)) == set(TransferState.values)
    assert StockAdjustment.objects.filter(state="waiting").count() == 2
    # Somebody may wait in the car, and a counter may sell what another node sends. How many of a few orders are
    # collected at a store is left to chance; where some are, the newest has not been yet.
    pickups = Shipment.objects.filter(fulfillment_order__kind="pickup", created_at__gt=now() - timedelta(days=6))
    newest = {row.node_id: row.pk for row in pickups.exclude(state="cancelled").order_by("created_at", "pk")}
    waiting = waiting_parcels(Shipment.objects.filter(node__curbside_bays__gt=0)).values_list("pk", flat=True)
    assert set(newest.values()) <= set(waiting)
    assert channel_of(Node.objects.get(code="BLR-S01")).code == "counter"


@pytest.mark.usefixtures("before", "db")
def test_everybody_has_a_sign_in_and_nobody_is_told_of_the_past(client: object) -> None:
    assert set(User.objects.values_list("role", flat=True)) == set(Role.values)
    out = io.StringIO()
    call_command("demo_signins", stdout=out)
    password = out.getvalue().splitlines()[0].rsplit(" ", 1)[-1]
    assert User.objects.get(email="asha@demo.example.com").check_password(password)
    kinds = {row[0] for row in fetch_all("SELECT DISTINCT kind FROM core_outboxevent")}
    assert kinds <= {"channels.ListingsDirty", "fulfillment.ParcelPacked"}
    # What waits to be sent waits for the end of quiet hours, and nothing of the past was handed to a provider.
    assert not Message.objects.filter(state="pending", not_before__isnull=True).exists()
    assert not Message.objects.filter(state="sending").exists()
    # Whether so small a world has an order for the stores to write about at this hour is left to chance.
    states = set(Message.objects.values_list("state", flat=True))
    assert states | {"pending"} == {"pending", "sent", "failed", "unknown", "skipped"}
    assert {"", "delivered", "read"} <= set(Message.objects.filter(state="sent").values_list("receipt", flat=True))
    assert OptOut.objects.count() == 2
    assert not Message.objects.filter(created_at__gt=timezone.now()).exists()
    assert not Message.objects.filter(sent_at__lt=F("created_at")).exists()


@pytest.mark.usefixtures("before", "db")
@override_settings(DEMO_MESSAGES_URL="http://127.0.0.1:0")
def test_a_simulated_provider_takes_what_the_web_shop_writes() -> None:
    account = MessageAccount.objects.get(code=brand.WHATSAPP)
    message = OutgoingMessage(reference="m1.1", event="shipped", to="+919845012345", language="en", text="",
                              template="oms_shipped")  # fmt: skip
    with message_server(DemoWorld.objects.get()) as server:
        account.base_url, server.secrets.meta_hook = server.base_url, ""
        accepted = provider_for(account.provider).send(config_of(account), message)
    assert accepted.provider_id.startswith("wamid.")


@pytest.mark.usefixtures("before", "db")
def test_loading_twice_is_refused_and_a_filled_database_is_left_alone() -> None:
    out = io.StringIO()
    call_command("load_demo", "--if-empty", stdout=out)
    assert "nothing was loaded" in out.getvalue()
    with pytest.raises(CommandError, match="loaded already"):
        call_command("load_demo", stdout=io.StringIO())
    assert DemoWorld.objects.count() == 1


@pytest.mark.usefixtures("db")
def test_removal_leaves_every_table_as_it_was(before: dict[str, int]) -> None:
    asha, (token, _) = User.objects.get(email="asha@demo.example.com"), create_token(name=CREW_TOKEN, verbs=[])
    for owner in (f"user:{asha.pk}", f"token:{token.pk}"):
        IdempotencyKey.objects.create(principal=owner, key="k", body_hash="0" * 64)
    call_command("remove_demo", stdout=io.StringIO())
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert table_counts() == before


@pytest.mark.usefixtures("before", "db")
def test_what_is_not_of_the_demo_stays() -> None:
    # Given a merchant of one's own beside the demo world, with an order
    world = make_world()
    order_id = capture(world, make_order("own-1", make_line(world.kurta)))
    # When the demo goes
    call_command("remove_demo", stdout=io.StringIO())
    # Then all of the merchant's is there
    assert list(Order.objects.values_list("pk", flat=True)) == [order_id]
    assert Sku.objects.count() == 3
    assert audit_stock().differences == 0


@pytest.mark.usefixtures("before", "db")
def test_the_demo_does_not_go_from_under_somebody_elses_order() -> None:
    world = make_world()
    sku = Sku.objects.get(code="ANJALI-IND-S")
    capture(world, make_order("own-2", make_line(sku)))
    with pytest.raises(CommandError, match="not of the demo"):
        call_command("remove_demo", stdout=io.StringIO())
    assert DemoWorld.objects.exists()


@pytest.mark.django_db
def test_orders_of_a_real_merchant_keep_the_demo_out(before: dict[str, int]) -> None:
    call_command("remove_demo", stdout=io.StringIO())
    world = make_world()
    capture(world, make_order("own-3", make_line(world.kurta)))
    with pytest.raises(CommandError, match="not of the demo"):
        call_command("load_demo", stdout=io.StringIO())
    assert not DemoWorld.objects.exists()


@pytest.mark.usefixtures("before", "db")
def test_purchase_orders_stand_in_every_state_and_some_are_late_or_half_received() -> None:
    states = list(PurchaseOrder.objects.order_by("pk").values_list("state", flat=True))
    assert sorted(states) == sorted(
        ["draft", "placed", "placed", "placed", "partial", "received", "closed", "cancelled"]
    )
    assert PurchaseOrder.objects.filter(state="placed", expected_on__lt=timezone.localdate()).count() == 1
    assert InboundShipment.objects.get().state == "expected"
    # What is open of placed orders, and what transfers carry, is what is inbound.
    assert fetch_all("""
        SELECT (SELECT sum(inbound) FROM inventory_stocklevel) - (
            SELECT sum(open_quantity) FROM inventory_purchaseorderline l
            JOIN inventory_purchaseorder o ON o.id = l.order_id AND o.state IN ('placed', 'partial')
        ) - (SELECT sum(in_transit_quantity) FROM inventory_transferline)
    """) == [(0,)]  # fmt: skip


@pytest.mark.usefixtures("before", "db")
def test_a_count_goes_on_one_waits_for_a_decision_and_one_is_closed() -> None:
    by_state = dict(StockCount.objects.values_list("state", "node__code"))

    assert by_state == {"open": "BLR-S01", "review": "BOM-DC1", "closed": "BOM-DC1"}
    waiting = CountItem.objects.filter(count__state="review", state="counted")
    assert sorted(item.variance or 0 for item in waiting) == [-4, -3, -1, 2]
    assert StockMovement.objects.filter(reason="count", op_key__startswith="cycle/").count() == 2


@pytest.mark.usefixtures("before", "db")
def test_stock_is_kept_up_by_rules_that_suggest_orders_and_transfers() -> None:
    ways = ReplenishmentSuggestion.objects.filter(state="open").values_list("sums__way", "supplier", "from_node")
    found = {(way, supplier is not None, source is not None) for way, supplier, source in ways}
    assert {("purchase", True, False), ("transfer", False, True)} <= found
    assert not ReplenishmentRule.objects.filter(node=None).exists()


@pytest.mark.usefixtures("before", "db")
def test_failed_deliveries_are_cases_some_answered_and_one_delivery_is_disputed() -> None:
    assert FailedDelivery.objects.filter(state="closed").exists()
    assert not FailedDelivery.objects.filter(reason="other").exists()
    assert not DeliveryAnswer.objects.filter(state__in=["queued", "sending"]).exists()
    assert RoadTrouble.objects.filter(kind="disputed").count() == 1
