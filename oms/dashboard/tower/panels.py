"""Parts of the tower that refresh themselves: the same renderer for the page and for each later look.

A part carries a fingerprint of what it shows. Asked again with that fingerprint it answers 204, and nothing moves on
the screen. A part that cannot be computed says so in its own place and leaves the others alone.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

logger = logging.getLogger(__name__)

Context = Callable[[HttpRequest], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Panel:
    """One refreshing part: where it lives, how often it looks, what it shows."""

    name: str
    url: str
    seconds: int
    template: str
    context: Context


def render_panel(request: HttpRequest, panel: Panel) -> SafeString:
    """The part as it stands in the page, with its fingerprint."""
    body, version = _body(request, panel)
    context = {"panel": panel, "body": body, "version": version}
    return mark_safe(render_to_string("dashboard/tower/_panel.html", context))  # noqa: S308 - made by templates


def answer_panel(request: HttpRequest, panel: Panel) -> HttpResponse:
    """The part again, or 204 while it has not changed."""
    body, version = _body(request, panel)
    if request.headers.get("X-Fragment-Version") == version:
        return HttpResponse(status=204)
    context = {"panel": panel, "body": body, "version": version}
    response = HttpResponse(render_to_string("dashboard/tower/_panel.html", context))
    response["Vary"] = "HX-Request"
    response["ETag"] = f'"{version}"'
    return response


def _body(request: HttpRequest, panel: Panel) -> tuple[SafeString, str]:
    try:
        body = render_to_string(panel.template, panel.context(request), request)
    except DatabaseError:
        if connection.in_atomic_block:
            raise
        reference = uuid4().hex[:8].upper()
        logger.exception("The part %s of the tower failed, reference %s", panel.name, reference)
        body = render_to_string("dashboard/tower/_failed.html", {"panel": panel, "reference": reference})
    version = hashlib.sha256(body.encode()).hexdigest()[:16]
    return mark_safe(body), version  # noqa: S308 - made by templates
