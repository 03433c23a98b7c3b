"""What should be bought and carried: the list with the sum behind each row, and what people decide about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from inventory.models import Node, ReplenishmentRule, ReplenishmentSuggestion, Sku, Supplier
from inventory.selectors.replenishment import demand_by_day
from inventory.services.replenishing import REPLENISH
from inventory.services.suggestions import (
    MOST_SUGGESTIONS,
    Accepting,
    accept_suggestions,
    dismiss_suggestions,
    undo_decision,
)
from oms.accounts.access import Principal, in_node_scope, principal_of, requires
from oms.core.errors import DomainError
from oms.core.models import Job, JobState
from oms.core.posting import once_per_form
from oms.core.templatetags.oms_format import when_text
from oms.dashboard.inventory.grid_views import csv_response
from oms.dashboard.inventory.replenishment_access import (
    allowed,
    asked_of,
    filter_of,
    mark_of,
    may_decide,
    paged,
    row_of,
    suggestion_for,
    suggestions_of,
    told,
)
from oms.dashboard.jobs.access import jobs_of
from oms.dashboard.jobs.views import starters
from oms.dashboard.orders.posting import is_fragment
from oms.flow.replenishment_jobs import ask_replenishment
from oms.reporting.replenishment_words import (
    lead_in_words,
    number,
    position_in_words,
    reorder_in_words,
    sum_in_words,
)

ROWS = 50
#: Counts are exact up to here; more words than this are not suggested for a field.
MOST_COUNTED, MOST_WORDS = 10_000, 200
#: How long a dismissed suggestion sleeps, as offered: days.
SNOOZES = (7, 14, 30, 90)


@require_safe
@requires("inventory.view")
def replenishment(request: HttpRequest) -> HttpResponse:
    """Suggestions, those that run out first before the others."""
    principal, asked = principal_of(request), asked_of(request)
    show, mark = asked["show"], request.GET.get("after", "")[:80]
    found = suggestions_of(principal, filter_of(asked))
    page = list(paged(found, show, mark)[: ROWS + 1])
    more, page = len(page) > ROWS, page[:ROWS]
    total = _count(found)
    may = {"move": principal.may("inventory.move"), "buy": principal.may("inventory.buy")}
    context = {
        "rows": [row_of(row) | {"may": may_decide(principal, row)} for row in page], "asked": asked,
        "tabs": _tabs(principal, asked), "query": urlencode(asked), "is_open": show in ("open", "urgent"),
        "next_url": f"?{urlencode({**asked, 'after': mark_of(page[-1], show)})}" if more else "",
        "first_url": f"?{urlencode(asked)}" if mark else "", "total": total,
        "all_total": total if total <= MOST_SUGGESTIONS else "", "snoozes": SNOOZES, "may": may,
        "filtered": len(asked) > 1, "may_rules": principal.may("inventory.rules"),
        "may_export": principal.may("inventory.export"), **_last_run(principal),
        "any_rule": bool(page) or ReplenishmentRule.objects.filter(is_active=True).exists(), **_choices(principal),
    }  # fmt: skip
    return render(request, "dashboard/inventory/replenishment/list.html", context)


def _count(rows: QuerySet[ReplenishmentSuggestion]) -> int:
    return len(rows.order_by().values_list("pk")[: MOST_COUNTED + 1])


def _tabs(principal: Principal, asked: dict[str, str]) -> list[dict[str, Any]]:
    words = (
        ("open", _("To decide")), ("urgent", _("Urgent")), ("accepted", _("Accepted")), ("dismissed", _("Dismissed")),
    )  # fmt: skip
    counts = {show: _count(suggestions_of(principal, filter_of(asked | {"show": show}))) for show in ("open", "urgent")}
    return [
        {"label": label, "url": f"?{urlencode(asked | {'show': show})}", "active": show == asked["show"],
         "count": counts.get(show, ""), "tone": "bad" if show == "urgent" and counts[show] else ""}
        for show, label in words
    ]  # fmt: skip


def _choices(principal: Principal) -> dict[str, Any]:
    nodes = in_node_scope(Node.objects.order_by("code"), principal, "code")
    categories = Sku.objects.exclude(category="").order_by("category").values_list("category", flat=True).distinct()
    return {
        "nodes": list(nodes.values_list("code", "name")),
        "categories": [(word, word) for word in categories[:MOST_WORDS]],
        "suppliers": list(Supplier.objects.filter(is_active=True).values_list("code", "name")[:MOST_WORDS]),
        "ways": (("purchase", _("Purchases")), ("transfer", _("Transfers")), ("unknown", _("Nobody sells it"))),
    }  # fmt: skip


def _last_run(principal: Principal) -> dict[str, Any]:
    """The run that goes on, else the last one that ended, with who started it; a link for those who may see it."""
    last = Job.objects.filter(kind=REPLENISH).exclude(state=JobState.CANCELLED).order_by("-pk").first()
    if last is None or not last.is_open:
        return {"last": last}
    may_see = jobs_of(principal).filter(pk=last.pk).exists()
    return {"last": last, "last_url": reverse("dashboard:job", args=[last.uid]) if may_see else "",
            "last_starter": _starter(last)}  # fmt: skip


def _starter(job: Job) -> str:
    return starters([job]).get(job.created_by_id or 0, "") or _("the clock or the API")


@require_safe
@requires("inventory.export")
def replenishment_export(request: HttpRequest) -> HttpResponseBase:
    """Every suggestion that the list shows, as CSV, with its figures."""
    rows = suggestions_of(principal_of(request), filter_of(asked_of(request)))
    names = ("per_day", "deviation", "lead_days", "lead_deviation", "safety", "reorder_at", "atp", "inbound", "drafted",
             "waiting", "position", "up_to", "pack")  # fmt: skip

    def parts() -> Iterator[list[str | int]]:
        yield ["SKU", "Name", "Node", "State", "Supplier", "From node", "Quantity", "Suggested", "Cover days",
               "Lead time", *(name.replace("_", " ") for name in names), "Sum", "Draft", "Decided by",
               "Reason"]  # fmt: skip
        for row in rows.iterator(chunk_size=500):
            supplier = row.supplier.name if row.supplier else ""
            yield [
                row.sku.code, row.sku.name, row.node.code, row.get_state_display(),
                row.supplier.code if row.supplier else "", row.from_node.code if row.from_node else "", row.quantity,
                row.sums["quantity"], "" if row.cover_days is None else number(row.cover_days),
                number(row.sums["lead_days"]), *(number(row.sums[name]) for name in names),
                sum_in_words(row.sums, to_whom=supplier), str(row.purchase_order or row.transfer or ""),
                row.decided_by, row.reason,
            ]  # fmt: skip

    return csv_response(parts(), "replenishment")


@require_safe
@requires("inventory.view")
def suggestion(request: HttpRequest, pk: int) -> HttpResponse:
    """One suggestion: every figure of its sum, and what was asked for day by day."""
    found, principal = suggestion_for(request, pk), principal_of(request)
    days = demand_by_day(found.sku_id, found.node_id)
    sums = found.sums
    context = row_of(found) | {
        "sums": sums, "days": days, "most_a_day": max([0, *days]), "may": may_decide(principal, found),
        "is_open": found.state == "open", "snoozes": SNOOZES, "reorder": reorder_in_words(sums),
        "position": position_in_words(sums), "lead_words": lead_in_words(sums),
        "figures": {name: number(sums[name]) for name in ("per_day", "deviation", "lead_days", "lead_deviation", "z")},
        "level": number(sums["service_bp"] / 100), "may_rules": principal.may("inventory.rules"),
        "page_url": reverse("dashboard:suggestion", args=[pk]),
    }  # fmt: skip
    template = "_drawer.html" if is_fragment(request) else "detail.html"
    return render(request, f"dashboard/inventory/replenishment/{template}", context)


@require_POST
@requires("inventory.buy")
def replenishment_run(request: HttpRequest) -> HttpResponse:
    """Work everything out now, with the demand of this moment: a job of one's own that shows how far it is."""
    principal = principal_of(request)
    answer = once_per_form(request, lambda: {"uid": str(ask_replenishment(principal).uid)})
    messages.info(request, _("What to order is being worked out; the job shows how far it is."))
    others = Job.objects.filter(kind=REPLENISH, state__in=(JobState.QUEUED, JobState.RUNNING))
    other = others.exclude(uid=answer["uid"]).order_by("pk").first()
    if other is not None:
        text = _("A run that %(who)s started (%(when)s) is under way, too; yours counts the demand of this moment.")
        messages.info(request, text % {"who": _starter(other), "when": when_text(other.created_at)})
    return HttpResponseRedirect(reverse("dashboard:job", args=[answer["uid"]]))


