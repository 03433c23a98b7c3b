"""Deliveries: events fan out to steps, steps are claimed with a lease, run, retried and, in the end, given up."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction

from oms.core.clock import now
from oms.core.db import execute, fetch_all, is_retryable
from oms.core.errors import PermanentError, TransientError
from oms.core.events import Event, Recorded, event_class
from oms.core.models import Delivery, DeliveryState

logger = logging.getLogger(__name__)

#: Attempts before a delivery is given up: of a step that fails, and of one that only cannot reach somebody.
MAX_ATTEMPTS = 5
MAX_TRANSIENT_ATTEMPTS = 20
MAX_WAIT_SECONDS = 600.0

StepHandler = Callable[[Sequence[Event]], None]
RecordedHandler = Callable[[Sequence[Recorded]], None]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that follows an event.

    `run` gets the events of up to `batch` deliveries and makes one service call. By default it runs in the transaction
    that marks the deliveries done, so its effect is applied exactly once; a `network` step runs outside of any
    transaction and must be idempotent by itself. `leases` says how long a batch may take, in units of
    OMS_LEASE_SECONDS: what is not done by then counts as left behind by a dead worker and is taken over.
    A step that needs the events' own ids and times gives `recorded` in place of `run`. An `urgent` step goes first
    whenever it is due: what channels may sell waits for it.

    `needed` is asked whenever events are fanned out: as long as it says no, they are without this step.

    `on_dead` is told, with the last line of the error, when a delivery is given up, and `on_replay` when a person has
    it tried again; each runs in the transaction that changes the delivery.
    """

    name: str
    run: StepHandler | None = None
    batch: int = 100
    network: bool = False
    leases: float = 1.0
    urgent: bool = False
    needed: Callable[[], bool] | None = None
    on_dead: Callable[[Event, str], None] | None = None
    on_replay: Callable[[Event], None] | None = None
    recorded: RecordedHandler | None = None

    def __post_init__(self) -> None:
        assert (self.run is None) != (self.recorded is None), self.name

    def call(self, found: Sequence[Recorded]) -> None:
        """Run the step for these events."""
        if self.recorded is not None:
            self.recorded(found)
        elif self.run is not None:
            self.run([item.event for item in found])


@dataclass(frozen=True, slots=True)
class _Claimed:
    delivery_id: int
    attempts: int
    recorded: Recorded

    @property
    def event(self) -> Event:
        return self.recorded.event


class LeaseLost(Exception):
    """Another worker took the deliveries over: what this one did must not be committed."""


_FAN_OUT = """
WITH waiting AS MATERIALIZED (
    SELECT id, kind FROM core_outboxevent
    WHERE fanned_out_at IS NULL AND kind = ANY(%s)
    ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
),
followed AS MATERIALIZED (SELECT * FROM unnest(%s::text[], %s::text[]) AS f(kind, step)),
sent AS (
    INSERT INTO core_delivery (event_id, step)
    SELECT w.id, f.step FROM waiting w JOIN followed f USING (kind) ORDER BY w.id
    ON CONFLICT (event_id, step) DO NOTHING
    RETURNING step
),
marked AS (
    UPDATE core_outboxevent e SET fanned_out_at = now() FROM waiting w WHERE e.id = w.id RETURNING e.id
)
SELECT (SELECT count(*) FROM marked), array(SELECT DISTINCT step FROM sent)
"""


def fan_out(pipeline: Sequence[tuple[str, Sequence[str]]], limit: int = 1000) -> tuple[int, list[str]]:
    """Write a delivery for every waiting event and each of its steps; (events fanned out, steps with new work).

    `pipeline` lists every known kind of event with the names of its steps. Several relays may do this at once. Events
    of unknown kinds wait for a relay that knows them.
    """
    kinds = [kind for kind, _ in pipeline]
    pairs = [(kind, step) for kind, steps in pipeline for step in steps]
    rows = fetch_all(_FAN_OUT, [kinds, limit, [pair[0] for pair in pairs], [pair[1] for pair in pairs]])
    return rows[0][0], list(rows[0][1])


