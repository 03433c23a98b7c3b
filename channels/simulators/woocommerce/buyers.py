"""Buyers: they place orders for what is in stock, and some change their minds afterwards."""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

from channels.simulators.woocommerce import world
from channels.simulators.woocommerce.database import Doc
from channels.simulators.woocommerce.errors import ApiError
from channels.simulators.woocommerce.money import amount, paise
from channels.simulators.woocommerce.order_book import OrderBook
from channels.simulators.woocommerce.order_details import Refunds

log = logging.getLogger(__name__)

ACTIONS = ("cancel", "address_edit", "partial_refund", "pay")
#: How long a buyer takes, on average, before changing an order.
AFTERTHOUGHT_SECONDS = 90.0
_IDLE_SECONDS = 0.5
_DRAWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How buyers shop. Shares are of all orders."""

    per_minute: float = 0.0
    hour_weights: bool = True
    cod: float = 0.60
    pending: float = 0.03
    coupon: float = 0.08
    express: float = 0.10
    gift: float = 0.03
    note: float = 0.05
    cancel: float = 0.03
    address_edit: float = 0.02
    partial_refund: float = 0.01

    def changed(self, wanted: Mapping[str, Any]) -> Habits:
        """With the values of a request. Raises ValueError for a name nobody knows or a value out of bounds."""
        known = {field.name for field in fields(self)}
        if unknown := wanted.keys() - known:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
        values = {name: bool(v) if name == "hour_weights" else float(v) for name, v in wanted.items()}
        for name, value in values.items():
            highest = 100_000.0 if name == "per_minute" else 1.0
            if not 0 <= value <= highest:
                raise ValueError(f"{name} is between 0 and {highest:g}")
        return Habits(**(asdict(self) | values))


@dataclass(frozen=True, slots=True)
class _Offer:
    """What the store sells, most popular first, with running sums of the popularity."""

    numbers: list[int]
    weights: list[float]
    revision: int

    @classmethod
    def of(cls, numbers: list[int], revision: int) -> _Offer:
        # Popularity belongs to the product and not to its age: ranks follow a fixed shuffle of the numbers.
        ranked = sorted(numbers, key=lambda number: (number * 2654435761) % 4294967296)
        weights = accumulate((rank + 1) ** -world.ZIPF_EXPONENT for rank in range(len(ranked)))
        return cls(ranked, list(weights), revision)


class Buyers:
    """Places orders by hand (`place`) and by themselves (`start`)."""

    def __init__(self, orders: OrderBook, refunds: Refunds, chance: random.Random, habits: Habits) -> None:
        self.orders = orders
        self.refunds = refunds
        self.context = orders.context
        self.database = orders.database
        self.chance = chance
        self.habits = Habits(**self.database.setting("habits", asdict(habits)))
        self._place_weights = world.place_weights()
        self._offer = _Offer([], [], revision=-1)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to shop at the rate of the habits."""
        self._thread = threading.Thread(target=self._work, name="buyers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop shopping."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def set_habits(self, habits: Habits) -> None:
        """Change the habits; they outlive a restart."""
        self.habits = habits
        self.database.set_setting("habits", asdict(habits))

    def place(self, wishes: Mapping[str, Any] | None = None) -> Doc | None:
        """One order, None when the store has nothing left to sell.

        `wishes` may fix `cod`, `sku`, `quantity`, `lines` (of sku and quantity), `express`, `gift`, `note`, `postcode`
        with `city` and `state`, and `status`.
        """
        wishes = wishes or {}
        with self.database.transaction():
            lines = self._basket(wishes)
            if not lines:
                self.database.count("orders_refused")
                return None
            order = self.orders.create(self._request(wishes, lines), created_via="checkout")
            self.database.count("orders_placed")
            self._plan(order["id"], order["status"])
            return order

    def act(self, order_id: int, action: str) -> bool:
        """Carry out one afterthought; False when the order is past it."""
        with self.database.transaction():
            order = self.orders.stored(order_id)
            if action == "pay":
                if order["status"] not in ("pending", "failed"):
                    return False
                self.orders.update(order_id, {"set_paid": True, "transaction_id": self._reference()})
            elif order["status"] not in ("pending", "on-hold", "processing"):
                return False
            elif action == "cancel":
                self.orders.update(order_id, {"status": "cancelled"})
            elif action == "address_edit":
                self.orders.update(order_id, {"shipping": {"address_1": self._street()}})
            elif action == "partial_refund":
                if not self._refund_one(order):
                    return False
            else:
                raise ValueError(f"action is one of {', '.join(ACTIONS)}")
            self.database.count(f"buyers_{action}")
            return True

    def address(self) -> Doc:
        """A buyer somewhere in India."""
        ((postcode, city, state),) = self.chance.choices(world.PLACES, self._place_weights)
        first, last = self.chance.choice(world.FIRST_NAMES), self.chance.choice(world.LAST_NAMES)
        return {
            "first_name": first,
            "last_name": last,
            "address_1": self._street(),
            "city": city,
            "state": state,
            "postcode": postcode,
            "country": "IN",
            "phone": f"{self.chance.choice('6789')}{self.chance.randrange(10**9):09d}",
            "email": f"{first}.{last}{self.chance.randrange(1000)}@example.test".lower(),
        }

    def _request(self, wishes: Mapping[str, Any], lines: list[Doc]) -> Doc:
        habits = self.habits
        buyer = self.address()
        buyer |= {name: str(wishes[name]) for name in ("postcode", "city", "state") if name in wishes}
        is_cod = bool(wishes["cod"]) if wishes.get("cod") is not None else self._chance_of(habits.cod)
        pending = not is_cod and self._chance_of(habits.pending)
        request: Doc = {
            "status": wishes.get("status") or ("pending" if pending else "processing"),
            "payment_method": "cod" if is_cod else "razorpay",
            "payment_method_title": "Cash on delivery" if is_cod else "Razorpay",
            "transaction_id": "" if is_cod or pending else self._reference(),
            "billing": buyer,
            "shipping": buyer,
            "line_items": lines,
            "shipping_lines": [self._shipping(wishes)],
            "fee_lines": [{"name": "COD fee", "total": "30.00"}] if is_cod else [],
            "customer_note": wishes.get("note") or self._sometimes(habits.note, world.NOTES),
        }
        gift = self._sometimes(habits.gift, world.GIFT_MESSAGES)
        if wishes.get("gift") or (gift and "gift" not in wishes):
            message = gift or world.GIFT_MESSAGES[0]
            request["meta_data"] = [{"key": "_is_gift", "value": "yes"}, {"key": "_gift_message", "value": message}]
        if self._chance_of(habits.coupon) and not wishes:
            request |= {"coupon_lines": [{"code": "welcome10"}], "discount_percent": 10}
        return request

    def _basket(self, wishes: Mapping[str, Any]) -> list[Doc]:
        wanted = wishes.get("lines") or ([wishes] if wishes.get("sku") else [])
        if wanted:
            lines = []
            for item in wanted:
                product = self.orders.catalog.by_sku(str(item.get("sku")))
                quantity = int(item.get("quantity") or 1)
                if product is None or not self._in_stock(product["id"], quantity):
                    return []
                lines.append({"sku": product["sku"], "product_id": product["id"], "quantity": quantity})
            return lines
        (count,) = self.chance.choices(list(world.LINES_PER_ORDER), list(world.LINES_PER_ORDER.values()))
        lines = []
        for number in dict.fromkeys(self._popular() for _ in range(count)):
            (quantity,) = self.chance.choices(list(world.UNITS_PER_LINE), list(world.UNITS_PER_LINE.values()))
            while number and not self._in_stock(number, quantity):
                quantity -= 1
            if number:
                lines.append({"product_id": number, "quantity": quantity})
        return lines

    def _popular(self) -> int:
        """A product in stock drawn by its popularity, 0 where nothing is in stock."""
        if self._offer.revision != self.orders.catalog.revision:
            rows = self.database.rows("SELECT id FROM product WHERE sellable = 1")
            self._offer = _Offer.of([int(row["id"]) for row in rows], self.orders.catalog.revision)
        for _ in range(_DRAWS if self._offer.numbers else 0):
            (number,) = self.chance.choices(self._offer.numbers, cum_weights=self._offer.weights)
            if self._in_stock(number, 1):
                return number
        # Most of the store is sold out: look for what is left.
        left = [number for number in self._offer.numbers if self._in_stock(number, 1)]
        return self.chance.choice(left) if left else 0

    def _in_stock(self, number: int, quantity: int) -> bool:
        sql = "SELECT sellable = 1 AND (stock IS NULL OR stock >= ?) FROM product WHERE id = ?"
        return bool(self.database.value(sql, (quantity, number)))

    def _shipping(self, wishes: Mapping[str, Any]) -> Doc:
        express = bool(wishes["express"]) if "express" in wishes else self._chance_of(self.habits.express)
        if express:
            return {"method_id": "flat_rate", "method_title": "Express (1-2 days)", "total": "120.00"}
        return {"method_id": "flat_rate", "method_title": "Flat Rate", "total": "50.00"}

    def _plan(self, order_id: int, status: str) -> None:
        actions = [name for name in ("cancel", "address_edit", "partial_refund") if self._draws(name)]
        if status == "pending":
            actions.append("pay")
        for action in actions:
            due = time.time() + self.chance.expovariate(1 / AFTERTHOUGHT_SECONDS)
            sql = "INSERT INTO intention (order_id, action, due) VALUES (?, ?, ?)"
            self.database.run(sql, (order_id, action, due))

    def _refund_one(self, order: Doc) -> bool:
        if order["date_paid"] is None or order["refunds"]:
            return False
        line = order["line_items"][0]
        if len(order["line_items"]) == 1 and line["quantity"] == 1:
            # All that there is: half of the price as a gesture, the goods are kept.
            body: Doc = {"amount": amount(paise(line["total"]) // 2), "reason": "Goodwill"}
        else:
            total, tax = paise(line["total"]) // line["quantity"], paise(line["total_tax"]) // line["quantity"]
            item = {
                "id": line["id"],
                "quantity": 1,
                "refund_total": amount(total),
                "refund_tax": [{"id": 2, "refund_total": amount(tax)}],
            }
            body = {"reason": "One too many", "line_items": [item], "api_restock": True}
        self.refunds.create(order["id"], body)
        return True

    def _work(self) -> None:
        habits, following = self.habits, time.monotonic() + self._pause()
        while not self._stop.wait(_IDLE_SECONDS if self.habits.per_minute < 60 else 0.05):
            self._act_on_what_is_due()
            now = time.monotonic()
            if habits is not self.habits:
                # A new rate counts from now; waiting for an order of the old rate could take long.
                habits, following = self.habits, now + self._pause()
            while following <= now and not self._stop.is_set():
                self.place()
                following += self._pause()

    def _pause(self) -> float:
        rate = self.habits.per_minute
        if self.habits.hour_weights:
            hour = self.context.clock().astimezone(ZoneInfo(world.TIME_ZONE)).hour
            rate *= world.HOUR_SHARES[hour] * len(world.HOUR_SHARES)
        return self.chance.expovariate(rate / 60) if rate > 0 else math.inf

    def _act_on_what_is_due(self) -> None:
        rows = self.database.rows("SELECT * FROM intention WHERE due <= ? ORDER BY due", (time.time(),))
        for row in rows:
            self.database.run("DELETE FROM intention WHERE id = ?", (row["id"],))
            try:
                self.act(row["order_id"], row["action"])
            except ApiError as error:
                log.info("Order %s: %s refused: %s", row["order_id"], row["action"], error.message)

    def _draws(self, name: str) -> bool:
        return self._chance_of(float(getattr(self.habits, name)))

    def _chance_of(self, share: float) -> bool:
        return self.chance.random() < share

    def _sometimes(self, share: float, texts: tuple[str, ...]) -> str:
        return self.chance.choice(texts) if self._chance_of(share) else ""

    def _street(self) -> str:
        return f"{self.chance.randrange(1, 400)} {self.chance.choice(world.STREETS)}"

    def _reference(self) -> str:
        return f"pay_{self.chance.getrandbits(56):014x}"
