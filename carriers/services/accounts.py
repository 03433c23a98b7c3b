"""Carrier accounts as adapters see them, and their health."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F, Q

from carriers.base import CarrierConfig
from carriers.models import CarrierAccount
from oms.core import clock

#: The moment of the last success is good enough to half a minute; busy workers do not write one row all the time.
_OK_EVERY = timedelta(seconds=30)
_LEAST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(minutes=30)
_MAX_ERROR = 1000


def account_config(account: CarrierAccount) -> CarrierConfig:
    """What an adapter needs to know of an account, secrets decrypted."""
    return CarrierConfig(
        account_id=account.pk,
        code=account.code,
        base_url=account.base_url,
        secrets=dict(account.secrets or {}),
        settings=dict(account.settings or {}),
    )


def note_ok(account: CarrierAccount) -> None:
    """The carrier answered a call of this account."""
    moment = clock.now()
    stale = Q(last_ok_at__isnull=True) | Q(last_ok_at__lt=moment - _OK_EVERY) | Q(last_error_at__gte=F("last_ok_at"))
    CarrierAccount.objects.filter(stale, pk=account.pk).update(last_ok_at=moment)


def note_failure(account: CarrierAccount, error: Exception) -> None:
    """The carrier did not answer a call of this account, or refused the account itself."""
    CarrierAccount.objects.filter(pk=account.pk).update(last_error_at=clock.now(), last_error=str(error)[:_MAX_ERROR])


def paused_until(account: CarrierAccount) -> datetime | None:
    """Until when background work leaves a failing account alone; None for one that answered last.

    Half as long as the account has been failing, so that the pauses double: one minute at least, half an hour at most.
    """
    if account.last_error_at is None or (account.last_ok_at and account.last_ok_at > account.last_error_at):
        return None
    failing = account.last_error_at - account.last_ok_at if account.last_ok_at else timedelta()
    return account.last_error_at + min(max(failing / 2, _LEAST_PAUSE), _LONGEST_PAUSE)


def paused_account_ids() -> list[int]:
    """The accounts that background work leaves alone at the moment."""
    moment = clock.now()
    failing = CarrierAccount.objects.filter(last_error_at__isnull=False)
    return [account.pk for account in failing if (until := paused_until(account)) is not None and until > moment]
