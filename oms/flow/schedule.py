"""What is done by the clock: polling, sweeping, checking. Celery beat starts each; running one twice is harmless."""

from __future__ import annotations

from collections.abc import Callable

from carriers.services import poll_tracking, settle_unknown
from carriers.services.cash import collect_missing
from carriers.services.lanes import learn_lanes
from carriers.services.remittances import match_unknown
from channels.models import ChannelAccount
from channels.services import (
    book_exposure,
    poll_due_accounts,
    process_inbox,
    push_order_updates,
    push_waiting_stock,
    reconcile_listings,
    recount_due,
)
from fulfillment.selectors import closed_nodes_with_work
from fulfillment.services import find_remedies, move_promises_at_risk, withdraw_from_node
from fulfillment.services.hand_off_ending import look_at_hand_offs
from fulfillment.services.keeping import take_back_not_collected
from fulfillment.services.road import look_after_failures, look_at_the_road
from inventory.services import (
    apply_moving_buffers,
    audit_stock,
    ensure_ledger_months,
    expire_due_holds,
    set_aside_unsold_lots,
)
from oms.core.db import run_atomic
from oms.flow.deliveries import prune
from oms.flow.export_jobs import drop_old_files
from oms.flow.giving_up import give_up
from oms.flow.performance import measure_performance
from oms.flow.promises import judge_due_promises, learn_promises, look_again, look_at_missed, measure_paces
from oms.flow.replenishment_jobs import suggest_after_demand
from oms.flow.substituting import substitute_all
from oms.flow.waiting import try_waiting
from oms.integrations.services import prune_webhooks, wake_instructions, wake_webhooks, write_hand_off_files
from oms.notifications.services import send_waiting
from oms.reporting.stock_audit import ORDER_CHECKS
from orders.services import release_expired_holds
from routing.services import check_canary, publish_planned, write_promises
from routing.services.shadowing import decide_in_shadow
from routing.services.simulating import prune_simulations

#: An entry that talks to other systems begins nothing more after this long.
RETRY_SECONDS = 2.0


def retry_waiting() -> object:
    """Try orders that wait for stock again, in case an event that should have done so was missed."""
    return run_atomic(lambda: try_waiting(trigger="swept"))


def clear_closed_nodes() -> object:
    """Take back work that reached a node in the moment in which it was switched off."""
    return [withdraw_from_node(node_id=pk, reason="The node was switched off") for pk in closed_nodes_with_work()]


def reconcile() -> object:
    """Read back what every channel lists, so that a difference is seen and mended."""
    accounts = ChannelAccount.objects.filter(pushes_stock=True, channel__is_active=True)
    return [reconcile_listings(pk) for pk in accounts.exclude(base_url="").values_list("pk", flat=True)]


def retry_updates() -> object:
    """Tell channels again what they could not take; a while at a time, because other things wait for this worker."""
    return push_order_updates(seconds=RETRY_SECONDS)


def audit() -> object:
    """Compare every stored number of stock with the rows below it, orders included."""
    run = audit_stock(more=ORDER_CHECKS)
    return f"{run.differences} differences in {run.levels} levels"


def keep_cash_book() -> object:
    """Book the cash of parcels that came in without their scans, and match what was paid for unknown ones."""
    return f"{collect_missing()} collected, {match_unknown()} matched"


#: Name (as in `oms.flow.intervals`) -> what runs.
SCHEDULE: dict[str, Callable[[], object]] = {
    "poll channels": poll_due_accounts,
    "poll tracking": poll_tracking,
    "settle unknown bookings": settle_unknown,
    "sweep the inbox": process_inbox,
    "retry channel updates": retry_updates,
    "retry channel stock": push_waiting_stock,
    "retry webhooks": wake_webhooks,
    "send waiting messages": send_waiting,
    "retry instructions": wake_instructions,
    "write files for WMS": write_hand_off_files,
    "look at answers of WMS": look_at_hand_offs,
    "release expired holds": release_expired_holds,
    "end stock holds": expire_due_holds,
    "put expired lots aside": set_aside_unsold_lots,
    "take back what nobody collects": take_back_not_collected,
    "look after failed deliveries": look_after_failures,
    "look at the road": look_at_the_road,
    "retry waiting orders": retry_waiting,
    "clear closed nodes": clear_closed_nodes,
    "move promises at risk": move_promises_at_risk,
    "check the policy on trial": check_canary,
    "publish planned policies": publish_planned,
    "decide in the shadow": decide_in_shadow,
    "substitute what waits": substitute_all,
    "give up waiting": give_up,
    "keep the cash book": keep_cash_book,
    "learn promises": learn_promises,
    "learn lanes": learn_lanes,
    "measure paces": measure_paces,
    "measure performance": measure_performance,
    "judge promises": judge_due_promises,
    "write promises": write_promises,
    "look at promises": look_again,
    "find missed promises": look_at_missed,
    "find remedies": find_remedies,
    "count sellable": recount_due,
    "reconcile listings": reconcile,
    "book exposure": book_exposure,
    "apply buffer rules": apply_moving_buffers,
    "refresh demand rates": suggest_after_demand,
    "audit stock": audit,
    "make months of the ledger": ensure_ledger_months,
    "prune the outbox": prune,
    "drop old export files": drop_old_files,
    "prune webhooks": prune_webhooks,
    "prune simulations": prune_simulations,
}