_DUE = """
SELECT step, count(*) FROM core_delivery
WHERE (state = 'pending' AND next_try_at <= now()) OR (state = 'running' AND lease_until < now())
GROUP BY step
"""


def due_steps() -> dict[str, int]:
    """How many deliveries of each step could run now."""
    return dict(fetch_all(_DUE))


_CLAIM = """
UPDATE core_delivery d SET state = 'running', attempts = d.attempts + 1, lease_token = %(token)s,
    lease_until = now() + make_interval(secs => %(lease)s)
FROM (
    SELECT id, state AS found FROM core_delivery
    WHERE step = %(step)s AND (
        (state = 'pending' AND next_try_at <= now()) OR (state = 'running' AND lease_until < now()))
      AND (attempts = 0) = %(fresh)s
    ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
) picked, core_outboxevent e
WHERE d.id = picked.id AND e.id = d.event_id
RETURNING d.id, d.attempts, e.kind, e.payload, picked.found = 'running', d.last_error, e.id, e.recorded_at
"""


def run_batch(step: Step) -> int:
    """Claim and run one batch of a step; the number of deliveries claimed, 0 when there was nothing to do.

    Fresh deliveries run together. One that failed or died before runs alone, so that a poisonous event cannot take
    others with it: its attempt was counted before the work began. Such ones come first once in eight times, so that
    they are also tried while fresh ones keep coming.
    """
    token = uuid4()
    turns = ((True, step.batch), (False, 1))
    for fresh, limit in turns if token.int % 8 else turns[::-1]:
        claimed = _claim(step, token, fresh=fresh, limit=limit)
        if claimed:
            _run(step, claimed, token)
            return len(claimed)
    return 0


def _claim(step: Step, token: UUID, *, fresh: bool, limit: int) -> list[_Claimed]:
    lease = step.leases * settings.LEASE_SECONDS
    rows = fetch_all(_CLAIM, {"token": token, "lease": lease, "step": step.name, "fresh": fresh, "limit": limit})
    found: list[_Claimed] = []
    for delivery_id, attempts, kind, payload, was_left, last_error, event_id, recorded_at in sorted(rows):
        if was_left and attempts > (MAX_TRANSIENT_ATTEMPTS if last_error else MAX_ATTEMPTS):
            # Its attempts were counted before the work began, so what kills its workers does not do so for ever.
            message = f"No worker lived to finish it, or in time, at {attempts - 1} attempts. {last_error}".rstrip()
            logger.error("%s: delivery %s: %s", step.name, delivery_id, message)
            _bury(step, delivery_id, token, message)
            continue
        known = event_class(kind)
        if known is None:
            _give_back(delivery_id, token, f"This version does not know {kind}.", wait=60.0)
            continue
        event = known.from_payload(json.loads(payload))
        found.append(_Claimed(delivery_id, attempts, Recorded(event_id, recorded_at, event)))
    return found


def _run(step: Step, claimed: Sequence[_Claimed], token: UUID) -> None:
    """Run the deliveries together; where that fails, in halves, until the one that fails stands alone."""
    try:
        if step.network:
            step.call([item.recorded for item in claimed])
            _mark_done(claimed, token)
        else:
            with transaction.atomic():
                _mark_done(claimed, token)
                step.call([item.recorded for item in claimed])
    except LeaseLost:
        logger.warning("%s: lease lost, %d deliveries left to the worker that took them", step.name, len(claimed))
    except Exception as error:
        if connection.connection is not None and connection.connection.closed:
            connection.close()
        if len(claimed) == 1:
            _fail(step, claimed[0], token, error)
            return
        middle = len(claimed) // 2
        _run(step, claimed[:middle], token)
        _run(step, claimed[middle:], token)


_DONE = """
UPDATE core_delivery SET state = 'done', done_at = now(), lease_until = NULL, last_error = ''
WHERE id = ANY(%s) AND lease_token = %s AND state = 'running'
"""


