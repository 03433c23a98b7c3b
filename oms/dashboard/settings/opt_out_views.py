"""Who wants no messages: the list, one by number or address, one more, one less."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from oms.accounts.access import principal_of, requires
from oms.core.posting import once_per_form
from oms.dashboard.settings.message_rows import PAGE_ROWS, by_recipient
from oms.notifications.models import Medium, OptOut, OptOutSource
from oms.notifications.planning import international
from oms.notifications.receipts import opt_in, opt_out
from oms.reporting.masking import shown_recipient


class OptOutForm(forms.Form):
    """Somebody who wants no messages by a medium."""

    medium = forms.ChoiceField(label=gettext_lazy("Medium"), choices=Medium.choices)
    recipient = forms.CharField(label=gettext_lazy("Number or address"), max_length=254)

    def clean(self) -> dict[str, Any]:
        """The number as providers know it."""
        data = super().clean() or {}
        if data.get("medium") and data.get("recipient"):
            given = data["recipient"].strip()
            is_mail = data["medium"] == Medium.EMAIL
            known = given.lower() if is_mail else international(given, settings.DEFAULT_COUNTRY)
            if not known or is_mail != ("@" in known):
                self.add_error("recipient", _("This is no number or address for this medium."))
            data["recipient"] = known
        return data


@require_http_methods(["GET", "HEAD", "POST"])
@requires("orders.note")
def opt_outs(request: HttpRequest) -> HttpResponse:
    """Who wants no messages; one more is put down."""
    principal = principal_of(request)
    principal.require_everywhere()
    form = OptOutForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        once_per_form(request, lambda: {"count": opt_out(
            medium=data["medium"], recipients=[data["recipient"]], source=OptOutSource.PERSON, actor=principal.name
        )})  # fmt: skip
        messages.success(request, _("They get no more messages by this medium."))
        return HttpResponseRedirect(reverse("dashboard:message_opt_outs"))
    may_see = principal.may("pii.view")
    asked = request.GET.get("q", "").strip()[:254] if may_see else ""
    before = request.GET.get("before", "")
    page = list(_asked(asked, before)[: PAGE_ROWS + 1])
    query: dict[str, str | int] = {"q": asked} if asked else {}
    context = {
        "form": form, "may_see": may_see, "asked": asked,
        "rows": [(row, shown_recipient(row.recipient, masked=not may_see)) for row in page[:PAGE_ROWS]],
        "next_url": "?" + urlencode({**query, "before": page[PAGE_ROWS - 1].pk}) if len(page) > PAGE_ROWS else "",
        "first_url": "?" + urlencode(query) if before else "",
    }  # fmt: skip
    status = 422 if request.method == "POST" else 200
    return render(request, "dashboard/settings/messages/opt_outs.html", context, status=status)


def _asked(asked: str, before: str) -> QuerySet[OptOut]:
    """Those with this number or address, the newest first; all of them where none is asked for."""
    rows = OptOut.objects.filter(by_recipient(asked) if asked else Q()).order_by("-pk")
    return rows.filter(pk__lt=int(before)) if before.isascii() and before.isdecimal() and len(before) < 19 else rows


@require_POST
@requires("orders.note")
def opt_out_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """They want messages again."""
    principal_of(request).require_everywhere()
    row = get_object_or_404(OptOut, pk=pk)
    once_per_form(request, lambda: {"count": opt_in(medium=row.medium, recipient=row.recipient)})
    messages.success(request, _("They are written to again."))
    return HttpResponseRedirect(reverse("dashboard:message_opt_outs"))
