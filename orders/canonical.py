"""The canonical order: what every channel, file and API call is turned into before it is captured.

Pure dataclasses: no ORM, clock or network. A connector's `mapping.py` builds them, `orders.services.capture_orders`
stores them. Money is in integer minor units of `currency`; quantities are whole units of the SKU.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from oms.core.values import Address

PaymentMethod = Literal["prepaid", "cod", "credit"]
PaymentState = Literal["pending", "authorized", "paid", "failed", "refunded", "partially_refunded"]
ServiceLevel = Literal["standard", "express", "same_day", "pickup"]
Substitutions = Literal["never", "allowed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalLine:
    """One line as the channel sold it.

    `external_id` is the channel's own line id, unique within the order. `sku_code` is the seller's SKU as the channel
    states it; the listing map turns it into `sku_id`. `unit_price_minor` is the price of one unit before discount;
    `discount_minor` and `tax_minor` are for the whole line. `tax_included` says whether the price contains the tax.
    """

    external_id: str
    sku_code: str
    quantity: int
    name: str = ""
    sku_id: int | None = None
    unit_price_minor: int = 0
    discount_minor: int = 0
    tax_minor: int = 0
    tax_included: bool = True
    options: dict[str, str] = field(default_factory=dict)
    cancelled_quantity: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalKit:
    """A line of the channel that is sold as a kit, as the channel states it. Its components are lines of their own.

    `ships_together` asks that all components of one unit leave from one node.
    """

    sold: CanonicalLine
    sku_id: int
    ships_together: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentLine(CanonicalLine):
    """A component of a kit: `units_per_kit` units of it go into each unit of the kit.

    Connectors build none: the channels' kits are exploded right before capture.
    """

    kit: CanonicalKit
    units_per_kit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalPayment:
    """What the channel says of the money: how much was authorized, captured, refunded, and by which gateway."""

    method: PaymentMethod = "prepaid"
    state: PaymentState = "paid"
    gateway: str = ""
    reference: str = ""
    amount_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalOrder:
    """One order of one channel account; (channel account, external_id) identifies it for ever.

    `external_id` is the channel's key for it, `external_number` what people call it. `placed_at` is timezone-aware.
    `promised_by` is the date the customer was promised, None where the channel gave none. `cancelled` means that the
    channel had cancelled the whole order when it was read. `shipped` means that the channel reports it shipped before
    we ever saw it (history): it is captured for the record and never routed. `substitutions` says whether the customer
    takes another SKU where one cannot be shipped.
    """

    external_id: str
    placed_at: datetime
    lines: tuple[CanonicalLine, ...]
    external_number: str = ""
    currency: str = "INR"
    customer_name: str = ""
    customer_email: str = ""
    customer_phone: str = ""
    ship_to: Address = field(default_factory=Address)
    bill_to: Address = field(default_factory=Address)
    shipping_minor: int = 0
    shipping_tax_minor: int = 0
    cod_fee_minor: int = 0
    order_discount_minor: int = 0
    total_minor: int | None = None
    payment: CanonicalPayment = field(default_factory=CanonicalPayment)
    service_level: ServiceLevel = "standard"
    pickup_node_code: str = ""
    substitutions: Substitutions = "never"
    promised_by: datetime | None = None
    is_b2b: bool = False
    is_gift: bool = False
    gift_message: str = ""
    buyer_gstin: str = ""
    customer_note: str = ""
    internal_note: str = ""
    tags: tuple[str, ...] = ()
    cancelled: bool = False
    on_hold_by_channel: bool = False
    shipped: bool = False
    external_updated_at: datetime | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def computed_total_minor(self) -> int:
        """Sum of the lines and charges, for channels that do not state a total."""
        goods = sum(
            line.unit_price_minor * line.quantity - line.discount_minor + (0 if line.tax_included else line.tax_minor)
            for line in self.lines
        )
        return goods + self.shipping_minor + self.shipping_tax_minor + self.cod_fee_minor - self.order_discount_minor
