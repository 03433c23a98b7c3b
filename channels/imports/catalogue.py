"""The fields of each kind of import: what people map columns to. Order fields are in `catalogue_orders`."""

from __future__ import annotations

import re
from datetime import date, time

from channels.imports import fields
from channels.imports.catalogue_orders import ORDER_FIELDS
from channels.imports.fields import Field
from channels.imports.moments import parse_moment
from channels.imports.parsers import Unreadable, parse_code, parse_number
from channels.imports.types import Kind, Options

NODE_KINDS = {
    "warehouse": "warehouse", "fulfillment centre": "warehouse", "fulfilment centre": "warehouse",
    "fulfillment center": "warehouse", "dc": "warehouse", "distribution centre": "warehouse",
    "dark store": "dark_store", "dark_store": "dark_store", "store": "store", "shop": "store", "outlet": "store",
    "3pl": "3pl", "third party": "3pl", "supplier": "supplier", "vendor": "supplier",
}  # fmt: skip
_MAX_WEIGHT_GRAMS = 1_000_000
_MAX_LENGTH_MM = 100_000
_MAX_WORD = 40
_MAX_BRAND = 120


def _weight(text: str, options: Options) -> int:
    factor = 1000 if options.weight_unit == "kg" else 1
    grams = parse_number(text, low=0, high=_MAX_WEIGHT_GRAMS / factor, decimal=options.decimal) * factor
    return round(grams)


def _length(text: str, options: Options) -> int:
    factor = 10 if options.length_unit == "cm" else 1
    return round(parse_number(text, low=0, high=_MAX_LENGTH_MM / factor, decimal=options.decimal) * factor)


def _tax_rate(text: str, options: Options) -> int:
    percent = parse_number(text.removesuffix("%").strip(), low=0, high=100, decimal=options.decimal)
    basis_points = percent * 100
    if basis_points != int(basis_points):
        raise Unreadable("a percentage with at most two decimals")
    return int(basis_points)


def _barcodes(text: str, options: Options) -> tuple[str, ...]:
    return tuple(dict.fromkeys(parse_code(part.strip(), most=80) for part in text.split("|") if part.strip()))


def _words(text: str, options: Options) -> list[str]:
    """ "Hazardous, bulky" or "hazardous | bulky": words in lower case, each once; "-" means none."""
    words = [part.strip().lower() for part in re.split(r"[|,]", text)]
    if words == ["-"]:
        return []
    if any(len(word) > _MAX_WORD for word in words):
        raise Unreadable(f"words of at most {_MAX_WORD} characters, separated by commas")
    return list(dict.fromkeys(word for word in words if word))


def _brands(text: str, options: Options) -> list[str]:
    """ "Aara | Vana": names, each once; "-" means none."""
    names = [part.strip() for part in text.split("|")]
    if names == ["-"]:
        return []
    if any(len(name) > _MAX_BRAND for name in names):
        raise Unreadable(f"names of at most {_MAX_BRAND} characters, separated by |")
    return list(dict.fromkeys(name for name in names if name))


_COMPONENT = re.compile(r"^(?P<code>.+?)(?:(?:\s+[x×]|\s*[*:])\s*(?P<units>\d{1,9}))?$")


def _components(text: str, options: Options) -> tuple[tuple[str, int], ...]:
    """ "TEA-1 x 2 | CUP-1": SKU codes with the units that go into one kit."""
    units: dict[str, int] = {}
    for part in text.split("|"):
        found = _COMPONENT.match(part.strip())
        if found is None:
            raise Unreadable("SKU codes with units, such as TEA-1 x 2 | CUP-1")
        code = parse_code(found["code"].strip(), most=80)
        units[code] = units.get(code, 0) + int(found["units"] or 1)
    return tuple(sorted(units.items()))


def _clock(text: str, options: Options) -> time:
    try:
        hours, _, rest = text.partition(":")
        return time.fromisoformat(f"{hours.zfill(2)}:{rest or '00'}")
    except ValueError as error:
        raise Unreadable("a time such as 09:30") from error


