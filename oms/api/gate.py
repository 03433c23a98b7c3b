"""Who calls the API, what they may name, and how errors are told: one shape for all of them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Schema
from ninja.security import HttpBearer

from inventory.models import Node
from oms.accounts.access import Principal, in_node_scope, principal_of, principal_of_token
from oms.accounts.services import token_of_text
from oms.core.db import run_atomic
from oms.core.errors import DomainError, NotFound
from oms.core.idempotency import busy_after_lock_timeout, once

#: Largest request body, in bytes.
MAX_BODY_BYTES = 5 * 1024 * 1024


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
    """The body as JSON. Raises DomainError for anything else, for NaN and Infinity, and for too large a body."""
    if len(request.body) > MAX_BODY_BYTES:
        raise DomainError(f"The body is larger than {MAX_BODY_BYTES} bytes.", field="body")

    def refuse(text: str) -> float:
        raise DomainError(f"{text} is not a number that JSON knows.", field="body")

    try:
        return json.loads(request.body or b"null", parse_constant=refuse)
    except ValueError as error:
        raise DomainError(f"The body is not JSON: {error}.", field="body") from error


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
        key = request.headers.get("Idempotency-Key", "").strip()[:200]
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
