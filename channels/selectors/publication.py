"""What every channel was told of every listing, what it acknowledged and shows, and what it may sell too many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from channels.services.exposure import seconds_now
from channels.services.sellable_sql import LISTINGS, parts
from oms.core.db import fetch_dicts

#: Key of a problem -> when a listing has it, as SQL. The worst first; a listing stands with the first that it has.
PROBLEMS: dict[str, str] = {
    "refused": "listing.error <> ''",
    "drift": "listing.reported_quantity <> listing.told_quantity AND listing.wanted_version = listing.sent_version",
    "exposed": "listing.exposed_units > 0",
    "behind": "listing.wanted_version > listing.sent_version AND listing.publication <> 'paused' "
              "AND account.pushes_stock",
    "paused": "listing.publication <> 'on'",
}  # fmt: skip

_RANK = "CASE {} ELSE 9 END".format(
    " ".join(f"WHEN {condition} THEN {rank}" for rank, condition in enumerate(PROBLEMS.values(), start=1))
)

_FROM = """
FROM channels_listing listing
JOIN channels_channelaccount account ON account.id = listing.account_id
JOIN orders_saleschannel channel ON channel.id = account.channel_id
JOIN inventory_sku sku ON sku.id = listing.sku_id
"""
_SCOPE = """(%(codes)s::text[] IS NULL OR channel.code = ANY(%(codes)s::text[]))
    AND (%(channel)s::text = '' OR channel.code = %(channel)s::text)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingRow:
    """One listing: what it may sell and from what, what the channel was told, acknowledged and shows.

    `atp` is that of the channel's nodes, each from zero; `buffer` is what rules hide of it from this channel. `seconds`
    is the exposure in units times seconds, up to now. `problem` is a key of PROBLEMS, empty where all is well.
    """

    id: int
    account_id: int
    channel_code: str
    channel_name: str
    connector: str
    channel_publication: str
    pushes_stock: bool
    sku_id: int
    sku_code: str
    sku_name: str
    external_sku: str
    publication: str
    paused_at: datetime | None
    paused_by: str
    paused_reason: str
    own_threshold: int | None
    own_cap: int | None
    threshold: int
    cap: int | None
    sells_inbound: bool
    atp: int
    buffer: int
    wanted_quantity: int | None
    wanted_version: int
    wanted_at: datetime | None
    sent_quantity: int | None
    sent_version: int
    sent_at: datetime | None
    told_quantity: int | None
    acknowledged_at: datetime | None
    reported_quantity: int | None
    error: str
    exposed_units: int
    exposed_since: datetime | None
    seconds: float
    rank: int

    @property
    def problem(self) -> str:
        """The worst that is to be said of it."""
        return list(PROBLEMS)[self.rank - 1] if self.rank <= len(PROBLEMS) else ""

    @property
    def drift(self) -> int | None:
        """How many more the channel shows than it was told; None where one of the two is not known."""
        if self.reported_quantity is None or self.told_quantity is None:
            return None
        return self.reported_quantity - self.told_quantity

    @property
    def is_behind(self) -> bool:
        """The channel has not been told what is wanted."""
        return self.wanted_version > self.sent_version


_ROWS = f"""{parts(LISTINGS)}
SELECT listing.id, listing.account_id, channel.code AS channel_code, channel.name AS channel_name, account.connector,
    account.publication AS channel_publication, account.pushes_stock, sku.id AS sku_id, sku.code AS sku_code,
    sku.name AS sku_name, listing.external_sku, listing.publication, listing.paused_at, listing.paused_by,
    listing.paused_reason, listing.threshold AS own_threshold, listing.cap AS own_cap, sellable.threshold, sellable.cap,
    listing.sells_inbound, coalesce(given.atp, 0) AS atp, coalesce(given.atp, 0) - sellable.ready AS buffer,
    listing.wanted_quantity, listing.wanted_version, listing.wanted_at, listing.sent_quantity, listing.sent_version,
    listing.sent_at, listing.told_quantity, listing.acknowledged_at, listing.reported_quantity, listing.error,
    listing.exposed_units, listing.exposed_since, ({seconds_now("listing")})::float AS seconds, {_RANK} AS rank
{_FROM}
JOIN sellable ON sellable.id = listing.id
LEFT JOIN (
    SELECT channel_id, sku_id, sum(greatest(0, atp))::bigint AS atp FROM level GROUP BY channel_id, sku_id
) given ON given.channel_id = account.channel_id AND given.sku_id = listing.sku_id
ORDER BY rank, listing.id
"""  # noqa: S608 - constants of this package

