"""Transfers on the road: shipped, received in one or more goes, and what did not come resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from django.db.models import F

from inventory.errors import BadQuantity, NotEnoughStock
from inventory.locks import lock_levels, lock_open_reservations, lock_transfer, lock_transfer_lines
from inventory.models import (
    Bucket,
    PostedOperation,
    Reservation,
    ReservationState,
    StockMovementReason,
    Transfer,
    TransferLine,
    TransferState,
)
from inventory.services.posting import Posting, post
from inventory.services.stock import announce
from inventory.services.transfer_units import Arrived, units_in_transit
from inventory.services.transfers import (
    close_picking,
    expect_version,
    step,
    wanted_of,
    whole_lines,
)
from inventory.services.units import SpokenFor, Units, in_hands, nobody, split_units
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound

State = TransferState
Reason = StockMovementReason
ON_ROAD = (State.SHIPPED, State.RECEIVED)


class Resolution(StrEnum):
    """What became of units that were shipped and did not come."""

    FOUND = "found"
    FOUND_DAMAGED = "found_damaged"
    LOST = "lost"
    SENT_BACK = "sent_back"


#: Resolutions as people read them, with what each does to stock.
RESOLUTIONS: dict[str, tuple[str, str]] = {
    Resolution.FOUND: ("Came later, good", "On hand and ATP go up at the second node"),
    Resolution.FOUND_DAMAGED: ("Came later, damaged", "Damaged goes up at the second node"),
    Resolution.LOST: ("Lost on the road", "Written off: the units leave the books"),
    Resolution.SENT_BACK: ("Back at the first node", "On hand and ATP go up at the first node"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What came of one line: good, damaged, and over what was shipped. Lots and serial numbers as scanned.

    Units over the shipped ones are good; those of a SKU kept by lot name `lot`, those by serial number are refused.
    """

    line_id: int
    good: int = 0
    damaged: int = 0
    over: int = 0
    lot: str = ""
    serials: tuple[str, ...] = ()
    damaged_serials: tuple[str, ...] = ()


def ship_transfer(
    *, transfer_id: int, actor: str, version: int | None = None, carrier_name: str = "", awb: str = "",
    expected_on: date | None = None, spoken_for: SpokenFor = nobody,
) -> Transfer:  # fmt: skip
    """What was picked leaves the first node: from on hand into transit, and inbound at the second node at once.

    A transfer that nobody picked step by step leaves whole. `spoken_for` are units of lots that lie in totes for orders
    and do not leave with it. Raises Conflict where it has left or was not confirmed, and what `split_units` raises.
    """

    def work() -> Transfer:
        transfer = lock_transfer(transfer_id)
        expect_version(transfer, version)
        lines = lock_transfer_lines(transfer_id)
        if transfer.state == State.RESERVED:
            untouched = not any(line.picked_quantity for line in lines)
            close_picking(transfer, lines, whole_lines(lines) if untouched else None, actor, spoken_for)
        if transfer.state != State.PICKED:
            raise Conflict(f"{transfer.number} is {transfer.get_state_display().lower()}: it cannot be shipped.")
        leaving = [line for line in lines if line.picked_quantity]
        _send(transfer, leaving, actor, spoken_for)
        due = expected_on or transfer.expected_on
        step(
            transfer, State.SHIPPED, actor, shipped_at=now(), carrier_name=carrier_name[:80], awb=awb[:60],
            expected_on=due,
        )  # fmt: skip
        announce([line.sku_id for line in leaving], reason="transfer")
        return transfer

    return run_atomic(work)


