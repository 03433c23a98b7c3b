"""Answering writes: the same form sent twice does its work once; with scripts a fragment, without them a redirect."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from oms.core.db import run_atomic
from oms.core.idempotency import body_hash, once

#: Fields of a form that do not belong to what it asks for.
_NOT_CONTENT = frozenset({"csrfmiddlewaretoken", "idempotency_key"})


def once_per_form(request: HttpRequest, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run `work` once for the form's idempotency key and content, and give that answer to every repetition.

    `work` runs in a transaction with its key and returns what the answer needs. A form without a key just runs. The
    content is part of the key: a list has one form for several actions, and each of them is a write of its own.
    """
    key = request.POST.get("idempotency_key", "")[:60]
    if not key:
        return work()
    content = sorted((name, values) for name, values in request.POST.lists() if name not in _NOT_CONTENT)
    body = {"path": request.path, "fields": content}
    caller = f"user:{request.user.pk}"
    full_key = f"{key}/{body_hash(body)}"
    _, answer, _ = run_atomic(lambda: once(principal=caller, key=full_key, body=body, work=lambda: (200, work())))
    return dict(answer)


def is_fragment(request: HttpRequest) -> bool:
    """The answer goes into a page that is open, not into a new one."""
    return bool(request.headers.get("HX-Request")) and not request.headers.get("HX-Boosted")


def with_toast(response: HttpResponse, text: str, *, undo_url: str = "") -> HttpResponse:
    """Add a message of success, with an Undo where there is a way back. Non-ASCII is escaped for the header."""
    toast = {"text": text, "tone": "good"} | ({"undo_url": undo_url} if undo_url else {})
    response["HX-Trigger"] = json.dumps({"toast": toast, "dialog:close": True, "oms:changed": True})
    return response


def into_modal(response: HttpResponse) -> HttpResponse:
    """Show a refused form in the dialog it came from, whatever part of the page it wanted to change."""
    response["HX-Retarget"] = "#modal-body"
    response["HX-Reswap"] = "innerHTML"
    return response
