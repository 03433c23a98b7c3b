"""Polling: read what changed at a channel since the cursor, which moves only when its page lies in the inbox."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Now

from channels.base import Page
from channels.models import ChannelAccount, InboundMessageSource
from channels.registry import INBOUND_ONLY, adapter_for
from channels.services.accounts import account_config, get_account
from channels.services.inbox import receive_messages
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import DomainError, PermanentError, TransientError

#: A worker that has not stored a page for this long has lost the account to the next one. Reading one page takes less.
LEASE = timedelta(minutes=5)
#: A poll ends after this long and goes on at once where it stopped, so that no task runs into its time limit.
BUDGET = timedelta(minutes=2)
#: Longest wait after failures.
LONGEST_WAIT = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class PollResult:
    """What one poll did. `polled` is False where another worker holds the account."""

    account_id: int
    polled: bool
    received: int = 0
    new: int = 0
    error: str = ""


class LeaseLost(Exception):
    """Another worker polls this account now; what this one read is not stored."""


def due_account_ids() -> list[int]:
    """Accounts whose time to be polled has come and that nobody polls, longest due first."""
    accounts = ChannelAccount.objects.filter(pulls_orders=True, channel__is_active=True, next_poll_at__lte=Now())
    free = accounts.filter(Q(poll_lease_until__isnull=True) | Q(poll_lease_until__lt=Now()))
    return list(free.exclude(connector__in=INBOUND_ONLY).order_by("next_poll_at").values_list("pk", flat=True))


def poll_due_accounts() -> list[PollResult]:
    """Poll every account that is due, one after the other. One that fails does not keep the others waiting for ever."""
    return [poll_account(account_id) for account_id in due_account_ids()]


def poll_account(account_id: int) -> PollResult:
    """Read everything that changed since the cursor into the inbox.

    At most one worker polls an account at a time. Failures are recorded with the account and put the next poll off:
    as long as the channel asked for, else as long as it has been failing, at most a quarter of an hour.
    """
    lease = _take_lease(account_id)
    if lease is None:
        return PollResult(account_id, polled=False)
    account = get_account(account_id)
    poll = _Poll(account, lease)
    try:
        poll.run()
    except LeaseLost:
        return PollResult(account_id, polled=False, received=poll.received, new=poll.new)
    except (TransientError, PermanentError, DomainError) as error:
        asked = error.retry_after_seconds if isinstance(error, TransientError) else None
        poll.fail(str(error), asked)
        return PollResult(account_id, True, poll.received, poll.new, str(error))
    except Exception as error:
        # A fault of ours: recorded like the others so that the account is not polled in a tight loop, then raised.
        poll.fail(f"{type(error).__name__}: {error}", None)
        raise
    return PollResult(account_id, True, poll.received, poll.new)


def _take_lease(account_id: int) -> datetime | None:
    until = now() + LEASE
    free = Q(poll_lease_until__isnull=True) | Q(poll_lease_until__lt=now())
    taken = ChannelAccount.objects.filter(free, pk=account_id).update(poll_lease_until=until)
    return until if taken else None


class _Poll:
    """One poll of one account under its lease: every write is refused once the lease has changed hands."""

    def __init__(self, account: ChannelAccount, lease: datetime) -> None:
        self.account = account
        self.lease = lease
        self.received = 0
        self.new = 0

    def run(self) -> None:
        """Store page after page, then set when to poll again. Raises LeaseLost, and what the adapter raises."""
        started = now()
        config = account_config(self.account)
        pages = adapter_for(self.account.connector).fetch_orders(config, dict(self.account.cursor))
        finished = True
        for page in pages:
            self._store(page)
            if page.more and now() - started > BUDGET:
                finished = False
                break
        wait = timedelta(seconds=self.account.poll_seconds) if finished else timedelta(0)
        self._write(
            poll_lease_until=None, next_poll_at=now() + wait, last_ok_at=now(), last_error=""
        )  # fmt: skip

    def _store(self, page: Page) -> None:
        """The messages and the cursor behind them, in one transaction."""
        until = now() + LEASE

        def work() -> int:
            new = receive_messages(self.account, page.messages, InboundMessageSource.POLL)
            self._write(cursor=page.cursor, poll_lease_until=until)
            return new

        self.new += run_atomic(work)
        self.received += len(page.messages)
        self.lease = until

    def fail(self, message: str, retry_after_seconds: float | None) -> None:
        """Record what went wrong and when to try again."""
        moment = now()
        usual = timedelta(seconds=max(1, self.account.poll_seconds))
        # The first failure says nothing yet; from then on the wait is as long as the trouble has lasted.
        again = self.account.last_error and self.account.last_ok_at
        failing = moment - self.account.last_ok_at if again and self.account.last_ok_at else usual
        wait = min(max(usual, failing), max(LONGEST_WAIT, usual)) * random.uniform(0.8, 1.2)
        if retry_after_seconds:
            wait = max(wait, timedelta(seconds=min(retry_after_seconds, 86_400)))
        ChannelAccount.objects.filter(pk=self.account.pk, poll_lease_until=self.lease).update(
            poll_lease_until=None, next_poll_at=moment + wait, last_error_at=moment, last_error=message[:2000]
        )

    def _write(self, **changes: object) -> None:
        mine = ChannelAccount.objects.filter(pk=self.account.pk, poll_lease_until=self.lease)
        if mine.update(**changes) != 1:
            raise LeaseLost
