"""What the auditor compares: every stored number with the rows below it, inside the database and in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from inventory.selectors.ledger import BALANCES, change_sql

#: Differences read from the server at a time.
CHUNK_ROWS = 1000
#: Memory that one sort or hash of a comparison may take on the server before it goes to disk.
WORK_MEM = "64MB"


@dataclass(frozen=True, slots=True)
class Difference:
    """A stored number that is not what the rows below it add up to. `subject` names the lot, line or serial number."""

    sku_id: int
    node_id: int | None
    what: str
    subject: str
    stored: int
    computed: int


_BOTH = ", ".join(f"('{name}', level.{name}, coalesce(summed.{name}, 0) + coalesce(closed.{name}, 0))"
                  for name in BALANCES)  # fmt: skip
_SUMS = ", ".join(f"sum({change_sql(name)}) AS {name}" for name in BALANCES)

#: Every balance of every stock level against the ledger.
BALANCES_SQL = f"""
WITH summed AS (
    SELECT sku_id, node_id, {_SUMS} FROM inventory_stockmovement GROUP BY sku_id, node_id
),
closed AS (SELECT * FROM inventory_ledgerclosing WHERE lot_id IS NULL),
level AS (
    SELECT sku_id, node_id, {", ".join(f"coalesce(level.{name}, 0) AS {name}" for name in BALANCES)}
    FROM inventory_stocklevel level FULL JOIN (SELECT sku_id, node_id FROM summed) AS posted USING (sku_id, node_id)
)
SELECT sku_id, node_id, pair.what, '' AS subject, pair.stored::bigint, pair.computed::bigint
FROM level LEFT JOIN summed USING (sku_id, node_id) LEFT JOIN closed USING (sku_id, node_id)
CROSS JOIN LATERAL (VALUES {_BOTH}) AS pair(what, stored, computed)
WHERE pair.stored <> pair.computed
"""  # noqa: S608 - only names of buckets are put in

#: Reserved units of every stock level against the open reservations.
RESERVED_SQL = """
WITH claimed AS (
    SELECT sku_id, node_id, sum(open_quantity) AS total FROM inventory_reservation WHERE open_quantity > 0 GROUP BY 1, 2
)
SELECT sku_id, node_id, 'open reservations' AS what, '' AS subject, coalesce(level.reserved, 0)::bigint AS stored,
    coalesce(claimed.total, 0)::bigint AS computed
