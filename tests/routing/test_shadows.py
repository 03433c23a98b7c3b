"""A draft in the shadow: it decides what was just decided, from the same picture, and nothing of it is done."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction

from oms.core.clock import now
from oms.core.db import fetch_all
from oms.core.errors import Conflict, DomainError
from orders.models import Order
from routing.engine import Weights
from routing.locks import lock_running_shadow
from routing.models import RoutingDecision, RoutingPolicy, RoutingShadow, ShadowDifference
from routing.policy.conditions import Group, Row
from routing.policy.document import STANDARD, Document
from routing.services import (
    create_draft,
    forget_policy,
    forget_promises,
    publish,
    route_orders,
    save_draft,
    write_promises,
)
from routing.services import shadowing as service
from routing.services.shadowing import decide_in_shadow, start_shadow, stop_shadow
from tests.factories import World, capture, make_line, make_order, make_world
from tests.threads import at_once, behind, elsewhere

pytestmark = pytest.mark.django_db

FAR = Document((replace(STANDARD.rules[0], weights=Weights(0, 0, 0, 0, 0, 0, 500, stock_minor=50_000)),))


@pytest.fixture
def world() -> World:
    forget_policy()
    made = make_world()
    live = create_draft(name="Standard", actor="Asha")
    publish(policy_id=live.pk, edit_version=1, note="First", actor="Asha")
    forget_policy()
    return made


def started(document: Document = FAR, name: str = "Far") -> RoutingShadow:
    draft = create_draft(name=name, actor="Asha", document=document)
    return start_shadow(policy_id=draft.pk, edit_version=1, actor="Asha")


def decided(world: World, *names: str) -> None:
    """Orders, and some seconds that passed since."""
    for name in names:
        route_orders([capture(world, make_order(name, make_line(world.kurta, 2)))], trigger="captured")
    RoutingDecision.objects.update(decided_at=now() - timedelta(seconds=10))


def test_a_draft_that_says_the_same_agrees_with_every_decision(world: World) -> None:
    shadow = started(STANDARD)
    decided(world, "A", "B", "C")

    assert decide_in_shadow() == 3

    shadow.refresh_from_db()
    assert (shadow.decided, shadow.agreed, shadow.agreed_share) == (3, 3, 1.0)
    assert shadow.freight_changes == [("INR", 3, 0)]
    assert not ShadowDifference.objects.exists()


def test_a_draft_that_says_otherwise_is_counted_with_examples_and_the_freight(world: World) -> None:
    shadow = started()
    decided(world, "A", "B")

    decide_in_shadow()

    shadow.refresh_from_db()
    assert (shadow.decided, shadow.agreed, shadow.draft_unroutable) == (2, 1, 0)
    ((currency, orders, change),) = shadow.freight_changes
    assert (currency, orders) == ("INR", 2)
    assert change > 0
    example = ShadowDifference.objects.get()
    assert (example.live["nodes"], example.draft["nodes"]) == ([["blr-01", 2]], [["del-01", 2]])
    assert example.draft["sentence"].startswith("del-01")


def test_freight_of_orders_in_several_currencies_is_never_added_up(world: World) -> None:
    shadow = started()
    decided(world, "A", "B", "C")
    Order.objects.filter(external_id="C").update(currency="USD")

    decide_in_shadow()

    shadow.refresh_from_db()
    (rupees, dollars) = shadow.freight_changes
    assert [(each.currency, each.orders) for each in (rupees, dollars)] == [("INR", 2), ("USD", 1)]
    orders, live, draft = shadow.freight["USD"]
    assert dollars.minor == draft - live


def test_a_date_that_an_order_got_after_it_was_routed_is_not_seen(world: World) -> None:
    dated = replace(FAR.rules[0], name="Dated", when=Group(members=(Row("promise", "known"),)))
    shadow = started(Document((dated, *STANDARD.rules)))
    decided(world, "A", "B")
    forget_promises()
    assert write_promises() == 2

    assert decide_in_shadow() == 2

    shadow.refresh_from_db()
    assert (shadow.decided, shadow.agreed) == (2, 2)


def test_every_decision_is_looked_at_once_and_nothing_is_written_but_the_counts(world: World) -> None:
    started()
    decided(world, "A")
    before = fetch_all("SELECT sku_id, node_id, on_hand, reserved FROM inventory_stocklevel ORDER BY 1, 2")

    assert (decide_in_shadow(), decide_in_shadow()) == (1, 0)

    assert fetch_all("SELECT sku_id, node_id, on_hand, reserved FROM inventory_stocklevel ORDER BY 1, 2") == before
    assert RoutingDecision.objects.count() == 1


def test_what_was_decided_before_the_run_or_a_moment_ago_is_left(world: World) -> None:
    decided(world, "A")
    started()
    route_orders([capture(world, make_order("B", make_line(world.kurta)))], trigger="captured")

    assert decide_in_shadow() == 0


def test_a_run_that_is_far_behind_goes_on_with_the_newest_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow = started()
    decided(world, "A", "B", "C")
    monkeypatch.setattr(service, "MOST_BEHIND", 2)
    monkeypatch.setattr(service, "MOST_ORDERS", 1)

    decide_in_shadow()

    shadow.refresh_from_db()
    assert (shadow.decided, shadow.skipped) == (1, 2)
    assert decide_in_shadow() == 0


def test_a_run_goes_on_with_the_rules_that_it_began_with(world: World) -> None:
    shadow = started(STANDARD)
    save_draft(policy_id=shadow.policy_id, document=FAR, edit_version=1, actor="Asha")
    decided(world, "A")

    decide_in_shadow()

    shadow.refresh_from_db()
    assert (shadow.decided, shadow.agreed) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_a_run_that_another_worker_is_at_holds_up_no_other_and_is_not_run_twice(world: World) -> None:
    taken, free = started(name="Taken"), started(STANDARD, "Free")
    decided(world, "A")

    with transaction.atomic():
        assert lock_running_shadow(taken.pk) == taken
        assert elsewhere(decide_in_shadow) == 1
    assert at_once([decide_in_shadow, decide_in_shadow]) in ([0, 1], [1, 0])

    assert list(RoutingShadow.objects.order_by("pk").values_list("pk", "decided")) == [(taken.pk, 1), (free.pk, 1)]


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_stopped_while_it_decides_keeps_its_figures_and_ends(world: World) -> None:
    shadow = started()
    decided(world, "A")

    behind(decide_in_shadow, partial(stop_shadow, policy_id=shadow.policy_id, actor="Ravi"))

    shadow.refresh_from_db()
    assert (shadow.decided, shadow.stopped_by, shadow.stop_reason) == (1, "Ravi", "Stopped by hand.")


def test_a_document_that_no_longer_reads_ends_its_run_and_holds_up_no_other(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = started(name="Broken"), started(STANDARD, "Sound")
    RoutingShadow.objects.filter(pk=broken.pk).update(document={"rules": "none"})
    decided(world, "A")

    assert decide_in_shadow() == 1

    broken.refresh_from_db()
    sound.refresh_from_db()
    assert (broken.decided, broken.after_decision, sound.decided) == (0, 0, 1)
    assert f"The shadow run {broken.pk} ends" in caplog.text
    assert broken.stopped_by == "the clock"
    assert broken.stop_reason.startswith("Its rules cannot be read any more: ")
    assert sound.stopped_at is None


def test_a_run_is_started_once_and_stopped_once(world: World) -> None:
    shadow = started()
    again = start_shadow(policy_id=shadow.policy_id, edit_version=1, actor="Ravi")
    stop_shadow(policy_id=shadow.policy_id, actor="Ravi")
    stop_shadow(policy_id=shadow.policy_id, actor="Asha")
    decided(world, "A")

    assert again.pk == shadow.pk
    assert decide_in_shadow() == 0
    shadow.refresh_from_db()
    assert (shadow.decided, shadow.stopped_by, shadow.stop_reason) == (0, "Ravi", "Stopped by hand.")


def test_three_drafts_run_at_once_and_no_more(world: World) -> None:
    for number in range(3):
        started(name=f"Draft {number}")

    with pytest.raises(DomainError, match="3 drafts run"):
        started(name="One too many")


def test_what_is_published_or_was_saved_meanwhile_does_not_start(world: World) -> None:
    live = RoutingPolicy.objects.get(version=1)
    draft = create_draft(name="Far", actor="Asha", document=FAR)

    with pytest.raises(Conflict, match="only drafts"):
        start_shadow(policy_id=live.pk, edit_version=1, actor="Asha")
    with pytest.raises(Conflict, match="saved the draft"):
        start_shadow(policy_id=draft.pk, edit_version=7, actor="Asha")


def test_a_draft_that_is_published_leaves_the_shadow(world: World) -> None:
    shadow = started()
    publish(policy_id=shadow.policy_id, edit_version=1, note="Go", actor="Asha")
    forget_policy()

    decide_in_shadow()

    shadow.refresh_from_db()
    assert (shadow.stopped_by, shadow.stop_reason) == ("the clock", "It was published as Far v2.")
