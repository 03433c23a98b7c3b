"""The facts of orders that rules ask for, from what was read of them. Pure but for the sets of words it keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from routing.policy.facts import OrderFacts


def facts_of(lines: Sequence[Mapping[str, Any]], moment: datetime) -> OrderFacts:
    """What conditions may ask of one order, from its lines as `read_surroundings` gives them.

    Goods are those of the lines that still need a node. A kit counts by its own SKU and by its components.
    """
    row = lines[0]
    units = [line["unallocated"] + line["backordered"] for line in lines]
    return OrderFacts.of(
        channel=row["channel_code"], channel_kind=row["channel_kind"], tags=row["tags"],
        value_minor=row["total_minor"], promise_hours=_hours_left(row["promised_by"], moment),
        ship_by_hours=_hours_left(row["ship_by"], moment), service_level=row["service_level"],
        payment=row["payment_method"], is_b2b=row["is_b2b"], is_gift=row["is_gift"],
        categories=[line["category"] or "" for line in lines], brands=[line["brand"] or "" for line in lines],
        skus=[code for line in lines for code in (line["sku_code"], line["kit_code"]) if code],
        needs=needs_of(lines), units=sum(units), lines=len(lines),
        weight_grams=sum(count * (line["weight_grams"] or 0) for count, line in zip(units, lines, strict=True)),
        state=row["ship_region"], postcode=row["ship_postcode"], country=row["ship_country"],
        placed_minutes=(moment - datetime.fromisoformat(row["placed_at"])).total_seconds() / 60,
    )  # fmt: skip


def needs_of(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the goods of these lines need of a node."""
    return [need for line in lines for need in line["needs"] or ()]


def _hours_left(text: str | None, moment: datetime) -> float | None:
    return None if text is None else (datetime.fromisoformat(text) - moment).total_seconds() / 3600
