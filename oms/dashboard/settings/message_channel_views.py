"""How each sales channel writes to its customers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from oms.accounts.access import principal_of, requires
from oms.core.posting import once_per_form
from oms.notifications.kinds import event_names, kind_of
from oms.notifications.models import ChannelMessaging, Medium, TextLanguage
from oms.notifications.planning import accounts_of
from oms.notifications.setting import ChannelWish, choices_of, save_channel
from orders.models import SalesChannel

_TIME = {"type": "time"}


class ChannelForm(forms.Form):
    """How one channel writes; beside its fields a box for every event and medium."""

    language = forms.ChoiceField(
        label=gettext_lazy("Language"), choices=TextLanguage.choices,
        help_text=gettext_lazy("Where the order does not tell its customer's."),
    )  # fmt: skip
    falls_back = forms.BooleanField(
        label=gettext_lazy("One medium is enough"), required=False,
        help_text=gettext_lazy("WhatsApp first; SMS where that fails or there is none; then e-mail."),
    )  # fmt: skip
    quiet_from = forms.TimeField(label=gettext_lazy("Quiet from"), widget=forms.TimeInput(_TIME, format="%H:%M"))
    quiet_until = forms.TimeField(label=gettext_lazy("Quiet until"), widget=forms.TimeInput(_TIME, format="%H:%M"))

    def __init__(self, *args: Any, on: dict[tuple[str, str], bool], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pairs = list(on)
        for event, medium in on:
            self.fields[f"{event}.{medium}"] = forms.BooleanField(
                label=f"{kind_of(event).title}, {Medium(medium).label}", required=False, initial=on[event, medium]
            )

    @property
    def matrix(self) -> list[tuple[str, list[forms.BoundField]]]:
        """A row of boxes for every event."""
        return [(kind_of(event).title, [self[f"{event}.{medium}"] for medium in Medium.values])
                for event in event_names()]  # fmt: skip

    def wish(self) -> ChannelWish:
        """What the valid form asks for."""
        data = self.cleaned_data
        return ChannelWish(
            language=data["language"], quiet_from=data["quiet_from"], quiet_until=data["quiet_until"],
            falls_back=data["falls_back"],
            on={(event, medium): data[f"{event}.{medium}"] for event, medium in self.pairs},
        )  # fmt: skip


@require_GET
@requires("settings.edit")
def channels(request: HttpRequest) -> HttpResponse:
    """Every channel and by what it writes."""
    principal_of(request).require_everywhere()
    found = list(SalesChannel.objects.filter(is_active=True).select_related("messaging").order_by("name"))
    accounts = accounts_of([channel.pk for channel in found])
    rows = [
        (channel, getattr(channel, "messaging", None) or ChannelMessaging(channel=channel),
         [Medium(medium).label for medium in (Medium.SMS, Medium.WHATSAPP)
          if (channel.pk, medium) in accounts or (None, medium) in accounts])
        for channel in found
    ]  # fmt: skip
    return render(request, "dashboard/settings/messages/channels.html", {"rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@requires("settings.edit")
def channel(request: HttpRequest, code: str) -> HttpResponse:
    """One channel: its language, quiet hours and what goes by which medium."""
    principal = principal_of(request)
    principal.require_everywhere()
    found = get_object_or_404(SalesChannel.objects.select_related("messaging"), code=code)
    held = getattr(found, "messaging", None) or ChannelMessaging(channel=found)
    initial = {name: getattr(held, name) for name in ("language", "falls_back", "quiet_from", "quiet_until")}
    form = ChannelForm(request.POST or None, initial=initial, on=choices_of(found.pk))
    if request.method == "POST" and form.is_valid():

        def work() -> dict[str, Any]:
            save_channel(found.pk, form.wish(), actor=principal.name)
            return {}

        once_per_form(request, work)
        messages.success(request, _("%(name)s writes to its customers like this from now on.") % {"name": found.name})
        return HttpResponseRedirect(reverse("dashboard:message_channels"))
    accounts = accounts_of([found.pk])
    missing = [medium.label for medium in (Medium.SMS, Medium.WHATSAPP)
               if (found.pk, medium) not in accounts and (None, medium) not in accounts]  # fmt: skip
    context = {"form": form, "channel": found, "held": held, "media": Medium.labels, "missing": missing}
    status = 422 if request.method == "POST" else 200
    return render(request, "dashboard/settings/messages/channel.html", context, status=status)
