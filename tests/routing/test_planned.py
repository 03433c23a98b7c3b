"""A draft goes live by the clock at the time that was set, once, unless it was called off or cannot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from oms.core.errors import Conflict, DomainError
from routing.engine import Weights
from routing.models import PlannedPublication, PolicyState, RoutingPolicy
from routing.policy.document import STANDARD, Document, Rule
from routing.policy.first import FIRST_POLICIES, FirstPolicy
from routing.policy.lint import lint
from routing.services import (
    call_off_publication,
    create_draft,
    document_of,
    plan_publication,
    publish,
    publish_planned,
    save_draft,
)

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
AT = NOON + timedelta(hours=12)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def planned(name: str = "Diwali", at: datetime = AT) -> RoutingPolicy:
    draft = create_draft(name=name, actor="Asha")
    plan_publication(policy_id=draft.pk, edit_version=1, publish_at=at, note="The season begins", actor="Asha")
    return draft


def state(draft: RoutingPolicy) -> str:
    draft.refresh_from_db()
    return draft.state


def test_it_goes_live_when_its_time_has_come_and_not_twice(clock: time_machine.Traveller) -> None:
    draft = planned()
    assert publish_planned() == "0 published"

    clock.move_to(AT)
    assert publish_planned() == "1 published"
    assert publish_planned() == "0 published"

    assert state(draft) == PolicyState.LIVE
    assert (draft.version, draft.published_by, draft.note) == (1, "Asha", "The season begins")
    assert not PlannedPublication.objects.exists()


def test_two_go_live_in_the_sequence_of_their_times(clock: time_machine.Traveller) -> None:
    later, earlier = planned("Later", AT + timedelta(minutes=5)), planned("Earlier")
    clock.move_to(AT + timedelta(hours=1))

    assert publish_planned() == "2 published"

    assert (state(earlier), state(later)) == (PolicyState.ARCHIVED, PolicyState.LIVE)
    assert (earlier.version, later.version) == (1, 2)


def test_what_was_called_off_stays_a_draft(clock: time_machine.Traveller) -> None:
    draft = planned()
    assert call_off_publication(policy_id=draft.pk)
    assert not call_off_publication(policy_id=draft.pk)
    clock.move_to(AT)

    assert publish_planned() == "0 published"
    assert state(draft) == PolicyState.DRAFT


def test_a_draft_saved_since_is_not_published_and_says_why_until_it_is_planned_anew(
    clock: time_machine.Traveller,
) -> None:  # fmt: skip
    draft, other = planned(), planned("Other", AT + timedelta(minutes=1))
    changed = Document((Rule("Every order", weights=Weights(split_minor=1)),))
    save_draft(policy_id=draft.pk, document=changed, edit_version=1, actor="Ravi")
    clock.move_to(AT + timedelta(hours=1))

    assert publish_planned() == "1 published"
    assert publish_planned() == "0 published"

    assert (state(draft), state(other)) == (PolicyState.DRAFT, PolicyState.LIVE)
    assert PlannedPublication.objects.get().problem == "Ravi saved this draft after you opened it."

    plan_publication(
        policy_id=draft.pk, edit_version=2, publish_at=AT + timedelta(hours=2), note="Now", actor="Asha"
    )  # fmt: skip
    clock.move_to(AT + timedelta(hours=3))
    assert publish_planned() == "1 published"
    assert document_of(RoutingPolicy.objects.get(state=PolicyState.LIVE)) == changed


def test_publishing_by_hand_ends_the_plan() -> None:
    draft = planned()

    publish(policy_id=draft.pk, edit_version=1, note="At once", actor="Ravi")

    assert not PlannedPublication.objects.exists()


def test_a_plan_needs_a_time_to_come_a_note_and_the_draft_as_it_is() -> None:
    draft = create_draft(name="Diwali", actor="Asha")
    with pytest.raises(DomainError, match="This time is over"):
        plan_publication(policy_id=draft.pk, edit_version=1, publish_at=NOON, note="Why", actor="Asha")
    with pytest.raises(DomainError, match="Say why"):
        plan_publication(policy_id=draft.pk, edit_version=1, publish_at=AT, note=" ", actor="Asha")
    with pytest.raises(Conflict):
        plan_publication(policy_id=draft.pk, edit_version=2, publish_at=AT, note="Why", actor="Asha")
    assert not PlannedPublication.objects.exists()


@pytest.mark.parametrize("first", FIRST_POLICIES, ids=lambda first: first.key)
def test_first_policies_are_whole(first: FirstPolicy) -> None:
    assert lint(first.document) == []
    assert first.document != STANDARD
