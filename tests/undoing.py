"""Rows that a whole module of tests shares, and what one test did taken back before the next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction


@contextmanager
def wrapped() -> Iterator[None]:
    """A transaction that is taken back in the end and that the code in it does not see, as in Django's TestCase."""
    atomic: Any = transaction.atomic()
    atomic._from_testcase = True
    with atomic:
        yield
        transaction.set_rollback(True)
