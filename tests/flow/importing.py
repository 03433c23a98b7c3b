"""An order report of several hundred orders, and what is to come of its import whatever dies on the way.

The end must not depend on who works when. So the world has far more than enough of two SKUs near every customer, and
none at all of a third. Of a fourth there are fewer than were sold: which of its orders get one depends on who comes
first, also where nothing dies, so of these only the counts are compared.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db.models import Count, Sum

from channels.imports import services as imports
from channels.imports.types import Options
from channels.models import InboundMessage
from fulfillment.models import FulfillmentOrder
from inventory.models import Node, Reservation, StockLevel
from oms.core.models import Delivery, Job, OutboxEvent
from oms.flow.table import steps_of_events
from oms.notifications.models import Message
from orders.models import Order, OrderEvent, OrderLine
from tests.factories import World, make_sku, make_world, stock

#: Orders that can be captured, by what becomes of them.
PLENTY, NONE, SCARCE, HELD = 2480, 40, 40, 20
ORDERS = PLENTY + NONE + SCARCE + HELD
#: Units of the scarce SKU: ten at each of two warehouses.
SCARCE_UNITS = 20
#: Orders whose customers are written to; see `writes_to`.
TOLD = (PLENTY + NONE + HELD) // 4
#: Orders that nobody can read.
UNREADABLE = 12
SEED = 20_261_120
#: As Amazon calls it: the "Unshipped Orders" report, separated by tabs.
HEADER = (
    "order-id", "order-item-id", "purchase-date", "buyer-email", "buyer-name", "buyer-phone-number", "sku",
    "product-name", "quantity-to-ship", "ship-service-level", "recipient-name", "ship-address-1", "ship-city",
    "ship-state", "ship-postal-code", "ship-country", "payment-method",
)  # fmt: skip
#: Each lies next to one of the two warehouses.
PLACES = (("Bengaluru", "Karnataka", "560001"), ("Delhi", "Delhi", "110001"))


def make_merchant() -> World:
    """The known world with more than enough of two SKUs, twenty of the third and none of a fourth."""
    world = make_world()
    Node.objects.update(daily_capacity=1_000_000)
    make_sku("GOWN-L")
    for node in (world.blr, world.delhi):
        for sku in (world.kurta, world.saree):
            stock(sku, node, 10_000)
    return world


def write_report(folder: Path) -> Path:
    """The file: the same one every time, with the rows of an order apart from each other."""
    chance = random.Random(SEED)
    rows: list[tuple[str, ...]] = []
    for number in range(PLENTY):
        skus = chance.choice((("KURTA-M",), ("SAREE-1",), ("KURTA-M", "SAREE-1")))
        rows += _rows(f"405-{number:07d}", skus, chance.randint(1, 3), chance.choice(PLACES))
    for number in range(NONE):
        rows += _rows(f"406-{number:07d}", ("GOWN-L",), 1, chance.choice(PLACES))
    for number in range(SCARCE):
        rows += _rows(f"407-{number:07d}", ("SHOE-42",), 1, PLACES[0])
    for number in range(HELD):
        rows += _rows(f"408-{number:07d}", ("KURTA-M",), 1, chance.choice(PLACES), street="")
    for number in range(UNREADABLE):
        rows += _rows(f"409-{number:07d}", ("KURTA-M",), chance.choice(("one", "0", "-3")), PLACES[0])
    chance.shuffle(rows)
    path = folder / "unshipped.txt"
    path.write_text("\r\n".join("\t".join(row) for row in (HEADER, *rows)) + "\r\n", encoding="utf-8")
    return path


def _rows(
    order_id: str, skus: Iterable[str], units: int | str, place: tuple[str, str, str], street: str = "12 MG Road"
) -> list[tuple[str, ...]]:
    email = f"buyer-{order_id}@example.com" if writes_to(order_id) else ""
    return [
        (
            order_id, f"{order_id}-{position}", "2026-11-20T06:30:00+00:00", email, "Asha Rao", "+919845012345", sku,
            f"The {sku}", str(units), "Standard", "Asha Rao", street, *place, "IN", "Prepaid",
        )
        for position, sku in enumerate(skus, start=1)
    ]  # fmt: skip


def writes_to(order_id: str) -> bool:
    """Every fourth customer left an address; of those who compete for the scarce SKU none did."""
    return int(order_id[-7:]) % 4 == 0 and not order_id.startswith("407-")


def start_import(path: Path) -> Job:
    """What a person does: upload the file and press the button."""
    stored = imports.store_path(path)
    inspection = imports.inspect(stored.path, kind="orders", filename=path.name)
    assert inspection.format_code == "amazon_unshipped"
    return imports.start_import(inspection, inspection.mapping, Options(channel="web"), user=None)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import has come."""

    captured: int
    routed: int

    @classmethod
    def now(cls) -> Progress:
        """As the database has it."""
        counts = dict(Order.objects.values_list("stage").annotate(count=Count("pk")).order_by())
        captured = sum(counts.values())
        return cls(captured, captured - counts.get("captured", 0))

    @property
    def in_the_middle(self) -> bool:
        """Some orders are captured and some routed, and there is more to do of both."""
        return 0 < self.routed <= self.captured < ORDERS


Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class End:
    """All that matters in the end, in words that are the same in every run: no ids, no times."""

    #: External id -> stage, holds, lines, reservations, work, messages, timeline, events of orders that lack nothing.
    orders: dict[str, tuple[Row, ...]]
    #: How many orders of the scarce SKU ended in which way, wherever their unit comes from.
    scarce: Counter[tuple[Row, ...]]
    #: External id -> state and reason of each message of the channel.
    inbox: dict[str, Row]
    #: (SKU, node) -> on hand, reserved, packed.
    levels: dict[Row, Row]
    #: (SKU, node) -> units in open reservations.
    reserved: dict[Row, int]
    #: What happens once for each order, however the work was cut into batches: kind -> how often.
    events: dict[str, int]
    job: Row

    def differences(self, other: End) -> dict[str, object]:
        """Name of each part that differs -> what differs of it."""
        found: dict[str, object] = {}
        for part in fields(self):
            mine, theirs = getattr(self, part.name), getattr(other, part.name)
            if mine != theirs:
                found[part.name] = _difference(mine, theirs)
        return found


