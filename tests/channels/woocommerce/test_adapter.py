"""The connector against a running store, over loopback: every call, every fault."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from channels.adapters.woocommerce.adapter import WooCommerceAdapter
from channels.adapters.woocommerce.client import WooCommerceClient
from channels.base import (
    ListsProducts,
    OrderUpdate,
    PushesOrderUpdates,
    PushesStock,
    RawMessage,
    StockResult,
    StockUpdate,
)
from channels.simulators.woocommerce.server import SimulatedStore
from oms.core.errors import PermanentError, TransientError
from tests.channels.woocommerce.store import account_of, control, place, running_store, seed

ADAPTER = WooCommerceAdapter()


@pytest.fixture
def store() -> Iterator[SimulatedStore]:
    with running_store() as found:
        yield found


def poll(store: SimulatedStore, cursor: dict[str, Any] | None = None) -> tuple[list[RawMessage], dict[str, Any]]:
    """All messages of one poll, and the cursor to keep."""
    messages: list[RawMessage] = []
    kept = cursor or {}
    for page in ADAPTER.fetch_orders(account_of(store), kept):
        messages += page.messages
        kept = json.loads(json.dumps(page.cursor))
    return messages, kept


def stored_order(store: SimulatedStore, number: int) -> dict[str, Any]:
    return WooCommerceClient(account_of(store)).get(f"/orders/{number}").row()


def notes_of(store: SimulatedStore, number: int) -> list[str]:
    rows = WooCommerceClient(account_of(store)).get(f"/orders/{number}/notes").rows()
    return [row["note"] for row in rows]


def test_the_adapter_has_every_ability() -> None:
    assert isinstance(ADAPTER, PushesStock)
    assert isinstance(ADAPTER, PushesOrderUpdates)
    assert isinstance(ADAPTER, ListsProducts)


def test_check_counts_the_orders(store: SimulatedStore) -> None:
    seed(store, "A-1")
    place(store, 3)

    assert ADAPTER.check(account_of(store)) == f"Connected to {store.base_url}: the store has 3 orders."


def test_a_wrong_key_is_a_permanent_fault_and_stays_out_of_the_message(store: SimulatedStore) -> None:
    account = replace(account_of(store), secrets={"consumer_key": "ck_wrong", "consumer_secret": "cs_wrong"})

    with pytest.raises(PermanentError, match="401") as caught:
        ADAPTER.check(account)

    assert "cs_wrong" not in str(caught.value)


def test_plain_keys_over_http_are_refused_with_advice(store: SimulatedStore) -> None:
    for scheme in ("basic", "query"):
        with pytest.raises(PermanentError, match="oauth1"):
            ADAPTER.check(account_of(store, auth=scheme))


def test_all_three_ways_to_send_the_key_work_where_the_store_believes_in_tls() -> None:
    with running_store(behind_tls=True) as store:
        for scheme in ("basic", "query", "oauth1"):
            assert ADAPTER.check(account_of(store, auth=scheme)).endswith("has 0 orders.")


def test_an_address_nobody_listens_on_is_a_transient_fault_that_names_no_key() -> None:
    with running_store() as store:
        account = account_of(store)

    with pytest.raises(TransientError) as caught:
        ADAPTER.check(account)

    assert "ck_simulated" not in str(caught.value)


def test_an_address_without_a_scheme_is_refused() -> None:
    with running_store() as store:
        account = replace(account_of(store), base_url="shop.example")

    with pytest.raises(PermanentError, match="shop.example"):
        ADAPTER.check(account)


def test_orders_are_polled_and_mapped(store: SimulatedStore) -> None:
    seed(store, "A-1", "A-2", "A-3")
    placed = place(store, 7)

    messages, cursor = poll(store)

    assert sorted(int(message.external_id) for message in messages) == placed
    for message in messages:
        order = ADAPTER.to_canonical(account_of(store), message)
        assert order.computed_total_minor() == order.total_minor
        assert message.occurred_at == order.external_updated_at
    assert set(cursor) == {"modified_after"}


def test_a_second_poll_brings_what_changed(store: SimulatedStore) -> None:
    seed(store, "A-1")
    first, second = place(store, 2, cod=True)
    messages, cursor = poll(store)
    known = {message.event_id for message in messages}

    control(store, "POST", f"/orders/{second}/cancel")
    again, _ = poll(store, cursor)

    fresh = [message for message in again if message.event_id not in known]
    assert [message.external_id for message in fresh] == [str(second)]
    assert ADAPTER.to_canonical(account_of(store), fresh[0]).cancelled
    assert first != second


def test_a_trashed_order_is_polled_as_cancelled(store: SimulatedStore) -> None:
    seed(store, "A-1")
    (number,) = place(store)
    _, cursor = poll(store)
    store.orders.delete(number, force=False)

    messages, cursor = poll(store, cursor)

    assert [message.payload["status"] for message in messages] == ["trash"]
    assert ADAPTER.to_canonical(account_of(store), messages[0]).cancelled
    assert set(cursor) == {"modified_after", "trash_modified_after"}


def test_polls_never_miss_an_order_when_many_share_one_second() -> None:
    """Equal times come in another order with every call, as SQL allows; 250 orders of one second need three pages."""
    now = datetime(2026, 11, 21, 19, 16, 45, tzinfo=UTC)
    with running_store(clock=lambda: now) as store:
        seed(store, *(f"A-{number}" for number in range(5)), stock=1000)
        placed = place(store, 250)

        messages, cursor = poll(store)
        assert sorted(int(message.external_id) for message in messages) == placed

        # More orders of the very same second, after the first poll saw it.
        more = place(store, 120)
        again, _ = poll(store, cursor)
        assert set(more) <= {int(message.external_id) for message in again}


def test_orders_that_change_while_a_poll_reads_are_not_missed() -> None:
    """After each page the oldest orders change and move to the end: page numbers would skip their neighbours."""
    times = iter(range(10_000))
    start = datetime(2026, 11, 21, 12, 0, tzinfo=UTC).timestamp()
    with running_store(clock=lambda: datetime.fromtimestamp(start + next(times) // 12, UTC)) as store:
        seed(store, "A-1", stock=100_000)
        placed = place(store, 330)
        seen: set[int] = set()
        for turn, page in enumerate(ADAPTER.fetch_orders(account_of(store), {})):
            seen |= {int(message.external_id) for message in page.messages}
            if turn < 3:
                for number in placed[turn * 30 : turn * 30 + 30]:
                    store.orders.update(number, {"customer_note": f"changed in turn {turn}"})

    assert seen == set(placed)


def test_a_first_poll_can_begin_at_a_time(store: SimulatedStore) -> None:
    seed(store, "A-1")
    place(store, 2)

    pages = ADAPTER.fetch_orders(account_of(store, start_from="2099-01-01T00:00:00"), {})

    assert [page.messages for page in pages] == [(), ()]


def test_one_order_is_read_by_its_number(store: SimulatedStore) -> None:
    seed(store, "A-1")
    (number,) = place(store)

    message = ADAPTER.fetch_order(account_of(store), str(number))

    assert message == next(m for m in poll(store)[0] if m.external_id == str(number))
    for gone in ("999999", "../products"):
        with pytest.raises(PermanentError):
            ADAPTER.fetch_order(account_of(store), gone)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "429", "retry_after_seconds": 17}, "429"),
        ({"kind": "500"}, "500"),
        ({"kind": "timeout", "delay_seconds": 2}, "Timeout|ConnectionError"),
        ({"kind": "slow", "delay_seconds": 2}, "Timeout|ConnectionError"),
        ({"kind": "drop_reply"}, "ConnectionError"),
        ({"kind": "truncated"}, "ChunkedEncodingError"),
        ({"kind": "html200"}, "not JSON"),
    ],
)
def test_each_fault_of_the_store_is_transient_and_passes(
    store: SimulatedStore, fault: dict[str, Any], expected: str
) -> None:
    seed(store, "A-1")
    place(store, 2)
    control(store, "POST", "/faults", fault | {"count": 1})

    with pytest.raises(TransientError, match=expected) as caught:
        list(ADAPTER.fetch_orders(account_of(store, timeout_seconds=0.5), {}))

    assert caught.value.retry_after_seconds == fault.get("retry_after_seconds")
    messages, _ = poll(store)
    assert len(messages) == 2


def test_stock_is_set_in_batches_and_each_item_answers_for_itself(store: SimulatedStore) -> None:
    seed(store, *(f"A-{number:03}" for number in range(205)), stock=1)
    listings = {listing.sku_code: listing for listing in ADAPTER.fetch_listings(account_of(store))}
    updates = [
        StockUpdate(sku_code=code, external_ids=listing.external_ids, quantity=index, version=1)
        for index, (code, listing) in enumerate(listings.items())
    ]
    unknown = StockUpdate(sku_code="GONE", external_ids={"product_id": "999999"}, quantity=1, version=1)

    results = ADAPTER.push_stock(account_of(store), [unknown, *updates])

    assert results[0] == StockResult(
        sku_code="GONE", accepted=False, message="woocommerce_rest_product_invalid_id: Invalid ID."
    )
    assert results[1:] == [
        StockResult(sku_code=update.sku_code, accepted=True, reported_quantity=update.quantity) for update in updates
    ]
    found = {listing.sku_code: listing.quantity for listing in ADAPTER.fetch_listings(account_of(store))}
    assert found == {update.sku_code: update.quantity for update in updates}


def test_variations_are_listed_and_set_under_their_product(store: SimulatedStore) -> None:
    shirt = store.catalog.create({"name": "T-shirt", "type": "variable", "sku": "TS"})["id"]
    for size in ("S", "M"):
        option = {"sku": f"TS-{size}", "regular_price": "499", "attributes": [{"name": "Size", "option": size}]}
        store.catalog.create(option, shirt)
    seed(store, "KUNAI-1", stock=3)

    listings = list(ADAPTER.fetch_listings(account_of(store)))
    assert [(item.sku_code, item.name, item.quantity) for item in listings] == [
        ("TS-S", "T-shirt - S", None),
        ("TS-M", "T-shirt - M", None),
        ("KUNAI-1", "KUNAI-1", 3),
    ]

    # One by its ids, one by its SKU, one below zero, one that is not listed.
    updates = [
        StockUpdate(sku_code="TS-S", external_ids=listings[0].external_ids, quantity=5, version=1),
        StockUpdate(sku_code="TS-M", external_ids={}, quantity=6, version=1),
        StockUpdate(sku_code="KUNAI-1", external_ids={}, quantity=-2, version=1),
        StockUpdate(sku_code="NEVER", external_ids={}, quantity=1, version=1),
    ]
    results = ADAPTER.push_stock(account_of(store), updates)

    assert [(result.sku_code, result.accepted, result.reported_quantity) for result in results] == [
        ("TS-S", True, 5),
        ("TS-M", True, 6),
        ("KUNAI-1", True, 0),
        ("NEVER", False, None),
    ]
    assert results[3].message == "The store lists no product with this SKU."


def test_variations_of_a_deleted_product_do_not_stop_the_others(store: SimulatedStore) -> None:
    seed(store, "A-1")
    gone = StockUpdate(
        sku_code="B-S", external_ids={"product_id": "777777", "variation_id": "777778"}, quantity=4, version=1
    )
    fine = StockUpdate(sku_code="A-1", external_ids={}, quantity=4, version=1)

    results = ADAPTER.push_stock(account_of(store), [gone, fine])

    assert [result.accepted for result in results] == [False, True]
    assert "404" in results[0].message


def shipped(number: int, **changes: Any) -> OrderUpdate:
    update = OrderUpdate(
        external_id=str(number),
        kind="shipped",
        update_id="ship-1",
        awb="AWB123",
        carrier_name="Delhivery",
        tracking_url="https://track.example/AWB123",
    )
    return replace(update, **changes)


def test_a_shipment_completes_the_order_and_telling_it_twice_changes_nothing(store: SimulatedStore) -> None:
    seed(store, "A-1")
    (number,) = place(store, cod=True)
    text = "Shipped with Delhivery, AWB AWB123. Track it at https://track.example/AWB123"

    ADAPTER.push_order_update(account_of(store), shipped(number))
    after = stored_order(store, number)
    ADAPTER.push_order_update(account_of(store), shipped(number))

    assert after["status"] == "completed"
    values = {entry["key"]: entry["value"] for entry in after["meta_data"]}
    assert values["_wc_shipment_tracking_items"] == [
        {
            "tracking_provider": "Delhivery",
            "tracking_number": "AWB123",
            "custom_tracking_link": "https://track.example/AWB123",
        }
    ]
    assert notes_of(store, number) == [text]
    assert stored_order(store, number) == after


@pytest.mark.parametrize("kind", ["drop_reply", "truncated"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_lost_reply_to_a_write_is_repaired_by_telling_it_again(store: SimulatedStore, kind: str, method: str) -> None:
    seed(store, "A-1")
    (number,) = place(store)
    control(store, "POST", "/faults", {"kind": kind, "count": 1, "method": method})

    with pytest.raises(TransientError):
        ADAPTER.push_order_update(account_of(store), shipped(number))
    ADAPTER.push_order_update(account_of(store), shipped(number))

    assert stored_order(store, number)["status"] == "completed"
    assert len(notes_of(store, number)) == 1


def test_an_order_in_two_parcels_is_completed_by_the_second(store: SimulatedStore) -> None:
    seed(store, "A-1", "A-2")
    (number,) = place(store, lines=[{"sku": "A-1", "quantity": 2}, {"sku": "A-2"}])
    first, second = (str(line["id"]) for line in stored_order(store, number)["line_items"])

    ADAPTER.push_order_update(account_of(store), shipped(number, lines={first: 2}))
    assert stored_order(store, number)["status"] == "processing"
    ADAPTER.push_order_update(account_of(store), shipped(number, update_id="ship-2", awb="AWB124", lines={second: 1}))

    order = stored_order(store, number)
    assert order["status"] == "completed"
    tracking = next(e["value"] for e in order["meta_data"] if e["key"] == "_wc_shipment_tracking_items")
    assert [item["tracking_number"] for item in tracking] == ["AWB123", "AWB124"]
    assert len(notes_of(store, number)) == 2


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("processing", "on-hold", "processing"),
        ("on_hold", "processing", "on-hold"),
        ("cancelled", "processing", "cancelled"),
        ("processing", "completed", "completed"),
        ("on_hold", "cancelled", "cancelled"),
        ("delivered", "completed", "completed"),
        ("shipped", "cancelled", "cancelled"),
    ],
)
def test_each_update_moves_the_order_forward_only(store: SimulatedStore, kind: Any, before: str, after: str) -> None:
    seed(store, "A-1")
    (number,) = place(store)
    store.orders.update(number, {"status": before})

    ADAPTER.push_order_update(account_of(store), OrderUpdate(external_id=str(number), kind=kind, update_id="u-1"))

    order = stored_order(store, number)
    assert order["status"] == after
    applied = next(e["value"] for e in order["meta_data"] if e["key"] == "_oms_updates")
    assert applied == [{"id": "u-1", "kind": kind, "lines": ""}]


def test_an_update_of_an_order_that_is_gone_is_a_permanent_fault(store: SimulatedStore) -> None:
    with pytest.raises(PermanentError, match="404"):
        ADAPTER.push_order_update(account_of(store), shipped(999999))
