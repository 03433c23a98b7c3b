"""What the screens are told about the channels."""

from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from channels.models import ChannelAccount, InboundMessage, Listing
from channels.selectors import (
    channel_health,
    message_detail,
    quarantine_groups,
    query_messages,
)
from channels.services import receive_messages, replay
from oms.core.clock import now
from oms.core.errors import NotFound
from orders.models import Order, SalesChannel
from tests.channels.services.doors import take, woo
from tests.factories import World


def test_the_health_of_a_channel_in_numbers(world: World, account: ChannelAccount) -> None:
    take(account, woo(501), woo(502), woo(503, sku="TYPO"))
    receive_messages(account, [woo(504), woo(505)], "poll")
    moment = now()
    Order.objects.filter(external_id="501").update(placed_at=moment - timedelta(seconds=10), captured_at=moment)
    Order.objects.filter(external_id="502").update(placed_at=moment - timedelta(seconds=30), captured_at=moment)
    ChannelAccount.objects.update(last_error="Busy", stock_dirty_since=moment - timedelta(seconds=50))
    Listing.objects.create(account=account, external_sku="OTHER")

    [health] = channel_health(moment - timedelta(hours=1))

    assert (health.code, health.name, health.orders_today, health.backlog, health.quarantined) == (
        "web", "Web shop", 2, 2, 1,
    )  # fmt: skip
    assert health.lag_p50_seconds == pytest.approx(20)
    assert health.lag_p95_seconds == pytest.approx(29)
    assert health.wait_p95_seconds is not None
    assert (health.stock_dirty, health.unmapped_listings, health.stock_refused) == (1, 1, 0)
    assert 49 < health.stock_lag_seconds < 120
    assert health.last_error == "Busy"
    assert health.next_poll_at is not None
    assert health.last_order_at is not None


def test_a_quiet_channel_has_no_lag_and_a_passive_one_no_next_poll(world: World) -> None:
    ChannelAccount.objects.create(channel=world.channel, connector="files")
    [health] = channel_health(now() - timedelta(hours=1))
    assert (health.orders_today, health.lag_p50_seconds, health.stock_lag_seconds) == (0, None, 0)
    assert health.next_poll_at is None


def test_only_channels_in_scope_are_told(world: World, account: ChannelAccount) -> None:
    take(account, woo(sku="TYPO"))
    assert channel_health(now(), ["other"]) == []
    assert quarantine_groups(["other"]) == []
    assert [group.messages for group in quarantine_groups(["web"])] == [1]


def test_the_health_of_many_channels_takes_one_statement(
    world: World, account: ChannelAccount, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        channel = SalesChannel.objects.create(code=f"c{number}", name=f"C{number}", kind="website")
        ChannelAccount.objects.create(channel=channel, connector="woocommerce")
    with django_assert_num_queries(1):
        assert len(channel_health(now())) == 6


def test_the_largest_group_of_the_quarantine_comes_first(account: ChannelAccount) -> None:
    take(account, woo(1, sku="A-TYPO"), woo(2, sku="B-TYPO"), woo(3, sku="B-TYPO"), woo(3, 30, sku="B-TYPO"))
    groups = quarantine_groups()
    assert [(group.cause, group.messages, group.orders) for group in groups] == [
        ("Unknown SKU B-TYPO", 3, 2),
        ("Unknown SKU A-TYPO", 1, 1),
    ]


def test_a_message_is_shown_with_its_history_and_its_other_versions(account: ChannelAccount) -> None:
    take(account, woo(sku="TYPO"))
    take(account, woo(minute=30))
    first = InboundMessage.objects.earliest("pk")
    replay([first.pk], actor="Meera")

    detail = message_detail(first.pk)

    assert [row.to_state for row in detail.history] == ["quarantined", "pending"]
    assert [row.event_id for row in detail.siblings] == [woo(minute=30).event_id]
    with pytest.raises(NotFound):
        message_detail(first.pk + 1000)


def test_messages_are_found_by_state_cause_and_order(account: ChannelAccount) -> None:
    take(account, woo(501), woo(502, sku="TYPO"), woo(611))
    assert {row.external_id for row in query_messages(state="captured")} == {"501", "611"}
    assert [row.external_id for row in query_messages(cause="Unknown SKU TYPO")] == ["502"]
    assert [row.external_id for row in query_messages(account_id=account.pk, text="50")] == ["502", "501"]
