"""What is ready to be picked at a node, and how far its waves are. Nothing here writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from fulfillment.models import FulfillmentOrder, FulfillmentOrderState, Wave, WaveOrder
from fulfillment.selectors import with_lines
from fulfillment.selectors.picking import PickRow, pick_rows
from inventory.models import Node
from oms.core.db import bigints, fetch_dicts

State = FulfillmentOrderState

#: States in which a node still takes goods of the work from its shelves.
PICKABLE = (State.OPEN, State.ACCEPTED, State.PICKING)
#: Orders of the pool that are read at once, the first due first.
MOST_READY = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyOrder:
    """An order that may be picked now: when it is due, what is left to take of it, and where that lies."""

    work_id: int
    number: str
    due_at: datetime | None
    service: str
    kind: str
    units: int
    sku_ids: frozenset[int]
    zones: frozenset[str]
    is_single: bool

    @property
    def path(self) -> list[str]:
        """Its zones in the order of a walk; goods without a bin have none."""
        return sorted(self.zones - {""})


# A blocked order is not here: on hold, waiting for its release or a transfer, ended, or at a node that is switched off.
# Nor is what somebody picks without a wave; what came back from a wave half picked is.
_POOL = """
SELECT f.id AS work_id, o.number, f.due_at, o.service_level AS service, f.kind,
    sum(l.quantity - l.picked - l.short)::int AS units,
    array_agg(DISTINCT l.sku_id) FILTER (WHERE l.quantity > l.picked + l.short) AS skus,
    array_agg(DISTINCT split_part(coalesce(s.bin_code, ''), '-', 1))
        FILTER (WHERE l.quantity > l.picked + l.short) AS zones,
    sum(l.quantity - l.short) = 1 AS is_single
FROM fulfillment_fulfillmentorder f
JOIN orders_order o ON o.id = f.order_id AND o.open_holds = 0
JOIN inventory_node n ON n.id = f.node_id AND n.is_active
JOIN fulfillment_fulfillmentline l ON l.fulfillment_order_id = f.id
LEFT JOIN inventory_stocklevel s ON s.node_id = f.node_id AND s.sku_id = l.sku_id
WHERE f.node_id = %(node)s::bigint AND f.state IN ('open', 'accepted', 'picking') AND NOT f.with_wms
    AND NOT EXISTS (SELECT FROM fulfillment_waveorder w WHERE w.fulfillment_order_id = f.id AND w.left_at IS NULL)
    AND (f.state <> 'picking' OR EXISTS (SELECT FROM fulfillment_waveorder w WHERE w.fulfillment_order_id = f.id))
GROUP BY f.id, o.number, o.service_level
HAVING sum(l.quantity - l.picked - l.short) > 0
ORDER BY f.due_at NULLS LAST, f.id
LIMIT %(most)s::int
"""


def ready_pool(node_id: int, *, most: int = MOST_READY) -> list[ReadyOrder]:
    """Orders of a node that no wave has and nothing blocks, the first due first. One statement."""
    rows = fetch_dicts(_POOL, {"node": node_id, "most": most})
    return [
        ReadyOrder(
            work_id=row["work_id"], number=row["number"], due_at=row["due_at"], service=row["service"],
            kind=row["kind"], units=row["units"], sku_ids=frozenset(row["skus"]), zones=frozenset(row["zones"]),
            is_single=row["is_single"],
        )
        for row in rows
    ]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a wave is, without the orders that left it or are blocked now."""

    orders: int = 0
    complete: int = 0
    units: int = 0
    picked: int = 0
    short: int = 0
    skus: int = 0
    blocked: int = 0

    @property
    def left(self) -> int:
        """Units still to find."""
        return self.units - self.picked


_PROGRESS = """
SELECT w.wave_id,
    count(DISTINCT f.id) FILTER (WHERE ok.free) AS orders,
    count(DISTINCT f.id) FILTER (WHERE ok.free AND f.state NOT IN ('open', 'accepted', 'picking')) AS complete,
    coalesce(sum(l.quantity - l.short) FILTER (WHERE ok.free), 0)::int AS units,
    coalesce(sum(l.picked) FILTER (WHERE ok.free), 0)::int AS picked,
    coalesce(sum(l.short) FILTER (WHERE ok.free), 0)::int AS short,
    count(DISTINCT l.sku_id) FILTER (WHERE ok.free) AS skus,
    count(DISTINCT f.id) FILTER (WHERE NOT ok.free) AS blocked
FROM fulfillment_waveorder w
JOIN fulfillment_fulfillmentorder f ON f.id = w.fulfillment_order_id
JOIN orders_order o ON o.id = f.order_id
JOIN inventory_node n ON n.id = f.node_id
JOIN fulfillment_fulfillmentline l ON l.fulfillment_order_id = f.id
CROSS JOIN LATERAL (
    SELECT f.state IN ('picked', 'packed', 'ready', 'completed')
        OR (f.state IN ('open', 'accepted', 'picking') AND o.open_holds = 0 AND n.is_active) AS free
) ok
WHERE w.wave_id = ANY(%(waves)s::bigint[]) AND w.left_at IS NULL
GROUP BY w.wave_id
"""


def progress_of_waves(wave_ids: Collection[int]) -> dict[int, Progress]:
    """How far these waves are; one statement for all. A wave without orders is not in it."""
    if not wave_ids:
        return {}
    rows = fetch_dicts(_PROGRESS, {"waves": bigints(sorted(set(wave_ids)))})
    return {row.pop("wave_id"): Progress(**row) for row in rows}