SKU_FIELDS: tuple[Field, ...] = (
    Field(name="code", label="SKU code", required=True, parse=fields.code(80),
          help="The seller's own code. It identifies the SKU: a known code is updated, a new one is created.",
          synonyms=("sku", "sku code", "seller sku", "seller sku code", "item code", "item sku", "product code",
                     "variant sku")),
    Field(name="name", label="Name", parse=fields.text(300), help="Shown to people. The code where the file has none.",
          synonyms=("product name", "title", "product title", "item name", "description", "product")),
    Field(name="category", label="Category", parse=fields.text(120), help="",
          synonyms=("product category", "product type", "type", "vertical", "article type")),
    Field(name="brand", label="Brand", parse=fields.text(120), help="",
          synonyms=("vendor", "brand name", "manufacturer")),
    Field(name="size", label="Size", parse=fields.text(80), help="", synonyms=("size name", "option1 value")),
    Field(name="color", label="Colour", parse=fields.text(80), help="", synonyms=("color", "colour", "colour name")),
    Field(name="style", label="Style or design", parse=fields.text(80), help="",
          synonyms=("style", "style id", "design no", "design number", "parent sku")),
    Field(name="barcodes", label="Barcodes", parse=_barcodes, help="EAN, UPC or own code; several separated by |.",
          synonyms=("barcode", "ean", "upc", "gtin", "ean code", "variant barcode")),
    Field(name="weight", label="Weight", parse=_weight, help="In grams, or kilograms where the options say so.",
          synonyms=("weight", "weight g", "weight grams", "package weight", "variant grams", "weight kg")),
    Field(name="length", label="Length", parse=_length, help="In millimetres, or centimetres where the options say so.",
          synonyms=("length mm", "length cm", "package length")),
    Field(name="width", label="Width", parse=_length, help="",
          synonyms=("breadth", "width mm", "width cm", "package breadth")),
    Field(name="height", label="Height", parse=_length, help="", synonyms=("height mm", "height cm", "package height")),
    Field(name="hsn", label="HSN code", parse=fields.code(8), help="", synonyms=("hsn", "hsn sac")),
    Field(name="tax_rate", label="Tax rate", parse=_tax_rate, help="Percent: 18 or 18%.",
          synonyms=("gst", "gst rate", "tax", "tax percent", "igst rate")),
    Field(name="price", label="Selling price", parse=fields.money, help="",
          synonyms=("price", "mrp", "final mrp", "selling price", "variant price", "list price")),
    Field(name="cost", label="Cost", parse=fields.money, help="",
          synonyms=("cost price", "cost per item", "purchase price", "tp")),
    Field(name="is_active", label="Sold", parse=fields.flag, help="yes or no", synonyms=("active", "enabled")),
    Field(name="needs", label="Needs", parse=_words,
          help="What its node must be able to do, separated by commas: hazardous, bulky. A - means nothing.",
          synonyms=("handling", "special handling", "required capabilities")),
    Field(name="components", label="Components", parse=_components,
          help="Makes it a kit: SKU codes with the units that go into one, such as TEA-1 x 2 | CUP-1.",
          synonyms=("kit components", "bundle components", "bundle items", "components of the kit")),
)  # fmt: skip

