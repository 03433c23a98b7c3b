"""What a WMS says of its work, each thing once: the same services as the floor's own, and the handshake."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from fulfillment.errors import NotYours, OldVersion
from fulfillment.locks import lock_hand_offs, lock_one_work
from fulfillment.models import (
    EventOutcome,
    FulfillmentOrder,
    HandOff,
    HandOffEvent,
    HandOffState,
    InstructionKind,
)
from fulfillment.services.hand_off_ending import agreed_to_cancel, refused_to_cancel
from fulfillment.services.hand_off_leaving import say_left
from fulfillment.services.hand_off_work import Left, PackedBox, Part, pack_boxes, pick_parts, short_parts
from fulfillment.services.hand_offs import move_hand_off
from fulfillment.services.work import accept, reject
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.json_text import unkept_text

State = HandOffState
Outcome = EventOutcome
#: What a WMS may say.
KINDS = ("accept", "reject", "pick", "short", "pack", "ship", "cancel_accept", "cancel_reject")
_LONGEST_ID = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """One thing that a WMS says of one piece of work. `raw` is what came; `version` that of the instruction it did."""

    event_id: str
    kind: str
    work: str
    version: int
    reason: str = ""
    parts: tuple[Part, ...] = ()
    boxes: tuple[PackedBox, ...] = ()
    left: tuple[Left, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What became of a confirmation. `status` is applied, repeated (it was applied before) or refused."""

    event_id: str
    work: str
    status: str
    result: Mapping[str, Any] = field(default_factory=dict)
    error: DomainError | None = None


def hear(
    said: Sequence[Confirmation], *, works: QuerySet[FulfillmentOrder], actor: str, source: str = "API"
) -> list[Heard]:
    """Do what a WMS says, each in a transaction of its own where none is open; what became of each, in their order.

    `works` is the work that the caller may speak of. Refusals are kept beside what was done, raw as they came, and
    raise nothing: one that was refused may be said again under its id once it is right.
    """
    numbers = {item.work for item in said if "\x00" not in item.work}
    ids = dict(works.filter(number__in=numbers, hand_off__isnull=False).values_list("number", "pk"))
    # Orders are locked in key order where one transaction holds them all; what is said of one keeps its order.
    places = sorted(range(len(said)), key=lambda place: (ids.get(said[place].work, 0), place))
    found = {place: _hear_one(said[place], ids.get(said[place].work), actor, source) for place in places}
    return [found[place] for place in range(len(said))]


def _hear_one(said: Confirmation, work_id: int | None, actor: str, source: str) -> Heard:
    if work_id is None:
        return _refused(said, NotFound(f"There is no work {said.work} that a WMS was given.", field="work"))
    if not said.event_id or len(said.event_id) > _LONGEST_ID:
        text = f"An event_id of {len(said.event_id)} characters came, expected 1 to {_LONGEST_ID}."
        return _refused(said, DomainError(text, field="event_id"))
    place = unkept_text(dict(said.raw))
    if place is not None:
        return _refused(said, DomainError(f"{place} holds a character that no text has (U+0000).", field=place))
    pk = work_id

    def work() -> Heard:
        with transaction.atomic():  # Undone alone, also where the caller's transaction goes on.
            return _hear_locked(said, pk, actor, source)

    try:
        return run_atomic(work)
    except IntegrityError as error:
        if "hand_off_event_once" not in str(error):
            raise
        text = f"The event {said.event_id} was sent for other work at the same moment."
        return _refused(said, Conflict(text, field="event_id"))


def _refused(said: Confirmation, error: DomainError) -> Heard:
    return Heard(event_id=said.event_id, work=said.work, status="refused", error=error)


