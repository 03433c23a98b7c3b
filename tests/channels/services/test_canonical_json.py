"""Canonical orders survive the way through JSON, and JSON at fault is refused with every reason."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.base import MappingError, MappingIssue
from channels.canonical_json import canonical_from_json, canonical_to_json
from oms.core.values import Address
from orders.canonical import CanonicalLine, CanonicalOrder, CanonicalPayment

MINIMAL: dict[str, Any] = {
    "external_id": "A-1",
    "placed_at": "2026-11-21T10:00:00+05:30",
    "lines": [{"external_id": "1", "sku_code": "TSHIRT-M", "quantity": 2}],
}

texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30).map(str.strip)
ids = texts.filter(bool)
amounts = st.integers(0, 10**9)
moments = st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))


@st.composite
def orders(draw: st.DrawFn) -> CanonicalOrder:
    """Any order that the form can state."""
    lines = []
    for index in range(draw(st.integers(1, 3))):
        quantity = draw(st.integers(1, 50))
        lines.append(
            CanonicalLine(
                external_id=str(index), sku_code=draw(ids), quantity=quantity, name=draw(texts),
                unit_price_minor=draw(amounts), discount_minor=draw(amounts), tax_included=draw(st.booleans()),
                options=draw(st.dictionaries(texts, texts, max_size=2)),
                cancelled_quantity=draw(st.integers(0, quantity)),
            )
        )  # fmt: skip
    captured = draw(amounts)
    return CanonicalOrder(
        external_id=draw(ids),
        placed_at=draw(moments),
        lines=tuple(lines),
        ship_to=Address(name=draw(texts), line1=draw(texts), postcode="560001", city=draw(texts)),
        total_minor=draw(st.none() | amounts),
        payment=CanonicalPayment(method="cod", state="pending", amount_minor=captured, captured_minor=captured),
        promised_by=draw(st.none() | moments),
        tags=tuple(draw(st.lists(texts, max_size=2))),
        cancelled=draw(st.booleans()),
        extra=draw(st.dictionaries(texts, texts | st.integers() | st.none(), max_size=2)),
    )


def issues_of(data: dict[str, Any]) -> list[MappingIssue]:
    """What is wrong with the JSON of an order."""
    with pytest.raises(MappingError) as caught:
        canonical_from_json(data)
    return list(caught.value.issues)


@given(orders())
def test_an_order_read_back_from_its_json_is_equal(order: CanonicalOrder) -> None:
    assert canonical_from_json(json.loads(json.dumps(canonical_to_json(order)))) == order


def test_fields_left_out_take_their_defaults() -> None:
    order = canonical_from_json(MINIMAL)
    assert order.currency == "INR"
    assert order.payment == CanonicalPayment()
    assert order.lines[0].quantity == 2
    assert order.total_minor is None


def test_a_misspelt_field_is_refused_with_the_one_it_looks_like() -> None:
    line = MINIMAL["lines"][0] | {"discount_minr": 500}
    assert issues_of(MINIMAL | {"lines": [line]}) == [
        MappingIssue(field="lines[0].discount_minr", got="500", expected="no such field; did you mean discount_minor?")
    ]


def test_every_issue_is_found_at_once() -> None:
    data = {
        "external_id": "",
        "placed_at": "2026-11-21T10:00:00",
        "lines": [{"external_id": "1", "sku_code": "A", "quantity": 1.5, "unit_price_minor": -1}],
        "currency": "rupees",
        "payment": {"amount_minor": 5, "captured_minor": 10},
        "gift": True,
    }
    assert {issue.field for issue in issues_of(data)} == {
        "external_id", "placed_at", "lines[0].quantity", "lines[0].unit_price_minor", "currency",
        "payment.captured_minor", "gift",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lines": []}, "lines"),
        ({"lines": "none"}, "lines"),
        ({"lines": MINIMAL["lines"] * 2}, "lines"),
        ({"lines": [{"external_id": "1", "sku_code": "A", "quantity": True}]}, "lines[0].quantity"),
        ({"lines": [{"external_id": "1", "sku_code": "A", "quantity": 0}]}, "lines[0].quantity"),
        ({"lines": [MINIMAL["lines"][0] | {"cancelled_quantity": 3}]}, "lines[0].cancelled_quantity"),
        ({"total_minor": 12.5}, "total_minor"),
        ({"total_minor": 10**13}, "total_minor"),
        ({"shipped": "yes"}, "shipped"),
        ({"service_level": "tomorrow"}, "service_level"),
        ({"ship_to": {"country": "India"}}, "ship_to.country"),
        ({"ship_to": {"pin": "560001"}}, "ship_to.pin"),
        ({"external_id": "x" * 121}, "external_id"),
        ({"customer_name": "a\x00b"}, "customer_name"),
        ({"placed_at": None}, "placed_at"),
    ],
)
def test_a_value_that_cannot_be_is_an_issue_of_its_field(change: dict[str, Any], field: str) -> None:
    assert field in {issue.field for issue in issues_of(MINIMAL | change)}
