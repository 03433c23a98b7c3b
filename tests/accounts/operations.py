"""Every operation of the API: the verb it needs, an object for each part of its path, what to send, who is kept out.

An operation that stands in no row fails the test: whoever adds one says here what it names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.accounts.addresses import CHANNELS, NODES
from tests.accounts.estate import Side


@dataclass(frozen=True, slots=True)
class Operation:
    """What it needs, the limits that hide what it names, what to send, an object for each part of its path.

    `closed_to`: the limits with which nobody may do it, whatever it names: what it is about belongs to everybody.
    """

    verb: str
    hidden_by: tuple[str, ...] = ()
    body: dict[str, Any] | None = None
    values: dict[str, Any] = field(default_factory=dict)
    query: str = ""
    closed_to: tuple[str, ...] = ()

    def url(self, path: str) -> str:
        """The address with the object in it."""
        found = path.format(**self.values)
        return f"{found}?{self.query}" if self.query else found


def operations(side: Side) -> dict[tuple[str, str], Operation]:
    """Every operation, naming the objects of this side."""
    both, node = (NODES, CHANNELS), (NODES,)
    order, work = {"number": side.order.number}, {"work_id": side.work.pk}
    given = {"number": side.work.number}
    line = {"line_id": side.work.lines.get().pk, "quantity": 1}
    here = {"node": side.node.code, "reference": "r"}
    parcel, sku = {"shipment_id": side.shipment.pk}, side.sku.code
    return {
        ("GET", "/orders"): Operation("orders.view"),
        ("POST", "/orders"):
            Operation("orders.ingest", (CHANNELS,), {"orders": [{}]}, query=f"channel={side.channel.code}"),
        ("GET", "/orders/{number}"): Operation("orders.view", both, None, order),
        ("POST", "/orders/{number}/hold"): Operation("orders.hold", both, {"reason": "other"}, order),
        ("POST", "/orders/{number}/release"): Operation("orders.release", both, {}, order),
        ("POST", "/orders/{number}/cancel"): Operation("orders.cancel", both, {"reason": "No more"}, order),
        ("POST", "/orders/{number}/reroute"): Operation("orders.reroute", both, {"node": side.node.code}, order),
        ("GET", "/fulfillment-orders"): Operation("fulfillment.view"),
        ("GET", "/fulfillment-orders/{work_id}"): Operation("fulfillment.view", both, None, work),
        ("POST", "/fulfillment-orders/{work_id}/accept"): Operation("fulfillment.work", both, {}, work),
        ("POST", "/fulfillment-orders/{work_id}/reject"): Operation("fulfillment.work", both, {"reason": "No"}, work),
        ("POST", "/fulfillment-orders/{work_id}/picks"): Operation("fulfillment.work", both, line, work),
        ("POST", "/fulfillment-orders/{work_id}/shorts"):
            Operation("fulfillment.work", both, line | {"reason": "not_found"}, work),
        ("POST", "/fulfillment-orders/{work_id}/pack"): Operation("fulfillment.work", both, {}, work),
        ("POST", "/shipments/hand-over"):
            Operation("fulfillment.work", both, {"shipment_ids": [side.shipment.pk]}),
        ("POST", "/shipments/{shipment_id}/take-apart"): Operation("fulfillment.work", both, {}, parcel),
        ("GET", "/shipments/{shipment_id}/label"): Operation("fulfillment.view", both, None, parcel),
        ("GET", "/shipments/{shipment_id}/commercial-invoice"): Operation("fulfillment.view", both, None, parcel),
        ("GET", "/hand-offs"): Operation("fulfillment.view"),
        ("GET", "/hand-offs/{number}"): Operation("fulfillment.view", both, None, given),
        **{("POST", f"/hand-offs/{{number}}/{said}"): Operation("fulfillment.work", both, {"version": 1}, given)
           for said in ("accept", "reject", "picks", "shorts", "pack", "ship", "cancellation/accept",
                        "cancellation/reject")},
        ("POST", "/hand-off-events"): Operation("fulfillment.work", (), {"events": []}),
        ("GET", "/hand-off-files"): Operation(
            "fulfillment.view", query=f"node={side.node.code}", closed_to=(CHANNELS,)),
        ("GET", "/hand-off-files/{node}/{sequence}"): Operation(
            "fulfillment.view", node, None, {"node": side.node.code, "sequence": side.file.sequence},
            closed_to=(CHANNELS,)),
        ("POST", "/print-jobs/take"): Operation(
            "fulfillment.work", (), {"printers": [side.print_job.printer.name]}, closed_to=(CHANNELS,)),
        ("POST", "/print-jobs/{job_id}/end"): Operation(
            "fulfillment.work", (NODES,), {}, {"job_id": side.print_job.pk}, closed_to=(CHANNELS,)),
        ("GET", "/inventory/levels"): Operation("inventory.view"),
        ("POST", "/inventory/receipts"):
            Operation("inventory.receive", node, here | {"lines": [{"sku": sku, "quantity": 1}]}),
        ("POST", "/inventory/adjustments"):
            Operation("inventory.adjust", node, here | {"sku": sku, "reason": "lost", "quantity": 1}),
        ("POST", "/inventory/counts"): Operation("inventory.adjust", node, here | {"sku": sku, "counted": 1}),
        ("GET", "/inventory/adjustments"): Operation("inventory.view"),
        ("POST", "/inventory/adjustments/{pk}/approve"):
            Operation("inventory.approve", node, {}, {"pk": side.adjustment.pk}),
        ("POST", "/inventory/adjustments/{pk}/reject"):
            Operation("inventory.approve", node, {"note": "No"}, {"pk": side.adjustment.pk}),
        ("GET", "/transfers"): Operation("inventory.view"),
        ("POST", "/transfers"): Operation("inventory.move", node, {
            "from_node": side.node.code, "to_node": side.leaving.to_node.code, "lines": [{"sku": sku, "quantity": 1}]}),
        ("GET", "/transfers/{number}"): Operation("inventory.view", node, None, {"number": side.leaving.number}),
        ("POST", "/transfers/{number}/confirm"):
            Operation("inventory.move", node, {}, {"number": side.drafted.number}),
        ("POST", "/transfers/{number}/ship"): Operation("inventory.move", node, {}, {"number": side.leaving.number}),
        ("POST", "/transfers/{number}/cancel"): Operation("inventory.move", node, {}, {"number": side.leaving.number}),
        ("POST", "/transfers/{number}/receive"):
            Operation("inventory.receive", node, {"reference": "r", "finish": True}, {"number": side.arriving.number}),
        ("POST", "/transfers/{number}/resolve"): Operation("inventory.receive", node, {
            "reference": "r", "sku": sku, "how": "lost", "quantity": 1, "note": "Gone"},
            {"number": side.arriving.number}),
        **_purchasing(side), **_counting(side), **_publication(side), **_replenishment(side),
        **_holds(side), **_webhooks(side), **_lots(side), **_promises(side), **_substitutes(side),
        ("GET", "/nodes"): Operation("inventory.view"),
        ("GET", "/skus"): Operation("inventory.view"),
        ("GET", "/skus/components"): Operation("inventory.view", query=f"sku={side.sku.code}"),
        ("PUT", "/skus/components"): Operation(
            "inventory.rules", (), {"components": []}, query=f"sku={side.sku.code}", closed_to=(NODES, CHANNELS)),
    }  # fmt: skip


def _lots(side: Side) -> dict[tuple[str, str], Operation]:
    """Operations of lots and serial numbers. A lot lies at every node, so one caller for all of them blocks it."""
    lot, limits = {"lot_id": side.lot.pk}, (NODES, CHANNELS)
    return {
        ("GET", "/lots"): Operation("inventory.view"),
        ("GET", "/lots/{lot_id}"): Operation("inventory.view", (), None, lot),
        ("POST", "/lots/{lot_id}/block"): Operation("inventory.adjust", (), {"reason": "Bad"}, lot, closed_to=limits),
        ("POST", "/lots/{lot_id}/unblock"): Operation("inventory.adjust", (), {}, lot, closed_to=limits),
        ("GET", "/lots/{lot_id}/recall"): Operation("inventory.view", (), None, lot),
        ("GET", "/serials"): Operation("inventory.view", query=f"number={side.serial.number}"),
        ("GET", "/serials/{serial_id}"): Operation("inventory.view", (), None, {"serial_id": side.serial.pk}),
    }


def _substitutes(side: Side) -> dict[tuple[str, str], Operation]:
    """Operations of substitutes, and of what is sold instead on an order."""
    both, order = (NODES, CHANNELS), {"number": side.stand_in.order.number}
    line, query = {"line": side.stand_in.pk}, f"sku={side.sku.code}"
    return {
        ("GET", "/skus/substitutes"): Operation("inventory.view", query=query),
        ("PUT", "/skus/substitutes"): Operation(
            "inventory.rules", (), {"substitutes": []}, query=query, closed_to=both
        ),
        ("POST", "/orders/{number}/substitutions"): Operation("orders.edit", both, {"allowed": True}, order),
        ("POST", "/orders/{number}/substitute"): Operation(
            "orders.edit", both, line | {"sku": side.sku.code, "units": 1}, order
        ),
        ("POST", "/orders/{number}/substitute/take-back"): Operation("orders.edit", both, line, order),
    }


def _purchasing(side: Side) -> dict[tuple[str, str], Operation]:
    """Operations of purchase orders, ASNs, receipts and suppliers."""
    node, order, asn = (NODES,), {"order_id": side.purchase.pk}, {"asn_id": side.asn.pk}
    receipt, lines = {"receipt_id": side.receipt.pk}, [{"sku": side.sku.code, "quantity": 1}]
    supplier = side.purchase.supplier.code
    buying = {"supplier": supplier, "node": side.node.code, "lines": lines}
    report = {"node": side.node.code, "reference": "r", "rows": [{"sku": side.sku.code, "on_hand": 1}]}
    return {
        ("GET", "/purchase-orders"): Operation("inventory.view"),
        ("GET", "/purchase-orders/{order_id}"): Operation("inventory.view", node, None, order),
        ("POST", "/purchase-orders"): Operation("inventory.buy", node, buying),
        ("POST", "/purchase-orders/{order_id}/place"): Operation("inventory.buy", node, {}, order),
        ("POST", "/purchase-orders/{order_id}/date"):
            Operation("inventory.buy", node, {"expected_on": "2030-01-31"}, order),
        ("POST", "/purchase-orders/{order_id}/cancel"): Operation("inventory.buy", node, {}, order),
        ("POST", "/purchase-orders/{order_id}/close"): Operation("inventory.buy", node, {}, order),
        ("GET", "/asns"): Operation("inventory.view"),
        ("POST", "/asns"):
            Operation("inventory.receive", node, {"purchase_order": side.purchase.pk, "lines": lines}),
        ("POST", "/asns/{asn_id}/arrive"): Operation("inventory.receive", node, {}, asn),
        ("POST", "/asns/{asn_id}/cancel"): Operation("inventory.receive", node, {}, asn),
        ("GET", "/inventory/receipts"): Operation("inventory.view"),
        ("GET", "/inventory/receipts/{receipt_id}"): Operation("inventory.view", node, None, receipt),
        ("POST", "/inventory/receipts/{receipt_id}/reverse"):
            Operation("inventory.receive", node, {"reason": "Wrong"}, receipt),
        ("GET", "/suppliers"): Operation("inventory.view"),
        ("PUT", "/suppliers/{code}"): Operation("inventory.buy", (), {"name": "Mill"}, {"code": supplier}),
        ("POST", "/supplier-stock"): Operation("stock.write", node, report),
    }  # fmt: skip


def _counting(side: Side) -> dict[tuple[str, str], Operation]:
    """Operations of counts, of their sessions and of deciding about them."""
    node, count = (NODES,), {"uid": side.count.uid}
    session, token = count | {"session": side.counting.uid}, {"token": str(side.counting.lock_token)}
    decided = {"skus": [side.sku.code], "note": "No"}
    planned = {"node": side.node.code, "skus": [side.sku.code]}
    return {
        ("GET", "/counts"): Operation("inventory.view"),
        ("POST", "/counts"): Operation("inventory.count", node, planned),
        ("GET", "/counts/{uid}"): Operation("inventory.view", node, None, count),
        ("POST", "/counts/{uid}/sessions"): Operation("inventory.count", node, {"area": "B", "device": "d"}, count),
        ("POST", "/counts/{uid}/sessions/{session}/scans"):
            Operation("inventory.count", node, token | {"scans": []}, session),
        ("POST", "/counts/{uid}/sessions/{session}/submit"): Operation("inventory.count", node, token, session),
        ("POST", "/counts/{uid}/sessions/{session}/release"): Operation("inventory.count", node, {}, session),
        ("POST", "/counts/{uid}/sessions/{session}/discard"): Operation("inventory.count", node, {}, session),
        ("POST", "/counts/{uid}/review"): Operation("inventory.adjust", node, {}, count),
        ("POST", "/counts/{uid}/codes"): Operation("inventory.adjust", node, {"code": "X", "reason": "Torn"}, count),
        ("POST", "/counts/{uid}/accept"): Operation("inventory.adjust", node, decided, count),
        ("POST", "/counts/{uid}/reject"): Operation("inventory.adjust", node, decided, count),
        ("POST", "/counts/{uid}/none"): Operation("inventory.adjust", node, decided, count),
        ("POST", "/counts/{uid}/recount"): Operation("inventory.adjust", node, decided, count),
        ("POST", "/counts/{uid}/close"): Operation("inventory.adjust", node, {}, count),
        ("POST", "/counts/{uid}/cancel"): Operation("inventory.adjust", node, {}, count),
    }  # fmt: skip


def _publication(side: Side) -> dict[tuple[str, str], Operation]:
    """Operations of buffer rules, of listings and of what channels may sell."""
    node, channel, buffer = (NODES,), (CHANNELS,), {"rule_id": side.buffer.pk}
    rule = {"name": "More", "amount": 2, "node": side.node.code}
    listing = {"ids": [side.listing.pk]}
    asked = f"sku={side.sku.code}&channel={side.channel.code}"
    return {
        ("GET", "/buffers"): Operation("inventory.view"),
        ("POST", "/buffers"): Operation("inventory.rules", node, rule),
        ("POST", "/buffers/preview"): Operation("inventory.rules", node, rule),
        ("GET", "/buffers/{rule_id}"): Operation("inventory.view", node, None, buffer),
        ("PUT", "/buffers/{rule_id}"): Operation("inventory.rules", node, rule, buffer),
        ("DELETE", "/buffers/{rule_id}"): Operation("inventory.rules", node, None, buffer),
        ("POST", "/buffers/{rule_id}/move"):
            Operation("inventory.rules", node, {}, buffer, query="way=up", closed_to=node),
        ("GET", "/availability"): Operation("inventory.view", channel, query=asked),
        ("GET", "/listings"): Operation("channels.view"),
        ("POST", "/listings/push"): Operation("channels.sync", channel, listing),
        ("POST", "/listings/pause"): Operation("channels.edit", channel, listing | {"reason": "Photos"}),
        ("POST", "/listings/resume"): Operation("channels.edit", channel, listing),
    }  # fmt: skip


def _replenishment(side: Side) -> dict[tuple[str, str], Operation]:
    """Operations of suggestions, of deciding about them and of their rules."""
    node, rule = (NODES,), {"rule_id": side.keeping.pk}
    terms = {"name": "Kept up", "node": side.node.code, "least_stock": 3}
    chosen = {"suggestions": [side.suggestion.pk]}
    return {
        ("GET", "/replenishment/suggestions"): Operation("inventory.view"),
        ("GET", "/replenishment/suggestions/{suggestion_id}"):
            Operation("inventory.view", node, None, {"suggestion_id": side.suggestion.pk}),
        ("POST", "/replenishment/accept"):
            Operation("inventory.move", node, {"suggestions": [{"id": side.suggestion.pk}]}),
        ("POST", "/replenishment/dismiss"): Operation("inventory.move", node, chosen | {"reason": "No"}),
        ("POST", "/replenishment/undo"): Operation("inventory.move", node, chosen),
        ("POST", "/replenishment/run"): Operation("inventory.buy"),
        ("GET", "/replenishment/rules"): Operation("inventory.view"),
        ("POST", "/replenishment/rules"): Operation("inventory.rules", node, terms),
        ("POST", "/replenishment/rules/preview"): Operation("inventory.rules", node, terms),
        ("GET", "/replenishment/rules/{rule_id}"): Operation("inventory.view", node, None, rule),
        ("PUT", "/replenishment/rules/{rule_id}"): Operation("inventory.rules", node, terms, rule),
        ("DELETE", "/replenishment/rules/{rule_id}"): Operation("inventory.rules", node, None, rule),
        ("POST", "/replenishment/rules/{rule_id}/move"):
            Operation("inventory.rules", node, {}, rule, query="way=up", closed_to=node),
    }  # fmt: skip


def _holds(side: Side) -> dict[tuple[str, str], Operation]:
    """Operations of a checkout's holds, which are shown to nobody but who made them."""
    both, hold = (NODES, CHANNELS), {"uid": side.checkout.uid}
    line = {"sku": side.sku.code, "quantity": 1, "node": side.node.code}
    return {
        ("POST", "/holds"): Operation("stock.hold", both, {"channel": side.channel.code, "lines": [line]}),
        ("GET", "/holds/{uid}"): Operation("stock.hold", both, None, hold),
        ("POST", "/holds/{uid}/extend"): Operation("stock.hold", both, {}, hold),
        ("DELETE", "/holds/{uid}"): Operation("stock.hold", both, None, hold),
    }