def _hear_locked(said: Confirmation, work_id: int, actor: str, source: str) -> Heard:
    item = lock_one_work(work_id)
    hand_off = (
        HandOff.objects.select_related("link").defer("link__secret", "link__old_secret").get(fulfillment_order=item)
    )
    known = HandOffEvent.objects.filter(link=hand_off.link_id, event_id=said.event_id).first()
    if known is not None and (known.outcome == Outcome.APPLIED or known.hand_off_id != hand_off.pk):
        return _again(said, known)
    try:
        with transaction.atomic():
            result, after = _do(said, item, actor)
            error: DomainError | None = None
    except DomainError as refusal:
        result, after, error = {}, None, refusal
    event = _keep(said, hand_off, known, result, error, actor, source)
    if error is not None:
        return _refused(said, error)
    if after is not None:
        after(event)
    return Heard(event_id=said.event_id, work=said.work, status="applied", result=result)


def _again(said: Confirmation, known: HandOffEvent) -> Heard:
    """It was done before: the same answer, unless something else comes under its id."""
    HandOffEvent.objects.filter(pk=known.pk).update(times=F("times") + 1, last_at=now())
    if known.payload != dict(said.raw):
        text = f"The event {said.event_id} was used before for something else: give each its own id."
        return _refused(said, Conflict(text, field="event_id"))
    return Heard(event_id=said.event_id, work=said.work, status="repeated", result=known.result)


def _keep(
    said: Confirmation, hand_off: HandOff, known: HandOffEvent | None, result: Mapping[str, Any],
    error: DomainError | None, actor: str, source: str,
) -> HandOffEvent:  # fmt: skip
    values: dict[str, Any] = {
        "hand_off": hand_off, "kind": said.kind[:20], "payload": dict(said.raw), "result": dict(result),
        "outcome": Outcome.REFUSED if error else Outcome.APPLIED, "code": error.code if error else "",
        "message": error.message[:500] if error else "", "actor": actor[:120], "source": source[:200],
        "last_at": now(),
    }  # fmt: skip
    if known is None:
        with transaction.atomic():
            return HandOffEvent.objects.create(link_id=hand_off.link_id, event_id=said.event_id, **values)
    HandOffEvent.objects.filter(pk=known.pk).update(times=F("times") + 1, **values)
    known.refresh_from_db()
    return known


_After = Callable[[HandOffEvent], None] | None


def _do(said: Confirmation, item: FulfillmentOrder, actor: str) -> tuple[dict[str, Any], _After]:
    if said.kind not in KINDS:
        raise DomainError(f"{said.kind!r} is nothing a WMS says: expected {', '.join(KINDS)}.", field="kind")
    hand_off = _theirs(item)
    _refuse_old(said, item, hand_off)
    match said.kind:
        case "cancel_accept" | "cancel_reject":
            return _answer_cancellation(said, item, hand_off, actor), None
        case "reject":
            return _reject(said, item, hand_off, actor), None
    _accept(item, hand_off, actor)
    match said.kind:
        case "pick":
            pick_parts(item, said.parts, actor=actor)
        case "short":
            short_parts(item, said.parts, actor=actor)
            item.refresh_from_db(fields=["state"])
            if item.state not in FulfillmentOrder.LIVE:
                move_hand_off(hand_off, State.CLOSED, actor=actor, reason="Nothing of it was found", wish={})
        case "pack":
            return {"shipments": pack_boxes(item, hand_off.link, said.boxes, actor=actor)}, None
        case "ship":
            return _ship(said, item, hand_off, actor)
    return {}, None


def _theirs(item: FulfillmentOrder) -> HandOff:
    """The live hand-off, locked. Raises NotYours, with what became of it."""
    found = lock_hand_offs([item])
    if not found:
        raise NotYours(f"{item.number} was taken over by hand. Put its goods back where you have them.")
    hand_off = found[0]
    hand_off.fulfillment_order = item
    if hand_off.state not in HandOff.LIVE:
        if item.state == "completed":
            raise NotYours(f"{item.number} left already: there is nothing more to confirm.")
        why = f": {hand_off.why}" if hand_off.why else ""
        state = hand_off.get_state_display().lower()
        raise NotYours(f"{item.number} is not yours any more ({state}{why}). Put its goods back.")
    return hand_off


