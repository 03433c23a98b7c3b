"""Orders handed in by a caller who waits for the answer."""

from typing import Any

import pytest

from channels.models import ChannelAccount, InboundMessage
from channels.services import submit_orders
from orders.models import Order, OrderLine, Payment
from orders.services import allow_substitutions
from tests.channels.services.doors import make_account
from tests.factories import World


@pytest.fixture
def account(world: World) -> ChannelAccount:
    """A channel whose orders come by API."""
    return make_account(world, "api")


def payload(external_id: str = "B2B-1", **changes: Any) -> dict[str, Any]:
    """The least that a caller must say, with a price and an address."""
    order = {
        "external_id": external_id,
        "placed_at": "2026-11-21T10:00:00+05:30",
        "lines": [
            {"sku_code": "KURTA-M", "quantity": 2, "unit_price_minor": 99_900},
            {"sku_code": "SAREE-1", "quantity": 1, "unit_price_minor": 250_000},
        ],
        "ship_to": {"name": "Asha Rao", "line1": "12 MG Road", "city": "Bengaluru", "postcode": "560001"},
    }
    return order | changes


def test_an_order_is_captured_and_answered_with_its_number(account: ChannelAccount) -> None:
    [answer] = submit_orders(account, [payload()])

    order = Order.objects.get()
    assert (answer.state, answer.order_id, answer.number, answer.issues) == ("captured", order.pk, order.number, [])
    assert order.total_minor == 449_800
    assert list(OrderLine.objects.values_list("external_id", flat=True)) == ["1", "2"]
    payment = Payment.objects.get()
    assert (payment.state, payment.amount_minor, payment.captured_minor) == ("paid", 449_800, 449_800)


def test_cash_on_delivery_has_captured_nothing(account: ChannelAccount) -> None:
    submit_orders(account, [payload(payment={"method": "cod", "state": "pending"})])
    payment = Payment.objects.get()
    assert (payment.method, payment.amount_minor, payment.captured_minor) == ("cod", 449_800, 0)


def test_the_same_order_again_gets_the_same_answer(account: ChannelAccount) -> None:
    first = submit_orders(account, [payload()])
    assert submit_orders(account, [payload()]) == first
    assert InboundMessage.objects.count() == 1


def test_a_customer_who_takes_no_substitutes_any_more_is_heard_and_a_persons_later_word_stands(
    account: ChannelAccount,
) -> None:
    def said(minute: int, **changes: Any) -> str:
        [answer] = submit_orders(
            account, [payload(external_updated_at=f"2026-11-21T10:{minute:02}:00+05:30", **changes)]
        )
        assert answer.state in ("captured", "applied", "unchanged")
        return Order.objects.get().substitutions

    assert said(1, substitutions="allowed") == "allowed"
    assert said(2, substitutions="never") == "never"
    allow_substitutions(order_id=Order.objects.get().pk, allowed=True, actor="Meera Ops")
    assert said(3, substitutions="never") == "allowed"
    assert said(4, substitutions="allowed") == "allowed"
    assert said(5, substitutions="never") == "never"


def test_another_body_for_an_order_we_hold_changes_it_only_as_a_newer_version(account: ChannelAccount) -> None:
    submit_orders(account, [payload()])
    [answer] = submit_orders(account, [payload(cancelled=True)])
    assert answer.state == "applied"
    assert Order.objects.get().stage == "cancelled"


def test_orders_at_fault_are_answered_with_every_issue_and_the_others_are_captured(account: ChannelAccount) -> None:
    answers = submit_orders(
        account,
        [payload("1"), payload("2", currency="rupees", gift=True), payload("3", lines=[]), payload("4")],
    )
    assert [answer.state for answer in answers] == ["captured", "quarantined", "quarantined", "captured"]
    assert [issue["field"] for issue in answers[1].issues] == ["currency", "gift"]
    assert [issue["field"] for issue in answers[2].issues] == ["lines"]
    assert Order.objects.count() == 2


@pytest.mark.parametrize("nonsense", [{}, {"lines": [1, 2]}, {"external_id": {"a": 1}}, {"lines": None}])
def test_nonsense_is_quarantined(account: ChannelAccount, nonsense: dict[str, Any]) -> None:
    [answer] = submit_orders(account, [nonsense])
    assert answer.state == "quarantined"
    assert answer.issues
