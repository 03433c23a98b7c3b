"""What a channel must be told about its orders: queued once, told in order, retried until it is told or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from time import monotonic
from typing import Any, Literal

from channels.base import ORDER_UPDATE_KINDS, OrderUpdate, OrderUpdateKind, PushesOrderUpdates
from channels.events import OrderUpdateQueued
from channels.locks import claim_updates
from channels.models import ChannelAccount, OutboundUpdate, OutboundUpdateState
from channels.registry import INBOUND_ONLY, adapter_for
from channels.services.accounts import account_config, record_failure, record_success
from channels.services.outbound_lines import cancelled_lines, shipped_lines, untold_cancellations
from channels.states import OUTBOUND_UPDATE
from oms.core.clock import now
from oms.core.db import fetch_all, run_atomic
from oms.core.errors import DomainError, PermanentError, TransientError
from oms.core.json_text import to_json
from oms.core.outbox import publish
from oms.core.states import advance
from orders.models import Order

State = OutboundUpdateState

#: Longer than any call to a channel lasts: an update in the hands of a worker is left alone for this long.
LEASE = timedelta(minutes=5)
#: Wait before the second attempt; it doubles each time up to the longest wait.
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=1)
#: With the waits above: given up after about two days.
MAX_ATTEMPTS = 50

CANCELLED: OrderUpdateKind = "cancelled"


@dataclass(slots=True)
class PushResult:
    """How many updates were told, refused for good, and put off."""

    sent: int = 0
    failed: int = 0
    put_off: int = 0


def queue_order_update(
    *,
    order_id: int,
    kind: OrderUpdateKind,
    update_key: str,
    awb: str = "",
    carrier_name: str = "",
    tracking_url: str = "",
    lines: Mapping[int, int] | None = None,
    note: str = "",
) -> int | None:
    """Queue something to tell the order's channel; the id of the update, None where there is nothing to tell.

    `update_key` names the news: the same key again changes nothing. `lines` are units by our order line id; none means
    the whole order. The channel is told its own lines, in whole kits (see `outbound_lines`). For "cancelled" they are
    worked out here: the units that are cancelled and that the channel neither cancelled itself nor was told of.
    Publishes OrderUpdateQueued.
    """

    def work() -> int | None:
        order = Order.objects.select_related("channel").filter(pk=order_id).first()
        account = _told_account(order)
        if order is None or account is None:
            return None
        units = untold_cancellations(order) if kind == CANCELLED else shipped_lines([(order.pk, lines or {})])[0]
        if kind == CANCELLED and not units:
            return None
        payload: dict[str, Any] = {
            "awb": awb, "carrier_name": carrier_name, "tracking_url": tracking_url, "lines": units, "note": note,
        }  # fmt: skip
        row, created = OutboundUpdate.objects.get_or_create(
            account=account, update_key=update_key, defaults={"order": order, "kind": kind, "payload": payload}
        )
        if created:
            publish([OrderUpdateQueued(update_id=row.pk, account_id=account.pk)])
        return row.pk

    return run_atomic(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNews:
    """Something to tell the channel of an order, cancellations apart; see `queue_order_update`."""

    order_id: int
    kind: Literal["processing", "on_hold", "shipped", "delivered"]
    update_key: str
    awb: str = ""
    carrier_name: str = ""
    tracking_url: str = ""
    lines: Mapping[int, int] = field(default_factory=dict)


_TOLD_ACCOUNTS = """
SELECT o.id, account.id, account.connector FROM orders_order o
JOIN channels_channelaccount account ON account.channel_id = o.channel_id AND account.pushes_updates
WHERE o.id = ANY(%s::bigint[])
"""

_QUEUE = """
INSERT INTO channels_outboundupdate (account_id, order_id, update_key, kind, payload, state, attempts, error)
SELECT account_id, order_id, update_key, kind, payload::jsonb, 'pending', 0, ''
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[]) WITH ORDINALITY
    AS news(account_id, order_id, update_key, kind, payload, position)
