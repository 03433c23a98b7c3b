"""The hand behind the store, under `/_sim/`: no key is needed, nothing of it exists in WooCommerce."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from channels.simulators.woocommerce.bad_orders import place_bad_order
from channels.simulators.woocommerce.buyers import Buyers
from channels.simulators.woocommerce.database import Doc
from channels.simulators.woocommerce.errors import ApiError, no_route
from channels.simulators.woocommerce.faults import Faults
from channels.simulators.woocommerce.webhooks import Webhooks

MAX_ORDERS = 10_000
_ORDER_ACTION = re.compile(r"/orders/(\d+)/([a-z_]+)")


class Control:
    """Answers `/_sim/` calls with plain JSON."""

    def __init__(self, buyers: Buyers, webhooks: Webhooks, faults: Faults) -> None:
        self.buyers = buyers
        self.webhooks = webhooks
        self.faults = faults
        self.database = buyers.database

    def answer(self, method: str, path: str, body: Any) -> Doc:
        """`path` begins after `/_sim`. Raises ApiError."""
        given: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
        try:
            match method, path:
                case "GET", "/state":
                    return self.state()
                case "POST", "/orders":
                    return self.place(given)
                case "POST", "/bad_order":
                    return {"placed": place_bad_order(self.buyers, str(given.get("kind")))}
                case "POST", "/products":
                    return self.seed(body if isinstance(body, list) else [given])
                case "POST", "/rate":
                    self.buyers.set_habits(self.buyers.habits.changed(given))
                    return asdict(self.buyers.habits)
                case "GET", "/faults":
                    return {"faults": self.faults.shown()}
                case "POST", "/faults":
                    return self.faults.add(given).shown()
                case "DELETE", "/faults":
                    self.faults.clear()
                    return {"faults": []}
            if method == "POST" and (match := _ORDER_ACTION.fullmatch(path)):
                return {"done": self.buyers.act(int(match[1]), match[2])}
        except (ValueError, TypeError) as error:
            raise ApiError(400, "simulated_store_refuses", str(error)) from error
        raise no_route()

    def place(self, wishes: Mapping[str, Any]) -> Doc:
        """`count` orders now. `refused` counts those for which there was no stock."""
        count = int(wishes.get("count", 1))
        if not 1 <= count <= MAX_ORDERS:
            raise ValueError(f"count is between 1 and {MAX_ORDERS}")
        rest = {name: value for name, value in wishes.items() if name != "count"}
        placed = [order["id"] for _ in range(count) if (order := self.buyers.place(rest))]
        return {"placed": placed, "refused": count - len(placed)}

    def seed(self, items: list[Any]) -> Doc:
        """Simple products: `sku`, `name`, `price` in rupees, `stock` (none: not managed)."""
        made: list[int] = []
        with self.database.transaction():
            for item in items:
                stock = item.get("stock")
                body = {
                    "name": item.get("name") or item.get("sku"),
                    "sku": item.get("sku"),
                    "regular_price": str(item.get("price") or "499.00"),
                    "manage_stock": stock is not None,
                    "stock_quantity": stock,
                }
                made.append(self.buyers.orders.catalog.create(body)["id"])
        return {"products": made}

    def state(self) -> Doc:
        """Counts of everything."""
        rows = self.database.rows("SELECT state, count(*) AS number FROM orders GROUP BY state")
        counters = self.database.rows("SELECT name FROM setting WHERE name LIKE 'count.%'")
        hooks = self.database.rows("SELECT id, topic, state, failures FROM webhook ORDER BY id")
        out_of_stock = "SELECT count(*) FROM product WHERE sellable = 1 AND stock <= 0"
        return {
            "orders": {row["state"]: row["number"] for row in rows},
            "products": self.database.value("SELECT count(*) FROM product WHERE sellable = 1"),
            "out_of_stock": self.database.value(out_of_stock),
            "units_in_stock": self.database.value("SELECT coalesce(sum(max(stock, 0)), 0) FROM product"),
            "counters": {row["name"][6:]: self.database.setting(row["name"]) for row in counters},
            "webhooks": [dict(row) for row in hooks],
            "deliveries_pending": self.webhooks.pending(),
            "intentions": self.database.value("SELECT count(*) FROM intention"),
            "habits": asdict(self.buyers.habits),
            "faults": self.faults.shown(),
        }
