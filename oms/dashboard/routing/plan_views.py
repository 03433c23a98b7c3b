"""Publishing a draft at a set time, and calling that off."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError
from oms.core.posting import once_per_form
from oms.core.templatetags.oms_format import when_text
from oms.dashboard.routing.draft_views import draft_for
from routing.services import call_off_publication, plan_publication


class PlanForm(forms.Form):
    """When a draft goes live, and why."""

    edit_version = forms.IntegerField(widget=forms.HiddenInput(attrs={"id": "plan_edit_version"}))
    publish_at = forms.DateTimeField(
        label=gettext_lazy("Goes live"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("For all orders; by the clock of this installation."),
    )  # fmt: skip
    note = forms.CharField(
        label=gettext_lazy("Why"), max_length=300, help_text=gettext_lazy("It stands in the history of versions.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **({"auto_id": "plan_%s"} | kwargs))


@require_POST
@requires("routing.publish")
def draft_plan(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Plan the publication of a draft or call it off: `do` is "plan" or "off"."""
    principal = principal_of(request)
    principal.require_everywhere()
    back = HttpResponseRedirect(reverse("dashboard:routing_publish", args=[draft_for(pk).pk]) + "#planned")
    if request.POST.get("do") == "off":
        answer = once_per_form(request, lambda: {"done": call_off_publication(policy_id=pk)})
        said = _("It stays a draft.") if answer["done"] else _("Nothing was planned any more.")
        messages.success(request, said)
        return back
    form = PlanForm(request.POST)
    if not form.is_valid():
        for name, texts in form.errors.items():
            messages.error(request, f"{form[name].label}: {' '.join(str(text) for text in texts)}")
        return back
    data = form.cleaned_data

    def work() -> dict[str, Any]:
        planned = plan_publication(
            policy_id=pk, edit_version=data["edit_version"], publish_at=data["publish_at"], note=data["note"],
            actor=principal.name,
        )  # fmt: skip
        return {"at": when_text(planned.publish_at)}

    try:
        answer = once_per_form(request, work)
    except DomainError as error:
        messages.error(request, error.message)
        return back
    messages.success(request, _("It goes live %(at)s.") % answer)
    return back
