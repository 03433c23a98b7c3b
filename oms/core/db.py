"""Transactions: bounded retries, and rows in and out of set-based SQL."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import Cursor

T = TypeVar("T")

#: serialization_failure, deadlock_detected, lock_not_available
RETRYABLE_SQLSTATES = frozenset({"40001", "40P01", "55P03"})
MAX_ATTEMPTS = 5


def is_retryable(error: BaseException) -> bool:
    """True for errors after which the same transaction may succeed: deadlock, serialization, lock, lost connection."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, OperationalError):
        return False
    sqlstate = getattr(error.__cause__, "sqlstate", None)
    return sqlstate is None or sqlstate in RETRYABLE_SQLSTATES or sqlstate.startswith(("08", "57P"))


def run_atomic(work: Callable[[], T]) -> T:
    """Run `work` in one transaction, again from the start (at most five times) after a retryable error.

    Inside an open transaction it just joins it: the outermost caller retries. `work` must be idempotent.
    """
    if connection.in_atomic_block:
        return work()
    attempt = 0
    while True:
        attempt += 1
        try:
            with transaction.atomic():
                return work()
        except (OperationalError, InterfaceError) as error:
            if attempt >= MAX_ATTEMPTS or not is_retryable(error):
                raise
            connection.close_if_unusable_or_obsolete()
            time.sleep(random.uniform(0.005, 0.02) * 2**attempt)


def _cursor() -> CursorWrapper:
    """A cursor that binds its parameters in the server, so that a statement seen before is not planned again.

    Planning the large statements of the hot path costs more than running them for one order. Django's own cursor puts
    the parameters into the text, which makes every text new.
    """
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    cursor = Cursor(connection.connection)
    make = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    return make(cast("CursorWrapper", cursor))


def fetch_all(sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
    """Rows of one statement."""
    with _cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def fetch_dicts(sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> list[dict[str, Any]]:
    """Rows of one statement, by column name."""
    with _cursor() as cursor:
        cursor.execute(sql, params)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def execute(sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> int:
    """Run one statement; the number of rows it touched."""
    with _cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)
