"""Sets the quantities a WooCommerce store may sell, and reads its products."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from channels.adapters.woocommerce.client import BATCH_SIZE, PAGE_SIZE, WooCommerceClient
from channels.adapters.woocommerce.mapping import listing_code
from channels.adapters.woocommerce.reading import text
from channels.base import Listing, StockResult, StockUpdate
from oms.core.errors import PermanentError

#: The product a listing belongs to (0 for a product that is not a variation), and its own id.
_Target = tuple[int, int]


def push_stock(client: WooCommerceClient, updates: Sequence[StockUpdate]) -> list[StockResult]:
    """Set absolute quantities in batches of 100: simple products together, variations by their product.

    A listing without ids is looked up by its SKU. An item that the store refuses does not stop the others.
    """
    targets = _targets(client, updates)
    groups: dict[int, list[int]] = {}
    for index, target in enumerate(targets):
        if target:
            groups.setdefault(target[0], []).append(index)
    results = [
        StockResult(sku_code=update.sku_code, accepted=False, message="The store lists no product with this SKU.")
        for update in updates
    ]
    for parent_id, indexes in groups.items():
        for start in range(0, len(indexes), BATCH_SIZE):
            _push_batch(client, parent_id, indexes[start : start + BATCH_SIZE], targets, updates, results)
    return results


def _push_batch(
    client: WooCommerceClient,
    parent_id: int,
    indexes: Sequence[int],
    targets: Sequence[_Target | None],
    updates: Sequence[StockUpdate],
    results: list[StockResult],
) -> None:
    path = f"/products/{parent_id}/variations/batch" if parent_id else "/products/batch"
    chosen = [(index, target) for index in indexes if (target := targets[index])]
    body = [
        {"id": target[1], "manage_stock": True, "stock_quantity": max(0, updates[index].quantity)}
        for index, target in chosen
    ]
    try:
        answers = client.post(path, {"update": body}).row().get("update") or []
    except PermanentError as error:
        # For instance a product deleted together with its variations: the other batches go on.
        for index, _ in chosen:
            results[index] = StockResult(sku_code=updates[index].sku_code, accepted=False, message=str(error)[:500])
        return
    # WooCommerce answers in the order of the request; an item that failed keeps its id.
    by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, Mapping)}
    for index, target in chosen:
        results[index] = _result(updates[index], by_id.get(target[1]))


def _result(update: StockUpdate, answer: Mapping[str, Any] | None) -> StockResult:
    if answer is None:
        return StockResult(sku_code=update.sku_code, accepted=False, message="The store did not answer for this item.")
    error = answer.get("error")
    if isinstance(error, Mapping):
        message = f"{text(error, 'code')}: {text(error, 'message')}"
        return StockResult(sku_code=update.sku_code, accepted=False, message=message)
    quantity = _whole(answer.get("stock_quantity"))
    wanted = max(0, update.quantity)
    if quantity != wanted:
        message = f"The store reports {quantity} after being told {wanted}."
        return StockResult(sku_code=update.sku_code, accepted=False, reported_quantity=quantity, message=message)
    return StockResult(sku_code=update.sku_code, accepted=True, reported_quantity=quantity)


def _targets(client: WooCommerceClient, updates: Sequence[StockUpdate]) -> list[_Target | None]:
    targets = [_known_target(update.external_ids) for update in updates]
    # A comma separates SKUs in the query, so a SKU that holds one cannot be looked up.
    unknown = [u.sku_code for u, t in zip(updates, targets, strict=True) if t is None and "," not in u.sku_code]
    found: dict[str, _Target] = {}
    for start in range(0, len(unknown), PAGE_SIZE):
        wanted = ",".join(unknown[start : start + PAGE_SIZE])
        for row in client.get("/products", {"sku": wanted, "per_page": PAGE_SIZE}).rows():
            found.setdefault(text(row, "sku"), (int(row.get("parent_id") or 0), int(row["id"])))
    return [target or found.get(update.sku_code) for update, target in zip(updates, targets, strict=True)]


def _known_target(ids: Mapping[str, str]) -> _Target | None:
    product, variation = ids.get("product_id", ""), ids.get("variation_id", "") or "0"
    if not (product.isdigit() and variation.isdigit()):
        return None
    return (int(product), int(variation)) if variation != "0" else (0, int(product))


def fetch_listings(client: WooCommerceClient) -> Iterator[Listing]:
    """Simple products and variations, oldest first. Containers (variable, grouped) and external products are not sold.

    `external_ids` holds `product_id`, and `variation_id` for a variation. A product that does not manage stock has the
    quantity None.
    """
    for product in _all(client, "/products"):
        kind = text(product, "type")
        product_id = text(product, "id")
        if kind == "variable":
            for variation in _all(client, f"/products/{product_id}/variations"):
                yield _listing(variation, {"product_id": product_id, "variation_id": text(variation, "id")}, product)
        elif kind not in ("grouped", "external"):
            yield _listing(product, {"product_id": product_id}, None)


def _listing(row: Mapping[str, Any], ids: Mapping[str, str], parent: Mapping[str, Any] | None) -> Listing:
    code = listing_code({"sku": row.get("sku"), **ids})
    name = text(row, "name")
    if parent is not None:
        # The name of a variation holds only its options.
        name = " - ".join(part for part in (text(parent, "name"), name) if part)
    quantity = _whole(row.get("stock_quantity")) if row.get("manage_stock") is True else None
    barcode = text(row, "global_unique_id")
    return Listing(external_ids=dict(ids), sku_code=code, name=name, quantity=quantity, barcode=barcode)


def _all(client: WooCommerceClient, path: str) -> Iterator[dict[str, Any]]:
    page = 1
    while True:
        query = dict[str, str | int](per_page=PAGE_SIZE, page=page, orderby="id", order="asc", status="publish")
        rows = client.get(path, query).rows()
        yield from rows
        if len(rows) < PAGE_SIZE:
            return
        page += 1


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
