"""Tells a WooCommerce store what became of an order, and never twice.

WooCommerce keeps no idempotency key, so the order itself remembers: its metadata `_oms_updates` lists the ids of the
updates applied. The note is written first and looked for before it is written; the status and the metadata follow in
one call. A break between the two is therefore repaired by simply telling it again. Updates of one order must come one
after the other, since the metadata is read, extended and written back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from channels.adapters.woocommerce.client import WooCommerceClient
from channels.adapters.woocommerce.reading import meta, text
from channels.base import OrderUpdate

UPDATES_KEY = "_oms_updates"
#: Where the shipment-tracking plugins of WooCommerce look (recorded in reply 12).
TRACKING_KEY = "_wc_shipment_tracking_items"

#: A status that a late "processing" or "on hold" must not take back.
_FINAL = frozenset({"completed", "cancelled", "refunded", "trash"})


def push_order_update(client: WooCommerceClient, update: OrderUpdate) -> None:
    """Write a note, then the status and metadata. Does nothing when the order already carries the update's id."""
    path = f"/orders/{update.external_id}"
    order = client.get(path).row()
    applied = _applied(order)
    if any(entry.get("id") == update.update_id for entry in applied):
        return
    note = note_of(update)
    if note:
        _note_once(client, path, note, for_customer=update.kind == "shipped")
    applied = [*applied, {"id": update.update_id, "kind": update.kind, "lines": _encode_lines(update.lines)}]
    body: dict[str, Any] = {"meta_data": [{"key": UPDATES_KEY, "value": applied}]}
    if update.kind == "shipped" and update.awb:
        body["meta_data"].append({"key": TRACKING_KEY, "value": _tracking(order, update)})
    status = next_status(order, update, applied)
    if status:
        body["status"] = status
    client.put(path, body)


def note_of(update: OrderUpdate) -> str:
    """The note's text. It is also how an earlier attempt is recognized, so it depends on the update alone."""
    parts: list[str] = []
    match update.kind:
        case "shipped":
            carrier = f" with {update.carrier_name}" if update.carrier_name else ""
            awb = f", AWB {update.awb}" if update.awb else ""
            parts.append(f"Shipped{carrier}{awb}.")
            if update.tracking_url:
                parts.append(f"Track it at {update.tracking_url}")
        case "delivered":
            parts.append(f"Delivered, AWB {update.awb}." if update.awb else "Delivered.")
        case "cancelled" if update.lines:
            units = ", ".join(f"line {line}: {quantity}" for line, quantity in sorted(update.lines.items()))
            parts.append(f"Cancelled ({units}).")
        case _:
            pass
    if update.note:
        parts.append(update.note)
    return " ".join(parts)


def next_status(order: Mapping[str, Any], update: OrderUpdate, applied: list[dict[str, Any]]) -> str:
    """The status to write, empty where it stays.

    An order is completed when every line has been shipped, or at once where no lines are named. A buyer's cancellation
    or refund at the store is not overwritten by a shipment: the note tells it. An order of which anything has been
    shipped, a part of a kit included, is never cancelled by us, because the store would restock all of it: what is
    cancelled of it can only complete it.
    """
    current = text(order, "status")
    match update.kind:
        case "shipped":
            wanted = _completed(order, applied, current)
        case "cancelled" if any(entry.get("kind") == "shipped" for entry in applied):
            wanted = _completed(order, applied, current)
        case "cancelled":
            wanted = "cancelled" if _all_lines(order, applied, "cancelled") else ""
        case "processing" | "on_hold":
            wanted = "" if current in _FINAL else update.kind.replace("_", "-")
        case _:
            wanted = ""
    return wanted if wanted != current else ""


def _completed(order: Mapping[str, Any], applied: list[dict[str, Any]], current: str) -> str:
    if current in ("cancelled", "refunded", "trash"):
        return ""
    return "completed" if _all_lines(order, applied, "shipped") else ""


def _all_lines(order: Mapping[str, Any], applied: list[dict[str, Any]], kind: str) -> bool:
    done: dict[str, int] = {}
    for entry in applied:
        # What was cancelled line by line needs no shipping any more.
        if entry.get("kind") not in (kind, "cancelled"):
            continue
        lines = _decode_lines(str(entry.get("lines", "")))
        if not lines and entry.get("kind") == kind:
            return True
        for line, quantity in lines.items():
            done[line] = done.get(line, 0) + quantity
    rows = [row for row in order.get("line_items") or [] if isinstance(row, Mapping)]
    return all(done.get(text(row, "id"), 0) >= int(row.get("quantity") or 0) for row in rows)


def _applied(order: Mapping[str, Any]) -> list[dict[str, Any]]:
    value = meta(order).get(UPDATES_KEY)
    return [dict(entry) for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _tracking(order: Mapping[str, Any], update: OrderUpdate) -> list[dict[str, Any]]:
    value = meta(order).get(TRACKING_KEY)
    items = [dict(item) for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
    if any(str(item.get("tracking_number")) == update.awb for item in items):
        return items
    item = {"tracking_provider": update.carrier_name, "tracking_number": update.awb}
    if update.tracking_url:
        item["custom_tracking_link"] = update.tracking_url
    return [*items, item]


def _note_once(client: WooCommerceClient, path: str, note: str, *, for_customer: bool) -> None:
    existing = client.get(f"{path}/notes").rows()
    if not any(text(row, "note") == note for row in existing):
        client.post(f"{path}/notes", {"note": note, "customer_note": for_customer})


def _encode_lines(lines: Mapping[str, int]) -> str:
    # PHP turns an empty object into a list, so quantities are kept as text.
    return ",".join(f"{line}:{quantity}" for line, quantity in sorted(lines.items()))


def _decode_lines(value: str) -> dict[str, int]:
    pairs = (part.rpartition(":") for part in value.split(",") if part)
    return {line: int(quantity) for line, _, quantity in pairs if quantity.isdigit()}