def _difference(mine: object, theirs: object) -> object:
    if not isinstance(mine, dict) or not isinstance(theirs, dict):
        return mine, theirs
    keys = mine.keys() | theirs.keys()
    return {key: (mine.get(key), theirs.get(key)) for key in sorted(keys) if mine.get(key) != theirs.get(key)}


ONCE_AN_ORDER = (
    "orders.OrderCaptured", "routing.OrderRouted", "routing.OrderUnroutable", "fulfillment.FulfillmentReleased",
)  # fmt: skip
_UNITS = ("unallocated", "backordered", "allocated", "released", "picked", "packed", "shipped", "cancelled")


def end_state() -> End:
    """Read the end state of this database."""
    ends = _ends_of_orders()
    messages = InboundMessage.objects.values_list("external_id", "state", "cause", "issues")
    levels = StockLevel.objects.values_list("sku__code", "node__code", "on_hand", "reserved", "packed")
    open_units = Reservation.objects.filter(open_quantity__gt=0).values_list("sku__code", "node__code")
    kinds = OutboxEvent.objects.filter(kind__in=(*ONCE_AN_ORDER, "notifications.MessageQueued")).values_list("kind")
    return End(
        orders={key: end for key, end in ends.items() if not key.startswith("407-")},
        scarce=Counter(_anywhere(end) for key, end in ends.items() if key.startswith("407-")),
        inbox={key: (state, cause, str(issues)) for key, state, cause, issues in messages},
        levels={(sku, node): tuple(units) for sku, node, *units in levels},
        reserved={(sku, node): units for sku, node, units in open_units.annotate(units=Sum("open_quantity"))},
        events=dict(kinds.annotate(count=Count("pk")).order_by()),
        job=_end_of_job(),
    )


