"""Telling a WMS what to do: posted and signed, tried again with pauses, under the same id each time."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from django.db.models import Exists, Min, OuterRef, Q, QuerySet

from fulfillment.events import InstructionsDue
from fulfillment.locks import lock_hand_offs, lock_link, lock_work
from fulfillment.models import (
    HandOff,
    HandOffInstruction,
    HandOffState,
    InstructionKind,
    InstructionState,
    LinkAccepts,
    LinkMode,
    WmsLink,
)
from fulfillment.services.hand_offs import move_hand_off
from fulfillment.services.work import accept
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.outbox import publish
from oms.integrations.addresses import BadUrl, NotAllowed, Target, allowed_addresses, read_url
from oms.integrations.instruction_payloads import body_of, payloads_of, with_work
from oms.integrations.services.settling import FIRST_QUIET, GONE, LONGEST_ASKED, LONGEST_QUIET
from oms.integrations.signing import signed_headers
from oms.integrations.transport import Answer, NoAnswer, post

State = InstructionState
#: Messages that are posted at once, each about other work.
CONCURRENCY = 8
#: One turn; the rest is announced again.
TURN_SECONDS = 20.0
LEASE = timedelta(seconds=60)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=10)
#: After so many tries, about three hours, a person looks.
MAX_ATTEMPTS = 24
_OPEN = (State.PENDING, State.SENDING, State.FAILED)


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one try: an answer, or none and why."""

    instruction: HandOffInstruction
    answer: Answer | None
    error: str

    @property
    def delivered(self) -> bool:
        """The WMS took it: 200 to 299."""
        return self.answer is not None and 200 <= self.answer.status < 300

    @property
    def asked(self) -> timedelta:
        """How long the WMS asked to be left alone, within reason."""
        seconds = self.answer.retry_after_seconds if self.answer is not None else None
        return min(timedelta(seconds=min(seconds or 0, 86_400)), LONGEST_ASKED)


def told_by(mode: LinkMode) -> Q:
    """Instructions that are told in this way; where the link ended, those of work that the WMS has heard of."""
    heard = HandOffInstruction.objects.filter(hand_off=OuterRef("hand_off"), attempts__gt=0)
    return Q(link__mode=mode) | Q(Exists(heard), link__mode=LinkMode.NONE, link__ended_mode=mode)


def link_told_by(mode: LinkMode) -> Q:
    """Links whose WMS is told in this way, also of the last work before the link ended."""
    return Q(mode=mode) | Q(mode=LinkMode.NONE, ended_mode=mode)


def wake_instructions() -> int:
    """Announce every link by webhook that has something to be sent now; how many have."""
    moment = now()
    quiet = Q(link__quiet_until__isnull=True) | Q(link__quiet_until__lte=moment)
    due = HandOffInstruction.objects.filter(_due(moment), quiet, told_by(LinkMode.WEBHOOK))

    def work() -> int:
        links = sorted(set(due.values_list("link_id", flat=True)))
        publish([InstructionsDue(link_id=pk) for pk in links])
        return len(links)

    return run_atomic(work)


def _due(moment: Any) -> Q:
    waiting = Q(state__in=(State.PENDING, State.FAILED), next_try_at__lte=moment)
    return waiting | Q(state=State.SENDING, lease_until__lt=moment)


def send_instructions(link_id: int) -> int:
    """Post to a WMS what is due; how many were tried. Never in a transaction.

    Of each piece of work one message at a time, the oldest first. Does nothing for a WMS that reads files, or that is
    left alone for a while because it did not answer.
    """
    tried, ends = 0, time.monotonic() + TURN_SECONDS
    while time.monotonic() < ends:
        link = WmsLink.objects.filter(link_told_by(LinkMode.WEBHOOK), pk=link_id).first()
        if link is None or (link.quiet_until is not None and link.quiet_until > now()):
            break
        wave = _claim(link_id, limit=1 if link.silent_tries else CONCURRENCY)
        if not wave:
            break
        tried += len(wave)
        _settle(link, _post_all(link, wave))
    return tried


def _claim(link_id: int, *, limit: int) -> list[HandOffInstruction]:
    """Take what is due, the oldest of each piece of work, and fix what is sent for the first time."""

    def work() -> list[HandOffInstruction]:
        waiting = HandOffInstruction.objects.filter(link=link_id, state__in=_OPEN)
        first = waiting.filter(hand_off__isnull=False).values("hand_off").annotate(first=Min("pk")).values("first")
        due = waiting.filter(_due(now()), told_by(LinkMode.WEBHOOK)).filter(Q(pk__in=first) | Q(hand_off__isnull=True))
        locked = due.select_for_update(of=("self",), no_key=True, skip_locked=True).order_by("next_try_at", "pk")
        ids = [row.pk for row in locked[:limit]]
        return fix_payloads(HandOffInstruction.objects.filter(pk__in=ids), state=State.SENDING,
                            lease_until=now() + LEASE)  # fmt: skip

    return run_atomic(work)


def fix_payloads(found: QuerySet[HandOffInstruction], **changes: Any) -> list[HandOffInstruction]:
    """Count a try of these locked instructions, and fix what is told for the first time; in the order of writing."""
    rows = list(with_work(found).order_by("pk"))
    fresh = payloads_of([row for row in rows if row.payload is None])
    for row in rows:
        row.payload = row.payload if row.payload is not None else fresh[row.pk]
        row.attempts, row.tried_at = row.attempts + 1, now()
        for name, value in changes.items():
            setattr(row, name, value)
    HandOffInstruction.objects.bulk_update(rows, ["payload", "attempts", "tried_at", *changes])
    # As the database holds them, whose order of keys is its own: the same bytes at every try.
    kept = dict(HandOffInstruction.objects.filter(pk__in=list(fresh)).values_list("pk", "payload"))
    for row in rows:
        row.payload = kept.get(row.pk, row.payload)
    return rows