def _refuse_old(said: Confirmation, item: FulfillmentOrder, hand_off: HandOff) -> None:
    if hand_off.is_told_to_wait and said.kind in ("accept", "pick", "pack", "ship"):
        raise Conflict(f"{item.order.number} is on hold: wait for the instruction to go on.", field="work")
    if said.version > hand_off.version:
        raise OldVersion(
            f"{item.number} has no version {said.version}: the newest is {hand_off.version}.", field="version"
        )
    if said.version < hand_off.valid_from:
        last = hand_off.instructions.filter(version=hand_off.valid_from).first()
        why = f" ({last.reason or InstructionKind(last.kind).label})" if last is not None else ""
        what = f"changed{why}: version {said.version} is void" if said.version > 0 else f"has no version {said.version}"
        raise OldVersion(
            f"{item.number} {what}, version {hand_off.valid_from} counts. Read that instruction and confirm it.",
            field="version", version=hand_off.valid_from,
        )  # fmt: skip


def _accept(item: FulfillmentOrder, hand_off: HandOff, actor: str) -> None:
    """Whoever works on it has accepted it."""
    if hand_off.state in (State.UNSUBMITTED, State.SUBMITTED):
        move_hand_off(hand_off, State.ACCEPTED, actor=actor)
    if item.state == "open":
        accept(fulfillment_order_ids=[item.pk], actor=actor, by_wms=True)
        item.refresh_from_db(fields=["state"])


def _reject(said: Confirmation, item: FulfillmentOrder, hand_off: HandOff, actor: str) -> dict[str, Any]:
    """Where it was asked to cancel, not doing it is agreeing."""
    if hand_off.state == State.CANCELLATION_REQUESTED:
        agreed_to_cancel(item, hand_off, actor=actor)
        return {}
    if hand_off.state == State.CANCELLATION_REJECTED:
        raise Conflict(f"{item.number}: you refused to cancel it. Report as short what you cannot send.")
    reject(fulfillment_order_id=item.pk, reason=said.reason[:200], actor=actor, by_wms=True)
    return {}


def _answer_cancellation(said: Confirmation, item: FulfillmentOrder, hand_off: HandOff, actor: str) -> dict[str, Any]:
    if hand_off.state != State.CANCELLATION_REQUESTED:
        raise Conflict(f"{item.number}: nobody asks you to cancel it.", field="kind")
    if said.kind == "cancel_accept":
        agreed_to_cancel(item, hand_off, actor=actor)
    else:
        refused_to_cancel(item, hand_off, reason=said.reason, actor=actor)
    return {}


def _ship(said: Confirmation, item: FulfillmentOrder, hand_off: HandOff, actor: str) -> tuple[dict[str, Any], _After]:
    """Parcels left. Asked whether to cancel, this is the answer: it is too late."""
    result, after = say_left(item, hand_off.link, said.left, actor=actor)
    hand_off.refresh_from_db(fields=["state"])
    if hand_off.state == State.CANCELLATION_REQUESTED:
        refused_to_cancel(item, hand_off, reason="It left before the answer", actor=actor)
    return result, after


def note_refusal(said: Confirmation, error: DomainError, *, works: QuerySet[FulfillmentOrder], actor: str) -> None:
    """Keep a refusal that undid its transaction. What is not known to be of a WMS's work is not kept."""
    hand_off = HandOff.objects.filter(fulfillment_order__in=works.filter(number=said.work)).first()
    if hand_off is None or not 1 <= len(said.event_id) <= _LONGEST_ID:
        return
    known = HandOffEvent.objects.filter(link=hand_off.link_id, event_id=said.event_id).first()
    if known is None or (known.outcome == Outcome.REFUSED and known.hand_off_id == hand_off.pk):
        run_atomic(lambda: _keep(said, hand_off, known, {}, error, actor, "API"))