NODE_FIELDS: tuple[Field, ...] = (
    Field(name="code", label="Node code", required=True, parse=fields.slug,
          help="Letters, digits, - and _. It never changes: a known code is updated, a new one is created.",
          synonyms=("node", "node code", "store id", "store code", "warehouse code", "location id", "facility code",
                     "center")),
    Field(name="name", label="Name", parse=fields.text(120), help="The city and code where the file has none.",
          synonyms=("node name", "store name", "warehouse name", "location name", "facility name")),
    Field(name="kind", label="Kind", parse=fields.choice(NODE_KINDS, "warehouse, dark store, store, 3PL or supplier"),
          help="warehouse, dark store, store, 3PL or supplier", synonyms=("type", "node type", "facility type")),
    Field(name="postcode", label="PIN code", required=True, parse=fields.code(24), help="",
          synonyms=("pincode", "pin", "pin code", "zip", "zip code", "postal code")),
    Field(name="line1", label="Address", parse=fields.text(200), help="",
          synonyms=("address", "address line 1", "street")),
    Field(name="city", label="City", parse=fields.text(120), help="", synonyms=("town", "district")),
    Field(name="region", label="State", parse=fields.text(120), help="", synonyms=("state", "province")),
    Field(name="country", label="Country", parse=fields.country, help="Two letters. The declared country where empty.",
          synonyms=("country code",)),
    Field(name="phone", label="Phone", parse=fields.code(32), help="", synonyms=("phone number", "mobile", "contact")),
    Field(name="gstin", label="GSTIN", parse=fields.code(15), help="", synonyms=("gst number", "gst no")),
    Field(name="latitude", label="Latitude", parse=fields.number(-90, 90), help="", synonyms=("lat",)),
    Field(name="longitude", label="Longitude", parse=fields.number(-180, 180), help="",
          synonyms=("lng", "lon", "long")),
    Field(name="opens_at", label="Opens at", parse=_clock, help="Such as 09:30.", synonyms=("opening time", "open")),
    Field(name="closes_at", label="Closes at", parse=_clock, help="", synonyms=("closing time", "close")),
    Field(name="cutoff_at", label="Cut-off", parse=_clock, help="Orders released by then leave the same day.",
          synonyms=("cutoff", "cut off time", "dispatch cutoff")),
    Field(name="processing_minutes", label="Processing minutes", parse=fields.quantity(), help="",
          synonyms=("processing time",)),
    Field(name="daily_capacity", label="Daily capacity", parse=fields.quantity(), help="Orders a day.",
          synonyms=("capacity", "orders per day")),
    Field(name="priority", label="Priority", parse=lambda text, options: _small(text), help="0 to 32767, lower first.",
          synonyms=("rank",)),
    Field(name="ships", label="Ships", parse=fields.flag, help="yes or no", synonyms=("ships from", "can ship")),
    Field(name="offers_pickup", label="Store pickup", parse=fields.flag, help="yes or no",
          synonyms=("pickup", "bopis")),
    Field(name="accepts_returns", label="Takes returns", parse=fields.flag, help="yes or no", synonyms=("returns",)),
    Field(name="capabilities", label="Capabilities", parse=_words,
          help="What it can do beyond the ordinary, separated by commas: hazardous, bulky. A - means nothing.",
          synonyms=("abilities", "handles")),
    Field(name="brands", label="Brands", parse=_brands,
          help="The brands that it may ship, separated by |. A - means every brand.", synonyms=("brands shipped",)),
)  # fmt: skip

STOCK_FIELDS: tuple[Field, ...] = (
    Field(name="sku", label="SKU code", required=True, parse=fields.code(80), help="",
          synonyms=("sku code", "seller sku", "seller sku code", "item code", "item sku code", "product code")),
    Field(name="node", label="Node code", parse=fields.slug,
          help="Needed unless the options name one node, or nodes to spread the stock over.",
          synonyms=("node code", "warehouse", "warehouse code", "location", "location id", "facility", "store id")),
    Field(name="on_hand", label="On hand", required=True, parse=fields.quantity(),
          help="Units there now, reserved ones included; packed and damaged ones not.",
          synonyms=("stock", "quantity", "qty", "inventory", "stock quantity", "physical stock", "units", "count")),
    Field(name="name", label="Name", parse=fields.text(300), help="Only used to create a SKU.",
          synonyms=("product name", "title", "item name")),
    Field(name="category", label="Category", parse=fields.text(120), help="Only used to create a SKU.",
          synonyms=("product category",)),
    Field(name="size", label="Size", parse=fields.text(80), help="Only used to create a SKU."),
    Field(name="color", label="Colour", parse=fields.text(80), help="Only used to create a SKU.", synonyms=("colour",)),
    Field(name="style", label="Style or design", parse=fields.text(80), help="Only used to create a SKU.",
          synonyms=("design no", "style id")),
)  # fmt: skip


def _day(text: str, options: Options) -> date:
    return parse_moment(text, zone=options.time_zone, date_order=options.date_order).date()