# One statement each, so that a page of one problem need not weigh every listing.
_PAGE = f"""
SELECT listing.id, {_RANK} AS rank {_FROM}
WHERE {_SCOPE} AND (%(text)s::text = '' OR sku.code ILIKE %(text)s::text OR listing.external_sku ILIKE %(text)s::text
        OR sku.name ILIKE %(text)s::text)
    AND (%(only)s::int IS NULL OR {_RANK} = %(only)s::int)
    AND ({_RANK}, listing.id) > (%(rank)s::int, %(after)s::bigint)
ORDER BY 2, 1 LIMIT %(limit)s
"""


def listing_rows(listing_ids: Sequence[int]) -> list[ListingRow]:
    """These listings in full, problems first; those that are not mapped to a SKU are left out."""
    return [ListingRow(**row) for row in fetch_dicts(_ROWS, {"ids": list(listing_ids)})] if listing_ids else []


def listing_page(
    *, codes: Sequence[str] | None, channel: str = "", problem: str = "", text: str = "", after: str = "",
    size: int = 50,
) -> tuple[list[ListingRow], str]:  # fmt: skip
    """Listings of channels in scope (`codes`; None for all), problems first, and the mark of the next page."""
    rank, _, pk = after.partition("~")
    known = rank.isdigit() and pk.isdigit() and len(rank) < 3 and len(pk) < 19
    keys = fetch_dicts(_PAGE, {
        "codes": list(codes) if codes is not None else None, "channel": channel, "limit": size + 1,
        "text": f"%{_literal(text)}%" if text else "",
        "only": list(PROBLEMS).index(problem) + 1 if problem in PROBLEMS else None,
        "rank": int(rank) if known else 0, "after": int(pk) if known else 0,
    })  # fmt: skip
    more, keys = len(keys) > size, keys[:size]
    mark = f"{keys[-1]['rank']}~{keys[-1]['id']}" if more else ""
    return listing_rows([row["id"] for row in keys]), mark


def _literal(text: str) -> str:
    """Without the signs that mean something to LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationCounts:
    """How publication does: listings, those with each problem as their worst, and what is exposed now."""

    listings: int
    problems: dict[str, int]
    exposed_units: int


_COUNTS = f"""
SELECT rank, count(*)::int AS listings, sum(exposed_units)::int AS exposed
FROM (SELECT {_RANK} AS rank, listing.exposed_units {_FROM} WHERE {_SCOPE}) ranked GROUP BY rank
"""  # noqa: S608


def publication_counts(*, codes: Sequence[str] | None, channel: str = "") -> PublicationCounts:
    """The problems of the channels in scope, counted."""
    rows = fetch_dicts(_COUNTS, {"codes": list(codes) if codes is not None else None, "channel": channel})
    by_rank: dict[int, Any] = {row["rank"]: row for row in rows}
    return PublicationCounts(
        listings=sum(row["listings"] for row in rows), exposed_units=sum(row["exposed"] for row in rows),
        problems={key: by_rank[rank]["listings"] if rank in by_rank else 0
                  for rank, key in enumerate(PROBLEMS, start=1)},
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureOfDay:
    """Units times seconds that a channel could sell too many on one UTC day, and quantities it acknowledged then."""

    channel_code: str
    channel_name: str
    day: date
    unit_seconds: float
    pushed: int


_DAYS = f"""
SELECT channel.code AS channel_code, channel.name AS channel_name, day.day, day.unit_seconds, day.pushed
FROM channels_exposureday day
JOIN channels_channelaccount account ON account.id = day.account_id
JOIN orders_saleschannel channel ON channel.id = account.channel_id
WHERE {_SCOPE} AND day.day > (now() AT TIME ZONE 'UTC')::date - %(days)s::int
ORDER BY day.day DESC, channel.name
"""  # noqa: S608


def exposure_by_day(*, codes: Sequence[str] | None, channel: str = "", days: int = 7) -> list[ExposureOfDay]:
    """The exposure of each channel in scope on each of the last days, the newest first. Running ones are not in it."""
    params = {"codes": list(codes) if codes is not None else None, "channel": channel, "days": days}
    return [ExposureOfDay(**row) for row in fetch_dicts(_DAYS, params)]
