"""Whatever is refused is answered in one shape: code, message, field, data."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import DataError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from oms.api.gate import MAX_BODY_BYTES, Malformed, error_response
from oms.core.db import is_lock_timeout
from oms.core.errors import DomainError, StillBusy

#: Of what came, an answer repeats so much.
_REPEATED = 80
_CODES = {401: "unauthorized", 403: "forbidden", 404: "not_found"}


def answer_refusals(api: NinjaAPI) -> None:
    """Let an API answer what its operations, its parser and its authentication refuse."""
    api.exception_handler(DomainError)(_refused)
    api.exception_handler(OperationalError)(_busy)
    api.exception_handler(DataError)(_unkept)
    api.exception_handler(RequestDataTooBig)(_too_big)
    api.exception_handler(AuthenticationError)(_unknown)
    api.exception_handler(HttpError)(_plain)
    api.exception_handler(ValidationError)(_malformed)


def _refused(request: HttpRequest, error: DomainError) -> HttpResponse:
    return error_response(error)


def _busy(request: HttpRequest, error: OperationalError) -> HttpResponse:
    if not is_lock_timeout(error):
        raise error
    message = "Something else is changing the same at this moment, so nothing was done. Try again in a few seconds."
    return error_response(StillBusy(message))


def _unkept(request: HttpRequest, error: DataError) -> HttpResponse:
    if "NUL" not in str(error):
        raise error
    return error_response(Malformed("A text of the address holds a sign that no text has (U+0000)."))


def _too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return error_response(Malformed(f"The body is larger than {MAX_BODY_BYTES} bytes.", field="body"))


def _unknown(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return _answer(401, "unauthorized", "Send a live API token, or sign in.", "Authorization")


def _plain(request: HttpRequest, error: HttpError) -> HttpResponse:
    """A refusal of the framework; what the parser refused stands behind it."""
    if isinstance(error.__cause__, DomainError):
        return error_response(error.__cause__)
    return _answer(error.status_code, _CODES.get(error.status_code, "refused"), f"{error}.")


def _malformed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0] if error.errors else {}
    # A body has the name of its parameter in front, which means nothing to the caller.
    source, place = first.get("loc", ("",))[0], first.get("loc", ())[1:]
    place = place[1:] if source == "body" else place
    field = ".".join(map(str, place)) or str(source)
    message = f"{field}: {first.get('msg', 'is malformed')}; {_came(request, source, place)} came."
    return _answer(422, "malformed", message, field, errors=error.errors)


def _came(request: HttpRequest, source: str, place: tuple[Any, ...]) -> str:
    """What stood at a place, shortened; "nothing" where nothing did."""
    value: Any = request.GET.dict() if source == "query" else request.headers if source == "header" else {}
    if source == "path" and request.resolver_match is not None:
        value = request.resolver_match.kwargs
    try:
        value = json.loads(request.body) if source == "body" else value
        for step in place:
            value = value[step]
    except (ValueError, LookupError, TypeError):
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _REPEATED else f"{text[:_REPEATED]}..."


def _answer(status: int, code: str, message: str, field: str = "", **data: Any) -> HttpResponse:
    body = {"code": code, "message": message, "field": field, "data": data}
    return JsonResponse(body, status=status)