def _promises(side: Side) -> dict[tuple[str, str], Operation]:
    """What a cart can be offered. Nodes out of scope have no name there."""
    cart = {"channel": side.channel.code, "postcode": "560001"}
    return {
        ("POST", "/promise"): Operation(
            "promise.view", (CHANNELS,), cart | {"lines": [{"sku": side.sku.code, "quantity": 1}]}),
        ("POST", "/promise/page"): Operation(
            "promise.view", (CHANNELS,),
            {"channel": side.channel.code, "postcodes": ["560001"], "skus": [side.sku.code]}),
    }  # fmt: skip


def _webhooks(side: Side) -> dict[tuple[str, str], Operation]:
    """Operations of webhooks, which tell of the whole company: for nobody who sees a part of it."""
    closed = (NODES, CHANNELS)
    hook = {"webhook_id": side.webhook.endpoint_id}
    message = hook | {"delivery_id": side.webhook.pk}
    wish = {"name": "BI", "url": "https://bi.example.com/", "topics": ["order.captured"]}
    named: dict[tuple[str, str], tuple[Any, dict[str, Any]]] = {
        ("GET", "/webhooks"): (None, {}),
        ("GET", "/webhook-topics"): (None, {}),
        ("POST", "/webhooks"): (wish, {}),
        ("GET", "/webhooks/{webhook_id}"): (None, hook),
        ("PATCH", "/webhooks/{webhook_id}"): ({"name": "BI"}, hook),
        ("DELETE", "/webhooks/{webhook_id}"): (None, hook),
        ("POST", "/webhooks/{webhook_id}/secret"): ({}, hook),
        ("POST", "/webhooks/{webhook_id}/test"): ({}, hook),
        ("GET", "/webhooks/{webhook_id}/deliveries"): (None, hook),
        ("POST", "/webhooks/{webhook_id}/deliveries/{delivery_id}/resend"): ({}, message),
        ("POST", "/webhooks/{webhook_id}/resend"): ({}, hook),
    }
    return {
        key: Operation("settings.edit", (), body, values, closed_to=closed) for key, (body, values) in named.items()
    }
