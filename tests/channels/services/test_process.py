"""From the inbox to captured orders, or to quarantine with a reason."""

import pytest
from pytest_django import DjangoAssertNumQueries

from channels.adapters.woocommerce.adapter import WooCommerceAdapter
from channels.base import AccountConfig, RawMessage
from channels.models import ChannelAccount, InboundMessage, Listing
from channels.selectors import preview_message, quarantine_groups
from channels.services import map_listing, process_inbox, receive_messages, replay, replay_cause
from orders.canonical import CanonicalOrder
from orders.models import Order, OrderLine, SalesChannel
from tests.channels.services.doors import file_row, make_account, published, states, take, woo
from tests.channels.woocommerce.orders import line_payload
from tests.factories import World, make_line, make_order


def test_a_message_becomes_an_order_with_its_skus(world: World, account: ChannelAccount) -> None:
    result = take(account, woo())

    order = Order.objects.get()
    assert (order.external_id, order.stage, order.total_minor, order.open_holds) == ("501", "captured", 106_200, 0)
    line = OrderLine.objects.get()
    assert (line.sku_code, line.sku_id, line.quantity) == ("KURTA-M", world.kurta.pk, 2)
    message = InboundMessage.objects.get()
    assert (message.state, message.order_id, message.attempts) == ("captured", order.pk, 1)
    assert result.order_ids == [order.pk]
    assert [event["order_id"] for event in published("orders.OrderCaptured")] == [order.pk]
    account.refresh_from_db()
    assert account.last_order_at is not None


def test_fields_that_nobody_knows_do_no_harm(account: ChannelAccount) -> None:
    take(account, woo(loyalty={"points": 12}, line_items=[line_payload(sku="KURTA-M", gift_wrap=True)]))
    assert states(account) == ["captured"]


def test_a_sku_found_by_its_code_is_remembered_as_a_listing(world: World, account: ChannelAccount) -> None:
    take(account, woo(501), woo(502))

    listing = Listing.objects.get()
    assert (listing.external_sku, listing.sku_id) == ("KURTA-M", world.kurta.pk)
    # Two warehouses hold ten each; four are sold and not reserved yet.
    assert listing.wanted_quantity == 16


def test_a_mapped_listing_wins_over_a_sku_of_the_same_code(world: World, account: ChannelAccount) -> None:
    Listing.objects.create(account=account, external_sku="KURTA-M", sku=world.saree)
    take(account, woo())
    assert OrderLine.objects.get().sku_id == world.saree.pk


def test_an_order_at_fault_is_quarantined_with_every_issue_and_the_others_are_captured(
    account: ChannelAccount,
) -> None:
    bad = woo(502, currency="RUPEES", line_items=[line_payload(sku="KURTA-M", quantity=1.5)])

    result = take(account, woo(501), bad, woo(503))

    assert states(account) == ["captured", "quarantined", "captured"]
    assert dict(result.counts) == {"captured": 2, "quarantined": 1}
    message = InboundMessage.objects.get(external_id="502")
    assert [issue["field"] for issue in message.issues] == ["currency", "line_items[0].quantity"]
    assert message.issues[0] == {"field": "currency", "got": "'RUPEES'", "expected": "an ISO 4217 code"}
    assert message.cause == "currency: expected an ISO n code and 1 more"
    assert Order.objects.count() == 2


def test_the_same_fault_has_the_same_cause_whatever_the_values(account: ChannelAccount) -> None:
    take(account, woo(501, total="many"), woo(502, total="lots"), woo(503, total="1e9"))

    [group] = quarantine_groups()
    assert (group.messages, group.orders, group.code) == (3, 3, "web")
    assert group.cause == "total: expected an amount such as n.n"


def test_an_unknown_sku_is_quarantined_with_suggestions(world: World, account: ChannelAccount) -> None:
    take(account, woo(sku="KURTA-MM"))

    message = InboundMessage.objects.get()
    assert message.cause == "Unknown SKU KURTA-MM"
    [issue] = message.issues
    assert (issue["field"], issue["got"]) == ("lines[0].sku", "KURTA-MM")
    assert issue["expected"] == "a SKU of the catalogue or a mapped listing"
    assert issue["suggestions"][0]["code"] == "KURTA-M"
    assert issue["suggestions"][0]["sku_id"] == world.kurta.pk
    assert not Order.objects.exists()
    assert not Listing.objects.exists()


