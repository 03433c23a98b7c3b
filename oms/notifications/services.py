"""Messages to customers: written once in the transaction of what happened, sent afterwards, kept for good."""

from __future__ import annotations

from oms.notifications.letters import SUBJECTS
from oms.notifications.sending import (
    GIVE_UP_ATTEMPTS,
    is_sent_again,
    resend,
    resend_many,
    send_messages,
    send_waiting,
    settle_lost,
)
from oms.notifications.writing import anybody_is_written_to, queue_messages

__all__ = [
    "GIVE_UP_ATTEMPTS",
    "SUBJECTS",
    "anybody_is_written_to",
    "is_sent_again",
    "queue_messages",
    "resend",
    "resend_many",
    "send_messages",
    "send_waiting",
    "settle_lost",
]
