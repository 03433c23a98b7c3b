"""What a person did on a phone, applied once: at once where there is a connection, later where there was none."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from fulfillment.models import FulfillmentOrder, FulfillmentOrderKind, FulfillmentOrderState
from fulfillment.selectors import with_lines
from fulfillment.selectors.boxes import boxes_at
from fulfillment.selectors.picking import ended_at
from fulfillment.services import NOTHING_NAMED, LineUnits, ParcelPlan, pack
from inventory.models import Node
from oms.accounts.access import Principal, in_node_scope, principal_of_user
from oms.accounts.models import User
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.idempotency import body_hash, busy_after_lock_timeout
from oms.core.posting import still_busy_text
from oms.store.device import had_left, read_stamp
from oms.store.models import EventOutcome, StoreEvent
from oms.store.outbox import ActionIn, Unreadable
from oms.store.walk import Walk, read_walk, report, sku_of, take, take_code

State = FulfillmentOrderState
OK, CONFLICT, REJECTED = EventOutcome.OK, EventOutcome.CONFLICT, EventOutcome.REJECTED


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one action, in one sentence. `is_kept`: the server remembers it, so that the phone need not."""

    uid: str
    outcome: str
    result: str
    text: str
    is_kept: bool = True

    @property
    def as_dict(self) -> dict[str, Any]:
        """As the phone reads it."""
        return {"uid": self.uid, "outcome": self.outcome, "result": self.result, "text": self.text,
                "kept": self.is_kept}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, with the rights they have now, and in which store."""

    principal: Principal
    user: User
    node: Node


@dataclass(frozen=True, slots=True)
class Came:
    """What an action came to. `units_back` belong on the shelf because `work` ended."""

    outcome: str
    result: str
    text: str
    work: FulfillmentOrder | None = None
    units_back: int = 0
    sku_code: str = ""


def apply_action(action: ActionIn | Unreadable, *, device: str, ahead: timedelta) -> Answer:
    """Apply one action in a transaction of its own, and remember it; doing so again gives the same answer.

    `ahead` is how far the clock of the phone is ahead. An action counts for the person whose stamp it carries, with
    the rights that they have now, if they were signed in at this very device at the time. Raises StillBusy where
    somebody else changes the same for too long: then nothing was done, and it can be sent again.
    """
    if isinstance(action, Unreadable):
        return _refused(action.uid, action.why)
    actor = _actor(action, device, action.at - ahead)
    if isinstance(actor, str):
        return _refused(str(action.uid), actor)
    with busy_after_lock_timeout(still_busy_text()):
        return run_atomic(lambda: _once(action, actor, device, action.at - ahead))


def _refused(uid: str, why: str) -> Answer:
    return Answer(uid, REJECTED, "wrong", why, is_kept=False)


def _actor(action: ActionIn, device: str, happened_at: datetime) -> Actor | str:
    """Who did it; a sentence where nobody who may can have done it."""
    stamp = read_stamp(action.stamp)
    if stamp is None or not device or stamp.device != device:
        return _("This was not done by anybody who was signed in on this phone.")
    if not stamp.covers(happened_at):
        return _("This is too old, or the clock of the phone was changed. Do it again.")
    user = User.objects.filter(pk=stamp.person_id, is_active=True).first()
    if user is None:
        return _("Who did this may not sign in any more.")
    if had_left(stamp, happened_at):
        text = _("%(name)s had left this phone when this was done. Do it again under your own name.")
        return text % {"name": user.get_full_name()}
    principal = principal_of_user(user)
    node = in_node_scope(Node.objects.filter(code=stamp.node_code), principal, "code").first()
    if node is None or not principal.all_channels or not principal.may("fulfillment.work"):
        return _("%(name)s may not do this in this store any more.") % {"name": principal.name}
    return Actor(principal, user, node)


def _once(action: ActionIn, actor: Actor, device: str, happened_at: datetime) -> Answer:
    digest = body_hash(action.said | {"person": actor.user.pk, "node": actor.node.code})
    try:
        with transaction.atomic():
            row = StoreEvent.objects.create(
                uid=action.uid, digest=digest, node=actor.node, person=actor.user, device=device, kind=action.kind,
                content=action.said, happened_at=min(happened_at, now()), is_late=action.late,
            )  # fmt: skip
    except IntegrityError:
        stored = StoreEvent.objects.get(uid=action.uid)
        if stored.digest != digest:
            return _refused(str(action.uid), _("Something else was sent under this name before."))
        # Sent again: nobody may have seen the first answer.
        unseen = StoreEvent.objects.filter(pk=stored.pk, is_late=False, settled_at=None)
        unseen.exclude(outcome=OK).update(is_late=True)
        return _answer(stored.uid, stored)
    came = _came(action, actor)
    row.outcome, row.result, row.text, row.work = came.outcome, came.result, came.text[:500], came.work
    row.units_back, row.sku_code = came.units_back, came.sku_code
    if action.discarded:
        other = _other_discarder(action, actor, device)
        if other:
            # Whose work it was is told of it.
            row.is_late, row.text = True, _("%(name)s discarded: %(why)s") % {"name": other, "why": action.discarded}
        else:
            row.settled_at, row.settled_by = now(), actor.principal.name
    row.save()
    return _answer(action.uid, row)


def _other_discarder(action: ActionIn, actor: Actor, device: str) -> str:
    """Who discarded it, where it was somebody else than who did it."""
    stamp = read_stamp(action.discarder)
    if stamp is None or stamp.device != device or stamp.person_id == actor.user.pk:
        return ""
    return User.objects.filter(pk=stamp.person_id).values_list("name", flat=True).first() or _("Somebody else")


def _answer(uid: UUID, row: StoreEvent) -> Answer:
    return Answer(str(uid), row.outcome, row.result, row.told)


def _came(action: ActionIn, actor: Actor) -> Came:
    if action.discarded:
        return Came(REJECTED, "wrong", _("Discarded on the phone: %(why)s") % {"why": action.discarded})
    try:
        try:
            with transaction.atomic():
                return _ACTS[action.kind](action, actor)
        except Conflict:
            # Somebody was first between reading and locking: what is left for this action is seen now.
            with transaction.atomic():
                return _ACTS[action.kind](action, actor)
    except Conflict as error:
        back = (action.quantity if action.sku else 1) if action.kind == "pick" else 0
        return Came(CONFLICT, "wrong", error.message, None, back, action.sku or action.code[:80])
    except DomainError as error:
        return Came(REJECTED, "wrong", error.message)


def _pick(action: ActionIn, actor: Actor) -> Came:
    walk = read_walk(actor.node, action.work)
    code = action.sku or action.code
    sku = sku_of(code)
    row = next((row for row in walk.rows if sku is not None and row.sku.pk == sku.pk), None)
    if not action.sku and (row is None or row.left):
        found = take_code(walk, action.code, actor.principal.name)
        if found.result == "ok" or sku is None or _ended(walk, sku.pk) is None:
            return Came(OK if found.result == "ok" else REJECTED, found.result, found.text)
    if sku is None:
        return Came(REJECTED, "unknown", _("%(code)s is not in the catalogue.") % {"code": code[:40]})
    wanted = action.quantity if action.sku else 1
    units = min(row.left if row else 0, wanted)
    text = ""
    if row is not None and units:
        named = LineUnits(lots=((action.lot, units),)) if action.lot else NOTHING_NAMED
        text = take(walk, row, units, actor.principal.name, named).text
    if units == wanted:
        return Came(OK, "ok", text)
    return _too_many(walk, sku.pk, sku.code, wanted - units)


def _too_many(walk: Walk, sku_id: int, sku_code: str, units: int) -> Came:
    """Units in somebody's hands that nobody wants: their order ended, or somebody else picked for it."""
    ended = _ended(walk, sku_id)
    text = _("All of %(sku)s is picked already.") % {"sku": sku_code} if ended is None else how_it_ended(ended)
    return Came(CONFLICT, "wrong", text, ended, units, sku_code)


