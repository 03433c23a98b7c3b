"""What can be asked about orders: views, filters, pages, counts. Never writes."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from oms.accounts.access import Principal, in_order_scope
from oms.core.clock import now
from oms.core.db import fetch_all
from orders.filters import Condition, Filters, parse_filters
from orders.models import Hold, HoldReason, Order, OrderLine
from orders.validation import digits

#: Stages in which nothing has left the last node yet.
TO_SHIP = ("captured", "backordered", "routed", "released", "picked", "packed")
ENDED = ("delivered", "returned", "cancelled")
#: Nearer to the hand-over than this, an order is at risk.
AT_RISK = timedelta(hours=2)
#: A fresh order is routed within seconds; only one that waits longer needs a person.
ROUTING_GRACE = timedelta(minutes=5)
#: Counts are exact up to here.
MOST_COUNTED = 10_000
MOST_ON_TAB = 999
PAGE_SIZES = (50, 100, 200)
_RTO = ("rto_initiated", "rto_in_transit", "rto_received")
_TROUBLE = ("ndr_open", "lost", "damaged")


@dataclass(frozen=True, slots=True)
class OrderView:
    """A named question over all orders. `alarm` is the tone of its count; views without one are not counted."""

    key: str
    label: str
    where: Callable[[datetime], Q]
    sort: str = "-placed"
    alarm: str = ""


def _any_of(*querysets: QuerySet[Any]) -> Q:
    """Orders in any of the sets of ids, each of them answered by an index of its own."""
    first, *others = querysets
    return Q(pk__in=first.union(*others, all=True))


def _needs_action(moment: datetime) -> Q:
    orders = Order.objects.order_by()
    return _any_of(
        _held(orders).values("pk"),
        orders.filter(stage="backordered").values("pk"),
        orders.filter(stage="captured", captured_at__lt=moment - ROUTING_GRACE).values("pk"),
        orders.filter(stage__in=TO_SHIP, ship_by__lt=moment).values("pk"),
        orders.filter(shipments__state__in=_TROUBLE).values("pk"),
        orders.filter(shipments__state="created").exclude(shipments__problem="").values("pk"),
    )


def _held(orders: QuerySet[Order]) -> QuerySet[Order]:
    return orders.filter(open_holds__gt=0).exclude(stage__in=("cancelled", "shipped", *ENDED))


def _due_today(moment: datetime) -> Q:
    local = timezone.localtime(moment)
    midnight = timezone.make_aware(datetime.combine(local.date() + timedelta(days=1), time()))
    return Q(stage__in=TO_SHIP, ship_by__lt=midnight)


VIEWS: dict[str, OrderView] = {
    view.key: view
    for view in (
        OrderView("action", "Needs action", _needs_action, "promise", "bad"),
        OrderView("due", "Due today", _due_today, "promise", "info"),
        OrderView("risk", "At risk", lambda t: Q(stage__in=TO_SHIP, ship_by__lt=t + AT_RISK), "promise", "warn"),
        OrderView("held", "On hold", lambda t: Q(pk__in=_held(Order.objects.order_by()).values("pk")),
                  "promise", "warn"),
        OrderView("unrouted", "Unrouted", lambda t: Q(stage__in=("captured", "backordered")), "promise", "warn"),
        OrderView("ship", "To ship", lambda t: Q(stage__in=("routed", "released", "picked", "packed"), open_holds=0),
                  "promise", "neutral"),
        OrderView("cod", "COD to confirm",
                  lambda t: Q(pk__in=_open_holds("cod_unconfirmed"), stage__in=TO_SHIP), "promise", "warn"),
        OrderView("backorder", "Backorder", lambda t: Q(stage="backordered"), "placed", "warn"),
        OrderView("rto", "RTO", lambda t: Q(pk__in=Order.objects.order_by().filter(
            shipments__state__in=_RTO).values("pk")), "-placed", "bad"),
        OrderView("all", "All", lambda t: Q()),
    )
}  # fmt: skip


def _open_holds(reason: str) -> QuerySet[Hold, int]:
    return Hold.objects.filter(reason=reason, released_at__isnull=True).values_list("order_id", flat=True)


@dataclass(frozen=True, slots=True)
class Sort:
    """One way to sort: the column behind it and whether it may be empty."""

    column: str
    nullable: bool = False


SORTS: dict[str, Sort] = {
    "placed": Sort("placed_at"),
    "number": Sort("id"),
    "total": Sort("total_minor"),
    "promise": Sort("ship_by", nullable=True),
    "customer": Sort("customer_name"),
    "city": Sort("ship_city"),
    "updated": Sort("updated_at"),
}


@dataclass(frozen=True, slots=True)
class OrderQuestion:
    """What a list, an export or a bulk action is about: a view, a search line and an order of rows."""

    view: str = "all"
    text: str = ""
    sort: str = ""
    filters: Filters = field(default_factory=Filters, compare=False)

    @classmethod
    def read(
        cls, params: Mapping[str, Any], *, default_view: str = "all", moment: datetime | None = None
    ) -> OrderQuestion:
        """From a query string or from the arguments of a job; what is unknown falls back to the default."""
        view = str(params.get("view") or default_view)
        text = str(params.get("q") or "").strip()
        sort = str(params.get("sort") or "")
        return cls(
            view=view if view in VIEWS else default_view,
            text=text,
            sort=sort if sort.lstrip("-") in SORTS else "",
            filters=parse_filters(text, today=timezone.localdate(moment)),
        )

    def as_args(self) -> dict[str, str]:
        """Back to plain values; what is empty is left out."""
        return {key: value for key, value in (("view", self.view), ("q", self.text), ("sort", self.sort)) if value}

    @property
    def order_by(self) -> str:
        """The sort in force: what was asked for, or that of the view."""
        return self.sort or VIEWS[self.view].sort


def orders_in_scope(principal: Principal) -> QuerySet[Order]:
    """Every order the principal may see. For people of some nodes, a semi-join, so that no row comes twice."""
    if principal.all_nodes:
        return in_order_scope(Order.objects.all(), principal)
    return Order.objects.filter(pk__in=in_order_scope(Order.objects.order_by(), principal).values("pk"))


def orders_matching(
    question: OrderQuestion, principal: Principal, *, moment: datetime | None = None
) -> QuerySet[Order]:
    """Orders of a view that the search line lets through, unsorted."""
    at = moment or now()
    found = orders_in_scope(principal).filter(VIEWS[question.view].where(at))
    for condition in question.filters.conditions:
        wanted = _CONDITIONS[condition.key](condition, at)
        found = found.exclude(wanted) if condition.negated else found.filter(wanted)
    for word in question.filters.words:
        found = found.filter(search__text__contains=_search_word(word))
    return found


def _search_word(word: str) -> str:
    """As the search text is stored: lower case, phone numbers by their last ten digits. Empty for a country code."""
    plain = word.lower()
    if plain[:1] not in {"+", "0", "("} or any(char.isalpha() or char in "@_" for char in plain):
        return plain
    number = digits(plain)
    if plain.startswith("+") and len(number) <= 3:
        return ""
    return number.lstrip("0") if len(number) >= 6 else plain


def _status(condition: Condition, moment: datetime) -> Q:
    wanted = Q(stage__in=[value for value in condition.values if value not in _STATUS])
    for value in condition.values:
        if value in _STATUS:
            wanted |= _STATUS[value](moment)
    return wanted


_STATUS: dict[str, Callable[[datetime], Q]] = {
    "held": lambda moment: Q(open_holds__gt=0),
    "late": lambda moment: Q(stage__in=TO_SHIP, ship_by__lt=moment),
    "open": lambda moment: Q(stage__in=TO_SHIP),
    "closed": lambda moment: Q(stage__in=ENDED),
}


def _insensitive(path: str, values: Sequence[str]) -> Q:
    wanted = Q()
    for value in values:
        wanted |= Q(**{f"{path}__iexact": value})
    return wanted


def _searched(path: str, values: Sequence[str]) -> Q:
    """A column that is part of the search text: the trigram index finds the rows, the column decides."""
    wanted = Q()
    for value in values:
        wanted |= Q(**{f"{path}__iexact": value, "search__text__contains": value.lower()})
    return wanted


def _related(condition: Q) -> Q:
    """A condition over rows of an order, as a set of ids, so that it neither repeats orders nor mixes with others."""
    return Q(pk__in=Order.objects.order_by().filter(condition).values("pk"))


def _node(condition: Condition, moment: datetime) -> Q:
    at_node = _insensitive("fulfillment_orders__node__code", condition.values)
    return _related(at_node & ~Q(fulfillment_orders__state__in=("rejected", "cancelled")))


def _sku(condition: Condition, moment: datetime) -> Q:
    exact = {code for value in condition.values for code in (value, value.upper())}
    return Q(pk__in=OrderLine.objects.filter(sku_code__in=exact).values("order_id"))


def _sla(condition: Condition, moment: datetime) -> Q:
    wanted = Q(stage__in=TO_SHIP)
    if condition.high is not None:
        wanted &= Q(ship_by__lt=moment + timedelta(seconds=condition.high))
    if condition.low is not None:
        wanted &= Q(ship_by__gt=moment + timedelta(seconds=condition.low))
    return wanted


def _placed(condition: Condition, moment: datetime) -> Q:
    wanted = Q()
    if condition.first is not None:
        wanted &= Q(placed_at__gte=timezone.make_aware(datetime.combine(condition.first, time())))
    if condition.last is not None:
        after = condition.last + timedelta(days=1)
        wanted &= Q(placed_at__lt=timezone.make_aware(datetime.combine(after, time())))
    return wanted


def _promised(condition: Condition, moment: datetime) -> Q:
    """Promised for one of these days, by the first promise, and not later than now."""
    wanted = Q(first_promised_by__lt=moment) & ~Q(stage="cancelled")
    if condition.first is not None:
        wanted &= Q(first_promised_by__gte=timezone.make_aware(datetime.combine(condition.first, time())))
    if condition.last is not None:
        after = condition.last + timedelta(days=1)
        wanted &= Q(first_promised_by__lt=timezone.make_aware(datetime.combine(after, time())))
    return wanted


def _on_time(condition: Condition, moment: datetime) -> Q:
    """Delivered by the first promise; what has not come by then is late."""
    kept = Q(delivered_at__isnull=False, delivered_at__lte=F("first_promised_by"))
    if condition.flag:
        return kept
    return Q(first_promised_by__lt=moment) & (Q(delivered_at__isnull=True) | Q(delivered_at__gt=F("first_promised_by")))


def _decided(condition: Condition, moment: datetime) -> Q:
    given = Q(pk__in=Order.objects.order_by().filter(routing_decisions__outcome__in=("routed", "partial")).values("pk"))
    return given if condition.flag else ~given


def _filled(condition: Condition, moment: datetime) -> Q:
    """What the first decision said: every unit at once, or not."""
    first = Order.objects.order_by().filter(routing_decisions__attempt=1)
    whole = Order.objects.order_by().filter(routing_decisions__attempt=1, routing_decisions__outcome="routed")
    return Q(pk__in=(whole if condition.flag else first.exclude(pk__in=whole.values("pk"))).values("pk"))


def _split(condition: Condition, moment: datetime) -> Q:
    live = ~Q(fulfillment_orders__state__in=("rejected", "cancelled"))
    nodes = Count("fulfillment_orders__node", distinct=True, filter=live)
    several = Order.objects.order_by().annotate(sent_from=nodes).filter(sent_from__gt=1).values("pk")
    return Q(pk__in=several) if condition.flag else ~Q(pk__in=several)


def _touched(condition: Condition, moment: datetime) -> Q:
    """A person was needed: a hold that does not clear by itself, a reroute by hand, or work that a node gave back."""
    orders = Order.objects.order_by()
    touched = _any_of(
        Hold.objects.order_by().exclude(reason__in=("payment_pending", "channel")).values("order_id"),
        orders.filter(routing_decisions__trigger="reroute").values("pk"),
        orders.filter(fulfillment_orders__state="rejected").values("pk"),
    )
    return touched if condition.flag else ~touched


def _total(condition: Condition, moment: datetime) -> Q:
    wanted = Q()
    if condition.low is not None:
        wanted &= Q(total_minor__gte=condition.low)
    if condition.high is not None:
        wanted &= Q(total_minor__lte=condition.high)
    return wanted


def _cod(condition: Condition, moment: datetime) -> Q:
    return Q(payment_method="cod") if condition.flag else ~Q(payment_method="cod")


def _paid(condition: Condition, moment: datetime) -> Q:
    paid = Q(payment__captured_minor__gte=F("total_minor"))
    return _related(paid if condition.flag else ~paid)


def _holding(condition: Condition, moment: datetime) -> Q:
    rows = Hold.objects.filter(reason__in=condition.values, released_at__isnull=True)
    return Q(pk__in=rows.values("order_id"))


def _carrier(condition: Condition, moment: datetime) -> Q:
    wanted = Q()
    for value in condition.values:
        wanted |= Q(shipments__carrier_account__code__iexact=value) | Q(shipments__courier_name__icontains=value)
    return _related(wanted)


_CONDITIONS: dict[str, Callable[[Condition, datetime], Q]] = {
    "status": _status,
    "channel": lambda condition, moment: _insensitive("channel__code", condition.values),
    "node": _node,
    "sku": _sku,
    "placed": _placed,
    "sla": _sla,
    "total": _total,
    "cod": _cod,
    "paid": _paid,
    "hold": _holding,
    "tag": lambda condition, moment: Q(tags__overlap=[value.lower() for value in condition.values]),
    "service": lambda condition, moment: Q(service_level__in=condition.values),
    "carrier": _carrier,
    "pin": lambda condition, moment: _searched("ship_postcode", condition.values),
    "city": lambda condition, moment: _searched("ship_city", condition.values),
    "gift": lambda condition, moment: Q(is_gift=bool(condition.flag)),
    "promised": _promised,
    "ontime": _on_time,
    "routed": _decided,
    "filled": _filled,
    "split": _split,
    "touched": _touched,
}


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows and the marks that lead to their neighbours; an empty mark: there is nothing there."""

    orders: list[Order]
    before: str
    after: str


