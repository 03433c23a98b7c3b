"""Read an order again at its channel, when two versions of the same moment contradict each other."""

from __future__ import annotations

from dataclasses import replace

from channels.base import RawMessage
from channels.locks import claim_messages
from channels.models import ChannelAccount, InboundMessage, InboundMessageSource, InboundMessageState
from channels.registry import adapter_for
from channels.services.accounts import account_config, record_failure
from channels.services.apply import READ_AGAIN
from channels.services.inbox import receive_messages
from channels.services.settle import Outcome, settle
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import PermanentError, TransientError


def read_order_again(message_id: int) -> int | None:
    """Fetch the order that a pending message speaks of and put it into the inbox; the id of the new message.

    The message itself is then settled: the fresh reading stands for it. None when the channel cannot be asked now (the
    message stays pending and is tried again in a few minutes) or when somebody else settled the message.
    """
    message = InboundMessage.objects.select_related("account__channel").get(pk=message_id)
    account = message.account
    try:
        fresh = adapter_for(account.connector).fetch_order(account_config(account), message.external_id)
    except (TransientError, PermanentError) as error:
        record_failure(account.pk, str(error))
        InboundMessage.objects.filter(pk=message_id, state=InboundMessageState.PENDING).update(processed_at=now())
        return None
    event_id = f"{fresh.event_id[:160]}{READ_AGAIN}{message_id}"
    return run_atomic(lambda: _store(account, message_id, replace(fresh, event_id=event_id)))


def _store(account: ChannelAccount, message_id: int, fresh: RawMessage) -> int | None:
    messages = claim_messages(account_id=None, ids=[message_id], tried_before=None, most=1)
    if not messages:
        return None
    receive_messages(account, [fresh], InboundMessageSource.POLL)
    outcome = Outcome(InboundMessageState.UNCHANGED, messages[0].order_id, cause="Read again at the channel")
    settle(messages, {message_id: outcome}, actor=account.channel.name)
    return InboundMessage.objects.only("pk").get(account=account, event_id=fresh.event_id).pk
