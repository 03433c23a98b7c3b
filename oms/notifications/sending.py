"""Sending what was written: the state SENDING is committed before a provider is called, the outcome after it."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from datetime import timedelta
from email.utils import parseaddr

from django.conf import settings
from django.db.models import F, Q

from carriers.services.network import refuse_open_transaction
from oms.core import clock
from oms.core.db import run_atomic
from oms.core.errors import DomainError, PermanentError, TransientError
from oms.core.outbox import publish
from oms.notifications.base import MessageConfig, MessageProvider, OutgoingMessage, Stopped, UnknownOutcome
from oms.notifications.claiming import LEASE, claim
from oms.notifications.events import MessageQueued
from oms.notifications.models import Medium, Message, MessageAccount, MessageState, OptOutSource
from oms.notifications.receipts import opt_out
from oms.notifications.registry import MAIL, provider_for
from oms.notifications.writing import fall_back

logger = logging.getLogger(__name__)

#: Tries after which a message counts as failed: about two hours and a half by the waits between them.
GIVE_UP_ATTEMPTS = 20
LONGEST_WAIT_SECONDS = 600.0
#: A call takes at most so long: none begins nearer than this to the end of its lease.
_CALL = timedelta(seconds=45)
#: A message whose event was lost is found by the clock after so long.
_UNANNOUNCED = timedelta(minutes=1)
#: So many are claimed at once; what there is no time for is given back.
_PAGE = 25
_MAX_ERROR = 1000
LOST = (
    "The process that sent it ended before the answer came: nobody knows whether it arrived. "
    "A receipt may still tell; otherwise send it again on purpose."
)

LOST_REPLY = "It may have arrived: send it again only on purpose."


def send_messages(message_ids: Sequence[int]) -> int:
    """Send pending messages that are due, each once; how many went out. Never inside a transaction.

    SENDING is committed before the call, so two workers never send the same message, and one whose worker died is
    UNKNOWN after its lease and waits for a person or a receipt. A message that the provider refuses, or cannot take
    `GIVE_UP_ATTEMPTS` times, is FAILED in the provider's words, and its next medium takes over where it has one. One
    that was surely not taken waits for its next try by `not_before`.

    Beside the calls it takes one statement for each message, its outcome, and some for all of them.
    """
    return _send_claimed(message_ids, math.inf)


def _send_claimed(message_ids: Sequence[int], until: float) -> int:
    """`send_messages`; what was not begun until a moment of the monotonic clock is given back."""
    refuse_open_transaction("send_messages")
    rows = claim(message_ids)
    # The last call must end before the lease does.
    until = min(until, time.monotonic() + (LEASE - _CALL).total_seconds())
    accounts = MessageAccount.objects.in_bulk({row.account_id for row in rows if row.account_id})
    sent: list[Message] = []
    for place, row in enumerate(rows):
        if time.monotonic() >= until:
            _give_back(rows[place:])
            break
        if _send(row, accounts.get(row.account_id or 0)):
            sent.append(row)
    answered = {row.account_id for row in sent if row.account_id}
    if answered:
        MessageAccount.objects.filter(pk__in=answered).update(last_ok_at=clock.now())
    return len(sent)


def _give_back(rows: Sequence[Message]) -> None:
    """Nobody was called for these: neither a try nor a call counts."""
    ours = Message.objects.filter(pk__in=[row.pk for row in rows], state=MessageState.SENDING)
    ours.filter(lease_until__in={row.lease_until for row in rows}).update(
        state=MessageState.PENDING, lease_until=None, attempts=F("attempts") - 1, sends=F("sends") - 1
    )


def send_waiting(seconds: float = 2.0) -> str:
    """Settle what dead workers left and send what waited for its time, a while at a time; what was done in words."""
    lost, sent, after, until = settle_lost(), 0, 0, time.monotonic() + seconds
    while True:
        moment = clock.now()
        due = Q(not_before__lte=moment) | Q(not_before__isnull=True, created_at__lt=moment - _UNANNOUNCED)
        rows = Message.objects.filter(due, state=MessageState.PENDING, pk__gt=after).order_by("pk")
        ids = list(rows.values_list("pk", flat=True)[:_PAGE])
        sent += _send_claimed(ids, until)
        after = ids[-1] if ids else after
        if len(ids) < _PAGE or time.monotonic() >= until:
            return f"{sent} sent, {lost} not known"


def settle_lost() -> int:
    """Messages whose worker did not come back are UNKNOWN; how many."""
    rows = Message.objects.filter(state=MessageState.SENDING, lease_until__lt=clock.now())
    return rows.update(state=MessageState.UNKNOWN, error=LOST, lease_until=None)


def resend(*, message_id: int) -> None:
    """Send a message again, on purpose."""
    resend_many([message_id])


def resend_many(message_ids: Sequence[int]) -> int:
    """Send messages again, on purpose; how many. Others are left alone (`is_sent_again`)."""

    def work() -> int:
        rows = Message.objects.select_for_update(no_key=True).filter(pk__in=message_ids).order_by("pk")
        ids = [row.pk for row in rows if is_sent_again(row)]
        Message.objects.filter(pk__in=ids).update(
            state=MessageState.PENDING, error="", attempts=0, receipt="", provider_id="", not_before=None,
            expires_at=None, lease_until=None,
        )  # fmt: skip
        publish([MessageQueued(message_id=pk) for pk in ids])
        return len(ids)

    return run_atomic(work)


def is_sent_again(row: Message) -> bool:
    """Whether it can be sent again: no test, no longer on its way out, and with a recipient."""
    return bool(row.recipient) and not row.is_test and row.state not in (MessageState.PENDING, MessageState.SENDING)


def _send(row: Message, account: MessageAccount | None) -> bool:
    """Call the provider of one claimed message and write down what came of it; whether it went out."""
    try:
        provider = _provider(row, account)
        accepted = provider.send(config_of(account), _outgoing(row))
    except TransientError as error:
        _try_again(row, account, error)
        return False
    except Stopped as error:
        opt_out(medium=row.medium, recipients=[row.recipient], source=OptOutSource.PROVIDER)
        _give_up(row, account, str(error))
        return False
    except (PermanentError, DomainError) as error:
        _give_up(row, account, str(error))
        return False
    except UnknownOutcome as error:
        _note(account, str(error))
        _outcome(row, state=MessageState.UNKNOWN, error=f"{error} {LOST_REPLY}"[:_MAX_ERROR])
        return False
    except Exception as error:
        # A fault of the provider's code: nobody knows how far the call came.
        _outcome(row, state=MessageState.UNKNOWN, error=f"{type(error).__name__}: {error} {LOST_REPLY}"[:_MAX_ERROR])
        logger.exception("Message %s failed in the middle of a call.", row.pk)
        return False
    _outcome(
        row, state=MessageState.SENT, sent_at=clock.now(), error="", provider=provider.code,
        provider_id=accepted.provider_id[:160],
    )  # fmt: skip
    return True


def _provider(row: Message, account: MessageAccount | None) -> MessageProvider:
    """Who sends it. Raises DomainError where the account is gone or switched off."""
    if account is None and row.medium == Medium.EMAIL:
        return MAIL
    if account is None or not account.is_active:
        raise DomainError("The account by which it was to go is gone, or switched off.")
    return provider_for(account.provider)


def config_of(account: MessageAccount | None) -> MessageConfig:
    """An account as its provider's code sees it."""
    if account is None:
        return MessageConfig()
    return MessageConfig(
        code=account.code, base_url=account.base_url.rstrip("/"), hook_url=hook_url(account),
        secrets=account.secrets or {}, settings=account.settings or {},
    )  # fmt: skip


