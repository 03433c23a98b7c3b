"""What people do about what channels are told: tell it again now, pause it, stop selling, limit it.

To pause keeps what the channel was told last and tells it nothing new: for a listing that is being worked on. To stop
selling tells it 0. Each can be done to listings, and so to every listing of a SKU, and to a whole channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from django.db.models import F, Q

from channels.locks import lock_listings
from channels.models import ChannelAccount, Listing, Publication
from channels.registry import INBOUND_ONLY
from channels.services.accounts import get_account
from channels.services.sellable import mark_dirty, refresh_account, refresh_listings
from channels.states import ACCOUNT_PUBLICATION, LISTING_PUBLICATION
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import DomainError, NotFound
from oms.core.states import advance, advance_many
from oms.core.values import MAX_QUANTITY

Halt = Literal["paused", "stopped"]
#: Listings of one action.
MOST_LISTINGS = 2000


def _checked(listing_ids: Iterable[int]) -> list[int]:
    ids = sorted(set(listing_ids))
    if not ids:
        raise DomainError("No listing is selected.", field="ids")
    if len(ids) > MOST_LISTINGS:
        raise DomainError(f"One action takes at most {MOST_LISTINGS:,} listings. Filter further.", field="ids")
    return ids


def _why(reason: str) -> str:
    text = reason.strip()
    if not text:
        raise DomainError("Say why, for those who find it paused or stopped.", field="reason")
    return text[:200]


def _accounts_of(listing_ids: Sequence[int]) -> set[int]:
    return set(Listing.objects.filter(pk__in=listing_ids).values_list("account_id", flat=True))


def halt_listings(*, listing_ids: Iterable[int], halt: Halt, reason: str, actor: str) -> int:
    """Pause listings, or stop selling them; how many were not so already. Raises DomainError without a reason."""
    ids, why, to = _checked(listing_ids), _why(reason), Publication(halt)

    def work() -> int:
        done = advance_many(Listing, ids, to, using=LISTING_PUBLICATION, actor=actor, reason=why, paused_at=now(),
                            paused_by=actor[:120], paused_reason=why)  # fmt: skip
        # Of a listing that was stopped and is paused now, the channel keeps the 0.
        if to == Publication.STOPPED:
            refresh_listings(done)
            mark_dirty(_accounts_of(done))
        return len(done)

    return run_atomic(work)


def resume_listings(*, listing_ids: Iterable[int], actor: str) -> int:
    """Tell the channel again what may be sold of these listings; how many were paused or stopped."""
    ids = _checked(listing_ids)

    def work() -> int:
        done = advance_many(Listing, ids, Publication.ON, using=LISTING_PUBLICATION, actor=actor, paused_at=None,
                            paused_by="", paused_reason="")  # fmt: skip
        refresh_listings(done)
        mark_dirty(_accounts_of(done))
        return len(done)

    return run_atomic(work)


@dataclass(frozen=True, slots=True)
class Pushed:
    """Ids of the listings that will be sent, and of those that cannot be, each with the reason."""

    done: list[int]
    refused: dict[int, str]


def push_listings(*, listing_ids: Iterable[int]) -> Pushed:
    """Have the channels told the present quantities of these listings within seconds, also where they know them.

    Each gets a new version, so that no older answer can stand for it. One that is paused, is not mapped, or whose
    channel takes no stock does not keep the others from being sent.
    """
    ids = _checked(listing_ids)

    def work() -> Pushed:
        refresh_listings(ids)
        lock_listings(Q(pk__in=ids))
        rows = list(Listing.objects.filter(pk__in=ids).select_related("account__channel").order_by("pk"))
        refused = {row.pk: why for row in rows if (why := _silent(row))}
        done = [row.pk for row in rows if row.pk not in refused]
        Listing.objects.filter(pk__in=done).update(wanted_version=F("wanted_version") + 1, wanted_at=now(), error="")
        mark_dirty({row.account_id for row in rows if row.pk not in refused})
        return Pushed(done, refused)

    return run_atomic(work)


def _silent(row: Listing) -> str:
    """Why nothing can be told about a listing; empty where it can."""
    if row.publication == Publication.PAUSED:
        return f"{row} is paused by {row.paused_by or 'somebody'}. Resume it first."
    if row.sku_id is None:
        return f"{row} is not mapped to a SKU. Map it first."
    if row.account.connector in INBOUND_ONLY:
        return f"{row.account} has no far end that could be told."
    return "" if row.account.pushes_stock else f"Stock for {row.account} is paused. Resume it first."


def halt_channel(*, account_id: int, halt: Halt, reason: str, actor: str) -> ChannelAccount:
    """Tell a channel nothing new, or that nothing may be sold. Doing it again changes nothing.

    Raises NotFound, and DomainError without a reason.
    """
    why, to = _why(reason), Publication(halt)

    def work() -> ChannelAccount:
        account = get_account(account_id)
        if account.publication != to:
            advance(account, to, using=ACCOUNT_PUBLICATION, actor=actor, reason=why, paused_at=now(),
                    paused_by=actor[:120], paused_reason=why, pushes_stock=to == Publication.STOPPED)  # fmt: skip
        if to == Publication.STOPPED:
            refresh_account(account_id)
            mark_dirty([account_id])
        return account

    return run_atomic(work)


def resume_channel(*, account_id: int, actor: str) -> ChannelAccount:
    """Tell a channel again what it may sell, all of it worked out anew. Raises NotFound."""

    def work() -> ChannelAccount:
        account = get_account(account_id)
        if account.publication != Publication.ON:
            advance(account, Publication.ON, using=ACCOUNT_PUBLICATION, actor=actor, paused_at=None, paused_by="",
                    paused_reason="", pushes_stock=True)  # fmt: skip
        refresh_account(account_id)
        mark_dirty([account_id])
        return account

    return run_atomic(work)


def limit_listing(*, listing_id: int, threshold: int | None, cap: int | None, sells_inbound: bool) -> Listing:
    """Set what a listing keeps back, the most it offers, and whether it sells goods on order; empty: the channel's.

    What may be sold is worked out anew. Raises NotFound, and DomainError for a number that is none.
    """
    for name, value in (("threshold", threshold), ("cap", cap)):
        if value is not None and not 0 <= value <= MAX_QUANTITY:
            raise DomainError(f"{value} is not a number of units.", field=name)

    def work() -> Listing:
        changed = Listing.objects.filter(pk=listing_id).update(
            threshold=threshold, cap=cap, sells_inbound=sells_inbound
        )
        if not changed:
            raise NotFound(f"There is no listing {listing_id}.")
        refresh_listings([listing_id])
        return Listing.objects.get(pk=listing_id)

    return run_atomic(work)
