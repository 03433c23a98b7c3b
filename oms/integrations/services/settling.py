"""What becomes of messages that were tried, and of the endpoint that they were for."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F

from oms.core.clock import now
from oms.core.db import execute, run_atomic
from oms.integrations.models import PauseReason, WebhookDelivery, WebhookEndpoint, WebhookState
from oms.integrations.services.claiming import Claimed
from oms.integrations.topics import TEST_TOPIC
from oms.integrations.transport import Answer

#: The example schedule of the Standard Webhooks specification: waits before the second try, the third, and so on.
#: What failed at the tenth try, three days and four hours after the first, is given up.
WAITS = [timedelta(seconds=seconds)
         for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)]  # fmt: skip
MAX_ATTEMPTS = len(WAITS) + 1
#: An endpoint that took nothing for this long is paused.
PAUSE_AFTER = timedelta(days=5)
#: Nobody answers, or asks for mercy: nothing at all is sent for a while, twice as long each time.
FIRST_QUIET = timedelta(seconds=5)
LONGEST_QUIET = timedelta(minutes=5)
LONGEST_ASKED = timedelta(hours=1)
#: An endpoint that was away for longer than this gets what failed meanwhile as soon as it answers.
BRIEF_OUTAGE = timedelta(minutes=1)
_THROTTLING = frozenset({429, 502, 503, 504})
GONE = 410


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try: an answer, or none and the reason."""

    message: Claimed
    answer: Answer | None
    error: str
    duration_ms: int

    @property
    def delivered(self) -> bool:
        """The other side took it: 200 to 299."""
        return self.answer is not None and 200 <= self.answer.status < 300

    @property
    def silent(self) -> bool:
        """It is not this message: nobody is there, or there is too much."""
        return self.answer is None or self.answer.status in _THROTTLING

    @property
    def asked(self) -> timedelta:
        """How long the other side asked to be left alone, within reason."""
        seconds = self.answer.retry_after_seconds if self.answer is not None else None
        return min(timedelta(seconds=min(seconds or 0, 86_400)), LONGEST_ASKED)


def wait_after(attempts: int) -> timedelta:
    """How long to wait after the nth try, spread by a tenth so that what failed together does not come together."""
    return WAITS[min(attempts, len(WAITS)) - 1] * random.uniform(0.95, 1.05)


def settle(endpoint_id: int, outcomes: Sequence[Outcome]) -> bool:
    """Write down what came of a wave of tries; True where the endpoint may be sent more at once."""

    def work() -> bool:
        for outcome in outcomes:
            _settle_message(outcome)
        return _settle_endpoint(endpoint_id, outcomes)

    return run_atomic(work)


def _settle_message(outcome: Outcome) -> None:
    """The try is told apart by its number: whoever took the message over meanwhile settles it alone."""
    message, moment = outcome.message, now()
    mine = WebhookDelivery.objects.filter(pk=message.id, state=WebhookState.SENDING, attempts=message.attempts)
    changes: dict[str, object] = {
        "lease_until": None, "response_status": outcome.answer.status if outcome.answer else None,
        "answer": outcome.answer.text if outcome.answer else "", "error": outcome.error[:300],
        "duration_ms": outcome.duration_ms,
    }  # fmt: skip
    if outcome.delivered:
        mine.update(state=WebhookState.SENT, settled_at=moment, **changes)
    elif _is_last(outcome):
        mine.update(state=WebhookState.DEAD, settled_at=moment, **changes)
    else:
        wait = max(wait_after(message.attempts), outcome.asked)
        mine.update(state=WebhookState.FAILED, next_try_at=moment + wait, **changes)
        execute(_OVERTAKEN_MEANWHILE, [message.id])


def _is_last(outcome: Outcome) -> bool:
    gone = outcome.answer is not None and outcome.answer.status == GONE
    return gone or outcome.message.topic == TEST_TOPIC or outcome.message.attempts >= MAX_ATTEMPTS


_OVERTAKEN_MEANWHILE = """
UPDATE integrations_webhookdelivery d SET state = 'overtaken', settled_at = now()
WHERE d.id = %s AND d.state = 'failed' AND d.fold_key <> '' AND EXISTS (
    SELECT FROM integrations_webhookdelivery newer
    WHERE newer.endpoint_id = d.endpoint_id AND newer.fold_key = d.fold_key AND newer.id > d.id)
"""


def _settle_endpoint(endpoint_id: int, outcomes: Sequence[Outcome]) -> bool:
    rows = WebhookEndpoint.objects.defer("secret", "old_secret").select_for_update()
    endpoint = rows.filter(pk=endpoint_id).first()
    if endpoint is None:
        return False
    moment = now()
    failed = [outcome for outcome in outcomes if not outcome.delivered]
    changes: dict[str, object] = {}
    if failed:
        changes |= {"last_failure_at": moment, "last_failure": failed[-1].error[:300]}
    if len(failed) < len(outcomes):
        changes |= {"last_success_at": moment, "failing_since": None, "silent_tries": 0, "quiet_until": None}
        _catch_up(endpoint, moment)
    else:
        changes |= {"failing_since": endpoint.failing_since or moment} | _quiet(endpoint, failed, moment)
        changes |= _pause(endpoint, failed, moment)
    WebhookEndpoint.objects.filter(pk=endpoint_id).update(**changes)
    return endpoint.is_active and "is_active" not in changes and changes.get("quiet_until") is None


def _quiet(endpoint: WebhookEndpoint, failed: Sequence[Outcome], moment: datetime) -> dict[str, object]:
    """After how long the endpoint is tried again, where nobody is there."""
    silent = [outcome for outcome in failed if outcome.silent]
    if not silent:
        return {"silent_tries": 0, "quiet_until": None}
    doubled = FIRST_QUIET * (1 << min(endpoint.silent_tries, 10))
    wait = max(min(doubled, LONGEST_QUIET), *(outcome.asked for outcome in silent))
    return {"silent_tries": F("silent_tries") + 1, "quiet_until": moment + wait}


def _pause(endpoint: WebhookEndpoint, failed: Sequence[Outcome], moment: datetime) -> dict[str, object]:
    """Nothing more is sent to one that wants nothing, or that was away for days."""
    if not endpoint.is_active:
        return {}
    reason = PauseReason.NONE
    if any(outcome.answer is not None and outcome.answer.status == GONE for outcome in failed):
        reason = PauseReason.GONE
    elif endpoint.failing_since is not None and endpoint.failing_since <= moment - PAUSE_AFTER:
        reason = PauseReason.FAILING
    return {"is_active": False, "paused_reason": reason, "paused_at": moment} if reason else {}


def _catch_up(endpoint: WebhookEndpoint, moment: datetime) -> None:
    """It answers after an outage: what failed in it does not wait for hours any more."""
    if endpoint.silent_tries and endpoint.failing_since and endpoint.failing_since <= moment - BRIEF_OUTAGE:
        WebhookDelivery.objects.filter(endpoint=endpoint, state=WebhookState.FAILED, next_try_at__gt=moment).update(
            next_try_at=moment
        )