def _post_all(link: WmsLink, wave: Sequence[HandOffInstruction]) -> list[Tried]:
    try:
        target = read_url(link.url)
        addresses = allowed_addresses(target)
    except (BadUrl, NotAllowed) as error:
        return [Tried(row, None, str(error)) for row in wave]
    secrets = live_secrets(link)
    with ThreadPoolExecutor(max_workers=len(wave)) as pool:
        return list(pool.map(lambda row: _post(target, addresses, secrets, row), wave))


def live_secrets(link: WmsLink) -> list[str]:
    """The secrets that sign at this moment, newest first."""
    old = link.old_secret if link.old_secret_until and link.old_secret_until > now() else None
    return [secret for secret in (link.secret, old) if secret]


def _post(target: Target, addresses: Sequence[str], secrets: Sequence[str], row: HandOffInstruction) -> Tried:
    """One try. Runs in a thread of its own and touches no database."""
    body = body_of(row.payload or {})
    try:
        answer = post(target, addresses, body, signed_headers(secrets, row.message_id, int(time.time()), body))
    except NoAnswer as error:
        return Tried(row, None, str(error))
    return Tried(row, answer, "" if 200 <= answer.status < 300 else f"It answered {answer.status}.")


# -- what came of it ---------------------------------------------------------------------------------------------------


def _settle(link: WmsLink, tries: Sequence[Tried]) -> None:
    for tried in tries:
        run_atomic(partial(_settle_one, tried))
    run_atomic(partial(_settle_link, link.pk, tries))


def _settle_one(tried: Tried) -> None:
    row = tried.instruction
    if tried.delivered:
        note_delivered([row.hand_off_id] if row.hand_off_id else [], [row])
    changes: dict[str, Any] = {
        "lease_until": None, "error": tried.error[:300],
        "response_status": tried.answer.status if tried.answer else None,
        "answer": tried.answer.text if tried.answer else "",
    }  # fmt: skip
    # The try is told apart by its number: whoever took the message over meanwhile settles it alone.
    mine = HandOffInstruction.objects.filter(pk=row.pk, attempts=row.attempts, state=State.SENDING)
    gone = tried.answer is not None and tried.answer.status == GONE
    if tried.delivered:
        mine.update(state=State.SENT, settled_at=now(), **changes)
    elif gone or row.kind == InstructionKind.TEST or row.attempts >= MAX_ATTEMPTS:
        mine.update(state=State.DEAD, settled_at=now(), **changes)
    else:
        wait = max(
            min(FIRST_WAIT * 2 ** min(row.attempts - 1, 12), LONGEST_WAIT) * random.uniform(0.9, 1.1), tried.asked
        )
        mine.update(state=State.FAILED, next_try_at=now() + wait, **changes)


def note_delivered(hand_off_ids: Sequence[int], instructions: Sequence[HandOffInstruction]) -> None:
    """The WMS has these instructions: what it was given is submitted, or accepted where that needs no answer."""
    whole = {
        row.hand_off_id for row in instructions if row.kind in (InstructionKind.PICK, InstructionKind.CHANGE)
    }  # fmt: skip
    ids = HandOff.objects.filter(pk__in=[pk for pk in hand_off_ids if pk in whole])
    for hand_off in lock_hand_offs(lock_work(ids.values_list("fulfillment_order_id", flat=True))):
        newest = max(row.version for row in instructions if row.hand_off_id == hand_off.pk)
        if newest < hand_off.valid_from or hand_off.is_told_to_wait:
            continue
        if hand_off.state == HandOffState.UNSUBMITTED:
            move_hand_off(hand_off, HandOffState.SUBMITTED, actor="flow", answer_by=hand_off.answer_by,
                          overdue_at=hand_off.overdue_at)  # fmt: skip
        if hand_off.state == HandOffState.SUBMITTED and hand_off.link.accepts == LinkAccepts.AUTOMATIC:
            move_hand_off(hand_off, HandOffState.ACCEPTED, actor="flow", reason="accepted by rule")
            accept(fulfillment_order_ids=[hand_off.fulfillment_order_id], actor="WMS", by_wms=True)


def _settle_link(link_id: int, tries: Sequence[Tried]) -> None:
    link = lock_link(link_id)
    failed = [tried for tried in tries if not tried.delivered]
    if failed:
        link.last_failure_at, link.last_failure = now(), failed[-1].error[:300]
    if len(failed) < len(tries):
        link.last_success_at, link.silent_tries, link.quiet_until = now(), 0, None
    elif any(tried.answer is None or tried.answer.status in (429, 502, 503, 504) for tried in failed):
        wait = max(min(FIRST_QUIET * 2 ** min(link.silent_tries, 10), LONGEST_QUIET), *(one.asked for one in failed))
        link.silent_tries, link.quiet_until = link.silent_tries + 1, now() + wait
    link.save(update_fields=["last_failure_at", "last_failure", "last_success_at", "silent_tries", "quiet_until"])


def send_test(link_id: int, *, actor: str) -> HandOffInstruction:
    """Queue an instruction that asks for nothing, to see whether it arrives. Raises NotFound."""

    def work() -> HandOffInstruction:
        link = lock_link(link_id)
        WmsLink.objects.filter(pk=link.pk).update(quiet_until=None)
        row = HandOffInstruction.objects.create(
            link=link, version=0, kind=InstructionKind.TEST, reason=f"A test, asked for by {actor}"[:300]
        )
        publish([InstructionsDue(link_id=link.pk)])
        return row

    return run_atomic(work)
