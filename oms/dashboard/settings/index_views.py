"""The settings page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from oms.accounts.access import principal_of, requires
from oms.dashboard.settings.cards import demo_state, settings_cards


@require_GET
@requires("imports.run")
def index(request: HttpRequest) -> HttpResponse:
    """What can be set up, how far it is, and whether the demo world is here."""
    context = {"cards": settings_cards(principal_of(request)), "demo_world": demo_state()}
    return render(request, "dashboard/settings/index.html", context)
