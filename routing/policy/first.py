"""First policies to begin with, for who has none: each whole, with one aim."""

from __future__ import annotations

from dataclasses import dataclass

from routing.engine import Weights
from routing.policy.document import Document, Rule, Split


@dataclass(frozen=True, slots=True)
class FirstPolicy:
    """A document to begin a draft from, with what it is for."""

    key: str
    name: str
    aim: str
    document: Document


FIRST_POLICIES: tuple[FirstPolicy, ...] = (
    FirstPolicy(
        "nearest", "Nearest node", "The node with the shortest way to the customer that has all of it. What it costs "
        "to ship does not count; a second parcel is worth 500 km.",
        Document((Rule(
            "Nearest", weights=Weights(shipping=0.0, distance_minor_per_km=100.0, transit_minor_per_day=0,
                                       late_minor_per_day=0, split_minor=50_000, load_minor=0, priority_minor=0),
        ),)),
    ),
    FirstPolicy(
        "cheapest", "Cheapest plan", "The plan that couriers ask least for, and to be late costs ₹100 a day. A split "
        "is made where it is cheaper even so.",
        Document((Rule(
            "Cheapest", weights=Weights(shipping=1.0, distance_minor_per_km=0.0, transit_minor_per_day=0,
                                        late_minor_per_day=10_000, split_minor=0, load_minor=0, priority_minor=0),
        ),)),
    ),
    FirstPolicy(
        "whole", "Fewest parcels", "One parcel where any node has all of it, else at most two; the second one counts "
        "₹1,000. Among equals the cheapest.",
        Document((Rule("Fewest parcels", weights=Weights(split_minor=100_000), split=Split(max_shipments=2)),)),
    ),
)  # fmt: skip


def first_policy(key: str) -> FirstPolicy | None:
    """The one of this key."""
    return next((each for each in FIRST_POLICIES if each.key == key), None)
