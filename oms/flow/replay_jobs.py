"""Replaying messages out of quarantine: a few while the person waits, many as a job that shows how far it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from django.db import transaction

from channels.models import InboundMessage, InboundMessageState
from channels.services import process_messages, replay
from oms.core.jobs import SLICE_SECONDS, progress, start_job
from oms.core.models import Job

REPLAY = "channels.replay"
#: So many messages are replayed while the person waits; more become a job.
INLINE_MESSAGES = 200
_CHUNK = 200
_WORDS = {
    "captured": "captured", "applied": "applied as changes", "unchanged": "nothing new",
    "quarantined": "still in quarantine", "pending": "waiting for a worker", "ignored": "ignored",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of replayed messages: how many ended in each state."""

    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    @property
    def settled(self) -> int:
        """Those that need nobody any more."""
        return sum(self.counts.get(state, 0) for state in ("captured", "applied", "unchanged"))

    @property
    def quarantined(self) -> int:
        """Those that are back in quarantine."""
        return self.counts.get(InboundMessageState.QUARANTINED, 0)

    @property
    def sentence(self) -> str:
        """The counts for people."""
        parts = [f"{count} {_WORDS.get(state, state)}" for state, count in sorted(self.counts.items()) if count]
        return ", ".join(parts) or "nothing to replay"


def outcome_of(ids: Sequence[int]) -> Replayed:
    """The states of these messages now."""
    states = InboundMessage.objects.filter(pk__in=list(ids)).values_list("state", flat=True)
    return Replayed(Counter(states))


def replay_now(ids: Sequence[int], *, actor: str, reason: str = "") -> Replayed:
    """Replay and process these messages, and say what became of them. Not within a transaction."""
    replay(ids, actor=actor, reason=reason)
    process_messages(ids)
    return outcome_of(ids)


def quarantined_ids(account_id: int, cause: str, *, after: int = 0, most: int | None = None) -> list[int]:
    """Messages of one account that wait for the same fix, oldest first."""
    rows = InboundMessage.objects.filter(
        account_id=account_id, cause=cause, state=InboundMessageState.QUARANTINED, pk__gt=after
    )
    ids = rows.order_by("pk").values_list("pk", flat=True)
    return list(ids if most is None else ids[:most])


def start_replay(*, account_id: int, cause: str, count: int, actor: str, user_id: int | None) -> Job:
    """Queue the replay of everything that has this cause now; what comes later is left for another time."""
    newest = InboundMessage.objects.filter(account_id=account_id).order_by("-pk").values_list("pk", flat=True).first()
    return start_job(
        kind=REPLAY, title=f"Replay {count:,} messages: {cause}"[:200], user_id=user_id,
        args={"account_id": account_id, "cause": cause, "count": count, "actor": actor, "until": newest or 0},
    )  # fmt: skip


def run_replay(job: Job) -> bool:
    """Replay chunk after chunk until none is left (True) or the slice is over. Each message is tried once."""
    until = monotonic() + SLICE_SECONDS
    after = int(job.result.get("after", 0))
    if "after" not in job.result:
        _note(job, 0, Counter(), total=job.args["count"])
    while True:
        found = quarantined_ids(job.args["account_id"], job.args["cause"], after=after, most=_CHUNK)
        ids = [pk for pk in found if pk <= job.args["until"]]
        if not ids:
            return True
        done = replay_now(ids, actor=job.args["actor"], reason=f"Replayed: {job.args['cause']}"[:200])
        after = ids[-1]
        _note(job, after, Counter(done.counts))
        if monotonic() > until:
            return False


def _note(job: Job, after: int, counts: Counter[str], *, total: int | None = None) -> None:
    """How far it is and what became of the chunk, together."""
    done = Replayed(counts)
    with transaction.atomic():
        progress(
            job, total=total, done=done.total, succeeded=done.settled, failed=done.quarantined,
            skipped=done.total - done.settled - done.quarantined,
        )  # fmt: skip
        Job.objects.filter(pk=job.pk).update(result={"after": after})