def _ended(walk: Walk, sku_id: int) -> FulfillmentOrder | None:
    """Work of the walk that wanted the SKU and is not wanted any more."""
    return next((item for item in walk.work if item.state in (State.CANCELLED, State.REJECTED)
                 and any(line.sku_id == sku_id for line in item.lines.all())), None)  # fmt: skip


def how_it_ended(work: FulfillmentOrder, moment: datetime | None = None) -> str:
    """`OM-1 was cancelled 3 minutes ago: Changed their mind.`"""
    at = moment or ended_at([work.pk]).get(work.pk)
    pattern = _("%(number)s was cancelled") if work.state == State.CANCELLED else _("%(number)s went to another node")
    text = pattern % {"number": work.order.number}
    if at is not None and now() - at < timedelta(minutes=1):
        text = _("%(what)s just now") % {"what": text}
    elif at is not None:
        text = _("%(what)s %(span)s ago") % {"what": text, "span": timesince(at, now(), depth=1)}
    return f"{text}: {work.end_reason}." if work.end_reason else f"{text}."


def _short(action: ActionIn, actor: Actor) -> Came:
    walk = read_walk(actor.node, action.work)
    sku = sku_of(action.sku)
    row = next((row for row in walk.rows if sku is not None and row.sku.pk == sku.pk), None)
    units = min(row.left if row else 0, action.quantity)
    if row is not None and units:
        named = LineUnits(lots=((action.lot, units),)) if action.lot else NOTHING_NAMED
        text = report(walk, row, units, action.reason, actor.principal.name, named).text
        return Came(OK, "ok", text)
    ended = _ended(walk, sku.pk) if sku else None
    if ended is None:
        return Came(CONFLICT, "wrong", _("%(sku)s is not wanted any more: nothing is reported.") % {"sku": action.sku})
    text = _("%(what)s Nothing is reported as missing.") % {"what": how_it_ended(ended)}
    return Came(CONFLICT, "wrong", text, ended, 0, action.sku)


