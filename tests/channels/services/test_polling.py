"""Polling a store over HTTP: nothing missed, nothing twice, failures recorded and waited for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from channels import registry
from channels.adapters.woocommerce.adapter import WooCommerceAdapter
from channels.base import AccountConfig, Page
from channels.models import ChannelAccount, InboundMessage
from channels.services import accounts as account_services
from channels.services import due_account_ids, poll_account, poll_due_accounts, process_inbox
from channels.simulators.woocommerce.server import SimulatedStore
from oms.core.clock import now
from oms.core.errors import PermanentError, TransientError
from orders.models import Order, SalesChannel
from tests.channels.services.doors import connect, woo
from tests.channels.woocommerce.store import control, place, running_store, seed


@pytest.fixture
def store(account: ChannelAccount) -> Iterator[SimulatedStore]:
    """A store with one product that the account can reach."""
    with running_store() as found:
        seed(found, "KURTA-M", stock=1000)
        connect(account, found)
        yield found


def due(account: ChannelAccount) -> None:
    ChannelAccount.objects.filter(pk=account.pk).update(next_poll_at=now() - timedelta(seconds=1))


def test_every_order_of_the_store_is_captured_and_the_cursor_moves(
    account: ChannelAccount, store: SimulatedStore
) -> None:
    placed = place(store, 150)

    result = poll_account(account.pk)
    process_inbox(limit=1000)

    assert (result.polled, result.new, result.error) == (True, 150, "")
    assert set(Order.objects.values_list("external_id", flat=True)) == {str(number) for number in placed}
    account.refresh_from_db()
    assert account.cursor
    assert account.poll_lease_until is None
    assert account.last_error == ""
    assert account.last_ok_at is not None
    assert account.next_poll_at > now() + timedelta(seconds=account.poll_seconds - 10)

    (later,) = place(store)
    assert poll_account(account.pk).new == 1
    assert InboundMessage.objects.latest("pk").external_id == str(later)


def test_an_account_in_the_hands_of_another_worker_is_left_alone(
    account: ChannelAccount, store: SimulatedStore
) -> None:
    place(store)
    ChannelAccount.objects.update(poll_lease_until=now() + timedelta(minutes=1))
    assert poll_account(account.pk).polled is False
    assert not InboundMessage.objects.exists()

    ChannelAccount.objects.update(poll_lease_until=now() - timedelta(seconds=1))
    assert poll_account(account.pk).new == 1


def test_a_channel_that_asks_to_wait_is_given_the_time_it_asked_for(
    account: ChannelAccount, store: SimulatedStore
) -> None:
    place(store)
    control(store, "POST", "/faults", {"kind": "429", "retry_after_seconds": 600, "count": 1})

    result = poll_account(account.pk)

    assert "429" in result.error
    account.refresh_from_db()
    assert account.next_poll_at > now() + timedelta(seconds=590)
    assert "429" in account.last_error
    assert account.last_error_at is not None
    assert account.cursor == {}
    assert account.poll_lease_until is None
    assert due_account_ids() == []

    assert poll_account(account.pk).new == 1
    account.refresh_from_db()
    assert account.last_error == ""


@pytest.mark.parametrize("kind", ["500", "truncated", "html200", "drop_reply"])
def test_after_any_fault_the_next_poll_reads_what_was_missed(
    account: ChannelAccount, store: SimulatedStore, kind: str
) -> None:
    account.settings = {"timeout_seconds": 5}
    account.save()
    place(store, 3)
    control(store, "POST", "/faults", {"kind": kind, "count": 3})

    assert poll_account(account.pk).error != ""
    assert not InboundMessage.objects.exists()
    control(store, "DELETE", "/faults")
    assert poll_account(account.pk).new == 3


class Pages(WooCommerceAdapter):
    """A connector that gives prepared pages, and raises what it was given instead of a page."""

    def __init__(self, *pages: Page | Exception) -> None:
        self.pages = pages
        self.cursors: list[dict[str, Any]] = []

    def fetch_orders(self, account: AccountConfig, cursor: dict[str, Any]) -> Iterator[Page]:
        """The pages."""
        self.cursors.append(cursor)
        for page in self.pages:
            if isinstance(page, Exception):
                raise page
            yield page


def test_a_poll_that_breaks_off_goes_on_behind_the_last_page_that_was_stored(
    account: ChannelAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Page(messages=(woo(1), woo(2)), cursor={"at": 1}, more=True)
    broken = Pages(first, TransientError("The line was cut."))
    monkeypatch.setitem(registry.ADAPTERS, "woocommerce", broken)

    result = poll_account(account.pk)

    assert (result.new, result.error) == (2, "The line was cut.")
    account.refresh_from_db()
    assert account.cursor == {"at": 1}
    poll_account(account.pk)
    assert broken.cursors == [{}, {"at": 1}]


def test_a_worker_that_lost_its_account_stores_nothing_more(
    account: ChannelAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stalling(Pages):
        def fetch_orders(self, config: AccountConfig, cursor: dict[str, Any]) -> Iterator[Page]:
            yield Page(messages=(woo(1),), cursor={"at": 1}, more=True)
            # It stalls; another worker takes the account over and gets further.
            ChannelAccount.objects.update(poll_lease_until=now() + timedelta(minutes=9), cursor={"at": 7})
            yield Page(messages=(woo(2),), cursor={"at": 2})

    monkeypatch.setitem(registry.ADAPTERS, "woocommerce", Stalling())
    assert poll_account(account.pk).polled is False
    account.refresh_from_db()
    assert account.cursor == {"at": 7}
    assert account.poll_lease_until is not None


def test_a_long_poll_ends_and_goes_on_at_once(account: ChannelAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [Page(messages=(woo(n),), cursor={"at": n}, more=n < 5) for n in range(1, 6)]
    monkeypatch.setitem(registry.ADAPTERS, "woocommerce", Pages(*pages))
    monkeypatch.setattr("channels.services.polling.BUDGET", timedelta(seconds=-1))

    assert poll_account(account.pk).new == 1
    account.refresh_from_db()
    assert account.cursor == {"at": 1}
    assert due_account_ids() == [account.pk]


def test_the_wait_grows_with_the_trouble(account: ChannelAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.ADAPTERS, "woocommerce", Pages(PermanentError("The key is wrong.")))
    ChannelAccount.objects.update(last_ok_at=now() - timedelta(hours=5))

    poll_account(account.pk)
    account.refresh_from_db()
    assert account.next_poll_at < now() + timedelta(seconds=80)

    poll_account(account.pk)
    account.refresh_from_db()
    assert account.next_poll_at > now() + timedelta(minutes=11)
    assert account.last_error == "The key is wrong."


def test_a_fault_of_ours_is_recorded_and_raised(account: ChannelAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.ADAPTERS, "woocommerce", Pages(KeyError("surprise")))
    with pytest.raises(KeyError):
        poll_account(account.pk)
    account.refresh_from_db()
    assert account.last_error == "KeyError: 'surprise'"
    assert account.poll_lease_until is None


def test_only_accounts_that_are_due_active_and_pull_are_polled(account: ChannelAccount, store: SimulatedStore) -> None:
    due(account)
    others = {"off": {"is_active": False}, "passive": {}, "push": {}}
    for code, fields in others.items():
        channel = SalesChannel.objects.create(code=code, name=code, kind="website", **fields)
        ChannelAccount.objects.create(
            channel=channel, connector="api" if code == "passive" else "woocommerce", pulls_orders=code != "push"
        )

    assert [result.account_id for result in poll_due_accounts()] == [account.pk]


def test_a_connection_is_tested_with_an_answer_for_people(account: ChannelAccount, store: SimulatedStore) -> None:
    check = account_services.test_connection(account.pk)
    assert (check.ok, check.message) == (True, f"Connected to {store.base_url}: the store has 0 orders.")

    ChannelAccount.objects.update(base_url=store.base_url + "/nowhere")
    check = account_services.test_connection(account.pk)
    assert check.ok is False
    account.refresh_from_db()
    assert account.last_error == check.message
