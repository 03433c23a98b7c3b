"""Two versions of the same second that contradict each other: the channel is asked which holds."""

from __future__ import annotations

import itertools

import pytest

from channels import registry
from channels.adapters.woocommerce.adapter import WooCommerceAdapter
from channels.adapters.woocommerce.versions import order_message
from channels.base import AccountConfig, RawMessage
from channels.canonical_json import canonical_to_json
from channels.models import ChannelAccount, InboundMessage
from channels.services import process_inbox
from oms.core.errors import TransientError
from orders.models import Order
from tests.channels.services.doors import ZONE, make_account, states, take, woo
from tests.channels.woocommerce.orders import order_payload
from tests.factories import PLACED_AT, World, make_line, make_order


def at(line1: str) -> RawMessage:
    """A version of one and the same second, with this street."""
    return woo(minute=30, shipping=order_payload()["shipping"] | {"address_1": line1})


class Truth(WooCommerceAdapter):
    """A store that holds the last of the versions."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None

    def fetch_order(self, account: AccountConfig, external_id: str) -> RawMessage:
        """The order as it is now."""
        self.asked += 1
        if self.error:
            raise self.error
        return order_message(at("Third Street").payload, ZONE)


@pytest.fixture
def truth(monkeypatch: pytest.MonkeyPatch) -> Truth:
    """The connector of the account, replaced."""
    found = Truth()
    monkeypatch.setitem(registry.ADAPTERS, "woocommerce", found)
    return found


@pytest.mark.parametrize("arrival", list(itertools.permutations(["First Street", "Second Street", "Third Street"])))
def test_whatever_arrives_last_the_order_ends_as_the_channel_holds_it(
    account: ChannelAccount, truth: Truth, arrival: tuple[str, ...]
) -> None:
    for street in arrival:
        take(account, at(street))

    assert Order.objects.get().shipping_address.line1 == "Third Street"
    assert not InboundMessage.objects.filter(state="pending").exists()
    assert truth.asked <= 3


def test_versions_of_one_second_that_agree_need_no_asking(account: ChannelAccount, truth: Truth) -> None:
    take(account, woo(minute=30))
    take(account, woo(minute=30, customer_note="Ring twice"))
    assert truth.asked == 0
    assert "pending" not in states(account)


def test_a_channel_that_cannot_be_asked_now_is_asked_again_later(account: ChannelAccount, truth: Truth) -> None:
    truth.error = TransientError("Busy")
    take(account, at("First Street"))
    take(account, at("Second Street"))
    assert states(account) == ["captured", "pending"]
    assert Order.objects.get().shipping_address.line1 == "First Street"
    process_inbox()
    assert truth.asked == 1

    truth.error = None
    InboundMessage.objects.filter(state="pending").update(processed_at="2026-01-01T00:00:00Z")
    process_inbox()

    assert Order.objects.get().shipping_address.line1 == "Third Street"
    assert states(account) == ["captured", "unchanged", "applied"]


def test_where_nobody_can_be_asked_every_order_of_arrival_ends_the_same(world: World) -> None:
    account = make_account(world, "api")
    ends = set()
    for number, streets in enumerate(itertools.permutations(["First Street", "Second Street"])):
        for street in streets:
            order = make_order(str(number), make_line(world.kurta), external_updated_at=PLACED_AT)
            payload = canonical_to_json(order)
            payload["ship_to"]["line1"] = street
            message = RawMessage(
                event_id=f"{number}:{street}", kind="order", external_id=str(number), payload=payload
            )  # fmt: skip
            take(account, message, source="api")
        ends.add(Order.objects.get(external_id=str(number)).shipping_address.line1)
    assert ends == {"Second Street"}
