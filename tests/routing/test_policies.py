"""Drafts, publishing, trials and going back: each done once, whoever else is at it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction
from django.db.utils import IntegrityError
from django.utils import timezone

from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.models import Transition
from orders.models import Order
from routing.engine import Weights
from routing.models import PolicyState, RoutingCanary, RoutingDecision, RoutingPolicy
from routing.policy.document import STANDARD, Document, Rule, document_json
from routing.policy.trial import Figures, StopRule, in_trial, reason_to_stop
from routing.services import (
    TrialTerms,
    check_canary,
    create_draft,
    discard_draft,
    document_of,
    forget_policy,
    make_live,
    publish,
    restore,
    rules_in_force,
    save_draft,
    start_canary,
    stop_canary,
    trial_figures,
    widen_canary,
)
from tests.factories import World, capture, make_line, make_order, make_world
from tests.threads import at_once

pytestmark = pytest.mark.django_db

SPLITS_COST_MORE = Document((replace(STANDARD.rules[0], weights=Weights(split_minor=9_000)),))


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    forget_policy()


def live(document: Document = STANDARD, note: str = "First") -> RoutingPolicy:
    draft = create_draft(name="Standard", actor="Asha", document=document)
    return publish(policy_id=draft.pk, edit_version=1, note=note, actor="Asha")


def on_trial(percent: int = 25, **terms: object) -> RoutingPolicy:
    draft = create_draft(name="Fewer splits", actor="Ravi", document=SPLITS_COST_MORE)
    return start_canary(
        policy_id=draft.pk, edit_version=1, note="To see", actor="Ravi",
        terms=replace(TrialTerms(percent=percent, min_decisions=2), **terms),  # type: ignore[arg-type]
    )  # fmt: skip


def states() -> dict[int | None, str]:
    return dict(RoutingPolicy.objects.order_by("pk").values_list("version", "state"))


def test_a_draft_begins_with_the_live_rules() -> None:
    first = live(SPLITS_COST_MORE)

    draft = create_draft(name=" Peak ", actor="Ravi")

    assert (draft.name, draft.state, draft.version, draft.base, draft.edit_version) == ("Peak", "draft", None, first, 1)
    assert document_of(draft) == SPLITS_COST_MORE


def test_a_draft_without_a_name_is_refused() -> None:
    with pytest.raises(DomainError) as refused:
        create_draft(name=" ", actor="Ravi")

    assert refused.value.field == "name"


def test_saving_counts_and_saving_the_same_again_does_not() -> None:
    draft = create_draft(name="Peak", actor="Asha")

    saved = save_draft(policy_id=draft.pk, document=SPLITS_COST_MORE, edit_version=1, actor="Ravi")
    again = save_draft(policy_id=draft.pk, document=SPLITS_COST_MORE, edit_version=1, actor="Ravi")

    assert (saved.edit_version, again.edit_version, again.edited_by) == (2, 2, "Ravi")
    assert document_of(RoutingPolicy.objects.get()) == SPLITS_COST_MORE


def test_who_saves_what_somebody_else_saved_meanwhile_is_told_who_and_changes_nothing() -> None:
    draft = create_draft(name="Peak", actor="Asha")
    save_draft(policy_id=draft.pk, document=SPLITS_COST_MORE, edit_version=1, actor="Ravi")

    with pytest.raises(Conflict) as refused:
        save_draft(policy_id=draft.pk, document=Document((Rule("Other"),)), edit_version=1, actor="Asha")

    assert (refused.value.data["who"], refused.value.data["edit_version"]) == ("Ravi", 2)
    assert document_of(RoutingPolicy.objects.get()) == SPLITS_COST_MORE


def test_publishing_gives_the_next_number_and_makes_the_version_before_a_past_one() -> None:
    live()

    second = live(SPLITS_COST_MORE, "Fewer splits")

    assert (second.version, second.state, second.note, second.published_by) == (2, "live", "Fewer splits", "Asha")
    assert states() == {1: "archived", 2: "live"}
    assert list(Transition.objects.order_by("pk").values_list("from_state", "to_state", "actor", "reason")) == [
        ("draft", "live", "Asha", "First"),
        ("live", "archived", "Asha", "Version 2 follows"),
        ("draft", "live", "Asha", "Fewer splits"),
    ]


def test_publishing_twice_publishes_once() -> None:
    first = live()

    again = publish(policy_id=first.pk, edit_version=1, note="Again", actor="Ravi")

    assert (again.version, again.note) == (1, "First")
    assert Transition.objects.count() == 1


def test_a_version_needs_a_note_and_rules_that_lint_finds_no_error_in() -> None:
    draft = create_draft(name="Peak", actor="Asha")
    bad = create_draft(name="Bad", actor="Asha", document=Document((Rule("A"), Rule("B"))))

    with pytest.raises(DomainError) as no_note:
        publish(policy_id=draft.pk, edit_version=1, note="  ", actor="Asha")
    with pytest.raises(DomainError) as no_rules:
        publish(policy_id=bad.pk, edit_version=1, note="So", actor="Asha")

    assert no_note.value.field == "note"
    assert no_rules.value.message == "“B” is never reached: “A” stands before it and takes every order."
    assert states() == {None: "draft"}


def test_what_was_saved_meanwhile_is_not_published_unseen() -> None:
    draft = create_draft(name="Peak", actor="Asha")
    save_draft(policy_id=draft.pk, document=SPLITS_COST_MORE, edit_version=1, actor="Ravi")

    with pytest.raises(Conflict):
        publish(policy_id=draft.pk, edit_version=1, note="So", actor="Asha")

    assert states() == {None: "draft"}


def test_the_database_keeps_a_published_version_as_it_is() -> None:
    version = live()
    changes: list[dict[str, object]] = [
        {"document": {}}, {"name": "X"}, {"note": "X"}, {"version": 9}, {"state": "draft"}, {"published_by": "X"},
    ]  # fmt: skip

    for change in changes:
        with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
            RoutingPolicy.objects.filter(pk=version.pk).update(**change)
    with pytest.raises(IntegrityError, match="never deleted"), transaction.atomic():
        connection.cursor().execute("DELETE FROM routing_routingpolicy")

    assert RoutingPolicy.objects.get().document == document_json(STANDARD)


def test_the_database_lets_only_one_version_be_live() -> None:
    live()

    with pytest.raises(IntegrityError, match="routing_policy_one_live"), transaction.atomic():
        RoutingPolicy.objects.create(
            version=2, name="X", state="live", document={}, note="X", published_at=timezone.now()
        )


def test_a_draft_is_discarded_and_a_version_is_not() -> None:
    draft, version = create_draft(name="Peak", actor="Asha"), live()

    discard_draft(policy_id=draft.pk)
    discard_draft(policy_id=draft.pk)
    with pytest.raises(Conflict):
        discard_draft(policy_id=version.pk)
    with pytest.raises(NotFound):
        save_draft(policy_id=draft.pk, document=STANDARD, edit_version=1, actor="Asha")

    assert states() == {1: "live"}


def test_restoring_a_version_begins_a_draft_with_its_rules_once() -> None:
    old = live(SPLITS_COST_MORE)
    live(STANDARD, "Back to normal")

    draft, again = (restore(policy_id=old.pk, actor="Asha") for _ in range(2))

    assert (draft.pk, draft.base_id, draft.state) == (again.pk, old.pk, "draft")
    assert document_of(draft) == SPLITS_COST_MORE


def test_a_trial_decides_its_share_of_orders_always_the_same_ones_and_more_of_them_when_widened() -> None:
    live()
    version = on_trial(percent=5)
    ids = range(1, 2001)

    def tried() -> set[int]:
        forget_policy()
        rules = rules_in_force()
        return {pk for pk in ids if rules.of_order(pk, "web").version == 2}

    few = tried()
    widen_canary(policy_id=version.pk, percent=25, actor="Ravi")
    more = tried()
    stop_canary(policy_id=version.pk, reason="Seen enough", actor="Ravi")

    assert states() == {1: "live", 2: "archived"}
    assert few == {pk for pk in ids if in_trial(2, pk, 5)}
    assert 70 < len(few) < 130
    assert 450 < len(more) < 550
    assert few < more
    assert tried() == set()
    assert RoutingCanary.objects.values_list("stop_reason", "stopped_by").get() == ("Seen enough", "Ravi")


def test_a_trial_for_channels_leaves_the_orders_of_others_alone() -> None:
    live()
    on_trial(percent=100, channels=("amazon",))
    forget_policy()
    rules = rules_in_force()

    assert (rules.of_order(1, "amazon").version, rules.of_order(1, "web").version) == (2, 1)


def test_one_trial_at_a_time_and_none_without_a_live_version() -> None:
    with pytest.raises(DomainError, match="Nothing is live"):
        on_trial()
    live()
    first = on_trial()
    with pytest.raises(DomainError, match="Version 2 is on trial already"):
        on_trial()
    with pytest.raises(DomainError, match="Version 2 is on trial"):
        live(note="Another")
    with pytest.raises(DomainError, match="5, 25, 100"):
        widen_canary(policy_id=first.pk, percent=50, actor="Ravi")

    assert states() == {1: "live", 2: "canary", None: "draft"}


def test_a_trial_that_went_well_is_made_live() -> None:
    live()
    version = on_trial()

    make_live(policy_id=version.pk, actor="Asha")
    make_live(policy_id=version.pk, actor="Asha")

    assert states() == {1: "archived", 2: "live"}
    with pytest.raises(Conflict):
        widen_canary(policy_id=version.pk, percent=100, actor="Ravi")


@pytest.mark.parametrize(
    ("trial", "reason"),
    [
        (Figures(9, 9, None), ""),
        (Figures(100, 3, 5_000.0), ""),
        (Figures(100, 4, 5_000.0), "No node could ship 4.0 % of 100 orders, against 1.0 % with the live version."),
        (Figures(100, 0, 5_500.0), ""),
        (Figures(100, 0, 5_600.0), "An order cost 12.0 % more than with the live version, over 100 orders."),
    ],
)
def test_a_stop_rule_waits_for_enough_decisions_and_then_says_why(trial: Figures, reason: str) -> None:
    rule = StopRule(max_unroutable_points=2, max_cost_percent=10, min_decisions=10)

    assert reason_to_stop(rule, trial, Figures(200, 2, 5_000.0)) == reason


def decided(world: World, version: int, outcome: str, cost_minor: int, name: str, days_ago: int = 0) -> None:
    order_id = capture(world, make_order(name, make_line(world.kurta)))
    RoutingDecision.objects.create(
        order_id=order_id, attempt=1, trigger="captured", policy_version=version, outcome=outcome, sentence="So.",
        cost_minor=cost_minor, lower_bound_minor=0, optimal=True, nodes_examined=1, duration_us=1,
        decided_at=timezone.now() + timedelta(seconds=1) - timedelta(days=days_ago),
    )  # fmt: skip


def test_the_clock_stops_a_trial_whose_orders_find_no_node() -> None:
    world = make_world()
    live()
    version = on_trial()
    for number, (policy, outcome) in enumerate([(1, "routed"), (1, "routed"), (2, "routed")]):
        decided(world, policy, outcome, 5_000, f"A{number}")
    assert check_canary() == ""
    decided(world, 2, "unroutable", 0, "B")
    RoutingDecision.objects.update(decided_at=timezone.now())

    reasons = [check_canary(), check_canary()]

    assert reasons == ["No node could ship 50.0 % of 2 orders, against 0.0 % with the live version.", ""]
    trial = RoutingCanary.objects.get(policy=version)
    assert (trial.stopped_by, trial.stop_reason) == ("stop rule", reasons[0])
    assert states() == {1: "live", 2: "archived"}


def test_where_the_trial_takes_every_order_the_live_version_is_judged_by_the_week_before() -> None:
    world = make_world()
    live()
    version = on_trial(percent=100)
    for number in range(3):
        decided(world, 1, "routed", 4_000 + number, f"A{number}", days_ago=3)
    decided(world, 1, "routed", 9_000, "old", days_ago=9)

    trial = RoutingCanary.objects.get(policy=version)

    assert trial_figures(trial) == (Figures(), Figures(3, 0, 4_001.0, "INR"))


def test_a_trial_is_judged_by_the_cost_of_orders_in_one_currency() -> None:
    world = make_world()
    live()
    version = on_trial()
    for number, (policy, currency, cost_minor) in enumerate(
        [(1, "INR", 4_000), (1, "USD", 90), (2, "INR", 5_000), (2, "INR", 7_000), (2, "USD", 60), (2, "EUR", 50)]
    ):
        decided(world, policy, "routed", cost_minor, f"A{number}")
        Order.objects.filter(external_id=f"A{number}").update(currency=currency)
    RoutingDecision.objects.update(decided_at=timezone.now())

    tried, before = trial_figures(RoutingCanary.objects.get(policy=version))

    assert tried == Figures(4, 0, 6_000.0, "INR", 2)
    assert before == Figures(2, 0, 4_000.0, "INR", 1)


@pytest.mark.django_db(transaction=True)
def test_two_people_who_publish_at_once_get_two_numbers_and_one_live_version() -> None:
    drafts = [create_draft(name=f"D{n}", actor="Asha") for n in range(3)]

    at_once([
        partial(publish, policy_id=draft.pk, edit_version=1, note="So", actor="Asha") for draft in drafts * 2
    ])  # fmt: skip

    assert sorted(states(), key=str) == [1, 2, 3]
    assert RoutingPolicy.objects.get(state=PolicyState.LIVE).version == 3


@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_at_once_one_is_told_of_the_other() -> None:
    draft = create_draft(name="Peak", actor="Asha")

    def save(document: Document) -> str:
        try:
            save_draft(policy_id=draft.pk, document=document, edit_version=1, actor="Asha")
        except Conflict:
            return "conflict"
        return "saved"

    results = at_once([partial(save, SPLITS_COST_MORE), partial(save, Document((Rule("Other"),)))])

    assert sorted(results) == ["conflict", "saved"]
    assert RoutingPolicy.objects.get().edit_version == 2
