"""Bills of carriers: the list with its upload, one bill, and what people decide about its lines."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import messages
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from carriers.models import BillFinding, BillLineState, BillState, CarrierAccount, CarrierBill
from carriers.services.bill_files import BillInvalid
from carriers.services.bills import accept_lines, check_bill, dispute_lines, receive_bill, record_credit
from oms.accounts.access import Principal, principal_of, requires
from oms.core.clock import now
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.core.values import major_units
from oms.dashboard.carriers.bill_forms import BillForm, CreditForm
from oms.dashboard.carriers.bill_queries import (
    BILL_TONES,
    Question,
    bill_of,
    bills_with_sums,
    counts_by_finding,
    disputes_csv,
    line_rows,
    open_sums,
    question_of,
)

PAGE_ROWS = 50
EDIT = "finance.edit"
_FAULTS_SHOWN = 20


def _everywhere(request: HttpRequest) -> Principal:
    """Who asks; bills are about the parcels of all nodes and channels."""
    principal = principal_of(request)
    principal.require_everywhere()
    return principal


def _page(request: HttpRequest) -> int:
    text = request.GET.get("page", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else 0


@require_safe
@requires("finance.view")
def bill_list(request: HttpRequest) -> HttpResponse:
    """Every bill, the latest first, with what is open of it."""
    return _list(request, _everywhere(request), BillForm())


def _list(
    request: HttpRequest, principal: Principal, form: BillForm, faults: list[Any] | None = None, status: int = 200
) -> HttpResponse:
    get = request.GET
    code, state = get.get("carrier", "")[:40], get.get("state", "")
    state = state if state in BillState.values else ""
    rows = bills_with_sums()
    rows = rows.filter(account__code=code) if code else rows
    rows = rows.filter(state=state) if state else rows
    page = _page(request)
    found = list(rows[page * PAGE_ROWS : (page + 1) * PAGE_ROWS + 1])
    base = f"?carrier={code}&state={state}"
    context = {
        "rows": [(bill, BILL_TONES[BillState(bill.state)]) for bill in found[:PAGE_ROWS]], "form": form,
        "faults": (faults or [])[:_FAULTS_SHOWN],
        "more_faults": max(len(faults or []) - _FAULTS_SHOWN, 0), "code": code, "state": state,
        "states": BillState.choices,
        "carriers": list(CarrierAccount.objects.values_list("code", "name")), "sums": open_sums(),
        "may_edit": principal.may(EDIT), "prev_url": f"{base}&page={page - 1}" if page else "",
        "next_url": f"{base}&page={page + 1}" if len(found) > PAGE_ROWS else "",
    }  # fmt: skip
    return render(request, "dashboard/carriers/bills.html", context, status=status)


@require_POST
@requires(EDIT)
def bill_receive(request: HttpRequest) -> HttpResponse:
    """Take a bill's file. A file with faults comes back with each of them; the same bill again opens the bill."""
    principal = _everywhere(request)
    form = BillForm(request.POST, request.FILES)
    if not form.is_valid():
        return _list(request, principal, form, status=422)
    file = form.cleaned_data["file"]
    raw = file.read()
    try:
        received = receive_bill(
            account_id=form.cleaned_data["account"].pk, raw=raw, filename=str(file.name), actor=principal.name
        )
    except BillInvalid as error:
        form.add_error("file", error.message)
        return _list(request, principal, form, error.data["errors"], status=422)
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return _list(request, principal, form, status=error.http_status)
    if received.new:
        messages.success(request, _("The bill is here, and every line was compared."))
    else:
        messages.info(request, _("This bill was here already; nothing was changed."))
    return HttpResponseRedirect(reverse("dashboard:carrier_bill", args=[received.bill_id]))


@require_safe
@requires("finance.view")
def bill(request: HttpRequest, pk: int) -> HttpResponse:
    """One bill: its sums, and its lines by what they turned out to be."""
    principal = _everywhere(request)
    shown = bill_of(pk)
    question, page = question_of(request.GET), _page(request)
    lines = list(question.lines(shown)[page * PAGE_ROWS : (page + 1) * PAGE_ROWS + 1])
    context = {
        "bill": shown, "tone": BILL_TONES[BillState(shown.state)], "question": question, "tabs": _tabs(shown, question),
        "rows": line_rows(lines[:PAGE_ROWS], shown.currency), "states": BillLineState.choices,
        "total": question.lines(shown).count(), "may_edit": principal.may(EDIT), "credits": shown.credits.all(),
        "prev_url": f"{question.query}&page={page - 1}" if page else "",
        "next_url": f"{question.query}&page={page + 1}" if len(lines) > PAGE_ROWS else "",
    }  # fmt: skip
    return render(request, "dashboard/carriers/bill.html", context)


def _tabs(shown: CarrierBill, question: Question) -> list[dict[str, Any]]:
    counts = counts_by_finding(shown)
    found = [(name, label) for name, label in BillFinding.choices if counts.get(name)]
    return [
        {"label": label, "url": f"?finding={name}&state={question.state}", "active": name == question.finding,
         "count": counts.get(name) if name else sum(counts.values())}
        for name, label in [("", _("All")), *found]
    ]  # fmt: skip


@require_POST
@requires(EDIT)
def bill_check(request: HttpRequest, pk: int) -> HttpResponse:
    """Compare the lines that are still to be decided once more: a parcel or a rate card may be known by now."""
    principal = _everywhere(request)
    done = once_per_form(request, lambda: {"lines": check_bill(bill_id=pk, actor=principal.name)})["lines"]
    text = ngettext("%(n)s line was compared again.", "%(n)s lines were compared again.", done)
    messages.success(request, text % {"n": done})
    return HttpResponseRedirect(reverse("dashboard:carrier_bill", args=[pk]))


