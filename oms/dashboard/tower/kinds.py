"""The kinds of trouble in the queue: what each is called, how grave it is, and what is usually done about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of trouble. `advice` is what to do, in a sentence; `action` a key of `oms.dashboard.tower.acting.ACTS`.

    `grace_minutes` ranks trouble without a promise of its own among the promises that break.
    """

    label: str
    icon: str
    tone: str
    advice: str
    action: str = ""
    noun: str = "order"
    grace_minutes: int = 24 * 60
    #: Ranked by the money that hangs on it, beside what is late already, not by the next promise that breaks.
    by_money: bool = False


KINDS: dict[str, Kind] = {
    "late": Kind(
        "Late to ship", "clock-exclamation", "bad",
        "Pick and pack these first. Work that nobody has started can be rerouted to a node that still ships today.",
        "reroute",
    ),
    "at_risk": Kind(
        "About to be late", "clock-exclamation", "warn",
        "These leave within two hours or break their promise. Put them at the head of the node's list, or reroute.",
        "reroute",
    ),
    "promise_reroute": Kind(
        "Promise at risk", "clock-exclamation", "bad",
        "Another node brings these in time more often than where they are, at a price that the lateness is worth.",
        "save", by_money=True,
    ),
    "promise_upgrade": Kind(
        "Promise at risk", "clock-exclamation", "warn",
        "A faster service would bring these in time more often.", "hasten", by_money=True,
    ),
    "promise_tell": Kind(
        "Promise at risk", "clock-exclamation", "warn",
        "Nothing brings these in time for what it is worth. Tell the customers the date that can be kept, before they "
        "ask.", "tell", by_money=True,
    ),
    "promise_watch": Kind(
        "Promise at risk", "clock-exclamation", "warn",
        "No remedy is known: their channel writes to the customers itself, or nobody can say when they come. Ask the "
        "node or the carrier.", by_money=True,
    ),
    "unroutable": Kind(
        "No node can", "route", "bad",
        "No node has the units. Receive or move stock, or try again; when stock comes they are tried by themselves.",
        "reroute",
    ),
    "rejected": Kind(
        "Given back by a node", "arrow-back-up", "bad",
        "The node gave the work back and no other node can take it. Check the stock it did not find, then try again.",
        "reroute",
    ),
    "undecided": Kind(
        "Not decided yet", "hourglass", "bad",
        "These orders are captured but no decision was made for five minutes. Look at the worker, or decide now.",
        "reroute", grace_minutes=30,
    ),
    "label": Kind(
        "No label", "printer", "bad",
        "The parcel is packed but no carrier took it. Correct what the carrier complains about, then ask again.",
        "labels",
    ),
    "payment": Kind(
        "Payment to confirm", "credit-card", "warn",
        "Confirm the payment or the cash on delivery with the customer, then release. Stock is kept meanwhile.",
        "release",
    ),
    "address": Kind(
        "Address to correct", "map-pin", "warn",
        "Correct the address on the order; the hold clears when the postcode is known. Release only what is right.",
        "release",
    ),
    "hold": Kind("On hold", "hand-stop", "warn", "Decide, then release or cancel. Stock is kept meanwhile.", "release"),
    "ndr": Kind(
        "Delivery failed", "truck-return", "bad",
        "Tell the carrier what to do, best after a call to the customer. Without an answer in time the parcel comes "
        "back.",
    ),
    "road": Kind(
        "Stands on the road", "truck", "warn",
        "Ask the carrier where these parcels are, or mark them as lost. They leave by themselves once they move.",
        noun="parcel",
    ),
    "lost": Kind("Lost or damaged", "package-off", "bad", "Claim from the carrier and send the goods again."),
    "stuck": Kind(
        "Standing still", "hourglass", "warn",
        "The work stands longer than 95 of 100 do in this state. Ask the node; reroute if nobody is there.",
    ),
    "stays": Kind(
        "Cannot be moved", "route", "warn",
        "Their node should not keep these, and no other node can take them as well. Move stock, raise a limit, or tell "
        "the customers; rerouted by hand they go where you say.", "reroute",
    ),
    "not_arrived": Kind(
        "Not come to the store", "package-import", "warn",
        "Ask the carrier and the store where these parcels are. The order's page takes what became of them, and their "
        "goods are routed again.",
    ),
    "rto": Kind(
        "Return not received", "truck-return", "warn",
        "These parcels are on their way back for more than a week. Ask the carrier where they are.", noun="return",
        grace_minutes=3 * 24 * 60,
    ),
    "inspect": Kind(
        "Return not inspected", "scan", "warn",
        "Received more than a day ago: inspect it, so that it can be sold again.",
        noun="return", grace_minutes=2 * 24 * 60,
    ),
    "node_off": Kind("Node is off", "building-warehouse", "bad", "No new work goes there.", "", "order", 60),
    "node_full": Kind(
        "Node is full", "building-warehouse", "warn",
        "It was given as many orders as it takes today; the others go elsewhere or wait.", "", "order", 4 * 60,
    ),
    "quarantine": Kind(
        "Not understood", "webhook", "bad", "Fix the cause, then replay the messages.", "messages", "message", 60,
    ),
    "channel": Kind("Channel in trouble", "plug-connected-x", "bad", "", "", "", 20),
    "dead": Kind(
        "Step gave up", "alert-octagon", "bad", "Read the error, fix its cause, then replay.", "deliveries", "delivery",
        30,
    ),
    "webhook": Kind(
        "Webhook stopped", "webhook", "bad",
        "Ask who keeps the other side, send a test, then resume. What waits goes out when it is resumed.",
        "", "", 4 * 60,
    ),
    "handoff": Kind(
        "WMS in trouble", "building-warehouse", "bad",
        "Ask whoever keeps the WMS. Its work can be taken over by hand, a refused cancellation carried out anyway, and "
        "what did not arrive sent again.", "", "hand-off", 30,
    ),
    "transfer": Kind(
        "Transfer differs", "arrows-exchange", "warn",
        "Ask both nodes, then say for each line what became of the units: until then they stay in transit.",
        "", "transfer", 12 * 60,
    ),
    "lot": Kind(
        "Promised, may not be sold", "hourglass", "bad",
        "Only units of lots that expired or are blocked are left for these orders. Report them short as expired, and "
        "take parcels apart that are packed already: their orders get other units.", "", "lot", 4 * 60,
    ),
    "adjustment": Kind(
        "To approve", "adjustments-horizontal", "warn",
        "Somebody else than who asked decides. Until then no stock changes.", "", "adjustment", 24 * 60,
    ),
    "stock": Kind("Stock differs", "scale", "bad", "", "", "difference", 45),
}  # fmt: skip