# -- decisions ---------------------------------------------------------------------------------------------------------


def _chosen(request: HttpRequest) -> list[int]:
    """Ids that were ticked, or all that the filter of the address takes."""
    if request.POST.get("select_all") == "1":
        rows = suggestions_of(principal_of(request), filter_of(asked_of(request)))
        return list(rows.values_list("pk", flat=True)[:MOST_SUGGESTIONS])
    given = (text for text in request.POST.getlist("ids") if text.isascii() and text.isdecimal() and len(text) < 19)
    return list(dict.fromkeys(int(text) for text in given))[:MOST_SUGGESTIONS]


def _quantity(request: HttpRequest, pk: int) -> int | None:
    """What was written into the row; None where it was left, 0 where it means nothing."""
    text = request.POST.get(f"q-{pk}", "").strip()
    if not text:
        return None
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 11 else 0


def _back(request: HttpRequest) -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{reverse('dashboard:replenishment')}?{urlencode(asked_of(request))}")


def _decide(request: HttpRequest, work: Callable[[list[int]], dict[str, Any]]) -> dict[str, Any] | None:
    """Do `work` with the chosen suggestions that the person may decide about; None where none was chosen."""
    principal = principal_of(request)
    mine, refused = allowed(
        principal, in_node_scope(ReplenishmentSuggestion.objects.select_related("sku", "node"), principal),
        _chosen(request),
    )  # fmt: skip
    for text in list(refused.values())[:5]:
        messages.error(request, text)
    if not mine:
        if not refused:
            messages.error(request, _("Tick the suggestions first."))
        return None
    try:
        answer = once_per_form(request, lambda: work(mine))
    except DomainError as error:
        messages.error(request, error.message)
        return None
    for text in answer["refused"]:
        messages.warning(request, text)
    return answer


