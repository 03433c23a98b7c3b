"""Rules that keep stock back: which one counts where, what a change of them does, and what is told about it."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from importlib import import_module
from itertools import pairwise
from math import ceil
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.errors import BadQuantity
from inventory.events import StockChanged
from inventory.models import BufferRule, ChannelBuffer, DemandRate, NodeGroup, Sku, StockLevel
from inventory.selectors.buffers import Kept, kept_by, query_buffer_rules
from inventory.services import (
    BUFFERS,
    RuleTerms,
    StockLine,
    adopt_safety_stock,
    apply_buffers,
    apply_buffers_after,
    apply_moving_buffers,
    create_rule,
    delete_rule,
    edit_rule,
    keeping_back,
    move_rule,
    preview_removal,
    preview_rule,
    receive,
    run_buffers,
    set_safety_stock,
    terms_of,
)
from oms.core.clock import now
from oms.core.db import execute
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.jobs import JobCancelled, cancel_job, run_slice
from oms.core.models import Job, OutboxEvent
from tests.factories import World, make_sku, make_world, stock
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    """Ten of each of three SKUs in Bengaluru and Delhi."""
    return make_world()


def terms(**fields: Any) -> RuleTerms:
    """Three units, everywhere, unless said otherwise."""
    return RuleTerms(**{"name": "Rule", "measure": "units", "amount": 3, **fields})


def kept(sku: Sku) -> dict[str, int]:
    """Safety stock by node."""
    return dict(StockLevel.objects.filter(sku=sku).values_list("node__code", "safety_stock"))


def published() -> list[tuple[str, dict[str, Any]]]:
    return list(OutboxEvent.objects.order_by("pk").values_list("kind", "payload"))


def test_a_rule_without_conditions_keeps_back_at_every_level_and_says_so(world: World) -> None:
    OutboxEvent.objects.all().delete()

    saved = create_rule(terms=terms(), actor="Asha")

    assert saved.applied.changed == 6
    assert set(StockLevel.objects.values_list("safety_stock", "safety_rule")) == {(3, saved.rule.pk)}
    assert (saved.rule.priority, saved.rule.changed_by) == (100, "Asha")
    skus = sorted([world.kurta.pk, world.saree.pk, world.shoe.pk])
    assert published() == [("inventory.StockChanged", {"sku_ids": skus, "reason": "buffers"})]


def test_applying_again_changes_nothing_and_says_nothing(world: World) -> None:
    create_rule(terms=terms(), actor="Asha")
    OutboxEvent.objects.all().delete()

    assert apply_buffers() == 0
    assert published() == []


@pytest.mark.parametrize(
    ("conditions", "counts"),
    [
        ({"node_kind": "store"}, {"blr-01": 0, "del-01": 0}),
        ({"node_kind": "warehouse"}, {"blr-01": 3, "del-01": 3}),
        ({"category": "Kurtas"}, {"blr-01": 3, "del-01": 3}),
        ({"brand": "Indus"}, {"blr-01": 3, "del-01": 3}),
        ({"category": "Sarees"}, {"blr-01": 0, "del-01": 0}),
        ({"velocity": "fast"}, {"blr-01": 3, "del-01": 0}),
        ({"velocity": "none"}, {"blr-01": 0, "del-01": 3}),
        ({"starts_at": now() + timedelta(hours=1)}, {"blr-01": 0, "del-01": 0}),
        ({"starts_at": now() - timedelta(hours=1), "ends_at": now() + timedelta(hours=1)}, {"blr-01": 3, "del-01": 3}),
        ({"ends_at": now() - timedelta(hours=1)}, {"blr-01": 0, "del-01": 0}),
        ({"is_active": False}, {"blr-01": 0, "del-01": 0}),
    ],
)
def test_every_condition_that_is_set_must_hold(
    world: World, conditions: dict[str, Any], counts: dict[str, int]
) -> None:
    Sku.objects.filter(pk=world.kurta.pk).update(category="Kurtas", brand="Indus")
    Sku.objects.filter(pk=world.saree.pk).update(category="Sarees")
    DemandRate.objects.create(sku=world.kurta, node=world.blr, units=28, days=28, mean_per_day=1, deviation_per_day=0,
                              velocity="fast")  # fmt: skip

    create_rule(terms=terms(**conditions), actor="Asha")

    assert kept(world.kurta) == counts


def test_groups_nodes_and_skus_limit_a_rule(world: World) -> None:
    north = NodeGroup.objects.create(code="north", name="North")
    world.delhi.groups.add(north)
    create_rule(terms=terms(group_id=north.pk, amount=1), actor="Asha")
    create_rule(terms=terms(node_id=world.blr.pk, amount=2), actor="Asha")
    assert kept(world.saree) == {"blr-01": 2, "del-01": 1}

    create_rule(terms=terms(sku_id=world.kurta.pk, amount=5), actor="Asha", priority=50)
    create_rule(terms=terms(sku_id=world.kurta.pk, node_id=world.delhi.pk, amount=7), actor="Asha", priority=40)
    assert kept(world.kurta) == {"blr-01": 5, "del-01": 7}
    assert kept(world.saree) == {"blr-01": 2, "del-01": 1}


def test_percent_and_days_are_rounded_up(world: World) -> None:
    DemandRate.objects.create(sku=world.kurta, node=world.blr, units=2, days=7, mean_per_day=2 / 7,
                              deviation_per_day=0, velocity="slow")  # fmt: skip
    stock(world.saree, world.blr, 11)
    days = create_rule(terms=terms(sku_id=world.kurta.pk, measure="days", amount=7), actor="Asha").rule
    create_rule(terms=terms(sku_id=world.saree.pk, measure="percent", amount=10), actor="Asha")
    # Seven days of two sevenths are two, whatever a float makes of it; eleven percent of a unit is a unit.
    assert kept(world.kurta) == {"blr-01": 2, "del-01": 0}
    assert kept(world.saree) == {"blr-01": 2, "del-01": 1}

    edit_rule(rule_id=days.pk, terms=terms(sku_id=world.kurta.pk, measure="days", amount=8), actor="Asha")
    assert kept(world.kurta) == {"blr-01": 3, "del-01": 0}


def test_a_channel_rule_hides_from_that_channel_on_top_of_the_safety_stock(world: World) -> None:
    create_rule(terms=terms(amount=1), actor="Asha")
    rule = create_rule(terms=terms(channel_code="web", sku_id=world.kurta.pk, amount=4), actor="Asha").rule

    assert kept(world.kurta) == {"blr-01": 1, "del-01": 1}
    found = ChannelBuffer.objects.values_list("sku__code", "node__code", "channel_code", "units", "rule")
    assert sorted(found) == [("KURTA-M", "blr-01", "web", 4, rule.pk), ("KURTA-M", "del-01", "web", 4, rule.pk)]
    assert kept_by([rule.pk]) == {rule.pk: Kept(2, 8, 8)}

    edit_rule(rule_id=rule.pk, terms=terms(channel_code="web", node_id=world.blr.pk, amount=2), actor="Asha")
    assert sorted(ChannelBuffer.objects.values_list("sku__code", "node__code", "units")) == [
        ("KURTA-M", "blr-01", 2), ("SAREE-1", "blr-01", 2), ("SHOE-42", "blr-01", 2),
    ]  # fmt: skip
    delete_rule(rule_id=rule.pk, actor="Asha")
    assert not ChannelBuffer.objects.exists()
    assert not BufferRule.objects.filter(pk=rule.pk).exists()


def test_removing_a_rule_leaves_its_levels_to_the_next_and_frees_units(world: World) -> None:
    general = create_rule(terms=terms(amount=1), actor="Asha").rule
    first = create_rule(terms=terms(amount=6), actor="Asha", priority=5).rule
    assert kept(world.kurta) == {"blr-01": 6, "del-01": 6}
    OutboxEvent.objects.all().delete()

    delete_rule(rule_id=first.pk, actor="Asha")

    assert kept(world.kurta) == {"blr-01": 1, "del-01": 1}
    assert set(StockLevel.objects.values_list("safety_rule", flat=True)) == {general.pk}
    kinds = [kind for kind, _ in published()]
    assert kinds == ["inventory.StockChanged", "inventory.StockArrived", "inventory.StockArrived"]
    with pytest.raises(NotFound):
        delete_rule(rule_id=first.pk, actor="Asha")


def test_what_is_set_by_hand_is_a_rule_for_that_sku_and_node_and_stays_when_rules_run(world: World) -> None:
    create_rule(terms=terms(amount=1), actor="Asha")
    set_safety_stock(node_id=world.blr.pk, sku_id=world.kurta.pk, quantity=4, actor="Ravi")
    set_safety_stock(node_id=world.blr.pk, sku_id=world.kurta.pk, quantity=6, actor="Ravi")
    apply_buffers()

    assert kept(world.kurta) == {"blr-01": 6, "del-01": 1}
    [rule] = query_buffer_rules(by_hand=True)
    assert (rule.name, rule.amount, rule.changed_by) == ("KURTA-M at blr-01", 6, "Ravi")
    set_safety_stock(node_id=world.blr.pk, sku_id=world.kurta.pk, quantity=0, actor="Ravi")
    assert kept(world.kurta) == {"blr-01": 0, "del-01": 1}
    with pytest.raises(BadQuantity):
        set_safety_stock(node_id=world.blr.pk, sku_id=world.kurta.pk, quantity=-1)


@pytest.mark.django_db(transaction=True)
def test_two_that_set_it_at_once_make_one_rule() -> None:
    world = make_world()
    set_it = partial(set_safety_stock, node_id=world.blr.pk, sku_id=world.kurta.pk)
    at_once([partial(set_it, quantity=units) for units in (1, 2, 3, 4)])
    [rule] = BufferRule.objects.all()
    assert kept(world.kurta)["blr-01"] == rule.amount


def test_safety_stock_of_a_bulk_load_becomes_rules(world: World) -> None:
    StockLevel.objects.filter(sku=world.shoe).update(safety_stock=2)
    assert adopt_safety_stock() == 2
    assert adopt_safety_stock() == 0
    assert apply_buffers() == 0
    assert kept(world.shoe) == {"blr-01": 2, "del-01": 2}


def test_a_rule_moves_up_and_down_among_those_not_set_by_hand(world: World) -> None:
    set_safety_stock(node_id=world.blr.pk, sku_id=world.shoe.pk, quantity=1)
    a, b, c = (create_rule(terms=terms(name=name, amount=amount), actor="Asha", priority=100).rule
               for name, amount in (("a", 1), ("b", 2), ("c", 3)))  # fmt: skip
    assert kept(world.kurta) == {"blr-01": 1, "del-01": 1}

    move_rule(rule_id=b.pk, way="up", actor="Asha")
    assert [rule.name for rule in query_buffer_rules()] == ["b", "a", "c"]
    assert kept(world.kurta) == {"blr-01": 2, "del-01": 2}
    move_rule(rule_id=a.pk, way="down", actor="Asha")
    assert [rule.name for rule in query_buffer_rules()] == ["b", "c", "a"]
    assert move_rule(rule_id=a.pk, way="down", actor="Asha").changed == 0
    assert kept(world.shoe)["blr-01"] == 1
    places = list(query_buffer_rules().values_list("priority", flat=True))
    assert all(one < two for one, two in pairwise(places))


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"name": " "}, "name"), ({"measure": "boxes"}, "measure"), ({"measure": "percent", "amount": 101}, "amount"),
        ({"amount": -1}, "amount"), ({"node_kind": "shed"}, "node_kind"), ({"velocity": "quick"}, "velocity"),
        ({"category": "Nothing"}, "category"), ({"brand": "Nobody"}, "brand"),
        ({"starts_at": now(), "ends_at": now() - timedelta(days=1)}, "ends_at"),
    ],
)  # fmt: skip
def test_terms_that_cannot_be_are_refused_by_name(world: World, bad: dict[str, Any], field: str) -> None:
    with pytest.raises(DomainError) as refusal:
        create_rule(terms=terms(**bad), actor="Asha")
    assert refusal.value.field == field
    assert not BufferRule.objects.exists()


def test_a_rule_that_somebody_changed_meanwhile_is_not_overwritten(world: World) -> None:
    rule = create_rule(terms=terms(), actor="Asha").rule
    seen = rule.changed_at
    edit_rule(rule_id=rule.pk, terms=terms(amount=4), actor="Ravi", seen_at=seen)
    with pytest.raises(Conflict, match="Ravi changed the rule Rule meanwhile"):
        edit_rule(rule_id=rule.pk, terms=terms(amount=9), actor="Asha", seen_at=seen)
    assert kept(world.kurta) == {"blr-01": 4, "del-01": 4}


def test_a_preview_counts_what_saving_does_and_writes_nothing(world: World) -> None:
    stock(world.kurta, world.delhi, 2)
    stock(world.kurta, world.blr, 3)

    found = preview_rule(terms=terms(amount=3))

    assert (found.looked_at, found.levels, found.hides, found.frees, found.emptied) == (6, 6, 17, 0, 1)
    assert [(node.code, node.hides) for node in found.nodes] == [("blr-01", 9), ("del-01", 8)]
    assert (found.skus[0].code, found.skus[0].before, found.skus[0].after) == ("KURTA-M", 5, 0)
    assert not BufferRule.objects.exists()
    rule = create_rule(terms=terms(amount=3), actor="Asha").rule
    after = preview_rule(terms=terms(amount=3), rule_id=rule.pk)
    assert (after.levels, after.hides, after.frees) == (0, 0, 0)
    less = preview_rule(terms=terms(amount=1, node_id=world.blr.pk), rule_id=rule.pk)
    assert (less.levels, less.hides, less.frees, less.opened) == (6, 0, 14, 1)
    gone = preview_removal(rule.pk)
    assert (gone.hides, gone.frees, gone.opened) == (0, 17, 1)


def test_a_preview_asks_as_many_statements_for_many_skus_as_for_few(world: World) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            preview_rule(terms=terms())
        return len(captured)

    few = statements()
    for index in range(6):
        stock(make_sku(f"MORE-{index}"), world.blr, 5)
    assert statements() == few


def test_a_percent_rule_follows_what_is_on_hand_and_a_new_level_gets_its_rule(world: World) -> None:
    create_rule(terms=terms(measure="percent", amount=50), actor="Asha")
    receive(node_id=world.store.pk, lines=[StockLine(world.kurta.pk, 8)], op_key="r1", reference="r1", actor="Asha")

    assert apply_buffers_after([StockChanged(sku_ids=[world.kurta.pk], reason="receipt")]) == 1
    assert kept(world.kurta) == {"blr-01": 5, "del-01": 5, "blr-s1": 4}
    assert apply_buffers_after([StockChanged(sku_ids=[world.kurta.pk], reason="reserved")]) == 0


def test_the_clock_applies_rules_that_begin_and_end(world: World) -> None:
    rule = create_rule(terms=terms(ends_at=now() + timedelta(hours=1)), actor="Asha").rule
    assert kept(world.kurta) == {"blr-01": 3, "del-01": 3}
    BufferRule.objects.filter(pk=rule.pk).update(ends_at=now() - timedelta(seconds=1))
    assert apply_moving_buffers() == 6
    assert kept(world.kurta) == {"blr-01": 0, "del-01": 0}


def test_many_levels_are_done_by_a_job_that_goes_on_after_a_crash(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping_back, "INLINE_LEVELS", 2)
    monkeypatch.setattr(keeping_back, "CHUNK_SKUS", 1)
    rule = create_rule(terms=terms(), actor="Asha").rule
    job = Job.objects.get(kind=BUFFERS)
    assert kept(world.kurta) == {"blr-01": 0, "del-01": 0}

    run_slice(job.pk, {BUFFERS: run_buffers})

    job.refresh_from_db()
    assert (job.state, job.total, job.done, job.succeeded) == ("done", 3, 3, 6)
    assert kept(world.kurta) == {"blr-01": 3, "del-01": 3}

    delete_rule(rule_id=rule.pk, actor="Asha")
    assert BufferRule.objects.filter(pk=rule.pk, is_active=False).exists()
    assert list(query_buffer_rules()) == []
    second = Job.objects.filter(kind=BUFFERS).latest("pk")
    run_slice(second.pk, {BUFFERS: run_buffers})
    assert not BufferRule.objects.exists()
    assert kept(world.kurta) == {"blr-01": 0, "del-01": 0}


def test_a_job_that_was_cancelled_writes_no_further_chunk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping_back, "INLINE_LEVELS", 2)
    create_rule(terms=terms(), actor="Asha")
    job = Job.objects.get(kind=BUFFERS)
    Job.objects.filter(pk=job.pk).update(state="running")
    job.refresh_from_db()
    cancel_job(job.pk)
    with pytest.raises(JobCancelled):
        run_buffers(job)
    assert kept(world.kurta) == {"blr-01": 0, "del-01": 0}


def test_a_rule_that_cannot_be_applied_is_not_saved_either(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise RuntimeError("between the levels and their event")

    monkeypatch.setattr(keeping_back, "_announce", fail)
    with pytest.raises(RuntimeError), transaction.atomic():
        create_rule(terms=terms(), actor="Asha")
    assert not BufferRule.objects.exists()
    assert kept(world.kurta) == {"blr-01": 0, "del-01": 0}


rule_drafts = st.fixed_dictionaries({
    "node": st.sampled_from([None, "blr", "delhi", "store"]), "sku": st.sampled_from([None, "kurta", "saree"]),
    "node_kind": st.sampled_from(["", "warehouse", "store"]), "category": st.sampled_from(["", "A", "B"]),
    "brand": st.sampled_from(["", "X"]), "velocity": st.sampled_from(["", "fast", "none"]),
    "group": st.booleans(), "measure": st.sampled_from(["units", "days", "percent"]),
    "amount": st.integers(0, 12), "priority": st.integers(1, 4), "is_active": st.booleans(),
})  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drafts=st.lists(rule_drafts, max_size=5))
def test_levels_get_what_a_plain_reading_of_the_rules_says(world: World, drafts: list[dict[str, Any]]) -> None:
    """The statement against a loop: for each level the first rule whose conditions all hold."""
    BufferRule.objects.all().update(is_active=False)
    group = NodeGroup.objects.get_or_create(code="south", name="South")[0]
    world.blr.groups.add(group)
    Sku.objects.filter(pk=world.kurta.pk).update(category="A", brand="X")
    Sku.objects.filter(pk=world.saree.pk).update(category="B")
    DemandRate.objects.update_or_create(
        sku=world.kurta, node=world.delhi,
        defaults={"units": 5, "days": 4, "mean_per_day": 1.25, "deviation_per_day": 1, "velocity": "fast"},
    )  # fmt: skip
    for draft in drafts:
        BufferRule.objects.create(
            name="r", priority=draft["priority"], measure=draft["measure"], amount=draft["amount"],
            node=getattr(world, draft["node"]) if draft["node"] else None, node_kind=draft["node_kind"],
            sku=getattr(world, draft["sku"]) if draft["sku"] else None, group=group if draft["group"] else None,
            category=draft["category"], brand=draft["brand"], velocity=draft["velocity"],
            is_active=draft["is_active"],
        )  # fmt: skip

    apply_buffers()

    rates = {(rate.sku_id, rate.node_id): rate for rate in DemandRate.objects.all()}
    rules = list(BufferRule.objects.filter(is_active=True).order_by("priority", "pk"))
    for level in StockLevel.objects.select_related("sku", "node"):
        rate = rates.get((level.sku_id, level.node_id))
        rule = next((rule for rule in rules if _holds(rule, level, rate, group)), None)
        assert (level.safety_rule_id, level.safety_stock) == _expected(rule, level, rate)


def _holds(rule: BufferRule, level: StockLevel, rate: DemandRate | None, group: NodeGroup) -> bool:
    in_group = group in level.node.groups.all()
    return all([
        rule.node_id in (None, level.node_id), rule.sku_id in (None, level.sku_id),
        rule.node_kind in ("", level.node.kind), rule.group_id is None or in_group,
        rule.category in ("", level.sku.category), rule.brand in ("", level.sku.brand),
        rule.velocity in ("", rate.velocity if rate else "none"),
    ])  # fmt: skip


def _expected(rule: BufferRule | None, level: StockLevel, rate: DemandRate | None) -> tuple[int | None, int]:
    if rule is None:
        return None, 0
    amount = {
        "units": rule.amount, "days": ceil(rule.amount * (rate.mean_per_day if rate else 0)),
        "percent": ceil(level.on_hand * rule.amount / 100),
    }[rule.measure]  # fmt: skip
    return rule.pk, amount


def test_terms_of_a_rule_save_as_the_same_rule(world: World) -> None:
    rule = create_rule(terms=terms(note="Diwali"), actor="Asha").rule
    assert terms_of(rule) == terms(note="Diwali")
    again = edit_rule(rule_id=rule.pk, terms=terms_of(rule), actor="Asha")
    assert again.applied.changed == 0


def test_the_migration_makes_rules_of_safety_stock_and_takes_them_back(world: World) -> None:
    made = import_module("inventory.migrations.0013_safety_stock_by_rule")
    StockLevel.objects.filter(sku=world.kurta).update(safety_stock=4)

    execute(made.FORWARD)

    assert sorted(BufferRule.objects.values_list("name", "amount", "priority")) == [
        ("KURTA-M at blr-01", 4, 10), ("KURTA-M at del-01", 4, 10),
    ]  # fmt: skip
    assert apply_buffers() == 0
    execute(made.BACKWARD)
    assert kept(world.kurta) == {"blr-01": 4, "del-01": 4}
    assert not BufferRule.objects.exists()