def _send(transfer: Transfer, lines: list[TransferLine], actor: str, spoken_for: SpokenFor) -> None:
    _consume(transfer, lines)
    lock_both_ends(transfer, lines)
    wanted = [wanted_of(line) for line in lines]
    split = split_units(
        wanted, node_id=transfer.from_node_id, bucket=Bucket.ON_HAND, usable_on=transfer.from_node.today(),
        spoken_for=in_hands(spoken_for, wanted, transfer.from_node_id),
    )  # fmt: skip
    out: list[Posting] = []
    into: list[Posting] = []
    for line, units in zip(lines, split, strict=True):
        make = _maker(transfer, line, f"transfer/{transfer.pk}/ship/{line.pk}", actor)
        here, there = transfer.from_node_id, transfer.to_node_id
        out.append(make(here, Bucket.RESERVED, Bucket.DEMAND, Units(line.picked_quantity), Reason.MOVE_OUT))
        out += [make(here, Bucket.ON_HAND, Bucket.TRANSIT, part, Reason.MOVE_OUT) for part in units]
        into += [make(there, Bucket.TRANSIT, Bucket.INBOUND, part, Reason.MOVE_IN) for part in units]
        line.shipped_quantity = line.in_transit_quantity = line.picked_quantity
    # Two statements: a serial number must have left the one node before it is on its way to the other.
    post(out)
    post(into)
    TransferLine.objects.bulk_update(lines, ["shipped_quantity", "in_transit_quantity"])


def _consume(transfer: Transfer, lines: list[TransferLine]) -> None:
    """The claims of the lines end: their units leave. Raises NotEnoughStock where they are no longer reserved."""
    found = lock_open_reservations((line.uid, transfer.from_node_id) for line in lines)
    taken: list[int] = []
    for line in lines:
        rows = found.get((line.uid, transfer.from_node_id), [])
        reserved = sum(row.open_quantity for row in rows)
        if reserved != line.picked_quantity:
            raise NotEnoughStock(
                f"{line.sku.code}: {line.picked_quantity} were picked, {reserved} are reserved for {transfer.number}."
            )
        taken += [row.pk for row in rows]
    Reservation.objects.filter(pk__in=taken).update(
        consumed_quantity=F("consumed_quantity") + F("open_quantity"), open_quantity=0,
        state=ReservationState.CONSUMED, closed_at=now(),
    )  # fmt: skip


def lock_both_ends(transfer: Transfer, lines: Iterable[TransferLine]) -> None:
    """Lock the levels of both nodes in key order, so that transfers that cross on the road do not deadlock."""
    nodes = (transfer.from_node_id, transfer.to_node_id)
    lock_levels((line.sku_id, node_id) for line in lines for node_id in nodes)


Make = Callable[[int, Bucket, Bucket, Units, str], Posting]


def _maker(transfer: Transfer, line: TransferLine, op_key: str, actor: str, note: str = "") -> Make:
    """Makes the postings of one line, each with the next leg of the operation."""
    legs = iter(range(1, 32_000))

    def make(node_id: int, source: Bucket, target: Bucket, units: Units, reason: str) -> Posting:
        return Posting(
            op_key=op_key, leg=next(legs), sku_id=line.sku_id, node_id=node_id, from_bucket=source, to_bucket=target,
            quantity=units.quantity, lot_id=units.lot_id, serial_id=units.serial_id, reason=reason,
            reference=transfer.number, note=note[:200], actor=actor, unit_cost_minor=line.sku.cost_minor or None,
        )  # fmt: skip

    return make


def receive_transfer(
    *, transfer_id: int, lines: Sequence[Received], op_key: str, actor: str, finish: bool = False,
    version: int | None = None,
) -> Transfer:  # fmt: skip
    """Goods came to the second node: some or all. The same `op_key` (at most 40 characters) again changes nothing.

    `finish` says that no more is expected: what is still in transit is a difference to resolve. The transfer is
    closed by itself when nothing is in transit any more. Raises Conflict for more than is in transit (the rest is
    `over`), and for a transfer that is not on the road.
    """

    def work() -> Transfer:
        transfer = lock_transfer(transfer_id)
        base = f"transfer/{transfer.pk}/receive/{op_key}"
        if _posted_before(base, lines):
            return transfer
        expect_version(transfer, version)
        _refuse_off_road(transfer)
        there = {line.pk: line for line in lock_transfer_lines(transfer_id)}
        coming = [(_line_of(transfer, there, item.line_id), item) for item in lines if item.good or item.damaged
                  or item.over]  # fmt: skip
        if not coming and not finish:
            raise DomainError("Say how many came.", field="lines")
        _take_in(transfer, coming, base, actor)
        _go_on(transfer, list(there.values()), actor, came=bool(coming), finish=finish)
        announce([line.sku_id for line, _ in coming], reason="transfer", grew_at=transfer.to_node_id)
        return transfer

    return run_atomic(work)


