"""Reads the orders changed since a cursor so that none is missed.

Page numbers are not safe here: while we read, a changed order moves to the end of the list and every later row slips
one place forward, past us. So each request starts again at the time of the last row read (keyset), always on page one.
Rows of that second come twice; their event id is the same. Only where one second holds a whole page (a bulk edit) is
the second read by page numbers, ordered by id and from the last page backwards: its rows can only leave it, and a row
that leaves moves others towards the pages still to be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from channels.adapters.woocommerce.client import PAGE_SIZE, WooCommerceClient
from channels.adapters.woocommerce.mapping import DRAFT_STATUSES, modified_at
from channels.adapters.woocommerce.reading import text
from channels.adapters.woocommerce.versions import order_message
from channels.base import Page, RawMessage
from oms.core.errors import TransientError

#: An order's time of change is set before its transaction commits; look back this far for those that came late.
DEFAULT_OVERLAP_SECONDS = 30

_SECOND = timedelta(seconds=1)
#: Lists leave trashed orders out unless they are asked for by name, so they are a list of their own.
_LISTS = {"any": "modified_after", "trash": "trash_modified_after"}


@dataclass(frozen=True, slots=True)
class _Read:
    rows: list[dict[str, Any]]
    position: datetime | None
    more: bool


def changed_orders(
    client: WooCommerceClient, cursor: dict[str, Any], *, time_zone: str, overlap_seconds: int, initial: str
) -> Iterator[Page]:
    """Pages of changed orders, then of orders moved to the trash.

    The cursor holds the time of the last row read of each list, in UTC. `initial` is where an empty cursor begins, as
    an ISO time; empty means with the first order of the store.
    """
    state = {key: str(cursor.get(key) or initial) for key in _LISTS.values()}
    for status, key in _LISTS.items():
        seen: set[str] = set()
        start = _parse(state[key])
        after = start - timedelta(seconds=overlap_seconds) if start else None
        for read in _reads(client, status, after, time_zone):
            messages = _new_messages(read.rows, seen, time_zone)
            if read.position and (not start or read.position > start):
                state[key] = _format(read.position)
            # The list of trashed orders follows the list of all others.
            more = read.more or status != "trash"
            yield Page(messages=messages, cursor={k: v for k, v in state.items() if v}, more=more)


def _reads(client: WooCommerceClient, status: str, after: datetime | None, time_zone: str) -> Iterator[_Read]:
    while True:
        rows = _list(client, status, after, order_by="modified")
        times = [moment for row in rows if (moment := modified_at(row, time_zone))]
        if len(times) != len(rows):
            raise TransientError("WooCommerce listed an order without the time of its last change.")
        if len(rows) < PAGE_SIZE:
            yield _Read(rows, max(times, default=None), more=False)
            return
        last = max(times)
        yield _Read(rows, last, more=True)
        # `modified_after` excludes the second it names.
        following = last - _SECOND
        if after is not None and following <= after:
            yield from _second(client, status, last)
            following = last
        after = following


def _second(client: WooCommerceClient, status: str, second: datetime) -> Iterator[_Read]:
    first = client.get("/orders", _query(status, second - _SECOND, second + _SECOND, order_by="id"))
    if first.rows() and not first.total_pages:
        raise TransientError("WooCommerce listed orders without saying how many pages there are.")
    for page in range(first.total_pages, 0, -1):
        rows = _list(client, status, second - _SECOND, second + _SECOND, order_by="id", page=page)
        yield _Read(rows, second, more=True)


def _list(
    client: WooCommerceClient,
    status: str,
    after: datetime | None,
    before: datetime | None = None,
    *,
    order_by: str,
    page: int = 1,
) -> list[dict[str, Any]]:
    return client.get("/orders", _query(status, after, before, order_by=order_by, page=page)).rows()


def _query(
    status: str, after: datetime | None, before: datetime | None = None, *, order_by: str, page: int = 1
) -> dict[str, str | int]:
    query: dict[str, str | int] = {"per_page": PAGE_SIZE, "orderby": order_by, "order": "asc", "page": page}
    if status != "any":
        query["status"] = status
    if after or before:
        query["dates_are_gmt"] = "true"
    if after:
        query["modified_after"] = _format(after)
    if before:
        query["modified_before"] = _format(before)
    return query


def _new_messages(rows: list[dict[str, Any]], seen: set[str], time_zone: str) -> tuple[RawMessage, ...]:
    messages: list[RawMessage] = []
    for row in rows:
        if text(row, "status") in DRAFT_STATUSES:
            continue
        message = order_message(row, time_zone)
        if message.event_id not in seen:
            seen.add(message.event_id)
            messages.append(message)
    return tuple(messages)


def _format(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _parse(value: str) -> datetime | None:
    if not value:
        return None
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
