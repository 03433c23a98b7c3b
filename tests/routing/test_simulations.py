"""Rules decided again on past orders: with the stock of that time, each version in its own world, nothing written."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from fulfillment.services import cancel_order
from inventory.models import Node
from inventory.selectors import past_stock, promisable_at, stock_story
from inventory.services import StockLine, adjust, receive
from oms.core.clock import now
from oms.core.db import execute, fetch_all, read_only, stream
from oms.core.errors import DomainError
from oms.core.ids import uuid7
from oms.core.jobs import cancel_job, run_slice
from oms.core.models import Job
from oms.flow.jobs import RUNNERS
from oms.flow.simulation_jobs import start_simulation
from orders.models import Order
from routing.engine import Weights
from routing.models import OrderPromise, RoutingDecision, SimulatedOrder, Simulation
from routing.policy.compiled import CompiledPolicy
from routing.policy.conditions import Group, Row
from routing.policy.document import STANDARD, Document, Rule
from routing.selectors import past_orders
from routing.selectors.past_orders import Window
from routing.services import create_draft, forget_policy, forget_promises, publish, route_orders, write_promises
from routing.services.replaying import read_replay
from routing.services.simulating import SimulationTerms, new_simulation, prune_simulations
from routing.simulation import Played, differences
from tests.factories import World, capture, make_line, make_order, make_world, stock

pytestmark = pytest.mark.django_db(transaction=True)

#: What is far costs nothing, so that scarce stock alone decides.
SCARCE = Document((replace(STANDARD.rules[0], weights=Weights(0, 0, 0, 0, 0, 0, 500, stock_minor=50_000)),))


@pytest.fixture
def world() -> World:
    forget_policy()
    return make_world()


def live(document: Document = STANDARD) -> int:
    draft = create_draft(name="Standard", actor="Asha", document=document)
    publish(policy_id=draft.pk, edit_version=1, note="First", actor="Asha")
    forget_policy()
    return draft.pk


def ordered(world: World, name: str, *lines: tuple[object, int]) -> int:
    """An order, captured and routed."""
    wanted = [make_line(sku, units) for sku, units in lines]  # type: ignore[arg-type]
    order_id = capture(world, make_order(name, *wanted))
    route_orders([order_id], trigger="captured")
    return order_id


def window(since: datetime, most: int = 1000, **kept: object) -> Window:
    return Window(since, now() + timedelta(seconds=1), most, **kept)  # type: ignore[arg-type]


def replayed(since: datetime, *documents: Document, most: int = 1000) -> list[Played]:
    replay = read_replay(window(since, most))
    policies = [CompiledPolicy(document, version=1) for document in documents]
    return [each for group in replay.played_by(policies) for each in group]


def run(simulation: Simulation) -> Simulation:
    assert simulation.job is not None
    run_slice(simulation.job.pk, RUNNERS)
    simulation.refresh_from_db()
    return simulation


def simulated(since: datetime, *drafts: Document, **terms: object) -> Simulation:
    ids = [
        create_draft(name=f"Draft {n}", actor="Asha", document=each).pk for n, each in enumerate(drafts, start=1)
    ]  # fmt: skip
    asked = SimulationTerms(policy_ids=ids, since=since, until=now() + timedelta(seconds=1), **terms)  # type: ignore[arg-type]
    return run(start_simulation(asked, actor="Asha", user_id=None))


def checksum() -> list[tuple[str, str]]:
    """Of every row of stock, of orders, and of what routing decided: with where it lies and who wrote it last."""
    tables = fetch_all(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        " AND (relname LIKE 'inventory\\_%%' OR relname LIKE 'orders\\_%%' OR relname IN ('routing_routingdecision',"
        " 'routing_nodeload', 'routing_routingexclusion', 'core_outboxevent')) ORDER BY 1"
    )
    found = []
    for (table,) in tables:
        query = f"SELECT coalesce(md5(string_agg(t.xmin::text || t::text, '|' ORDER BY t::text)), '') FROM {table} t"
        found.append((table, fetch_all(query)[0][0]))
    assert len(found) > 30
    return found


def test_what_a_node_could_promise_is_known_for_every_past_moment(world: World) -> None:
    moments: list[datetime] = []
    atp = []
    for step in range(4):
        if step == 1:
            receive(node_id=world.blr.pk, lines=[StockLine(world.kurta.pk, 5)], op_key="r", reference="PO", actor="t")
        elif step == 2:
            ordered(world, "A", (world.kurta, 2))
        elif step == 3:
            adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason="lost", quantity=1, op_key="l", actor="t")
        moments.append(now())
        rows = fetch_all("SELECT sku_id, node_id, on_hand - reserved - safety_stock FROM inventory_stocklevel")
        atp.append({(row[0], row[1]): row[2] for row in rows})

    skus = [world.kurta.pk, world.saree.pk, world.shoe.pk]
    assert [promisable_at(skus, moment) for moment in moments] == atp
    assert [atp[n][world.kurta.pk, world.blr.pk] for n in range(4)] == [10, 15, 13, 12]


def test_stock_without_some_orders_is_as_if_they_had_never_come(world: World) -> None:
    since = now()
    first = ordered(world, "A", (world.kurta, 2))
    ordered(world, "B", (world.kurta, 3))

    story = stock_story([world.kurta.pk], since, now(), without_orders=[first])

    assert story.start[world.kurta.pk, world.blr.pk] == 10
    assert [(change.node_id, change.units) for change in story.changes] == [(world.blr.pk, -3)]


def test_stock_that_changed_too_often_is_refused_with_what_came_and_what_is_allowed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = now()
    for name in ("A", "B", "C"):
        ordered(world, name, (world.kurta, 1))
    monkeypatch.setattr(past_stock, "MOST_CHANGES", 2)

    with pytest.raises(DomainError, match="stock changed 3 times, and at most 2 changes are told") as refused:
        stock_story([world.kurta.pk], since, now())

    assert refused.value.field == "since"
    assert promisable_at([world.kurta.pk], since)[world.kurta.pk, world.blr.pk] == 10


def test_a_window_in_which_too_much_happened_ends_its_simulation_with_the_reason(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    live()
    since = now()
    for number in range(4):
        ordered(world, f"O{number}", (world.kurta, 1))
    monkeypatch.setattr(past_orders, "MOST_GIVEN", 2)

    refused = simulated(since, SCARCE, most_orders=1)
    allowed = simulated(since, STANDARD, most_orders=2)

    job = Job.objects.order_by("pk")[0]
    assert (job.state, refused.result) == ("failed", {})
    assert "nodes were given more than 2 orders that are not decided again" in job.error
    assert allowed.result["orders"] == 2


def test_a_story_is_the_same_however_few_rows_are_read_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    since = now()
    for number in range(5):
        ordered(world, f"O{number}", (world.kurta, 1), (world.saree, 2))
    skus = [world.kurta.pk, world.saree.pk]
    whole = stock_story(skus, since, now())
    monkeypatch.setattr(past_stock, "stream", partial(stream, size=3))

    with read_only():
        again = stock_story(skus, since, now())

    assert len(whole.changes) == 10
    assert again == whole
    assert stock_story(skus, since, now()) == whole


def test_what_was_reserved_before_the_window_for_orders_in_it_is_given_back_at_its_start(world: World) -> None:
    order_id = ordered(world, "A", (world.kurta, 2))
    since = now()

    story = stock_story([world.kurta.pk], since, now(), without_orders=[order_id])

    assert story.start[world.kurta.pk, world.blr.pk] == 10
    assert story.changes == []


@pytest.mark.parametrize("seed", range(4))
def test_the_rules_that_were_live_decide_every_past_order_as_they_did_then(world: World, seed: int) -> None:
    live()
    chance = random.Random(seed)
    stock(world.kurta, world.store, 3)
    Node.objects.filter(pk=world.blr.pk).update(daily_capacity=8)
    since = now()
    for number in range(25):
        act = chance.random()
        sku, node = chance.choice([world.kurta, world.saree, world.shoe]), chance.choice([world.blr, world.delhi])
        if act < 0.15:
            lines = [StockLine(sku.pk, chance.randint(1, 6))]
            receive(node_id=node.pk, lines=lines, op_key=f"r{number}", reference="PO", actor="t")
        elif act < 0.2:
            adjust(node_id=world.delhi.pk, sku_id=world.shoe.pk, reason="found", quantity=1, op_key=f"f{number}",
                         actor="t")  # fmt: skip
        else:
            wanted = chance.sample([world.kurta, world.saree, world.shoe], chance.randint(1, 3))
            ordered(world, f"O{number}", *[(each, chance.randint(1, 4)) for each in wanted])

    played = replayed(since, STANDARD)

    really = {
        row.order_id: (row.outcome, row.cost_minor, {part[2] for part in row.assignments})
        for row in RoutingDecision.objects.filter(attempt=1)
    }
    assert len(really) > 10
    again = {
        each.past.order_id: (
            each.decided[0].outcome, each.decided[0].cost_minor, {parcel.node_id for parcel in each.decided[0].parcels}
        )
        for each in played
    }  # fmt: skip
    assert again == really


def test_the_factors_of_the_parcels_add_up_to_the_cost(world: World) -> None:
    since = now()
    stock(world.kurta, world.store, 2)
    ordered(world, "A", (world.kurta, 11), (world.saree, 3))
    ordered(world, "B", (world.kurta, 9), (world.shoe, 10))

    played = replayed(since, STANDARD, SCARCE)

    plans = [decided for each in played for decided in each.decided]
    assert max(len(decided.parcels) for decided in plans) > 1
    for decided in plans:
        assert sum(parcel.cost_minor for parcel in decided.parcels) + decided.split_minor == decided.cost_minor


def test_each_version_plays_in_a_world_of_its_own(world: World) -> None:
    live()
    since = now()
    for number in range(12):
        ordered(world, f"O{number}", (world.kurta, 1))

    played = replayed(since, STANDARD, SCARCE)

    near = [each.decided[0].parcels[0].node_id for each in played]
    spread = [each.decided[1].parcels[0].node_id for each in played]
    assert near == [world.blr.pk] * 10 + [world.delhi.pk] * 2
    assert sorted([spread.count(world.blr.pk), spread.count(world.delhi.pk)]) == [6, 6]


def test_orders_outside_of_the_sample_take_what_they_really_took(world: World) -> None:
    live()
    since = now()
    for number in range(20):
        ordered(world, f"O{number}", (world.kurta, 1))

    played = replayed(since, STANDARD, most=5)

    assert len(played) == 5
    assert read_replay(window(since, 5)).found == 20
    really = dict(RoutingDecision.objects.values_list("order_id", "assignments"))
    for each in played:
        assert [parcel.node_id for parcel in each.decided[0].parcels] == [really[each.past.order_id][0][2]]


def test_what_a_cancelled_order_held_is_free_again_in_every_world(world: World) -> None:
    live()
    since = now()
    first = ordered(world, "A", (world.kurta, 10))
    cancel_order(order_id=first, reason="Changed their mind", actor="test")
    ordered(world, "B", (world.kurta, 10))

    played = replayed(since, STANDARD)

    assert [each.decided[0].parcels[0].node_id for each in played] == [world.blr.pk, world.blr.pk]


def test_a_simulation_is_a_job_whose_result_says_what_would_change(world: World) -> None:
    live()
    since = now()
    for number in range(4):
        ordered(world, f"O{number}", (world.kurta, 1))

    simulation = simulated(since, SCARCE, STANDARD)

    job = Job.objects.get()
    assert (job.state, job.done, job.total, job.succeeded) == ("done", 4, 4, 4)
    result = simulation.result
    base, scarce, same = result["versions"]
    assert (result["orders"], result["found"], result["currency"]) == (4, 4, "INR")
    assert base["nodes"] == {"blr-01": {"orders": 4, "units": 4}}
    assert base["as_really"] == 4
    assert (scarce["changed"], scarce["nodes"]["del-01"]["orders"]) == (2, 2)
    assert (same["changed"], same["words"]) == (0, ["It sends every order from the same nodes."])
    assert scarce["words"][0] == "It sends 2 orders of 4 from other nodes."
    assert "del-01 ships 2 orders more." in scarce["words"]
    assert simulation.names == ["Version 1", "Draft 1", "Draft 2"]
    changed = list(SimulatedOrder.objects.order_by("pk"))
    assert [row.changed for row in changed] == [[1], [1]]
    before, after, _ = changed[0].decisions
    assert (before["nodes"], after["nodes"]) == ([["blr-01", 1]], [["del-01", 1]])
    assert before["sentence"].startswith("blr-01")
    assert after["sentence"].startswith("del-01")


def test_a_simulation_leaves_stock_and_orders_byte_for_byte_as_they_were(world: World) -> None:
    live()
    since = now()
    for number in range(5):
        ordered(world, f"O{number}", (world.kurta, 3), (world.saree, 1))
    draft = create_draft(name="Scarce", actor="Asha", document=SCARCE)
    asked = SimulationTerms(policy_ids=[draft.pk], since=since, until=now())
    simulation = start_simulation(asked, actor="Asha", user_id=None)
    before = checksum()

    run(simulation)

    assert simulation.result["versions"][1]["changed"] > 0
    assert checksum() == before


def test_the_database_itself_refuses_what_would_be_written_while_a_window_is_read(world: World) -> None:
    with pytest.raises(DatabaseError, match="read-only"), read_only():
        execute("UPDATE inventory_stocklevel SET bin_code = 'X'")
    with transaction.atomic():
        with read_only():
            fetch_all("SELECT 1")
        assert execute("UPDATE inventory_stocklevel SET bin_code = 'Y'") > 0


def test_playing_asks_the_database_nothing(world: World, django_assert_num_queries: object) -> None:
    assert callable(django_assert_num_queries)
    since = now()
    ordered(world, "A", (world.kurta, 1))
    replay = read_replay(window(since))

    with django_assert_num_queries(0):
        played = list(replay.played_by([CompiledPolicy(STANDARD, 1), CompiledPolicy(SCARCE, 0)]))

    assert len(played) == 1


def test_reading_a_window_takes_the_same_number_of_statements_for_any_number_of_orders(world: World) -> None:
    since = now()

    def statements() -> int:
        connection.force_debug_cursor = True
        connection.queries_log.clear()
        read_replay(window(since))
        connection.force_debug_cursor = False
        return len(connection.queries_log)

    ordered(world, "A", (world.kurta, 1))
    statements()
    few = statements()
    for number in range(5):
        ordered(world, f"O{number}", (world.saree, 1))

    assert statements() == few


def test_a_simulation_that_is_cancelled_keeps_nothing(world: World) -> None:
    since = now()
    ordered(world, "A", (world.kurta, 1))
    draft = create_draft(name="Scarce", actor="Asha", document=SCARCE)
    asked = SimulationTerms(policy_ids=[draft.pk], since=since, until=now())
    simulation = start_simulation(asked, actor="Asha", user_id=None)
    assert simulation.job is not None
    cancel_job(simulation.job.pk)

    run(simulation)

    assert (simulation.result, simulation.finished_at) == ({}, None)
    assert not SimulatedOrder.objects.exists()


def test_a_simulation_that_died_in_the_middle_is_played_again_from_the_beginning(world: World) -> None:
    since = now()
    ordered(world, "A", (world.kurta, 1))
    draft = create_draft(name="Scarce", actor="Asha", document=SCARCE)
    asked = SimulationTerms(policy_ids=[draft.pk], since=since, until=now())
    simulation = start_simulation(asked, actor="Asha", user_id=None)
    Job.objects.update(done=1, total=1, state="running", lease_token=uuid7())

    run(simulation)

    job = Job.objects.get()
    assert (job.state, job.done, job.total) == ("done", 1, 1)


def test_a_window_without_orders_gives_an_empty_result(world: World) -> None:
    simulation = simulated(now() - timedelta(hours=1), SCARCE)

    assert simulation.result["orders"] == 0
    assert simulation.result["versions"][1]["changed"] == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"policy_ids": []}, "policies"),
        ({"policy_ids": [1, 2, 3, 4]}, "policies"),
        ({"policy_ids": [999_999]}, "policies"),
        ({"since": timedelta(hours=2)}, "until"),
        ({"most_orders": 0}, "most_orders"),
        ({"most_orders": 5_001}, "most_orders"),
        ({"since": timedelta(days=-100)}, "since"),
    ],
)
def test_terms_that_make_no_sense_are_refused(world: World, changes: dict[str, object], field: str) -> None:
    draft = create_draft(name="Scarce", actor="Asha", document=SCARCE)
    moment = now()
    given: dict[str, object] = {"policy_ids": [draft.pk], "since": moment - timedelta(hours=1), "until": moment}
    given |= {name: moment + value if isinstance(value, timedelta) else value for name, value in changes.items()}

    with pytest.raises(DomainError) as refused:
        new_simulation(SimulationTerms(**given), actor="Asha")  # type: ignore[arg-type]

    assert refused.value.field == field
    assert not Simulation.objects.exists()


def test_only_orders_of_the_channels_asked_for_are_decided_again(world: World) -> None:
    since = now()
    ordered(world, "A", (world.kurta, 1))

    assert read_replay(window(since, channels=("elsewhere",))).orders == []
    assert len(read_replay(window(since, channels=("web",))).orders) == 1


def test_the_rules_that_took_the_orders_are_counted(world: World) -> None:
    since = now()
    ordered(world, "A", (world.kurta, 1))

    simulation = simulated(since, Document((Rule("Every single order"),)))

    assert simulation.result["versions"][1]["rules"] == {"Every single order": 1}


def result_with(**changes: object) -> dict[str, object]:
    same: dict[str, object] = {
        "changed": 0, "orders": 200, "units": 400, "unroutable": 4, "shipped_units": 390, "in_time": 150,
        "promised": 180, "split": 20, "parcels": 216, "km": 21_600.0, "nodes": {"blr-01": {"orders": 196}},
        "known": {"orders": 190, "before_minor": 760_000, "after_minor": 760_000},
    }  # fmt: skip
    return same | changes


def test_the_difference_to_the_baseline_is_told_in_words() -> None:
    mine = result_with(
        changed=30, unroutable=2, shipped_units=396, in_time=144, split=26, parcels=224, km=26_880.0,
        nodes={"blr-01": {"orders": 170}, "del-01": {"orders": 28}},
        known={"orders": 190, "before_minor": 760_000, "after_minor": 712_500},
    )  # fmt: skip

    assert differences(result_with(), mine, "INR") == [
        "It sends 30 orders of 200 from other nodes.",
        "Couriers ask ₹2.50 less for an order that both ship whole (6.2 %, 190 orders).",
        "Orders that no node can ship: 4 before, 2 now (−1.0 points).",
        "Units that are shipped at once: 390 before, 396 now (+1.5 points).",
        "Promises kept by the days of the rate card: 150 before, 144 now (−3.3 points).",
        "Orders in more than one parcel: 20 before, 26 now (+3.0 points).",
        "A parcel travels 20 km more.",
        "del-01 ships 28 orders more.",
        "blr-01 ships 26 orders fewer.",
    ]


def test_old_simulations_are_deleted_with_their_orders_but_none_that_is_under_way(world: World, settings: Any) -> None:
    live()
    since = now()
    for number in range(4):
        ordered(world, f"O{number}", (world.kurta, 1))
    old, young = simulated(since, SCARCE), simulated(since, SCARCE)
    draft = create_draft(name="Waiting", actor="Asha")
    asked = SimulationTerms(policy_ids=[draft.pk], since=since, until=now())
    waiting = start_simulation(asked, actor="Asha", user_id=None)
    long_ago = now() - timedelta(days=91)
    Simulation.objects.filter(pk=old.pk).update(created_at=long_ago, finished_at=long_ago)
    Simulation.objects.filter(pk=waiting.pk).update(created_at=long_ago)
    Simulation.objects.filter(pk=young.pk).update(created_at=long_ago)
    settings.SIMULATION_KEPT_DAYS = 0
    assert prune_simulations() == 0
    settings.SIMULATION_KEPT_DAYS = 90

    assert (prune_simulations(), prune_simulations()) == (1, 0)

    assert set(Simulation.objects.values_list("pk", flat=True)) == {young.pk, waiting.pk}
    assert set(SimulatedOrder.objects.values_list("simulation", flat=True)) == {young.pk}
    assert Job.objects.count() == 3
    assert run(waiting).result["orders"] == 4


#: Orders with a date go from one place, those without from another.
BY_DATE = Document(
    (
        Rule("Dated", when=Group(members=(Row("promise", "known"),)), weights=SCARCE.rules[0].weights),
        replace(STANDARD.rules[0], name="Undated"),
    )
)


def test_a_date_that_an_order_got_after_it_was_routed_is_not_there_when_it_is_decided_again(world: World) -> None:
    live(BY_DATE)
    since = now()
    undated = [ordered(world, f"U{number}", (world.kurta, 1)) for number in range(2)]
    dated = capture(world, make_order("D", make_line(world.kurta, 1), promised_by=now() + timedelta(days=9)))
    route_orders([dated], trigger="captured")
    forget_promises()
    assert write_promises() == 3

    played = {each.past.order_id: each for each in replayed(since, BY_DATE)}

    assert list(OrderPromise.objects.order_by("order_id").values_list("gave_date", flat=True)) == [True, True, False]
    assert Order.objects.filter(promised_by__isnull=True).count() == 0
    assert [played[order_id].decided[0].rule for order_id in (*undated, dated)] == ["Undated", "Undated", "Dated"]
    assert all(each.decided[0].in_time is not None for each in played.values())
    assert all({parcel.node_id for parcel in each.decided[0].parcels} == each.past.really for each in played.values())
