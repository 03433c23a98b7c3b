"""Telling channels what they may sell, and reading back what they show.

Quantities are absolute and versioned. What was sent is stored by compare-and-set: an older quantity never stands for a
newer one. A listing in the hands of one worker is left alone by the others, so that two calls cannot overtake each
other on the way to the channel.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.db.models import F, Q
from django.db.models.functions import Now

from channels.base import ListsProducts, PushesStock, StockResult, StockUpdate
from channels.locks import lock_listings
from channels.models import ChannelAccount, Listing, Publication
from channels.registry import INBOUND_ONLY, adapter_for
from channels.services.accounts import account_config, get_account, record_failure, record_success
from channels.services.exposure import BOOK, meter, seconds_now
from channels.services.listings import store_listings
from channels.services.sellable import mark_dirty, refresh_account
from oms.core.clock import now
from oms.core.db import execute, fetch_dicts, run_atomic
from oms.core.errors import PermanentError, TransientError

CHUNK = 100
#: Longer than a call for one chunk lasts: a listing being sent is left alone for this long.
IN_FLIGHT = timedelta(minutes=2)
#: By then the orders behind a lower quantity have been captured.
SALES_ARRIVE_WITHIN = timedelta(minutes=15)
#: A push that failed is tried again after as long as the channel has been behind, within these bounds.
SHORTEST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=15)


@dataclass(slots=True)
class StockPush:
    """What a push did: listings the channel took, refused, and those that wait for the next try."""

    sent: int = 0
    refused: int = 0
    error: str = ""


#: Listings to send, those that shrink first: selling too much hurts more than selling too little. `sent_at` marks a
#: listing as being sent until the channel answers (`acknowledged_at`, or an error).
_CLAIM = """
UPDATE channels_listing listing SET sent_at = now(), error = ''
FROM (
    SELECT id FROM channels_listing
    WHERE account_id = %(account)s AND wanted_version > sent_version AND sku_id IS NOT NULL
      AND publication <> 'paused'
      AND (sent_at IS NULL OR sent_at < now() - %(in_flight)s OR error <> '' OR acknowledged_at >= sent_at)
    ORDER BY (wanted_quantity < coalesce(sent_quantity, 2147483647)) DESC, wanted_at, id
    LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED
) chosen
WHERE listing.id = chosen.id
RETURNING listing.id, listing.external_sku, listing.external_ids, listing.wanted_quantity, listing.wanted_version
"""

#: What the channel may sell once this answer is stored: an older quantity never stands for a newer one.
_TOLD = """CASE WHEN answer.error = '' AND listing.sent_version <= answer.version THEN answer.quantity
        ELSE listing.told_quantity END"""

#: The answers. Where somebody sent a newer version meanwhile, ours may have arrived after it: then it is sent again.
_STORE = f"""
WITH answered AS (
UPDATE channels_listing listing SET
    wanted_version = CASE WHEN listing.sent_version > answer.version AND listing.wanted_version = listing.sent_version
        THEN listing.wanted_version + 1 ELSE listing.wanted_version END,
    sent_quantity = CASE WHEN listing.sent_version < answer.version THEN answer.quantity ELSE listing.sent_quantity END,
    sent_version = greatest(listing.sent_version, answer.version),
    acknowledged_at = CASE WHEN answer.error = '' THEN greatest(now(), listing.sent_at)
        ELSE listing.acknowledged_at END,
    reported_quantity = coalesce(answer.reported, listing.reported_quantity),
    error = answer.error,
    told_quantity = {_TOLD}, exposure_booked = {seconds_now("listing")},
    {meter(told=_TOLD, wanted="listing.wanted_quantity")}
FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::int[], %s::text[])
    AS answer(id, version, quantity, reported, error),
    LATERAL (SELECT exposure_booked AS before FROM channels_listing old WHERE old.id = answer.id) old
