"""Things that need somebody, so that every screen has something to show: quarantine and label problems."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from channels.base import RawMessage
from channels.canonical_json import canonical_to_json
from channels.models import ChannelAccount, InboundMessage, InboundMessageSource
from channels.services import process_messages, receive_messages
from fulfillment.models import FulfillmentOrderKind, Shipment, ShipmentState
from oms.core.db import execute
from oms.demo import brand
from oms.demo.tickets import Stage, Ticket

_LABEL_PROBLEMS = (
    "No courier serves 744101 for cash on delivery. Offer the customer prepaid, or choose another carrier.",
    "The carrier refuses the phone number of the recipient: ten digits are needed.",
)


def add(stage: Stage, tickets: Sequence[Ticket]) -> None:
    """Fill in what chance may have left out of the last chapter."""
    _quarantine(stage, tickets)
    _label_problems()


def _quarantine(stage: Stage, tickets: Sequence[Ticket]) -> None:
    """Messages that cannot be read: unknown SKUs, an empty order, amounts and dates that make no sense."""
    for code in (brand.MARKETPLACE, brand.PANEL, brand.B2B):
        some = [ticket for ticket in tickets if ticket.drawn.channel == code][:5] or list(tickets)[:5]
        account = ChannelAccount.objects.select_related("channel").get(channel=stage.standing.channels[code])
        messages = [_spoilt(ticket, number) for number, ticket in enumerate(some)]
        receive_messages(account, messages, InboundMessageSource.FILE if account.connector == "files" else
                         InboundMessageSource.API)  # fmt: skip
        rows = InboundMessage.objects.filter(account=account, event_id__in=[m.event_id for m in messages])
        ids = list(rows.order_by("pk").values_list("pk", flat=True))
        process_messages(ids)
        moments = [stage.began - timedelta(minutes=stage.luck.uniform(5, 2000)) for _ in ids]
        execute(
            """UPDATE channels_inboundmessage i SET received_at = p.at, processed_at = p.at
            FROM unnest(%s::bigint[], %s::timestamptz[]) AS p(id, at) WHERE i.id = p.id""",
            [ids, moments],
        )


def _spoilt(ticket: Ticket, number: int) -> RawMessage:
    payload: dict[str, Any] = canonical_to_json(ticket.drawn.order)
    external_id = f"Q{number}-{payload['external_id']}"
    payload["external_id"] = payload["external_number"] = external_id
    line = payload["lines"][0]
    match number % 5:
        case 0 | 1:
            line["sku_id"], line["sku_code"] = None, line["sku_code"].replace("-", "_") + "_NEW"
        case 2:
            payload["lines"] = []
        case 3:
            line["unit_price_minor"] = "1,299.00"
        case _:
            payload["placed_at"] = "31/11/2026"
    return RawMessage(
        event_id=f"{external_id}@1", kind="order", external_id=external_id, payload=payload,
        occurred_at=ticket.drawn.order.placed_at,
    )  # fmt: skip


def _label_problems() -> None:
    """Parcels that no carrier took: they stay packed until a person decides."""
    rows = Shipment.objects.filter(
        state=ShipmentState.CREATED, problem="", fulfillment_order__kind=FulfillmentOrderKind.SHIP
    )
    for shipment, problem in zip(rows.order_by("-pk"), _LABEL_PROBLEMS, strict=False):
        Shipment.objects.filter(pk=shipment.pk).update(problem=problem)
