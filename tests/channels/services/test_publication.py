"""Pausing, stopping, pushing; the exposure meter; no change of stock that the channels' queue does not hear of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from channels.models import ChannelAccount, ExposureDay, Listing, RecountDue
from channels.selectors import exposure_by_day, listing_page, publication_counts
from channels.services import (
    book_exposure,
    halt_channel,
    halt_listings,
    limit_listing,
    push_listings,
    push_stock,
    reconcile_listings,
    recount_due,
    refresh_sellable,
    resume_channel,
    resume_listings,
    set_flow,
)
from channels.simulators.woocommerce.server import SimulatedStore
from fulfillment.services import (
    accept,
    cancel_order,
    open_fulfillment_orders,
    pack,
    pick,
    reject,
    report_short,
)
from inventory.models import BufferRule, ChannelBuffer, Sku, StockLevel
from inventory.services import (
    Posting,
    RuleTerms,
    StockLine,
    adjust,
    count,
    create_rule,
    delete_rule,
    move,
    post,
    receive,
    set_safety_stock,
)
from oms.core.clock import now
from oms.core.errors import DomainError
from oms.core.models import Transition
from orders.models import Order
from routing.services import route_orders
from tests.channels.services.doors import connect, published
from tests.channels.services.test_publish import shown
from tests.channels.woocommerce.store import running_store, seed
from tests.factories import World, capture, make_line, make_order, stock
from tests.threads import at_once


@pytest.fixture
def store(account: ChannelAccount) -> Iterator[SimulatedStore]:
    """A store that lists the kurta with 100."""
    with running_store() as found:
        seed(found, "KURTA-M")
        connect(account, found)
        yield found


@pytest.fixture
def listing(world: World, account: ChannelAccount) -> Listing:
    """The kurta on the web shop: 20 may be sold."""
    found = Listing.objects.create(account=account, external_sku="KURTA-M", sku=world.kurta)
    refresh_sellable([world.kurta.pk])
    found.refresh_from_db()
    return found


def fresh(listing: Listing) -> Listing:
    listing.refresh_from_db()
    return listing


def expose(listing: Listing, told: int, seconds: int) -> None:
    """As if the channel had been told `told` and we had wanted less for so many seconds."""
    Listing.objects.filter(pk=listing.pk).update(
        told_quantity=told, exposed_units=max(0, told - (fresh(listing).wanted_quantity or 0)),
        exposed_since=now() - timedelta(seconds=seconds),
    )  # fmt: skip


def at_least(unit_seconds: float, found: float) -> bool:
    """So much, and no more than a minute of a slow machine on top."""
    return unit_seconds <= found < unit_seconds + 8 * 60


def test_a_paused_listing_keeps_what_the_channel_was_told(
    world: World, account: ChannelAccount, listing: Listing, store: SimulatedStore
) -> None:
    push_stock(account.pk)
    assert halt_listings(listing_ids=[listing.pk], halt="paused", reason="New photos", actor="Asha") == 1
    stock(world.kurta, world.blr, 1)
    refresh_sellable([world.kurta.pk])

    assert push_stock(account.pk).sent == 0
    assert (fresh(listing).wanted_quantity, listing.told_quantity, listing.exposed_units) == (11, 20, 9)
    assert (listing.publication, listing.paused_by, listing.paused_reason) == ("paused", "Asha", "New photos")
    account.refresh_from_db()
    assert account.stock_dirty_since is None

    assert resume_listings(listing_ids=[listing.pk], actor="Asha") == 1
    assert push_stock(account.pk).sent == 1
    assert (shown(store, "KURTA-M"), fresh(listing).exposed_units) == (11, 0)
    ways = list(Transition.objects.filter(model="channels.listing").order_by("pk").values_list("to_state", "actor"))
    assert ways == [("paused", "Asha"), ("on", "Asha")]


def test_a_listing_that_is_not_sold_is_told_nought(
    account: ChannelAccount, listing: Listing, store: SimulatedStore
) -> None:
    push_stock(account.pk)
    halt_listings(listing_ids=[listing.pk], halt="stopped", reason="Recall", actor="Asha")
    push_stock(account.pk)
    assert (shown(store, "KURTA-M"), fresh(listing).wanted_quantity) == (0, 0)

    assert halt_listings(listing_ids=[listing.pk], halt="stopped", reason="Recall", actor="Asha") == 0
    resume_listings(listing_ids=[listing.pk], actor="Asha")
    push_stock(account.pk)
    assert shown(store, "KURTA-M") == 20


def test_a_reason_is_asked_for_and_at_least_one_listing(listing: Listing) -> None:
    with pytest.raises(DomainError) as refusal:
        halt_listings(listing_ids=[listing.pk], halt="paused", reason=" ", actor="Asha")
    assert refusal.value.field == "reason"
    with pytest.raises(DomainError):
        resume_listings(listing_ids=[], actor="Asha")
    assert fresh(listing).publication == "on"


def test_a_channel_that_is_stopped_is_told_nought_of_everything_and_paused_nothing(
    world: World, account: ChannelAccount, listing: Listing, store: SimulatedStore
) -> None:
    push_stock(account.pk)
    halt_channel(account_id=account.pk, halt="stopped", reason="Licence", actor="Asha")
    push_stock(account.pk)
    assert shown(store, "KURTA-M") == 0
    halt_channel(account_id=account.pk, halt="paused", reason="Audit", actor="Asha")
    refresh_sellable([world.kurta.pk])
    assert push_stock(account.pk).sent == 0

    resume_channel(account_id=account.pk, actor="Asha")
    push_stock(account.pk)
    account.refresh_from_db()
    assert (shown(store, "KURTA-M"), account.publication, account.pushes_stock) == (20, "on", True)


def test_the_switch_of_the_channel_and_its_publication_say_the_same(account: ChannelAccount, listing: Listing) -> None:
    set_flow(account_id=account.pk, flow="stock", on=False)
    account.refresh_from_db()
    assert (account.publication, account.pushes_stock) == ("paused", False)
    set_flow(account_id=account.pk, flow="stock", on=True)
    account.refresh_from_db()
    assert (account.publication, account.pushes_stock) == ("on", True)


def test_push_now_sends_again_what_the_channel_knows_with_a_higher_version(
    account: ChannelAccount, listing: Listing, store: SimulatedStore
) -> None:
    push_stock(account.pk)
    before = fresh(listing).sent_version

    assert push_listings(listing_ids=[listing.pk]).done == [listing.pk]
    assert push_stock(account.pk).sent == 1
    assert fresh(listing).sent_version == before + 1

    halt_listings(listing_ids=[listing.pk], halt="paused", reason="Photos", actor="Asha")
    pushed = push_listings(listing_ids=[listing.pk])
    assert (pushed.done, pushed.refused) == ([], {listing.pk: "KURTA-M is paused by Asha. Resume it first."})


def test_limits_of_a_listing_count_at_once(listing: Listing) -> None:
    limit_listing(listing_id=listing.pk, threshold=5, cap=9, sells_inbound=False)
    assert (fresh(listing).wanted_quantity, listing.wanted_version) == (9, 2)
    with pytest.raises(DomainError):
        limit_listing(listing_id=listing.pk, threshold=-1, cap=None, sells_inbound=False)


# -- exposure ----------------------------------------------------------------------------------------------------------


def test_exposure_runs_from_the_change_to_the_acknowledgement_and_is_booked_to_the_day(
    world: World, account: ChannelAccount, listing: Listing, store: SimulatedStore
) -> None:
    push_stock(account.pk)
    assert (fresh(listing).told_quantity, listing.exposed_units, listing.exposure_unit_seconds) == (20, 0, 0)
    stock(world.kurta, world.blr, 4)
    refresh_sellable([world.kurta.pk])
    assert (fresh(listing).exposed_units, listing.exposed_since is not None) == (6, True)
    # Six for ten seconds, then eight for five more: 60 + 40.
    expose(listing, 20, 10)
    stock(world.kurta, world.blr, 2)
    refresh_sellable([world.kurta.pk])
    assert at_least(60, fresh(listing).exposure_unit_seconds)
    expose(listing, 20, 5)

    push_stock(account.pk)

    assert at_least(100, fresh(listing).exposure_unit_seconds)
    assert (listing.exposed_units, listing.exposed_since, listing.told_quantity) == (0, None, 12)
    [day] = exposure_by_day(codes=None)
    assert (day.channel_code, day.pushed) == ("web", 2)
    assert day.unit_seconds == pytest.approx(listing.exposure_unit_seconds)


def test_what_the_channel_refuses_stays_exposed(
    world: World, account: ChannelAccount, listing: Listing, store: SimulatedStore
) -> None:
    push_stock(account.pk)
    Listing.objects.update(external_sku="GONE", external_ids={})
    stock(world.kurta, world.blr, 4)
    refresh_sellable([world.kurta.pk])

    assert push_stock(account.pk).refused == 1
    assert (fresh(listing).told_quantity, listing.exposed_units, listing.sent_quantity) == (20, 6, 14)


def test_a_channel_that_takes_nothing_for_days_shows_on_each_of_them(account: ChannelAccount, listing: Listing) -> None:
    expose(listing, 25, 100)
    assert book_exposure() == 1
    day = ExposureDay.objects.get()
    assert at_least(500, day.unit_seconds)
    assert book_exposure() in (0, 1)
    day.refresh_from_db()
    assert at_least(500, day.unit_seconds)
    assert fresh(listing).exposed_units == 5


def test_more_wanted_than_told_is_no_exposure(listing: Listing) -> None:
    expose(listing, 3, 100)
    assert fresh(listing).exposed_units == 0
    assert book_exposure() == 0


def test_drift_is_sent_again_at_the_next_reading_but_not_to_a_paused_listing(
    account: ChannelAccount, listing: Listing, store: SimulatedStore
) -> None:
    push_stock(account.pk)
    Listing.objects.update(reported_quantity=25)
    [row], _ = listing_page(codes=None)
    assert (row.problem, row.drift) == ("drift", 5)
    assert reconcile_listings(account.pk).drifted == 0  # the store shows 20 after all
    Listing.objects.update(reported_quantity=25, publication="paused")
    assert fresh(listing).wanted_version == listing.sent_version


def test_problems_come_first_a_page_at_a_time(world: World, account: ChannelAccount, listing: Listing) -> None:
    other = Listing.objects.create(account=account, external_sku="SAREE-1", sku=world.saree, error="No such product")
    Listing.objects.create(account=account, external_sku="SHOE-42", sku=world.shoe)
    first, mark = listing_page(codes=None, size=2)
    assert [row.problem for row in first] == ["refused", "behind"]
    second, none = listing_page(codes=None, size=2, after=mark)
    assert ([row.external_sku for row in second], none) == (["SHOE-42"], "")
    assert [row.id for row in listing_page(codes=None, problem="refused")[0]] == [other.pk]
    assert listing_page(codes=["elsewhere"]) == ([], "")
    assert [row.sku_code for row in listing_page(codes=["web"], text="shoe")[0]] == ["SHOE-42"]
    counts = publication_counts(codes=None)
    assert (counts.listings, counts.problems["refused"], counts.problems["behind"]) == (3, 1, 1)


def test_a_page_takes_as_many_statements_for_many_listings_as_for_few(world: World, account: ChannelAccount) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            listing_page(codes=None)
        return len(captured)

    Listing.objects.create(account=account, external_sku="A", sku=world.kurta)
    few = statements()
    for name in "BCDE":
        Listing.objects.create(account=account, external_sku=name, sku=world.saree)
    assert statements() == few == 2


# -- every change is heard of ------------------------------------------------------------------------------------------


def noted() -> set[int]:
    """SKUs that the database noted since the last look."""
    found = set(RecountDue.objects.values_list("sku_id", flat=True))
    RecountDue.objects.all().delete()
    return found


def order_of(world: World, quantity: int = 2) -> Order:
    return Order.objects.get(pk=capture(world, make_order(f"{now()}", make_line(world.kurta, quantity))))


def work_of(world: World, quantity: int = 2) -> int:
    order = order_of(world, quantity)
    route_orders([order.pk], trigger="captured")
    [work_id] = open_fulfillment_orders([order.pk])
    noted()
    return work_id


def _post(world: World, *buckets: str) -> Callable[[], object]:
    source, target = buckets
    return lambda: post([Posting(op_key="p", sku_id=world.kurta.pk, node_id=world.blr.pk, from_bucket=source,
                                 to_bucket=target, quantity=1, reason="correction")])  # fmt: skip


def test_every_service_that_changes_what_may_be_sold_leaves_a_note(world: World) -> None:
    kurta, blr, delhi = world.kurta.pk, world.blr.pk, world.delhi.pk
    noted()
    steps: dict[str, Callable[[], object]] = {
        "receive": lambda: receive(node_id=blr, lines=[StockLine(kurta, 3)], op_key="a", reference="a", actor="t"),
        "adjust": lambda: adjust(node_id=blr, sku_id=kurta, reason="lost", quantity=1, op_key="b", actor="t"),
        "count": lambda: count(node_id=blr, sku_id=kurta, counted=20, op_key="c", actor="t"),
        "move": lambda: move(from_node_id=blr, to_node_id=delhi, lines=[StockLine(kurta, 1)], op_key="d", actor="t"),
        "opening": lambda: stock(world.kurta, world.store, 1),
        "safety stock": lambda: set_safety_stock(node_id=blr, sku_id=kurta, quantity=1),
        "expected": _post(world, "supplier", "inbound"),
        "capture": lambda: order_of(world),
        "route": lambda: route_orders(list(Order.objects.values_list("pk", flat=True)), trigger="captured"),
        "unroutable": lambda: route_orders([order_of(world, 900).pk], trigger="captured"),
        "cancel": lambda: cancel_order(order_id=Order.objects.latest("pk").pk, reason="test", actor="t"),
    }
    for name, change in steps.items():
        change()
        assert noted() == {kurta}, name

    work = work_of(world)
    reject(fulfillment_order_id=work, reason="closed", actor="t")
    assert noted() == {kurta}
    work = work_of(world)
    line = Order.objects.latest("pk").fulfillment_orders.get().lines.get()
    report_short(fulfillment_order_id=work, line_id=line.pk, quantity=1, reason="not_found", actor="t")
    assert noted() == {kurta}
    cancel_order(order_id=Order.objects.latest("pk").pk, reason="test", actor="t")
    assert noted() == {kurta}


def test_picking_and_packing_change_nothing_that_may_be_sold_and_leave_no_note(world: World) -> None:
    work = work_of(world)
    accept(fulfillment_order_ids=[work], actor="t")
    pick(fulfillment_order_id=work, code="KURTA-M", quantity=2, actor="t")
    pack(fulfillment_order_id=work, actor="t")
    assert noted() == set()
    level = StockLevel.objects.get(sku=world.kurta, node=world.blr)
    assert (level.on_hand, level.packed, level.reserved) == (8, 2, 0)


def test_rules_of_a_channel_leave_a_note_when_they_hide_and_when_they_end(world: World) -> None:
    noted()
    terms = RuleTerms(name="Web", measure="units", amount=2, sku_id=world.kurta.pk, channel_code="web")
    rule = create_rule(terms=terms, actor="t").rule
    assert (noted(), ChannelBuffer.objects.count()) == ({world.kurta.pk}, 2)
    delete_rule(rule_id=rule.pk, actor="t")
    assert (noted(), BufferRule.objects.count()) == ({world.kurta.pk}, 0)


def test_the_note_goes_with_the_change_that_is_taken_back(world: World) -> None:
    noted()

    def die() -> None:
        with transaction.atomic():
            stock(world.kurta, world.blr, 1)
            raise RuntimeError("died half-way")

    with pytest.raises(RuntimeError):
        die()
    assert noted() == set()


def test_the_clock_counts_what_nobody_announced(world: World, account: ChannelAccount, listing: Listing) -> None:
    recount_due()
    post([Posting(op_key="quiet", sku_id=world.kurta.pk, node_id=world.blr.pk, from_bucket="on_hand",
                  to_bucket="adjustment", quantity=4, reason="correction")])  # fmt: skip
    assert fresh(listing).wanted_quantity == 20

    assert recount_due() == 1
    assert (fresh(listing).wanted_quantity, RecountDue.objects.count()) == (16, 0)
    assert published("channels.ListingsDirty")[-1] == {"account_id": account.pk}
    assert recount_due() == 0


@pytest.mark.django_db(transaction=True)
def test_of_several_counters_at_once_none_writes_an_older_quantity(world: World, account: ChannelAccount) -> None:
    listing = Listing.objects.create(account=account, external_sku="KURTA-M", sku=world.kurta)

    def take_one(number: int) -> int:
        post([Posting(op_key=f"one/{number}", sku_id=world.kurta.pk, node_id=world.blr.pk, from_bucket="on_hand",
                      to_bucket="adjustment", quantity=1, reason="correction")])  # fmt: skip
        return recount_due()

    at_once([partial(take_one, number) for number in range(6)])
    recount_due()
    assert (fresh(listing).wanted_quantity, RecountDue.objects.count()) == (14, 0)
    assert Sku.objects.filter(pk=world.kurta.pk).exists()
