"""Notes and refunds of orders."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from channels.simulators.woocommerce import order_shape as shape
from channels.simulators.woocommerce.database import Doc
from channels.simulators.woocommerce.errors import ApiError, invalid_id, invalid_param
from channels.simulators.woocommerce.listing import Found, Query, choice_of, page_of
from channels.simulators.woocommerce.metadata import set_line_meta, value_of
from channels.simulators.woocommerce.money import amount, paise, trimmed
from channels.simulators.woocommerce.order_book import OrderBook


class Notes:
    """Notes of orders, newest first."""

    def __init__(self, orders: OrderBook) -> None:
        self.orders = orders
        self.context = orders.context
        self.database = orders.database

    def create(self, order_id: int, body: Mapping[str, Any]) -> Doc:
        """Write a note. It does not change the order's time of change, as in WooCommerce."""
        self.orders.stored(order_id)
        if not body.get("note"):
            raise ApiError(400, "rest_missing_callback_param", "Missing parameter(s): note", params=["note"])
        now = self.context.now_text()
        with self.database.transaction():
            doc = {
                "id": self.database.next_id("comment"),
                "author": "WooCommerce",
                "date_created": now,
                "date_created_gmt": now,
                "note": str(body["note"]),
                "customer_note": body.get("customer_note") in (True, "true"),
            }
            self.database.run("INSERT INTO note VALUES (?, ?, ?)", (doc["id"], order_id, json.dumps(doc)))
        return shape.show_note(self.context, order_id, doc)

    def list(self, order_id: int, query: Query) -> list[Doc]:
        """All notes, or those for the customer or for the staff."""
        self.orders.stored(order_id)
        kind = choice_of(query, "type", "any", ["any", "customer", "internal"])
        rows = self.database.rows("SELECT doc FROM note WHERE order_id = ? ORDER BY id DESC", (order_id,))
        docs: list[Doc] = [json.loads(row["doc"]) for row in rows]
        wanted = {"any": (True, False), "customer": (True,), "internal": (False,)}[kind]
        return [shape.show_note(self.context, order_id, doc) for doc in docs if doc["customer_note"] in wanted]


class Refunds:
    """Refunds of orders."""

    def __init__(self, orders: OrderBook) -> None:
        self.orders = orders
        self.context = orders.context
        self.database = orders.database

    def create(self, order_id: int, body: Mapping[str, Any]) -> Doc:
        """Refund lines, or an amount. Restocks what is refunded unless `api_restock` is false.

        Raises ApiError when more is refunded than is left.
        """
        with self.database.transaction():
            order = self.orders.stored(order_id)
            lines = [self._line(order, item) for item in body.get("line_items") or []]
            by_lines = sum(paise(row["total"]) + paise(row["total_tax"]) for row in lines)
            refunded = paise(body["amount"]) if body.get("amount") else -by_lines
            left = paise(order["total"]) + sum(paise(row["total"]) for row in order["refunds"])
            if refunded <= 0 or refunded > left:
                message = "Invalid refund amount."
                raise ApiError(400, "woocommerce_rest_cannot_create_order_refund", message)
            now, number = self.context.now_text(), self.database.next_id("post", first=19)
            doc = {
                "id": number,
                "date_created": now,
                "date_created_gmt": now,
                "amount": amount(refunded),
                "reason": str(body.get("reason") or ""),
                "refunded_by": 1,
                "refunded_payment": False,
                "meta_data": [],
                "line_items": lines,
                "shipping_lines": [],
                "tax_lines": [],
                "fee_lines": [],
            }
            if lines:
                tax = sum(paise(row["total_tax"]) for row in lines)
                doc["tax_lines"] = [shape.tax_line(self.database.next_id("item", first=19), tax, 0)]
            self.database.run("INSERT INTO refund VALUES (?, ?, ?)", (number, order_id, json.dumps(doc)))
            if body.get("api_restock") not in (False, "false"):
                self._restock(order, lines)
            order["refunds"].append({"id": number, "reason": doc["reason"], "total": amount(-refunded)})
            if refunded == left:
                order["status"] = "refunded"
            self.orders.touch(order)
            return shape.show_refund(self.context, order_id, doc)

    def get(self, order_id: int, number: int) -> Doc:
        """One refund."""
        raw = self.database.value("SELECT doc FROM refund WHERE id = ? AND order_id = ?", (number, order_id))
        if raw is None:
            raise invalid_id("woocommerce_rest_shop_order_refund_invalid_id")
        return shape.show_refund(self.context, order_id, json.loads(raw))

    def list(self, order_id: int, query: Query) -> Found:
        """Refunds of an order, newest first."""
        self.orders.stored(order_id)
        page = page_of(query)
        total = int(self.database.value("SELECT count(*) FROM refund WHERE order_id = ?", (order_id,)))
        rows = self.database.rows(
            "SELECT doc FROM refund WHERE order_id = ? ORDER BY id DESC LIMIT ? OFFSET ?",
            (order_id, page.per_page, page.offset),
        )
        shown = [shape.show_refund(self.context, order_id, json.loads(row["doc"])) for row in rows]
        return Found(shown, total, page.per_page, page.page)

    def _line(self, order: Doc, item: Mapping[str, Any]) -> Doc:
        found = [line for line in order["line_items"] if line["id"] == item.get("id")]
        if not found:
            raise invalid_param("line_items", "rest_invalid_param", "line_items names a line of another order.")
        line = found[0]
        total = -paise(item.get("refund_total"))
        tax = -sum(paise(row.get("refund_total")) for row in item.get("refund_tax") or [])
        refunded: Doc = line | {
            "id": self.database.next_id("item", first=19),
            "quantity": -int(item.get("quantity") or 0),
            "subtotal": amount(total),
            "subtotal_tax": amount(tax),
            "total": amount(total),
            "total_tax": amount(tax),
            "taxes": [{"id": shape.RATE_ID, "total": trimmed(tax), "subtotal": trimmed(tax)}],
            "meta_data": [],
        }
        set_line_meta(self.database, refunded, "_refunded_item_id", str(line["id"]))
        return refunded

    def _restock(self, order: Doc, refunded: Sequence[Doc]) -> None:
        for row in refunded:
            number = int(value_of(row["meta_data"], "_refunded_item_id"))
            line = next(line for line in order["line_items"] if line["id"] == number)
            held = int(value_of(line["meta_data"], "_reduced_stock") or 0)
            units = min(-row["quantity"], held)
            if units:
                self.orders.catalog.move_stock(line["variation_id"] or line["product_id"], units, is_sale=False)
                set_line_meta(self.database, line, "_reduced_stock", str(held - units))
                before = int(value_of(line["meta_data"], "_restock_refunded_items") or 0)
                set_line_meta(self.database, line, "_restock_refunded_items", str(before + units))
