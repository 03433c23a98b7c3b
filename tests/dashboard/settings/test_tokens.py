"""API tokens: made within the maker's own rights, shown once, revoked."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from oms.accounts.models import ApiToken, Role, User
from oms.accounts.services import create_token, token_of_text
from oms.core.clock import now
from tests.dashboard.settings.conftest import SignIn
from tests.factories import make_world

pytestmark = pytest.mark.django_db

FORM = {"name": "The ERP", "verbs": ["orders.ingest", "orders.view"], "days": "90", "idempotency_key": "k-1"}


def secret_of(page: str) -> str:
    """The secret that a page shows."""
    found = re.search(r'id="secret">(oms_[^<]+)<', page)
    return found[1] if found else ""


def test_a_token_is_made_and_its_secret_shown_once(sign_in: SignIn) -> None:
    browser = sign_in()
    made = browser.post("/settings/tokens/new/", FORM)
    secret = secret_of(made.content.decode())
    token = token_of_text(secret)
    assert token is not None
    assert (token.name, token.verbs, token.all_nodes, token.all_channels) == (
        "The ERP", ["orders.ingest", "orders.view"], True, True,
    )  # fmt: skip
    assert token.expires_at is not None
    assert timedelta(days=89) < token.expires_at - now() <= timedelta(days=90)
    assert "no-store" in made["Cache-Control"]
    assert secret not in browser.get("/settings/tokens/").content.decode()
    again = browser.post("/settings/tokens/new/", FORM)
    assert "This form was sent before" in again.content.decode()
    assert secret_of(again.content.decode()) == ""
    assert ApiToken.objects.count() == 1


def test_a_scope_is_kept(sign_in: SignIn) -> None:
    make_world()
    form = FORM | {"node_codes": ["blr-01"], "channel_codes": ["web"], "days": ""}
    sign_in().post("/settings/tokens/new/", form)
    token = ApiToken.objects.get()
    assert (token.all_nodes, token.node_codes, token.all_channels, token.channel_codes) == (
        False, ["blr-01"], False, ["web"],
    )  # fmt: skip
    assert token.expires_at is None


def test_nobody_gives_a_machine_more_than_they_may_themselves(sign_in: SignIn) -> None:
    make_world()
    browser = sign_in(Role.INTEGRATOR, all_nodes=False, node_codes=["blr-01"])
    cases: list[dict[str, list[str]]] = [
        {"verbs": ["orders.cancel"]}, {"verbs": ["tokens.edit"]}, {"node_codes": ["del-01"]}, {"verbs": []},
        {"name": [" "]}, {"name": ["x" * 121]}, {"days": ["7"]},
    ]  # fmt: skip
    for wrong in cases:
        answer = browser.post("/settings/tokens/new/", FORM | wrong)
        assert answer.status_code == 422, wrong
        assert "There is a problem" in answer.content.decode()
    assert not ApiToken.objects.exists()
    browser.post("/settings/tokens/new/", FORM)
    token = ApiToken.objects.get()
    assert (token.all_nodes, token.node_codes, token.all_channels) == (False, ["blr-01"], True)


def test_a_revoked_token_is_refused_at_once(sign_in: SignIn) -> None:
    browser = sign_in()
    token, secret = create_token(name="old", verbs=["orders.view"])
    assert "Revoke old?" in browser.get("/settings/tokens/").content.decode()
    assert browser.post(f"/settings/tokens/{token.pk}/revoke/").status_code == 302
    assert token_of_text(secret) is None
    page = browser.get("/settings/tokens/").content.decode()
    assert "Revoked" in page
    browser.post(f"/settings/tokens/{token.pk}/revoke/")
    assert "had been revoked already" in browser.get("/settings/tokens/").content.decode()


def test_an_expired_token_is_told_apart(sign_in: SignIn) -> None:
    create_token(name="gone", verbs=["orders.view"], expires_at=now() - timedelta(days=1))
    page = sign_in().get("/settings/tokens/").content.decode()
    assert "Expired" in page
    assert "No live token" in page


def test_integrators_see_and_revoke_their_own_tokens_only(sign_in: SignIn) -> None:
    other = User.objects.create(email="other@example.com", role=Role.INTEGRATOR)
    token, _secret = create_token(name="not yours", verbs=["orders.view"], created_by_id=other.pk)
    browser = sign_in(Role.INTEGRATOR)
    assert "not yours" not in browser.get("/settings/tokens/").content.decode()
    assert browser.post(f"/settings/tokens/{token.pk}/revoke/").status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None


@pytest.mark.parametrize("role", [Role.OPS_MANAGER, Role.OPS_AGENT, Role.READ_ONLY, Role.PACKER])
def test_who_may_not_make_tokens(sign_in: SignIn, role: str) -> None:
    browser = sign_in(role)
    assert browser.get("/settings/tokens/").status_code == 403
    assert browser.post("/settings/tokens/new/", FORM).status_code == 403
    assert browser.post("/settings/tokens/1/revoke/").status_code == 403
    assert not ApiToken.objects.exists()


def test_the_list_asks_the_same_number_of_questions_for_more_tokens(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    browser = sign_in()
    person = User.objects.get()
    for n in range(8):
        create_token(name=f"t{n}", verbs=["orders.view"], created_by_id=person.pk)
    with django_assert_num_queries(3):
        browser.get("/settings/tokens/")


def test_the_settings_page_says_what_is_there(sign_in: SignIn) -> None:
    make_world()
    page = " ".join(sign_in().get("/settings/").content.decode().split())
    assert "3 active nodes" in page
    assert "1 active channel" in page
    assert "python manage.py load_demo" in page
    integrator = sign_in(Role.INTEGRATOR).get("/settings/").content.decode()
    assert "Needs the right to see carriers." in integrator
