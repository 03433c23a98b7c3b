"""The WMS of nodes: which are linked, how, and a test."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carriers.models import CarrierAccount
from fulfillment.models import (
    HandOff,
    LinkAccepts,
    LinkFormat,
    LinkLabels,
    LinkMode,
    LinkSilence,
    WmsLink,
)
from inventory.models import Node
from oms.accounts.access import in_node_scope, principal_of, requires
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.posting import once_per_form
from oms.dashboard.fulfil.hand_off_views import INSTRUCTION_TONES
from oms.flow.hand_off_jobs import start_changeover, work_to_change
from oms.integrations.services.instructions import send_test
from oms.integrations.services.wms_links import LONGEST_ANSWER_MINUTES, LinkWish, change_secret, save_link

_LAST = 10


class LinkForm(forms.Form):
    """How the WMS of a node is reached and what is expected of it."""

    mode = forms.ChoiceField(label=gettext_lazy("How it is told"), choices=LinkMode.choices)
    url = forms.CharField(
        label=gettext_lazy("Address"), required=False, max_length=500,
        help_text=gettext_lazy("For the webhook: begins with https://. Instructions are posted to it, signed."),
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    file_format = forms.ChoiceField(label=gettext_lazy("Files are written as"), choices=LinkFormat.choices)
    accepts = forms.ChoiceField(label=gettext_lazy("Who accepts"), choices=LinkAccepts.choices)
    answer_minutes = forms.IntegerField(
        label=gettext_lazy("Minutes to answer"), min_value=1, max_value=LONGEST_ANSWER_MINUTES,
        help_text=gettext_lazy("For instructions, and for the question whether to cancel."),
    )  # fmt: skip
    on_silence = forms.ChoiceField(label=gettext_lazy("Without an answer in time"), choices=LinkSilence.choices)
    labels = forms.ChoiceField(label=gettext_lazy("Labels"), choices=LinkLabels.choices)
    carrier_account = forms.ModelChoiceField(
        label=gettext_lazy("Account of its AWBs"), queryset=CarrierAccount.objects.none(), required=False,
        help_text=gettext_lazy("Where the WMS books: a courier without an API, under which its AWBs are kept."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["carrier_account"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = CarrierAccount.objects.filter(adapter="manual", is_active=True).order_by("name")

    def wish(self) -> LinkWish:
        """What was asked for."""
        data = self.cleaned_data
        account = data["carrier_account"]
        return LinkWish(
            mode=data["mode"], url=data["url"], answer_minutes=data["answer_minutes"], accepts=data["accepts"],
            labels=data["labels"], on_silence=data["on_silence"], file_format=data["file_format"],
            carrier_account_id=account.pk if account else None,
        )  # fmt: skip

    def refuse(self, error: DomainError) -> None:
        """Say at the field at fault why it was refused."""
        self.add_error(error.field if error.field in self.fields else None, error.message)


def _node(request: HttpRequest, code: str) -> Node:
    found = in_node_scope(Node.objects.filter(code=code), principal_of(request), "code").first()
    if found is None:
        raise NotFound(f"There is no node {code}.")
    return found


def _link(node: Node) -> WmsLink | None:
    return WmsLink.objects.filter(node=node).defer("old_secret").first()


@require_safe
@requires("settings.edit")
def wms_list(request: HttpRequest) -> HttpResponse:
    """Every node with the WMS that is linked to it, if one is."""
    live = Count("wms_link__hand_offs", filter=Q(wms_link__hand_offs__state__in=HandOff.LIVE))
    nodes = in_node_scope(Node.objects.filter(is_active=True), principal_of(request), "code").annotate(live=live)
    links = {row.node_id: row for row in WmsLink.objects.defer("secret", "old_secret")}
    rows = sorted(((node, links.get(node.pk)) for node in nodes), key=lambda row: (row[1] is None, row[0].code))
    return render(request, "dashboard/settings/wms/list.html", {"rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@requires("settings.edit")
@never_cache
def wms_link(request: HttpRequest, code: str) -> HttpResponse:
    """Link the WMS of a node, or change how. A new secret stands in this one answer."""
    node = _node(request, code)
    link = _link(node)
    form = LinkForm(request.POST or None, initial=_initial(link))
    if request.method != "POST":
        return _show(request, node, link, form)
    secret = ""

    def work() -> dict[str, object]:
        nonlocal secret
        saved, secret = save_link(node.pk, form.wish())
        return {"link": saved.pk}

    if form.is_valid():
        try:
            once_per_form(request, work)
        except DomainError as error:
            form.refuse(error)
    if form.errors:
        return _show(request, node, link, form, status=422)
    if secret:
        return _show(request, node, _link(node), LinkForm(initial=_initial(_link(node))), secret=secret)
    messages.success(request, _("Saved. Work that opens at %(node)s from now on goes that way.") % {"node": node.code})
    return HttpResponseRedirect(reverse("dashboard:wms_link", args=[node.code]))


def _initial(link: WmsLink | None) -> dict[str, Any]:
    row = link or WmsLink()
    names = ("mode", "url", "answer_minutes", "accepts", "labels", "on_silence", "file_format")
    return {name: getattr(row, name) for name in names} | {"carrier_account": row.carrier_account_id}


def _show(
    request: HttpRequest, node: Node, link: WmsLink | None, form: LinkForm, *, secret: str = "", status: int = 200
) -> HttpResponse:
    may_change = link is not None and principal_of(request).may("handoffs.manage")
    tests = link.instructions.filter(kind="test").order_by("-pk")[:_LAST] if link else []
    context = {
        "node": node, "link": link, "form": form, "secret": secret, "has_secret": bool(link and link.secret),
        "live": HandOff.objects.filter(link=link, state__in=HandOff.LIVE).count() if link else 0,
        "tests": [(row, INSTRUCTION_TONES[row.state]) for row in tests],
        "to_give": work_to_change(node.pk, "give").count() if may_change and link and link.is_linked else 0,
        "to_take": work_to_change(node.pk, "take").count() if may_change else 0,
        "may_test": link is not None and link.mode != LinkMode.NONE,
    }  # fmt: skip
    return render(request, "dashboard/settings/wms/link.html", context, status=status)


@require_POST
@requires("settings.edit")
@never_cache
def wms_secret(request: HttpRequest, code: str) -> HttpResponse:
    """A new secret, shown in this one answer; the old one signs beside it for a day."""
    node = _node(request, code)
    link = _link(node)
    if link is None:
        raise Conflict(_("%(node)s has no WMS: link it first.") % {"node": node.code})
    secret, pk = "", link.pk

    def work() -> dict[str, object]:
        nonlocal secret
        secret = change_secret(pk)
        return {}

    once_per_form(request, work)
    return _show(request, node, _link(node), LinkForm(initial=_initial(link)), secret=secret)


@require_POST
@requires("settings.edit")
def wms_test(request: HttpRequest, code: str) -> HttpResponse:
    """Send an instruction that asks for nothing."""
    principal = principal_of(request)
    node = _node(request, code)
    link = _link(node)
    if link is None or link.mode == LinkMode.NONE:
        raise Conflict(_("%(node)s has no WMS: link it first.") % {"node": node.code})
    pk = link.pk
    once_per_form(request, lambda: {"id": send_test(pk, actor=principal.name).pk})
    messages.success(request, _("A test is on its way: what came of it stands below."))
    return HttpResponseRedirect(reverse("dashboard:wms_link", args=[node.code]))


@require_POST
@requires("handoffs.manage")
def wms_changeover(request: HttpRequest, code: str) -> HttpResponse:
    """Hand the open work of the node to its WMS, or take back what its WMS has: a job with a result for each."""
    principal = principal_of(request)
    node = _node(request, code)
    link = _link(node)
    action = request.POST.get("action", "")
    if link is None or (action == "give" and not link.is_linked):
        raise Conflict(_("%(node)s has no WMS: link it first.") % {"node": node.code})

    def work() -> dict[str, object]:
        return {"uid": str(start_changeover(node=node, action=action, principal=principal).uid)}

    uid = once_per_form(request, work)["uid"]
    return HttpResponseRedirect(reverse("dashboard:job", args=[uid]))
