"""How stock is kept up: rules of each distribution centre and store, and what they suggest with the demand so far."""

from __future__ import annotations

from inventory.models import Node, Sku, Supplier
from inventory.services import ItemTerms, refresh_demand_rates, save_supplier_items
from inventory.services.replenishing import refresh_suggestions
from inventory.services.replenishment_rules import ReplenishmentTerms, create_replenishment_rule
from oms.core.db import run_atomic
from oms.demo.nodes import DCS, NODES, DemoNode
from oms.demo.purchases import SUPPLIER_CODES
from oms.demo.world import Standing
from oms.reporting.waiting_units import WAITING_SQL

_PLANNER = "Meera Iyer"
#: Of the SKUs that no supplier has yet, each so manieth stays without: somebody still has to find one.
_WITHOUT = 20
_PACK = 6


def add(standing: Standing) -> None:
    """Write the rules and work out what they suggest now, in one transaction."""

    def work() -> None:
        _suppliers_of_the_rest(standing)
        for given in DCS:
            node = standing.nodes[given.code]
            create_replenishment_rule(
                terms=ReplenishmentTerms(
                    name=f"{given.city}: bought, two weeks at a time", node_id=node.pk, review_days=14, least_stock=2
                ),
                actor=_PLANNER,
            )
        for given in NODES:
            if given.is_store:
                _store_rule(given, standing.nodes[given.code], standing.nodes[_nearest(given).code])
        refresh_demand_rates()
        refresh_suggestions(sku_ids=standing.sku_ids.values(), waiting=WAITING_SQL)

    run_atomic(work)


def _store_rule(given: DemoNode, store: Node, source: Node) -> None:
    create_replenishment_rule(
        terms=ReplenishmentTerms(
            name=f"{given.city}, {given.name}: weekly from {source.code}", node_id=store.pk, from_node_id=source.pk,
            service_level_bp=9000, transfer_days=2, most_stock=12,
        ),
        actor=_PLANNER,
    )  # fmt: skip


def _nearest(given: DemoNode) -> DemoNode:
    """The distribution centre of the same city or region, else the first."""
    near = [dc for dc in DCS if dc.city == given.city] or [dc for dc in DCS if dc.region == given.region]
    return (near or list(DCS))[0]


def _suppliers_of_the_rest(standing: Standing) -> None:
    """Share the SKUs that no supplier has yet among those of the demo; a few stay without."""
    suppliers = list(Supplier.objects.filter(code__in=SUPPLIER_CODES).order_by("code"))
    nobody = Sku.objects.filter(pk__in=standing.sku_ids.values(), supplier_items=None).order_by("code")
    rest = [sku for number, sku in enumerate(nobody) if number % _WITHOUT]
    for number, supplier in enumerate(suppliers):
        items = [
            ItemTerms(sku_id=sku.pk, unit_cost_minor=sku.cost_minor, pack_size=_PACK, least_order=_PACK)
            for sku in rest[number :: len(suppliers)]
        ]
        for start in range(0, len(items), 500):
            save_supplier_items(supplier_id=supplier.pk, items=items[start : start + 500])
