"""Nodes whose own WMS is linked, and work that it was given."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from fulfillment.models import (
    FulfillmentOrder,
    HandOff,
    HandOffInstruction,
    LinkMode,
    WmsLink,
)
from fulfillment.services.hand_off_answers import Confirmation, Heard, hear
from fulfillment.services.hand_off_work import Left, PackedBox, Part
from inventory.models import Node
from oms.core.clock import now
from oms.integrations.services.wms_links import LinkWish, save_link
from tests.factories import World, make_line
from tests.fulfillment.floor import make_work


def link(node: Node, **wish: Any) -> WmsLink:
    """A WMS that reads files and must answer within the hour."""
    return save_link(node.pk, replace(LinkWish(mode=LinkMode.FILE), **wish))[0]


def given(world: World, name: str = "1", units: int = 2, **fields: object) -> FulfillmentOrder:
    """Work at Bengaluru, which must be linked: so many kurtas."""
    work = make_work(world, name, make_line(world.kurta, units), **fields)
    assert work.with_wms
    return work


def hand_off_of(work: FulfillmentOrder) -> HandOff:
    """As it is now."""
    return HandOff.objects.select_related("link").get(fulfillment_order=work)


def told(work: FulfillmentOrder) -> list[tuple[int, str, str]]:
    """Version, kind and state of every instruction, in order."""
    rows = HandOffInstruction.objects.filter(hand_off__fulfillment_order=work).order_by("version")
    return list(rows.values_list("version", "kind", "state"))


def says(work: FulfillmentOrder, kind: str, event_id: str = "", version: int | None = None, **content: Any) -> Heard:
    """What the WMS says of the work, of the newest version unless one is named."""
    newest = hand_off_of(work).version if version is None else version
    said = Confirmation(event_id=event_id or f"{work.number}/{kind}/{newest}", kind=kind, work=work.number,
                        version=newest, raw={"kind": kind, "content": repr(content)}, **content)  # fmt: skip
    return hear([said], works=FulfillmentOrder.objects.all(), actor="API the WMS")[0]


def box(units: int, ref: str = "B1", sku: str = "KURTA-M") -> tuple[PackedBox, ...]:
    """One box with so many kurtas."""
    return (PackedBox(ref=ref, parts=(Part(sku=sku, quantity=units),), weight_grams=900),)


def left(ref: str = "B1", awb: str = "", carrier: str = "") -> tuple[Left, ...]:
    """One box that left."""
    return (Left(ref=ref, awb=awb, carrier=carrier),)


def time_passes(work: FulfillmentOrder) -> None:
    """The answer of the WMS is overdue."""
    HandOff.objects.filter(fulfillment_order=work).update(answer_by=now() - timedelta(minutes=1))


def refusal(heard: Heard) -> tuple[str, str, str]:
    """Code, sentence and field of what was refused."""
    assert heard.error is not None
    return heard.error.code, heard.error.message, heard.error.field
