"""An import of a few hundred orders, and what is to come of it however often something dies on the way."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from django.core.management import call_command
from django.db.models import Sum

from channels.imports import services as imports
from channels.imports.types import Options
from channels.models import InboundMessage
from fulfillment.models import FulfillmentOrder
from inventory.models import Node, Reservation, StockLevel, StockMovement
from inventory.services import audit_stock
from oms.core.models import Delivery, Job, OutboxEvent
from oms.notifications.models import Message
from orders.models import Order, OrderEvent, OrderLine
from tests.factories import World, make_world, stock
from tests.flow.driver import drain

ORDERS = 240
#: Orders of the SKU of which there are only twenty: which of them get one depends on who comes first.
SCARCE = 40
HEADER = (
    "Order id,Ordered on,SKU,Quantity,Unit price,Order total,Payment,"
    "Customer,E-mail,Phone,Address 1,City,State,PIN code"
)
PLACES = ("Bengaluru,Karnataka,560001", "Delhi,Delhi,110001", "Mumbai,Maharashtra,400001")


def make_merchant() -> World:
    """The known world with more than enough of two SKUs and twenty of the third."""
    world = make_world()
    Node.objects.update(daily_capacity=100_000)
    for node in (world.blr, world.delhi):
        for sku in (world.kurta, world.saree):
            stock(sku, node, 1_000)
    return world


def orders_file(folder: Path) -> Path:
    """The file that is imported: good orders, and one whose quantity nobody can read."""
    rows = [HEADER]
    for number in range(ORDERS):
        sku, units, price = ("KURTA-M", 1 + number % 3, 999) if number % 2 else ("SAREE-1", 1, 2500)
        rows.append(_row(f"F-{number:04d}", sku, units, price, PLACES[number % len(PLACES)]))
    for number in range(SCARCE):
        rows.append(_row(f"S-{number:04d}", "SHOE-42", 1, 1500, PLACES[0]))
    rows.append(_row("Q-0001", "KURTA-M", 1, 999, PLACES[0]).replace(",1,999,", ",one,999,"))
    path = folder / "orders.csv"
    path.write_text("\r\n".join((*rows, "")), encoding="utf-8")
    return path


def _row(order_id: str, sku: str, units: int, price: int, place: str) -> str:
    buyer = "Asha Rao,asha@example.com,+919845012345,12 MG Road"
    return f"{order_id},2026-11-20,{sku},{units},{price},{price * units},prepaid,{buyer},{place}"


def start_import(path: Path) -> Job:
    """What a person does: upload the file and press the button."""
    stored = imports.store_path(path)
    inspection = imports.inspect(stored.path, kind="orders", filename=path.name)
    return imports.start_import(inspection, inspection.mapping, Options(channel="web"), user=None)


def undisturbed(folder: Path) -> End:
    """What comes of the same file where nothing dies. Leaves an empty database."""
    make_merchant()
    start_import(orders_file(folder))
    drain()
    end = end_state()
    call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=True)
    return end


@dataclass(frozen=True, slots=True)
class End:
    """All that matters in the end, in words that are the same in every run: no ids, no times."""

    #: External id -> stage, lines, reservations, work, messages and timeline of the orders that lack nothing.
    orders: dict[str, tuple[object, ...]]
    #: How many of the orders of the scarce SKU ended in which way.
    scarce: Counter[tuple[object, ...]]
    #: (SKU, node) -> on hand, reserved, packed.
    levels: dict[tuple[str, str], tuple[int, int, int]]
    inbox: Counter[str]
    events: Counter[str]
    movements: int
    job: tuple[object, ...]


def end_state() -> End:
    """Read the end state of this database."""
    ends = {order.external_id: _end_of(order) for order in Order.objects.order_by("external_id")}
    levels = StockLevel.objects.values_list("sku__code", "node__code", "on_hand", "reserved", "packed")
    job = Job.objects.get()
    found = {key: value for key, value in job.result["import"].items() if key in ("created", "failed", "rows")}
    return End(
        orders={key: end for key, end in ends.items() if not key.startswith("S-")},
        scarce=Counter(end for key, end in ends.items() if key.startswith("S-")),
        levels={(sku, node): (on_hand, reserved, packed) for sku, node, on_hand, reserved, packed in levels},
        inbox=Counter(InboundMessage.objects.values_list("state", flat=True)),
        events=Counter(OutboxEvent.objects.filter(kind__in=ONCE).values_list("kind", flat=True)),
        movements=StockMovement.objects.count(),
        job=(job.state, job.done, tuple(sorted(found.items()))),
    )  # fmt: skip


#: Events that happen once for each order, however the work was cut into batches.
ONCE = ("orders.OrderCaptured", "routing.OrderRouted", "fulfillment.FulfillmentReleased",
        "notifications.MessageQueued")  # fmt: skip


def _end_of(order: Order) -> tuple[object, ...]:
    line_uids = OrderLine.objects.filter(order=order).values("uid")
    return (
        order.stage,
        tuple(order.lines.order_by("position").values_list("sku_code", "quantity", "released", "backordered")),
        tuple(
            Reservation.objects.filter(line_uid__in=line_uids)
            .values_list("sku__code", "node__code", "state", "open_quantity")
            .order_by("node__code")
        ),
        tuple(FulfillmentOrder.objects.filter(order=order).values_list("node__code", "state").order_by("node__code")),
        tuple(Message.objects.filter(order=order).values_list("template", "state").order_by("template")),
        tuple(sorted(OrderEvent.objects.filter(order=order).values_list("kind", flat=True))),
    )


def at_rest() -> bool:
    """True once the import is done and nothing waits to be done."""
    return not left()


def left() -> list[str]:
    """What is still to be done, in words for a failed test."""
    jobs = Job.objects.exclude(state__in=["done", "failed"]).values_list("kind", "state")
    events = OutboxEvent.objects.filter(fanned_out_at__isnull=True).values_list("kind", flat=True)
    deliveries = Delivery.objects.filter(state__in=["pending", "running"])
    rows = deliveries.values_list("step", "state", "attempts", "last_error")
    return [f"{count} x {row}" for row, count in Counter([*jobs, *events, *rows]).items()]


def rest(seconds: float) -> None:
    """Wait until all is done. Fails with what is left."""
    deadline = time.monotonic() + seconds
    while left():
        assert time.monotonic() < deadline, left()
        time.sleep(0.2)


def assert_sound() -> None:
    """What must hold after any fault."""
    assert audit_stock() == []
    assert list(Delivery.objects.filter(state="dead").values_list("step", "last_error")) == []
    reserved = StockLevel.objects.aggregate(total=Sum("reserved"))["total"]
    assert reserved == Reservation.objects.aggregate(total=Sum("open_quantity"))["total"]
    for order in Order.objects.all():
        seqs = list(order.timeline.order_by("seq").values_list("seq", flat=True))
        assert seqs == list(range(1, len(seqs) + 1)), order
