"""What nodes and carriers did is measured by the clock, counts once a person applies it, and can be undone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import IntegrityError

from carriers.models import Booking, CarrierAccount, TrackingEvent
from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.selectors.performance import carried, work_done
from fulfillment.services import (
    accept,
    open_fulfillment_orders,
    pick_all,
    reject,
    report_short,
    withdraw_from_node,
)
from inventory.models import Node
from oms.core.errors import Conflict, DomainError, NotFound
from oms.flow.performance import measure_now, measure_performance
from orders.models import Order
from routing.engine import Eligibility, Weights
from routing.models import EditionUse, LanePerformance, NodePerformance, PerformanceEdition, RoutingDecision
from routing.performance.shares import Share
from routing.policy.document import Document, Rule
from routing.services import apply_edition, create_draft, forget_policy, lint_policy, publish, route_orders
from tests.factories import World, capture, make_line, make_order, make_world

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as clock:
        forget_policy()
        yield clock
    forget_policy()


@pytest.fixture
def world() -> World:
    made = make_world()
    Node.objects.update(auto_accept=False, processing_minutes=120)
    return made


def go_live(rule: Rule) -> None:
    draft = create_draft(name=rule.name, actor="Asha", document=Document((rule,)))
    publish(policy_id=draft.pk, edit_version=1, note="Test", actor="Asha")
    forget_policy()


def given(world: World, number: str, *, ship_by: datetime | None = None) -> FulfillmentOrder:
    """Work that the nearest node, Bengaluru, was given at this moment."""
    order_id = capture(world, make_order(number, make_line(world.kurta)))
    Order.objects.filter(pk=order_id).update(ship_by=ship_by)
    route_orders([order_id], trigger="captured")
    open_fulfillment_orders([order_id])
    FulfillmentOrder.objects.filter(order=order_id).update(released_at=NOON)
    return FulfillmentOrder.objects.get(order=order_id)


def chosen(world: World, number: str) -> tuple[str, RoutingDecision]:
    order_id = capture(world, make_order(number, make_line(world.kurta)))
    route_orders([order_id], trigger="captured")
    decision = RoutingDecision.objects.get(order=order_id)
    return Node.objects.get(pk=decision.assignments[0][2]).code, decision


def rejected_by_blr(world: World, count: int) -> None:
    for number in range(count):
        work = given(world, f"R-{number}")
        assert work.node_id == world.blr.pk
        reject(fulfillment_order_id=work.pk, reason="No staff", actor="Ravi")


def test_work_is_counted_by_what_became_of_it(world: World, clock: time_machine.Traveller) -> None:
    refused, short, late, early, open_late, taken = (
        given(world, f"W-{n}", ship_by=NOON + 6 * HOUR) for n in range(6)
    )  # fmt: skip
    assert {work.node_id for work in (refused, short, late, early, open_late, taken)} == {world.blr.pk}
    clock.shift(HOUR)
    reject(fulfillment_order_id=refused.pk, reason="No staff", actor="Ravi")
    accept(fulfillment_order_ids=[short.pk, late.pk, early.pk], actor="Ravi")
    line = short.lines.get()
    report_short(fulfillment_order_id=short.pk, line_id=line.pk, quantity=1, reason="not_found", actor="Ravi")
    for work, hours in ((late, 9), (early, 4)):
        pick_all(fulfillment_order_id=work.pk, actor="Ravi")
        FulfillmentOrder.objects.filter(pk=work.pk).update(state="completed", completed_at=NOON + hours * HOUR)
    FulfillmentOrder.objects.filter(pk=taken.pk).update(state="rejected", end_reason="The node was switched off")
    clock.shift(6 * HOUR)

    (found,) = work_done()

    age = 0.5 ** (7 / 24 / 21)
    assert (found.node_id, found.kind, found.orders) == (world.blr.pk, "warehouse", 6)
    assert found.stage("accepted").good == pytest.approx(3 * age)
    assert found.stage("accepted").bad == pytest.approx(age)
    assert found.stage("kept").good == pytest.approx(2 * age)
    assert found.stage("kept").bad == 0
    assert found.stage("found").good == pytest.approx(2 * age)
    assert found.stage("found").bad == pytest.approx(age)
    # One ready in time; one late, and one that is open though its time is over.
    assert found.stage("in_time").good == pytest.approx(age)
    assert found.stage("in_time").bad == pytest.approx(2 * age)
    assert found.accept_hours / found.accepted_seen == pytest.approx(1.0)
    assert found.ship_hours / found.shipped_seen == pytest.approx(6.5)
    assert found.promised_hours / found.shipped_seen == pytest.approx(6.0)
    assert (found.units, found.short_units) == (6, 1)


@pytest.mark.parametrize(("kind", "in_time"), [("transfer", False), ("pickup", True)])
def test_what_is_sent_to_a_store_is_done_when_it_left_and_what_is_collected_when_it_is_ready(
    world: World, clock: time_machine.Traveller, kind: str, in_time: bool
) -> None:
    work = given(world, "W-1", ship_by=NOON + 6 * HOUR)
    FulfillmentOrder.objects.filter(pk=work.pk).update(
        kind=kind, state="completed", packed_at=NOON + HOUR, completed_at=NOON + 9 * HOUR
    )
    clock.shift(10 * HOUR)

    (found,) = work_done()

    stage = found.stage("in_time")
    assert (stage.good > 0, stage.bad > 0) == (in_time, not in_time)


def test_work_given_back_after_it_was_accepted_is_not_kept(world: World) -> None:
    work = given(world, "K-1")
    accept(fulfillment_order_ids=[work.pk], actor="Ravi")
    reject(fulfillment_order_id=work.pk, reason="Machine broke", actor="Ravi")

    (found,) = work_done()

    assert found.stage("accepted") == Share(1.0, 0.0)
    assert found.stage("kept") == Share(0.0, 1.0)


def test_work_that_came_late_to_a_node_has_at_least_its_processing_time(world: World) -> None:
    work = given(world, "L-1", ship_by=NOON - HOUR)
    accept(fulfillment_order_ids=[work.pk], actor="Ravi")
    pick_all(fulfillment_order_id=work.pk, actor="Ravi")
    FulfillmentOrder.objects.filter(pk=work.pk).update(state="completed", completed_at=NOON + 2 * HOUR)

    (found,) = work_done()

    assert found.stage("in_time") == Share(1.0, 0.0)


def test_what_is_taken_from_a_node_that_goes_off_counts_for_nothing(world: World) -> None:
    given(world, "O-1")
    withdraw_from_node(node_id=world.blr.pk, reason="The node was switched off")

    (found,) = work_done()

    assert all(found.stage(stage) == Share() for stage in ("accepted", "kept", "found", "in_time"))


def parcel(world: World, number: str, account: CarrierAccount, *, days: int | None, state: str = "delivered",
           charge: int | None = None, failed: bool = False) -> None:  # fmt: skip
    work = given(world, number)
    left = NOON - timedelta(days=10)
    booking = Booking.objects.create(
        account=account, client_reference=number, parcel_uid=work.order.uid, order_number=number, state="booked",
        charge_minor=charge, expected_charge_minor=6_000,
    )  # fmt: skip
    if failed:
        TrackingEvent.objects.create(booking=booking, scan_key="1", milestone="attempt_failed", occurred_at=left)
    Shipment.objects.create(
        order=work.order, fulfillment_order=work, node=work.node, state=state, carrier_account=account, booking=booking,
        handed_over_at=left, delivered_at=None if days is None else left + timedelta(days=days),
        expected_delivery=(left + timedelta(days=3)).date(),
    )  # fmt: skip


def test_parcels_are_counted_by_lane_with_their_fate_and_cost(world: World) -> None:
    swift = CarrierAccount.objects.create(code="swift", name="Swift", adapter="own")
    parcel(world, "P-1", swift, days=2, charge=5_000)
    parcel(world, "P-2", swift, days=5, failed=True)
    parcel(world, "P-3", swift, days=None, state="rto_initiated")
    parcel(world, "P-4", swift, days=None, state="lost")
    parcel(world, "P-5", swift, days=None, state="in_transit")

    found = sorted((row.fate, row.days, row.on_time, row.first_attempt, row.parcels) for row in carried()
                   if row.days is not None)  # fmt: skip
    rest = sorted((row.fate, row.on_time, row.first_attempt) for row in carried() if row.days is None)
    costs = [(round(row.cost_minor / row.costed), row.charged > 0) for row in carried() if row.days == 2]

    assert found == [("delivered", 2, True, True, 1), ("delivered", 5, False, False, 1)]
    assert rest == [("lost", False, None), ("open", False, None), ("rto", False, None)]
    assert costs == [(5_000, True)]

    edition = measure_now(actor="Asha")

    lane = LanePerformance.objects.get(edition=edition, carrier="swift", origin="Karnataka")
    assert (lane.destination, lane.parcels, edition and edition.parcels) == ("Karnataka", 5, 5)


def test_the_clock_measures_once_a_day_and_editions_never_change(
    world: World, clock: time_machine.Traveller
) -> None:  # fmt: skip
    assert measure_performance() == "nothing to measure"
    rejected_by_blr(world, 1)

    measure_performance()
    assert measure_performance() == "measured lately"
    clock.shift(timedelta(days=1))
    measure_performance()

    assert list(PerformanceEdition.objects.values_list("number", flat=True)) == [2, 1]
    with pytest.raises(IntegrityError):
        NodePerformance.objects.update(score=100)


def test_a_node_that_rejects_much_is_avoided_once_its_edition_is_applied_and_taken_again_after_undo(
    world: World,
) -> None:  # fmt: skip
    go_live(Rule("Careful", weights=Weights(performance_minor=50_000)))
    rejected_by_blr(world, 9)
    edition = measure_now(actor="Asha")
    assert edition is not None
    score = NodePerformance.objects.get(edition=edition, node=world.blr)
    assert score.score < 75
    assert score.low < score.score < score.high

    before, decided = chosen(world, "A-1")
    assert (before, decided.candidates.get("edition")) == ("blr-01", None)

    apply_edition(number=1, seen=None, note="It rejects too much", actor="Asha")
    during, decided = chosen(world, "A-2")
    assert (during, decided.candidates["edition"]) == ("del-01", 1)

    apply_edition(number=None, seen=1, note="Back", actor="Asha")
    after, decided = chosen(world, "A-3")
    assert (after, decided.candidates.get("edition")) == ("blr-01", None)
    assert [use.edition and use.edition.number for use in EditionUse.objects.all()] == [None, 1]


def test_the_weight_decides_how_far_a_node_is_avoided(world: World) -> None:
    go_live(Rule("Mild", weights=Weights(performance_minor=100)))
    rejected_by_blr(world, 9)
    measure_now(actor="Asha")
    apply_edition(number=1, seen=None, note="It rejects too much", actor="Asha")

    assert chosen(world, "A-1")[0] == "blr-01"


def test_the_least_performance_of_a_rule_refuses_a_node_only_once_it_is_applied(world: World) -> None:
    go_live(Rule("Strict", nodes=Eligibility(min_performance=0.8)))
    rejected_by_blr(world, 9)
    measure_now(actor="Asha")

    assert chosen(world, "A-1")[0] == "blr-01"
    apply_edition(number=1, seen=None, note="It rejects too much", actor="Asha")
    code, decision = chosen(world, "A-2")

    assert code == "del-01"
    assert ["performs_below", "The node performs below what the rule asks for.", [world.blr.pk]] in (
        decision.candidates["off"]
    )


def test_lint_says_that_nothing_is_applied(world: World) -> None:
    rules = Document((Rule("Strict", nodes=Eligibility(min_performance=0.8), weights=Weights(performance_minor=100)),))

    said = [(finding.severity, finding.part, finding.sentence) for finding in lint_policy(rules)]
    assert said == [
        ("warning", "nodes",
         "“Strict” asks for a performance of 80%, and none that was measured is applied: no node is refused."),
        ("warning", "weights",
         "“Strict” weighs performance, and none that was measured is applied: it changes no cost."),
    ]  # fmt: skip

    rejected_by_blr(world, 1)
    measure_now(actor="Asha")
    apply_edition(number=1, seen=None, note="First", actor="Asha")
    assert lint_policy(rules) == []


def test_applying_needs_a_note_an_edition_and_what_was_seen(world: World) -> None:
    rejected_by_blr(world, 1)
    measure_now(actor="Asha")
    with pytest.raises(DomainError, match="Say why"):
        apply_edition(number=1, seen=None, note=" ", actor="Asha")
    with pytest.raises(NotFound):
        apply_edition(number=7, seen=None, note="Why not", actor="Asha")
    first = apply_edition(number=1, seen=None, note="First", actor="Asha")
    assert apply_edition(number=1, seen=None, note="Again", actor="Ravi") == first
    with pytest.raises(Conflict, match="Asha applied another edition"):
        apply_edition(number=None, seen=None, note="Off", actor="Ravi")


def test_days_beyond_the_rate_card_are_counted_once_applied(world: World) -> None:
    swift = CarrierAccount.objects.create(code="swift", name="Swift", adapter="own")
    for number in range(3):
        parcel(world, f"S-{number}", swift, days=9)
    measure_now(actor="Asha")
    # Three parcels are too few for the lane to say anything.
    assert set(LanePerformance.objects.values_list("counted_days", flat=True)) == {0}
    row = LanePerformance.objects.get(carrier="", origin="Karnataka")
    edition = PerformanceEdition.objects.create(number=2, measured_at=NOON)
    LanePerformance.objects.create(
        edition=edition, origin="Karnataka", destination="Karnataka", parcels=90, seen=80.0, shares=row.shares,
        beyond_days=4.1, counted_days=4,
    )  # fmt: skip

    before = chosen(world, "D-1")[1].candidates["rows"][0]
    apply_edition(number=2, seen=None, note="Slow roads", actor="Asha")
    after = next(row for row in chosen(world, "D-2")[1].candidates["rows"] if row[0] == world.blr.pk)

    days = -len(chosen(world, "D-3")[1].candidates["skus"]) - 2
    assert before[0] == world.blr.pk
    assert after[days] == before[days] + 4
