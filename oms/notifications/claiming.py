"""Which messages go out at this moment: claimed for one worker, put off, or not sent as they are no news any more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import F, Max, Q

from fulfillment.models import Shipment, ShipmentState
from oms.core import clock
from oms.core.db import run_atomic
from oms.notifications.hours import next_allowed, zones_of
from oms.notifications.models import ChannelMessaging, Medium, Message, MessageAccount, MessageState, OptOut
from oms.notifications.planning import opt_out_reason, opted_out, parcel_of
from oms.notifications.writing import fall_back

#: A worker that has not come back for so long is dead, and what it was sending is not known.
LEASE = timedelta(minutes=5)
_MINUTE = timedelta(minutes=1)
#: News of the road that a parcel's arrival, or its return, makes old.
_NEW_DATE = "new_date"
_OF_THE_ROAD = frozenset({"shipped", "out_for_delivery", "delivery_failed"})
_OVER = frozenset({ShipmentState.DELIVERED, ShipmentState.RTO_INITIATED, ShipmentState.RTO_IN_TRANSIT,
                   ShipmentState.RTO_RECEIVED, ShipmentState.LOST, ShipmentState.CANCELLED})  # fmt: skip


def claim(message_ids: Sequence[int]) -> list[Message]:
    """Those of these messages that this worker sends now, as SENDING under its lease, committed; in their order.

    What another worker holds, or what is not due yet, is left alone. Statements do not grow with the messages.
    """
    return run_atomic(lambda: _claim(message_ids))


def _claim(message_ids: Sequence[int]) -> list[Message]:
    moment = clock.now()
    due = Q(not_before__isnull=True) | Q(not_before__lte=moment)
    rows = list(
        Message.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
        .filter(due, pk__in=message_ids, state=MessageState.PENDING)
        .select_related("order")
        .order_by("pk")
    )
    if not rows:
        return []
    refused = opted_out({(row.medium, row.recipient) for row in rows})
    skipped = _mark_skipped(rows, refused, moment)
    left = [row for row in rows if row not in skipped]
    waiting = _until_morning(left, moment)
    chosen = _within_limits([row for row in left if row not in waiting], moment)
    put_off = [row for row in left if row not in chosen]
    Message.objects.bulk_update(put_off, ["not_before"])
    Message.objects.bulk_update(skipped, ["state", "error"])
    for row in skipped:
        if (row.medium, row.recipient.lower()) in refused:
            fall_back(row)
    changes = {"state": MessageState.SENDING, "lease_until": moment + LEASE}
    Message.objects.filter(pk__in=[row.pk for row in chosen]).update(
        **changes, sends=F("sends") + 1, attempts=F("attempts") + 1
    )
    for row in chosen:
        row.state, row.lease_until = MessageState.SENDING, moment + LEASE
        row.sends, row.attempts = row.sends + 1, row.attempts + 1
    return chosen


def _mark_skipped(
    rows: Sequence[Message], refused: Mapping[tuple[str, str], OptOut], moment: datetime
) -> list[Message]:
    """Those that must not go out, or that are out of date, with the reason."""
    over, newest = _parcels_that_came(rows), _newest_dates(rows)
    skipped = []
    for row in rows:
        reason = opt_out_reason(refused.get((row.medium, row.recipient.lower())))
        if not reason and row.expires_at is not None and row.expires_at <= moment:
            reason = "It is no news any more: it could not go out in time."
        elif not reason and _is_of_the_road(row) and row.part in over:
            reason = f"It would come too late: the parcel is {over[row.part].lower()} by now."
        elif not reason and row.medium != Medium.EMAIL:
            reason = _overtaken(row, newest)
        if reason:
            row.state, row.error = MessageState.SKIPPED, reason
            skipped.append(row)
    return skipped


def _overtaken(row: Message, newest: Mapping[tuple[int | None, str], int]) -> str:
    """Why what waited for the morning, say, is not so any more; empty where it is."""
    if row.order is not None and row.order.stage == "cancelled" and row.template != "cancelled":
        return "It is no news any more: the order was cancelled."
    if row.template == _NEW_DATE and newest.get((row.order_id, row.medium), row.pk) > row.pk:
        return "It is no news any more: a newer date was told."
    return ""


def _is_of_the_road(row: Message) -> bool:
    """News of the road that may be late: a letter goes out at once, unless it stands in for another medium."""
    return row.template in _OF_THE_ROAD and (row.medium != Medium.EMAIL or row.expires_at is not None)


def _parcels_that_came(rows: Sequence[Message]) -> dict[str, str]:
    """Of the parcels that these are about, those whose way is over, with the word for it."""
    parts = {row.part: pk for row in rows if _is_of_the_road(row) and (pk := parcel_of(row.part)) is not None}
    if not parts:
        return {}
    found = dict(Shipment.objects.filter(pk__in=parts.values(), state__in=_OVER).values_list("pk", "state"))
    return {part: str(ShipmentState(found[pk]).label) for part, pk in parts.items() if pk in found}


def _newest_dates(rows: Sequence[Message]) -> dict[tuple[int | None, str], int]:
    """Of the orders of which a new date is told here, the newest such message by medium."""
    told = [row.order_id for row in rows if row.template == _NEW_DATE]
    if not told:
        return {}
    found = Message.objects.filter(order__in=told, template=_NEW_DATE).values_list("order", "medium")
    return {(order, medium): pk for order, medium, pk in found.annotate(newest=Max("pk"))}


def _until_morning(rows: Sequence[Message], moment: datetime) -> list[Message]:
    """Those that come to a phone in its quiet hours: they wait for the morning there."""
    disturbing = [
        (row, row.order) for row in rows if row.medium != Medium.EMAIL and not row.urgent and row.order is not None
    ]
    if not disturbing:
        return []
    setups = ChannelMessaging.objects.in_bulk({order.channel_id for _, order in disturbing})
    waiting = []
    for row, order in disturbing:
        setup = setups.get(order.channel_id) or ChannelMessaging()
        zones = zones_of(order.ship_country, order.ship_region)
        allowed = next_allowed(moment, zones, setup.quiet_from, setup.quiet_until)
        if allowed > moment:
            row.not_before = allowed
            waiting.append(row)
    return waiting


def _within_limits(rows: Sequence[Message], moment: datetime) -> list[Message]:
    """Those that their providers take at this moment; the others get the moment of their next look."""
    by_account: dict[int | None, list[Message]] = {}
    for row in rows:
        by_account.setdefault(row.account_id, []).append(row)
    accounts = _lock_accounts({pk for pk in by_account if pk is not None})
    chosen: list[Message] = []
    for pk, some in by_account.items():
        account = accounts.get(pk) if pk is not None else None
        if account is None:
            chosen += some
            continue
        room, again_at = _room(account, moment)
        chosen += some[:room]
        account.window_count += len(some[:room])
        for row in some[room:]:
            row.not_before = again_at
    MessageAccount.objects.bulk_update(accounts.values(), ["window_at", "window_count"])
    return sorted(chosen, key=lambda row: row.pk)


def _lock_accounts(ids: Collection[int]) -> dict[int, MessageAccount]:
    rows = MessageAccount.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
    return {row.pk: row for row in rows} if ids else {}


def _room(account: MessageAccount, moment: datetime) -> tuple[int, datetime]:
    """How many more an account takes in the running minute, and when to look again."""
    if account.paused_until is not None and account.paused_until > moment:
        return 0, account.paused_until
    if account.window_at is None or account.window_at + _MINUTE <= moment:
        account.window_at, account.window_count = moment, 0
    return max(account.per_minute - account.window_count, 0), account.window_at + _MINUTE
