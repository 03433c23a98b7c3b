"""Same key and same body: the same reply. Same key, other body: refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, OperationalError, transaction

from oms.core.db import is_lock_timeout
from oms.core.errors import Conflict, StillBusy
from oms.core.models import IdempotencyKey


def body_hash(body: Any) -> str:
    """SHA-256 of bytes, or of the canonical JSON of anything else."""
    raw = body if isinstance(body, bytes) else json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(raw).hexdigest()


def once(*, principal: str, key: str, body: Any, work: Callable[[], tuple[int, Any]]) -> tuple[int, Any, bool]:
    """Run `work` once for (principal, key): returns (status, response, replayed).

    The key, the work and the reply commit in one transaction, so a crash leaves none of them and a retry starts
    afresh. A second caller with the same key waits for the first and gets its reply. Raises Conflict when the same
    key comes with another body.
    """
    digest = body_hash(body)
    try:
        with transaction.atomic():
            with transaction.atomic():
                row = IdempotencyKey.objects.create(principal=principal, key=key, body_hash=digest)
            status, response = work()
            IdempotencyKey.objects.filter(pk=row.pk).update(status=status, response=response)
            return status, response, False
    except IntegrityError as error:
        stored = IdempotencyKey.objects.filter(principal=principal, key=key).first()
        if stored is None:
            raise
        if stored.body_hash != digest:
            raise Conflict(
                f"Idempotency key {key!r} was used before with another body. Use a new key for a new request.",
                field="Idempotency-Key",
            ) from error
        return int(stored.status or 200), stored.response, True


@contextmanager
def busy_after_lock_timeout(message: str, *, field: str = "") -> Iterator[None]:
    """Around a write with its retries: raises StillBusy with this message where the last one waited in vain."""
    try:
        yield
    except OperationalError as error:
        if not is_lock_timeout(error):
            raise
        raise StillBusy(message, field=field) from error
