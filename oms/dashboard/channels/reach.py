"""What of the channels a person sees. Outside of it a thing looks as if it did not exist."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest

from channels.models import ChannelAccount, InboundMessage
from oms.accounts.access import Principal, in_channel_scope, principal_of
from oms.core.errors import NotFound


def scope_codes(principal: Principal) -> list[str] | None:
    """Codes for selectors: None means every channel."""
    return None if principal.all_channels else sorted(principal.channel_codes)


def account_for(request: HttpRequest, code: str) -> ChannelAccount:
    """The account of a channel in scope. Raises NotFound."""
    rows = in_channel_scope(ChannelAccount.objects.select_related("channel"), principal_of(request))
    account = rows.filter(channel__code=code).first()
    if account is None:
        raise NotFound(f"There is no channel {code} that you see.")
    return account


def messages_for(principal: Principal) -> QuerySet[InboundMessage]:
    """Messages of the channels in scope."""
    return in_channel_scope(InboundMessage.objects.all(), principal, "account__channel__code")


def message_for(request: HttpRequest, pk: int) -> InboundMessage:
    """One message in scope, with its account. Raises NotFound."""
    rows = messages_for(principal_of(request)).select_related("account__channel", "order")
    message = rows.filter(pk=pk).first()
    if message is None:
        raise NotFound(f"There is no message {pk} that you see.")
    return message
