"""The REST API, version 1, with its OpenAPI description at /api/v1/openapi.json and its pages at /api/v1/docs."""

from __future__ import annotations

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import path
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, ValidationError
from ninja.security import SessionAuth

from oms.api import (
    adjustments,
    buffers,
    count_reviews,
    counts,
    fulfillment,
    hand_offs,
    holds,
    inventory,
    kits,
    lots,
    orders,
    printing,
    promise,
    publication,
    purchasing,
    receipts,
    replenishment,
    substitutes,
    transfers,
    webhooks,
)
from oms.api.gate import TokenAuth, error_response
from oms.core.db import is_lock_timeout
from oms.core.errors import DomainError, StillBusy

api = NinjaAPI(
    title="OMS API",
    version="1",
    description=(
        "Orders in, work and stock out. Authenticate with `Authorization: Bearer oms_...`. Every write takes an "
        "`Idempotency-Key` header: the same key and body gives the same reply, another body is refused with 409. "
        "Refusals carry a stable `code`, a sentence and the `field` at fault."
    ),
    auth=[TokenAuth(), SessionAuth()],
    urls_namespace="api-v1",
)
api.add_router("/orders", orders.router)
api.add_router("/orders", substitutes.orders)
api.add_router("", fulfillment.router)
api.add_router("", hand_offs.router)
api.add_router("", printing.router)
api.add_router("", inventory.router)
api.add_router("", kits.router)
api.add_router("", substitutes.skus)
api.add_router("", lots.router)
api.add_router("", counts.router)
api.add_router("", count_reviews.router)
api.add_router("", purchasing.router)
api.add_router("", receipts.router)
api.add_router("", adjustments.router)
api.add_router("", transfers.router)
api.add_router("", holds.router)
api.add_router("", buffers.router)
api.add_router("", publication.router)
api.add_router("", replenishment.router)
api.add_router("", promise.router)
api.add_router("", webhooks.router)


@api.exception_handler(DomainError)
def _refused(request: HttpRequest, error: DomainError) -> HttpResponse:
    return error_response(error)


@api.exception_handler(OperationalError)
def _busy(request: HttpRequest, error: OperationalError) -> HttpResponse:
    if not is_lock_timeout(error):
        raise error
    message = "Something else is changing the same at this moment, so nothing was done. Try again in a few seconds."
    return error_response(StillBusy(message))


@api.exception_handler(AuthenticationError)
def _unknown(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    body = {"code": "unauthorized", "message": "Send a live API token, or sign in.", "field": "Authorization"}
    return api.create_response(request, body, status=401)


@api.exception_handler(ValidationError)
def _malformed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0] if error.errors else {}
    field = ".".join(str(part) for part in first.get("loc", ())[1:])
    body = {"code": "malformed", "message": f"{field or 'The request'}: {first.get('msg', 'is malformed')}.",
            "field": field, "data": {"errors": error.errors}}  # fmt: skip
    return api.create_response(request, body, status=422)


urlpatterns = [path("v1/", api.urls)]
