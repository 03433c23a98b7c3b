"""Every write to orders."""

from orders.services.capture import Captured, capture_orders
from orders.services.edits import (
    add_note,
    change_tags,
    edit_address,
    mark_seen,
    promise_anew,
    promise_dates,
    record_payment,
    set_tags,
)
from orders.services.holds import (
    HOLDABLE,
    BulkResult,
    end_holds,
    place_hold,
    release_expired_holds,
    release_hold,
    release_orders,
)
from orders.services.invoicing import Goods, InvoiceRequest, cancel_invoices, issue_invoices
from orders.services.refunds import due_minor, owe_less
from orders.services.substituting import (
    SUBSTITUTED,
    TAKEN_BACK,
    InPlace,
    SubstituteTerms,
    add_substitute,
    allow_substitutions,
    give_units_back,
    taken_back,
    terms_of,
)
from orders.services.timeline import TimelineEntry, record
from orders.services.units import UnitMove, move_units, set_delivered_at
from orders.services.units_sql import DELTA_COLUMNS, MOVE_UNITS

__all__ = [
    "DELTA_COLUMNS",
    "HOLDABLE",
    "MOVE_UNITS",
    "SUBSTITUTED",
    "TAKEN_BACK",
    "BulkResult",
    "Captured",
    "Goods",
    "InPlace",
    "InvoiceRequest",
    "SubstituteTerms",
    "TimelineEntry",
    "UnitMove",
    "add_note",
    "add_substitute",
    "allow_substitutions",
    "cancel_invoices",
    "capture_orders",
    "change_tags",
    "due_minor",
    "edit_address",
    "end_holds",
    "give_units_back",
    "issue_invoices",
    "mark_seen",
    "move_units",
    "owe_less",
    "place_hold",
    "promise_anew",
    "promise_dates",
    "record",
    "record_payment",
    "release_expired_holds",
    "release_hold",
    "release_orders",
    "set_delivered_at",
    "set_tags",
    "taken_back",
    "terms_of",
]
