"""Writes of the store screens: a form or a scan that arrives twice does its work once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from oms.core.db import run_atomic
from oms.core.idempotency import once

#: Fields of a form that do not belong to what it asks for.
_NOT_CONTENT = frozenset({"csrfmiddlewaretoken", "idempotency_key"})


def once_per_form(request: HttpRequest, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run `work` in one transaction, once for the form's idempotency key; a repetition gets the first answer.

    Raises Conflict when the same key comes with other content: a page that was changed after it had been sent.
    """
    key = request.POST.get("idempotency_key", "")[:60]
    if not key:
        return run_atomic(work)
    fields = sorted((name, values) for name, values in request.POST.lists() if name not in _NOT_CONTENT)
    body = {"path": request.get_full_path(), "fields": fields}
    _, answer, _ = run_atomic(
        lambda: once(principal=f"user:{request.user.pk}", key=key, body=body, work=lambda: (200, work()))
    )
    return dict(answer)
