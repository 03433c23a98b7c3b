"""Adjustments that people and other systems ask for: posted at once, or after a second person said yes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction

from inventory.errors import BadQuantity, NotEnoughStock, SerialElsewhere, TrackingNeeded
from inventory.locks import lock_adjustment, lock_levels
from inventory.models import (
    ApprovalLimit,
    Bucket,
    Lot,
    LotLevel,
    Node,
    NodeKind,
    SerialNumber,
    Sku,
    StockAdjustment,
    StockAdjustmentState,
    StockLevel,
    StockMovement,
    StockMovementReason,
    Tracking,
)
from inventory.services.photos import checked_photo
from inventory.services.posting import Posting, post
from inventory.services.stock import ADJUSTMENTS, adjust, announce, count
from inventory.services.units import (
    SpokenFor,
    Units,
    Wanted,
    in_hands,
    nobody,
    refuse_miscount,
    split_units,
)
from inventory.states import STOCK_ADJUSTMENT
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, Forbidden, NotFound
from oms.core.states import advance
from oms.core.values import MAX_MINOR, MAX_QUANTITY

State = StockAdjustmentState
T = TypeVar("T")
#: Reasons beside those of ADJUSTMENTS: on hand becomes what was counted, and an adjustment is taken back.
COUNTED = "count"
UNDONE = "undo"
#: How long who asked may take an own adjustment back by one click.
UNDO_WITHIN = timedelta(hours=1)
#: Serial numbers that one adjustment may name: each is a posting.
MOST_SERIALS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An adjustment as asked for. `changed` is True where stock was changed by this very call, `change` by how much
    on hand grew where it was a count.
    """

    adjustment: StockAdjustment
    changed: bool
    change: int = 0

    @property
    def waits(self) -> bool:
        """Nothing is posted until a second person accepts it."""
        return self.adjustment.state == State.WAITING


def _whole(work: Callable[[], T]) -> T:
    """In a transaction of its own, or a savepoint of the caller's: who goes on after a refusal keeps nothing of it."""

    def inside() -> T:
        with transaction.atomic():
            return work()

    return run_atomic(inside)


def reason_label(reason: str) -> str:
    """What a reason is called."""
    if reason in ADJUSTMENTS:
        return ADJUSTMENTS[reason].label
    return {COUNTED: "Counted", UNDONE: "Taken back"}.get(reason, reason)


def limit_for(node: Node) -> ApprovalLimit | None:
    """The limit that counts for a node: that of its kind, else the general one. None where nothing waits."""
    rows = {row.node_kind: row for row in ApprovalLimit.objects.filter(node_kind__in=("", node.kind))}
    return rows.get(node.kind) or rows.get("")


def set_limit(*, node_kind: str, units: int, value_minor: int) -> ApprovalLimit:
    """Set the limit of a kind of node, or the general one without a kind. Raises DomainError."""
    if node_kind and node_kind not in NodeKind.values:
        raise DomainError(f"{node_kind!r} is not a kind of node.", field="node_kind")
    if not (0 <= units <= MAX_QUANTITY and 0 <= value_minor <= MAX_MINOR):
        raise BadQuantity("A limit is a number of units and a value, each from 0.", field="units")
    limit, _ = ApprovalLimit.objects.update_or_create(
        node_kind=node_kind, defaults={"units": units, "value_minor": value_minor}
    )
    return limit


def drop_limit(*, limit_id: int) -> None:
    """Take a limit away. What waits goes on waiting."""
    ApprovalLimit.objects.filter(pk=limit_id).delete()


def weigh_adjustment(*, node: Node, sku: Sku, reason: str, quantity: int, lot: Lot | None = None) -> tuple[int, int]:
    """Units that an adjustment moves, and their value by cost, in minor units. Of a count: the difference, unsigned."""
    units = quantity
    if reason == COUNTED:
        units = abs(quantity - _on_hand(node, sku, lot))
    return units, min(units * sku.cost_minor, MAX_MINOR)


