"""Errors that are meant for people become replies; everything else stays an error."""

from __future__ import annotations

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from oms.core.errors import DomainError, Forbidden, NotFound


class DomainErrorMiddleware:
    """Turns a DomainError that a view let pass into a page, a fragment or JSON with the right status."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Nothing to do on the way in."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Called by Django for exceptions that a view raised."""
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
        return render(request, template, {"error": exception}, status=exception.http_status)