def _posted_before(base: str, lines: Iterable[Received]) -> bool:
    keys = [f"{base}/{item.line_id}" for item in lines]
    return PostedOperation.objects.filter(op_key__in=keys).exists()


def _refuse_off_road(transfer: Transfer) -> None:
    if transfer.state not in ON_ROAD:
        raise Conflict(
            f"{transfer.number} is {transfer.get_state_display().lower()}: only goods in transit can be received."
        )


def _line_of(transfer: Transfer, lines: dict[int, TransferLine], line_id: int) -> TransferLine:
    line = lines.get(line_id)
    if line is None:
        raise NotFound(f"{transfer.number} has no line {line_id}.", field="lines")
    return line


def _take_in(transfer: Transfer, coming: Sequence[tuple[TransferLine, Received]], base: str, actor: str) -> None:
    for line, item in coming:
        _refuse_too_many(line, item)
    lock_levels((line.sku_id, transfer.to_node_id) for line, _ in coming)
    arrived = units_in_transit(transfer, [
        Arrived(line=line, good=item.good, damaged=item.damaged, serials=item.serials,
                damaged_serials=item.damaged_serials, lot=item.lot)
        for line, item in coming
    ])  # fmt: skip
    extra = split_over(coming)
    postings: list[Posting] = []
    for (line, item), (good, damaged), over in zip(coming, arrived, extra, strict=True):
        make, node = _maker(transfer, line, f"{base}/{line.pk}", actor), transfer.to_node_id
        postings += [make(node, Bucket.INBOUND, Bucket.ON_HAND, part, Reason.RECEIPT) for part in good]
        postings += [make(node, Bucket.INBOUND, Bucket.DAMAGED, part, Reason.RECEIPT) for part in damaged]
        postings += [make(node, Bucket.ADJUSTMENT, Bucket.ON_HAND, part, Reason.FOUND) for part in over]
        line.in_transit_quantity -= item.good + item.damaged
        line.received_quantity += item.good
        line.damaged_quantity += item.damaged
        line.over_quantity += item.over
    post(postings)
    TransferLine.objects.bulk_update(
        [line for line, _ in coming],
        ["in_transit_quantity", "received_quantity", "damaged_quantity", "over_quantity"],
    )


def _refuse_too_many(line: TransferLine, item: Received) -> None:
    if min(item.good, item.damaged, item.over) < 0:
        raise BadQuantity(f"{line.sku.code}: a quantity is a whole number from 0.", field="lines")
    if item.good + item.damaged > line.in_transit_quantity:
        raise Conflict(
            f"{line.sku.code}: {item.good + item.damaged} came, but only {line.in_transit_quantity} of "
            f"{line.shipped_quantity} are in transit. Say what is beyond that as over.",
            field="lines", sku=line.sku.code, in_transit=line.in_transit_quantity,
        )  # fmt: skip


def split_over(coming: Sequence[tuple[TransferLine, Received]]) -> list[list[Units]]:
    """Units that came over what was shipped, each with its lot. Raises for serial numbers: the books know where they
    are, so that one comes here by a transfer of its own.
    """
    found: list[list[Units]] = []
    for line, item in coming:
        if item.over and line.sku.tracking == "serial":
            raise BadQuantity(
                f"{line.sku.code} is kept by serial number: units over the shipped ones need a transfer of their own, "
                "or an adjustment with the reason Found.", field="lines",
            )  # fmt: skip
        if item.over and line.sku.tracking == "lot":
            lot = line.sku.lots.filter(code__iexact=item.lot.strip()).first()
            if lot is None:
                raise BadQuantity(f"{line.sku.code}: name the lot of the {item.over} units over.", field="lot")
            found.append([Units(item.over, lot_id=lot.pk)])
        else:
            found.append([Units(item.over)] if item.over else [])
    return found


def _go_on(
    transfer: Transfer, lines: list[TransferLine], actor: str, *, came: bool, finish: bool = False, reason: str = ""
) -> None:
    """Close what has nothing in transit; what is finished with units missing waits for a person."""
    moment = now()
    arrived = {"received_at": moment} if came and transfer.received_at is None else {}
    if not any(line.in_transit_quantity for line in lines):
        step(transfer, State.CLOSED, actor, reason=reason, closed_at=moment, **arrived)
    elif finish and transfer.state == State.SHIPPED:
        missing = sum(line.in_transit_quantity for line in lines)
        words = "1 unit" if missing == 1 else f"{missing} units"
        step(transfer, State.RECEIVED, actor, reason=f"{words} did not come", **arrived)
    else:
        transfer.version += 1
        for name, value in arrived.items():
            setattr(transfer, name, value)
        transfer.save(update_fields=["version", *arrived])


