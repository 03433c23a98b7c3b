"""What can be asked about orders: views, filters, pages, counts. Never writes."""

from orders.selectors.choices import hold_reasons
from orders.selectors.counts import MOST_COUNTED, MOST_ON_TAB, count_up_to, view_counts
from orders.selectors.invoices import full_series
from orders.selectors.pages import PAGE_SIZES, SORTS, Page, Sort, page_of
from orders.selectors.questions import OrderQuestion, orders_in_scope, orders_matching
from orders.selectors.views import AT_RISK, ENDED, ROUTING_GRACE, TO_SHIP, VIEWS, OrderView

__all__ = [
    "AT_RISK",
    "ENDED",
    "MOST_COUNTED",
    "MOST_ON_TAB",
    "PAGE_SIZES",
    "ROUTING_GRACE",
    "SORTS",
    "TO_SHIP",
    "VIEWS",
    "OrderQuestion",
    "OrderView",
    "Page",
    "Sort",
    "count_up_to",
    "full_series",
    "hold_reasons",
    "orders_in_scope",
    "orders_matching",
    "page_of",
    "view_counts",
]
