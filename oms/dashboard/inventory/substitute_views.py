"""Which SKUs may stand in for a SKU: written best first, and put back as it was by one click."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from inventory.models import Sku, Substitute
from inventory.selectors import find_skus_by_codes
from inventory.selectors.substitutes import both_ways, stand_ins, substitutes_of
from inventory.services import set_substitutes
from oms.accounts.access import principal_of, requires
from oms.core.errors import Conflict, DomainError
from oms.core.posting import once_per_form
from oms.dashboard.inventory.access import sku_for
from oms.reporting.order_export import csv_text, safe_text

#: Of the address of a SKU's page: the ids that stood there before, to put them back.
BEFORE = "before"


class SubstitutesForm(forms.Form):
    """SKU codes or barcodes, one a line, the first choice first. Empty: nothing stands in."""

    lines = forms.CharField(
        label=gettext_lazy("Substitutes"), required=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "autocapitalize": "off", "autofocus": True}),
        help_text=gettext_lazy("One a line: SKU or barcode, the first choice first. Each is sold one for one."),
    )  # fmt: skip
    seen = forms.CharField(max_length=400, required=False, widget=forms.HiddenInput)

    def clean_lines(self) -> list[int]:
        """Ids in their order. Raises for what is not in the catalogue."""
        codes = [text.strip() for text in self.cleaned_data["lines"].splitlines() if text.strip()]
        known = find_skus_by_codes(codes)
        missing = [code for code in codes if code not in known]
        if missing:
            raise forms.ValidationError(_("Not in the catalogue: %(codes)s.") % {"codes": ", ".join(missing[:5])})
        return [known[code].pk for code in codes]


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.rules")
def substitutes(request: HttpRequest, sku_id: int) -> HttpResponse:
    """Say which SKUs may stand in for this one. Raises Conflict where somebody changed it meanwhile."""
    principal = principal_of(request)
    sku = sku_for(sku_id)
    if request.method == "POST":
        principal.require_everywhere()
    known = substitutes_of(sku.pk)
    form = SubstitutesForm(request.POST or None, initial={
        "lines": "\n".join(row.substitute.code for row in known),
        "seen": _text([row.substitute_id for row in known]),
    })  # fmt: skip
    if request.method != "POST" or not form.is_valid():
        return _page(request, form, sku)

    def work() -> dict[str, Any]:
        before = set_substitutes(
            sku_id=sku.pk, substitute_ids=form.cleaned_data["lines"], actor=principal.name,
            seen=_ids(form.cleaned_data["seen"]),
        )  # fmt: skip
        return {"before": list(before)}

    try:
        before = once_per_form(request, work)["before"]
    except Conflict:
        raise
    except DomainError as error:
        form.add_error("lines", error.message)
        return _page(request, form, sku)
    messages.success(request, _("The substitutes of %(sku)s are saved.") % {"sku": sku.code})
    page = reverse("dashboard:sku", args=[sku.pk])
    undone = "undo" in request.POST
    return HttpResponseRedirect(page if undone else f"{page}?{BEFORE}={_text(before) or '-'}#substitutes")


def _page(request: HttpRequest, form: SubstitutesForm, sku: Sku) -> HttpResponse:
    status = 422 if request.method == "POST" else 200
    return render(request, "dashboard/inventory/substitutes.html", {"form": form, "sku": sku}, status=status)


def _text(ids: list[int]) -> str:
    return ".".join(map(str, ids))


def _ids(text: str) -> list[int]:
    return [int(part) for part in text.split(".") if part.isdecimal()]


@require_safe
@requires("inventory.export")
def export(request: HttpRequest) -> HttpResponse:
    """Every substitute, in the columns that the import reads."""
    principal_of(request).require_everywhere()
    rows = Substitute.objects.order_by("sku__code", "rank").values_list("sku__code", "substitute__code", "rank")
    lines = ([safe_text(sku), safe_text(other), str(rank)] for sku, other, rank in rows.iterator(chunk_size=2_000))
    response = HttpResponse(csv_text([["SKU code", "Substitute", "Choice"], *lines]), content_type="text/csv")
    response["Content-Disposition"] = 'attachment; filename="substitutes.csv"'
    return response


def substitute_context(request: HttpRequest, sku: Sku) -> dict[str, Any]:
    """What the page of a SKU says of substitutes."""
    principal = principal_of(request)
    rows, instead_of = both_ways(sku.pk)
    sees = bool(rows) and principal.all_nodes
    free = {each.sku_id: each.atp for each in stand_ins([sku.pk]).get(sku.pk, ())} if sees else {}
    before = request.GET.get(BEFORE, "")
    codes = dict(Sku.objects.filter(pk__in=_ids(before)).values_list("pk", "code")) if before else {}
    return {
        "substitutes": [(row, free.get(row.substitute_id)) for row in rows], "currency": settings.DEFAULT_CURRENCY,
        "instead_of": instead_of,
        "may_edit_substitutes": principal.may("inventory.rules") and principal.sees_everything and not sku.is_kit,
        "may_export_substitutes": principal.may("inventory.export") and principal.sees_everything,
        "substitutes_seen": _text([row.substitute_id for row in rows]), "substitutes_changed": bool(before),
        "substitutes_before": "\n".join(codes[pk] for pk in _ids(before) if pk in codes),
    }  # fmt: skip
