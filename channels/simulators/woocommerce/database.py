"""The store's memory: JSON documents in one SQLite file, so that a restart keeps everything."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

Doc = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sequence (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS product (
    id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL, kind TEXT NOT NULL, sku TEXT NOT NULL, state TEXT NOT NULL,
    sellable INTEGER NOT NULL, stock INTEGER, modified TEXT NOT NULL, doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS product_sku ON product (sku);
CREATE INDEX IF NOT EXISTS product_parent ON product (parent_id, id);
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY, state TEXT NOT NULL, created TEXT NOT NULL, modified TEXT NOT NULL, doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS orders_modified ON orders (modified);
CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS note_order ON note (order_id);
CREATE TABLE IF NOT EXISTS refund (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS refund_order ON refund (order_id);
CREATE TABLE IF NOT EXISTS webhook (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, state TEXT NOT NULL, secret TEXT NOT NULL, failures INTEGER NOT NULL,
    doc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY, webhook_id INTEGER NOT NULL, resource_id INTEGER NOT NULL, body BLOB,
    due REAL NOT NULL, attempts INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (due);
CREATE TABLE IF NOT EXISTS intention (
    id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, action TEXT NOT NULL, due REAL NOT NULL);
CREATE INDEX IF NOT EXISTS intention_due ON intention (due);
"""


class Database:
    """One connection behind one lock: the store answers one request after the other, like one PHP worker."""

    def __init__(self, path: str = ":memory:") -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file. Later calls fail."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Inner transactions belong to the outermost one."""
        with self._lock:
            if self._depth:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            else:
                self._connection.execute("COMMIT")
            finally:
                self._depth -= 1

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Execute one statement and return the number of rows it changed."""
        with self._lock:
            return self._connection.execute(sql, values).rowcount

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row of a query, None where there is none."""
        with self._lock:
            found: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
            return found

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first column of the first row, None where there is none."""
        found = self.row(sql, values)
        return found[0] if found is not None else None

    def next_id(self, name: str, first: int = 1) -> int:
        """The next number of a sequence. Numbers of a transaction that was rolled back are used again."""
        sql = (
            "INSERT INTO sequence (name, value) VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
        )
        with self._lock:
            return int(self.value(sql, (name, first)))

    def setting(self, name: str, default: Any = None) -> Any:
        """A setting that outlives a restart."""
        found = self.value("SELECT value FROM setting WHERE name = ?", (name,))
        return default if found is None else json.loads(found)

    def set_setting(self, name: str, value: Any) -> None:
        """Keep a setting."""
        self.run(
            "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, json.dumps(value)),
        )

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter that `/_sim/state` shows."""
        with self.transaction():
            self.set_setting(f"count.{name}", self.setting(f"count.{name}", 0) + by)
