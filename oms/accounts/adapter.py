"""Sign-in rules that differ from allauth's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from oms.accounts.access import principal_of_user
from oms.accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """People are invited, they do not sign themselves up; each lands where their work is."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up by themselves."""
        return False

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Store people go to their tasks, everybody else to the control tower."""
        user = request.user
        if isinstance(user, User):
            principal = principal_of_user(user)
            if principal.may("store.use") and not principal.may("tower.view"):
                return "/s/"
        return "/"


def attempted_address(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str | None:
    """The e-mail address somebody tries to sign in with, by which failures are counted (`AXES_USERNAME_CALLABLE`).

    Without it every failure would count for whoever shares the IP address, a whole store for instance. In lower case,
    because signing in does not tell upper from lower case either.
    """
    given = credentials or {}
    address = given.get("email") or given.get("username") or request.POST.get("login") or request.POST.get("username")
    return str(address).strip().lower() if address else None
