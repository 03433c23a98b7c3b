"""Every address declares what it needs; nothing is open by accident."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from oms.accounts.access import ALL_VERBS, VERBS, Principal, principal_of_user
from oms.accounts.models import Role, User

#: Rooms that bring a gate of their own: Django admin (staff only), allauth (sign-in itself), the API (its own auth).
OWN_GATE = ("admin/", "accounts/", "api/")


def every_view() -> Iterator[tuple[str, object]]:
    """Every address pattern of the project with its view."""

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, object]]:
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, path)
            else:
                yield path, pattern.callback

    yield from walk(get_resolver().url_patterns, "")


def test_every_view_declares_its_verb() -> None:
    silent = [
        path for path, view in every_view()
        if not path.startswith(OWN_GATE) and not getattr(view, "required_verb", "")
    ]  # fmt: skip
    assert silent == []


def test_every_declared_verb_exists() -> None:
    declared = {getattr(view, "required_verb", "public") for _, view in every_view()} - {"public"}
    assert declared <= ALL_VERBS


def test_every_role_has_verbs_that_exist() -> None:
    assert set(VERBS) == set(Role.values)
    for role, verbs in VERBS.items():
        assert verbs - {"*"} <= ALL_VERBS, role


@pytest.mark.parametrize("role", Role.values)
def test_only_admins_may_do_everything(role: str) -> None:
    principal = principal_of_user(User(email="a@example.com", role=role))
    assert principal.may("users.edit") == (role == Role.ADMIN)


def test_an_empty_scope_sees_no_node() -> None:
    principal = Principal("x", frozenset(), False, frozenset(), False, frozenset())
    assert not principal.sees_node("blr-01")
    assert not principal.sees_channel("web")
