"""Planning a publication on its page, calling it off, and first policies where there is none."""

from __future__ import annotations

from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client

from oms.accounts.models import User
from oms.core.ids import uuid7
from routing.models import PlannedPublication, RoutingPolicy
from routing.policy.first import FIRST_POLICIES
from routing.services import create_draft, document_of

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)


@pytest.fixture
def client() -> Client:
    user = User.objects.create(email="asha@example.com", role="ops_manager", all_nodes=True, all_channels=True)
    signed_in = Client()
    signed_in.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return signed_in


def text(response: Any) -> str:
    return " ".join(unescape(response.content.decode()).split())


def test_a_draft_is_planned_shown_and_called_off(client: Client) -> None:
    draft = create_draft(name="Diwali", actor="Asha")
    page, plan = f"/routing/drafts/{draft.pk}/publish/", f"/routing/drafts/{draft.pk}/plan/"
    sent = {"do": "plan", "edit_version": 1, "note": "The season begins", "publish_at": "2026-11-23T06:00"}

    with time_machine.travel(NOON, tick=False):
        refused = client.post(plan, sent | {"publish_at": "2026-11-22T11:00"}, follow=True)
        assert "This time is over" in text(refused)
        answer = client.post(plan, sent | {"idempotency_key": str(uuid7())}, follow=True)

        assert "It goes live 23 Nov, 06:00." in text(answer)
        assert PlannedPublication.objects.get().publish_at == datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
        assert "Planned" in text(client.get("/routing/versions/"))
        assert "The season begins" in text(client.get(page))

        client.post(plan, {"do": "off", "idempotency_key": str(uuid7())})
        assert not PlannedPublication.objects.exists()
        assert "Call it off" not in text(client.get(page))


def test_where_nothing_was_published_a_first_policy_begins_a_draft(client: Client) -> None:
    shown = text(client.get("/routing/versions/"))
    assert all(first.name in shown for first in FIRST_POLICIES)

    client.post("/routing/drafts/new/", {"first": "cheapest", "idempotency_key": str(uuid7())})

    draft = RoutingPolicy.objects.get()
    assert draft.name == "Cheapest plan"
    assert document_of(draft) == next(first.document for first in FIRST_POLICIES if first.key == "cheapest")