def _mark_done(claimed: Sequence[_Claimed], token: UUID) -> None:
    """In a transactional step this comes first: it locks the deliveries and proves that the lease still holds."""
    if execute(_DONE, [[item.delivery_id for item in claimed], token]) != len(claimed):
        raise LeaseLost


def _fail(step: Step, item: _Claimed, token: UUID, error: Exception) -> None:
    transient = isinstance(error, TransientError) or is_retryable(error)
    limit = MAX_TRANSIENT_ATTEMPTS if transient else MAX_ATTEMPTS
    dead = isinstance(error, PermanentError) or item.attempts >= limit
    asked = error.retry_after_seconds if isinstance(error, TransientError) else None
    wait = asked if asked is not None else min(MAX_WAIT_SECONDS, 2.0**item.attempts)
    level = logging.ERROR if dead else logging.WARNING
    logger.log(level, "%s: %s of %s failed: %s", step.name, item.delivery_id, item.event.aggregate, error,
               exc_info=not transient)  # fmt: skip
    text = "".join(traceback.format_exception_only(error)) if transient else traceback.format_exc()
    if dead:
        _bury(step, item.delivery_id, token, text[-4000:])
    else:
        _give_back(item.delivery_id, token, text[-4000:], wait=wait)


def _give_back(delivery_id: int, token: UUID, message: str, *, wait: float) -> None:
    Delivery.objects.filter(pk=delivery_id, lease_token=token).update(
        state=DeliveryState.PENDING, next_try_at=now() + timedelta(seconds=wait), lease_until=None, lease_token=None,
        last_error=message,
    )  # fmt: skip


def _bury(step: Step, delivery_id: int, token: UUID, message: str) -> None:
    """Give the delivery up, unless another worker has it by now, and tell the step."""
    with transaction.atomic():
        mine = Delivery.objects.filter(pk=delivery_id, lease_token=token)
        if not mine.update(state=DeliveryState.DEAD, lease_until=None, lease_token=None, last_error=message):
            return
        event = _event_of(Delivery.objects.select_related("event").get(pk=delivery_id))
        if step.on_dead is not None and event is not None:
            step.on_dead(event, message.strip().rpartition("\n")[2])


def _event_of(delivery: Delivery) -> Event | None:
    """The event as this version knows it; None for a kind of another version."""
    known = event_class(delivery.event.kind)
    return None if known is None else known.from_payload(delivery.event.payload)


def replay_deliveries(ids: Sequence[int], steps: Mapping[str, Step]) -> int:
    """Try given-up deliveries again from the start; how many. `steps` by name: they are told (`Step.on_replay`)."""
    with transaction.atomic():
        dead = Delivery.objects.filter(pk__in=ids, state=DeliveryState.DEAD)
        told = [name for name, step in steps.items() if step.on_replay is not None]
        for delivery in dead.filter(step__in=told).select_related("event"):
            on_replay, event = steps[delivery.step].on_replay, _event_of(delivery)
            if on_replay is not None and event is not None:
                on_replay(event)
        return dead.update(state=DeliveryState.PENDING, attempts=0, next_try_at=now(), last_error="")


_PRUNE = """
DELETE FROM core_outboxevent e WHERE e.id IN (
    SELECT id FROM core_outboxevent WHERE recorded_at < now() - make_interval(days => %s) AND fanned_out_at IS NOT NULL
    ORDER BY id LIMIT %s
) AND NOT EXISTS (SELECT 1 FROM core_delivery d WHERE d.event_id = e.id AND d.state <> 'done')
"""


def prune(*, days: int = 14, limit: int = 10_000) -> int:
    """Delete old events all of whose deliveries are done; how many."""
    with transaction.atomic():
        execute(
            """DELETE FROM core_delivery d USING core_outboxevent e WHERE d.event_id = e.id AND d.state = 'done'
               AND e.recorded_at < now() - make_interval(days => %s)""",
            [days],
        )
        return execute(_PRUNE, [days, limit])