def needs_approval(*, node: Node, units: int, value_minor: int) -> ApprovalLimit | None:
    """The limit that so many units or so much value exceed, if any."""
    limit = limit_for(node)
    if limit is not None and (units > limit.units or value_minor > limit.value_minor):
        return limit
    return None


def _on_hand(node: Node, sku: Sku, lot: Lot | None) -> int:
    if lot is not None:
        return LotLevel.objects.filter(lot=lot, node=node).values_list("on_hand", flat=True).first() or 0
    return StockLevel.objects.filter(sku=sku, node=node).values_list("on_hand", flat=True).first() or 0


def ask_adjustment(
    *, node_id: int, sku_id: int, reason: str, quantity: int, op_key: str, actor: str, actor_key: str = "",
    note: str = "", lot_code: str = "", serials: Sequence[str] = (), photo: ContentFile[bytes] | None = None,
    spoken_for: SpokenFor = nobody,
) -> Asked:  # fmt: skip
    """Change stock for a reason (a key of ADJUSTMENTS, or "count": on hand becomes `quantity`), within the limit.

    Above the limit of the node's kind nothing is posted: the adjustment waits for somebody else (see
    `approve_adjustment`). The same `op_key` again changes nothing and returns what was asked for then. `spoken_for` are
    units of lots that lie in totes for orders and are not moved. Raises DomainError for an unknown reason, BadQuantity,
    TrackingNeeded, SerialElsewhere, NotEnoughStock.
    """
    if reason not in ADJUSTMENTS and reason != COUNTED:
        raise DomainError(f"{reason!r} is not a reason for an adjustment.", field="reason")
    if not (0 if reason == COUNTED else 1) <= quantity <= MAX_QUANTITY:
        raise BadQuantity(f"{quantity} is not a quantity; expected a whole number from 1.", field="quantity")

    def work() -> Asked:
        before = StockAdjustment.objects.filter(op_key=op_key).first()
        if before is not None:
            return Asked(adjustment=before, changed=False)
        sku, node = Sku.objects.filter(pk=sku_id).first(), Node.objects.filter(pk=node_id).first()
        if sku is None or node is None:
            raise NotFound("There is no such SKU or node.")
        lot = _lot_named(sku, lot_code)
        _refuse_untracked(sku, reason, quantity, lot, serials)
        units, value = weigh_adjustment(node=node, sku=sku, reason=reason, quantity=quantity, lot=lot)
        waits = needs_approval(node=node, units=units, value_minor=value) is not None
        row = StockAdjustment(
            op_key=op_key, node=node, sku=sku, lot=lot, reason=reason, quantity=quantity, value_minor=value,
            serials=list(dict.fromkeys(serials)), note=note[:200], asked_by=actor, asked_key=actor_key,
            state=State.WAITING if waits else State.POSTED,
        )  # fmt: skip
        if photo is not None:
            checked = checked_photo(photo)
            row.photo.save(f"{row.uid}{checked.suffix}", ContentFile(checked.content), save=False)
        row.save(force_insert=True)
        row.refresh_from_db()
        if waits:
            _units_of(row, spoken_for)  # What can never be posted is refused now, not by the second person.
            return Asked(adjustment=row, changed=False)
        return _post(row, actor, spoken_for)

    try:
        return _whole(work)
    except IntegrityError:
        # Somebody asked with the same key at the same moment.
        row = StockAdjustment.objects.filter(op_key=op_key).first()
        if row is None:
            raise
        return Asked(adjustment=row, changed=False)


def _lot_named(sku: Sku, code: str) -> Lot | None:
    text = code.strip()
    if not text:
        return None
    lot = Lot.objects.filter(sku=sku, code__iexact=text).first()
    if lot is None:
        raise TrackingNeeded(f"{sku.code} has no lot {text}. Receive it with its expiry first.", field="lot")
    return lot


