"""Every write of the sales channels."""

from channels.services.accounts import ConnectionCheck, account_config, test_connection
from channels.services.apply import apply_message
from channels.services.exposure import book_exposure
from channels.services.held import submit_held_order
from channels.services.inbox import ignore_messages, receive_messages, replay, replay_cause
from channels.services.kits import define_kit
from channels.services.listings import map_listing, suggest_skus, unmap_listing
from channels.services.outbound import (
    OrderNews,
    push_order_updates,
    queue_order_update,
    queue_order_updates,
    retry_order_updates,
    skip_order_update,
)
from channels.services.polling import PollResult, due_account_ids, poll_account, poll_due_accounts
from channels.services.process import ProcessResult, process_inbox, process_messages
from channels.services.publication import (
    Pushed,
    halt_channel,
    halt_listings,
    limit_listing,
    push_listings,
    resume_channel,
    resume_listings,
)
from channels.services.publish import push_stock, push_waiting_stock, reconcile_listings
from channels.services.sellable import recount_due, refresh_account, refresh_listings, refresh_node, refresh_sellable
from channels.services.steering import request_poll, request_push, set_flow
from channels.services.submit import Submitted, submit_orders

__all__ = [
    "ConnectionCheck",
    "OrderNews",
    "PollResult",
    "ProcessResult",
    "Pushed",
    "Submitted",
    "account_config",
    "apply_message",
    "book_exposure",
    "define_kit",
    "due_account_ids",
    "halt_channel",
    "halt_listings",
    "ignore_messages",
    "limit_listing",
    "map_listing",
    "poll_account",
    "poll_due_accounts",
    "process_inbox",
    "process_messages",
    "push_listings",
    "push_order_updates",
    "push_stock",
    "push_waiting_stock",
    "queue_order_update",
    "queue_order_updates",
    "receive_messages",
    "reconcile_listings",
    "recount_due",
    "refresh_account",
    "refresh_listings",
    "refresh_node",
    "refresh_sellable",
    "replay",
    "replay_cause",
    "request_poll",
    "request_push",
    "resume_channel",
    "resume_listings",
    "retry_order_updates",
    "set_flow",
    "skip_order_update",
    "submit_held_order",
    "submit_orders",
    "suggest_skus",
    "test_connection",
    "unmap_listing",
]
