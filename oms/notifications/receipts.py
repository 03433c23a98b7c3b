"""What providers say afterwards: receipts, which may come twice and in any order, and customers who answer STOP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from oms.core import clock
from oms.core.db import run_atomic
from oms.notifications.base import Hook, OptReply, ReceiptNews
from oms.notifications.models import (
    Medium,
    Message,
    MessageAccount,
    MessageState,
    OptOut,
    OptOutSource,
    Receipt,
    ReceiptStatus,
)
from oms.notifications.writing import fall_back

_RANK = {"": 0, ReceiptStatus.SENT: 1, ReceiptStatus.FAILED: 2, ReceiptStatus.DELIVERED: 3, ReceiptStatus.READ: 4}
#: What is said of these is of an earlier sending: this one has not gone out.
_NOT_OUT = (MessageState.PENDING, MessageState.SKIPPED)
_STOP = frozenset({"stop", "stopall", "unsubscribe", "quit", "end", "optout", "रोकें", "बंद", "बंद करें"})
_START = frozenset({"start", "unstop", "subscribe", "शुरू", "शुरू करें"})


def take_hook(account: MessageAccount, medium: str, hook: Hook) -> int:
    """Keep what one request of a provider says; how many receipts were of messages of ours."""
    found = sum(run_atomic(partial(_take, account, news)) for news in hook.receipts)
    for reply in hook.replies:
        _listen(medium, reply)
    return found


def _take(account: MessageAccount, news: ReceiptNews) -> int:
    row = _message_of(account, news)
    if row is None:
        return 0
    Receipt.objects.bulk_create(
        [Receipt(message=row, provider_id=news.provider_id[:160], status=news.status, detail=news.detail[:1000],
                 occurred_at=news.occurred_at)],
        ignore_conflicts=True,
    )  # fmt: skip
    of_this_sending = news.provider_id == row.provider_id or (not row.provider_id and news.reference == row.reference)
    if not of_this_sending or _RANK[news.status] <= _RANK[row.receipt] or row.state in _NOT_OUT:
        return 1
    row.receipt, row.provider_id = news.status, news.provider_id[:160]
    row.provider, row.lease_until = row.provider or account.provider, None
    if news.status == ReceiptStatus.FAILED:
        row.state, row.error = MessageState.FAILED, news.detail or "The provider could not deliver it."
    else:
        row.state, row.error, row.sent_at = MessageState.SENT, "", row.sent_at or news.occurred_at
    row.save(update_fields=["receipt", "provider_id", "provider", "lease_until", "state", "error", "sent_at"])
    if news.status == ReceiptStatus.FAILED:
        fall_back(row)
    return 1


def _message_of(account: MessageAccount, news: ReceiptNews) -> Message | None:
    """The message that a receipt is about, locked: by the provider's name for it, else by ours."""
    rows = Message.objects.select_for_update(no_key=True).filter(account=account)
    found = rows.filter(provider_id=news.provider_id).first() if news.provider_id else None
    pk = news.reference.removeprefix("m").partition(".")[0]
    if found is None and pk.isascii() and pk.isdecimal() and len(pk) < 19:
        found = rows.filter(pk=int(pk)).first()
    return found


def _listen(medium: str, reply: OptReply) -> None:
    """Somebody wrote back: STOP and START are understood, the rest is not for us."""
    words = " ".join(reply.text.strip().lower().strip(".!").split())
    if words in _STOP:
        opt_out(medium=medium, recipients=[reply.sender], source=OptOutSource.REPLY, said=reply.text, at=reply.at)
    elif words in _START:
        opt_in(medium=medium, recipient=reply.sender, at=reply.at)


def opt_out(
    *, medium: str, recipients: Sequence[str], source: str, said: str = "", actor: str = "", at: datetime | None = None
) -> int:
    """Send these no more messages by a medium; how many were written to until now. `at` is when they said so."""
    rows = [
        OptOut(medium=Medium(medium), recipient=each.strip().lower(), source=source, said=said[:200], actor=actor,
               created_at=at or clock.now())
        for each in recipients
    ]  # fmt: skip
    before = OptOut.objects.filter(medium=medium, recipient__in=[row.recipient for row in rows]).count()
    OptOut.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows) - before


def opt_in(*, medium: str, recipient: str, at: datetime | None = None) -> int:
    """Write to somebody again, who wants it; 1 where they were not written to until now.

    Providers repeat what they were not sure to have told: a START takes back what was said before it (`at`) alone.
    """
    rows = OptOut.objects.filter(medium=medium, recipient=recipient.strip().lower())
    done, _ = (rows.filter(created_at__lte=at) if at is not None else rows).delete()
    return done
