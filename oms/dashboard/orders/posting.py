"""Answering writes: with scripts a fragment, without them a redirect."""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse


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
