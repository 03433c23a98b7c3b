"""The exposure meter: units that a channel may sell although they are not there, times the seconds that this lasts.

A channel may sell what it acknowledged last (`told_quantity`), however little we want it to sell by now. Where that is
more than is wanted, the difference is exposed from the moment in which the lower quantity was wanted until the channel
acknowledges it. A channel that counts its own sales down itself sells fewer, so the figure is an upper bound.
"""

from __future__ import annotations

from oms.core.db import execute, run_atomic

# One moment for the whole of a statement, so that what is added up, what is booked and where the next rectangle begins
# agree to the last microsecond; never before the moment where another transaction began the rectangle meanwhile.
_NOW = "greatest(statement_timestamp(), {listing}.exposed_since)"
_EXPOSED = "greatest(0, coalesce({told}, 0) - coalesce({wanted}, {told}, 0))"


def meter(*, told: str, wanted: str) -> str:
    """The assignments of a statement that changes what a listing was told or should sell, as SQL expressions.

    The rectangle until now is added up, and the next one begins with the units that are exposed from now on.
    """
    units = _EXPOSED.format(told=told, wanted=wanted)
    return f"""exposure_unit_seconds = {seconds_now("listing")},
    exposed_units = {units}, exposed_since = CASE WHEN {units} > 0 THEN {_NOW.format(listing="listing")} END"""


def seconds_now(listing: str) -> str:
    """The exposure of a listing up to this moment, as an SQL expression."""
    return (
        f"{listing}.exposure_unit_seconds + {listing}.exposed_units "
        f"* coalesce(extract(epoch FROM {_NOW.format(listing=listing)} - {listing}.exposed_since), 0)"
    )


#: Books what was exposed since the last booking to the days of the channel. Stands after a CTE `settled` with the
#: columns account_id, units seconds and the number of quantities that were acknowledged.
BOOK = """
INSERT INTO channels_exposureday AS day (account_id, day, unit_seconds, pushed)
SELECT account_id, (now() AT TIME ZONE 'UTC')::date, greatest(0, sum(unit_seconds)), sum(pushed) FROM settled
GROUP BY account_id HAVING sum(unit_seconds) > 0 OR sum(pushed) > 0 ORDER BY account_id
ON CONFLICT (account_id, day) DO UPDATE
SET unit_seconds = day.unit_seconds + excluded.unit_seconds, pushed = day.pushed + excluded.pushed
"""

_BOOK_OPEN = f"""
WITH chosen AS MATERIALIZED (
    SELECT id FROM channels_listing WHERE exposed_units > 0 ORDER BY id FOR NO KEY UPDATE
),
booked AS (
    UPDATE channels_listing listing
    SET exposure_unit_seconds = {seconds_now("listing")}, exposed_since = {_NOW.format(listing="listing")},
        exposure_booked = {seconds_now("listing")}
    FROM chosen, LATERAL (SELECT exposure_booked AS before FROM channels_listing old WHERE old.id = chosen.id) old
    WHERE listing.id = chosen.id
    RETURNING listing.account_id, listing.exposure_booked - old.before AS unit_seconds
),
settled AS (SELECT account_id, unit_seconds, 0 AS pushed FROM booked)
{BOOK}
"""  # noqa: S608 - constants of this module


def book_exposure() -> int:
    """Book what is exposed at this moment to the day, so that a channel that takes nothing for days shows on each.

    The number of channels with something to book.
    """
    return run_atomic(lambda: execute(_BOOK_OPEN))
