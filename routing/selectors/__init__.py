"""What can be asked about routing: who waits, what is expected for them, and which nodes a channel sells from."""

from routing.selectors.giving_up import GivenUp, given_up
from routing.selectors.inbound import Expected, Promise, Waiting, expected_of, promise_arrivals, promises_of
from routing.selectors.waiting import sourcing_nodes, waiting_order_ids

__all__ = [
    "Expected",
    "GivenUp",
    "Promise",
    "Waiting",
    "expected_of",
    "given_up",
    "promise_arrivals",
    "promises_of",
    "sourcing_nodes",
    "waiting_order_ids",
]
