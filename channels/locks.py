"""The only place where rows of the channels are locked, always in key order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from channels.models import InboundMessage, InboundMessageState, Listing, OutboundUpdate, OutboundUpdateState


def claim_messages(
    *, account_id: int | None, ids: Iterable[int] | None, tried_before: datetime | None, most: int
) -> list[InboundMessage]:
    """Pending messages that nobody else holds, oldest first, locked until the transaction ends.

    A pending message that could not be settled yet carries the time of the last try in `processed_at`; it is left out
    when that is later than `tried_before`.
    """
    rows = (
        InboundMessage.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
        .filter(state=InboundMessageState.PENDING)
        .order_by("pk")
    )
    if tried_before is not None:
        rows = rows.filter(Q(processed_at__isnull=True) | Q(processed_at__lt=tried_before))
    if account_id is not None:
        rows = rows.filter(account_id=account_id)
    if ids is not None:
        rows = rows.filter(pk__in=list(ids))
    return list(rows[:most])


def lock_messages(ids: Iterable[int]) -> list[InboundMessage]:
    """The messages, locked, whatever their state."""
    return list(InboundMessage.objects.select_for_update(no_key=True).filter(pk__in=list(ids)).order_by("pk"))


def lock_listings(condition: Q) -> list[int]:
    """Ids of the listings that meet the condition, locked. Read what they depend on after this, not before."""
    rows = Listing.objects.select_for_update(no_key=True, of=("self",)).filter(condition).order_by("pk")
    return list(rows.values_list("pk", flat=True))


def claim_updates(ids: Iterable[int]) -> list[OutboundUpdate]:
    """Those of the pending updates that nobody else holds, locked, oldest first."""
    rows = OutboundUpdate.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
    return list(rows.filter(pk__in=list(ids), state=OutboundUpdateState.PENDING).order_by("pk"))
