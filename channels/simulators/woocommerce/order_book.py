"""Orders of the store: placed, listed, changed, refunded. Stock moves with their status."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from channels.simulators.woocommerce import order_shape as shape
from channels.simulators.woocommerce.catalog import Catalog, price_paise
from channels.simulators.woocommerce.context import Context
from channels.simulators.woocommerce.database import Doc
from channels.simulators.woocommerce.errors import ApiError, invalid_id, not_in_enum
from channels.simulators.woocommerce.listing import (
    Found,
    Query,
    choice_of,
    list_of,
    moment_of,
    numbers_of,
    page_of,
)
from channels.simulators.woocommerce.metadata import apply_meta, set_line_meta, set_meta, value_of
from channels.simulators.woocommerce.money import net_of, paise, tax_of
from channels.simulators.woocommerce.product_shape import variation_name

STATUSES = [
    "auto-draft", "pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed", "checkout-draft",
]  # fmt: skip
_LIST_STATUSES = ["any", "trash", *STATUSES]
_HOLDS_STOCK = frozenset({"processing", "on-hold", "completed"})
_PAID = frozenset({"processing", "completed"})
_ORDER_BY = {"date": "created", "id": "id", "modified": "modified", "include": "id", "title": "id", "slug": "id"}


class OrderBook:
    """All reads and writes of orders."""

    def __init__(self, context: Context, catalog: Catalog) -> None:
        self.context = context
        self.database = context.database
        self.catalog = catalog

    def create(self, body: Mapping[str, Any], *, created_via: str = "rest-api") -> Doc:
        """Place an order. The API does not look at the stock, as in WooCommerce; buyers do."""
        status = str(body.get("status") or "pending")
        if status not in STATUSES:
            raise not_in_enum("status", STATUSES)
        with self.database.transaction():
            number = self.database.next_id("post", first=19)
            order = shape.new_order(
                number,
                self.context.now_text(),
                prices_include_tax=self.context.prices_include_tax,
                created_via=created_via,
            )
            order["billing"] = shape.address(body.get("billing"), billing=True)
            order["shipping"] = shape.address(body.get("shipping"), billing=False)
            for name in ("payment_method", "payment_method_title", "transaction_id", "customer_note"):
                order[name] = str(body.get(name) or "")
            self._add_lines(order, body)
            apply_meta(self.database, order["meta_data"], body.get("meta_data"))
            shape.total_up(order)
            if body.get("set_paid") in (True, "true"):
                order["date_paid"] = self.context.now_text()
                status = "processing" if status == "pending" else status
            self._enter(order, status)
            self._save(order)
            self.context.announce("order.created", number)
            self.context.announce("order.updated", number)
            return shape.show(self.context, order)

    def update(self, number: int, body: Mapping[str, Any]) -> Doc:
        """Change an order. Lines cannot be changed in this store."""
        status = body.get("status")
        if status is not None and status not in STATUSES:
            raise not_in_enum("status", STATUSES)
        if "line_items" in body:
            raise ApiError(400, "simulated_store_refuses", "This simulated store does not change the lines of orders.")
        with self.database.transaction():
            order = self.stored(number)
            before = json.dumps(order)
            for name in ("billing", "shipping"):
                if isinstance(body.get(name), Mapping):
                    order[name] |= {key: str(value) for key, value in body[name].items() if key in order[name]}
            for name in ("payment_method", "payment_method_title", "transaction_id", "customer_note"):
                if name in body:
                    order[name] = str(body[name])
            apply_meta(self.database, order["meta_data"], body.get("meta_data"))
            if body.get("set_paid") in (True, "true") and not order["date_paid"]:
                order["date_paid"] = self.context.now_text()
                status = status or ("processing" if order["status"] in ("pending", "failed") else None)
            if status is not None and status != order["status"]:
                self._enter(order, str(status))
            if json.dumps(order) != before:
                self.touch(order)
            return shape.show(self.context, order)

    def delete(self, number: int, *, force: bool) -> Doc:
        """To the trash, or away for good; only the first is announced, as in WooCommerce."""
        with self.database.transaction():
            order = self.stored(number)
            if force:
                self.database.run("DELETE FROM orders WHERE id = ?", (number,))
                for table in ("note", "refund", "intention"):
                    self.database.run(f"DELETE FROM {table} WHERE order_id = ?", (number,))  # noqa: S608
            else:
                order["status"] = "trash"
                order["date_modified"] = self.context.now_text()
                self._save(order)
                self.context.announce("order.deleted", number)
            return shape.show(self.context, order)

    def get(self, number: int) -> Doc:
        """One order, trashed ones included."""
        return shape.show(self.context, self.stored(number))

    def list(self, query: Query) -> Found:
        """Orders by the filters that the OPTIONS schema names; trash only where it is asked for.

        Rows with equal keys come in an order that differs from call to call: SQL promises none.
        """
        page = page_of(query)
        order_by = choice_of(query, "orderby", "date", list(_ORDER_BY))
        direction = choice_of(query, "order", "desc", ["asc", "desc"])
        where, values = _conditions(query)
        total = int(self.database.value(f"SELECT count(*) FROM orders WHERE {where}", values))  # noqa: S608
        salt = self.context.random.randrange(1, 1_000_000)
        rows = self.database.rows(
            f"SELECT doc FROM orders WHERE {where} "  # noqa: S608 - built from constants, values are bound
            f"ORDER BY {_ORDER_BY[order_by]} {direction}, (id * 7919 + ?) % 1009 LIMIT ? OFFSET ?",
            [*values, salt, page.per_page, page.offset],
        )
        shown = [shape.show(self.context, json.loads(row["doc"])) for row in rows]
        return Found(shown, total, page.per_page, page.page)

    def stored(self, number: int) -> Doc:
        """An order as it is kept. Raises the recorded 404."""
        raw = self.database.value("SELECT doc FROM orders WHERE id = ?", (number,))
        if raw is None:
            raise invalid_id("woocommerce_rest_shop_order_invalid_id")
        doc: Doc = json.loads(raw)
        return doc

    def touch(self, order: Doc) -> None:
        """Save a changed order and announce it."""
        order["date_modified"] = self.context.now_text()
        self._save(order)
        self.context.announce("order.updated", order["id"])

    def _enter(self, order: Doc, status: str) -> None:
        order["status"] = status
        now = self.context.now_text()
        if status == "completed":
            order["date_completed"] = order["date_completed"] or now
        cod_is_unpaid = order["payment_method"] == "cod" and status == "processing"
        if status in _PAID and not cod_is_unpaid:
            order["date_paid"] = order["date_paid"] or now
        if status in _HOLDS_STOCK:
            self._reduce_stock(order)
        elif status in ("cancelled", "pending"):
            self._restore_stock(order)

    def _reduce_stock(self, order: Doc) -> None:
        for line in order["line_items"]:
            if value_of(line["meta_data"], "_reduced_stock") is None:
                product = self.catalog.stored(line["variation_id"] or line["product_id"])
                if product is not None and product["manage_stock"] is True:
                    self.catalog.move_stock(product["id"], -line["quantity"])
                    set_line_meta(self.database, line, "_reduced_stock", str(line["quantity"]))

    def _restore_stock(self, order: Doc) -> None:
        for line in order["line_items"]:
            held = value_of(line["meta_data"], "_reduced_stock")
            if held is not None:
                self.catalog.move_stock(line["variation_id"] or line["product_id"], int(held))
                set_meta(self.database, line["meta_data"], "_reduced_stock", None)

    def _add_lines(self, order: Doc, body: Mapping[str, Any]) -> None:
        percent = int(body.get("discount_percent") or 0)
        for item in body.get("line_items") or []:
            order["line_items"].append(self._line(item, percent))
        for item in body.get("shipping_lines") or []:
            total = paise(item.get("total"))
            order["shipping_lines"].append(shape.shipping_line(self._item(), item, total, tax_of(total)))
        for item in body.get("fee_lines") or []:
            total, name = paise(item.get("total")), str(item.get("name") or "Fee")
            order["fee_lines"].append(shape.fee_line(self._item(), name, total, tax_of(total)))
        shape.total_up(order)
        for item in body.get("coupon_lines") or []:
            row = (paise(order["discount_total"]), paise(order["discount_tax"]), percent)
            order["coupon_lines"].append(shape.coupon_line(self._item(), str(item.get("code")), *row))
        cart_tax, shipping_tax = paise(order["cart_tax"]), paise(order["shipping_tax"])
        order["tax_lines"].append(shape.tax_line(self._item(), cart_tax, shipping_tax))

    def _line(self, item: Mapping[str, Any], percent: int) -> Doc:
        number = int(item.get("variation_id") or item.get("product_id") or 0)
        product = self.catalog.by_sku(str(item.get("sku") or "")) or self.catalog.stored(number)
        if product is None:
            message = "Product ID provided does not match any product."
            raise ApiError(400, "woocommerce_rest_required_product_reference", message)
        quantity = int(item.get("quantity") or 1)
        entered = price_paise(product) * quantity
        reduced = entered - (entered * percent + 50) // 100
        money = self._split("subtotal", entered) | self._split("total", reduced)
        parent = self.catalog.stored(product["parent_id"]) if product["type"] == "variation" else None
        name = variation_name(product, parent) if parent else product["name"]
        line = shape.line(self._item(), product, name, parent, quantity, money)
        if parent:
            for option in product["attributes"]:
                key = str(option.get("name"))
                set_line_meta(self.database, line, key.lower(), str(option.get("option")), display_key=key)
        return line

    def _split(self, name: str, entered: int) -> Doc:
        net = net_of(entered) if self.context.prices_include_tax else entered
        tax = entered - net if self.context.prices_include_tax else tax_of(net)
        return {name: net, f"{name}_tax": tax}

    def _item(self) -> int:
        return self.database.next_id("item", first=19)

    def _save(self, order: Doc) -> None:
        self.database.run(
            "INSERT OR REPLACE INTO orders (id, state, created, modified, doc) VALUES (?, ?, ?, ?, ?)",
            (order["id"], order["status"], order["date_created"], order["date_modified"], json.dumps(order)),
        )


def _conditions(query: Query) -> tuple[str, list[Any]]:
    where, values = list[str](), list[Any]()
    statuses = list_of(query, "status") or ["any"]
    for status in statuses:
        if status not in _LIST_STATUSES:
            raise not_in_enum("status[0]", _LIST_STATUSES)
    if "any" in statuses:
        where.append("state NOT IN ('trash', 'auto-draft')")
    else:
        where.append(f"state IN ({', '.join('?' for _ in statuses)})")
        values += statuses
    bounds = {"after": "created > ?", "before": "created < ?", "modified_after": "modified > ?"}
    for name, condition in (bounds | {"modified_before": "modified < ?"}).items():
        if moment := moment_of(query, name):
            where.append(condition)
            values.append(moment)
    for name, sign in (("include", "IN"), ("exclude", "NOT IN")):
        if numbers := numbers_of(query, name):
            where.append(f"id {sign} ({', '.join('?' for _ in numbers)})")
            values += numbers
    return " AND ".join(where), values