def _ends_of_orders() -> dict[str, tuple[Row, ...]]:
    lines = OrderLine.objects.values_list("order", "external_id", "sku_code", "quantity", *_UNITS)
    order_of = dict(OrderLine.objects.values_list("uid", "order"))
    claims = Reservation.objects.values_list("line_uid", "sku__code", "node__code", "state", "open_quantity")
    events = OutboxEvent.objects.filter(kind__in=ONCE_AN_ORDER).values_list("payload__order_id", "kind")
    parts = [
        _by_order(lines),
        _by_order((order_of[uid], *claim) for uid, *claim in claims),
        _by_order(FulfillmentOrder.objects.values_list("order", "node__code", "state")),
        _by_order(Message.objects.values_list("order", "template", "state", "recipient")),
        _by_order(OrderEvent.objects.values_list("order", "kind")),
        _by_order(events),
    ]
    orders = Order.objects.values_list("pk", "external_id", "stage", "open_holds")
    return {key: ((stage, holds), *(tuple(part[pk]) for part in parts)) for pk, key, stage, holds in orders}


def _by_order(rows: Iterable[Any]) -> dict[int, list[Row]]:
    """Rows that begin with the id of their order, sorted, under that id."""
    found: dict[int, list[Row]] = defaultdict(list)
    for order_id, *row in sorted(rows):
        found[order_id].append(tuple(row))
    return found


def _anywhere(end: tuple[Row, ...]) -> tuple[Row, ...]:
    """The end of an order without what is its own: the names of its lines, and the node that gave the unit."""
    stage, lines, claims, works, messages, timeline, events = end
    own = [line[1:] for line in lines if isinstance(line, tuple)]
    return (stage, tuple(own), (len(claims),), (len(works),), (len(messages),), timeline, events)


def _end_of_job() -> Row:
    job = Job.objects.get()
    found = {key: value for key, value in job.result["import"].items() if key not in ("seconds", "rejected_file")}
    assert found.pop("job_id") == job.pk
    rejected = job.result_file.read().decode()
    counters = (job.state, job.error, job.total, job.done, job.succeeded, job.failed, job.skipped)
    return (*counters, rejected, str(sorted(found.items())))


def left() -> list[str]:
    """What is still to be done, in words for a failed test."""
    jobs = Job.objects.filter(state__in=["queued", "running"]).values_list("kind", "state")
    events = OutboxEvent.objects.filter(fanned_out_at__isnull=True).values_list("kind", flat=True)
    deliveries = Delivery.objects.filter(state__in=["pending", "running"])
    rows = deliveries.values_list("step", "state", "attempts", "last_error")
    return [f"{count} x {row}" for row, count in Counter([*jobs, *events, *rows]).items()]


def rest(seconds: float) -> float:
    """Wait until all is done; how long that took, in seconds. Fails with what is left."""
    started = time.monotonic()
    while left():
        assert time.monotonic() < started + seconds, left()
        time.sleep(0.1)
    return time.monotonic() - started


def assert_sound(most_letters_twice: int = 0) -> None:
    """What must hold after any fault, beside the end itself."""
    out = StringIO()
    call_command("verify_ledger", stdout=out)
    assert "0 differences" in out.getvalue()
    steps = dict(steps_of_events())
    wanted = Counter(
        (kind, step) for kind in OutboxEvent.objects.values_list("kind", flat=True) for step in steps[kind]
    )
    done = Counter(Delivery.objects.filter(state="done").values_list("event__kind", "step"))
    assert done == wanted
    assert list(Delivery.objects.exclude(state="done").values_list("step", "state", "last_error")) == []
    for order_id, seqs in _by_order(OrderEvent.objects.values_list("order", "seq")).items():
        assert seqs == [(place,) for place in range(1, len(seqs) + 1)], order_id
    doubled = Message.objects.values("order", "template").annotate(count=Count("pk")).filter(count__gt=1)
    assert list(doubled) == []
    sent = Counter(letters())
    assert len(sent) == Message.objects.filter(state="sent").count()
    assert sent.total() - len(sent) <= most_letters_twice


def letters() -> list[str]:
    """The Message-ID of each letter that left."""
    files = Path(settings.EMAIL_FILE_PATH).glob("*")
    return [found for path in files for found in re.findall(r"^Message-ID: (\S+)$", path.read_text(), re.MULTILINE)]


def undone_of_the_dead() -> list[tuple[str, int]]:
    """(step, delivery) of what was claimed by a worker that is not there any more."""
    return list(Delivery.objects.filter(state="running").values_list("step", "pk"))


def taken_over(ids: Iterable[int]) -> int:
    """How many of these deliveries are done at a later attempt than the first."""
    return Delivery.objects.filter(pk__in=list(ids), state="done", attempts__gt=1).count()
