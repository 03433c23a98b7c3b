"""What instructions to a WMS say: the whole work where it is to be done, else what became of it."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Prefetch, QuerySet

from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderKind,
    HandOffInstruction,
    InstructionKind,
)
from fulfillment.services.cash import cash_to_come
from inventory.models import Barcode, Node
from oms.core.clock import now
from oms.core.json_text import to_json
from oms.core.values import Address

_ADDRESS = ("name", "line1", "line2", "city", "region", "postcode", "country", "phone")
_WHOLE = (InstructionKind.PICK, InstructionKind.CHANGE)
#: Columns of a CSV file: what every row of an instruction repeats, the address, then one line of the work.
_HEAD = ("instruction", "kind", "version", "node", "work", "order", "reason", "answer_by")
_WORK = ("channel", "service_level", "due_at", "currency", "cod_minor", "labels", "gift_message")
_LINE = ("id", "sku", "name", "barcodes", "tracking", "quantity", "unit_price_minor")
COLUMNS = (*_HEAD, *_WORK, *(f"ship_to_{name}" for name in _ADDRESS), *(f"line_{name}" for name in _LINE))


def with_work(rows: QuerySet[HandOffInstruction]) -> QuerySet[HandOffInstruction]:
    """Load what `payloads_of` reads."""
    lines = FulfillmentLine.objects.select_related("sku", "order_line").order_by("pk")
    return rows.select_related(
        "link__node", "hand_off__fulfillment_order__order__channel", "hand_off__fulfillment_order__node"
    ).prefetch_related(Prefetch("hand_off__fulfillment_order__lines", lines))


def payloads_of(instructions: Sequence[HandOffInstruction]) -> dict[int, dict[str, Any]]:
    """What instructions say now, by their id. They must be loaded by `with_work`."""
    works = [row.hand_off.fulfillment_order for row in instructions if row.hand_off is not None and row.kind in _WHOLE]
    skus = {line.sku_id for work in works for line in work.lines.all()}
    barcodes: dict[int, list[str]] = {}
    for sku_id, code in Barcode.objects.filter(sku__in=skus).order_by("pk").values_list("sku_id", "code"):
        barcodes.setdefault(sku_id, []).append(code)
    codes = {work.order.pickup_node_code for work in works} - {""}
    stores = {node.code: node for node in Node.objects.filter(code__in=codes)} if codes else {}
    found = {}
    for row in instructions:
        data = _head(row)
        if row.hand_off is not None and row.kind in _WHOLE:
            data |= _work(row, row.hand_off.fulfillment_order, barcodes, stores)
        found[row.pk] = {"type": f"work.{row.kind}", "timestamp": now().isoformat(), "data": data}
    return found


def _head(row: HandOffInstruction) -> dict[str, Any]:
    head: dict[str, Any] = {
        "instruction": row.message_id, "version": row.version, "node": row.link.node.code, "reason": row.reason,
    }  # fmt: skip
    if row.hand_off is not None:
        work, answer = row.hand_off.fulfillment_order, row.hand_off.answer_by
        head |= {"work": work.number, "order": work.order.number, "answer_by": answer.isoformat() if answer else None}
    return head


def _work(
    row: HandOffInstruction, work: FulfillmentOrder, barcodes: Mapping[int, list[str]], stores: Mapping[str, Node]
) -> dict[str, Any]:
    order = work.order
    store = stores.get(order.pickup_node_code) if work.kind == FulfillmentOrderKind.TRANSFER else None
    return {
        "channel": order.channel.code, "kind": work.kind, "service_level": order.service_level,
        "due_at": work.due_at.isoformat() if work.due_at else None, "currency": order.currency,
        "cod_minor": cash_to_come(work), "is_gift": order.is_gift, "gift_message": order.gift_message,
        "labels": row.link.labels, "ship_to": _address(store.address if store else order.shipping_address),
        "lines": [
            {"id": line.pk, "sku": line.sku.code, "name": line.order_line.name or line.sku.name,
             "barcodes": barcodes.get(line.sku_id, []), "tracking": line.sku.tracking,
             "quantity": line.quantity - line.short, "unit_price_minor": line.order_line.unit_price_minor}
            for line in work.lines.all() if line.quantity > line.short
        ],
    }  # fmt: skip


def _address(address: Address) -> dict[str, str]:
    return {name: str(getattr(address, name, "") or "") for name in _ADDRESS}


def body_of(payload: Mapping[str, Any]) -> bytes:
    """The bytes of a message: the same at every try, as the row holds it."""
    return to_json({name: payload[name] for name in ("type", "timestamp", "data")}).encode()


def file_text(payloads: Sequence[Mapping[str, Any]], *, form: str, node: str, sequence: int) -> str:
    """Instructions as one file. CSV: a row for each line of the work, one row where there is none."""
    if form == "json":
        return to_json({"node": node, "sequence": sequence, "instructions": list(payloads)})
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for payload in payloads:
        writer.writerows(_rows(payload))
    return buffer.getvalue()


def _rows(payload: Mapping[str, Any]) -> list[list[str]]:
    data = {**payload["data"], "kind": str(payload["type"]).removeprefix("work.")}
    first = [_cell(data.get(name)) for name in (*_HEAD, *_WORK)]
    first += [_cell(data.get("ship_to", {}).get(name)) for name in _ADDRESS]
    lines = data.get("lines") or [{}]
    return [[*first, *(_cell(line.get(name)) for name in _LINE)] for line in lines]


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else str(value)


def checksum(text: str) -> str:
    """SHA-256 of the file as it lies on the disk."""
    return hashlib.sha256(text.encode()).hexdigest()
