"""Units of order lines in the words of a channel: its own line ids, and whole kits of what it sold as kits.

A kit counts as shipped once all of it has left: of what has left by now, what the channel was told before is taken
off. A parcel with a part of a kit names the line with 0 units, because no line at all would mean the whole order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Q

from channels.models import OutboundUpdate
from orders.kits import by_kit, kit_units
from orders.locks import lock_orders
from orders.models import Order, OrderLine

SHIPPED, CANCELLED = "shipped", "cancelled"


def shipped_lines(parcels: Sequence[tuple[int, Mapping[int, int]]]) -> list[dict[str, int]]:
    """What each parcel (order id, units by our line id) means to the order's channel, in the order of the input.

    Locks the orders that have kits in them, so that of two parcels with parts of one kit only one completes it. Call it
    in the transaction that queues the news.
    """
    ids = {line_id for _, units in parcels for line_id in units}
    rows = OrderLine.objects.filter(pk__in=ids).select_related("substitute_for") if ids else ()
    lines = {line.pk: line for line in rows}
    news = _KitNews(lines.values())
    return [_lines_of(units, lines, news) for _, units in parcels]


def _lines_of(units: Mapping[int, int], lines: Mapping[int, OrderLine], news: _KitNews) -> dict[str, int]:
    found: dict[str, int] = {}
    for line_id, quantity in units.items():
        line = lines.get(line_id)
        if line is None or quantity <= 0:
            continue
        if line.kit_id is None:
            name = sold_as(line)
            found[name] = found.get(name, 0) + quantity
        elif news.external_id(line) not in found:
            found[news.external_id(line)] = news.take(line)
    return found


class _KitNews:
    """Whole kits that have left and that the channel was not told of."""

    def __init__(self, touched: Iterable[OrderLine]) -> None:
        self._names: dict[object, str] = {}
        self._untold: dict[object, int] = {}
        touched = [line for line in touched if line.kit_id is not None]
        orders = {line.order_id for line in touched}
        if not orders:
            return
        # What others ship of these orders at this moment is either seen below or counted by them.
        lock_orders(orders, "pk")
        told = _told(orders, SHIPPED)
        rows = OrderLine.objects.filter(kit__in={line.kit_id for line in touched}).select_related("kit")
        for kit_id, parts in by_kit(rows).items():
            kit = parts[0].kit
            assert kit is not None
            self._names[kit_id] = kit.external_id
            self._untold[kit_id] = max(0, kit_units(parts).shipped - told[kit.order_id, kit.external_id])

    def external_id(self, line: OrderLine) -> str:
        """The channel's own line id."""
        return self._names[line.kit_id]

    def take(self, line: OrderLine) -> int:
        """What is still to be told of the line's kit; it counts as told from now on."""
        units, self._untold[line.kit_id] = self._untold[line.kit_id], 0
        return units


def sold_as(line: OrderLine) -> str:
    """The channel's own id of a line; of a substitute that of the line it stands in for."""
    return line.external_id if line.substitute_for is None else line.substitute_for.external_id


def cancelled_lines(order: Order, units: Mapping[int, int]) -> dict[str, int]:
    """These cancelled units in the channel's words. A kit of which anything is cancelled is cancelled."""
    found: dict[str, int] = {}
    rows = OrderLine.objects.filter(order=order, pk__in=[pk for pk, count in units.items() if count > 0])
    for line in rows.select_related("kit", "substitute_for"):
        if line.kit is None:
            name = sold_as(line)
            found[name] = found.get(name, 0) + units[line.pk]
        else:
            kits = -(-units[line.pk] // (line.units_per_kit or 1))
            found[line.kit.external_id] = max(found.get(line.kit.external_id, 0), kits)
    return found


def untold_cancellations(order: Order) -> dict[str, int]:
    """What is cancelled of an order, and that the channel neither cancelled itself nor was told of."""
    told = _told([order.pk], CANCELLED)
    every = OrderLine.objects.filter(order=order).filter(Q(cancelled__gt=0) | Q(substitute_for__isnull=False))
    rows = list(every.select_related("kit", "substitute_for"))
    # Units of a line that others stand in for are cancelled there only: the channel's customer gets them.
    gone: dict[str, int] = defaultdict(int)
    for line in rows:
        if line.kit is None:
            name = sold_as(line)
            gone[name] += line.cancelled if line.substitute_for is None else line.cancelled - line.quantity
    for parts in by_kit(rows).values():
        kit = parts[0].kit
        assert kit is not None
        gone[kit.external_id] = kit_units(parts).cancelled
    return {line: units - told[order.pk, line] for line, units in gone.items() if units > told[order.pk, line]}


def _told(order_ids: Iterable[int], kind: str) -> dict[tuple[int, str], int]:
    """Units that were queued before, by order and the channel's line id."""
    told: dict[tuple[int, str], int] = defaultdict(int)
    rows = OutboundUpdate.objects.filter(order__in=list(order_ids), kind=kind)
    for order_id, payload in rows.values_list("order_id", "payload"):
        for line, quantity in payload.get("lines", {}).items():
            told[order_id, line] += quantity
    return told