PURCHASE_FIELDS: tuple[Field, ...] = (
    Field(name="supplier", label="Supplier code", required=True, parse=fields.slug, help="The supplier must exist.",
          synonyms=("supplier", "vendor", "vendor code")),
    Field(name="reference", label="Reference", required=True, parse=fields.code(80),
          help="With the supplier it names the order: use each for one order only. Rows with the same one are one "
               "order, wherever they stand in the file.",
          synonyms=("po number", "purchase order", "order reference", "vendor reference", "po no")),
    Field(name="node", label="Node code", parse=fields.slug,
          help="Where the goods come to. Needed unless the options name one node for the whole file.",
          synonyms=("node", "deliver to", "ship to", "warehouse", "warehouse code", "location", "facility")),
    Field(name="sku", label="SKU code", required=True, parse=fields.code(80), help="Each once in an order.",
          synonyms=("sku", "seller sku", "item code", "product code", "item")),
    Field(name="quantity", label="Quantity", required=True, parse=fields.quantity(1), help="Units to buy.",
          synonyms=("qty", "units", "order quantity", "ordered")),
    Field(name="unit_cost", label="Unit cost", parse=fields.money,
          help="In the supplier's currency. Where it is empty a draft keeps its cost; in a new line the supplier's "
               "price counts.",
          synonyms=("cost", "unit price", "price", "cost price", "rate", "purchase price")),
    Field(name="expected_on", label="Expected on", parse=_day, is_date=True,
          help="The supplier's lead time from the day it is placed, where it is empty.",
          synonyms=("expected date", "delivery date", "due date", "eta", "expected")),
    Field(name="note", label="Note", parse=fields.text(500), help="", synonyms=("remark", "remarks", "comment")),
)  # fmt: skip


SUBSTITUTE_FIELDS: tuple[Field, ...] = (
    Field(name="sku", label="SKU code", required=True, parse=fields.code(80),
          help="What was ordered. The rows of a SKU are all of its substitutes: others are taken off.",
          synonyms=("sku", "ordered", "original", "original sku", "seller sku", "item code")),
    Field(name="substitute", label="Substitute", required=True, parse=fields.code(80),
          help="The SKU code of what may be sold instead, one for one.",
          synonyms=("substitute sku", "substitute code", "replacement", "alternative", "instead")),
    Field(name="choice", label="Choice", parse=fields.quantity(1),
          help="1 is tried first. Where it is empty the rows count in their order.",
          synonyms=("rank", "priority", "position", "order")),
)  # fmt: skip


REMITTANCE_FIELDS: tuple[Field, ...] = (
    Field(name="utr", label="UTR", required=True, parse=fields.code(60),
          help="The bank's reference of the payment. Rows with the same one are one remittance.",
          synonyms=("utr no", "utr number", "bank reference", "transaction id", "payment reference", "crf id")),
    Field(name="awb", label="AWB", required=True, parse=fields.code(60), help="Each once in a remittance.",
          synonyms=("awb no", "awb number", "awb code", "waybill", "waybill no", "tracking number", "docket no",
                    "consignment number")),
    Field(name="amount", label="Amount", required=True, parse=fields.money, help="What came for this parcel.",
          synonyms=("remitted", "remitted amount", "remittance amount", "cod amount", "net amount", "amount paid",
                    "collected amount")),
    Field(name="deducted", label="Kept back", parse=fields.money,
          help="What the carrier kept back of what it collected, as for freight.",
          synonyms=("deduction", "deducted amount", "adjusted", "freight deducted", "adjustment")),
    Field(name="paid_on", label="Paid on", required=True, parse=_day, is_date=True, help="",
          synonyms=("remittance date", "payment date", "paid date", "date of payment", "transfer date", "date")),
    Field(name="carrier", label="Carrier", parse=fields.slug,
          help="Code of the carrier account. Needed unless the options name one.",
          synonyms=("carrier account", "courier", "courier account", "carrier code")),
)  # fmt: skip


def _small(text: str) -> int:
    return int(parse_number(text, low=0, high=32767))


FIELDS: dict[Kind, tuple[Field, ...]] = {
    "orders": ORDER_FIELDS,
    "skus": SKU_FIELDS,
    "nodes": NODE_FIELDS,
    "stock": STOCK_FIELDS,
    "purchase_orders": PURCHASE_FIELDS,
    "substitutes": SUBSTITUTE_FIELDS,
    "remittances": REMITTANCE_FIELDS,
}
