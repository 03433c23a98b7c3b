"""What must be true after a run, asked of the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from inventory.selectors import Compared, iter_differences
from oms.core.db import fetch_all
from oms.reporting.stock_audit import ORDER_CHECKS
from tests.hammer.crowd import Bought

_LEVELS = """
SELECT sum(v.on_hand)::int, sum(v.reserved)::int, min(v.on_hand - v.reserved)::int,
    coalesce(sum(r.units), 0)::int, coalesce(sum(m.reserved), 0)::int, coalesce(sum(m.on_hand), 0)::int
FROM inventory_stocklevel v
LEFT JOIN LATERAL (
    SELECT sum(open_quantity) AS units FROM inventory_reservation WHERE sku_id = v.sku_id AND node_id = v.node_id
) r ON true
LEFT JOIN LATERAL (
    SELECT sum(quantity * ((to_bucket = 'reserved')::int - (from_bucket = 'reserved')::int)) AS reserved,
        sum(quantity * ((to_bucket = 'on_hand')::int - (from_bucket = 'on_hand')::int)) AS on_hand
    FROM inventory_stockmovement WHERE sku_id = v.sku_id AND node_id = v.node_id
) m ON true
WHERE v.sku_id = %s
"""
_ORDERS = """
SELECT o.external_id, l.allocated + l.released, coalesce(r.units, 0)::int, coalesce(w.units, 0)::int
FROM orders_orderline l JOIN orders_order o ON o.id = l.order_id
LEFT JOIN LATERAL (
    SELECT sum(open_quantity) AS units FROM inventory_reservation
    WHERE line_uid = l.uid AND state = 'hard' AND purpose = 'order'
) r ON true
LEFT JOIN LATERAL (
    SELECT sum(quantity) AS units FROM fulfillment_fulfillmentline WHERE order_line_id = l.id
) w ON true
WHERE l.sku_id = %s
"""
_HOLDS = """
SELECT h.state, count(*)::int FROM inventory_stockhold h
WHERE EXISTS (SELECT FROM inventory_reservation r WHERE r.hold_id = h.id AND r.sku_id = %s) GROUP BY 1
"""


@dataclass(slots=True)
class Verdict:
    """Units sold of those that were there, and every sentence about what is wrong."""

    sold: int
    faults: list[str] = field(default_factory=list)

    def require(self, holds: bool, sentence: str) -> None:
        """Note what does not hold."""
        if not holds:
            self.faults.append(sentence)


def judge(sku_id: int, units: int, told: Sequence[Bought], *, holding: bool) -> Verdict:
    """Compare what the buyers were told, the orders, the reservations, the ledger, the balances and the work."""
    orders = fetch_all(_ORDERS, [sku_id])
    [(on_hand, reserved, least, claimed, posted, posted_on_hand)] = fetch_all(_LEVELS, [sku_id])
    sold = sum(row[2] for row in orders)
    found = Verdict(sold)
    wanted = min(units, len(told))
    found.require(sold <= units, f"{sold - units} units were sold that are not there")
    found.require(sold >= wanted, f"{wanted - sold} units were not sold though they were wanted")
    found.require(least >= 0, f"ATP fell to {least}")
    found.require(on_hand == posted_on_hand == units, f"{on_hand} on hand, {posted_on_hand} in the ledger")
    found.require(
        reserved == claimed == posted == sold,
        f"sold {sold}, but reserved {reserved}, reservations {claimed}, ledger {posted}",
    )
    found.require(
        all(counted == kept == worked for _, counted, kept, worked in orders), "lines, reservations and work differ"
    )
    names = [row[0] for row in orders]
    found.require(len(names) == len(set(names)), f"{len(names) - len(set(names))} orders stand twice")
    happy = {bought.buyer for bought in told if bought.sold}
    found.require(set(names) == happy, f"{len(happy)} buyers have an order, {len(set(names))} orders are there")
    if holding:
        states = dict(fetch_all(_HOLDS, [sku_id]))
        found.require(set(states) == {"confirmed"}, f"holds are left: {states}")
    return found


def naive_sold(sku: str) -> int:
    """Units that the control sold."""
    return int(fetch_all("SELECT count(*) FROM hammer_naive_sale WHERE sku = %s", [sku])[0][0])


def audit() -> list[str]:
    """Everything that the auditor finds, over all runs."""
    return [str(difference) for difference in iter_differences(Compared(), more=ORDER_CHECKS)]
