"""Starting and stopping the run of a draft beside the live rules."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError
from oms.core.posting import once_per_form
from oms.dashboard.routing.draft_views import draft_for, editor_url
from routing.services.shadowing import start_shadow, stop_shadow


@require_POST
@requires("routing.edit")
def draft_shadow(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Let a draft decide beside the live rules, or end it: `do` is "start" (with `edit_version`) or "stop"."""
    principal = principal_of(request)
    principal.require_everywhere()
    draft_for(pk)
    what, seen = request.POST.get("do", ""), request.POST.get("edit_version", "")

    def work() -> dict[str, Any]:
        if what == "start":
            start_shadow(policy_id=pk, edit_version=int(seen) if seen.isdecimal() else 0, actor=principal.name)
        elif what == "stop":
            stop_shadow(policy_id=pk, actor=principal.name)
        else:
            raise DomainError(_("Say what to do with the run in the shadow."))
        return {"done": what}

    once_per_form(request, work)
    if what == "start":
        messages.success(request, _("The draft decides in the shadow from now on. Nothing that it decides is done."))
    else:
        messages.success(request, _("The draft does not decide in the shadow any more."))
    return HttpResponseRedirect(editor_url(pk))
