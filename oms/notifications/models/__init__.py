"""The models of messages to customers."""

from oms.notifications.models.messages import Message, MessageState, Receipt, ReceiptStatus
from oms.notifications.models.setup import (
    ChannelMessaging,
    Medium,
    MessageAccount,
    MessageChoice,
    MessageText,
    OptOut,
    OptOutSource,
    TextLanguage,
)

__all__ = [
    "ChannelMessaging",
    "Medium",
    "Message",
    "MessageAccount",
    "MessageChoice",
    "MessageState",
    "MessageText",
    "OptOut",
    "OptOutSource",
    "Receipt",
    "ReceiptStatus",
    "TextLanguage",
]