_LEFT = """
SELECT f.due_at, sum(l.quantity - l.picked - l.short)::int AS units
FROM fulfillment_wave v
JOIN fulfillment_waveorder w ON w.wave_id = v.id AND w.left_at IS NULL
JOIN fulfillment_fulfillmentorder f ON f.id = w.fulfillment_order_id AND f.state IN ('open', 'accepted', 'picking')
JOIN orders_order o ON o.id = f.order_id AND o.open_holds = 0
JOIN fulfillment_fulfillmentline l ON l.fulfillment_order_id = f.id
WHERE v.node_id = %(node)s::bigint AND v.state IN ('open', 'picking')
GROUP BY f.due_at ORDER BY f.due_at NULLS LAST
"""


def left_in_waves(node_id: int) -> list[tuple[datetime | None, int]]:
    """Units that the live waves of a node have still to find, by the moment they are due."""
    return [(row["due_at"], row["units"]) for row in fetch_dicts(_LEFT, {"node": node_id})]


def why_blocked(work: FulfillmentOrder) -> str:
    """Why work may not be picked, in words; empty where it may, and where that is over. `order`, `node` are loaded."""
    if work.state in (State.CANCELLED, State.REJECTED, State.NO_SHOW):
        return f"{work.get_state_display().lower()}: {work.end_reason}" if work.end_reason else "cancelled"
    if work.with_wms:
        return f"with the WMS of {work.node.code}"
    if work.state == State.WAITING_TRANSFER:
        return "waits for a transfer"
    if work.state not in PICKABLE and work.state != State.SCHEDULED:
        return ""
    if work.order.is_held or work.state == State.SCHEDULED:
        return "on hold"
    return "" if work.node.is_active else f"{work.node.code} is switched off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """What one tote gets of one SKU."""

    entry: WaveOrder
    quantity: int
    picked: int
    short: int

    @property
    def left(self) -> int:
        """Units still to put into it."""
        return self.quantity - self.picked - self.short


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One SKU at its shelf, and the totes that it goes into."""

    row: PickRow
    puts: list[Put]

    @property
    def first(self) -> Put | None:
        """The tote that gets the next unit."""
        return next((put for put in self.puts if put.left), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveWalk:
    """A wave as one walk through the zones and bins of its node."""

    wave: Wave
    entries: list[WaveOrder]
    stops: list[Stop]

    @property
    def current(self) -> Stop | None:
        """The first shelf where something is left to take."""
        return next((stop for stop in self.stops if stop.row.left), None)

    @property
    def wanted(self) -> int:
        """Units of the walk without those reported short."""
        return sum(stop.row.quantity - stop.row.short for stop in self.stops)

    @property
    def done(self) -> int:
        """Units that lie in totes."""
        return sum(stop.row.picked for stop in self.stops)

    @property
    def left(self) -> int:
        """Units still to find."""
        return sum(stop.row.left for stop in self.stops)


def orders_of(wave: Wave) -> list[WaveOrder]:
    """The orders that are in a wave and not blocked, by their place on the cart, each with its work and lines."""
    rows = list(WaveOrder.objects.filter(wave=wave, left_at__isnull=True).order_by("place"))
    found = with_lines(FulfillmentOrder.objects.filter(pk__in=[row.fulfillment_order_id for row in rows]))
    work = {item.pk: item for item in found}
    for row in rows:
        row.fulfillment_order = work[row.fulfillment_order_id]
    return [row for row in rows if not why_blocked(row.fulfillment_order)]


def walk_of(wave: Wave) -> WaveWalk:
    """The path of a wave: SKU by SKU in the order of zones and bins, with what each tote gets."""
    entries = orders_of(wave)
    rows = pick_rows(wave.node_id, [entry.fulfillment_order for entry in entries])
    return WaveWalk(wave=wave, entries=entries, stops=[_stop(row, entries) for row in rows])


def _stop(row: PickRow, entries: Sequence[WaveOrder]) -> Stop:
    puts = []
    for entry in entries:
        own = [line for line in entry.fulfillment_order.lines.all() if line.sku_id == row.sku.pk]
        if own:
            puts.append(
                Put(entry=entry, quantity=sum(line.quantity for line in own), picked=sum(line.picked for line in own),
                    short=sum(line.short for line in own))
            )  # fmt: skip
    return Stop(row=row, puts=puts)


def not_in_waves(work: Sequence[FulfillmentOrder]) -> list[FulfillmentOrder]:
    """The work that is in no live wave: what is picked order by order."""
    taken = WaveOrder.objects.filter(
        fulfillment_order__in=[item.pk for item in work], left_at__isnull=True, wave__state__in=Wave.LIVE
    )
    in_waves = set(taken.values_list("fulfillment_order_id", flat=True)) if work else set()
    return [item for item in work if item.pk not in in_waves]


def waves_for(node_id: int, name: str, *, most: int = 20) -> list[Wave]:
    """Live waves of a node that somebody may pick: those that are theirs or nobody's, the first due first."""
    mine = Q(picker="") | Q(picker=name)
    return list(Wave.objects.filter(mine, node=node_id, state__in=Wave.LIVE).order_by("cutoff_at", "pk")[:most])


def waiting_in(code: str, node: Node | None) -> FulfillmentOrder | None:
    """The picked order of a tote, or the first of a wave, that waits to be packed at a node; `order` is loaded.

    A tote is used again: the last order that went into it counts. None where the code is neither.
    """
    named = code.upper()
    wave = Wave.objects.filter(number=named).values("pk")[:1]
    rows = WaveOrder.objects.filter(
        Q(tote=named) | Q(wave=wave), wave__node=node, left_at__isnull=True, fulfillment_order__state=State.PICKED,
    ).select_related("fulfillment_order__order")  # fmt: skip
    found = rows.order_by("-wave_id", "place").first() if code else None
    return found.fulfillment_order if found is not None else None