FROM inventory_stocklevel level FULL JOIN claimed USING (sku_id, node_id)
WHERE coalesce(level.reserved, 0) <> coalesce(claimed.total, 0)
"""

_LOT_BALANCES = ("on_hand", "packed", "damaged", "quarantine")
_LOT_BOTH = ", ".join(f"('lot ' || '{name}', level.{name}, coalesce(summed.{name}, 0) + coalesce(closed.{name}, 0))"
                      for name in _LOT_BALANCES)  # fmt: skip

#: Every balance of every lot against the ledger.
LOTS_SQL = f"""
WITH summed AS (
    SELECT lot_id, node_id, {", ".join(f"sum({change_sql(name)}) AS {name}" for name in _LOT_BALANCES)}
    FROM inventory_stockmovement WHERE lot_id IS NOT NULL GROUP BY lot_id, node_id
),
closed AS (SELECT * FROM inventory_ledgerclosing WHERE lot_id IS NOT NULL),
level AS (
    SELECT lot_id, node_id, {", ".join(f"coalesce(level.{name}, 0) AS {name}" for name in _LOT_BALANCES)}
    FROM inventory_lotlevel level FULL JOIN (SELECT lot_id, node_id FROM summed) AS posted USING (lot_id, node_id)
)
SELECT lot.sku_id, level.node_id, pair.what, lot.code AS subject, pair.stored::bigint, pair.computed::bigint
FROM level JOIN inventory_lot lot ON lot.id = level.lot_id LEFT JOIN summed USING (lot_id, node_id)
LEFT JOIN closed ON closed.lot_id = level.lot_id AND closed.node_id = level.node_id
CROSS JOIN LATERAL (VALUES {_LOT_BOTH}) AS pair(what, stored, computed)
WHERE pair.stored <> pair.computed
"""  # noqa: S608 - only names of buckets are put in

_TRACKED = ", ".join(f"('{{}} {name}', level.{name}, coalesce(told.{name}, 0))" for name in _LOT_BALANCES)

#: The balances of SKUs that are kept by lot against the sum of their lots.
SUM_OF_LOTS_SQL = f"""
WITH told AS (
    SELECT lot.sku_id, level.node_id, {", ".join(f"sum(level.{name}) AS {name}" for name in _LOT_BALANCES)}
    FROM inventory_lotlevel level JOIN inventory_lot lot ON lot.id = level.lot_id GROUP BY 1, 2
)
SELECT level.sku_id, level.node_id, pair.what, '' AS subject, pair.stored::bigint, pair.computed::bigint
FROM inventory_sku sku JOIN inventory_stocklevel level ON level.sku_id = sku.id
LEFT JOIN told ON told.sku_id = level.sku_id AND told.node_id = level.node_id
CROSS JOIN LATERAL (VALUES {_TRACKED.replace("{}", "lots")}) AS pair(what, stored, computed)
WHERE sku.tracking = 'lot' AND pair.stored <> pair.computed
"""  # noqa: S608 - only names of buckets are put in

_PLACES = ", ".join(f"count(*) FILTER (WHERE bucket = '{name}') AS {name}" for name in _LOT_BALANCES)

#: The balances of SKUs that are kept by serial number against where their serial numbers are.
SUM_OF_SERIALS_SQL = f"""
WITH told AS (
    SELECT sku_id, node_id, {_PLACES}
    FROM inventory_serialnumber WHERE node_id IS NOT NULL GROUP BY 1, 2
)
SELECT level.sku_id, level.node_id, pair.what, '' AS subject, pair.stored::bigint, pair.computed::bigint
FROM inventory_sku sku JOIN inventory_stocklevel level ON level.sku_id = sku.id
LEFT JOIN told ON told.sku_id = level.sku_id AND told.node_id = level.node_id
CROSS JOIN LATERAL (VALUES {_TRACKED.replace("{}", "serial numbers")}) AS pair(what, stored, computed)
WHERE sku.tracking = 'serial' AND pair.stored <> pair.computed
"""  # noqa: S608 - only names of buckets are put in

#: Each serial number against the last posting of it: 1 stands for being where that posting put it.
SERIALS_SQL = """
SELECT serial.sku_id, serial.node_id, 'place of serial number' AS what, serial.number AS subject, 0::bigint AS stored,
    1::bigint AS computed
FROM inventory_serialnumber serial JOIN (
    SELECT DISTINCT ON (serial_id) serial_id, node_id, to_bucket FROM inventory_stockmovement
    WHERE serial_id IS NOT NULL ORDER BY serial_id, id DESC
) AS last ON last.serial_id = serial.id
WHERE serial.bucket <> last.to_bucket OR (serial.node_id IS NOT NULL AND serial.node_id <> last.node_id)
"""

#: Inbound units of every stock level against the documents that expect them.
INBOUND_SQL = """
WITH expected AS (
    SELECT sku_id, node_id, sum(units) AS total FROM (
        SELECT line.sku_id, document.node_id, line.open_quantity AS units
        FROM inventory_purchaseorderline line JOIN inventory_purchaseorder document ON document.id = line.order_id
        WHERE document.state IN ('placed', 'partial') AND line.open_quantity > 0
        UNION ALL
        SELECT line.sku_id, document.to_node_id, line.in_transit_quantity
        FROM inventory_transferline line JOIN inventory_transfer document ON document.id = line.transfer_id
        WHERE line.in_transit_quantity > 0
    ) AS awaited GROUP BY 1, 2
)
SELECT sku_id, node_id, 'expected by documents' AS what, '' AS subject, coalesce(level.inbound, 0)::bigint AS stored,
    coalesce(expected.total, 0)::bigint AS computed
