"""Write down what became of messages: findings and states, for many at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from channels.models import InboundMessage, InboundMessageState
from channels.services.inbox import store_findings
from channels.services.reading import Reading
from channels.states import INBOUND_MESSAGE
from oms.core.clock import now
from oms.core.states import advance_many

State = InboundMessageState

#: A message that speaks of an order we do not hold is tried again this often, and for this long.
TRY_AGAIN_AFTER = timedelta(minutes=5)
WAIT_FOR_ORDER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message. PENDING means that it waits to be tried again."""

    state: str
    order_id: int | None = None
    issues: list[dict[str, Any]] = field(default_factory=list)
    cause: str = ""


def quarantine(reading: Reading) -> Outcome:
    """The outcome of a message that cannot be understood or taken."""
    return Outcome(State.QUARANTINED, issues=reading.issues, cause=reading.cause)


def settle(messages: Sequence[InboundMessage], outcomes: Mapping[int, Outcome], *, actor: str) -> None:
    """Store the outcomes of locked pending messages, one statement for the findings and a few for each state."""
    rows = [(message.pk, outcomes[message.pk]) for message in messages if message.pk in outcomes]
    if not rows:
        return
    store_findings(
        [pk for pk, _ in rows],
        [outcome.order_id for _, outcome in rows],
        [outcome.issues for _, outcome in rows],
        [outcome.cause for _, outcome in rows],
    )
    by_state: dict[str, list[int]] = defaultdict(list)
    for pk, outcome in rows:
        by_state[outcome.state].append(pk)
    moment = now()
    for state, ids in by_state.items():
        if state == State.PENDING:
            InboundMessage.objects.filter(pk__in=ids).update(processed_at=moment)
        else:
            advance_many(InboundMessage, ids, state, using=INBOUND_MESSAGE, actor=actor, processed_at=moment)


def wait_for_order(message: InboundMessage) -> Outcome:
    """Park a message about an order we do not hold: the order may still be on its way. After a day it is let go."""
    if now() - message.received_at > WAIT_FOR_ORDER:
        return Outcome(State.UNCHANGED, cause="No such order came")
    return Outcome(State.PENDING)
