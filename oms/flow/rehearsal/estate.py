"""What stands in the scratch database when the peak begins: nodes, articles, stock, a channel."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import time
from typing import Any

from django.core import serializers
from django.db import connection, transaction

from inventory.models import Node, NodeGroup, NodeHoliday, NodeKind, Sku
from inventory.services import OpeningRow, set_opening_stock
from oms.core.db import fetch_all
from oms.core.places import find_place
from oms.flow.rehearsal.demand import Article, Place, Stock, busiest_node, plan_stock
from orders.models import SalesChannel, SalesChannelKind
from routing.models import RoutingPolicy

#: The made-up network: code, PIN code, kind, hour of the cut-off, share of all orders that it can take in a day.
_NODES: tuple[tuple[str, str, str, int, float], ...] = (
    ("wh-ggn", "122051", NodeKind.WAREHOUSE, 23, 0.60), ("wh-bhw", "421302", NodeKind.WAREHOUSE, 22, 0.60),
    ("wh-blr", "560067", NodeKind.WAREHOUSE, 23, 0.50), ("wh-hyd", "500081", NodeKind.WAREHOUSE, 20, 0.40),
    ("wh-ccu", "700156", NodeKind.WAREHOUSE, 18, 0.30), ("3pl-maa", "600096", NodeKind.THIRD_PARTY, 19, 0.25),
    ("3pl-amd", "380015", NodeKind.THIRD_PARTY, 19, 0.25), ("dark-ndls", "110016", NodeKind.DARK_STORE, 23, 0.03),
    ("dark-bom", "400053", NodeKind.DARK_STORE, 23, 0.03), ("dark-blr", "560034", NodeKind.DARK_STORE, 23, 0.03),
    ("sup-stv", "395003", NodeKind.SUPPLIER, 16, 0.10), ("st-cp", "110001", NodeKind.STORE, 18, 0.01),
    ("st-noi", "201301", NodeKind.STORE, 18, 0.01), ("st-jai", "302001", NodeKind.STORE, 18, 0.01),
    ("st-lko", "226001", NodeKind.STORE, 18, 0.01), ("st-ban", "400050", NodeKind.STORE, 20, 0.02),
    ("st-tha", "400601", NodeKind.STORE, 18, 0.01), ("st-pnq", "411001", NodeKind.STORE, 18, 0.02),
    ("st-nag", "440001", NodeKind.STORE, 18, 0.01), ("st-mys", "570001", NodeKind.STORE, 18, 0.01),
    ("st-mgr", "560001", NodeKind.STORE, 20, 0.02), ("st-ban-h", "500034", NodeKind.STORE, 20, 0.02),
    ("st-tng", "600017", NodeKind.STORE, 20, 0.02), ("st-cok", "682016", NodeKind.STORE, 18, 0.01),
    ("st-gar", "700019", NodeKind.STORE, 18, 0.01),
)  # fmt: skip
CHANNEL = "rehearsal"


@dataclass(frozen=True, slots=True)
class Estate:
    """What the peak meets. `off_node` is switched off in the middle of it."""

    channel: SalesChannel
    articles: list[Article]
    stock: Stock
    off_node: Node
    nodes: int


def build_estate(*, orders: int, skus: int, seed: int, own: str = "", off: str = "") -> Estate:
    """Fill the empty scratch database. `own` is what `own_config` gave; `off` names the node to switch off."""
    if own:
        _load(own)
    else:
        _make_nodes(orders)
        _make_skus(skus)
    _make_hot_sku()
    nodes = list(Node.objects.filter(is_active=True).order_by("pk"))
    places = [Place(node.pk, node.code, node.kind, node.ships) for node in nodes]
    articles = [Article(*row) for row in Sku.objects.order_by("pk").values_list("pk", "code", "name", "price_minor")]
    stock = plan_stock(articles, places, count=orders, seed=seed)
    rows = [OpeningRow(sku_id, node_id, units) for (sku_id, node_id), units in stock.items()]
    for start in range(0, len(rows), 5000):
        set_opening_stock(rows=rows[start : start + 5000], op_key=f"rehearsal/{start}", actor="rehearsal")
    channel = SalesChannel.objects.create(
        code=CHANNEL, name="Rehearsal", kind=SalesChannelKind.WEBSITE, notifies_customer=False
    )
    off_node = Node.objects.get(code=off) if off else Node.objects.get(pk=busiest_node(stock))
    # The opening is no part of the peak: nothing follows from it.
    with connection.cursor() as cursor:
        cursor.execute("UPDATE core_outboxevent SET fanned_out_at = now()")
        cursor.execute("VACUUM ANALYZE")
    return Estate(channel, articles, stock, off_node, len(nodes))


def _make_nodes(orders: int) -> None:
    group = NodeGroup.objects.create(code="all", name="All nodes")
    for code, postcode, kind, hour, share in _NODES:
        place = find_place("IN", postcode)
        assert place is not None, postcode
        is_shop = kind in (NodeKind.STORE, NodeKind.DARK_STORE)
        node = Node.objects.create(
            code=code, name=f"{place.district} {NodeKind(kind).label.lower()}", kind=kind, postcode=postcode,
            city=place.district, region=place.state, latitude=place.lat, longitude=place.lon,
            daily_capacity=max(5, round(orders * share)), cutoff_at=time(hour), opens_at=time(10 if is_shop else 8),
            closes_at=time(23), working_days=[1, 2, 3, 4, 5, 6, 7], processing_minutes=180 if is_shop else 120,
            auto_accept=not is_shop, priority=100,
        )  # fmt: skip
        node.groups.add(group)


def _make_skus(count: int) -> None:
    Sku.objects.bulk_create(
        Sku(code=f"PEAK-{number:05d}", name=f"Article {number}", weight_grams=200 + number * 37 % 900,
            price_minor=39_900 + number * 7_300 % 160_000)
        for number in range(1, count + 1)
    )  # fmt: skip


def _make_hot_sku() -> None:
    """The article that sells out has the highest id: the last in the list of articles."""
    Sku.objects.create(code="PEAK-HOT", name="The bargain of the day", weight_grams=450, price_minor=49_900)


def own_config(skus: int) -> str:
    """Nodes, groups, holidays, the policy in force and the articles that sell best, as JSON. Reads only.

    By the demand rates; where none are known, the articles that were made first.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute(_BEST, [skus])
        best = [row[0] for row in cursor.fetchall()]
        rank = {pk: number for number, pk in enumerate(best)}
        articles = sorted(Sku.objects.filter(pk__in=best), key=lambda sku: rank[sku.pk])
        policies = list(RoutingPolicy.objects.filter(state=RoutingPolicy.State.LIVE))
        for policy in policies:
            policy.base = None
        objects: list[Any] = [
            *NodeGroup.objects.all(), *Node.objects.prefetch_related("groups"), *NodeHoliday.objects.all(), *policies,
        ]  # fmt: skip
        for number, sku in enumerate(articles, start=1):
            sku.pk = number
        return str(serializers.serialize("json", [*objects, *articles]))


_BEST = """
SELECT s.id FROM inventory_sku s
LEFT JOIN (SELECT sku_id, sum(units) AS units FROM inventory_demandrate GROUP BY sku_id) d ON d.sku_id = s.id
WHERE s.is_active AND NOT s.is_kit AND s.tracking = 'none'
ORDER BY coalesce(d.units, 0) DESC, s.id LIMIT %s
"""
_TABLES = ("inventory_nodegroup", "inventory_node", "inventory_nodeholiday", "inventory_sku", "routing_routingpolicy")


def _load(own: str) -> None:
    """Write what another installation has, with its own ids, and go on counting behind them."""
    for found in serializers.deserialize("json", io.StringIO(own)):
        found.save()
    for table in _TABLES:
        sql = f"SELECT setval(pg_get_serial_sequence(%s, 'id'), (SELECT coalesce(max(id), 0) + 1 FROM {table}))"  # noqa: S608
        fetch_all(sql, [table])
