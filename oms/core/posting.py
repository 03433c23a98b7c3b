"""Writes that a form asks for: each once, however often the form arrives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from oms.core.db import run_atomic
from oms.core.errors import StillBusy
from oms.core.idempotency import body_hash, busy_after_lock_timeout, once

#: The hidden field that names one sending of a form.
KEY_FIELD = "idempotency_key"
#: Fields of a form that do not belong to what it asks for.
_NOT_CONTENT = frozenset({"csrfmiddlewaretoken", KEY_FIELD})
_KEPT = "_kept_idempotency_key"


def once_per_form(
    request: HttpRequest, work: Callable[[], dict[str, Any]], *, one_action: bool = False, part: str = ""
) -> dict[str, Any]:
    """Run `work` once for the form's idempotency key and content, and give that answer to every repetition.

    `work` runs in a transaction with its key and returns what the answer needs. A form without a key just runs. The
    content is part of the key: a page has one key for several actions, and each of them is a write of its own. Where
    the form is for one action only (`one_action`), other content with the same key is a page that was changed after it
    had been sent, and raises Conflict. A form that asks for many writes calls this for each and names it by `part` (at
    most 70 characters): each is then a write and a transaction of its own. Raises StillBusy where the first sending, or
    somebody else's change of the same, outlasts every wait for it.
    """
    key = request.POST.get(KEY_FIELD, "")[:60]
    try:
        with busy_after_lock_timeout(still_busy_text()):
            return _once(request, key, work, one_action, part) if key else run_atomic(work)
    except StillBusy:
        keep_key(request)
        raise


def _once(
    request: HttpRequest, key: str, work: Callable[[], dict[str, Any]], one_action: bool, part: str
) -> dict[str, Any]:
    content = sorted((name, values) for name, values in request.POST.lists() if name not in _NOT_CONTENT)
    body = {"path": request.get_full_path(), "fields": content}
    caller = f"user:{request.user.pk}"
    key = f"{key}/{part}" if part else key
    full_key = key if one_action else f"{key}/{body_hash(body)}"
    _status, answer, _again = run_atomic(
        lambda: once(principal=caller, key=full_key, body=body, work=lambda: (200, work()))
    )
    return dict(answer)


def still_busy_text() -> str:
    """What a person is told whose write waited in vain for another one."""
    return _("Somebody is changing the same at this moment, so this was not done. Try again in a few seconds.")


def keep_key(request: HttpRequest) -> None:
    """Let the answer carry the key that came: should the first sending go through after all, a second is none."""
    setattr(request, _KEPT, request.POST.get(KEY_FIELD, "")[:60])


def kept_key(request: HttpRequest | None) -> str:
    """The key that forms of this answer go on with; empty where each gets a new one."""
    return getattr(request, _KEPT, "")


def sent_fields(request: HttpRequest) -> list[tuple[str, str]]:
    """What a form of ours sent, to offer it again as it is; empty without a key, and with files, which cannot be."""
    if KEY_FIELD not in request.POST or request.FILES:
        return []
    return [(name, value) for name, values in request.POST.lists() for value in values if name != "csrfmiddlewaretoken"]