def _refuse_untracked(sku: Sku, reason: str, quantity: int, lot: Lot | None, serials: Sequence[str]) -> None:
    """Lots and serial numbers only for SKUs that are kept by them, and enough of them."""
    if sku.is_kit:
        raise DomainError(f"{sku.code} is a kit and has no stock of its own: adjust its components.", field="quantity")
    if sku.tracking != Tracking.LOT and lot is not None:
        raise TrackingNeeded(f"{sku.code} is not kept by lot.", field="lot")
    if sku.tracking != Tracking.SERIAL and serials:
        raise TrackingNeeded(f"{sku.code} is not kept by serial number.", field="serials")
    if sku.tracking == Tracking.SERIAL:
        if reason == COUNTED:
            raise TrackingNeeded(
                f"{sku.code} is kept by serial number: say which numbers were found or not found, or count them in a "
                "count session.", field="reason",
            )  # fmt: skip
        if quantity > MOST_SERIALS:
            raise TrackingNeeded(f"At most {MOST_SERIALS} serial numbers at once.", field="quantity")
        refuse_miscount(sku, serials, quantity)
    if sku.tracking == Tracking.LOT and lot is None and (
        reason == COUNTED or ADJUSTMENTS[reason].from_bucket == Bucket.ADJUSTMENT
    ):  # fmt: skip
        raise TrackingNeeded(f"{sku.code} is kept by lot: name the lot.", field="lot")


def _units_of(row: StockAdjustment, spoken_for: SpokenFor) -> list[Units]:
    """The lots and serial numbers that the adjustment moves, as they lie now."""
    if row.reason == COUNTED:
        return []
    source = ADJUSTMENTS[row.reason].from_bucket
    if source == Bucket.ADJUSTMENT:
        return _found_units(row)
    wanted = Wanted(
        sku=row.sku, quantity=row.quantity, lots=((row.lot.code, row.quantity),) if row.lot else (),
        serials=tuple(row.serials),
    )  # fmt: skip
    return _split(row, wanted, source, spoken_for)


def _split(row: StockAdjustment, wanted: Wanted, source: str, spoken_for: SpokenFor) -> list[Units]:
    """What the quantity is made of; of lots on hand, without what lies in totes."""
    others: dict[int, int] = {}
    if source == Bucket.ON_HAND and row.sku.tracking == Tracking.LOT:
        lock_levels([(row.sku_id, row.node_id)])
        others = in_hands(spoken_for, [wanted], row.node_id)
    return split_units([wanted], node_id=row.node_id, bucket=source, spoken_for=others)[0]


def _found_units(row: StockAdjustment) -> list[Units]:
    """Units that come from nowhere: of the lot that was named; a serial number may be new."""
    if row.sku.tracking != Tracking.SERIAL:
        return [Units(row.quantity, lot_id=row.lot_id)]
    known = {item.number: item for item in SerialNumber.objects.filter(sku=row.sku, number__in=row.serials)}
    for number, item in known.items():
        if item.bucket != Bucket.ADJUSTMENT:
            place = f" at {item.node.code}" if item.node else ""
            raise SerialElsewhere(
                f"Serial number {number} of {row.sku.code} is {item.get_bucket_display().lower()}{place} by the books.",
                field="serials",
            )
    new = [SerialNumber(sku=row.sku, number=number[:60], bucket=Bucket.ADJUSTMENT) for number in row.serials
           if number not in known]  # fmt: skip
    known |= {item.number: item for item in SerialNumber.objects.bulk_create(new)}
    return [Units(1, serial_id=known[number].pk) for number in row.serials]


