"""Some units of an order are cancelled where they are: without a node, reserved, or on the list of who picks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NoReturn

from django.db.models import F

from fulfillment.errors import CannotCancel
from fulfillment.locks import lock_work_lines, lock_work_of_orders
from fulfillment.models import FulfillmentLine, FulfillmentOrder, FulfillmentOrderState, HandOff
from fulfillment.services.hand_offs import asked_first, end_hand_offs, send_change
from fulfillment.services.unworked import Unworked, release_unworked, unworked
from fulfillment.services.whole_kits import Lying, Taken, take_whole_kits
from fulfillment.states import FULFILLMENT_ORDER
from inventory.services import Release, announce, release_reservations
from oms.core.states import advance
from orders.kits import by_kit
from orders.models import Order, OrderKit, OrderLine
from orders.services import UnitMove, move_units

State = FulfillmentOrderState
#: Buckets of units that have no node.
UNASSIGNED = ("unallocated", "backordered")


def cancel_units(
    order: Order, lines: Sequence[OrderLine], wanted: Mapping[int, int], actor: str, reason: str
) -> list[HandOff]:
    """Cancel some units, those that are least far first: without a node, then reserved, then at work in a node.

    Of kits whole ones: what stays of a kit stays whole at its node. The order and its `lines` are locked. Work of which
    nothing would be left, and that a WMS has in hand, is left as it is: its hand-offs are returned, to ask them. Raises
    CannotCancel where too much is in hand.
    """
    work = {item.pk: item for item in lock_work_of_orders([order.pk])}
    work_lines = lock_work_lines(list(work.values()))
    reserved = unworked(order.pk)
    lying = _lying(lines, reserved, work, work_lines)
    chosen = _chosen(lines, lying, wanted)
    shares: dict[int, list[tuple[FulfillmentLine, int]]] = defaultdict(list)
    for line in lines:
        for node_id, units in chosen[line.pk].items():
            if node_id is None:
                _take_unassigned(line, units)
                continue
            left = units - _take_reserved(reserved, line, node_id, units, actor, reason)
            for row in work_lines:
                item = work[row.fulfillment_order_id]
                if row.order_line_id == line.pk and item.node_id == node_id:
                    share = min(left, _free(item, row))
                    shares[item.pk].append((row, share))
                    left -= share
    emptied = [
        work[pk]
        for pk, some in shares.items()
        if sum(share for _, share in some)
        == sum(row.quantity - row.short for row in work_lines if row.fulfillment_order_id == pk)
    ]
    asked = asked_first(emptied)
    kept = {row.fulfillment_order_id for row in asked}
    for pk, some in shares.items():
        for row, share in some if pk not in kept else ():
            _shrink(work[pk], row, share, actor, reason)
    changed = [work[pk] for pk, some in shares.items() if pk not in kept and any(share for _, share in some)]
    end_hand_offs([item for item in changed if item.state == State.CANCELLED], reason=reason, actor=actor)
    send_change([item for item in changed if item.state != State.CANCELLED], reason=f"Units were cancelled: {reason}")
    return asked


def _lying(
    lines: Sequence[OrderLine], reserved: Sequence[Unworked], work: Mapping[int, FulfillmentOrder],
    work_lines: Sequence[FulfillmentLine],
) -> dict[int, Lying]:  # fmt: skip
    """Where the units of each line are that have not left, by line id."""
    lying = {line.pk: Lying(line.pk, line.units_per_kit or 1) for line in lines}
    for line in lines:
        without_node = sum(getattr(line, bucket) for bucket in UNASSIGNED)
        lying[line.pk].add(None, without_node, without_node)
    for item in reserved:
        lying[item.line.pk].add(item.node_id, item.units, item.units)
    for row in work_lines:
        item_of = work[row.fulfillment_order_id]
        lying[row.order_line_id].add(item_of.node_id, row.to_pick + row.picked, _free(item_of, row))
    return lying


def _chosen(lines: Sequence[OrderLine], lying: Mapping[int, Lying], wanted: Mapping[int, int]) -> Taken:
    """What is taken of each line, and where. Raises CannotCancel where too much of it is in hand."""
    kits = by_kit(lines)
    apart = set(OrderKit.objects.filter(pk__in=kits, ships_together=False).values_list("pk", flat=True)) if kits else ()
    chosen: Taken = {}
    for group in [*kits.values(), *([line] for line in lines if line.kit_id is None)]:
        taken = take_whole_kits([lying[line.pk] for line in group], wanted)
        if taken is None and (len(group) == 1 or group[0].kit_id not in apart):
            _refuse(group, lying, wanted)
        chosen |= taken if taken is not None else _line_by_line(group, lying, wanted)
    return chosen


def _line_by_line(group: Sequence[OrderLine], lying: Mapping[int, Lying], wanted: Mapping[int, int]) -> Taken:
    """The components of a kit that need not leave together, each for itself."""
    chosen: Taken = {}
    for line in group:
        taken = take_whole_kits([replace(lying[line.pk], per_kit=1)], wanted)
        if taken is None:
            _refuse([line], lying, wanted)
        else:
            chosen |= taken
    return chosen


def _refuse(group: Sequence[OrderLine], lying: Mapping[int, Lying], wanted: Mapping[int, int]) -> NoReturn:
    then = "Cancel the whole order, or wait until the parcel is opened."
    for line in group:
        left = wanted.get(line.pk, 0) - lying[line.pk].free.total()
        if left > 0:
            raise CannotCancel(f"{left} units of {line.sku_code} are picked or packed with other goods. {then}")
    kit = group[0].kit
    raise CannotCancel(
        f"Of every {kit.sku_code if kit else group[0].sku_code} that could go something is picked or packed: what "
        f"stays would lie in halves at two nodes. {then}"
    )


def _take_unassigned(line: OrderLine, units: int) -> None:
    moves = []
    for bucket in UNASSIGNED:
        share = min(units, getattr(line, bucket))
        moves.append(UnitMove(line.pk, bucket, "cancelled", share))
        units -= share
    move_units(moves)


def _take_reserved(
    reserved: Sequence[Unworked], line: OrderLine, node_id: int, wanted: int, actor: str, reason: str
) -> int:
    """Give back what is reserved at a node and that no work there covers; how many units."""
    units = 0
    for item in reserved:
        if item.line.pk == line.pk and item.node_id == node_id and units < wanted:
            share = min(item.units, wanted - units)
            release_unworked([replace(item, units=share)], actor=actor, reason=reason, why="cancelled")
            units += share
    move_units([UnitMove(line.pk, "allocated", "cancelled", units)])
    return units


def _free(item: FulfillmentOrder, row: FulfillmentLine) -> int:
    """Units that nobody has in hand yet."""
    return 0 if item.state in (State.PACKED, State.READY, State.PICKED) else row.to_pick


def _shrink(item: FulfillmentOrder, row: FulfillmentLine, share: int, actor: str, reason: str) -> None:
    """Take units that are not picked yet out of a node's work."""
    if not share:
        return
    source = "allocated" if item.state == State.SCHEDULED else "released"
    release_reservations(requests=[Release(row.order_line.uid, item.node_id, share)], actor=actor, reason=reason)
    move_units([UnitMove(row.order_line_id, source, "cancelled", share)])
    announce([row.sku_id], reason="cancelled", grew_at=item.node_id)
    row.quantity -= share
    if row.quantity:
        row.save(update_fields=["quantity"])
    else:
        row.delete()
    rest = FulfillmentLine.objects.filter(fulfillment_order=item)
    if not rest.exists():
        advance(
            item, State.CANCELLED, using=FULFILLMENT_ORDER, actor=actor, reason=reason[:200], end_reason=reason[:200]
        )
    elif item.state == State.PICKING and not rest.filter(quantity__gt=F("picked") + F("short")).exists():
        advance(item, State.PICKED, using=FULFILLMENT_ORDER, actor=actor)
