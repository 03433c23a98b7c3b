"""The store's API under `/wp-json/wc/v3`: which path does what."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from channels.simulators.woocommerce.catalog import Catalog
from channels.simulators.woocommerce.database import Doc
from channels.simulators.woocommerce.errors import ApiError, no_route
from channels.simulators.woocommerce.listing import Found, Query, text_of
from channels.simulators.woocommerce.order_book import OrderBook
from channels.simulators.woocommerce.order_details import Notes, Refunds
from channels.simulators.woocommerce.webhooks import Webhooks

BATCH_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call, authenticated. `ids` are the numbers in its path, in order."""

    method: str
    path: str
    query: Query
    body: Any
    ids: tuple[int, ...] = ()

    def fields(self) -> Mapping[str, Any]:
        """The body as an object. Raises the 400 that WordPress sends for anything else."""
        if not isinstance(self.body, Mapping):
            raise ApiError(400, "rest_invalid_json", "Invalid JSON body passed.")
        return self.body

    def is_forced(self) -> bool:
        """Whether something is to be deleted for good."""
        return text_of(self.query, "force") in ("true", "1")


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply that is not an error."""

    status: int
    data: Any
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Any]


class Api:
    """Finds the handler of a path and turns what it returns into an answer."""

    def __init__(self, catalog: Catalog, orders: OrderBook, webhooks: Webhooks, base_url: str) -> None:
        self.base_url = base_url
        notes, refunds = Notes(orders), Refunds(orders)
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/products", lambda r: catalog.list(r.query)),
            ("POST", "/products", lambda r: catalog.create(r.fields())),
            ("POST", "/products/batch", lambda r: _batch(catalog, r, 0)),
            ("GET", "/products/#", lambda r: catalog.get(r.ids[0])),
            ("PUT", "/products/#", lambda r: catalog.update(r.ids[0], r.fields())),
            ("DELETE", "/products/#", lambda r: catalog.delete(r.ids[0])),
            ("GET", "/products/#/variations", lambda r: catalog.list(r.query, r.ids[0])),
            ("POST", "/products/#/variations", lambda r: catalog.create(r.fields(), r.ids[0])),
            ("POST", "/products/#/variations/batch", lambda r: _batch(catalog, r, r.ids[0])),
            ("GET", "/products/#/variations/#", lambda r: catalog.get(r.ids[1], r.ids[0])),
            ("PUT", "/products/#/variations/#", lambda r: catalog.update(r.ids[1], r.fields(), r.ids[0])),
            ("DELETE", "/products/#/variations/#", lambda r: catalog.delete(r.ids[1], r.ids[0])),
            ("GET", "/orders", lambda r: orders.list(r.query)),
            ("POST", "/orders", lambda r: orders.create(r.fields())),
            ("GET", "/orders/#", lambda r: orders.get(r.ids[0])),
            ("PUT", "/orders/#", lambda r: orders.update(r.ids[0], r.fields())),
            ("DELETE", "/orders/#", lambda r: orders.delete(r.ids[0], force=r.is_forced())),
            ("GET", "/orders/#/notes", lambda r: notes.list(r.ids[0], r.query)),
            ("POST", "/orders/#/notes", lambda r: notes.create(r.ids[0], r.fields())),
            ("GET", "/orders/#/refunds", lambda r: refunds.list(r.ids[0], r.query)),
            ("POST", "/orders/#/refunds", lambda r: refunds.create(r.ids[0], r.fields())),
            ("GET", "/orders/#/refunds/#", lambda r: refunds.get(*r.ids)),
            ("GET", "/webhooks", lambda r: webhooks.list(r.query)),
            ("POST", "/webhooks", lambda r: webhooks.create(r.fields())),
            ("GET", "/webhooks/#", lambda r: webhooks.get(r.ids[0])),
            ("PUT", "/webhooks/#", lambda r: webhooks.update(r.ids[0], r.fields())),
            ("DELETE", "/webhooks/#", lambda r: webhooks.delete(r.ids[0])),
        ]
        self._routes = [(method, re.compile(path.replace("#", r"(\d+)")), handler) for method, path, handler in table]

    def answer(self, method: str, path: str, query: Query, body: Any) -> Answer:
        """Raises ApiError for a refusal. `path` begins after `/wp-json/wc/v3`."""
        # WordPress takes POST and PATCH on an existing object for PUT.
        for wanted in (method, "PUT") if method in ("POST", "PATCH") else (method,):
            for known, pattern, handler in self._routes:
                match = pattern.fullmatch(path) if known == wanted else None
                if match:
                    ids = tuple(int(number) for number in match.groups())
                    result = handler(Request(method=method, path=path, query=query, body=body, ids=ids))
                    return self._answer(wanted, path, query, result)
        raise no_route()

    def _answer(self, method: str, path: str, query: Query, result: Any) -> Answer:
        link = {"Link": f'<{self.base_url}/wp-json/>; rel="https://api.w.org/"'}
        if isinstance(result, Found):
            headers = link | {"X-WP-Total": str(result.total), "X-WP-TotalPages": str(result.pages)}
            return Answer(200, result.rows, headers)
        if method == "POST" and not path.endswith("/batch"):
            place = f"{self.base_url}/wp-json/wc/v3{path}/{result['id']}"
            return Answer(201, result, link | {"Location": place})
        return Answer(200, result, link)


def _batch(catalog: Catalog, request: Request, parent_id: int) -> Doc:
    """Each item alone: one that is refused does not stop the others (recorded: reply 20)."""
    body = request.fields()
    parts = {name: list(body.get(name) or []) for name in ("create", "update", "delete")}
    if sum(len(items) for items in parts.values()) > BATCH_LIMIT:
        message = f"Unable to accept more than {BATCH_LIMIT} items for this request."
        raise ApiError(413, "woocommerce_rest_request_entity_too_large", message)
    if parent_id:
        catalog.get(parent_id)
    under = parent_id or None
    done: Doc = {}
    with catalog.database.transaction():
        for name, items in parts.items():
            if items:
                done[name] = [_batch_item(catalog, name, item, parent_id, under) for item in items]
    return done


def _batch_item(catalog: Catalog, name: str, item: Any, parent_id: int, under: int | None) -> Doc:
    number = int(item if name == "delete" else item.get("id") or 0)
    try:
        if name == "create":
            return catalog.create(item, parent_id)
        return catalog.update(number, item, under) if name == "update" else catalog.delete(number, under)
    except ApiError as error:
        # Batches report an unknown number as 400, single calls as 404.
        status = 400 if error.status == 404 else error.status
        data = {**error.data, "status": status}
        return {"id": number, "error": {"code": error.code, "message": error.message, "data": data}}