def _post(row: StockAdjustment, actor: str, spoken_for: SpokenFor, *, counted_at: datetime | None = None) -> Asked:
    """Change the stock, named by the row's own key: once for ever. A count may be older: what moved since stays."""
    if row.reason == COUNTED:
        change = count(
            node_id=row.node_id, sku_id=row.sku_id, counted=row.quantity, op_key=row.op_key, actor=actor,
            note=row.note, lot_id=row.lot_id, counted_at=counted_at, reference=_reference(row),
        )  # fmt: skip
        return Asked(adjustment=row, changed=change != 0, change=change)
    changed = adjust(
        node_id=row.node_id, sku_id=row.sku_id, reason=row.reason, quantity=row.quantity, op_key=row.op_key,
        actor=actor, note=_note(row), units=_units_of(row, spoken_for), reference=_reference(row),
        unit_cost_minor=row.sku.cost_minor or None,
    )  # fmt: skip
    return Asked(adjustment=row, changed=changed)


def _note(row: StockAdjustment) -> str:
    """What stands in the ledger: the ledger has fewer reasons, so that of the adjustment stands before the note."""
    effect = ADJUSTMENTS[row.reason]
    if effect.label == effect.movement.label:
        return row.note
    return f"{effect.label}: {row.note}" if row.note else effect.label


def _reference(row: StockAdjustment) -> str:
    return f"ADJ-{row.pk}"


def approve_adjustment(
    *, adjustment_id: int, actor: str, actor_key: str, note: str = "", spoken_for: SpokenFor = nobody
) -> StockAdjustment:
    """Accept and post an adjustment that waits; accepting it again changes nothing. `spoken_for` as in asking.

    Raises Forbidden for who asked for it, Conflict where it was rejected or withdrawn, and NotEnoughStock where the
    stock has gone meanwhile: then it goes on waiting.
    """

    def work() -> StockAdjustment:
        row = lock_adjustment(adjustment_id)
        if row.state == State.POSTED:
            return row
        if not actor_key or actor_key == row.asked_key:
            raise Forbidden("You asked for this adjustment yourself: somebody else decides.")
        advance(
            row, State.POSTED, using=STOCK_ADJUSTMENT, actor=actor, reason=note[:200], decided_by=actor,
            decided_at=now(), decision_note=note[:200],
        )  # fmt: skip
        try:
            _post(row, row.asked_by, spoken_for, counted_at=row.asked_at)
        except NotEnoughStock as error:
            raise NotEnoughStock(
                f"{row.sku.code} at {row.node.code} changed since this was asked for, so it was not posted. "
                f"{error.message}"
            ) from error
        return row

    return _whole(work)


def reject_adjustment(*, adjustment_id: int, actor: str, actor_key: str, note: str) -> StockAdjustment:
    """Say no, and why; nothing is posted. Raises Forbidden for who asked for it, Conflict where it was decided."""
    if not note.strip():
        raise DomainError("Say why you reject it.", field="note")

    def work() -> StockAdjustment:
        row = lock_adjustment(adjustment_id)
        if row.state == State.REJECTED:
            return row
        if not actor_key or actor_key == row.asked_key:
            raise Forbidden("You asked for this adjustment yourself: withdraw it instead.")
        advance(
            row, State.REJECTED, using=STOCK_ADJUSTMENT, actor=actor, reason=note[:200], decided_by=actor,
            decided_at=now(), decision_note=note[:200],
        )  # fmt: skip
        return row

    return _whole(work)


def withdraw_adjustment(*, adjustment_id: int, actor: str, actor_key: str) -> StockAdjustment:
    """Take back an own adjustment that waits. Raises Conflict for anybody else's, and where it was decided."""

    def work() -> StockAdjustment:
        row = lock_adjustment(adjustment_id)
        if not actor_key or actor_key != row.asked_key:
            raise Conflict(f"{row.asked_by} asked for this adjustment and can withdraw it; you can reject it.")
        if row.state != State.WITHDRAWN:
            advance(row, State.WITHDRAWN, using=STOCK_ADJUSTMENT, actor=actor, decided_by=actor, decided_at=now())
        return row

    return _whole(work)


