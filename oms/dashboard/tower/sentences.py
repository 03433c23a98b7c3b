"""One sentence for a group of troubles: what is wrong, where, and what it comes from."""

from __future__ import annotations

from collections.abc import Callable

from fulfillment.models import FulfillmentOrderState
from oms.reporting.troubles import TroubleGroup
from orders.models import HoldReason, OrderStage

_STAGE_WORDS = {"routed": "not given to the node yet", "released": "to pick", "picked": "to pack",
                "packed": "to hand over"}  # fmt: skip


def sentence_of(group: TroubleGroup) -> str:
    """The sentence of a group of orders."""
    return _SENTENCES[group.kind](group)


def _parts(group: TroubleGroup, words: dict[str, str]) -> str:
    ordered = sorted(group.parts.items(), key=lambda part: -part[1])
    return ", ".join(f"{count} {words.get(name, name.replace('_', ' '))}" for name, count in ordered if name)


def _late(group: TroubleGroup) -> str:
    where = f"{group.cause} is behind" if group.cause else "Nobody has this work"
    return f"{where}: {_parts(group, _STAGE_WORDS)}"


def _at_risk(group: TroubleGroup) -> str:
    where = f"{group.cause} must hand over within two hours" if group.cause else "Due within two hours"
    return f"{where}: {_parts(group, _STAGE_WORDS)}"


def _unroutable(group: TroubleGroup) -> str:
    return f"No node has enough {group.cause}"


def _rejected(group: TroubleGroup) -> str:
    reasons = [reason for reason, _ in sorted(group.parts.items(), key=lambda part: -part[1]) if reason]
    why = f": {reasons[0]}" if reasons else ""
    more = f" and {len(reasons) - 1} more reasons" if len(reasons) > 2 else ""
    return f"{group.cause} gave the work back and no other node can take it{why}{more}"


def _undecided(group: TroubleGroup) -> str:
    return "Captured for more than five minutes and no node was chosen"


def _stuck(group: TroubleGroup) -> str:
    code, _, state = group.cause.partition("|")
    return f"{code} leaves work at “{FulfillmentOrderState(state).label}” far longer than usual"


_STAYS_WORDS = {
    "capacity_cut": "takes fewer orders than it was given today, and no other node can take all of these",
    "at_risk": "cannot hand these over in time, and no other node would be worth it",
}


def _stays(group: TroubleGroup) -> str:
    code, _, cause = group.cause.partition("|")
    return f"{code} {_STAYS_WORDS.get(cause, 'keeps work that should have gone elsewhere')}"


_PROMISE_ENDS = {
    "promise_reroute": "another node would bring them in time",
    "promise_upgrade": "a faster service would bring them in time",
    "promise_tell": "tell the customers",
    "promise_watch": "no remedy is known",
}


def _promise(group: TroubleGroup) -> str:
    stage, _, place = group.cause.partition("|")
    where = {"waiting": "Without a node", "road": f"On the way with {place}" if place else "On the way"}.get(
        stage, place
    )
    late = min(group.orders, max(1, round(group.breaches)))
    if group.orders == 1:
        return f"{where}: misses its date with {group.breaches:.0%}; {_PROMISE_ENDS[group.kind].replace('them', 'it')}"
    return f"{where}: about {late} of {group.orders} miss their date; {_PROMISE_ENDS[group.kind]}"


def _label(group: TroubleGroup) -> str:
    nodes = ", ".join(sorted(name for name in group.parts if name)[:3])
    return f"{group.cause} ({nodes})" if nodes else group.cause


_HOLD_WORDS = {
    "payment_pending": "The payment has not been confirmed",
    "cod_unconfirmed": "Cash on delivery has to be confirmed with the customer",
    "bad_address": "The address is incomplete",
    "unknown_postcode": "The postcode is not known",
    "unmapped_sku": "The channel sold an item that is not mapped to a SKU",
    "duplicate": "Looks like a second copy of another order",
    "fraud_risk": "Has to be checked for fraud",
    "channel": "The channel holds it back",
    "customer_request": "The customer asked to wait, and the time is over",
    "other": "Held by a person",
}


def _hold(group: TroubleGroup) -> str:
    return _HOLD_WORDS.get(group.cause, HoldReason(group.cause).label)


def _ndr(group: TroubleGroup) -> str:
    return f"{group.cause} could not deliver and waits for an answer"


_ROAD_WORDS = {
    "silent": "Not scanned for days",
    "stuck": "Scanned at one place for days",
    "not_collected": "Handed over and never scanned",
    "overdue": "The expected day has passed",
    "disputed": "The carrier says delivered, the customers did not get it",
}


def _road(group: TroubleGroup) -> str:
    return _ROAD_WORDS.get(group.cause, group.cause)


def _lost(group: TroubleGroup) -> str:
    return f"{group.cause}: {_parts(group, {})}"


def _not_arrived(group: TroubleGroup) -> str:
    sender, _, store = group.cause.partition("|")
    return f"Sent from {sender} for collection at {store}: not there when due, lost, or sent back"


def _rto(group: TroubleGroup) -> str:
    return f"On the way back to {group.cause} for more than a week"


def _inspect(group: TroubleGroup) -> str:
    return f"Came back to {group.cause} and nobody has looked at it"


_SENTENCES: dict[str, Callable[[TroubleGroup], str]] = {
    "late": _late, "at_risk": _at_risk, "unroutable": _unroutable, "rejected": _rejected, "undecided": _undecided,
    "stuck": _stuck, "stays": _stays, "promise_reroute": _promise, "promise_upgrade": _promise,
    "promise_tell": _promise, "promise_watch": _promise,
    "label": _label, "payment": _hold, "address": _hold, "hold": _hold, "ndr": _ndr,
    "road": _road, "lost": _lost, "not_arrived": _not_arrived, "rto": _rto, "inspect": _inspect,
}  # fmt: skip


def orders_query(kind: str, cause: str) -> str:
    """The search line of the orders list that comes nearest to the group; empty where none does."""
    if kind == "late":
        return f"status:late node:{cause} -status:held" if cause else "status:late -status:held"
    if kind == "at_risk":
        return f"sla:<2h node:{cause} -status:held" if cause else "sla:<2h -status:held"
    if kind == "unroutable":
        return f"status:{OrderStage.CAPTURED},{OrderStage.BACKORDERED} sku:{cause}"
    if kind in {"payment", "address", "hold"}:
        return f"hold:{cause} status:open"
    return ""
