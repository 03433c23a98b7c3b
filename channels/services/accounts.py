"""Seller accounts: what an adapter is told of them, and whether they answer."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from channels.base import AccountConfig
from channels.models import ChannelAccount
from channels.registry import adapter_for
from oms.core.clock import now
from oms.core.errors import DomainError, NotFound, PermanentError, TransientError


@dataclass(frozen=True, slots=True)
class ConnectionCheck:
    """What a test of the connection found, in a sentence for people."""

    ok: bool
    message: str


def account_config(account: ChannelAccount) -> AccountConfig:
    """The account as an adapter sees it. Time zone and currency may be set in the account's settings."""
    options = account.settings or {}
    return AccountConfig(
        account_id=account.pk,
        code=account.channel.code,
        base_url=account.base_url,
        secrets=account.secrets or {},
        settings=options,
        time_zone=str(options.get("time_zone") or settings.TIME_ZONE),
        currency=str(options.get("currency") or settings.DEFAULT_CURRENCY),
    )


def get_account(account_id: int) -> ChannelAccount:
    """The account with its channel. Raises NotFound."""
    account = ChannelAccount.objects.select_related("channel").filter(pk=account_id).first()
    if account is None:
        raise NotFound(f"There is no channel account {account_id}.")
    return account


def test_connection(account_id: int) -> ConnectionCheck:
    """Make a cheap authenticated call and remember how it went. Never raises for what the channel answers."""
    account = get_account(account_id)
    try:
        message = adapter_for(account.connector).check(account_config(account))
    except (TransientError, PermanentError, DomainError) as error:
        record_failure(account_id, str(error))
        return ConnectionCheck(ok=False, message=str(error))
    record_success(account_id)
    return ConnectionCheck(ok=True, message=message)


def record_success(account_id: int) -> None:
    """The channel answered: forget the last error."""
    ChannelAccount.objects.filter(pk=account_id).update(last_ok_at=now(), last_error="")


def record_failure(account_id: int, message: str) -> None:
    """The channel did not answer as it should: show it to people."""
    ChannelAccount.objects.filter(pk=account_id).update(last_error_at=now(), last_error=message[:2000])