WHERE listing.id = answer.id
RETURNING listing.account_id, listing.exposure_booked - old.before AS unit_seconds,
    (answer.error = '')::int AS pushed
),
settled AS (SELECT account_id, unit_seconds, pushed FROM answered)
{BOOK}
"""  # noqa: S608 - constants of this package


def push_stock(account_id: int) -> StockPush:
    """Send every listing whose wanted version the channel has not been told, a hundred at a time.

    What the channel refuses is stored with the reason and left till its quantity changes or `reconcile_listings` runs.
    A channel that does not answer keeps its listings dirty and is marked for `push_waiting_stock`: the next call sends
    what is wanted then.
    """
    account = get_account(account_id)
    adapter = adapter_for(account.connector)
    result = StockPush()
    if not account.pushes_stock or not isinstance(adapter, PushesStock):
        return result
    config = account_config(account)
    while chunk := run_atomic(lambda: _claim(account_id)):
        try:
            answers = adapter.push_stock(config, [update for _, update in chunk])
        except (TransientError, PermanentError) as error:
            result.error = str(error)
            record_failure(account_id, result.error)
            _give_back([listing_id for listing_id, _ in chunk])
            _retry_later(account, error)
            return result
        _store_answers(chunk, answers)
        result.sent += sum(answer.accepted for answer in answers)
        result.refused += sum(not answer.accepted for answer in answers)
    if result.sent or result.refused:
        record_success(account_id)
    _clear_dirty(account_id)
    return result


def push_waiting_stock() -> list[StockPush]:
    """Send again what channels have not taken, to each account whose time has come, the longest behind first.

    Also finds what a worker that died had in its hands. A minute is left to the event that marked the account.
    """
    accounts = ChannelAccount.objects.filter(
        Q(stock_retry_at__lte=Now()) | Q(stock_retry_at__isnull=True, stock_dirty_since__lt=now() - SHORTEST_WAIT),
        stock_dirty_since__isnull=False, pushes_stock=True, channel__is_active=True,
    ).exclude(connector__in=INBOUND_ONLY)  # fmt: skip
    due = list(accounts.order_by("stock_dirty_since").values_list("pk", flat=True))
    return [push_stock(account_id) for account_id in due]


def _retry_later(account: ChannelAccount, error: TransientError | PermanentError) -> None:
    """Note when to try again: as late as the channel asked for, or after as long as it has been behind."""
    moment = now()
    wait = min(max(moment - _behind_since(account.pk, moment), SHORTEST_WAIT), LONGEST_WAIT)
    asked = error.retry_after_seconds if isinstance(error, TransientError) else None
    wait = max(wait, timedelta(seconds=min(asked or 0.0, 86_400)))
    ChannelAccount.objects.filter(pk=account.pk).update(stock_retry_at=moment + wait)


def _behind_since(account_id: int, otherwise: datetime) -> datetime:
    """Since when the account is dirty. One that nobody marked, or that was cleared too early, is marked now."""
    accounts = ChannelAccount.objects.filter(pk=account_id)
    accounts.filter(stock_dirty_since__isnull=True).update(stock_dirty_since=otherwise)
    return accounts.values_list("stock_dirty_since", flat=True).get() or otherwise


def _claim(account_id: int) -> list[tuple[int, StockUpdate]]:
    rows = fetch_dicts(_CLAIM, {"account": account_id, "in_flight": IN_FLIGHT, "most": CHUNK})
    return [
        (
            row["id"],
            StockUpdate(
                sku_code=row["external_sku"],
                external_ids=_ids(row["external_ids"]),
                quantity=row["wanted_quantity"],
                version=row["wanted_version"],
            ),
        )
        for row in sorted(rows, key=lambda row: int(row["id"]))
    ]


def _ids(stored: object) -> dict[str, str]:
    found = json.loads(stored) if isinstance(stored, str) else stored
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _store_answers(chunk: Sequence[tuple[int, StockUpdate]], answers: Sequence[StockResult]) -> None:
    rows = list(zip(chunk, answers, strict=True))
    params = [
        [listing_id for (listing_id, _), _ in rows],
        [update.version for (_, update), _ in rows],
        [update.quantity for (_, update), _ in rows],
        [answer.reported_quantity for _, answer in rows],
        ["" if answer.accepted else (answer.message or "Refused")[:300] for _, answer in rows],
    ]

    def work() -> None:
        # In the order of whoever works their quantities out: a plan of the update may choose any.
        lock_listings(Q(pk__in=params[0]))
        execute(_STORE, params)

    run_atomic(work)


def _give_back(listing_ids: Sequence[int]) -> None:
    """Let the next call take these at once."""

    def work() -> None:
        Listing.objects.filter(pk__in=lock_listings(Q(pk__in=listing_ids))).update(sent_at=None)

    run_atomic(work)


def _clear_dirty(account_id: int) -> None:
    dirty = Listing.objects.filter(account_id=account_id, sku__isnull=False, wanted_version__gt=F("sent_version"))
    dirty = dirty.exclude(publication=Publication.PAUSED)
    if not dirty.exists():
        ChannelAccount.objects.filter(pk=account_id).update(stock_dirty_since=None, stock_retry_at=None)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a reading of the channel's listings found."""

    listings: int
    unmapped: int
    drifted: int


def reconcile_listings(account_id: int) -> Reconciled:
    """Read every listing back: learn new ones, store the quantities shown, send again what differs from what was sent.

    Raises TransientError or PermanentError where the channel cannot be read, DomainError for an unknown account.
    """
    account = get_account(account_id)
    adapter = adapter_for(account.connector)
    seen = 0
    if isinstance(adapter, ListsProducts):
        products = iter(adapter.fetch_listings(account_config(account)))
        while page := list(islice(products, 1000)):
            rows = {
                product.sku_code[:120]: (product.name[:300], json.dumps(dict(product.external_ids)), product.quantity)
                for product in page
                if product.sku_code
            }
            seen += run_atomic(lambda: store_listings(account, rows))  # noqa: B023 - runs at once
    drifted = run_atomic(lambda: _send_again(account_id))
    refresh_account(account_id)
    unmapped = Listing.objects.filter(account_id=account_id, sku__isnull=True).count()
    return Reconciled(seen, unmapped, drifted)


def _send_again(account_id: int) -> int:
    """Give a new version to listings that were refused or that show something else than was sent.

    A channel that shows less than it was told has sold some, and the orders are on their way to us: telling it the old
    quantity again would sell those units twice. So less is corrected only when it stays.
    """
    settled = Listing.objects.filter(
        account_id=account_id, sku__isnull=False, wanted_version=F("sent_version"), sent_version__gt=0
    ).exclude(publication=Publication.PAUSED)
    less = Q(reported_quantity__lt=F("sent_quantity"), acknowledged_at__lt=now() - SALES_ARRIVE_WITHIN)
    more = Q(reported_quantity__gt=F("sent_quantity"))
    wrong = lock_listings(Q(pk__in=settled.filter(~Q(error="") | less | more).values("pk")))
    count = settled.filter(~Q(error="") | less | more, pk__in=wrong).update(
        wanted_version=F("wanted_version") + 1, wanted_at=now(), error=""
    )
    if count:
        mark_dirty([account_id])
    return count
