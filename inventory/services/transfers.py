"""Transfers between nodes until the goods leave: drafted, confirmed, picked, cancelled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from inventory.errors import BadQuantity, NotEnoughStock
from inventory.locks import keep_skus, lock_levels, lock_transfer, lock_transfer_lines
from inventory.models import (
    Bucket,
    Node,
    Reservation,
    ReservationPurpose,
    StockLevel,
    StockMovementReason,
    Tracking,
    Transfer,
    TransferLine,
    TransferState,
)
from inventory.services.holds import expire_due_holds
from inventory.services.posting import Posting, post
from inventory.services.reservations import Release, release_reservations
from inventory.services.stock import StockLine, announce
from inventory.services.units import SpokenFor, Wanted, in_hands, nobody, split_units
from inventory.states import TRANSFER
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.ids import uuid7
from oms.core.states import advance
from oms.core.values import MAX_QUANTITY

State = TransferState
#: Lines that one transfer may have.
MOST_TRANSFER_LINES = 200
#: Goods that still lie at the first node.
BEFORE_ROAD = (State.DRAFT, State.RESERVED, State.PICKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """What was found of one line. Units of lots by code; a serial number for each unit where the SKU asks for it."""

    line_id: int
    quantity: int
    lots: tuple[tuple[str, int], ...] = ()
    serials: tuple[str, ...] = ()


def draft_transfer(
    *, from_node_id: int, to_node_id: int, lines: Sequence[StockLine], actor: str, expected_on: date | None = None,
    note: str = "",
) -> Transfer:  # fmt: skip
    """Write down what is to go from one node to another; nothing is reserved yet. Raises DomainError, NotFound."""

    def work() -> Transfer:
        wanted = _wanted(from_node_id, to_node_id, lines)
        transfer = Transfer.objects.create(
            number=f"new-{uuid7()}", from_node_id=from_node_id, to_node_id=to_node_id, expected_on=expected_on,
            note=note[:500], created_by=actor,
        )  # fmt: skip
        transfer.number = f"TR-{10000 + transfer.pk}"
        transfer.save(update_fields=["number"])
        _write_lines(transfer, wanted)
        return transfer

    return run_atomic(work)


def edit_transfer(
    *, transfer_id: int, version: int, from_node_id: int, to_node_id: int, lines: Sequence[StockLine], actor: str,
    expected_on: date | None = None, note: str = "",
) -> Transfer:  # fmt: skip
    """Write a draft anew. Raises Conflict for a stale version, and where it is no draft any more."""

    def work() -> Transfer:
        transfer = lock_transfer(transfer_id)
        expect_version(transfer, version)
        if transfer.state != State.DRAFT:
            raise Conflict(
                f"{transfer.number} is {_words(transfer)}: only a draft can be changed. Cancel it and draft anew."
            )
        wanted = _wanted(from_node_id, to_node_id, lines)
        transfer.lines.all().delete()
        _write_lines(transfer, wanted)
        changes = {"from_node_id": from_node_id, "to_node_id": to_node_id, "expected_on": expected_on,
                   "note": note[:500], "version": transfer.version + 1}  # fmt: skip
        for name, value in changes.items():
            setattr(transfer, name, value)
        transfer.save(update_fields=list(changes))
        return transfer

    return run_atomic(work)


def _wanted(from_node_id: int, to_node_id: int, lines: Sequence[StockLine]) -> dict[int, int]:
    """Units by SKU, repeated ones added up. Raises DomainError."""
    if from_node_id == to_node_id:
        raise DomainError("Choose two different nodes.", field="to_node")
    if Node.objects.filter(pk__in=(from_node_id, to_node_id)).count() != 2:
        raise NotFound("There is no such node.", field="to_node")
    wanted: dict[int, int] = {}
    for line in lines:
        wanted[line.sku_id] = wanted.get(line.sku_id, 0) + line.quantity
    if not wanted:
        raise DomainError("Name at least one item.", field="lines")
    if len(wanted) > MOST_TRANSFER_LINES:
        raise DomainError(f"A transfer has at most {MOST_TRANSFER_LINES} items.", field="lines")
    skus = keep_skus(wanted)
    for sku_id, quantity in wanted.items():
        if sku_id not in skus:
            raise NotFound(f"There is no SKU {sku_id}.", field="lines")
        if skus[sku_id].is_kit:
            raise DomainError(f"{skus[sku_id].code} is a kit: move its components.", field="lines")
        if not 1 <= quantity <= MAX_QUANTITY:
            raise BadQuantity(f"{quantity} of {skus[sku_id].code}: expected a whole number from 1.", field="lines")
    return wanted


def _write_lines(transfer: Transfer, wanted: dict[int, int]) -> None:
    TransferLine.objects.bulk_create(
        TransferLine(transfer=transfer, sku_id=sku_id, quantity=quantity) for sku_id, quantity in wanted.items()
    )


def expect_version(transfer: Transfer, version: int | None) -> None:
    """Raises Conflict where the document is no longer the one that the caller saw; None did not look."""
    if version is not None and version != transfer.version:
        raise Conflict(
            f"{transfer.number} was changed by someone else a moment ago: it is {_words(transfer)} now. "
            f"Reload it and try again.",
            expected=version, version=transfer.version,
        )  # fmt: skip


def _words(transfer: Transfer) -> str:
    return transfer.get_state_display().lower()


def step(transfer: Transfer, state: str, actor: str, *, reason: str = "", **changes: Any) -> None:
    """Move a locked transfer on, with its next version."""
    advance(
        transfer, state, using=TRANSFER, actor=actor, reason=reason, version=transfer.version + 1, **changes
    )  # fmt: skip


def confirm_transfer(*, transfer_id: int, actor: str, version: int | None = None) -> Transfer:
    """Reserve every unit at the first node, all or nothing.

    Raises NotEnoughStock, naming each SKU that is short with what is wanted and the ATP, and Conflict for anything
    but a draft.
    """

    def work() -> Transfer:
        transfer = lock_transfer(transfer_id)
        expect_version(transfer, version)
        lines = lock_transfer_lines(transfer_id)
        _reserve(transfer, lines, actor)
        step(transfer, State.RESERVED, actor)
        announce([line.sku_id for line in lines], reason="transfer")
        return transfer

    return run_atomic(work)


def _reserve(transfer: Transfer, lines: list[TransferLine], actor: str) -> None:
    if transfer.state != State.DRAFT:
        raise Conflict(f"{transfer.number} is {_words(transfer)}: only a draft can be confirmed.")
    node = transfer.from_node
    seen = StockLevel.objects.filter(node=node, sku__in=[line.sku_id for line in lines])
    if _short(lines, {level.sku_id: level.atp for level in seen}):
        # Carts that were left may still keep what is missing: those whose time is over end now.
        expire_due_holds(actor=actor)
    levels = lock_levels((line.sku_id, node.pk) for line in lines)
    short = _short(lines, {sku_id: level.atp for (sku_id, _), level in levels.items()})
    if short:
        told = "; ".join(f"{row['sku']}: {row['wanted']} wanted, ATP {row['atp']}" for row in short[:10])
        more = f"; and {len(short) - 10} more" if len(short) > 10 else ""
        raise NotEnoughStock(
            f"{node.code} has not enough for {transfer.number}. {told}{more}.", field="lines", lines=short
        )
    rows = Reservation.objects.bulk_create(
        Reservation(
            purpose=ReservationPurpose.TRANSFER, line_uid=line.uid, reference=transfer.number, sku_id=line.sku_id,
            node_id=node.pk, quantity=line.quantity, open_quantity=line.quantity,
        )
        for line in lines
    )  # fmt: skip
    post([
        Posting(
            op_key=f"reserve/{row.uid}", sku_id=row.sku_id, node_id=row.node_id, from_bucket=Bucket.DEMAND,
            to_bucket=Bucket.RESERVED, quantity=row.quantity, reason=StockMovementReason.RESERVE,
            reference=transfer.number, note=f"For {transfer.to_node.code}", actor=actor,
        )
        for row in rows
    ])  # fmt: skip


def _short(lines: Sequence[TransferLine], atp: Mapping[int, int]) -> list[dict[str, Any]]:
    """Lines that want more than may be promised."""
    return [
        {"sku": line.sku.code, "wanted": line.quantity, "atp": atp.get(line.sku_id, 0)}
        for line in lines
        if line.quantity > atp.get(line.sku_id, 0)
    ]


def pick_for_transfer(
    *, transfer_id: int, sku_id: int, actor: str, quantity: int = 1, serial: str = "", lot: str = "",
    spoken_for: SpokenFor = nobody,
) -> TransferLine:  # fmt: skip
    """Units of a SKU were found for a transfer that is to be picked; they add to what was found before.

    `spoken_for` are units of lots that lie in totes for orders and are not found here. Raises Conflict for units that
    nobody wants, and what `split_units` raises for lots and serial numbers.
    """

    def work() -> TransferLine:
        transfer = lock_transfer(transfer_id)
        _refuse_unpickable(transfer)
        lines = lock_transfer_lines(transfer_id)
        line = next((line for line in lines if line.sku_id == sku_id), None)
        if line is None:
            raise NotFound(f"{transfer.number} does not want this item.", field="sku")
        before = _picked_before(line)
        picked = Picked(
            line_id=line.pk, quantity=before.quantity + quantity,
            lots=(*before.lots, (lot, quantity)) if lot else before.lots,
            serials=(*before.serials, serial) if serial else before.serials,
        )  # fmt: skip
        if quantity < 1 or picked.quantity > line.quantity:
            left = line.quantity - line.picked_quantity
            raise Conflict(f"{line.sku.code}: {left} left to pick, not {quantity}.", field="quantity")
        if serial and serial in before.serials:
            raise Conflict(f"Serial number {serial} was picked already.", field="serials")
        _keep_picked(transfer, [(line, picked)], spoken_for)
        _bump(transfer)
        return line

    return run_atomic(work)


def finish_picking(
    *, transfer_id: int, actor: str, lines: Sequence[Picked] | None = None, version: int | None = None,
    spoken_for: SpokenFor = nobody,
) -> Transfer:  # fmt: skip
    """Everything that can be found was picked: what was not is given back to ATP.

    `lines` says what was found of each line; without it what was scanned counts. `spoken_for` as in picking. Raises
    Conflict where nothing was found at all (cancel it then), and what `split_units` raises for lots and serial numbers.
    """

    def work() -> Transfer:
        transfer = lock_transfer(transfer_id)
        expect_version(transfer, version)
        _refuse_unpickable(transfer)
        close_picking(transfer, lock_transfer_lines(transfer_id), lines, actor, spoken_for)
        return transfer

    return run_atomic(work)


def close_picking(
    transfer: Transfer, lines: list[TransferLine], picked: Sequence[Picked] | None, actor: str, spoken_for: SpokenFor
) -> None:
    """The same for a locked transfer and its lines."""
    if picked is not None:
        found = {item.line_id: item for item in picked}
        strange = set(found) - {line.pk for line in lines}
        if strange:
            raise NotFound(f"{transfer.number} has no line {min(strange)}.", field="lines")
        taken = [(line, found.get(line.pk, Picked(line_id=line.pk, quantity=0))) for line in lines]
        _keep_picked(transfer, taken, spoken_for)
    if not any(line.picked_quantity for line in lines):
        raise Conflict(f"Nothing was picked for {transfer.number}. Cancel it instead.", field="lines")
    rest = {line: line.quantity - line.picked_quantity for line in lines if line.picked_quantity < line.quantity}
    _give_back(transfer, rest, "Not picked", actor)
    step(transfer, State.PICKED, actor)


def whole_lines(lines: Iterable[TransferLine]) -> list[Picked]:
    """Every unit of every line, for who does not count them one by one. Lots are found when the goods leave."""
    return [Picked(line_id=line.pk, quantity=line.quantity) for line in lines]


def _refuse_unpickable(transfer: Transfer) -> None:
    if transfer.state != State.RESERVED:
        raise Conflict(f"{transfer.number} is {_words(transfer)}: it cannot be picked.")


def _picked_before(line: TransferLine) -> Picked:
    return Picked(line_id=line.pk, quantity=line.picked_quantity, lots=lots_of(line), serials=serials_of(line))


def lots_of(line: TransferLine) -> tuple[tuple[str, int], ...]:
    """Lots that were scanned for a line, with their units."""
    return tuple((row["lot"], row["quantity"]) for row in line.picked_units if "lot" in row)


def serials_of(line: TransferLine) -> tuple[str, ...]:
    """Serial numbers that were scanned for a line."""
    return tuple(row["serial"] for row in line.picked_units if "serial" in row)


def _keep_picked(transfer: Transfer, found: Sequence[tuple[TransferLine, Picked]], spoken_for: SpokenFor) -> None:
    """Write what was found, after a look at whether it can leave from here."""
    for line, picked in found:
        if not 0 <= picked.quantity <= line.quantity:
            raise BadQuantity(
                f"{line.sku.code}: {picked.quantity} picked, {line.quantity} are wanted.", field="quantity"
            )
        if sum(units for _, units in picked.lots) > picked.quantity:
            raise BadQuantity(f"{line.sku.code}: its lots have more units than were picked.", field="lot")
        line.picked_quantity = picked.quantity
        serials = [{"serial": number} for number in dict.fromkeys(picked.serials)]
        line.picked_units = [*({"lot": code, "quantity": units} for code, units in picked.lots), *serials]
    wanted = [wanted_of(line) for line, _ in found]
    split_units(
        wanted, node_id=transfer.from_node_id, bucket=Bucket.ON_HAND, usable_on=transfer.from_node.today(),
        spoken_for=in_hands(spoken_for, wanted, transfer.from_node_id),
    )  # fmt: skip
    TransferLine.objects.bulk_update([line for line, _ in found], ["picked_quantity", "picked_units"])


def wanted_of(line: TransferLine) -> Wanted:
    """What was picked of a line, to be found at the first node."""
    tracked = line.sku.tracking != Tracking.NONE
    return Wanted(
        sku=line.sku, quantity=line.picked_quantity, lots=lots_of(line) if tracked else (),
        serials=serials_of(line) if tracked else (),
    )  # fmt: skip


def _bump(transfer: Transfer) -> None:
    transfer.version += 1
    transfer.save(update_fields=["version"])


def _give_back(transfer: Transfer, lines: Mapping[TransferLine, int], why: str, actor: str) -> None:
    """So many reserved units of the lines go back to ATP; of those that are no longer reserved nothing."""
    release_reservations(
        requests=[Release(line.uid, transfer.from_node_id, units) for line, units in lines.items()],
        actor=actor, reason=f"{why}: {transfer.number}",
    )  # fmt: skip
    announce([line.sku_id for line in lines], reason="transfer", grew_at=transfer.from_node_id)


def cancel_transfer(*, transfer_id: int, actor: str, reason: str = "", version: int | None = None) -> Transfer:
    """Give up a transfer that has not left: what is reserved for it goes back to ATP. Again, it changes nothing.

    Raises Conflict once the goods are on the road: that they come back is a difference to resolve.
    """

    def work() -> Transfer:
        transfer = lock_transfer(transfer_id)
        if transfer.state == State.CANCELLED:
            return transfer
        expect_version(transfer, version)
        if transfer.state not in BEFORE_ROAD:
            raise Conflict(
                f"{transfer.number} has left {transfer.from_node.code} and cannot be cancelled. Receive it at "
                f"{transfer.to_node.code}, or resolve what comes back as sent back to {transfer.from_node.code}."
            )
        lines = lock_transfer_lines(transfer_id)
        if transfer.state != State.DRAFT:
            _give_back(transfer, {line: line.quantity for line in lines}, "Transfer cancelled", actor)
        step(transfer, State.CANCELLED, actor, reason=reason[:200], closed_at=now())
        return transfer

    return run_atomic(work)
