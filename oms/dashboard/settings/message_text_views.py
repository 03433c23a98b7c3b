"""Texts of SMS and WhatsApp: which there are, and one to edit with a preview."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from oms.accounts.access import principal_of, requires
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.posting import once_per_form
from oms.notifications.kinds import event_names, kind_of
from oms.notifications.models import Medium, MessageText, TextLanguage
from oms.notifications.sms import sms_length
from oms.notifications.texts import (
    MAX_BODY,
    SAMPLES,
    Text,
    as_registered,
    check_body,
    default_text,
    filled,
    save_text,
    texts_in_force,
)

_MEDIA = (Medium.SMS, Medium.WHATSAPP)


class TextForm(forms.Form):
    """A text."""

    body = forms.CharField(
        label=gettext_lazy("Text"), max_length=MAX_BODY, widget=forms.Textarea(attrs={"rows": 5})
    )  # fmt: skip
    provider_template = forms.CharField(
        label=gettext_lazy("Name of the approved template"), max_length=120, required=False,
        help_text=gettext_lazy("As Meta has approved it, in this language."),
    )  # fmt: skip
    urgent = forms.BooleanField(
        label=gettext_lazy("Goes out in quiet hours too"), required=False,
        help_text=gettext_lazy("For what cannot wait: a pickup code, a courier at the door."),
    )  # fmt: skip
    seen_version = forms.IntegerField(widget=forms.HiddenInput)

    def refuse(self, error: DomainError) -> None:
        """Put what the service refused beside its field."""
        self.add_error(error.field if error.field in self.fields else None, error.message)


@require_GET
@requires("settings.edit")
def texts(request: HttpRequest) -> HttpResponse:
    """Every event with its texts."""
    principal_of(request).require_everywhere()
    names = event_names()
    own = texts_in_force(names)
    rows = [
        (kind_of(event).title, medium.label, [
            (language, label, own.get((event, medium, language)) or default_text(event, medium, language))
            for language, label in TextLanguage.choices
        ], event, medium.value)
        for event in names for medium in _MEDIA
    ]  # fmt: skip
    return render(request, "dashboard/settings/messages/texts.html", {"rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@requires("settings.edit")
def text(request: HttpRequest, event: str, medium: str, language: str) -> HttpResponse:
    """One text: look at it with sample data, then save it as the next version."""
    principal = principal_of(request)
    principal.require_everywhere()
    if event not in event_names() or medium not in _MEDIA or language not in TextLanguage.values:
        raise NotFound("There is no such text.")
    held = texts_in_force([event]).get((event, medium, language)) or default_text(event, medium, language)
    held = held or Text(event=event, medium=medium, language=language, version=1, body="", provider_template="",
                        urgent=kind_of(event).urgent)  # fmt: skip
    initial = {"body": held.body, "provider_template": held.provider_template, "urgent": held.urgent,
               "seen_version": held.version}  # fmt: skip
    form = TextForm(request.POST or None, initial=initial)
    status = 200
    body = held.body
    if request.method == "POST":
        status = 422
        if form.is_valid():
            body = form.cleaned_data["body"]
            try:
                if not request.POST.get("show"):
                    return _save(request, form, held, principal.name)
                check_body(event, body)
                status = 200
            except DomainError as error:
                form.refuse(error)
                status = 409 if isinstance(error, Conflict) else 422
    context = {
        "form": form, "held": held, "title": kind_of(event).title, "medium": Medium(medium),
        "language": TextLanguage(language).label, "placeholders": kind_of(event).placeholders,
        "preview": _preview(event, medium, language, body) if status == 200 and body else None,
        "versions": MessageText.objects.filter(event=event, medium=medium, language=language).order_by("-version")[:20],
    }  # fmt: skip
    return render(request, "dashboard/settings/messages/text.html", context, status=status)


def _save(request: HttpRequest, form: TextForm, held: Text, actor: str) -> HttpResponse:
    data = form.cleaned_data
    answer = once_per_form(request, lambda: {"version": save_text(
        event=held.event, medium=held.medium, language=held.language, body=data["body"],
        provider_template=data["provider_template"].strip(), urgent=data["urgent"], actor=actor,
        seen_version=data["seen_version"],
    ).version})  # fmt: skip
    messages.success(request, _("Version %(version)s is saved. The next message is written by it.") % answer)
    return HttpResponseRedirect(reverse("dashboard:message_text", args=[held.event, held.medium, held.language]))


def _preview(event: str, medium: str, language: str, body: str) -> dict[str, Any]:
    """The text as a customer with sample data reads it, and what it costs in parts."""
    text = filled(body, SAMPLES[language])
    registered = as_registered(body) if medium == Medium.WHATSAPP else ""
    return {"text": text, "registered": registered, "length": sms_length(text) if medium == Medium.SMS else None}
