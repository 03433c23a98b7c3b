"""What people switch at an account: let it flow, stop it, have it asked or told at once. Nothing here waits."""

from __future__ import annotations

from typing import Any, Literal

from channels.events import ListingsDirty
from channels.models import ChannelAccount, Publication
from channels.registry import INBOUND_ONLY, adapter_for
from channels.services.accounts import get_account
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import DomainError
from oms.core.outbox import publish

Flow = Literal["orders", "stock", "updates"]
#: What flows -> the switch of it.
SWITCHES: dict[Flow, str] = {"orders": "pulls_orders", "stock": "pushes_stock", "updates": "pushes_updates"}


def set_flow(*, account_id: int, flow: Flow, on: bool) -> ChannelAccount:
    """Pause or resume one direction of an account. Resumed stock is told at once, resumed orders are asked for at once.

    Raises NotFound for an unknown account, DomainError for a connector that has no far end.
    """

    def work() -> ChannelAccount:
        account = _far_account(account_id)
        if flow == "stock" and account.publication != Publication.STOPPED:
            changes: dict[str, Any] = {"pushes_stock": on}
            changes |= {"publication": Publication.ON if on else Publication.PAUSED, "paused_by": "",
                        "paused_at": None if on else now(), "paused_reason": ""}  # fmt: skip
            ChannelAccount.objects.filter(pk=account_id).update(**changes)
        else:
            ChannelAccount.objects.filter(pk=account_id).update(**{SWITCHES[flow]: on})
        if on and flow == "orders":
            ChannelAccount.objects.filter(pk=account_id).update(next_poll_at=now())
        if on and flow == "stock":
            publish([ListingsDirty(account_id=account_id)])
        account.refresh_from_db()
        return account

    return run_atomic(work)


def request_poll(account_id: int) -> None:
    """Have the account polled within seconds. Raises NotFound, and DomainError where it is paused or has no far end."""
    account = _far_account(account_id)
    if not account.pulls_orders:
        raise DomainError(f"Orders of {account} are paused. Resume them first.")
    ChannelAccount.objects.filter(pk=account_id).update(next_poll_at=now())


def request_push(account_id: int) -> None:
    """Have the account told its stock within seconds. Raises as `request_poll` does."""

    def work() -> None:
        account = _far_account(account_id)
        if not account.pushes_stock:
            raise DomainError(f"Stock for {account} is paused. Resume it first.")
        publish([ListingsDirty(account_id=account_id)])

    run_atomic(work)


def _far_account(account_id: int) -> ChannelAccount:
    account = get_account(account_id)
    adapter_for(account.connector)
    if account.connector in INBOUND_ONLY:
        raise DomainError(f"{account} has no far end: orders come by file or through our own API.")
    return account