def undo_key(row: StockAdjustment) -> str:
    """The key under which an adjustment is taken back: by it the two find each other."""
    return f"{UNDONE}/{row.uid}"


def refusal_to_undo(row: StockAdjustment, actor_key: str) -> str:
    """Why this person cannot take the adjustment back by a click; empty where they can, if stock allows."""
    if row.state != State.POSTED or row.reason == UNDONE:
        return "Only a posted adjustment can be taken back."
    if not actor_key or row.asked_key != actor_key:
        return f"{row.asked_by or 'Somebody else'} made it. Make an adjustment the other way round instead."
    if row.decided_by:
        return f"{row.decided_by} approved it. Ask for an adjustment the other way round instead."
    if row.asked_at < now() - UNDO_WITHIN:
        return "It is older than an hour. Make an adjustment the other way round instead."
    return ""


def undo_adjustment(
    *, adjustment_id: int, actor: str, actor_key: str, spoken_for: SpokenFor = nobody
) -> StockAdjustment:
    """Post an own adjustment of the last hour backwards, as an adjustment of its own; again, it returns that one.

    `spoken_for` as in asking.

    Raises Conflict where it cannot be taken back, NotEnoughStock where the units are no longer there.
    """

    def work() -> StockAdjustment:
        row = lock_adjustment(adjustment_id)
        done = StockAdjustment.objects.filter(op_key=undo_key(row)).first()
        if done is not None:
            return done
        refusal = refusal_to_undo(row, actor_key)
        if refusal:
            raise Conflict(refusal)
        return _post_back(row, actor, actor_key, spoken_for)

    return _whole(work)


def _post_back(row: StockAdjustment, actor: str, actor_key: str, spoken_for: SpokenFor) -> StockAdjustment:
    posted = StockMovement.objects.filter(sku=row.sku, node=row.node, op_key=row.op_key)
    posted = posted.select_related("lot").order_by("leg")
    legs = list(posted.filter(recorded_at__gte=row.asked_at - UNDO_WITHIN))
    if not legs:
        raise Conflict("This adjustment changed no stock, so there is nothing to take back.")
    _refuse_in_totes(row, legs, spoken_for)
    undone = StockAdjustment.objects.create(
        op_key=undo_key(row), node=row.node, sku=row.sku, lot=row.lot, reason=UNDONE, serials=row.serials,
        quantity=sum(leg.quantity for leg in legs), value_minor=row.value_minor, asked_by=actor, asked_key=actor_key,
        note=f"Takes back {_reference(row)}: {reason_label(row.reason)}"[:200],
    )  # fmt: skip
    post([
        Posting(
            op_key=undone.op_key, leg=leg.leg, sku_id=leg.sku_id, node_id=leg.node_id, from_bucket=leg.to_bucket,
            to_bucket=leg.from_bucket, quantity=leg.quantity, lot_id=leg.lot_id, serial_id=leg.serial_id,
            reason=StockMovementReason.CORRECTION, reference=_reference(undone), note=undone.note, actor=actor,
            unit_cost_minor=leg.unit_cost_minor,
        )
        for leg in legs
    ])  # fmt: skip
    grew = any(leg.from_bucket == Bucket.ON_HAND for leg in legs)
    announce([row.sku_id], reason="undo", grew_at=row.node_id if grew else None)
    return undone


def _refuse_in_totes(row: StockAdjustment, legs: Sequence[StockMovement], spoken_for: SpokenFor) -> None:
    """Raises NotEnoughStock where units of lots that came on hand lie in totes by now, and are not there to go back."""
    came = [leg for leg in legs if leg.to_bucket == Bucket.ON_HAND and leg.lot is not None]
    if came:
        lots = tuple((leg.lot.code, leg.quantity) for leg in came if leg.lot is not None)
        wanted = Wanted(sku=row.sku, quantity=sum(units for _, units in lots), lots=lots)
        _split(row, wanted, Bucket.ON_HAND, spoken_for)
