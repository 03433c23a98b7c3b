"""No carrier is called while a transaction is open: rows would stay locked, and a rollback would forget the call."""

from __future__ import annotations

from django.db import transaction


class NetworkInsideTransaction(RuntimeError):
    """A programming error: a service that calls a carrier was called inside a transaction."""


def refuse_open_transaction(what: str) -> None:
    """Raise NetworkInsideTransaction when a transaction is open; the one that a test wraps itself in does not count."""
    try:
        with transaction.atomic(durable=True, savepoint=False):
            pass
    except RuntimeError as error:
        raise NetworkInsideTransaction(
            f"{what} calls a carrier and must not run inside a transaction. Call it from a step that opens none."
        ) from error