def resolve_difference(
    *, transfer_id: int, line_id: int, how: str, quantity: int, note: str, op_key: str, actor: str,
    lot: str = "", serials: tuple[str, ...] = (), version: int | None = None,
) -> Transfer:  # fmt: skip
    """Say what became of units that did not come (see RESOLUTIONS), with why. Again with its `op_key`: nothing.

    Raises DomainError without a note or for an unknown resolution, Conflict for more units than are in transit.
    """
    if how not in RESOLUTIONS:
        raise DomainError(f"{how!r} is no way to resolve a difference.", field="how")
    if not note.strip():
        raise DomainError("Say why: somebody reads it in the ledger later.", field="note")
    if quantity < 1:
        raise BadQuantity(f"{quantity} is not a quantity; expected a whole number from 1.", field="quantity")

    def work() -> Transfer:
        transfer = lock_transfer(transfer_id)
        base = f"transfer/{transfer.pk}/resolve/{op_key}"
        if PostedOperation.objects.filter(op_key__in=[f"{base}/{line_id}", f"{base}/{line_id}/back"]).exists():
            return transfer
        expect_version(transfer, version)
        _refuse_off_road(transfer)
        lines = {line.pk: line for line in lock_transfer_lines(transfer_id)}
        line = _line_of(transfer, lines, line_id)
        _refuse_too_many(line, Received(line_id=line_id, good=quantity))
        lock_both_ends(transfer, [line])
        item = Arrived(line=line, good=quantity, serials=serials, lot=lot)
        [(units, _)] = units_in_transit(transfer, [item])
        _resolve(transfer, line, how, units, _maker(transfer, line, f"{base}/{line.pk}", actor, note))
        _count_resolved(line, how, quantity)
        reason, came = f"{RESOLUTIONS[how][0]}: {note}"[:200], how in (Resolution.FOUND, Resolution.FOUND_DAMAGED)
        _go_on(transfer, list(lines.values()), actor, came=came, reason=reason)
        grew_at = {Resolution.SENT_BACK: transfer.from_node_id, Resolution.FOUND: transfer.to_node_id}.get(
            Resolution(how)
        )
        announce([line.sku_id], reason="transfer", grew_at=grew_at)
        return transfer

    return run_atomic(work)


def _resolve(transfer: Transfer, line: TransferLine, how: str, units: list[Units], make: Make) -> None:
    here, there = transfer.from_node_id, transfer.to_node_id
    if how == Resolution.SENT_BACK:
        # Two statements, as in shipping, the other way round.
        post([make(there, Bucket.INBOUND, Bucket.TRANSIT, part, Reason.MOVE_OUT) for part in units])
        post([make(here, Bucket.TRANSIT, Bucket.ON_HAND, part, Reason.MOVE_IN) for part in units])
        return
    target, reason = {
        Resolution.FOUND: (Bucket.ON_HAND, Reason.RECEIPT),
        Resolution.FOUND_DAMAGED: (Bucket.DAMAGED, Reason.RECEIPT),
        Resolution.LOST: (Bucket.ADJUSTMENT, Reason.LOST),
    }[Resolution(how)]
    post([make(there, Bucket.INBOUND, target, part, reason) for part in units])


def _count_resolved(line: TransferLine, how: str, quantity: int) -> None:
    """What came back has, in the end, not been shipped."""
    line.in_transit_quantity -= quantity
    counter = {Resolution.FOUND: "received_quantity", Resolution.FOUND_DAMAGED: "damaged_quantity",
               Resolution.LOST: "missing_quantity"}.get(Resolution(how))  # fmt: skip
    if counter is None:
        line.shipped_quantity -= quantity
        counter = "shipped_quantity"
    else:
        setattr(line, counter, getattr(line, counter) + quantity)
    line.save(update_fields=["in_transit_quantity", counter])
