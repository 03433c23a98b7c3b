"""Every write to SKUs, nodes and stock."""

from inventory.services.audit import Difference, audit_stock
from inventory.services.nodes import switch_node
from inventory.services.posting import Posting, post
from inventory.services.reservations import (
    CLAIM_ROWS,
    RESERVE_CLAIMS,
    Claim,
    Consume,
    Release,
    claims_json,
    consume_reservations,
    release_reservations,
    reserve,
)
from inventory.services.stock import (
    ADJUSTMENTS,
    AdjustmentEffect,
    OpeningRow,
    StockLine,
    adjust,
    announce,
    count,
    move,
    receive,
    set_opening_stock,
    set_safety_stock,
)

__all__ = [
    "ADJUSTMENTS",
    "CLAIM_ROWS",
    "RESERVE_CLAIMS",
    "AdjustmentEffect",
    "Claim",
    "Consume",
    "Difference",
    "OpeningRow",
    "Posting",
    "Release",
    "StockLine",
    "adjust",
    "announce",
    "audit_stock",
    "claims_json",
    "consume_reservations",
    "count",
    "move",
    "post",
    "receive",
    "release_reservations",
    "reserve",
    "set_opening_stock",
    "set_safety_stock",
    "switch_node",
]
