"""Transactions: bounded retries, and rows in and out of set-based SQL."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar, cast

from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.db.backends.utils import CursorWrapper
from psycopg import RawCursor

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


def is_lock_timeout(error: OperationalError) -> bool:
    """True where somebody else held a lock for longer than this process waits."""
    return getattr(error.__cause__, "sqlstate", None) == "55P03"


def run_statement(work: Callable[[], T]) -> T:
    """As `run_atomic`, for work that is a single statement: the server makes it a transaction by itself."""
    return _again(work, work)


def run_atomic(work: Callable[[], T]) -> T:
    """Run `work` in one transaction, again from the start (at most five times) after a retryable error.

    Inside an open transaction it just joins it: the outermost caller retries. `work` must be idempotent.
    """
    return _again(work, lambda: _in_transaction(work))


def _in_transaction(work: Callable[[], T]) -> T:
    with transaction.atomic():
        return work()


@contextmanager
def read_only() -> Iterator[None]:
    """One picture of the database, in which the database itself refuses every write (25006).

    Inside an open transaction the refusal ends with the block, and the picture is that of the transaction.
    """
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        execute(f"SET TRANSACTION {'ISOLATION LEVEL REPEATABLE READ, ' if outermost else ''}READ ONLY")
        yield


def _again(inside: Callable[[], T], alone: Callable[[], T]) -> T:
    """`inside` where a transaction is open, else `alone`, repeated after retryable errors."""
    if connection.in_atomic_block:
        return inside()
    attempt = 0
    while True:
        attempt += 1
        try:
            return alone()
        except (OperationalError, InterfaceError) as error:
            if attempt >= MAX_ATTEMPTS or not is_retryable(error):
                raise
            connection.close_if_unusable_or_obsolete()
            time.sleep(random.uniform(0.005, 0.02) * 2**attempt)


_PLACEHOLDER = re.compile(r"%(?:\((\w+)\)s|(s)|(%))")


@lru_cache(maxsize=1000)
def _numbered(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with $1, $2 ... for its placeholders, and the names they had; no names for plain %s.

    As bytes, whose hash Python keeps: the driver looks its prepared statements up by them.
    """
    names: dict[str, int] = {}
    count = 0

    def number(found: re.Match[str]) -> str:
        nonlocal count
        name, plain, _ = found.groups()
        if plain:
            count += 1
            return f"${count}"
        return f"${names.setdefault(name, len(names) + 1)}" if name else "%"

    return _PLACEHOLDER.sub(number, sql).encode(), tuple(names)


def _run(sql: str, params: Sequence[Any] | dict[str, Any]) -> CursorWrapper:
    """Run a statement with its parameters bound in the server, so that one seen before is not planned again.

    Planning the large statements of the hot path costs more than running them for one order. Django's own cursor puts
    the parameters into the text, which makes every text new.
    """
    database = connections[DEFAULT_DB_ALIAS]
    database.close_if_health_check_failed()
    database.ensure_connection()
    logged = database.queries_logged
    make = database.make_debug_cursor if logged else database.make_cursor
    cursor = make(cast("CursorWrapper", RawCursor(database.connection)))
    text, names = _numbered(sql)
    values = [params[name] for name in names] if isinstance(params, dict) else params or None
    cursor.execute(text.decode() if logged else cast("str", text), values)
    return cursor


def bigints(ids: Iterable[int]) -> str:
    """Ids as the text of a `bigint[]` parameter, for hot statements: the driver takes several times as long for a list.

    The statement must cast it (`%(ids)s::bigint[]`).
    """
    return f"{{{','.join(map(str, ids))}}}"


def _run_anew(sql: str, params: Sequence[Any] | dict[str, Any]) -> CursorWrapper:
    """Run a statement with its parameters in the text, so that it is planned for them."""
    cursor = connection.cursor()
    cursor.execute(sql, params)
    return cursor


def fetch_all(
    sql: str, params: Sequence[Any] | dict[str, Any] = (), *, planned_anew: bool = False
) -> list[tuple[Any, ...]]:
    """Rows of one statement.

    With `planned_anew` it is planned for these very parameters each time: where some keys have ten thousand times the
    rows of others, the plan that is good for the average key is a bad one for them.
    """
    with _run_anew(sql, params) if planned_anew else _run(sql, params) as cursor:
        return list(cursor.fetchall())


def stream(sql: str, params: Sequence[Any] | dict[str, Any] = (), *, size: int = 2_000) -> Iterator[tuple[Any, ...]]:
    """Rows of one statement as they are asked for: they stay in the server, and `size` of them are here at a time.

    Planned for these very parameters. Outside of a transaction the server keeps all rows until the last was read.
    """
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, params)
        while rows := cursor.fetchmany(size):
            yield from rows


def fetch_dicts(
    sql: str, params: Sequence[Any] | dict[str, Any] = (), *, planned_anew: bool = False
) -> list[dict[str, Any]]:
    """Rows of one statement, by column name. `planned_anew` as for `fetch_all`."""
    with _run_anew(sql, params) if planned_anew else _run(sql, params) as cursor:
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def execute(sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> int:
    """Run one statement; the number of rows it touched."""
    with _run(sql, params) as cursor:
        return int(cursor.rowcount)
