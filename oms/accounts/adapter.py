"""Sign-in rules that differ from allauth's own."""

from __future__ import annotations

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