def hook_url(account: MessageAccount) -> str:
    """Where an account's provider sends receipts."""
    return f"{settings.PUBLIC_URL}/hooks/messages/{account.code}/"


def _outgoing(row: Message) -> OutgoingMessage:
    return OutgoingMessage(
        reference=row.reference, event=row.template, to=row.recipient, language=row.language, text=row.text,
        subject=row.subject, html=row.html, message_id=_message_id(row), template=row.provider_template,
        parameters=tuple(row.parameters),
    )  # fmt: skip


def _message_id(row: Message) -> str:
    """The name of the letter (RFC 5322, 3.6.4), by which mail servers and readers tell letters apart.

    The same where it may have left before and is sent again; another where it did arrive and a person sends it anew.
    """
    moment = row.sent_at or row.created_at
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<{row.pk}.{moment:%Y%m%d%H%M%S%f}@{domain}>"


# -- outcomes: each only where nobody else has settled this very sending -----------------------------------------------


def _outcome(row: Message, **changes: object) -> bool:
    """Write the outcome of this sending; False where a receipt, or a person, was faster."""
    here = Message.objects.filter(
        pk=row.pk, sends=row.sends, state__in=(MessageState.SENDING, MessageState.UNKNOWN)
    )  # fmt: skip
    return bool(here.update(lease_until=None, **changes))


def _try_again(row: Message, account: MessageAccount | None, error: TransientError) -> None:
    if row.attempts >= GIVE_UP_ATTEMPTS:
        _give_up(row, account, str(error))
        return
    asked = error.retry_after_seconds
    seconds = asked if asked is not None else min(2.0**row.attempts, LONGEST_WAIT_SECONDS)
    again_at = clock.now() + timedelta(seconds=seconds)
    _note(account, str(error))
    if account is not None and asked is not None:
        MessageAccount.objects.filter(pk=account.pk).update(paused_until=again_at)
    _outcome(row, state=MessageState.PENDING, error=str(error)[:_MAX_ERROR], not_before=again_at)


def _give_up(row: Message, account: MessageAccount | None, words: str) -> None:
    _note(account, words)

    def work() -> None:
        if _outcome(row, state=MessageState.FAILED, error=words[:_MAX_ERROR]):
            fall_back(row)

    run_atomic(work)


def _note(account: MessageAccount | None, words: str) -> None:
    if account is not None:
        rows = MessageAccount.objects.filter(pk=account.pk)
        rows.update(last_error_at=clock.now(), last_error=words[:_MAX_ERROR])
