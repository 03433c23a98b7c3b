"""Months of the ledger: made before they begin, written to a file and taken out when nobody asks for them any more."""

from __future__ import annotations

import csv
import gzip
import hashlib
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import IO

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import connection

from inventory.models import LedgerArchive
from inventory.selectors.ledger import BALANCES, change_sql
from oms.core.clock import now
from oms.core.db import execute, fetch_all, run_atomic
from oms.core.errors import Conflict, DomainError

#: Months of the ledger that are made ahead, so that a schedule that stands still for a while does no harm.
MONTHS_AHEAD = 3
#: The youngest months stay: screens and audits look at them all the time.
LEAST_MONTHS_KEPT = 3


def ensure_ledger_months() -> int:
    """Make the parts of the ledger for this month and the next three; how many were made."""
    return int(run_atomic(lambda: fetch_all("SELECT inventory_ensure_ledger_months(%s)", [MONTHS_AHEAD]))[0][0])


def part_of(month: date) -> str:
    """The table that holds the postings of a month."""
    return f"inventory_stockmovement_{month:%Y_%m}"


def months_of_ledger() -> list[date]:
    """The months whose postings are in the database, oldest first."""
    rows = fetch_all(
        """SELECT to_date(right(child.relname, 7), 'YYYY_MM') FROM pg_inherits
        JOIN pg_class child ON child.oid = inhrelid
        WHERE inhparent = 'inventory_stockmovement'::regclass AND child.relname ~ '_\\d{4}_\\d{2}$' ORDER BY 1"""
    )
    return [row[0] for row in rows]


def archive_month(month: date, *, actor: str) -> LedgerArchive:
    """Write the postings of the oldest month to a file, bring its balances forward, and take it out of the database.

    Every balance stays explainable: what was archived is the first line of each ledger, and the file (gzip of CSV, one
    posting a row, ordered by id) is kept with its SHA-256. Raises DomainError for a month that is not the oldest or too
    young, and Conflict where postings were added while it was being written.
    """
    month = month.replace(day=1)
    _require_oldest(month)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"ledger-{month:%Y-%m}.csv.gz"
        postings, digest = _write(month, path)
        with path.open("rb") as content:
            name = default_storage.save(f"ledger/{path.name}", File(content))
    try:
        return run_atomic(lambda: _take_out(month, postings, digest, name, actor))
    except BaseException:
        default_storage.delete(name)
        raise


def _require_oldest(month: date) -> None:
    months = months_of_ledger()
    if not months or months[0] != month:
        oldest = f"{months[0]:%Y-%m}" if months else "none"
        raise DomainError(f"{month:%Y-%m} is not the oldest month of the ledger: that is {oldest}.", field="month")
    today = now().date()
    age = (today.year - month.year) * 12 + today.month - month.month
    if age <= LEAST_MONTHS_KEPT:
        raise DomainError(f"{month:%Y-%m} is too young: the last {LEAST_MONTHS_KEPT} whole months stay.", field="month")


def _write(month: date, path: Path) -> tuple[int, str]:
    """The postings of the month into the file; how many, and the SHA-256 of the file."""
    rows = f"SELECT * FROM {part_of(month)} ORDER BY id"  # noqa: S608 - the name of a month's table
    copy = f"COPY ({rows}) TO STDOUT (FORMAT csv, HEADER)"
    with connection.cursor() as cursor, gzip.open(path, "wb") as target, cursor.copy(copy) as blocks:
        for block in blocks:
            target.write(block)
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    # The header is no posting; a note may hold a line break, so the lines are read as CSV.
    with gzip.open(path, "rt", newline="") as text:
        return sum(1 for _ in csv.reader(text)) - 1, digest


def _closing_sql(part: str) -> str:
    sums = ", ".join(f"sum({change_sql(bucket)})" for bucket in BALANCES)
    adds = ", ".join(f"{bucket} = closing.{bucket} + excluded.{bucket}" for bucket in BALANCES)
    return f"""
    INSERT INTO inventory_ledgerclosing AS closing
        (sku_id, node_id, lot_id, {", ".join(BALANCES)}, postings, until)
    SELECT sku_id, node_id, lot_id, {sums}, count(*), %(until)s::date FROM (
        SELECT sku_id, node_id, NULL::bigint AS lot_id, from_bucket, to_bucket, quantity FROM {part}
        UNION ALL
        SELECT sku_id, node_id, lot_id, from_bucket, to_bucket, quantity FROM {part} WHERE lot_id IS NOT NULL
    ) AS posting
    GROUP BY sku_id, node_id, lot_id
    ON CONFLICT (sku_id, node_id, lot_id) DO UPDATE
    SET {adds}, postings = closing.postings + excluded.postings, until = excluded.until
    """  # noqa: S608 - the name of a month's table and names of buckets are put in


def _take_out(month: date, postings: int, digest: str, name: str, actor: str) -> LedgerArchive:
    part = part_of(month)
    until = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
    execute("SET LOCAL statement_timeout = 0")
    execute(f"ALTER TABLE inventory_stockmovement DETACH PARTITION {part}")
    there = fetch_all(f"SELECT count(*) FROM {part}")[0][0]  # noqa: S608 - the name of a month's table
    if there != postings:
        raise Conflict(f"{there} postings are in {month:%Y-%m}, {postings} were written. Try again.")
    execute(_closing_sql(part), {"until": until})
    execute(f"DROP TABLE {part}")
    return LedgerArchive.objects.create(
        month=month, postings=postings, file=name, sha256=digest, archived_by=actor[:120]
    )


def read_archive(archive: LedgerArchive, *, sku_id: int, node_id: int) -> Iterator[dict[str, str]]:
    """The archived postings of a SKU at a node, oldest first, as the columns of the file. Reads the file through."""
    with archive.file.open("rb") as raw, gzip.open(raw, "rt", newline="") as text:
        yield from _matching(text, str(sku_id), str(node_id))


def read_archived_lot(archive: LedgerArchive, *, lot_id: int) -> Iterator[dict[str, str]]:
    """The archived postings of a lot at all nodes, oldest first, as `read_archive`. Reads the file through."""
    wanted = str(lot_id)
    with archive.file.open("rb") as raw, gzip.open(raw, "rt", newline="") as text:
        yield from (row for row in csv.DictReader(text) if row["lot_id"] == wanted)


def _matching(text: IO[str], sku_id: str, node_id: str) -> Iterator[dict[str, str]]:
    for row in csv.DictReader(text):
        if row["sku_id"] == sku_id and row["node_id"] == node_id:
            yield row
