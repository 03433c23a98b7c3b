"""Products and variations of the store."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from channels.simulators.woocommerce.context import Context
from channels.simulators.woocommerce.database import Doc
from channels.simulators.woocommerce.errors import ApiError, invalid_id, invalid_param
from channels.simulators.woocommerce.listing import (
    Found,
    Query,
    choice_of,
    list_of,
    numbers_of,
    page_of,
    text_of,
)
from channels.simulators.woocommerce.money import paise
from channels.simulators.woocommerce.product_shape import new_product, new_variation, show

_SETTABLE = frozenset({
    "name", "status", "description", "short_description", "sku", "global_unique_id", "regular_price", "sale_price",
    "weight", "dimensions", "manage_stock", "stock_quantity", "backorders", "attributes", "default_attributes",
    "meta_data", "tax_status", "tax_class", "virtual", "menu_order",
})  # fmt: skip
_ORDER_BY = {"date": "id", "id": "id", "modified": "modified", "title": "json_extract(doc, '$.name')", "include": "id"}


class Catalog:
    """All reads and writes of products."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.database = context.database
        #: Rises whenever the set of products that can be bought may have changed.
        self.revision = 0

    def create(self, body: Mapping[str, Any], parent_id: int = 0) -> Doc:
        """A new product, or a variation of `parent_id`. Raises ApiError for a SKU in use or a bad quantity."""
        with self.database.transaction():
            number = self.database.next_id("post", first=19)
            now = self.context.now_text()
            if parent_id:
                self._load(parent_id)
                doc = new_variation(number, parent_id, now)
            else:
                kind = str(body.get("type") or "simple")
                if kind not in ("simple", "variable", "grouped", "external"):
                    raise invalid_param("type", "rest_not_in_enum", "type is not a known type.")
                doc = new_product(number, kind, str(body.get("name") or "Product"), now)
            self._apply(doc, body)
            self._save(doc)
            self.context.announce("product.created", number)
            return self.show(doc, edited=True)

    def update(self, number: int, body: Mapping[str, Any], parent_id: int | None = None) -> Doc:
        """Change a product; a variation only under its own parent. `stock_quantity` is absolute."""
        with self.database.transaction():
            doc = self._load(number, parent_id)
            self._apply(doc, body)
            doc["date_modified_gmt"] = doc["date_modified"] = self.context.now_text()
            self._save(doc)
            self.context.announce("product.updated", number)
            return self.show(doc, edited=True)

    def delete(self, number: int, parent_id: int | None = None) -> Doc:
        """Remove a product and its variations for good."""
        with self.database.transaction():
            doc = self._load(number, parent_id)
            self.database.run("DELETE FROM product WHERE id = ? OR parent_id = ?", (number, number))
            self.revision += 1
            return self.show(doc, edited=True)

    def get(self, number: int, parent_id: int | None = None) -> Doc:
        """One product or variation."""
        return self.show(self._load(number, parent_id))

    def stored(self, number: int) -> Doc | None:
        """A product as it is kept, None where there is none."""
        raw = self.database.value("SELECT doc FROM product WHERE id = ?", (number,))
        return None if raw is None else json.loads(raw)

    def by_sku(self, sku: str) -> Doc | None:
        """The product with a SKU, None where there is none."""
        raw = self.database.value("SELECT doc FROM product WHERE sku = ? ORDER BY id LIMIT 1", (sku,))
        return None if raw is None or not sku else json.loads(raw)

    def list(self, query: Query, parent_id: int = 0) -> Found:
        """Products, or the variations of one product. A search by SKU finds both, as the recorded store does."""
        page = page_of(query)
        order_by = choice_of(query, "orderby", "date", list(_ORDER_BY))
        direction = choice_of(query, "order", "desc", ["asc", "desc"])
        skus = list_of(query, "sku")
        where, values = ["1 = 1"], list[Any]()
        if parent_id:
            self._load(parent_id)
            where, values = ["parent_id = ?"], [parent_id]
        elif not skus:
            where = ["parent_id = 0"]
        if skus:
            where.append(f"sku IN ({_marks(skus)})")
            values += skus
        for name, sign in (("include", "IN"), ("exclude", "NOT IN")):
            if numbers := numbers_of(query, name):
                where.append(f"id {sign} ({_marks(numbers)})")
                values += numbers
        if kind := text_of(query, "type"):
            where.append("kind = ?")
            values.append(kind)
        if (state := text_of(query, "status", "any")) != "any":
            where.append("state = ?")
            values.append(state)
        condition = " AND ".join(where)
        total = int(self.database.value(f"SELECT count(*) FROM product WHERE {condition}", values))  # noqa: S608
        rows = self.database.rows(
            f"SELECT doc FROM product WHERE {condition} "  # noqa: S608 - built from constants, values are bound
            f"ORDER BY {_ORDER_BY[order_by]} {direction}, id {direction} LIMIT ? OFFSET ?",
            [*values, page.per_page, page.offset],
        )
        shown = [self.show(json.loads(row["doc"]), as_product=not parent_id) for row in rows]
        return Found(shown, total, page.per_page, page.page)

    def move_stock(self, number: int, change: int, *, is_sale: bool = True) -> None:
        """Add to the stock of a product that manages it; other products are left alone. May go below zero.

        `is_sale` counts the change, backwards, in `total_sales`: a cancellation lowers it, a refund does not.
        """
        doc = self.stored(number)
        if doc is None or doc["manage_stock"] is not True:
            return
        doc["stock_quantity"] = int(doc["stock_quantity"] or 0) + change
        if is_sale and "total_sales" in doc:
            doc["total_sales"] = int(doc["total_sales"]) - change
        doc["date_modified_gmt"] = doc["date_modified"] = self.context.now_text()
        self._save(doc, same_offer=True)
        self.context.announce("product.updated", number)

    def show(self, doc: Doc, *, edited: bool = False, as_product: bool = False) -> Doc:
        """The reply for a kept product."""
        parent = self.stored(doc["parent_id"]) if doc["type"] == "variation" else None
        children: list[int] = []
        if doc["type"] == "variable":
            rows = self.database.rows("SELECT id FROM product WHERE parent_id = ? ORDER BY id", (doc["id"],))
            children = [row["id"] for row in rows]
        return show(self.context, doc, parent, children, edited=edited, as_product=as_product)

    def _load(self, number: int, parent_id: int | None = None) -> Doc:
        doc = self.stored(number)
        if doc is None or (parent_id is not None and doc["parent_id"] != parent_id):
            kind = "product" if not parent_id else "product_variation"
            raise invalid_id(f"woocommerce_rest_{kind}_invalid_id")
        return doc

    def _apply(self, doc: Doc, body: Mapping[str, Any]) -> None:
        sku = body.get("sku")
        if sku and (other := self.by_sku(str(sku))) and other["id"] != doc["id"]:
            message = "Invalid or duplicated SKU."
            raise ApiError(400, "product_invalid_sku", message, resource_id=other["id"], unique_sku=f"{sku}-1")
        quantity = body.get("stock_quantity")
        if quantity is not None and (isinstance(quantity, bool) or not re.fullmatch(r"-?\d+", str(quantity))):
            message = "stock_quantity is not of type integer."
            raise invalid_param("stock_quantity", "rest_invalid_type", message)
        for name in _SETTABLE & body.keys():
            doc[name] = body[name]
        if "manage_stock" in body:
            doc["manage_stock"] = body["manage_stock"] in (True, "true", 1)
        if quantity is not None:
            # A quantity without `manage_stock` is ignored, as in WooCommerce.
            doc["stock_quantity"] = int(quantity) if doc["manage_stock"] is True else None
        if doc["manage_stock"] is True and doc["stock_quantity"] is None:
            doc["stock_quantity"] = 0
        if "regular_price" in body or "sale_price" in body:
            doc["price"] = str(doc["sale_price"] or doc["regular_price"])

    def _save(self, doc: Doc, *, same_offer: bool = False) -> None:
        self.revision += not same_offer
        sellable = doc["type"] in ("simple", "variation") and doc["status"] == "publish" and bool(doc["price"])
        stock = doc["stock_quantity"] if doc["manage_stock"] is True and doc["backorders"] == "no" else None
        self.database.run(
            "INSERT OR REPLACE INTO product (id, parent_id, kind, sku, state, sellable, stock, modified, doc) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                doc["id"],
                doc["parent_id"],
                doc["type"],
                doc["sku"],
                doc["status"],
                int(sellable),
                stock,
                doc["date_modified_gmt"],
                json.dumps(doc),
            ),
        )


def price_paise(doc: Mapping[str, Any]) -> int:
    """The price of one unit as the seller entered it."""
    return paise(doc.get("price"))


def _marks(values: list[Any]) -> str:
    return ", ".join("?" for _ in values)