def page_of(orders: QuerySet[Order], *, order_by: str, size: int, after: str = "", before: str = "") -> Page:
    """One page by key, not by offset: as fast at the end of a million orders as at their beginning.

    `after` and `before` are marks of an earlier page; a mark that cannot be read means the first page.
    """
    mark = _read_mark(before or after, order_by)
    backwards = bool(before) and mark is not None
    descending = order_by.startswith("-") != backwards
    sort = SORTS[order_by.lstrip("-")]
    if mark is not None:
        orders = orders.filter(_beyond(sort, mark, descending))
    sign = "-" if descending else ""
    columns = [f"{sign}{sort.column}"] + ([] if sort.column == "id" else [f"{sign}id"])
    rows = list(orders.order_by(*columns)[: size + 1])
    more, rows = len(rows) > size, rows[:size]
    if backwards:
        rows.reverse()
    has_before, has_after = (more, True) if backwards else (mark is not None, more)
    if not rows:
        return Page([], "", "")
    return Page(rows, _mark(rows[0], order_by) if has_before else "", _mark(rows[-1], order_by) if has_after else "")


def _beyond(sort: Sort, mark: tuple[Any, int], descending: bool) -> Q:
    """Rows behind the mark in this direction. PostgreSQL puts empty values last going up and first going down."""
    value, pk = mark
    column, test = sort.column, "lt" if descending else "gt"
    if column == "id":
        return Q(**{f"id__{test}": pk})
    if value is None:
        same = Q(**{f"{column}__isnull": True, f"id__{test}": pk})
        return same | Q(**{f"{column}__isnull": False}) if descending else same
    # The first condition repeats what the second implies, in a form that an index can start from.
    further = Q(**{f"{column}__{test}e": value}) & (Q(**{f"{column}__{test}": value}) | Q(**{f"id__{test}": pk}))
    return further | Q(**{f"{column}__isnull": True}) if sort.nullable and not descending else further