@require_POST
@requires("inventory.move")
def suggestions_accept(request: HttpRequest) -> HttpResponse:
    """Draft orders and transfers from the chosen suggestions, with the quantities as they stand in the rows."""
    name = principal_of(request).name

    def work(ids: list[int]) -> dict[str, Any]:
        items = [Accepting(pk, _quantity(request, pk)) for pk in ids]
        return told(accept_suggestions(items=items, actor=name))

    answer = _decide(request, work)
    if answer and answer["done"]:
        text = ngettext(
            "%(done)s suggestion became %(drafts)s. It can be taken back under Accepted.",
            "%(done)s suggestions became %(drafts)s. They can be taken back under Accepted.", answer["done"],
        )  # fmt: skip
        messages.success(request, text % {"done": answer["done"], "drafts": _listed(answer["drafts"])})
    return _back(request)


def _listed(numbers: list[str]) -> str:
    if len(numbers) <= 6:
        return ", ".join(numbers)
    return _("%(first)s and %(n)s more drafts") % {"first": ", ".join(numbers[:5]), "n": len(numbers) - 5}


@require_POST
@requires("inventory.move")
def suggestions_dismiss(request: HttpRequest) -> HttpResponse:
    """Let the chosen suggestions sleep, with a reason."""
    name, reason = principal_of(request).name, request.POST.get("reason", "")
    text = request.POST.get("days", "")
    days = int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else 0

    def work(ids: list[int]) -> dict[str, Any]:
        return told(dismiss_suggestions(suggestion_ids=ids, reason=reason, days=days, actor=name))

    answer = _decide(request, work)
    if answer and answer["done"]:
        told_text = ngettext(
            "%(n)s suggestion sleeps. It can be woken under Dismissed.",
            "%(n)s suggestions sleep. They can be woken under Dismissed.", answer["done"],
        )  # fmt: skip
        messages.success(request, told_text % {"n": answer["done"]})
    return _back(request)


@require_POST
@requires("inventory.move")
def suggestions_undo(request: HttpRequest) -> HttpResponse:
    """Take decisions back: drafts that nobody touched are cancelled, and what slept is open again."""
    name = principal_of(request).name

    def work(ids: list[int]) -> dict[str, Any]:
        return told(undo_decision(suggestion_ids=ids, actor=name))

    answer = _decide(request, work)
    if answer and answer["done"]:
        text = ngettext("%(n)s suggestion is open again.", "%(n)s suggestions are open again.", answer["done"])
        cancelled = _("Cancelled: %(drafts)s.") % {"drafts": _listed(answer["drafts"])} if answer["drafts"] else ""
        messages.success(request, f"{text % {'n': answer['done']}} {cancelled}".strip())
    return _back(request)
