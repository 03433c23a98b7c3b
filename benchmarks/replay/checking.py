"""The verdict on what is left at the end: every order once, every unit accounted for, the shop told the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.db.models import Count, F, Q, QuerySet, Sum

from benchmarks.replay.history import History
from benchmarks.replay.playing import Played
from benchmarks.replay.watching import TRUTH
from benchmarks.replay.world import MARKET, SHOP, World
from channels.adapters.woocommerce.client import PAGE_SIZE, WooCommerceClient
from channels.models import ChannelAccount, InboundMessage, Listing, OutboundUpdate
from channels.services import account_config, refresh_sellable
from inventory.models import Reservation, StockLevel
from oms.core.db import fetch_all
from oms.core.models import Delivery, OutboxEvent
from orders.models import Order, OrderLine

#: Stages of a unit in which a reservation stands behind it.
RESERVED = ("allocated", "released", "picked")
WAITING = ("unallocated", "backordered")
GONE = ("packed", "shipped", "cancelled")
_SHOWN = 5

Units = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Check:
    """One sentence that must be true, with what was found."""

    what: str
    ok: bool
    found: str = ""


def still_open(world: World, expected_orders: int, store: Callable[..., Any]) -> dict[str, int]:
    """What has not come to rest yet, by kind; empty when everything has."""
    state = store("GET", "/state")
    steps = Delivery.objects.filter(state__in=["pending", "running"]).values("step").annotate(number=Count("pk"))
    counts = {
        "orders to come": expected_orders - Order.objects.count(),
        "events": OutboxEvent.objects.filter(fanned_out_at__isnull=True).count(),
        **{f"step {row['step']}": row["number"] for row in steps},
        "messages": InboundMessage.objects.filter(state="pending").count(),
        "listings to send": _untold(world).count(),
        "order updates": OutboundUpdate.objects.filter(state="pending").count(),
        "deliveries of the store": int(state["deliveries_pending"]),
    }
    return {name: count for name, count in counts.items() if count}


def _untold(world: World) -> QuerySet[Listing]:
    """Listings of the shop whose last version it has not been told. Those of the marketplace are told to nobody."""
    return Listing.objects.filter(account_id=world.shop_account_id, wanted_version__gt=F("sent_version"))


def why_open(world: World) -> str:
    """What the account of the shop and the first of the listings still to be sent say of themselves."""
    account = ChannelAccount.objects.get(pk=world.shop_account_id)
    words = f"shop: last error {account.last_error!r} at {account.last_error_at}, last ok {account.last_ok_at}, stock "
    words += f"behind since {account.stock_dirty_since}, tried again at {account.stock_retry_at}"
    names = ("external_sku", "wanted_version", "sent_version", "wanted_at", "sent_at", "acknowledged_at", "error")
    rows = _untold(world).order_by("wanted_at").values(*names)[:3]
    return "\n  ".join([words, *(str({name: str(value) for name, value in row.items()}) for row in rows)])


def verdict(history: History, world: World, played: Played, shop_numbers: Mapping[str, str]) -> list[Check]:
    """Every check, whether it holds or not."""
    return [
        *_orders(history, played, shop_numbers), *_units(history, world), *_ledger(history, world),
        *_flow(), *_shop(world),
    ]  # fmt: skip


def _orders(history: History, played: Played, shop_numbers: Mapping[str, str]) -> Iterable[Check]:
    wanted = {
        (door, shop_numbers.get(order_id, "never placed") if door == SHOP else order_id)
        for order_id, door in played.doors.items()
    }
    rows = Counter(Order.objects.values_list("channel__code", "external_id"))
    found, more = set(rows), [key for key, count in rows.items() if count > 1]
    problem = f"missing {len(wanted - found)}, unknown {len(found - wanted)}, more than once {len(more)}"
    text = f"{len(found):,} orders, {sum(1 for door, _ in found if door == MARKET):,} of them the marketplace's"
    ok = wanted == found and not more and len(wanted) == len(history.sales)
    yield Check("every order was captured exactly once", ok, text if ok else problem)
    twice = InboundMessage.objects.filter(state="quarantined").count()
    yield Check("no message is in quarantine", not twice, str(twice) if twice else "")


def _units(history: History, world: World) -> Iterable[Check]:
    ordered, cancelled = Counter[int](), Counter[int]()
    for sale in history.sales:
        for item in sale.items:
            ordered[world.sku_ids[item.sku]] += item.quantity
            cancelled[world.sku_ids[item.sku]] += item.cancelled
    sums: dict[str, Units] = {name: _by_sku(name) for name in ("quantity", *WAITING, *RESERVED, *GONE)}
    yield _same("units ordered by SKU are those of the history", ordered, sums["quantity"])
    parts = Counter[int]()
    for name in (*WAITING, *RESERVED, *GONE):
        parts.update(sums[name])
    total = {name: sum(sums[name].values()) for name in (*WAITING, *RESERVED, *GONE)}
    story = " + ".join(f"{units:,} {name}" for name, units in total.items() if units)
    yield _same("units ordered = waiting + reserved + packed + shipped + cancelled, by SKU", ordered, parts, story)
    yield _same("units cancelled by SKU are those of the history", cancelled, sums["cancelled"])
    yield Check("every unit was routed or put on the waiting list", not total["unallocated"])
    held = Counter[int]()
    for name in RESERVED:
        held.update(sums[name])
    open_claims = _sum(Reservation.objects.filter(open_quantity__gt=0).values("sku_id"), "open_quantity")
    yield _same("open reservations by SKU are the units that orders hold", held, open_claims)
    yield _same("reserved by SKU is the sum of the open reservations", open_claims, _levels("reserved"))


def _ledger(history: History, world: World) -> Iterable[Check]:
    came = Counter[int]()
    for (sku, _), units in history.opening.items():
        came[world.sku_ids[sku]] += units
    for delivery in history.deliveries:
        for sku, units in delivery.units.items():
            came[world.sku_ids[sku]] += units
    left = Counter(_levels("on_hand"))
    left.update(_levels("packed"))
    left.update(_by_sku("shipped"))
    yield _same("opening stock + receipts = on hand + packed + shipped, by SKU", came, left, f"{sum(came.values()):,}")
    negative = StockLevel.objects.filter(Q(on_hand__lt=0) | Q(reserved__lt=0) | Q(reserved__gt=F("on_hand"))).count()
    yield Check("no level is below zero or oversold at the end", not negative, str(negative) if negative else "")
    out = StringIO()
    try:
        call_command("verify_ledger", stdout=out, stderr=StringIO())
        differs = False
    except SystemExit:
        differs = True
    yield Check("verify_ledger finds no difference", not differs, out.getvalue().strip().splitlines()[-1])


def _flow() -> Iterable[Check]:
    dead = list(Delivery.objects.filter(state="dead").values_list("step", "last_error")[:_SHOWN])
    yield Check("no step was given up", not dead, "; ".join(f"{step}: {error[-200:]}" for step, error in dead))
    refused = OutboundUpdate.objects.filter(state="failed").count()
    yield Check("the shop refused no update of an order", not refused, str(refused) if refused else "")


def _shop(world: World) -> Iterable[Check]:
    changed = refresh_sellable(world.sku_ids.values())
    yield Check("working out every listing again changes none", not changed, str(changed) if changed else "")
    listings = Listing.objects.filter(account_id=world.shop_account_id)
    behind = _untold(world).count()
    errors = listings.exclude(error="").count()
    text = f"{behind} not sent, {errors} refused" if behind or errors else f"{listings.count():,} listings"
    yield Check("the shop has taken the last version of every listing", not behind and not errors, text)
    truth = {sku_id: max(0, int(units)) for sku_id, units in fetch_all(TRUTH)}
    codes = {code: truth[pk] for code, pk in world.sku_ids.items()}
    shown = _store_quantities(world)
    wrong = {code: (units, shown.get(code)) for code, units in codes.items() if shown.get(code) != units}
    text = ", ".join(f"{code}: {true} but the shop shows {said}" for code, (true, said) in list(wrong.items())[:_SHOWN])
    yield Check("the shop shows of every SKU what may be sold", not wrong, text or f"{len(shown):,} products read back")


def _store_quantities(world: World) -> dict[str, int]:
    """What the shop itself says it has, read through its API."""
    account = ChannelAccount.objects.select_related("channel").get(pk=world.shop_account_id)
    client = WooCommerceClient(account_config(account))
    found: dict[str, int] = {}
    page = 1
    while rows := client.get("/products", {"per_page": PAGE_SIZE, "page": page, "orderby": "id"}).rows():
        # The history sold what the shop did not have: below nothing is nothing.
        found |= {str(row["sku"]): max(0, int(row["stock_quantity"] or 0)) for row in rows}
        page += 1
    return found


def _by_sku(name: str) -> Units:
    return _sum(OrderLine.objects.values("sku_id"), name)


def _levels(name: str) -> Units:
    return _sum(StockLevel.objects.values("sku_id"), name)


def _sum(rows: Any, name: str) -> Units:
    return {row["sku_id"]: int(row["units"]) for row in rows.annotate(units=Sum(name)) if row["units"]}


def _same(what: str, left: Units, right: Units, story: str = "") -> Check:
    keys = left.keys() | right.keys()
    wrong = {key: (left.get(key, 0), right.get(key, 0)) for key in keys if left.get(key, 0) != right.get(key, 0)}
    if not wrong:
        skus = sum(1 for units in left.values() if units)
        return Check(what, True, story or f"{sum(left.values()):,} units of {skus:,} SKUs")
    text = ", ".join(f"SKU {key}: {a} and {b}" for key, (a, b) in list(wrong.items())[:_SHOWN])
    return Check(what, False, f"{len(wrong)} SKUs differ: {text}")
