"""The machines of the stock room's documents."""

from __future__ import annotations

from oms.core.states import machine

#: Goods on their way between nodes. Nothing is cancelled once it has left: it is received, or resolved as sent back.
TRANSFER = machine(
    "inventory.Transfer",
    {
        "draft": ["reserved", "cancelled"],
        "reserved": ["picked", "cancelled"],
        "picked": ["shipped", "cancelled"],
        "shipped": ["received", "closed"],
        "received": ["closed"],
        "closed": [],
        "cancelled": [],
    },
)

STOCK_ADJUSTMENT = machine(
    "inventory.StockAdjustment",
    {"waiting": ["posted", "rejected", "withdrawn"], "posted": [], "rejected": [], "withdrawn": []},
)
