"""Errors that are meant for people become replies; everything else stays an error."""

from __future__ import annotations

from collections.abc import Callable

from django.db import DataError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from oms.core.db import is_lock_timeout
from oms.core.errors import DomainError, Forbidden, NotFound, StillBusy
from oms.core.posting import keep_key, sent_fields, still_busy_text


class DomainErrorMiddleware:
    """Turns a DomainError that a view let pass into a page, a fragment or JSON with the right status.

    A lock that was waited for in vain is one of them: somebody else was at the same thing. So is a text with a NUL,
    which PostgreSQL does not take: whoever sends one wants to see a fault.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Nothing to do on the way in."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Called by Django for exceptions that a view raised."""
        if isinstance(exception, OperationalError) and is_lock_timeout(exception):
            keep_key(request)
            exception = StillBusy(still_busy_text())
        if isinstance(exception, DataError) and "NUL" in str(exception):
            exception = DomainError(_("A text holds a sign that no keyboard has (NUL). Type it anew."))
        if not isinstance(exception, DomainError):
            return None
        if isinstance(exception, NotFound):
            raise Http404(exception.message) from exception
        if request.headers.get("Accept", "").startswith("application/json"):
            body = {"code": exception.code, "message": exception.message, "field": exception.field}
            return JsonResponse(body, status=exception.http_status)
        template = "403.html" if isinstance(exception, Forbidden) else "refused.html"
        if request.headers.get("HX-Request"):
            template = "_refused.html"
        # A page cannot go back to its form by itself as a fragment can; what was sent is offered again.
        again = sent_fields(request) if isinstance(exception, StillBusy) else []
        response = render(request, template, {"error": exception, "again": again}, status=exception.http_status)
        if again:
            add_never_cache_headers(response)
        return response