FROM inventory_stocklevel level FULL JOIN expected USING (sku_id, node_id)
WHERE coalesce(level.inbound, 0) <> coalesce(expected.total, 0)
"""

#: What a transfer takes from one node is inbound at the other in the same moment: in transit are only the goods of
#: orders that are carried to the store of collection.
TRANSIT_SQL = f"""
WITH told AS (
    SELECT sku_id, sum({change_sql("transit")})::bigint AS total
    FROM inventory_stockmovement WHERE 'transit' IN (from_bucket, to_bucket) GROUP BY sku_id
),
carried AS (SELECT sku_id, sum(in_transit) AS total FROM inventory_carriedgoods WHERE in_transit > 0 GROUP BY sku_id)
SELECT sku_id, NULL::bigint AS node_id, 'in transit' AS what, '' AS subject, coalesce(told.total, 0)::bigint,
    coalesce(carried.total, 0)::bigint AS computed
FROM told FULL JOIN carried USING (sku_id)
WHERE coalesce(told.total, 0) <> coalesce(carried.total, 0)
"""  # noqa: S608 - only names of buckets are put in

#: Units that transfers have claimed against the open reservations of their lines.
TRANSFERS_SQL = """
WITH wanted AS (
    SELECT line.uid, line.sku_id, document.from_node_id AS node_id, document.number,
        CASE document.state WHEN 'reserved' THEN line.quantity WHEN 'picked' THEN line.picked_quantity ELSE 0 END
            AS units
    FROM inventory_transferline line JOIN inventory_transfer document ON document.id = line.transfer_id
),
claimed AS (
    SELECT line_uid, sum(open_quantity) AS total FROM inventory_reservation
    WHERE open_quantity > 0 AND purpose = 'transfer' GROUP BY 1
)
SELECT wanted.sku_id, wanted.node_id, 'reserved by transfer' AS what, wanted.number AS subject,
    coalesce(claimed.total, 0)::bigint AS stored, wanted.units::bigint AS computed
FROM wanted LEFT JOIN claimed ON claimed.line_uid = wanted.uid
WHERE wanted.units <> coalesce(claimed.total, 0)
"""

#: The comparisons within the stock room. Each gives the columns of Difference.
CHECKS: tuple[str, ...] = (
    BALANCES_SQL, RESERVED_SQL, LOTS_SQL, SUM_OF_LOTS_SQL, SUM_OF_SERIALS_SQL, SERIALS_SQL, INBOUND_SQL, TRANSIT_SQL,
    TRANSFERS_SQL,
)  # fmt: skip


@dataclass(slots=True)
class Compared:
    """How much one run looked at."""

    levels: int = 0
    postings: int = 0


def iter_differences(compared: Compared, *, more: Sequence[str] = ()) -> Iterator[Difference]:
    """Every difference there is, of all CHECKS and of `more` like them, as of one moment whatever is posted meanwhile.

    The comparisons run inside the database and their results come through a server-side cursor, so memory stays bounded
    here and there however long the ledger is. `compared` is filled in before the first difference.
    """
    inside = connection.in_atomic_block
    with transaction.atomic():
        with connection.cursor() as cursor:
            if not inside:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SELECT set_config('work_mem', %s, true), set_config('statement_timeout', '0', true)",
                           [WORK_MEM])  # fmt: skip
            cursor.execute("SELECT (SELECT count(*) FROM inventory_stocklevel), "
                           "(SELECT count(*) FROM inventory_stockmovement)")  # fmt: skip
            compared.levels, compared.postings = cursor.fetchone()
        for number, sql in enumerate((*CHECKS, *more)):
            with connection.connection.cursor(name=f"audit_{number}") as cursor:
                cursor.itersize = CHUNK_ROWS
                cursor.execute(sql)
                for row in cursor:
                    yield Difference(*row)
