"""Waves: orders that one person picks in one walk, from making one to what is left at its end.

Every action locks the wave, then its orders and their work, and looks first at what was blocked since: that leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from fulfillment.locks import lock_wave, lock_work, lock_work_lines
from fulfillment.models import FulfillmentLine, FulfillmentOrder, FulfillmentOrderState, Wave, WaveKind, WaveOrder
from fulfillment.selectors.waves import PICKABLE, why_blocked
from fulfillment.services.picking import SHORT_REASONS, report_short
from fulfillment.services.work import accept
from fulfillment.states import WAVE
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.states import advance

State = FulfillmentOrderState
#: Orders that fit into one wave.
MOST_ORDERS = 200
#: What `finish_wave` does with what was not picked: back to the pool. Else a key of SHORT_REASONS.
TO_POOL = "pool"


@dataclass(frozen=True, slots=True)
class Made:
    """A wave, and the orders that did not get into it, each with the reason in words."""

    wave: Wave
    orders: int
    refused: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Locked:
    """A live wave with what is in it, all locked. What was blocked has left."""

    wave: Wave
    entries: list[WaveOrder]
    work: dict[int, FulfillmentOrder]
    lines: dict[int, list[FulfillmentLine]]
    left: list[WaveOrder] = field(default_factory=list)

    def to_pick(self, entry: WaveOrder) -> list[FulfillmentLine]:
        """Lines of an order of which units are left to find."""
        if self.work[entry.fulfillment_order_id].state not in PICKABLE:
            return []
        return [line for line in self.lines[entry.fulfillment_order_id] if line.to_pick]


def make_wave(*, node_id: int, work_ids: Sequence[int], kind: str, actor: str, picker: str = "") -> Made:
    """Put work of a node into a new wave, the first due first; work to accept is accepted.

    What is blocked, in another wave, begun by somebody or no single item where it must be is left out and told. Raises
    Conflict where nothing is left, DomainError for too much.
    """
    if kind not in WaveKind.values:
        raise DomainError(f"{kind!r} is no kind of wave.", field="kind")

    def work() -> Made:
        free, refused = _free(work_ids, node_id, kind)
        if not free:
            raise Conflict(f"No wave was made: {_in_words(refused) or 'no order was chosen'}.")
        wave = Wave.objects.create(
            number=f"new-{free[0].pk}", node_id=node_id, kind=kind, created_by=actor, picker=picker[:120],
            cutoff_at=_first_due(free),
        )  # fmt: skip
        wave.number = f"W-{100000 + wave.pk}"
        wave.save(update_fields=["number"])
        _put_in(wave, free, actor, first=1)
        return Made(wave, len(free), refused)

    return run_atomic(work)


def add_to_wave(*, wave_id: int, work_ids: Sequence[int], actor: str) -> Made:
    """Put more work into a live wave. Refuses as `make_wave` does."""

    def work() -> Made:
        wave = _live(lock_wave(wave_id))
        free, refused = _free(work_ids, wave.node_id, wave.kind)
        if not free:
            raise Conflict(f"Nothing was added: {_in_words(refused) or 'no order was chosen'}.")
        last = WaveOrder.objects.filter(wave=wave).order_by("-place").values_list("place", flat=True).first() or 0
        _put_in(wave, free, actor, first=last + 1)
        _due_again(wave)
        return Made(wave, len(free), refused)

    return run_atomic(work)


def _free(work_ids: Sequence[int], node_id: int, kind: str) -> tuple[list[FulfillmentOrder], list[tuple[str, str]]]:
    """The work that may get into a wave of this node, locked, the first due first; and what may not, with reasons."""
    if len(set(work_ids)) > MOST_ORDERS:
        raise DomainError(f"{len(set(work_ids))} orders are too many for one wave: at most {MOST_ORDERS}.")
    items = lock_work(work_ids)
    ids = [item.pk for item in items]
    rows = WaveOrder.objects.filter(fulfillment_order__in=ids).select_related("wave").order_by("pk")
    waves = {row.fulfillment_order_id: row for row in rows}
    lines = lock_work_lines(items)
    free, refused = [], []
    for item in items:
        own = [line for line in lines if line.fulfillment_order_id == item.pk]
        why = _why_not(item, node_id, waves.get(item.pk))
        if not why and kind == WaveKind.SINGLES and sum(line.quantity - line.short for line in own) != 1:
            why = "is more than one item"
        if why:
            refused.append((item.order.number, why))
        else:
            free.append(item)
    far = max((item.due_at for item in free if item.due_at), default=now())
    return sorted(free, key=lambda item: (item.due_at is None, item.due_at or far, item.pk)), refused


def _why_not(item: FulfillmentOrder, node_id: int, last: WaveOrder | None) -> str:
    if item.node_id != node_id:
        return f"is at {item.node.code}"
    blocked = why_blocked(item)
    if blocked:
        return blocked
    if item.state not in PICKABLE:
        return f"is {item.get_state_display().lower()} already"
    if last is not None and last.left_at is None:
        return f"is in wave {last.wave.number}"
    if item.state == State.PICKING and last is None:
        return f"is picked by {item.assigned_to or 'somebody'} already"
    return ""


def _in_words(refused: Sequence[tuple[str, str]]) -> str:
    shown = "; ".join(f"{number} {why}" for number, why in refused[:5])
    return shown + (f"; and {len(refused) - 5} more" if len(refused) > 5 else "")


def _first_due(items: Sequence[FulfillmentOrder]) -> datetime | None:
    return min((item.due_at for item in items if item.due_at is not None), default=None)


def _put_in(wave: Wave, items: Sequence[FulfillmentOrder], actor: str, *, first: int) -> None:
    """Goods that were picked in an earlier wave stay in the tote they lie in."""
    begun = [item.pk for item in items if item.state == State.PICKING]
    rows = WaveOrder.objects.filter(fulfillment_order__in=begun).order_by("pk")
    totes = dict(rows.values_list("fulfillment_order_id", "tote"))
    WaveOrder.objects.bulk_create(
        WaveOrder(
            wave=wave, fulfillment_order=item, place=place,
            tote=totes.get(item.pk) or (f"{wave.number}-{place}" if wave.has_totes else wave.number),
        )
        for place, item in enumerate(items, start=first)
    )  # fmt: skip
    to_accept = [item.pk for item in items if item.state == State.OPEN]
    if to_accept:
        accept(fulfillment_order_ids=to_accept, actor=actor)
    _say_who([item.pk for item in items], wave.picker)


def _say_who(work_ids: Sequence[int], picker: str) -> None:
    FulfillmentOrder.objects.filter(pk__in=work_ids, state__in=PICKABLE).update(assigned_to=picker)


def _live(wave: Wave) -> Wave:
    if not wave.is_live:
        raise Conflict(f"Wave {wave.number} is {wave.get_state_display().lower()}.")
    return wave


def lock_live_wave(wave_id: int) -> Locked:
    """A live wave and everything in it, locked; what was blocked leaves it. Raises Conflict for one that ended."""
    wave = _live(lock_wave(wave_id))
    entries = list(WaveOrder.objects.filter(wave=wave, left_at__isnull=True).order_by("place"))
    work = {item.pk: item for item in lock_work([entry.fulfillment_order_id for entry in entries])}
    lines: dict[int, list[FulfillmentLine]] = {pk: [] for pk in work}
    for line in lock_work_lines(work.values()):
        lines[line.fulfillment_order_id].append(line)
    blocked = {entry.pk: why_blocked(work[entry.fulfillment_order_id]) for entry in entries}
    found = Locked(wave, entries, work, lines)
    _leave(found, [entry for entry in entries if blocked[entry.pk]], lambda entry: blocked[entry.pk])
    return found


def _leave(found: Locked, leaving: Sequence[WaveOrder], why: Callable[[WaveOrder], str]) -> None:
    for entry in leaving:
        entry.left_at, entry.left_why = now(), why(entry)[:200]
    if leaving:
        WaveOrder.objects.bulk_update(leaving, ["left_at", "left_why"])
        gone = {entry.pk for entry in leaving}
        found.entries = [entry for entry in found.entries if entry.pk not in gone]
        found.left += leaving
        _say_who([entry.fulfillment_order_id for entry in leaving], "")
        _due_again(found.wave)


def _due_again(wave: Wave) -> None:
    rows = WaveOrder.objects.filter(wave=wave, left_at__isnull=True).exclude(fulfillment_order__due_at__isnull=True)
    due = rows.order_by("fulfillment_order__due_at").values_list("fulfillment_order__due_at", flat=True).first()
    if due != wave.cutoff_at:
        wave.cutoff_at = due
        wave.save(update_fields=["cutoff_at"])


def end_if_nothing_is_left(found: Locked, actor: str) -> None:
    """A wave whose every order is picked is done; one that every order left is cancelled. `found` is as it is now."""
    if any(found.to_pick(entry) for entry in found.entries):
        return
    target, words = ("done", "") if found.entries else ("cancelled", "every order left it")
    advance(found.wave, target, using=WAVE, actor=actor, reason=words, ended_at=now())


def assign_wave(*, wave_id: int, picker: str, actor: str) -> Wave:
    """Give a live wave to somebody, or to nobody (an empty name). Whoever had it goes on with something else."""

    def work() -> Wave:
        found = lock_live_wave(wave_id)
        found.wave.picker = picker.strip()[:120]
        found.wave.save(update_fields=["picker"])
        _say_who([entry.fulfillment_order_id for entry in found.entries], found.wave.picker)
        end_if_nothing_is_left(found, actor)
        return found.wave

    return run_atomic(work)


def take_out(*, wave_id: int, work_id: int, actor: str) -> Wave:
    """One order leaves a live wave and is ready again; what was picked of it stays in its tote. Raises NotFound."""

    def work() -> Wave:
        found = lock_live_wave(wave_id)
        entry = next((entry for entry in found.entries if entry.fulfillment_order_id == work_id), None)
        if entry is None:
            raise NotFound(f"Wave {found.wave.number} has no such order.")
        if not found.to_pick(entry):
            raise Conflict(f"{found.work[work_id].order.number} is picked: it stays in its tote {entry.tote}.")
        _leave(found, [entry], lambda _: f"taken out by {actor}")
        end_if_nothing_is_left(found, actor)
        return found.wave

    return run_atomic(work)


def cancel_wave(*, wave_id: int, actor: str) -> Wave:
    """End a wave: what is picked stays picked, in its totes; orders of which anything is left are ready again."""

    def work() -> Wave:
        found = lock_live_wave(wave_id)
        unfinished = [entry for entry in found.entries if found.to_pick(entry)]
        _leave(found, unfinished, lambda _: f"wave cancelled by {actor}")
        advance(found.wave, "cancelled", using=WAVE, actor=actor, ended_at=now())
        return found.wave

    return run_atomic(work)


def finish_wave(*, wave_id: int, actor: str, rest: str = TO_POOL) -> Wave:
    """End a walk with what was picked. The rest is ready again (`pool`), or short for a reason: another node gets it.

    Raises DomainError for an unknown reason.
    """
    if rest != TO_POOL and rest not in SHORT_REASONS:
        raise DomainError(f"{rest!r} is not a reason for a short pick.", field="rest")

    def work() -> Wave:
        found = lock_live_wave(wave_id)
        unfinished = [entry for entry in found.entries if found.to_pick(entry)]
        if rest == TO_POOL:
            _leave(found, unfinished, lambda _: f"not picked when {actor} ended the walk")
        else:
            for entry in unfinished:
                for line in found.to_pick(entry):
                    report_short(fulfillment_order_id=entry.fulfillment_order_id, line_id=line.pk,
                                 quantity=line.to_pick, reason=rest, actor=actor)  # fmt: skip
        advance(found.wave, "done", using=WAVE, actor=actor, ended_at=now())
        return found.wave

    return run_atomic(work)
