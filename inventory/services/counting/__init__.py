"""Cycle counts: planning, counting with many people at once, review, and what is posted."""

from inventory.services.counting.deciding import Decision, Refusal, Reviewer, accept_items, orders_holding
from inventory.services.counting.planning import cancel_count, finish_count, plan_count, recount_items, reject_items
from inventory.services.counting.reviewing import close_counting, count_as_none, match_code, set_code_aside
from inventory.services.counting.scanning import Scan, ScanAnswer, record_scans, undo_scan
from inventory.services.counting.sessions import (
    Counter,
    discard_session,
    pause_session,
    release_session,
    start_session,
    submit_session,
)

__all__ = [
    "Counter",
    "Decision",
    "Refusal",
    "Reviewer",
    "Scan",
    "ScanAnswer",
    "accept_items",
    "cancel_count",
    "close_counting",
    "count_as_none",
    "discard_session",
    "finish_count",
    "match_code",
    "orders_holding",
    "pause_session",
    "plan_count",
    "recount_items",
    "record_scans",
    "reject_items",
    "release_session",
    "set_code_aside",
    "start_session",
    "submit_session",
    "undo_scan",
]
