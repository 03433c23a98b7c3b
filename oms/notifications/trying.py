"""Sending a text to the person who looks after it, to see it on a phone: by the real provider, and in the log."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from oms.core import clock
from oms.core.db import fetch_all, run_atomic
from oms.core.errors import DomainError
from oms.core.outbox import publish
from oms.notifications.events import MessageQueued
from oms.notifications.kinds import kind_of
from oms.notifications.models import Message, MessageAccount
from oms.notifications.planning import medium_of
from oms.notifications.texts import SAMPLES, Text, filled, parameters_of

#: So many tests one person sends in `TESTS_IN`: they go by the real provider and cost what messages cost.
MOST_TESTS = 5
TESTS_IN = timedelta(minutes=10)
#: A test that comes later than this shows nobody anything.
_OF_USE_FOR = timedelta(minutes=30)
#: Within the gaps, as operators and Meta drop a text that has more than what was registered.
_MARKS = {"en": {"name": "Test", "number": "TEST-1042"}, "hi": {"name": "टेस्ट", "number": "TEST-1042"}}


class TooManyTests(DomainError):
    """A person sent as many tests as they may for now."""

    code = "too_many_tests"
    http_status = 429


def sample_values(language: str, *, marked: bool = False) -> dict[str, str]:
    """What stands in the gaps of a text that is only looked at; `marked` says so to whoever gets it."""
    return SAMPLES[language] | (_MARKS[language] if marked else {})


def send_test(*, text: Text, account: MessageAccount, recipient: str, actor: str, key: str) -> Message:
    """Write a test of a text to a number; the flow sends it. It is of no order, waits for no morning and falls back to
    nothing. `key` is who asks among all people. Raises DomainError for an account of another medium, and TooManyTests
    after `MOST_TESTS` in `TESTS_IN`.
    """
    if medium_of(account) != text.medium or not account.is_active:
        raise DomainError(f"{account.name} does not send this.", field="account")

    def work() -> Message:
        fetch_all("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))::text", [f"test-message/{key}"])
        mine = Message.objects.filter(dedupe_key__startswith=f"test/{key}/", created_at__gt=clock.now() - TESTS_IN)
        if mine.count() >= MOST_TESTS:
            minutes = TESTS_IN // timedelta(minutes=1)
            raise TooManyTests(f"At most {MOST_TESTS} tests go out in {minutes} minutes. Wait a little.")
        values = sample_values(text.language, marked=True)
        row = Message.objects.create(
            is_test=True, asked_by=actor[:120], template=text.event, part="test", medium=text.medium,
            language=text.language, dedupe_key=f"test/{key}/{uuid4().hex}", recipient=recipient,
            subject=f"Test: {kind_of(text.event).title}", text=filled(text.body, values),
            provider_template=text.provider_template, parameters=parameters_of(text.body, values), account=account,
            urgent=True, expires_at=clock.now() + _OF_USE_FOR, created_at=clock.now(),
        )  # fmt: skip
        publish([MessageQueued(message_id=row.pk)])
        return row

    return run_atomic(work)