# -- decide ------------------------------------------------------------------------------------------------------------


def _chosen(request: HttpRequest, shown: CarrierBill) -> list[int]:
    """The lines that the form is about: ticked ones, or all that its list asks for. Raises DomainError for none."""
    if request.POST.get("select_all") == "1":
        ids = list(question_of(request.GET).lines(shown).values_list("pk", flat=True))
    else:
        texts = [*request.POST.getlist("ids"), *request.POST.get("id_list", "").split(",")]
        numbers = {int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 19}
        ids = list(shown.lines.filter(pk__in=numbers).order_by("row").values_list("pk", flat=True))
    if not ids:
        raise DomainError(_("No line is selected."), field="ids")
    return ids


@require_POST
@requires(EDIT)
def bill_decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Accept, dispute or credit the chosen lines: first what it means, then, with a reason, it is done."""
    principal = _everywhere(request)
    shown = bill_of(pk)
    do = request.POST.get("do", "")
    if do not in ("accept", "dispute", "credit"):
        raise DomainError(_("Choose what to do."), field="do")
    try:
        ids = _chosen(request, shown)
    except DomainError as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(reverse("dashboard:carrier_bill", args=[pk]) + question_of(request.GET).query)
    if "confirmed" not in request.POST:
        return _preview(request, shown, do, ids, CreditForm(initial=_first_credit(shown, ids)))
    form = CreditForm(request.POST)
    if do == "credit" and not form.is_valid():
        return _preview(request, shown, do, ids, form, status=422)
    try:
        done = once_per_form(request, lambda: _decide(request, principal, shown, do, ids, form))
    except DomainError as error:
        form.add_error(error.field if do == "credit" and error.field in form.fields else None, error.message)
        return _preview(request, shown, do, ids, form, status=error.http_status)
    _say(request, do, done)
    return HttpResponseRedirect(reverse("dashboard:carrier_bill", args=[pk]) + question_of(request.GET).query)


def _decide(
    request: HttpRequest, principal: Principal, shown: CarrierBill, do: str, ids: list[int], form: CreditForm
) -> dict[str, int]:
    if do == "credit":
        credit = form.credit(shown.currency)
        record_credit(bill_id=shown.pk, line_ids=ids, credit=credit, actor=principal.name)
        return {"lines": len(ids), "passed": 0}
    act = accept_lines if do == "accept" else dispute_lines
    done = act(bill_id=shown.pk, line_ids=ids, reason=request.POST.get("reason", ""), actor=principal.name)
    return {"lines": done.lines, "passed": done.passed_over}


def _say(request: HttpRequest, do: str, done: dict[str, int]) -> None:
    n = done["lines"]
    texts = {
        "accept": ngettext("%(n)s line is accepted.", "%(n)s lines are accepted.", n),
        "dispute": ngettext("%(n)s line is disputed.", "%(n)s lines are disputed.", n),
        "credit": ngettext("%(n)s dispute is closed.", "%(n)s disputes are closed.", n),
    }
    text = texts[do] % {"n": n}
    if done["passed"]:
        passed = ngettext(
            "%(n)s was passed over: it is decided, or nothing of it is too much.",
            "%(n)s were passed over: they are decided, or nothing of them is too much.", done["passed"],
        )  # fmt: skip
        text += " " + passed % {"n": done["passed"]}
    (messages.success if n else messages.warning)(request, text)


def _first_credit(shown: CarrierBill, ids: list[int]) -> dict[str, Any]:
    disputed = shown.lines.filter(pk__in=ids).aggregate(sum=Sum("disputed_minor"))["sum"] or 0
    return {"issued_on": now().date(), "amount": major_units(disputed, shown.currency)}


def _preview(
    request: HttpRequest, shown: CarrierBill, do: str, ids: list[int], form: CreditForm, status: int = 200
) -> HttpResponse:
    lines = shown.lines.filter(pk__in=ids).order_by("row")
    sums = lines.aggregate(total=Sum("total_minor"), claim=Sum("claim_minor"), disputed=Sum("disputed_minor"))
    headings = {"accept": _("Accept lines"), "dispute": _("Dispute lines"), "credit": _("Enter a credit note")}
    context = {
        "bill": shown, "do": do, "heading": headings[do], "id_list": ",".join(map(str, ids)), "sums": sums,
        "form": form, "n": len(ids), "rows": line_rows(list(lines[:PAGE_ROWS]), shown.currency),
        "more": max(len(ids) - PAGE_ROWS, 0),
        "question": question_of(request.GET), "reason": request.POST.get("reason", ""),
    }  # fmt: skip
    return render(request, "dashboard/carriers/bill_decide.html", context, status=status)


# -- files -------------------------------------------------------------------------------------------------------------


@require_safe
@requires("finance.view")
def bill_disputes(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The disputed lines as CSV, for the carrier."""
    _everywhere(request)
    shown = bill_of(pk)
    response = StreamingHttpResponse(
        (part.encode() for part in disputes_csv(shown)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="disputes-{_plain(shown.number)}.csv"'
    return response


@require_safe
@requires("finance.view")
def bill_file(request: HttpRequest, pk: int) -> HttpResponse:
    """The file that the bill came as."""
    _everywhere(request)
    stored = CarrierBill.objects.filter(pk=pk).first()
    if stored is None:
        raise NotFound(_("There is no such bill."))
    response = HttpResponse(bytes(stored.raw), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="bill-{_plain(stored.number)}.csv"'
    return response


def _plain(number: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", number)
