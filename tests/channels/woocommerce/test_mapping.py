"""WooCommerce orders become canonical orders, to the paisa."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from channels.adapters.woocommerce.adapter import WooCommerceAdapter
from channels.adapters.woocommerce.mapping import to_canonical
from channels.adapters.woocommerce.versions import order_message
from channels.base import AccountConfig, MappingError, MappingIssue
from oms.core.values import Address
from orders.canonical import CanonicalLine, CanonicalOrder, CanonicalPayment
from tests.channels.woocommerce.conftest import Recording
from tests.channels.woocommerce.orders import line_payload, order_payload

ASHA = Address(
    name="Asha Rao",
    line1="12 MG Road",
    city="Bengaluru",
    region="Karnataka",
    postcode="560001",
    country="IN",
    phone="9876543210",
    email="asha@example.test",
)


def test_the_recorded_cod_order_maps_exactly(recorded: Recording) -> None:
    order = to_canonical(recorded("05-"))

    assert order == CanonicalOrder(
        external_id="22",
        external_number="22",
        placed_at=datetime(2026, 11, 21, 19, 16, 45, tzinfo=UTC),
        external_updated_at=datetime(2026, 11, 21, 19, 16, 46, tzinfo=UTC),
        currency="INR",
        customer_name="Asha Rao",
        customer_email="asha@example.test",
        customer_phone="9876543210",
        ship_to=ASHA,
        bill_to=ASHA,
        lines=(
            CanonicalLine(
                external_id="19",
                sku_code="KUNAI-1",
                quantity=2,
                name="Kunai",
                unit_price_minor=900_00,
                tax_minor=324_00,
                tax_included=False,
            ),
        ),
        shipping_minor=50_00,
        shipping_tax_minor=9_00,
        cod_fee_minor=35_40,
        total_minor=2218_40,
        payment=CanonicalPayment(method="cod", state="pending", gateway="cod", amount_minor=2218_40),
        extra={
            "fees": [{"name": "COD fee", "amount_minor": 30_00, "tax_minor": 5_40}],
            "channel_status": "processing",
        },
    )
    assert order.computed_total_minor() == 2218_40


def test_the_recorded_order_of_a_variation_maps_exactly(recorded: Recording) -> None:
    order = to_canonical(recorded("06-"))

    assert order.lines == (
        CanonicalLine(
            external_id="23",
            sku_code="TS-S",
            quantity=1,
            name="T-shirt - S",
            unit_price_minor=499_00,
            tax_minor=89_82,
            tax_included=False,
            options={"Size": "S"},
        ),
        CanonicalLine(
            external_id="24",
            sku_code="KUNAI-1",
            quantity=1,
            name="Kunai",
            unit_price_minor=900_00,
            tax_minor=162_00,
            tax_included=False,
        ),
    )
    assert order.payment == CanonicalPayment(
        method="prepaid",
        state="paid",
        gateway="razorpay",
        reference="pay_1",
        amount_minor=1709_82,
        captured_minor=1709_82,
    )
    assert order.total_minor == order.computed_total_minor() == 1709_82
    assert (order.cancelled, order.on_hold_by_channel, order.shipped) == (False, False, False)


def test_a_refund_before_shipping_cancels_the_units_put_back(recorded: Recording) -> None:
    order = to_canonical(recorded("16-"))

    assert [line.cancelled_quantity for line in order.lines] == [1, 0]
    assert order.payment.state == "partially_refunded"
    assert order.payment.refunded_minor == 588_82
    assert order.total_minor == 1709_82
    assert not order.cancelled


def test_an_address_change_is_seen(recorded: Recording) -> None:
    order = to_canonical(recorded("09-"))

    assert order.ship_to.line1 == "14 MG Road"
    assert order.bill_to.line1 == "12 MG Road"


def test_a_completed_order_is_shipped_and_its_cod_is_paid(recorded: Recording) -> None:
    order = to_canonical(recorded("12-"))

    assert order.shipped
    assert order.payment.state == "paid"
    assert order.payment.captured_minor == 2218_40


@pytest.mark.parametrize("name", ["17-", "26-"])
def test_a_cancelled_order_is_cancelled(recorded: Recording, name: str) -> None:
    assert to_canonical(recorded(name)).cancelled


def test_every_recorded_order_is_read_and_only_the_one_whose_product_is_gone_is_refused(
    recorded: Recording, recordings: Path
) -> None:
    payloads: list[dict[str, Any]] = []
    for path in sorted(recordings.glob("[0-2]*.json")):
        body = recorded(path.stem)
        rows = body if isinstance(body, list) else [body]
        payloads += [row for row in rows if "line_items" in row and "billing" in row]
    refused: dict[int, tuple[MappingIssue, ...]] = {}
    for payload in payloads:
        try:
            order = to_canonical(payload)
        except MappingError as error:
            refused[payload["id"]] = error.issues
        else:
            assert order.computed_total_minor() == order.total_minor

    assert len(payloads) == 13
    assert refused == {
        18: (MappingIssue(field="line_items[0].sku", got="None", expected="a SKU or a product that still exists"),)
    }


@pytest.mark.parametrize(
    ("status", "date_paid", "state", "flags"),
    [
        ("pending", None, "pending", ""),
        ("on-hold", None, "pending", "on_hold_by_channel"),
        ("processing", "2026-11-21T19:16:46", "paid", ""),
        ("completed", "2026-11-21T19:16:46", "paid", "shipped"),
        ("cancelled", None, "pending", "cancelled"),
        ("failed", None, "failed", "on_hold_by_channel"),
        ("refunded", "2026-11-21T19:16:46", "refunded", "cancelled"),
        ("trash", None, "pending", "cancelled"),
    ],
)
def test_each_status_of_the_store_has_one_meaning(status: str, date_paid: str | None, state: str, flags: str) -> None:
    order = to_canonical(order_payload(status=status, date_paid_gmt=date_paid))

    assert order.payment.state == state
    raised = [flag for flag in ("cancelled", "on_hold_by_channel", "shipped") if getattr(order, flag)]
    assert raised == ([flags] if flags else [])
    assert order.extra["channel_status"] == status


def test_a_refund_after_completion_is_a_return_and_not_a_cancellation() -> None:
    line = line_payload(meta_data=[{"key": "_restock_refunded_items", "value": "2"}])
    order = to_canonical(
        order_payload(
            status="refunded",
            date_completed_gmt="2026-11-22T08:00:00",
            line_items=[line],
            refunds=[{"id": 9, "reason": "", "total": "-1062.00"}],
        )
    )

    assert order.shipped
    assert not order.cancelled
    assert order.lines[0].cancelled_quantity == 0
    assert order.payment.refunded_minor == 1062_00


def test_prices_that_include_tax_stay_what_the_buyer_saw() -> None:
    line = line_payload(
        quantity=1, subtotal="423.73", subtotal_tax="76.27", total="381.36", total_tax="68.64", price=423.73
    )
    order = to_canonical(
        order_payload(
            prices_include_tax=True, line_items=[line], total="450.00", coupon_lines=[{"id": 1, "code": "diwali10"}]
        )
    )

    assert order.lines[0].unit_price_minor == 500_00
    assert order.lines[0].discount_minor == 50_00
    assert order.lines[0].tax_minor == 68_64
    assert order.lines[0].tax_included
    assert order.computed_total_minor() == order.total_minor == 450_00
    assert order.extra["coupons"] == ["diwali10"]


def test_a_line_amount_that_does_not_divide_keeps_the_total_exact() -> None:
    line = line_payload(quantity=3, subtotal="100.00", subtotal_tax="0.00", total="100.00", total_tax="0.00")
    order = to_canonical(order_payload(line_items=[line], total="100.00"))

    assert order.lines[0].unit_price_minor == 33_34
    assert order.lines[0].discount_minor == 2
    assert order.computed_total_minor() == 100_00


def test_other_fees_travel_with_the_shipping_and_negative_fees_are_discounts() -> None:
    fees = [
        {"id": 1, "name": "Gift wrap", "total": "40.00", "total_tax": "7.20"},
        {"id": 2, "name": "Loyalty points", "total": "-100.00", "total_tax": "0.00"},
    ]
    order = to_canonical(order_payload(fee_lines=fees, total="1009.20"))

    assert (order.shipping_minor, order.shipping_tax_minor) == (40_00, 7_20)
    assert order.order_discount_minor == 100_00
    assert order.cod_fee_minor == 0
    assert order.computed_total_minor() == 1009_20


def test_a_total_changed_by_a_plugin_is_kept_and_its_difference_told() -> None:
    order = to_canonical(order_payload(total="562.00"))

    assert order.total_minor == 562_00
    assert order.extra["total_difference_minor"] == -500_00


def test_gift_gstin_and_note_are_read_from_the_metadata() -> None:
    order = to_canonical(
        order_payload(
            customer_note="Ring twice",
            meta_data=[
                {"id": 1, "key": "_gift_message", "value": "Happy birthday"},
                {"id": 2, "key": "_billing_gstin", "value": "29AAGCB7383J1Z4"},
                {"id": 3, "key": "something_else", "value": {"nested": [1, 2]}},
            ],
        )
    )

    assert order.is_gift
    assert order.gift_message == "Happy birthday"
    assert order.is_b2b
    assert order.buyer_gstin == "29AAGCB7383J1Z4"
    assert order.customer_note == "Ring twice"


def test_an_empty_shipping_address_means_the_billing_address() -> None:
    empty = dict.fromkeys(order_payload()["shipping"], "")
    order = to_canonical(order_payload(shipping=empty))

    assert order.ship_to == order.bill_to == ASHA


def test_a_missing_postcode_is_captured_for_people_to_correct() -> None:
    payload = order_payload()
    payload["shipping"]["postcode"] = ""

    assert to_canonical(payload).ship_to.postcode == ""


@pytest.mark.parametrize(("code", "name"), [("KA", "Karnataka"), ("OR", "Odisha"), ("TS", "Telangana"), ("XX", "XX")])
def test_indian_state_codes_become_names(code: str, name: str) -> None:
    payload = order_payload()
    payload["shipping"]["state"] = code

    assert to_canonical(payload).ship_to.region == name


def test_state_codes_of_other_countries_are_left_alone() -> None:
    payload = order_payload()
    payload["shipping"] |= {"state": "KA", "country": "ES"}

    assert to_canonical(payload).ship_to.region == "KA"


@pytest.mark.parametrize(
    ("method", "title", "level"),
    [
        ("flat_rate", "Flat rate", "standard"),
        ("flat_rate", "Express (1-2 days)", "express"),
        ("flat_rate", "Same day delivery", "same_day"),
        ("pickup_location", "Pickup (Indiranagar)", "pickup"),
    ],
)
def test_the_shipping_method_decides_the_service_level(method: str, title: str, level: str) -> None:
    row = {
        "id": 1,
        "method_id": method,
        "method_title": title,
        "meta_data": [{"key": "pickup_location", "value": "Indiranagar"}],
    }
    order = to_canonical(order_payload(shipping_lines=[row]), pickup_nodes={"Indiranagar": "BLR-STORE-1"})

    assert order.service_level == level
    assert order.pickup_node_code == ("BLR-STORE-1" if level == "pickup" else "")


def test_a_product_without_a_sku_gets_a_code_that_can_be_mapped() -> None:
    order = to_canonical(order_payload(line_items=[line_payload(sku="", variation_id=21)]))

    assert order.lines[0].sku_code == "WC-21"


def test_currencies_without_decimals_are_read_in_their_own_unit() -> None:
    line = line_payload(subtotal="9000", total="9000", total_tax="0", subtotal_tax="0")
    order = to_canonical(order_payload(currency="JPY", line_items=[line], total="9000"))

    assert order.lines[0].unit_price_minor == 4500
    assert order.total_minor == 9000


def test_fields_nobody_knows_are_tolerated() -> None:
    payload = order_payload(brand_new_field={"a": [1]}, refunds=None, fee_lines=None, coupon_lines=None)

    assert to_canonical(payload).external_id == "501"


def test_all_faults_of_a_payload_are_told_at_once() -> None:
    lines = [
        line_payload(quantity=1.5),
        line_payload(id=72, subtotal="12,50"),
        line_payload(id=73, total="NaN"),
        line_payload(id=74, total_tax="1.005"),
    ]
    with pytest.raises(MappingError) as caught:
        to_canonical(order_payload(date_created_gmt="yesterday", total=None, line_items=lines, status=""))

    assert [(issue.field, issue.got) for issue in caught.value.issues] == [
        ("date_created_gmt", "'yesterday'"),
        ("status", "''"),
        ("line_items[0].quantity", "1.5"),
        ("line_items[1].subtotal", "'12,50'"),
        ("line_items[2].total", "'NaN'"),
        ("line_items[3].total_tax", "'1.005'"),
        ("total", "None"),
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"line_items": []}, "line_items"),
        ({"line_items": "none"}, "line_items"),
        ({"line_items": [line_payload(), line_payload()]}, "line_items"),
        ({"line_items": [line_payload(quantity=0)]}, "line_items[0].quantity"),
        ({"line_items": [line_payload(quantity=True)]}, "line_items[0].quantity"),
        ({"total": "-1.00"}, "total"),
        ({"total": "99999999999999"}, "total"),
        ({"total": True}, "total"),
        ({"currency": "rupees"}, "currency"),
        ({"id": None}, "id"),
        ({"date_created_gmt": None}, "date_created_gmt"),
    ],
)
def test_one_fault_is_named_by_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(MappingError) as caught:
        to_canonical(order_payload(**changes))

    assert field in {issue.field for issue in caught.value.issues}


def test_the_adapter_maps_with_the_settings_of_the_account(recorded_account: AccountConfig) -> None:
    message = order_message(order_payload(date_created_gmt=None, date_created="2026-11-22T00:46:45"), "Asia/Kolkata")

    order = WooCommerceAdapter().to_canonical(recorded_account, message)

    assert order.placed_at == datetime(2026, 11, 21, 19, 16, 45, tzinfo=UTC)
