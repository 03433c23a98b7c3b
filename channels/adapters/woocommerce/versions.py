"""Names one version of an order, the same whether it came by webhook, poll or a single read. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from channels.adapters.woocommerce.mapping import modified_at
from channels.adapters.woocommerce.reading import text
from channels.base import RawMessage

ORDER = "order"

#: Everything that can change about an order and matters to us. Links and the like may differ between two readings.
_VERSIONED = (
    "status",
    "currency",
    "total",
    "billing",
    "shipping",
    "payment_method",
    "transaction_id",
    "customer_note",
    "date_paid_gmt",
    "date_completed_gmt",
    "meta_data",
    "line_items",
    "shipping_lines",
    "fee_lines",
    "coupon_lines",
    "refunds",
)


def order_message(payload: dict[str, Any], time_zone: str) -> RawMessage:
    """The inbox message of an order."""
    return RawMessage(
        event_id=version_of(payload, time_zone),
        kind=ORDER,
        external_id=text(payload, "id"),
        payload=payload,
        occurred_at=modified_at(payload, time_zone),
    )


def version_of(payload: Mapping[str, Any], time_zone: str) -> str:
    """`<id>@<time of the last change>#<digest>`.

    The digest is needed because the time has a resolution of one second: a recorded store changed the address of an
    order and completed it within the same second.
    """
    facts = [payload.get(key) for key in _VERSIONED]
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), default=str)
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:16]
    moment = modified_at(payload, time_zone)
    return f"{text(payload, 'id')}@{moment.strftime('%Y-%m-%dT%H:%M:%SZ') if moment else 'unknown'}#{digest}"