def _mark(order: Order, order_by: str) -> str:
    value = getattr(order, SORTS[order_by.lstrip("-")].column)
    plain = value.isoformat() if isinstance(value, datetime) else value
    return urlsafe_b64encode(json.dumps([plain, order.pk]).encode()).decode().rstrip("=")


def _read_mark(text: str, order_by: str) -> tuple[Any, int] | None:
    if not text:
        return None
    try:
        value, pk = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if SORTS[order_by.lstrip("-")].column.endswith(("_at", "_by")) and value is not None:
            value = datetime.fromisoformat(value)
        return value, int(pk)
    except (ValueError, TypeError, Base64Error):
        return None


def count_up_to(orders: QuerySet[Order], most: int = MOST_COUNTED) -> int:
    """How many there are, exact up to `most`; one more means: more than that."""
    return orders.order_by()[: most + 1].count()


def view_counts(principal: Principal, *, moment: datetime | None = None) -> dict[str, int]:
    """Orders in each view that has an alarm, exact up to MOST_ON_TAB, in one statement."""
    at = moment or now()
    base = orders_in_scope(principal)
    parts: list[str] = []
    params: list[Any] = []
    keys = [view.key for view in VIEWS.values() if view.alarm]
    for key in keys:
        rows = base.filter(VIEWS[key].where(at)).order_by().values("pk")[: MOST_ON_TAB + 1]
        try:
            sql, values = rows.query.sql_with_params()
        except EmptyResultSet:
            sql, values = "SELECT 1 WHERE false", ()
        parts.append(f"(SELECT count(*) FROM ({sql}) AS v)")  # noqa: S608 - the ORM wrote the inner statement
        params += values
    return dict(zip(keys, fetch_all(f"SELECT {', '.join(parts)}", params)[0], strict=True))


def hold_reasons() -> list[tuple[str, str]]:
    """Reasons that a person may choose from."""
    return [(value, label) for value, label in HoldReason.choices if value not in {"unmapped_sku", "channel"}]