def test_mapping_a_listing_captures_every_order_that_waited_for_it(world: World, account: ChannelAccount) -> None:
    take(account, woo(501, sku="OLD-1"), woo(502, sku="OLD-1"), woo(503, sku="OLD-2"))

    replayed = map_listing(account_id=account.pk, external_sku="OLD-1", sku_id=world.shoe.pk, actor="Meera")
    process_inbox(account.pk)

    assert len(replayed) == 2
    assert states(account) == ["captured", "captured", "quarantined"]
    assert set(OrderLine.objects.values_list("sku_id", flat=True)) == {world.shoe.pk}
    listing = Listing.objects.get()
    assert (listing.external_sku, listing.sku_id, listing.wanted_quantity) == ("OLD-1", world.shoe.pk, 16)


def test_a_corrected_message_is_captured_from_its_correction(account: ChannelAccount) -> None:
    take(account, woo(sku="TYPO"))
    message = InboundMessage.objects.get()
    corrected = woo(sku="SAREE-1").payload

    preview = preview_message(message.pk, corrected)
    assert (preview.outcome, preview.steps) == ("captured", ["Capture order 501: 2 units on 1 lines."])
    assert not Order.objects.exists()
    assert not Listing.objects.exists()

    replay([message.pk], corrected, actor="Meera")
    process_inbox()

    message.refresh_from_db()
    assert message.state == "captured"
    assert message.payload["line_items"][0]["sku"] == "TYPO"
    assert OrderLine.objects.get().sku_code == "SAREE-1"


def test_a_preview_tells_what_still_stands_in_the_way(account: ChannelAccount) -> None:
    take(account, woo(sku="TYPO"))
    preview = preview_message(InboundMessage.objects.get().pk, woo(sku="TYPO-2").payload)
    assert preview.outcome == "quarantined"
    assert preview.issues[0]["got"] == "TYPO-2"


def test_replaying_a_cause_takes_only_its_messages(account: ChannelAccount) -> None:
    take(account, woo(501, total="many"), woo(502, currency="RUPEES"))
    [cause] = [group.cause for group in quarantine_groups() if group.cause.startswith("total")]

    assert len(replay_cause(account_id=account.pk, cause=cause, actor="Meera")) == 1
    assert states(account) == ["pending", "quarantined"]


def test_the_newest_of_several_versions_is_captured_and_the_older_say_nothing_new(account: ChannelAccount) -> None:
    take(account, woo(minute=20), woo(minute=40, status="cancelled"), woo(minute=30))

    assert states(account) == ["unchanged", "captured", "unchanged"]
    order = Order.objects.get()
    assert order.stage == "cancelled"
    assert set(InboundMessage.objects.values_list("order_id", flat=True)) == {order.pk}


def test_where_the_newest_version_is_refused_an_older_one_is_captured(account: ChannelAccount) -> None:
    take(account, woo(minute=20), woo(minute=40, sku="TYPO"))
    assert states(account) == ["captured", "quarantined"]


@pytest.mark.parametrize("poisonous", [0, 3, 6])
def test_a_poisonous_order_stands_alone_in_quarantine(
    account: ChannelAccount, monkeypatch: pytest.MonkeyPatch, poisonous: int
) -> None:
    to_canonical = WooCommerceAdapter.to_canonical

    def too_large(self: WooCommerceAdapter, account: AccountConfig, message: RawMessage) -> CanonicalOrder:
        order = to_canonical(self, account, message)
        if order.external_id == str(501 + poisonous):
            # More than the column holds: only the database finds out.
            object.__setattr__(order, "pickup_node_code", "x" * 200)
        return order

    monkeypatch.setattr(WooCommerceAdapter, "to_canonical", too_large)
    take(account, *[woo(501 + n) for n in range(7)])

    expected = ["captured"] * 7
    expected[poisonous] = "quarantined"
    assert states(account) == expected
    message = InboundMessage.objects.get(state="quarantined")
    assert message.cause == "The order could not be stored: DataError"
    assert "value too long" in message.issues[0]["got"]
    assert Order.objects.count() == 6


