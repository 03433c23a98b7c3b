"""What is suggested to be bought and carried: against a plain model, twice, at once, and when a run dies."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.models import (
    DemandRate,
    Node,
    PurchaseOrder,
    ReplenishmentRule,
    ReplenishmentSuggestion,
    Sku,
    StockLevel,
    Supplier,
    SupplierItem,
)
from inventory.selectors.replenishment import z_of
from inventory.selectors.replenishment_sql import NONE_WAITING
from inventory.services import (
    PurchaseLine,
    PurchaseTerms,
    ReceiptItem,
    Source,
    StockLine,
    draft_purchase_order,
    draft_transfer,
    place_purchase_order,
    receive_goods,
    reverse_receipt,
)
from inventory.services import replenishing as module
from inventory.services.replenishing import (
    REPLENISH,
    Refreshed,
    refresh_suggestions,
    run_replenishing,
    start_replenishing,
)
from oms.core.clock import now
from oms.core.db import execute
from oms.core.jobs import run_slice
from oms.core.models import Job, Transition
from oms.core.states import advance_many
from tests.factories import World, make_node, make_sku, make_world, stock
from tests.inventory import replenishment_model as model
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    """Ten of each of three SKUs in Bengaluru and Delhi."""
    return make_world()


def sells(sku: Sku, code: str = "mill", *, lead: int = 9, pack: int = 12, **fields: Any) -> Supplier:
    """A supplier that sells a SKU."""
    supplier, _ = Supplier.objects.get_or_create(code=code, defaults={"name": code.title(), "lead_days": lead})
    SupplierItem.objects.create(supplier=supplier, sku=sku, pack_size=pack, unit_cost_minor=1000, **fields)
    return supplier


def goes(sku: Sku, node: Node, mean: float, deviation: float = 0.0) -> None:
    """How fast a SKU goes."""
    DemandRate.objects.update_or_create(
        sku=sku, node=node, defaults={"units": round(mean * 28), "days": 28, "mean_per_day": mean,
                                      "deviation_per_day": deviation, "velocity": "fast"},
    )  # fmt: skip


def rule(name: str = "All", **fields: Any) -> ReplenishmentRule:
    return ReplenishmentRule.objects.create(name=name, **fields)


def found(state: str = "open") -> dict[tuple[str, str], tuple[str, str | None, int]]:
    """SKU and node -> way, supplier or node, quantity."""
    rows = ReplenishmentSuggestion.objects.filter(state=state).select_related("sku", "node", "supplier", "from_node")
    return {
        (row.sku.code, row.node.code): (
            row.sums["way"],
            row.from_node.code if row.from_node else row.supplier.code if row.supplier else None,
            row.quantity,
        )
        for row in rows
    }


def test_the_sum_of_a_purchase_is_kept_figure_by_figure(world: World) -> None:
    sells(world.kurta)
    goes(world.kurta, world.blr, 2.3, 1.9)
    made = rule(node=world.blr, sku=world.kurta)
    execute("UPDATE inventory_stocklevel SET inbound = inbound")  # the level stands as it is: ten, all to promise

    assert refresh_suggestions() == Refreshed(new=1)

    one = ReplenishmentSuggestion.objects.get()
    # 1.6449 x sqrt(9 x 1.9^2) = 9.37, so 10 of safety; 2.3 x 9 + 10 = 30.7; 31 + 2.3 x 7 = 47.1; 48 - 10 = 38.
    assert one.sums == {
        "way": "purchase", "per_day": 2.3, "deviation": 1.9, "history_units": 64, "history_days": 28, "lead_days": 9,
        "lead_deviation": 0, "lead_from": "supplier", "lead_orders": 0, "service_bp": 9500, "z": 1.6449, "safety": 10,
        "least": 0, "most": None, "reorder_at": 31, "review_days": 7, "up_to": 48, "atp": 10, "inbound": 0,
        "drafted": 0, "waiting": 0, "position": 10, "pack": 12, "least_order": 1, "missing": 38, "wanted": 48,
        "cover_days": 4.35, "slack_days": -4.65, "rule_id": made.pk, "rule": "All", "source": None, "source_atp": None,
        "source_reorder_at": None, "source_leaving": None, "spare": None, "quantity": 48,
    }  # fmt: skip
    assert (one.quantity, one.cover_days, one.slack_days, one.rule_id) == (48, 4.35, -4.65, made.pk)
    assert (one.supplier.code if one.supplier else "", one.from_node, one.state) == ("mill", None, "open")


def test_z_is_the_inverse_of_the_normal_distribution() -> None:
    # The values of the tables: 50 %, 84.13 %, 90 %, 95 %, 97.5 %, 99 %, 99.9 %.
    assert [z_of(bp) for bp in (5000, 8413, 9000, 9500, 9750, 9900, 9990)] == [
        0.0, 0.9998, 1.2816, 1.6449, 1.96, 2.3263, 3.0902
    ]  # fmt: skip


def test_a_new_sku_without_history_is_kept_at_its_least_stock_also_where_the_node_never_had_it(world: World) -> None:
    sells(world.shoe, pack=1)
    rule(node=world.store, sku=world.shoe, least_stock=4)
    refresh_suggestions()
    assert found() == {("SHOE-42", "blr-s1"): ("purchase", "mill", 4)}
    one = ReplenishmentSuggestion.objects.get()
    assert (one.cover_days, one.slack_days) == (None, 9999.0)


def test_kits_suppliers_nodes_closed_nodes_and_skus_that_are_not_sold_are_left_out(world: World) -> None:
    rule(least_stock=50)
    for node in (world.blr, world.delhi):
        stock(world.kurta, node, 0)
    Sku.objects.filter(pk=world.kurta.pk).update(is_kit=True)
    Sku.objects.filter(pk=world.saree.pk).update(is_active=False)
    Node.objects.filter(pk=world.delhi.pk).update(is_active=False)
    stock(world.shoe, make_node("mill-01", city="Surat", postcode="395001", kind="supplier"), 3)
    refresh_suggestions()
    assert found() == {("SHOE-42", "blr-01"): ("purchase", None, 40)}


def test_the_first_rule_in_order_counts(world: World) -> None:
    sells(world.kurta, pack=1)
    Sku.objects.filter(pk=world.saree.pk).update(category="Sarees")
    rule("Rest", priority=90, least_stock=11)
    rule("Sarees", priority=50, category="Sarees", least_stock=13)
    rule("Kurta in Delhi", priority=10, sku=world.kurta, node=world.delhi, least_stock=20)
    rule("Off", priority=1, least_stock=99, is_active=False)
    refresh_suggestions()
    assert {key: row[2] for key, row in found().items()} == {
        ("KURTA-M", "blr-01"): 1, ("KURTA-M", "del-01"): 10, ("SAREE-1", "blr-01"): 3, ("SAREE-1", "del-01"): 3,
        ("SHOE-42", "blr-01"): 1, ("SHOE-42", "del-01"): 1,
    }  # fmt: skip


def test_a_pack_that_does_not_fit_under_the_most_is_left_out(world: World) -> None:
    sells(world.kurta, pack=12)
    goes(world.kurta, world.blr, 2.0)
    capped = rule(sku=world.kurta, node=world.blr, most_stock=35)
    refresh_suggestions()
    # Twelve fit (22 of 35), twenty-four fit (34), thirty-six do not.
    assert found() == {("KURTA-M", "blr-01"): ("purchase", "mill", 24)}
    ReplenishmentRule.objects.filter(pk=capped.pk).update(most_stock=21)
    assert refresh_suggestions() == Refreshed(outdated=1)
    assert found() == {}


def test_a_node_gives_what_it_has_above_its_own_reorder_point_to_who_runs_out_first(world: World) -> None:
    sells(world.kurta, pack=1)
    rule("Store", node=world.store, sku=world.kurta, from_node=world.blr, least_stock=8)
    rule("Delhi", node=world.delhi, sku=world.kurta, from_node=world.blr, least_stock=12)
    rule("Here", node=world.blr, sku=world.kurta, least_stock=5)
    goes(world.kurta, world.store, 1.0)
    refresh_suggestions()
    # Ten less its own five: the store, which sells, gets all of them; Delhi buys what it lacks.
    assert found() == {
        ("KURTA-M", "blr-s1"): ("transfer", "blr-01", 5), ("KURTA-M", "del-01"): ("purchase", "mill", 2)
    }  # fmt: skip
    bought = ReplenishmentSuggestion.objects.get(node=world.delhi)
    assert (bought.sums["source"], bought.sums["spare"], bought.sums["quantity"]) == ("blr-01", 0, 2)


def test_drafts_and_what_is_on_its_way_count_and_so_do_orders_that_wait_at_the_node(world: World) -> None:
    mill = sells(world.kurta, pack=1)
    rule(node=world.blr, sku=world.kurta, least_stock=40)
    draft_purchase_order(
        terms=PurchaseTerms(supplier_id=mill.pk, node_id=world.blr.pk), actor="Meera",
        lines=[PurchaseLine(sku_id=world.kurta.pk, quantity=7)],
    )  # fmt: skip
    placed = draft_purchase_order(
        terms=PurchaseTerms(supplier_id=mill.pk, node_id=world.blr.pk), actor="Meera",
        lines=[PurchaseLine(sku_id=world.kurta.pk, quantity=5)],
    )  # fmt: skip
    place_purchase_order(order_id=placed.pk, actor="Meera")
    draft_transfer(from_node_id=world.delhi.pk, to_node_id=world.blr.pk, actor="Meera",
                   lines=[StockLine(world.kurta.pk, 3)])  # fmt: skip
    waiting = f"SELECT {world.kurta.pk}::bigint AS sku_id, {world.blr.pk}::bigint AS node_id, 4 AS units"
    refresh_suggestions(waiting=waiting)
    one = ReplenishmentSuggestion.objects.get()
    names = ("atp", "inbound", "drafted", "waiting", "position")
    assert {name: one.sums[name] for name in names} == {
        "atp": 10, "inbound": 5, "drafted": 10, "waiting": 4, "position": 21
    }  # fmt: skip
    assert one.quantity == 19


def arrived(world: World, supplier: Supplier, after_days: Decimal, *, taken_back: bool = False) -> None:
    """An order of one kurta that took so long."""
    order = draft_purchase_order(
        terms=PurchaseTerms(supplier_id=supplier.pk, node_id=world.delhi.pk), actor="Meera",
        lines=[PurchaseLine(sku_id=world.kurta.pk, quantity=1)],
    )  # fmt: skip
    place_purchase_order(order_id=order.pk, actor="Meera")
    came = receive_goods(
        node_id=world.delhi.pk, items=[ReceiptItem(sku_id=world.kurta.pk, good=1)], op_key=f"test/{order.pk}",
        actor="Gill", source=Source(order_id=order.pk),
    )  # fmt: skip
    execute(
        """UPDATE inventory_purchaseorder o SET placed_at = r.received_at - make_interval(secs => %s::float8)
        FROM inventory_receipt r WHERE r.order_id = o.id AND o.id = %s""",
        [float(after_days * 86400), order.pk],
    )
    if taken_back:
        reverse_receipt(receipt_id=came.receipt.pk, actor="Gill", reason="Not ours")


def test_lead_time_is_measured_once_five_orders_came(world: World) -> None:
    mill = sells(world.kurta, pack=1, lead_days=30)
    rule(node=world.blr, sku=world.kurta, least_stock=1)
    goes(world.kurta, world.blr, 10.0)
    for days in (4, 6, 8, 10):
        arrived(world, mill, Decimal(days))
    arrived(world, mill, Decimal(99), taken_back=True)
    refresh_suggestions()
    sums = ReplenishmentSuggestion.objects.get().sums
    assert (sums["lead_days"], sums["lead_deviation"], sums["lead_from"]) == (30, 0, "item")
    arrived(world, mill, Decimal(12))
    refresh_suggestions()
    sums = ReplenishmentSuggestion.objects.get().sums
    # 4, 6, 8, 10, 12: mean 8, deviation sqrt(40 / 4). 1.6449 x sqrt(10^2 x 3.16^2) = 51.98; 80 + 52 = 132.
    assert (sums["lead_days"], sums["lead_deviation"], sums["lead_from"], sums["lead_orders"]) == (
        8, 3.16, "measured", 5
    )  # fmt: skip
    assert (sums["safety"], sums["reorder_at"]) == (52, 132)


def test_working_it_out_again_changes_nothing_and_a_changed_need_changes_the_open_one(world: World) -> None:
    sells(world.kurta, pack=1)
    made = rule(node=world.blr, sku=world.kurta, least_stock=15)
    assert refresh_suggestions() == Refreshed(new=1)
    first = ReplenishmentSuggestion.objects.get()
    assert refresh_suggestions() == Refreshed()
    assert ReplenishmentSuggestion.objects.get().updated_at == first.updated_at
    ReplenishmentRule.objects.filter(pk=made.pk).update(least_stock=17)
    assert refresh_suggestions(sku_ids=[world.kurta.pk]) == Refreshed(changed=1)
    again = ReplenishmentSuggestion.objects.get()
    assert (again.pk, again.quantity, again.created_at) == (first.pk, 7, first.created_at)
    stock(world.kurta, world.blr, 40)
    assert refresh_suggestions() == Refreshed(outdated=1)
    assert found("outdated") == {("KURTA-M", "blr-01"): ("purchase", "mill", 7)}
    assert Transition.objects.filter(model="inventory.ReplenishmentSuggestion", to_state="outdated").count() == 1


def test_what_was_dismissed_sleeps_until_its_day(world: World) -> None:
    rule(node=world.blr, sku=world.kurta, least_stock=15)
    refresh_suggestions()
    rows = ReplenishmentSuggestion.objects.all()
    rows.update(state="dismissed", snoozed_until=now() + timedelta(days=3))
    assert refresh_suggestions() == Refreshed()
    rows.update(snoozed_until=now() - timedelta(seconds=1))
    assert refresh_suggestions() == Refreshed(new=1)


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_suggest_each_thing_once(world: World) -> None:
    rule(least_stock=15)
    results = at_once([refresh_suggestions] * 4)
    assert sum(result.new for result in results) == 6
    assert sum(result.changed + result.outdated for result in results) == 0
    assert len(found()) == ReplenishmentSuggestion.objects.count() == 6


@pytest.mark.django_db(transaction=True)
def test_a_run_that_dies_in_its_second_chunk_keeps_the_first_and_the_next_run_ends_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule(least_stock=15)
    monkeypatch.setattr(module, "CHUNK_SKUS", 1)
    whole, calls = advance_many, []

    def dies(*args: Any, **fields: Any) -> list[int]:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("the machine is gone")
        return whole(*args, **fields)

    monkeypatch.setattr(module, "advance_many", dies)
    with pytest.raises(RuntimeError):
        refresh_suggestions()
    assert {key[0] for key in found()} == {"KURTA-M"}
    assert refresh_suggestions() == Refreshed(new=4)


def test_the_job_counts_skus_and_what_it_found_and_goes_on_where_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule(least_stock=15)
    monkeypatch.setattr(module, "CHUNK_SKUS", 2)
    job = start_replenishing(title="Work out", rates=False)
    assert start_replenishing(title="Work out", rates=False).pk == job.pk
    monkeypatch.setattr(module, "SLICE_SECONDS", 0.0)
    run_slice(job.pk, {REPLENISH: run_replenishing})
    assert Job.objects.get(pk=job.pk).state == "running"
    monkeypatch.setattr(module, "SLICE_SECONDS", 60.0)
    run_slice(job.pk, {REPLENISH: run_replenishing})
    job.refresh_from_db()
    assert (job.state, job.total, job.done, job.succeeded) == ("done", 3, 3, 6)
    assert job.result == {"new": 6, "changed": 0, "outdated": 0}


def test_a_run_that_waits_is_shared_only_where_it_is_ones_own_and_does_as_much(world: World) -> None:
    clock = start_replenishing(title="Work out", rates=False)
    person = start_replenishing(title="Work out", rates=False, user_id=7)
    with_rates = start_replenishing(title="Work out", user_id=7)
    assert len({clock.pk, person.pk, with_rates.pk, start_replenishing(title="Work out", user_id=8).pk}) == 4
    assert start_replenishing(title="Work out", user_id=7).pk == with_rates.pk
    assert start_replenishing(title="Work out", rates=False, user_id=7).pk == person.pk


def test_a_run_costs_as_many_statements_for_twice_the_skus(world: World) -> None:
    rule(least_stock=15)
    refresh_suggestions()
    with CaptureQueriesContext(
        connection,
    ) as few:
        refresh_suggestions()
    for number in range(3):
        stock(make_sku(f"MORE-{number}"), world.blr, 1)
    refresh_suggestions()
    with CaptureQueriesContext(connection) as many:
        refresh_suggestions()
    assert len(many) == len(few)


# -- against the plain model -------------------------------------------------------------------------------------------

NODES = ("blr-01", "del-01", "blr-s1")
tenths = st.integers(0, 120).map(lambda n: n / 10)
spots = st.builds(
    model.Spot, atp=st.integers(0, 80), inbound=st.integers(0, 30), drafted=st.integers(0, 15),
    leaving=st.integers(0, 6), waiting=st.integers(0, 9), mean=st.one_of(st.just(0.0), tenths), deviation=tenths,
)  # fmt: skip
rules = st.builds(
    model.Rule, name=st.just("R"), priority=st.integers(1, 9), node=st.sampled_from([None, *NODES]),
    sku=st.sampled_from([None, "KURTA-M", "SAREE-1"]), category=st.sampled_from(["", "Sarees"]),
    level=st.sampled_from([5000, 8413, 9000, 9500, 9900, 9999]), review=st.integers(1, 20),
    source=st.sampled_from([None, *NODES]), transfer_days=st.integers(0, 6), least=st.integers(0, 25),
    most=st.one_of(st.none(), st.integers(25, 90)),
).filter(lambda rule: rule.node is None or rule.node != rule.source)  # fmt: skip
item = st.fixed_dictionaries({
    "supplier": st.sampled_from([None, "mill"]), "lead": st.integers(0, 40), "pack": st.integers(1, 13),
    "least_order": st.integers(1, 20), "spots": st.dictionaries(st.sampled_from(NODES), spots),
})  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    items=st.fixed_dictionaries({"KURTA-M": item, "SAREE-1": item}),
    given_rules=st.lists(rules, max_size=5, unique_by=lambda rule: rule.priority),
)
def test_suggestions_are_what_the_plain_model_says(
    world: World, items: dict[str, dict[str, Any]], given_rules: list[model.Rule]
) -> None:
    with transaction.atomic():
        wanted, waiting = _write(world, items, given_rules)
        refresh_suggestions(waiting=" UNION ALL ".join(waiting) or NONE_WAITING)
        suggested = found()
        transaction.set_rollback(True)
    assert suggested == wanted


def _write(
    world: World, items: dict[str, dict[str, Any]], given_rules: list[model.Rule]
) -> tuple[dict[tuple[str, str], tuple[str, str | None, int]], list[str]]:
    """The rows of an example; what the model suggests for them, and queries of what waits."""
    _no_levels()
    skus = {"KURTA-M": world.kurta, "SAREE-1": world.saree}
    nodes = {"blr-01": world.blr, "del-01": world.delhi, "blr-s1": world.store}
    Sku.objects.filter(code="SAREE-1").update(category="Sarees")
    for each in given_rules:
        _write_rule(each, skus, nodes)
    wanted: dict[tuple[str, str], tuple[str, str | None, int]] = {}
    waiting: list[str] = []
    order = sorted(nodes, key=lambda code: nodes[code].pk)
    for code, fields in items.items():
        one = model.Item(code, "Sarees" if code == "SAREE-1" else "", **fields)
        if one.supplier:
            sells(skus[code], pack=one.pack, least_order=one.least_order, lead_days=int(one.lead))
        else:
            one.lead, one.pack, one.least_order = 7.0, 1, 1
        for each in given_rules:  # where a rule names both, the node counts although it never had the SKU
            if each.sku == code and each.node is not None and each.category in ("", one.category):
                one.spots.setdefault(each.node, model.Spot())
        for node, spot in one.spots.items():
            waiting.append(_write_spot(skus[code], nodes[node], spot, nodes))
        wanted |= {(code, node): row for node, row in model.suggest(one, order, given_rules).items()}
    return wanted, waiting


def _no_levels() -> None:
    execute("SET LOCAL session_replication_role = replica")
    execute("DELETE FROM inventory_stocklevel")
    execute("SET LOCAL session_replication_role = origin")


def _write_rule(each: model.Rule, skus: dict[str, Sku], nodes: dict[str, Node]) -> None:
    ReplenishmentRule.objects.create(
        name=each.name, priority=each.priority, node=nodes.get(each.node or ""), sku=skus.get(each.sku or ""),
        category=each.category, service_level_bp=each.level, review_days=each.review,
        from_node=nodes.get(each.source or ""), transfer_days=each.transfer_days, least_stock=each.least,
        most_stock=each.most,
    )  # fmt: skip


def _write_spot(sku: Sku, node: Node, spot: model.Spot, nodes: dict[str, Node]) -> str:
    """The rows of a spot, written past the ledger: only the plan reads them. What waits, as a query."""
    goes(sku, node, spot.mean, spot.deviation)
    execute("SET LOCAL session_replication_role = replica")
    StockLevel.objects.create(sku=sku, node=node, on_hand=spot.atp, inbound=spot.inbound)
    execute("SET LOCAL session_replication_role = origin")
    if spot.drafted:
        supplier, _ = Supplier.objects.get_or_create(code="other", defaults={"name": "Other"})
        order = PurchaseOrder.objects.create(number=f"D-{sku.pk}-{node.pk}", supplier=supplier, node=node)
        order.lines.create(sku=sku, quantity=spot.drafted, open_quantity=spot.drafted)
    if spot.leaving:
        # To a node that no rule speaks of, so that nobody's position counts it.
        far, _ = Node.objects.get_or_create(code="far", defaults={"name": "Far", "kind": "supplier", "postcode": "1"})
        draft_transfer(from_node_id=node.pk, to_node_id=far.pk, actor="test", lines=[StockLine(sku.pk, spot.leaving)])
    return f"SELECT {sku.pk}::bigint AS sku_id, {node.pk}::bigint AS node_id, {spot.waiting} AS units"
