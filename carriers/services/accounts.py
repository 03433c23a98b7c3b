"""Carrier accounts as adapters see them, and their health."""

from __future__ import annotations

from carriers.base import CarrierConfig
from carriers.models import CarrierAccount


def account_config(account: CarrierAccount) -> CarrierConfig:
    """What an adapter needs to know of an account, secrets decrypted."""
    return CarrierConfig(
        account_id=account.pk,
        code=account.code,
        base_url=account.base_url,
        secrets=dict(account.secrets or {}),
        settings=dict(account.settings or {}),
    )
