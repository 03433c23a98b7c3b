"""What a phone must know of a walk to go on with it alone."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from fulfillment.models import FulfillmentOrder, FulfillmentOrderKind, FulfillmentOrderState
from fulfillment.selectors import TO_PICK
from fulfillment.selectors.boxes import boxes_at
from fulfillment.selectors.picking import PickRow
from inventory.models import Barcode, Tracking

State = FulfillmentOrderState


def facts_of(node_id: int, ids: str, rows: Sequence[PickRow], work: Sequence[FulfillmentOrder]) -> str:
    """A walk as JSON: its rows with the codes by which their goods are known, and whose units they are."""
    codes: dict[int, list[str]] = defaultdict(list)
    for sku_id, code in Barcode.objects.filter(sku__in=[row.sku.pk for row in rows]).values_list("sku_id", "code"):
        codes[sku_id].append(code)
    shown = [
        {"pk": row.sku.pk, "sku": row.sku.code, "name": _name(row), "codes": codes[row.sku.pk],
         "quantity": row.quantity, "picked": row.picked, "short": row.short, "grams": row.sku.weight_grams,
         "plain": row.sku.tracking == Tracking.NONE}
        for row in rows
    ]  # fmt: skip
    boxes = [{"key": box.key, "grams": box.empty_grams, "holds": box.holds_grams} for box in boxes_at(node_id)]
    live = [_work(item) for item in work if item.state in (State.OPEN, State.PICKED, *TO_PICK)]
    return json.dumps({"walk": ids, "rows": shown, "work": live, "boxes": boxes})


def walk_version(work: Sequence[FulfillmentOrder]) -> str:
    """Names how far a walk is: another one once anybody picked, reported, packed or ended some of its work."""
    lines = [[item.pk, item.state, *((line.pk, line.quantity, line.picked, line.short) for line in item.lines.all())]
             for item in work]  # fmt: skip
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()[:16]


def _name(row: PickRow) -> str:
    return f"{row.sku.name} ({row.options})" if row.options else row.sku.name


def _work(item: FulfillmentOrder) -> dict[str, Any]:
    lines = [[line.sku.code, line.quantity, line.picked, line.short] for line in item.lines.all()]
    return {"pk": item.pk, "number": item.order.number, "version": item.order.version, "lines": lines,
            "labelled": item.kind != FulfillmentOrderKind.PICKUP}  # fmt: skip
