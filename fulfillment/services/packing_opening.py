"""Which order lies on the bench of a pack station: opened by its number or by an item, locked while it is worked on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Exists, OuterRef, Sum

from fulfillment.locks import lock_one_work, lock_packing, lock_work_if_free, lock_work_lines
from fulfillment.models import FulfillmentLine, FulfillmentOrder, FulfillmentOrderState, Packing, PackScan
from fulfillment.selectors.boxes import OpenBoxes
from fulfillment.services.hand_offs import refuse_with_wms
from fulfillment.services.packing import refuse_on_hold
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, NotFound

#: A box that nobody scanned into for so long may be taken over by another packer.
LEFT_ALONE = timedelta(minutes=10)
#: So much oldest work with one unit of an item is looked through for one that nobody has.
_MOST_LOOKED_AT = 20


def open_packing(*, fulfillment_order_id: int, packer: str) -> OpenBoxes:
    """Put picked work on the bench, or go on with what lies there.

    Raises Conflict for work that is not to be packed, and where another packer has it in hand.
    """
    return run_atomic(lambda: keep(_begun(lock_one_work(fulfillment_order_id), packer)))


def open_for_item(*, node_id: int, sku_id: int, packer: str) -> OpenBoxes | None:
    """The boxes for the first due order of the node that is this one unit and nothing else; None where there is none.

    Its work stays locked until the caller's transaction ends, and nothing is written before `keep`. Orders that another
    packer has in hand are left to them, and those that somebody holds at this moment are passed over: two who scan the
    same item at once get two orders, and neither waits. Where all are held, it waits for the first.
    """
    found = _of_one_unit(node_id, sku_id, packer)
    for work_id, order_id in found:
        work = lock_work_if_free(work_id, order_id)
        opened = _begun_if_free(work, packer) if work is not None else None
        if opened is not None:
            return opened
    for work_id, order_id in found:
        opened = _begun_if_free(lock_one_work(work_id, order_id), packer)
        if opened is not None:
            return opened
    return None


def _of_one_unit(node_id: int, sku_id: int, packer: str) -> Sequence[tuple[int, int]]:
    """Work and order of it by their ids, the first due first."""
    lines = FulfillmentLine.objects.filter(fulfillment_order=OuterRef("pk"))
    others = lines.filter(picked__gt=0).exclude(sku_id=sku_id, picked=1)
    own = lines.filter(sku_id=sku_id, picked=1)
    in_hand = Packing.objects.filter(
        Exists(PackScan.objects.filter(packing=OuterRef("pk"))), fulfillment_order=OuterRef("pk"),
        touched_at__gt=now() - LEFT_ALONE,
    ).exclude(packer=packer)  # fmt: skip
    rows = FulfillmentOrder.objects.filter(
        Exists(own), ~Exists(others), ~Exists(in_hand), node=node_id, state="picked",
        with_wms=False, order__open_holds=0,
    )  # fmt: skip
    rows = rows.alias(units=Sum("lines__picked")).filter(units=1)
    return list(rows.order_by("due_at", "pk").values_list("pk", "order_id")[:_MOST_LOOKED_AT])


def _begun_if_free(work: FulfillmentOrder, packer: str) -> OpenBoxes | None:
    try:
        return _begun(work, packer)
    except Conflict:
        return None


def _begun(work: FulfillmentOrder, packer: str) -> OpenBoxes:
    """The boxes of locked work, in this packer's hand; not kept yet."""
    _refuse_unpackable(work)
    packing = lock_packing(work)
    if packing is None:
        packing = Packing(fulfillment_order=work, packer=packer)
    elif packing.packer != packer and packing.touched_at > now() - LEFT_ALONE and packing.scans.exists():
        raise Conflict(f"{packing.packer} is packing {work.order.number}.", packer=packing.packer)
    packing.packer = packer
    return _read(packing, work)


def keep(opened: OpenBoxes) -> OpenBoxes:
    """Write that its packer has it in hand, now."""
    opened.packing.touched_at = now()
    opened.packing.save()
    return opened


def _refuse_unpackable(item: FulfillmentOrder) -> None:
    refuse_with_wms(item)
    if item.state == FulfillmentOrderState.PICKED:
        refuse_on_hold(item)
        return
    words = {
        FulfillmentOrderState.CANCELLED: f"{item.order.number} was cancelled: put its goods back.",
        FulfillmentOrderState.REJECTED: f"{item.order.number} was given back: put its goods back.",
    }
    said = words.get(FulfillmentOrderState(item.state))
    raise Conflict(said or f"{item.order.number} is not to be packed: {item.get_state_display().lower()}.")


def locked_boxes(packing_id: int, packer: str) -> OpenBoxes:
    """The boxes with the lines that were picked; the work is locked first, and must still be to pack.

    Raises NotFound where they are closed already, Conflict for another packer than the one who goes on with them.
    """
    rows = Packing.objects.filter(pk=packing_id)
    ids = rows.values_list("fulfillment_order_id", "fulfillment_order__order_id").first()
    if ids is None:
        raise NotFound("This box is closed already.")
    work = lock_one_work(*ids)
    _refuse_unpackable(work)
    # Who goes on with it is known only under the lock.
    packing = rows.first()
    if packing is None:
        raise NotFound("This box is closed already.")
    opened = _read(packing, work)
    if packing.packer != packer and opened.scans:
        raise Conflict(f"{packing.packer} goes on with {work.order.number}. Put it aside.")
    return opened


def _read(packing: Packing, work: FulfillmentOrder) -> OpenBoxes:
    packing.fulfillment_order = work
    return OpenBoxes.read(packing, work, [line for line in lock_work_lines([work]) if line.picked])
