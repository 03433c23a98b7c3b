"""Each report: its header, its words, its amounts, from rows to a canonical order."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from channels.adapters.files.assemble import Draft, assemble
from channels.adapters.files.money import price_line, spread
from channels.adapters.files.registry import FORMATS, detect_format
from channels.adapters.files.rows import SourceRow
from channels.canonical_json import canonical_from_json, canonical_to_json
from channels.imports.matching import apply
from channels.imports.types import Options
from orders.canonical import CanonicalOrder


def columns_of(text: str) -> list[str]:
    """The columns of a header line."""
    return text.split(",")


ALL_ORDERS = columns_of(
    "amazon-order-id,merchant-order-id,purchase-date,last-updated-date,order-status,fulfillment-channel,"
    "sales-channel,order-channel,url,ship-service-level,product-name,sku,asin,item-status,quantity,currency,"
    "item-price,item-tax,shipping-price,shipping-tax,gift-wrap-price,gift-wrap-tax,item-promotion-discount,"
    "ship-promotion-discount,ship-city,ship-state,ship-postal-code,ship-country,promotion-ids,is-business-order,"
    "purchase-order-number,price-designation"
)
SALE_REPORT = columns_of(
    "index,Order ID,Date,Status,Fulfilment,Sales Channel ,ship-service-level,Style,SKU,Category,Size,ASIN,"
    "Courier Status,Qty,currency,Amount,ship-city,ship-state,pincode,ship-country,promotion-ids,B2B,fulfilled-by"
)
SHOPIFY = columns_of(
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,"
    "Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,"
    "Lineitem name,Lineitem price,Lineitem compare at price,Lineitem sku,Lineitem requires shipping,"
    "Lineitem taxable,Lineitem fulfillment status,Billing Name,Billing Street,Billing Address1,Billing Address2,"
    "Billing Company,Billing City,Billing Zip,Billing Province,Billing Country,Billing Phone,Shipping Name,"
    "Shipping Street,Shipping Address1,Shipping Address2,Shipping Company,Shipping City,Shipping Zip,"
    "Shipping Province,Shipping Country,Shipping Phone,Notes,Note Attributes,Cancelled at,Payment Method,"
    "Payment Reference,Refunded Amount,Vendor,Outstanding Balance,Employee,Location,Device ID,Id,Tags,Risk Level,"
    "Source,Lineitem discount,Tax 1 Name,Tax 1 Value,Phone,Receipt Number,Duties,Billing Province Name,"
    "Shipping Province Name"
)
FLIPKART = columns_of(
    "Ordered On,Shipment ID,ORDER ITEM ID,Order Id,HSN CODE,Order State,Order Type,FSN,SKU,Product,Invoice No.,"
    "CGST,IGST,SGST,Invoice Date (mm/dd/yy),Invoice Amount,Selling Price Per Item,Shipping and Handling Charges,"
    "Quantity,Price inc. FKMP Contribution & Subsidy,Buyer name,Ship to name,Address Line 1,Address Line 2,City,"
    "State,PIN Code,Dispatch After date,Dispatch by date,Form requirement,Tracking ID"
)
MYNTRA = columns_of(
    "seller id,warehouse id,store order id,order release id,order line id,seller order id,order id fk,created on,"
    "style id,seller sku code,sku id,myntra sku code,size,brand,style name,article type,order status,packet id,"
    "packed on,shipped on,delivered on,cancelled on,rto creation date,return creation date,final amount,"
    "total mrp,discount,coupon discount,shipping charge,city,state,zipcode"
)


def read(header: list[str], *rows: dict[str, str], options: Options | None = None) -> Draft:
    """The rows, given by column, as the order that they make up."""
    format = detect_format(header)
    assert format is not None
    positions = apply(format.columns, header)
    sources = []
    for number, row in enumerate(rows, start=2):
        assert row.keys() <= set(header)
        raw = {name: row.get(header[position], "") for name, position in positions.items()}
        cells = {name: text for name, text in format.prepare(raw).items() if text and not name.startswith("_")}
        sources.append(SourceRow(number, cells))
    return assemble(sources[0].cells["order_id"], sources, format, options or Options())


def order_of(draft: Draft) -> CanonicalOrder:
    """The order, which must have no error and survive the way through the inbox."""
    assert draft.errors == ()
    assert draft.order is not None
    assert canonical_from_json(json.loads(json.dumps(canonical_to_json(draft.order)))) == draft.order
    return draft.order


@pytest.mark.parametrize(
    ("code", "header"),
    [("amazon_all_orders", ALL_ORDERS), ("amazon_sale_report", SALE_REPORT), ("shopify", SHOPIFY),
     ("flipkart", FLIPKART), ("myntra", MYNTRA)],
)  # fmt: skip
def test_each_header_is_recognised_as_its_report_and_no_other(code: str, header: list[str]) -> None:
    format = detect_format(header)
    assert format is FORMATS[code]
    found = apply(format.columns, header)
    assert {name for name in format.columns if name not in found} == set()
    assert detect_format(["Order No", "Date", "SKU", "Qty"]) is None


def test_recorded_headers_of_panels_are_recognised(shared_dir: Path) -> None:
    path = shared_dir / "contracts" / "fixtures" / "panel-exports" / "headers.json"
    headers = json.loads(path.read_text(encoding="utf-8"))
    expected = {
        "amazon_unshipped_orders_report_IN_base": "amazon_unshipped",
        "amazon_unshipped_orders_report_cod_jp_style": "amazon_unshipped",
        "amazon_unshipped_orders_report_EU_2019": "amazon_unshipped",
        "meesho_orders_csv": "meesho",
    }
    for name, code in expected.items():
        assert detect_format(headers[name]) is FORMATS[code], name


SALE_ROW = {
    "Order ID": "171-1", "Date": "04-30-22", "Status": "Shipped - Delivered to Buyer", "Fulfilment": "Merchant",
    "ship-service-level": "Expedited", "SKU": "JNE3781-KR-XXXL", "Category": "kurta", "Size": "3XL",
    "ASIN": "B09K3WFS32", "Qty": "2", "currency": "INR", "Amount": "813.01", "ship-city": "BENGALURU",
    "ship-state": "KARNATAKA", "pincode": "560085.0", "ship-country": "IN", "B2B": "False",
}  # fmt: skip


def test_amazon_sale_report_amount_is_the_line_total_and_shipped_is_history() -> None:
    order = order_of(read(SALE_REPORT, SALE_ROW))
    assert (order.shipped, order.cancelled, order.service_level) == (True, False, "express")
    assert order.placed_at.astimezone(UTC) == datetime(2022, 4, 29, 18, 30, tzinfo=UTC)
    [line] = order.lines
    assert (line.quantity, line.unit_price_minor, line.discount_minor) == (2, 40651, 1)
    assert line.external_id == "171-1:JNE3781-KR-XXXL:B09K3WFS32:1"
    assert (order.total_minor, order.payment.captured_minor) == (81301, 81301)
    assert (order.ship_to.postcode, order.extra["address_withheld"]) == ("560085", True)
    assert order_of(read(SALE_REPORT, SALE_ROW, options=Options(treat_as="open"))).shipped is False


def test_a_cancelled_row_may_have_neither_quantity_nor_amount() -> None:
    row = SALE_ROW | {"Status": "Cancelled", "Qty": "0", "Amount": "", "currency": "", "pincode": ""}
    order = order_of(read(SALE_REPORT, row))
    assert (order.cancelled, order.shipped, order.total_minor) == (True, False, 0)
    assert (order.lines[0].quantity, order.lines[0].cancelled_quantity) == (1, 1)


def test_one_cancelled_row_does_not_cancel_the_order() -> None:
    cancelled = SALE_ROW | {"Status": "Cancelled", "SKU": "X"}
    order = order_of(read(SALE_REPORT, SALE_ROW | {"Status": "Unshipped"}, cancelled))
    assert order.cancelled is False
    assert [line.cancelled_quantity for line in order.lines] == [0, 2]


def test_what_the_channel_ships_from_its_own_warehouse_is_never_routed() -> None:
    row = SALE_ROW | {"Status": "Pending", "Fulfilment": "Amazon"}
    assert order_of(read(SALE_REPORT, row)).shipped is True
    assert order_of(read(SALE_REPORT, row)).payment.state == "pending"


def test_equal_rows_without_an_item_id_are_two_lines_and_a_warning() -> None:
    draft = read(SALE_REPORT, SALE_ROW, SALE_ROW)
    order = order_of(draft)
    assert [line.external_id[-2:] for line in order.lines] == [":1", ":2"]
    assert [(issue.row, issue.warning) for issue in draft.issues] == [(3, True)]


def test_amazon_all_orders_adds_up_shipping_and_takes_off_promotions() -> None:
    row = {
        "amazon-order-id": "405-1", "purchase-date": "2026-05-01T10:00:00+00:00",
        "last-updated-date": "2026-05-02T10:00:00+00:00", "order-status": "Unshipped",
        "fulfillment-channel": "Merchant", "ship-service-level": "Standard", "product-name": "Kurta", "sku": "K1",
        "asin": "B0", "item-status": "Unshipped",
        "quantity": "2", "currency": "INR", "item-price": "1000.00", "item-tax": "107.14", "shipping-price": "40",
        "shipping-tax": "4", "item-promotion-discount": "100", "ship-promotion-discount": "40", "ship-city": "Pune",
        "ship-state": "MH", "ship-postal-code": "411001", "ship-country": "IN", "is-business-order": "true",
    }  # fmt: skip
    other = row | {"sku": "K2", "quantity": "1", "item-price": "500", "shipping-price": "30",
                   "item-promotion-discount": "", "ship-promotion-discount": "", "item-tax": "53.57"}  # fmt: skip
    order = order_of(read(ALL_ORDERS, row, other))
    assert [(line.unit_price_minor, line.discount_minor, line.tax_minor) for line in order.lines] == [
        (50000, 10000, 10714), (50000, 0, 5357),
    ]  # fmt: skip
    assert (order.shipping_minor, order.total_minor, order.is_b2b) == (3000, 143000, True)
    assert order.external_updated_at == datetime(2026, 5, 2, 10, tzinfo=UTC)


def test_shopify_speaks_on_the_first_row_only_and_its_subtotal_tells_the_discount() -> None:
    first = {
        "Name": "#1001", "Email": "a@example.com", "Financial Status": "paid", "Fulfillment Status": "unfulfilled",
        "Currency": "INR", "Subtotal": "1350.00", "Shipping": "50.00", "Taxes": "150.00", "Total": "1400.00",
        "Discount Amount": "150.00", "Shipping Method": "Express delivery", "Created at": "2026-05-01 10:00:00 +0530",
        "Lineitem quantity": "2", "Lineitem name": "Kurta", "Lineitem price": "500.00", "Lineitem sku": "K1",
        "Lineitem fulfillment status": "pending", "Billing Name": "Asha", "Billing Address1": "1 Road",
        "Billing City": "Pune", "Billing Zip": "'411001", "Billing Country": "IN", "Shipping Name": "Asha",
        "Shipping Address1": "1 Road", "Shipping City": "Pune", "Shipping Zip": "'411001", "Shipping Province": "MH",
        "Shipping Country": "IN", "Shipping Phone": "'+919800000000", "Payment Method": "Razorpay",
        "Tags": "vip, gift", "Lineitem discount": "0.00",
    }  # fmt: skip
    second = {"Name": "#1001", "Email": "a@example.com", "Created at": "2026-05-01 10:00:00 +0530",
              "Lineitem quantity": "1", "Lineitem name": "Top", "Lineitem price": "500.00", "Lineitem sku": "K2",
              "Lineitem fulfillment status": "pending", "Lineitem discount": "0.00"}  # fmt: skip
    draft = read(SHOPIFY, first, second)
    order = order_of(draft)
    assert draft.issues == ()
    assert (order.external_id, order.total_minor, order.order_discount_minor) == ("#1001", 140000, 15000)
    assert [(line.tax_minor, line.tax_included) for line in order.lines] == [(10000, True), (5000, True)]
    assert (order.ship_to.postcode, order.customer_phone, order.tags) == ("411001", "+919800000000", ("vip", "gift"))
    assert (order.service_level, order.payment.gateway, order.payment.state) == ("express", "Razorpay", "paid")
    on_top = order_of(read(SHOPIFY, first | {"Total": "1550.00"}, second))
    assert {line.tax_included for line in on_top.lines} == {False}
    assert on_top.computed_total_minor() == 155000
    at_the_door = first | {"Payment Method": "Cash on Delivery (COD)", "Financial Status": "pending"}
    cod = order_of(read(SHOPIFY, at_the_door, second))
    assert (cod.payment.method, cod.payment.state, cod.payment.captured_minor) == ("cod", "pending", 0)
    gone = order_of(read(SHOPIFY, first | {"Cancelled at": "2026-05-02 10:00:00 +0530"}))
    assert gone.cancelled is True


def test_flipkart_ids_lose_their_apostrophe_and_the_invoice_amount_is_the_row() -> None:
    order = order_of(read(FLIPKART, {
        "Ordered On": "Aug 26, 2026", "ORDER ITEM ID": "'438462135749739102", "Order Id": "OD438462135749739100",
        "Order State": "Ready to dispatch", "FSN": "DREH", "SKU": "SVM-02-XL", "Product": "Dress",
        "Invoice Amount": "428", "Quantity": "1", "Buyer name": "Richa", "Ship to name": "Richa",
        "Address Line 1": "Flat 714", "City": "Pune", "State": "Maharashtra", "PIN Code": "411033",
        "Dispatch by date": "Aug 28, 2026 14:00:00",
    }))  # fmt: skip
    assert order.lines[0].external_id == "438462135749739102"
    assert (order.shipped, order.total_minor) == (False, 42800)
    assert order.promised_by is not None
    assert order.promised_by.astimezone(UTC) == datetime(2026, 8, 28, 8, 30, tzinfo=UTC)


def test_meesho_keeps_the_address_to_itself_and_the_order_waits_for_one() -> None:
    header = ["Reason for Credit Entry", "Sub Order No", "Order Date", "Customer State", "Product Name", "SKU", "Size",
              "Quantity", "Supplier Listed Price (Incl. GST + Commission)",
              "Supplier Discounted Price (Incl GST and Commision)", "Packet Id"]  # fmt: skip
    draft = read(header, {"Reason for Credit Entry": "READY_TO_SHIP", "Sub Order No": "123_1",
                          "Order Date": "2026-05-01", "Customer State": "Gujarat", "SKU": "S1", "Quantity": "2",
                          "Supplier Discounted Price (Incl GST and Commision)": "249"})  # fmt: skip
    order = order_of(draft)
    assert (order.ship_to.postcode, order.ship_to.region, order.total_minor) == ("", "Gujarat", 49800)
    assert [(issue.field, issue.warning) for issue in draft.issues] == [("ship_postcode", True)]


def test_myntra_rows_are_units_and_a_cancellation_date_cancels() -> None:
    row = {"store order id": "S1", "order release id": "R1", "order line id": "L1", "created on": "2026-05-01",
           "seller sku code": "FL-7", "style id": "99", "style name": "Shoe", "order status": "WP",
           "final amount": "1899", "city": "Delhi", "state": "DL", "zipcode": "110001"}  # fmt: skip
    order = order_of(read(MYNTRA, row, row | {"order line id": "L2", "cancelled on": "2026-05-02"}))
    assert [(line.external_id, line.quantity, line.cancelled_quantity) for line in order.lines] == [
        ("L1", 1, 0), ("L2", 1, 1),
    ]  # fmt: skip
    assert (order.cancelled, order.shipped) == (False, False)
    assert order_of(read(MYNTRA, row | {"order status": "C"})).shipped is True


def test_amazon_unshipped_rows_are_open_and_may_be_paid_at_the_door() -> None:
    header = ["order-id", "order-item-id", "purchase-date", "sku", "product-name", "quantity-to-ship", "ship-city",
              "ship-postal-code", "ship-country", "ship-address-1", "ship-address-2", "ship-address-3",
              "payment-method-details", "recipient-name", "promise-date"]  # fmt: skip
    order = order_of(read(header, {
        "order-id": "405-2", "order-item-id": "5", "purchase-date": "2026-05-01T10:00:00+00:00", "sku": "K1",
        "quantity-to-ship": "1", "ship-city": "Pune", "ship-postal-code": "411001", "ship-country": "IN",
        "ship-address-1": "1 Road", "ship-address-2": "B", "ship-address-3": "C", "payment-method-details": "COD",
        "recipient-name": "Asha",
    }))  # fmt: skip
    assert (order.payment.method, order.shipped, order.total_minor) == ("cod", False, 0)
    assert (order.ship_to.line2, order.customer_name) == ("B, C", "Asha")


@pytest.mark.parametrize("currency", ["XXA", "RS"])
def test_an_unknown_currency_and_two_currencies_are_refused(currency: str) -> None:
    assert [issue.field for issue in read(SALE_REPORT, SALE_ROW | {"currency": currency}).errors] == ["currency"]
    mixed = read(SALE_REPORT, SALE_ROW, SALE_ROW | {"SKU": "B", "currency": "USD"})
    assert [(issue.row, issue.field) for issue in mixed.errors] == [(3, "currency")]
    assert mixed.order is None


def test_an_amount_is_divided_and_spread_without_losing_a_paisa() -> None:
    priced = price_line(quantity=3, total_minor=10000, unit_minor=None, discount_minor=0)
    assert priced is not None
    assert priced.unit_minor * 3 - priced.discount_minor == 10000
    assert price_line(quantity=1, total_minor=None, unit_minor=100, discount_minor=101) is None
    assert spread(100, [1, 1, 1]) == [34, 33, 33]
    assert spread(5, [0, 0]) == [5, 0]
    assert spread(5, []) == []
