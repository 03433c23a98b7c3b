"""Sets rows that services have just written back to when they happened in the story.

Services stamp what they write with the present. After each step of the story, `Past.stamp` gives the rows of that step
their time: for orders still in hand every time later than the beginning of the load can only be of the step just done,
because all earlier ones were set back already. Rows of other orders are never touched.

The ledger, the timelines and the invoices refuse changes by trigger. `rewriting_history` switches those triggers off
inside the open transaction, which locks the tables and the outbox against every other writer until it ends: meant for
loading a demonstration, and for nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db import connection, transaction

from oms.core.clock import now
from oms.core.db import execute, fetch_all
from orders.gst.numbers import financial_year

#: Table, its column with the order's id, its columns of time.
ORDER = ("orders_order", "id", ("captured_at", "updated_at", "delivered_at"))
TIMELINE = ("orders_orderevent", "order_id", ("at",))
HOLD = ("orders_hold", "order_id", ("created_at", "released_at"))
PAYMENT = ("orders_payment", "order_id", ("updated_at",))
DECISION = ("routing_routingdecision", "order_id", ("decided_at",))
PROMISE = ("routing_orderpromise", "order_id", ("made_at",))
EXCLUSION = ("routing_routingexclusion", "order_id", ("created_at",))
RESERVATION = ("inventory_reservation", "order_id", ("created_at", "closed_at"))
WORK = (
    "fulfillment_fulfillmentorder", "order_id",
    ("created_at", "released_at", "accepted_at", "picked_at", "packed_at", "completed_at"),
)  # fmt: skip
SHIPMENT = ("fulfillment_shipment", "order_id", ("created_at", "labelled_at", "handed_over_at"))
#: A parcel collected at the counter is delivered by the service's own clock.
DELIVERED = ("fulfillment_shipment", "order_id", ("delivered_at",))
RETURN = ("returns_return", "order_id", ("created_at", "received_at", "closed_at"))
MESSAGE = ("channels_inboundmessage", "order_id", ("received_at", "processed_at"))

Table = tuple[str, str, tuple[str, ...]]

_TRIGGERS = (
    ("inventory_stockmovement", "stock_movement_append_only"),
    ("orders_orderevent", "order_event_append_only"),
    ("orders_invoice", "invoice_stays"),
)

# A posting names its order, its return, or (short picks) the work of its order.
_MOVEMENTS = """
WITH m AS MATERIALIZED (SELECT * FROM unnest(%s::bigint[], %s::timestamptz[]) AS m(order_id, at)),
named AS MATERIALIZED (
    SELECT o.number AS reference, m.at FROM m JOIN orders_order o ON o.id = m.order_id
    UNION ALL SELECT r.number, m.at FROM m JOIN returns_return r USING (order_id)
),
noted AS MATERIALIZED (
    SELECT 'Short pick ' || f.number || ':' AS note, m.at FROM m JOIN fulfillment_fulfillmentorder f USING (order_id)
)
UPDATE inventory_stockmovement s SET occurred_at = x.at, recorded_at = x.at
FROM (
    SELECT p.id, n.at FROM inventory_stockmovement p JOIN named n USING (reference) WHERE p.id > %s
    UNION ALL
    SELECT p.id, n.at FROM inventory_stockmovement p JOIN noted n ON starts_with(p.note, n.note)
    WHERE p.id > %s AND p.op_key LIKE 'short/%%'
) x
WHERE s.id = x.id
"""
_TRANSITIONS = """
UPDATE core_transition t SET at = m.at
FROM unnest(%s::bigint[], %s::timestamptz[]) AS m(order_id, at)
JOIN (
    SELECT 'fulfillment.FulfillmentOrder' AS model, id, order_id FROM fulfillment_fulfillmentorder
    WHERE order_id = ANY(%s)
    UNION ALL SELECT 'fulfillment.Shipment', id, order_id FROM fulfillment_shipment WHERE order_id = ANY(%s)
    UNION ALL SELECT 'returns.Return', id, order_id FROM returns_return WHERE order_id = ANY(%s)
) x ON x.order_id = m.order_id
WHERE t.id > %s AND t.model = x.model AND t.object_id = x.id
"""
_LAST = """SELECT (SELECT coalesce(max(id), 0) FROM inventory_stockmovement),
    (SELECT coalesce(max(id), 0) FROM core_transition)"""


@contextmanager
def rewriting_history() -> Iterator[None]:
    """A transaction in which all of that may be set back, and whose events nobody will hear of.

    The events of the past are deleted before the commit: customers must not be written to, carriers not be called,
    because of what happened weeks ago.
    """
    with transaction.atomic():
        execute("LOCK TABLE core_outboxevent IN SHARE ROW EXCLUSIVE MODE")
        last_event = fetch_all("SELECT coalesce(max(id), 0) FROM core_outboxevent")[0][0]
        _switch("DISABLE")
        yield
        execute("DELETE FROM core_outboxevent WHERE id > %s", [last_event])
        _switch("ENABLE")


def _switch(word: str) -> None:
    # A table with deferred checks outstanding cannot be altered.
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    for table, trigger in _TRIGGERS:
        execute(f"ALTER TABLE {table} {word} TRIGGER {trigger}")
    execute("SET CONSTRAINTS ALL DEFERRED")


@dataclass(slots=True)
class Past:
    """Stamps the rows of one step after another. `began` is when the load began: nothing of the story is later."""

    began: datetime
    _movement: int = field(default=0, init=False)
    _transition: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._movement, self._transition = fetch_all(_LAST)[0]

    def stamp(self, times: Mapping[int, datetime], *tables: Table) -> None:
        """Give what the last step wrote in `tables`, the ledger and the transitions the time of its order."""
        ids, moments = list(times), [min(at, self.began) for at in times.values()]
        if ids:
            for table, key, columns in tables:
                self._stamp_table(table, key, columns, ids, moments)
            execute(_MOVEMENTS, [ids, moments, self._movement, self._movement])
            execute(_TRANSITIONS, [ids, moments, ids, ids, ids, self._transition])
        self._movement, self._transition = fetch_all(_LAST)[0]

    def _stamp_table(
        self, table: str, key: str, columns: Sequence[str], ids: list[int], moments: list[datetime]
    ) -> None:
        quote = connection.ops.quote_name
        sets = ", ".join(
            f"{quote(column)} = CASE WHEN t.{quote(column)} >= %s THEN m.at ELSE t.{quote(column)} END"
            for column in columns
        )
        fresh = " OR ".join(f"t.{quote(column)} >= %s" for column in columns)
        statement = (
            f"UPDATE {quote(table)} t SET {sets} FROM unnest(%s::bigint[], %s::timestamptz[]) AS m(order_id, at) "  # noqa: S608 - names of this module
            f"WHERE t.{quote(key)} = m.order_id AND ({fresh})"
        )
        began = [self.began] * len(columns)
        execute(statement, [*began, ids, moments, *began])


# In two steps: the numbers of an order are unique at every moment.
_IN_ORDER = """
UPDATE orders_orderevent e SET seq = -n.seq
FROM (
    SELECT id, row_number() OVER (PARTITION BY order_id ORDER BY at, seq) AS seq FROM orders_orderevent
    WHERE order_id = ANY(%s)
) n
WHERE n.id = e.id AND n.seq <> e.seq
"""


def put_in_order(order_ids: Sequence[int]) -> None:
    """Number the entries of timelines as they happened: of an order in two parcels the one may arrive before the other
    was handed over, and what is on the road is told last."""
    execute(_IN_ORDER, [list(order_ids)])
    execute("UPDATE orders_orderevent SET seq = -seq WHERE order_id = ANY(%s) AND seq < 0", [list(order_ids)])


def date_invoices(moment: datetime) -> None:
    """Invoices bear the day on which their parcel was packed, and their numbers go up with the days.

    Numbers are shared out anew within each series. What was packed in the financial year before keeps the day of
    `moment`: its number is of this year. There are no invoices but those of the demonstration yet.
    """
    rows = fetch_all(
        """SELECT i.id, i.number, (i.registration_id, i.kind)::text, s.created_at,
            (s.created_at AT TIME ZONE n.time_zone)::date, i.financial_year, i.issued_on
        FROM orders_invoice i
        JOIN fulfillment_shipment s ON s.uid = i.parcel_uid JOIN inventory_node n ON n.id = s.node_id
        ORDER BY i.id"""
    )
    series: dict[tuple[str, int], list[tuple[datetime, int, date, str]]] = {}
    for pk, number, name, packed_at, day, year, issued_on in rows:
        if packed_at > moment or financial_year(day) != year:
            packed_at, day = moment, issued_on
        series.setdefault((name, year), []).append((packed_at, pk, day, number))
    dated = []
    for some in series.values():
        numbers = sorted((row[3] for row in some), key=lambda number: (len(number), number))
        dated += [(pk, old, new, at, day) for (at, pk, day, old), new in zip(sorted(some), numbers, strict=True)]
    if not dated:
        return
    ids, old, new, at, day = (list(column) for column in zip(*dated, strict=True))
    # In two steps: the numbers of a series are unique at every moment.
    execute("UPDATE orders_invoice SET number = '~' || id WHERE id = ANY(%s)", [ids])
    execute(
        """UPDATE orders_invoice i SET number = d.number, created_at = d.at, issued_on = d.day
        FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::date[]) AS d(id, number, at, day)
        WHERE d.id = i.id""",
        [ids, new, at, day],
    )
    execute(
        """UPDATE orders_orderevent e SET message = replace(e.message, d.old, d.new)
        FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS d(id, old, new)
        WHERE e.kind IN ('invoiced', 'invoice_cancelled') AND (e.data->>'invoice')::bigint = d.id""",
        [ids, old, new],
    )


def set_promises(order_ids: Sequence[int], promised_by: Sequence[datetime]) -> None:
    """The dates that the customers of past orders were told; routing is not to see them as missed already."""
    execute(
        """UPDATE orders_order o SET promised_by = p.promised, first_promised_by = p.promised
        FROM unnest(%s::bigint[], %s::timestamptz[]) AS p(id, promised) WHERE o.id = p.id""",
        [list(order_ids), list(promised_by)],
    )


def stamp_bookings(times: Sequence[tuple[int, datetime]]) -> None:
    """Bookings that were written as rows were made then."""
    execute(
        """UPDATE carriers_booking b SET created_at = p.at, booked_at = p.at
        FROM unnest(%s::bigint[], %s::timestamptz[]) AS p(id, at) WHERE b.id = p.id""",
        [[booking_id for booking_id, _ in times], [at for _, at in times]],
    )


def stamp_manifest(manifest_id: int, moment: datetime) -> None:
    """A driver took what is on the manifest then."""
    execute(
        "UPDATE fulfillment_manifest SET created_at = %s - interval '20 minutes', closed_at = %s WHERE id = %s",
        [moment, moment, manifest_id],
    )


def set_back_opening(moment: datetime, actor: str) -> None:
    """The stock of the first day was there before the first order."""
    execute(
        "UPDATE inventory_stockmovement SET occurred_at = %s, recorded_at = %s WHERE reason = 'opening' AND actor = %s",
        [moment, moment, actor],
    )


def set_back_receipt(op_key: str, moment: datetime) -> None:
    """Goods of a past delivery came in then."""
    execute(
        "UPDATE inventory_stockmovement SET occurred_at = %s, recorded_at = %s WHERE op_key = %s",
        [moment, moment, op_key],
    )


def shift_loads(node_ids: Sequence[int], day: object) -> None:
    """Orders that the nodes were given while a past day was loaded were given to them on that day."""
    execute(
        """INSERT INTO routing_nodeload (node_id, day, orders)
        SELECT l.node_id, %s, l.orders FROM routing_nodeload l JOIN inventory_node n ON n.id = l.node_id
        WHERE l.node_id = ANY(%s) AND l.day = (now() AT TIME ZONE n.time_zone)::date AND l.day <> %s
        ON CONFLICT (node_id, day) DO UPDATE SET orders = routing_nodeload.orders + excluded.orders""",
        [day, list(node_ids), day],
    )
    execute(
        """DELETE FROM routing_nodeload l USING inventory_node n
        WHERE n.id = l.node_id AND l.node_id = ANY(%s) AND l.day = (now() AT TIME ZONE n.time_zone)::date
          AND l.day <> %s""",
        [list(node_ids), day],
    )


def newest_ids(tables: Sequence[str]) -> dict[str, int]:
    """The last row of each table."""
    quote = connection.ops.quote_name
    return {name: fetch_all(f"SELECT coalesce(max(id), 0) FROM {quote(name)}")[0][0] for name in tables}  # noqa: S608


def set_back_to(moment: datetime, after: Mapping[str, int], tables: Sequence[tuple[str, tuple[str, ...]]]) -> None:
    """Rows written since `after` (last ids by table) happened just before `moment`, with the same time between them."""
    quote = connection.ops.quote_name
    shift = now() - moment
    for table, columns in tables:
        sets = ", ".join(f"{quote(name)} = {quote(name)} - %s::interval" for name in columns)
        statement = f"UPDATE {quote(table)} SET {sets} WHERE id > %s"  # noqa: S608 - names of this package
        execute(statement, [*[shift] * len(columns), after[table]])