def test_a_fault_of_a_connector_costs_one_order(account: ChannelAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    to_canonical = WooCommerceAdapter.to_canonical

    def broken(self: WooCommerceAdapter, account: AccountConfig, message: RawMessage) -> CanonicalOrder:
        if message.external_id == "502":
            raise KeyError("surprise")
        return to_canonical(self, account, message)

    monkeypatch.setattr(WooCommerceAdapter, "to_canonical", broken)
    take(account, woo(501), woo(502), woo(503))

    assert states(account) == ["captured", "quarantined", "captured"]
    assert InboundMessage.objects.get(external_id="502").cause == "The connector failed: KeyError"


def test_an_order_that_cannot_be_is_refused_with_the_sentence_of_the_refusal(account: ChannelAccount) -> None:
    many = [line_payload(id=n, sku="KURTA-M") for n in range(1, 502)]
    take(account, woo(line_items=many))

    message = InboundMessage.objects.get()
    assert message.cause == "Refused at capture: lines"
    assert message.issues[0]["got"] == "Order 501 has 501 lines; expected 1 to 500."


def test_rows_of_files_are_read_in_our_own_form_whatever_the_connector(world: World, account: ChannelAccount) -> None:
    order = make_order("501", make_line(world.kurta, 3))
    take(account, file_row(order), source="file")
    assert states(account) == ["captured"]
    assert OrderLine.objects.get().quantity == 3


def test_a_row_that_names_a_sku_that_is_not_there_is_quarantined(world: World, account: ChannelAccount) -> None:
    line = make_line(world.kurta)
    object.__setattr__(line, "sku_id", 999_999)
    take(account, file_row(make_order("501", line)), source="file")
    assert InboundMessage.objects.get().cause == "Unknown SKU KURTA-M"


def test_a_message_about_an_order_that_has_not_come_is_parked_and_applied_later(account: ChannelAccount) -> None:
    gone = RawMessage(event_id="501@deleted#1", kind="order.deleted", external_id="501", payload={"id": 501})
    take(account, gone)
    assert states(account) == ["pending"]

    take(account, woo())
    assert states(account) == ["pending", "captured"]
    InboundMessage.objects.filter(state="pending").update(processed_at=None)
    process_inbox()

    assert states(account) == ["applied", "captured"]
    assert Order.objects.get().stage == "cancelled"


def test_a_message_about_an_order_that_never_comes_is_let_go_after_a_day(account: ChannelAccount) -> None:
    gone = RawMessage(event_id="9@deleted#1", kind="order.deleted", external_id="9", payload={"id": 9})
    receive_messages(account, [gone], "webhook")
    InboundMessage.objects.update(received_at="2026-01-01T00:00:00Z")
    process_inbox()
    assert states(account) == ["unchanged"]


def test_one_call_serves_many_accounts_up_to_its_limit(world: World, account: ChannelAccount) -> None:
    other = SalesChannel.objects.create(code="shop2", name="Second shop", kind="website")
    second = make_account(World(other, world.blr, world.delhi, world.store, world.kurta, world.saree, world.shoe))
    receive_messages(account, [woo(n) for n in range(1, 4)], "poll")
    receive_messages(second, [woo(n) for n in range(1, 4)], "poll")

    assert process_inbox(limit=4).settled == 4
    assert process_inbox(limit=4).settled == 2
    assert Order.objects.filter(channel=other).count() == 3
    assert Order.objects.count() == 6


def test_a_batch_of_a_hundred_orders_takes_as_many_statements_as_one_of_ten(
    account: ChannelAccount, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    take(account, woo(1))
    receive_messages(account, [woo(n) for n in range(100, 110)], "poll")
    with django_assert_max_num_queries(24):
        process_inbox()
    receive_messages(account, [woo(n) for n in range(200, 300)], "poll")
    with django_assert_max_num_queries(24):
        process_inbox()
    assert Order.objects.count() == 111