ORDER BY position
ON CONFLICT (account_id, update_key) DO NOTHING
RETURNING id, account_id
"""


def queue_order_updates(news: Sequence[OrderNews]) -> list[int]:
    """Queue many in a few statements, however many they are; the ids of the updates that are new.

    Orders whose channel is told nothing are passed over. Publishes OrderUpdateQueued for each new one.
    """
    if not news:
        return []

    def work() -> list[int]:
        rows = fetch_all(_TOLD_ACCOUNTS, [sorted({item.order_id for item in news})])
        told = {
            order_id: account_id
            for order_id, account_id, connector in rows if isinstance(adapter_for(connector), PushesOrderUpdates)
        }  # fmt: skip
        wanted = [item for item in news if item.order_id in told]
        if not wanted:
            return []
        units = shipped_lines([(item.order_id, item.lines) for item in wanted])
        queued = fetch_all(_QUEUE, [
            [told[item.order_id] for item in wanted], [item.order_id for item in wanted],
            [item.update_key for item in wanted], [item.kind for item in wanted],
            [to_json(_news_payload(item, lines)) for item, lines in zip(wanted, units, strict=True)],
        ])  # fmt: skip
        publish([OrderUpdateQueued(update_id=pk, account_id=account_id) for pk, account_id in queued])
        return [pk for pk, _ in queued]

    return run_atomic(work)


def _news_payload(news: OrderNews, lines: Mapping[str, int]) -> dict[str, Any]:
    return {
        "awb": news.awb, "carrier_name": news.carrier_name, "tracking_url": news.tracking_url, "lines": dict(lines),
        "note": "",
    }  # fmt: skip


def note_cancelled_by_channel(
    *, account: ChannelAccount, order: Order, lines: Mapping[int, int], message_id: int
) -> None:
    """Remember that the channel itself asked for these cancellations, so that it is not told of them."""
    if account.connector in INBOUND_ONLY:
        return
    OutboundUpdate.objects.get_or_create(
        account=account,
        update_key=f"cancelled-by-channel:{message_id}",
        defaults={
            "order": order, "kind": CANCELLED, "state": State.SKIPPED,
            "payload": {"lines": cancelled_lines(order, lines)},
        },
    )  # fmt: skip


def _told_account(order: Order | None) -> ChannelAccount | None:
    """The account that is told what becomes of this order, if any."""
    if order is None:
        return None
    account = ChannelAccount.objects.filter(channel_id=order.channel_id, pushes_updates=True).first()
    if account is None or not isinstance(adapter_for(account.connector), PushesOrderUpdates):
        return None
    return account


# -- telling ----------------------------------------------------------------------------------------------------------

#: The first pending update of each order that may be tried now, so that updates of one order go one after the other.
#: `sent_at` of a pending update begins its lease: the time at which it was taken, or, when it was put off, the time
#: from which a lease would end when it is to be tried again.
_DUE = """
SELECT due.id FROM channels_outboundupdate due
WHERE due.state = 'pending'
  AND (%(account)s::bigint IS NULL OR due.account_id = %(account)s)
  AND (%(ids)s::bigint[] IS NULL OR due.id = ANY(%(ids)s))
  AND due.account_id <> ALL(%(silent)s)
  AND (due.sent_at IS NULL OR due.sent_at <= %(lease_from)s)
  AND NOT EXISTS (
        SELECT FROM channels_outboundupdate earlier
        WHERE earlier.order_id = due.order_id AND earlier.state = 'pending' AND earlier.id < due.id
  )
