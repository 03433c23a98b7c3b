"""The REST API, version 1, with its OpenAPI description at /api/v1/openapi.json and its pages at /api/v1/docs."""

from __future__ import annotations

from django.urls import path
from ninja import NinjaAPI

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
from oms.api.gate import JsonParser, PeopleAuth, TokenAuth
from oms.api.refusals import answer_refusals

api = NinjaAPI(
    title="OMS API",
    version="1",
    description=(
        "Orders in, work and stock out. Authenticate with `Authorization: Bearer oms_...`. Every write takes an "
        "`Idempotency-Key` header: the same key and body gives the same reply, another body is refused with 409. "
        "Refusals carry a stable `code`, a sentence and the `field` at fault."
    ),
    auth=[TokenAuth(), PeopleAuth()],
    parser=JsonParser(),
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


answer_refusals(api)
urlpatterns = [path("v1/", api.urls)]
