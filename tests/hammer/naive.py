"""The control: a shop that reads, checks and writes, as many do. It oversells, and the hammer has to see it.

A WSGI application by itself, on the hammer's database, with a table of its own. Nothing of the product is in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from threading import local
from typing import Any
from uuid import uuid4

import psycopg

TABLES = """
CREATE TABLE IF NOT EXISTS hammer_naive_stock (sku text PRIMARY KEY, units integer NOT NULL);
CREATE TABLE IF NOT EXISTS hammer_naive_sale (id uuid PRIMARY KEY, sku text NOT NULL, buyer text NOT NULL);
"""
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
_kept = local()


def connection() -> psycopg.Connection[tuple[Any, ...]]:
    """This thread's connection; each statement commits by itself."""
    if getattr(_kept, "connection", None) is None:
        _kept.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    found: psycopg.Connection[tuple[Any, ...]] = _kept.connection
    return found


def buy(sku: str, buyer: str) -> bool:
    """Sell one unit where the stock that was read says that there is one."""
    database = connection()
    row = database.execute("SELECT units FROM hammer_naive_stock WHERE sku = %s", [sku]).fetchone()
    units = row[0] if row else 0
    if units < 1:
        return False
    database.execute("INSERT INTO hammer_naive_sale (id, sku, buyer) VALUES (%s, %s, %s)", [uuid4(), sku, buyer])
    database.execute("UPDATE hammer_naive_stock SET units = %s WHERE sku = %s", [units - 1, sku])
    return True


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """POST a JSON object with `sku` and `buyer`: 201 where it was sold, 409 where nothing is left."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if not length:
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b"{}"]
    order = json.loads(environ["wsgi.input"].read(length))
    sold = buy(order["sku"], order["buyer"])
    reply = b"{}" if sold else b'{"code": "not_enough_stock"}'
    start_response("201 Created" if sold else "409 Conflict", [("Content-Type", "application/json")])
    return [reply]