ORDER BY due.id LIMIT %(most)s
"""


def push_order_updates(
    account_id: int | None = None, *, ids: Sequence[int] | None = None, most: int = 200, seconds: float | None = None
) -> PushResult:
    """Tell what is queued, for one account, for these updates, or for all; at most `most` of them.

    None is begun after so many `seconds`.

    An update that the channel refuses for good is FAILED and stays visible; one that it could not take now is tried
    again later, with growing waits. An account that does not answer is left alone for the rest of this call.
    """
    result = PushResult()
    silent: set[int] = set()
    end = monotonic() + seconds if seconds is not None else inf
    while result.sent + result.failed + result.put_off < most and monotonic() < end:
        update = run_atomic(lambda: _claim_next(account_id, ids, silent))
        if update is None:
            break
        _tell(update, result, silent)
    return result


def _claim_next(account_id: int | None, ids: Sequence[int] | None, silent: set[int]) -> OutboundUpdate | None:
    params = {
        "account": account_id, "ids": list(ids) if ids is not None else None, "silent": sorted(silent),
        "lease_from": now() - LEASE, "most": 20,
    }  # fmt: skip
    due = [row[0] for row in fetch_all(_DUE, params)]
    for update in claim_updates(due):
        # Between the look and the lock somebody may have taken it.
        if update.sent_at is not None and update.sent_at > now() - LEASE:
            continue
        update.attempts += 1
        update.sent_at = now()
        update.save(update_fields=["attempts", "sent_at"])
        return update
    return None


def wait_after(attempts: int) -> timedelta:
    """How long to wait after the nth attempt."""
    doublings = max(0, min(attempts, 20) - 1)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def next_try_at(update: OutboundUpdate) -> datetime | None:
    """When a pending update is tried again; None for one that was not tried yet."""
    return update.sent_at + LEASE if update.sent_at else None


def _tell(update: OutboundUpdate, result: PushResult, silent: set[int]) -> None:
    account = ChannelAccount.objects.select_related("channel").get(pk=update.account_id)
    order = Order.objects.only("external_id").get(pk=update.order_id)
    news = OrderUpdate(
        external_id=order.external_id,
        kind=ORDER_UPDATE_KINDS[update.kind],
        update_id=update.update_key,
        **update.payload,
    )
    try:
        adapter = adapter_for(account.connector)
        if not isinstance(adapter, PushesOrderUpdates):
            raise PermanentError(f"{adapter.name} cannot be told what becomes of orders.")
        adapter.push_order_update(account_config(account), news)
    except PermanentError as error:
        _refuse(update, str(error))
        result.failed += 1
    except TransientError as error:
        record_failure(account.pk, str(error))
        _put_off(update, error)
        silent.add(account.pk)
        result.put_off += 1
    else:
        advance(update, State.SENT, using=OUTBOUND_UPDATE, actor="channels", sent_at=now(), error="")
        record_success(account.pk)
        result.sent += 1


def _refuse(update: OutboundUpdate, message: str) -> None:
    advance(update, State.FAILED, using=OUTBOUND_UPDATE, actor="channels", reason=message[:200], error=message[:2000])


def _put_off(update: OutboundUpdate, error: TransientError) -> None:
    if update.attempts >= MAX_ATTEMPTS:
        _refuse(update, f"Given up after {update.attempts} attempts: {error}")
        return
    asked = timedelta(seconds=min(error.retry_after_seconds or 0, 86_400))
    wait = max(wait_after(update.attempts), asked)
    OutboundUpdate.objects.filter(pk=update.pk, state=State.PENDING).update(
        error=str(error)[:2000], sent_at=now() + wait - LEASE
    )


def retry_order_updates(ids: Sequence[int], actor: str) -> list[int]:
    """Queue refused updates again; the ids of those that were."""

    def work() -> list[int]:
        moved: list[int] = []
        for update in OutboundUpdate.objects.filter(pk__in=list(ids), state=State.FAILED).order_by("pk"):
            advance(update, State.PENDING, using=OUTBOUND_UPDATE, actor=actor, reason="Retried", attempts=0,
                    sent_at=None, error="")  # fmt: skip
            publish([OrderUpdateQueued(update_id=update.pk, account_id=update.account_id)])
            moved.append(update.pk)
        return moved

    return run_atomic(work)


def skip_order_update(update_id: int, actor: str, reason: str) -> None:
    """Decide that a channel need not be told. Raises DomainError for an unknown update."""
    update = OutboundUpdate.objects.filter(pk=update_id).first()
    if update is None:
        raise DomainError(f"There is no channel update {update_id}.")
    advance(update, State.SKIPPED, using=OUTBOUND_UPDATE, actor=actor, reason=reason[:200])
