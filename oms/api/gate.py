"""Who calls the API, what they may name, and how errors are told: one shape for all of them."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Schema
from ninja.parser import Parser
from ninja.security import HttpBearer, SessionAuth

from inventory.models import Node
from oms.accounts.access import Principal, in_node_scope, principal_of, principal_of_token
from oms.accounts.services import token_of_text
from oms.core.db import run_atomic
from oms.core.errors import DomainError, NotFound
from oms.core.idempotency import busy_after_lock_timeout, once
from oms.core.json_text import unkept_text

#: Largest request body, in bytes.
MAX_BODY_BYTES = 5 * 1024 * 1024
_LONGEST_KEY = 200
#: How JSON writes texts that PostgreSQL does not keep; most bodies hold none, and need no second look.
_SUSPECT = re.compile(rb"\\u(0000|[dD][89a-fA-F])")


class Malformed(DomainError):
    """The request cannot be read."""

    code = "malformed"


class ErrorOut(Schema):
    """Why a request was refused: a stable code, a sentence for people, the field at fault."""

    code: str
    message: str
    field: str = ""
    data: dict[str, Any] = {}


class TokenAuth(HttpBearer):
    """`Authorization: Bearer oms_...`: a token made on the settings screen."""

    def authenticate(self, request: HttpRequest, token: str) -> Principal | None:
        """The principal of a live token."""
        row = token_of_text(token)
        if row is None:
            return None
        principal = principal_of_token(row)
        request.principal = principal  # type: ignore[attr-defined]
        return principal


class PeopleAuth(SessionAuth):
    """Somebody who is signed in; writes need the CSRF token. Who sends no session is not asked for one."""

    def __call__(self, request: HttpRequest) -> Any:
        """The user, or None. Raises HttpError for a write of a session without its CSRF token."""
        return super().__call__(request) if self.param_name in request.COOKIES else None


def need(request: HttpRequest, verb: str) -> Principal:
    """The caller, who must have the verb."""
    principal = principal_of(request)
    principal.require(verb)
    return principal


def node_named(principal: Principal, code: str) -> Node:
    """The node that a body or address names. Raises NotFound for one that does not exist or is out of scope."""
    node = in_node_scope(Node.objects.filter(code=code), principal, "code").first()
    if node is None:
        raise NotFound(f"There is no node {code}.", field="node")
    return node


def error_response(error: DomainError) -> JsonResponse:
    """A refusal as JSON."""
    body = {"code": error.code, "message": error.message, "field": error.field, "data": _plain(error.data)}
    return JsonResponse(body, status=error.http_status)


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(data, default=str)))


def json_body(request: HttpRequest) -> Any:
    """The body as JSON. Raises Malformed for anything else, for NaN and Infinity, and for too large a body."""
    if len(request.body) > MAX_BODY_BYTES:
        raise Malformed(f"{len(request.body)} bytes came, expected at most {MAX_BODY_BYTES}.", field="body")

    def refuse(text: str) -> float:
        raise Malformed(f"{text} is not a number that JSON knows.", field="body")

    try:
        return json.loads(request.body or b"null", parse_constant=refuse)
    except RecursionError as error:
        raise Malformed("The body is nested too deeply.", field="body") from error
    except ValueError as error:
        raise Malformed(f"The body is not JSON: {error}.", field="body") from error


class JsonParser(Parser):
    """Reads the bodies of all operations; refuses texts that the database does not keep, by their place."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The body as JSON. Raises what `json_body` raises."""
        body = json_body(request)
        place = unkept_text(body) if _SUSPECT.search(request.body) else None
        if place is not None:
            text = f"{place}: it holds a sign that no text has (U+0000, or half of a surrogate pair)."
            raise Malformed(text, field=place)
        return body


Operation = Callable[..., tuple[int, Any]]


def _once(request: HttpRequest, key: str, work: Callable[[], tuple[int, Any]]) -> tuple[int, Any, bool]:
    """`work` once for the caller's key. Raises StillBusy where the first call still runs after every lock timeout."""
    body = [request.method, request.get_full_path(), request.body.hex()]
    message = (
        "This request, or another that changes the same, is still being worked on. Try again in a few seconds "
        "with the same Idempotency-Key."
    )
    with busy_after_lock_timeout(message, field="Idempotency-Key"):
        return run_atomic(lambda: once(principal=principal_of(request).key, key=key, body=body, work=work))


def idempotent(operation: Operation) -> Callable[..., HttpResponse]:
    """Honour the Idempotency-Key header of a write: same key and body, same reply; other body, 409.

    The operation returns (status, JSON) and runs in the transaction that stores the reply. Without the header it
    simply runs.
    """

    @wraps(operation)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        key = request.headers.get("Idempotency-Key", "").strip()
        if len(key) > _LONGEST_KEY:
            text = f"An Idempotency-Key of {len(key)} characters came, expected at most {_LONGEST_KEY}."
            raise DomainError(text, field="Idempotency-Key")
        if not key:
            status, reply = operation(request, *args, **kwargs)
            return JsonResponse(reply, status=status, safe=False)
        status, reply, replayed = _once(request, key, lambda: operation(request, *args, **kwargs))
        response = JsonResponse(reply, status=status, safe=False)
        if replayed:
            response["Idempotent-Replayed"] = "true"
        return response

    # Ninja reads the parameters from the signature; their types are names of the operation's own module.
    wrapped.__signature__ = inspect.signature(operation, eval_str=True)  # type: ignore[attr-defined]
    return wrapped
