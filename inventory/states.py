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

STOCK_COUNT = machine(
    "inventory.StockCount",
    {"open": ["review", "cancelled"], "review": ["closed", "cancelled"], "closed": [], "cancelled": []},
)

#: Counting again while a count is open does not move an item; a decision is final, and another count may follow it.
COUNT_ITEM = machine(
    "inventory.CountItem",
    {
        "to_count": ["counted", "rejected"],
        "counted": ["accepted", "auto", "rejected"],
        "accepted": [],
        "auto": [],
        "rejected": [],
    },
)

#: What was submitted may still be thrown away, as long as nobody reviews it.
COUNT_SESSION = machine(
    "inventory.CountSession", {"open": ["submitted", "discarded"], "submitted": ["discarded"], "discarded": []}
)

#: A purchase order's state follows from its lines once it is placed; goods that are sent back reopen it.
PURCHASE_ORDER = machine(
    "inventory.PurchaseOrder",
    {
        "draft": ["placed", "cancelled"],
        "placed": ["partial", "received", "closed", "cancelled"],
        "partial": ["placed", "received", "closed"],
        "received": ["placed", "partial"],
        "closed": [],
        "cancelled": [],
    },
)

INBOUND_SHIPMENT = machine(
    "inventory.InboundShipment",
    {
        "expected": ["arrived", "received", "cancelled"],
        "arrived": ["received", "cancelled"],
        "received": ["arrived"],
        "cancelled": [],
    },
)

#: What people decided may be taken back; what the clock found not needed any more may not.
REPLENISHMENT_SUGGESTION = machine(
    "inventory.ReplenishmentSuggestion",
    {
        "open": ["accepted", "dismissed", "outdated"],
        "accepted": ["open", "outdated"],
        "dismissed": ["open", "outdated"],
        "outdated": [],
    },
)
