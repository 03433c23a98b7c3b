"""What the papers of a parcel say. Weights are grams, lengths millimetres, money minor units."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from oms.core.values import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelItem:
    """One line of content."""

    name: str
    quantity: int
    sku_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelData:
    """Everything on a shipping label. `created_at` is also the document's date: the same data gives the same bytes.

    `routing_code` is the carrier's sorting code; without one the label shows the PIN code's first three digits.
    `return_to` is where it goes back to when that is not `ship_from`.
    """

    awb: str
    courier_name: str
    order_number: str
    ship_from: Address
    ship_to: Address
    weight_grams: int
    created_at: datetime
    cod_minor: int = 0
    currency: str = "INR"
    tracking_url: str = ""
    routing_code: str = ""
    service_name: str = ""
    invoice_number: str = ""
    declared_value_minor: int = 0
    length_mm: int = 0
    width_mm: int = 0
    height_mm: int = 0
    parcel_number: int = 1
    parcel_count: int = 1
    items: tuple[LabelItem, ...] = ()
    return_to: Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRow:
    """One parcel of a hand-over."""

    awb: str
    order_number: str
    ship_to_name: str
    ship_to_city: str
    ship_to_postcode: str
    weight_grams: int
    cod_minor: int = 0
    pieces: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestData:
    """A hand-over of parcels from one node to one courier."""

    number: str
    courier_name: str
    node_name: str
    node_lines: tuple[str, ...]
    created_at: datetime
    rows: tuple[ManifestRow, ...]
    currency: str = "INR"
    vehicle: str = ""
    #: Once it was handed over: who took it, the code of the pickup, and the signature as a PNG picture.
    driver_name: str = ""
    driver_code: str = ""
    signature: bytes = b""
    pickup_reference: str = ""
    #: Parcels that came off it and may still lie in the pile, as words.
    taken_off: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PickRow:
    """Take `quantity` of a SKU from one bin; `orders` names the orders or totes that it is for, `lots` where from."""

    bin_code: str
    sku_code: str
    name: str
    quantity: int
    barcode: str = ""
    orders: str = ""
    lots: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PickListData:
    """A walk through one node. Rows are printed in the order given: the walk's order."""

    number: str
    node_name: str
    created_at: datetime
    rows: tuple[PickRow, ...]
    picker_name: str = ""
    due_at_text: str = ""
    order_count: int = 0
    #: Orders that wait at the node in all, where somebody counted them.
    waiting_count: int = 0

    @property
    def orders_text(self) -> str:
        """How many orders are on the list, and of how many, where others wait."""
        if self.waiting_count > self.order_count:
            return f"{self.order_count} of {self.waiting_count}"
        return str(self.order_count) if self.order_count else "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackingRow:
    """One SKU of an order: what was ordered and what lies in this parcel; `units` names its lots or serial numbers."""

    sku_code: str
    name: str
    ordered: int
    packed: int
    units: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackingSlipData:
    """The paper in the box. It names no prices: a parcel can be a gift."""

    order_number: str
    order_date: date
    created_at: datetime
    seller_name: str
    ship_from: Address
    ship_to: Address
    rows: tuple[PackingRow, ...]
    awb: str = ""
    courier_name: str = ""
    parcel_number: int = 1
    parcel_count: int = 1
    note: str = ""
    returns_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomsRow:
    """One article as customs is told: values in major units as text, `grams` of the whole row."""

    description: str
    quantity: int
    unit_value: str
    line_value: str
    origin: str
    grams: int
    hsn: str = ""
    sku_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomsInvoiceData:
    """The commercial invoice of a parcel that crosses a border, as the carrier was told.

    `terms` are DAP (the receiver pays duties) or DDP (the shipper does). `exporter_number` is a tax number with its
    name, as `GSTIN 29AAGCB7383J1Z4`. `total` is in major units as text.
    """

    number: str
    issued_on: date
    created_at: datetime
    awb: str
    courier_name: str
    ship_from: Address
    ship_to: Address
    terms: str
    currency: str
    rows: tuple[CustomsRow, ...]
    total: str
    weight_grams: int
    exporter_number: str = ""

    @property
    def pieces(self) -> int:
        """Units in the parcel."""
        return sum(row.quantity for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRow:
    """Goods or a charge. Amounts in paise; the rate in basis points is that of all taxes together."""

    name: str
    quantity: int
    gross_minor: int
    discount_minor: int
    taxable_minor: int
    rate_bp: int
    cgst_minor: int
    sgst_minor: int
    igst_minor: int
    total_minor: int
    hsn: str = ""
    sku_code: str = ""
    units: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxInvoiceData:
    """A GST invoice with what rule 46 of the CGST Rules 2017 wants on it. `words` is the total in words.

    `state_tax` names the half that is the state's: SGST, or UTGST in a territory without a legislature.
    """

    title: str
    number: str
    issued_on: date
    created_at: datetime
    order_number: str
    order_date: date
    seller: Address
    seller_gstin: str
    ship_from: Address
    bill_to: Address
    ship_to: Address
    place_of_supply: str
    rows: tuple[InvoiceRow, ...]
    words: str
    buyer_gstin: str = ""
    between_states: bool = False
    state_tax: str = "SGST"
    trade_name: str = ""
    signatory: str = ""
    awb: str = ""
    courier_name: str = ""
    payment: str = ""
    note: str = ""
    is_cancelled: bool = False
