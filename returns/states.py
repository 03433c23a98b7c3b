"""The machine of a return."""

from oms.core.states import machine

RETURN = machine(
    "returns.Return",
    {
        "requested": ["approved", "declined", "cancelled"],
        "approved": ["in_transit", "received", "cancelled"],
        "in_transit": ["received", "cancelled"],
        "received": ["inspected"],
        "inspected": ["disposed"],
        "disposed": ["closed"],
        "declined": [],
        "closed": [],
        "cancelled": [],
    },
)
