"""What was asked for, from the ledger: the units behind demand rates and their charts."""

from __future__ import annotations

_WINDOW = "recorded_at > now() - make_interval(days => %(days)s)"


def asked(only: str = "true") -> str:
    """Common table expressions that end in `asked` (sku_id, node_id, day, units) over the last `days` (a parameter).

    A day is one of 24 hours that ends now, 0 the last. What a reservation gave back, released or expired, is taken from
    the day on which it was made: an order that is cancelled next week was no demand today, and is none the less next
    week. What was reserved before the first day counts neither way. Transfers are no demand. `only` narrows the
    postings. The postings of a reservation name it: reserve/<uid>, release/<uid>/<n>.
    """
    return f"""
given_back AS MATERIALIZED (
    SELECT 'reserve/' || split_part(op_key, '/', 2) AS op_key, sum(quantity) AS units
    FROM inventory_stockmovement
    WHERE {_WINDOW} AND from_bucket = 'reserved' AND to_bucket = 'demand' AND reason IN ('release', 'expire')
        AND {only}
    GROUP BY 1
),
asked AS MATERIALIZED (
    SELECT sku_id, node_id, floor(extract(epoch FROM now() - recorded_at) / 86400)::int AS day,
        sum(quantity - coalesce(given_back.units, 0)) AS units
    FROM inventory_stockmovement LEFT JOIN given_back USING (op_key)
    WHERE {_WINDOW} AND from_bucket = 'demand' AND to_bucket = 'reserved' AND reason = 'reserve' AND {only}
        AND reference NOT IN (SELECT number FROM inventory_transfer)
    GROUP BY 1, 2, 3
)
"""  # noqa: S608 - only constants of this project are put in
