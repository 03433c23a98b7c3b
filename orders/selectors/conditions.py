"""What each condition of a search line means for the rows of the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta

from django.db.models import Count, F, Q
from django.utils import timezone

from orders.filters import Condition
from orders.models import Hold, Order, OrderLine
from orders.selectors.views import ENDED, TO_SHIP, any_of


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
    touched = any_of(
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


#: Condition of a search line -> the orders that meet it at a moment.
CONDITIONS: dict[str, Callable[[Condition, datetime], Q]] = {
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
