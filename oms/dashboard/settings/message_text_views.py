"""Texts of SMS and WhatsApp: which there are, and one to edit with a preview."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from oms.accounts.access import principal_of, requires
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.posting import once_per_form
from oms.notifications.kinds import event_names, kind_of
from oms.notifications.models import Medium, MessageAccount, MessageText, TextLanguage
from oms.notifications.planning import international, medium_of
from oms.notifications.sms import sms_length
from oms.notifications.texts import (
    MAX_BODY,
    Text,
    as_registered,
    check_body,
    default_text,
    filled,
    restore_text,
    save_text,
    texts_in_force,
)
from oms.notifications.trying import sample_values, send_test

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


class TestForm(forms.Form):
    """A number of one's own, and the account by which the test goes."""

    recipient = forms.CharField(
        label=gettext_lazy("Your own number"), max_length=32, widget=forms.TextInput({"inputmode": "tel"})
    )  # fmt: skip

    def __init__(self, data: QueryDict | None = None, *, medium: str) -> None:
        super().__init__(data, prefix="test")
        rows = MessageAccount.objects.filter(is_active=True).order_by("priority", "code")
        self.accounts = {row.pk: row for row in rows if medium_of(row) == medium}
        self.fields["account"] = forms.TypedChoiceField(
            label=gettext_lazy("By which account"), coerce=int,
            choices=[(pk, row.name) for pk, row in self.accounts.items()],
        )  # fmt: skip

    @property
    def has_accounts(self) -> bool:
        """Somebody sends this medium."""
        return bool(self.accounts)

    def clean_recipient(self) -> str:
        """The number as providers know it."""
        known = international(self.cleaned_data["recipient"], settings.DEFAULT_COUNTRY)
        if not known:
            raise forms.ValidationError(_("This is no phone number."))
        return known


def _held(request: HttpRequest, event: str, medium: str, language: str) -> Text:
    """The text in force, for people who look after all of them; an empty one where nobody wrote any."""
    principal_of(request).require_everywhere()
    if event not in event_names() or medium not in _MEDIA or language not in TextLanguage.values:
        raise NotFound("There is no such text.")
    held = texts_in_force([event]).get((event, medium, language)) or default_text(event, medium, language)
    return held or Text(event=event, medium=medium, language=language, version=1, body="", provider_template="",
                        urgent=kind_of(event).urgent)  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@requires("settings.edit")
def text(request: HttpRequest, event: str, medium: str, language: str) -> HttpResponse:
    """One text: look at it with sample data, then save it as the next version."""
    held = _held(request, event, medium, language)
    form = _form_of(held, request.POST or None)
    if request.method != "POST":
        return _show(request, held, form, looked_at=held.body)
    if not form.is_valid():
        return _show(request, held, form, 422)
    try:
        if not request.POST.get("show"):
            return _save(request, form, held, principal_of(request).name)
        check_body(event, form.cleaned_data["body"])
    except DomainError as error:
        form.refuse(error)
        return _show(request, held, form, 409 if isinstance(error, Conflict) else 422)
    return _show(request, held, form, looked_at=form.cleaned_data["body"])


def _form_of(held: Text, data: QueryDict | None = None) -> TextForm:
    return TextForm(data, initial={"body": held.body, "provider_template": held.provider_template,
                                   "urgent": held.urgent, "seen_version": held.version})  # fmt: skip


def _show(
    request: HttpRequest, held: Text, form: TextForm, status: int = 200, *, looked_at: str = "",
    test_form: TestForm | None = None,
) -> HttpResponse:  # fmt: skip
    event, medium, language = held.event, held.medium, held.language
    own = MessageText.objects.filter(event=event, medium=medium, language=language).order_by("-version")[:20]
    first = default_text(event, medium, language)
    context = {
        "form": form, "held": held, "title": kind_of(event).title, "medium": Medium(medium),
        "language": TextLanguage(language).label, "placeholders": kind_of(event).placeholders,
        "preview": _preview(event, medium, language, looked_at) if looked_at else None,
        "versions": [*own, *([first] if first else [])], "test_form": test_form or TestForm(medium=medium),
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


@require_POST
@requires("settings.edit")
def restore(request: HttpRequest, event: str, medium: str, language: str) -> HttpResponse:
    """An earlier version becomes the next one."""
    held = _held(request, event, medium, language)
    version, seen = (_number(request.POST.get(name, "")) for name in ("version", "seen_version"))
    try:
        answer = once_per_form(request, lambda: {"version": restore_text(
            held=held, version=version, actor=principal_of(request).name, seen_version=seen).version})  # fmt: skip
    except DomainError as error:
        form = _form_of(held)
        form.cleaned_data = {}
        form.refuse(error)
        return _show(request, held, form, error.http_status, looked_at=held.body)
    messages.success(request, _("Version %(version)s says what version %(old)s said.") % (answer | {"old": version}))
    return HttpResponseRedirect(reverse("dashboard:message_text", args=[event, medium, language]))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0


@require_POST
@requires("settings.edit")
def test(request: HttpRequest, event: str, medium: str, language: str) -> HttpResponse:
    """The text as it is saved goes to a number of whoever presses, marked as a test; the log says what became of it."""
    held, principal = _held(request, event, medium, language), principal_of(request)
    form = TestForm(request.POST, medium=medium)
    if not form.is_valid():
        return _show(request, held, _form_of(held), 422, looked_at=held.body, test_form=form)
    account, recipient = form.accounts[form.cleaned_data["account"]], form.cleaned_data["recipient"]
    try:
        sent = once_per_form(request, lambda: {"message": send_test(
            text=held, account=account, recipient=recipient, actor=principal.name, key=principal.key).pk})  # fmt: skip
    except DomainError as error:
        form.add_error(None, error.message)
        return _show(request, held, _form_of(held), error.http_status, looked_at=held.body, test_form=form)
    messages.success(request, _("The test is on its way. Here is what becomes of it."))
    return HttpResponseRedirect(reverse("dashboard:customer_message", args=[sent["message"]]))


def _preview(event: str, medium: str, language: str, body: str) -> dict[str, Any]:
    """The text as a customer with sample data reads it, and what it costs in parts."""
    text = filled(body, sample_values(language))
    registered = as_registered(body) if medium == Medium.WHATSAPP else ""
    return {"text": text, "registered": registered, "length": sms_length(text) if medium == Medium.SMS else None}