def _pack(action: ActionIn, actor: Actor) -> Came:
    found = FulfillmentOrder.objects.filter(node=actor.node, pk=action.work[0])
    work = with_lines(found).first()
    if work is None:
        return Came(REJECTED, "wrong", _("There is no such work in %(node)s.") % {"node": actor.node.name})
    number = work.order.number
    if work.state in (State.CANCELLED, State.REJECTED):
        text = _("%(what)s Open the parcel and put its items back.") % {"what": how_it_ended(work)}
        return Came(CONFLICT, "wrong", text, work)
    if work.state != State.PICKED:
        text = _("%(number)s is not to pack: %(state)s.") % {"number": number, "state": work.get_state_display()}
        return Came(CONFLICT, "wrong", text, work)
    inside = Counter({code: units for code, units in action.contents.items() if units})
    wanted: Counter[str] = Counter()
    for line in work.lines.all():
        wanted[line.sku.code] += line.picked
    if inside != +wanted:
        text = _("%(number)s changed since it was packed. Open the parcel and pack it again.") % {"number": number}
        return Came(CONFLICT, "wrong", text, work)
    box = next((each for each in boxes_at(actor.node.pk) if each.key == action.box), None)
    if box is None:
        return Came(REJECTED, "wrong", _("Choose a box."))
    plan = ParcelPlan(weight_grams=action.weight, length_mm=box.length_mm, width_mm=box.width_mm,
                      height_mm=box.height_mm)  # fmt: skip
    pack(fulfillment_order_id=work.pk, parcels=[plan], actor=actor.principal.name)
    if work.kind == FulfillmentOrderKind.PICKUP and actor.node.stages_pickups:
        return Came(
            OK, "ok", _("%(number)s is packed. Put it on a shelf: its customer is told then.") % {"number": number}
        )
    if work.kind == FulfillmentOrderKind.PICKUP:
        return Came(OK, "ok", _("%(number)s is packed, and waits for its customer.") % {"number": number})
    return Came(OK, "ok", _("%(number)s is packed. Its label is being bought.") % {"number": number})


_ACTS = {"pick": _pick, "short": _short, "pack": _pack}
