"""Failed deliveries: the queue with the next one due first, one of them with its history, and the export."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from fulfillment.models import AnswerKind, AnswerState, FailedDelivery, FailureReason
from fulfillment.selectors.failures import failures_by_parcel, failures_of
from fulfillment.services.answers import takes_answers
from fulfillment.services.care_terms import care_terms
from oms.accounts.access import Principal, principal_of, requires
from oms.core.errors import NotFound
from oms.core.templatetags.oms_format import money
from oms.core.values import major_units
from oms.dashboard.fulfil.care import (
    ANSWER_TONES,
    TONES,
    VALUES,
    Question,
    choices,
    kind_label,
    row_of,
    shown_tabs,
    tabs,
)
from oms.dashboard.fulfil.work_views import scoped_shipments
from oms.dashboard.inventory.grid_views import csv_response

PAGE_ROWS = 50


@require_safe
@requires("orders.view")
def queue(request: HttpRequest) -> HttpResponse:
    """What has to be answered, the next one due first; what carriers were told; what is over."""
    principal = principal_of(request)
    question = Question.read(request)
    page = _page(request)
    rows = list(question.rows(principal)[page * PAGE_ROWS : (page + 1) * PAGE_ROWS + 1])
    every = FailedDelivery.objects.filter(shipment__in=scoped_shipments(principal))
    seen = every.filter(closed_at__isnull=question.show != "closed")
    couriers = seen.order_by("shipment__courier_name").values_list("shipment__courier_name", flat=True).distinct()
    nodes = seen.order_by("shipment__node__code").values_list("shipment__node__code", flat=True).distinct()
    context = {
        "tabs": tabs(principal, "ndr"), "shown": shown_tabs(question), "question": question,
        "rows": [row_of(row) for row in rows[:PAGE_ROWS]], "reasons": FailureReason.choices,
        "couriers": [(name, name) for name in couriers if name], "nodes": [(code, code) for code in nodes],
        "values": [(str(value), str(money(value, "INR"))) for value in VALUES],
        "may_answer": principal.may("orders.edit"), "may_export": principal.may("orders.export"),
        "may_see": principal.may("pii.view"),
        "prev_url": question.query(page=str(page - 1)) if page else "",
        "next_url": question.query(page=str(page + 1)) if len(rows) > PAGE_ROWS else "",
        "bulk": [(kind, kind_label(kind)) for kind in ("again", "on_day", "return", "fake")],
        "query": question.query(), "choices": choices(),
    }  # fmt: skip
    return render(request, "dashboard/fulfil/ndr.html", context)


def failures_of_scope(principal: Principal) -> QuerySet[FailedDelivery]:
    """Failed deliveries of the parcels in scope."""
    return failures_of(scoped_shipments(principal))


def _page(request: HttpRequest) -> int:
    text = request.GET.get("page", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else 0


def failure_of(principal: Principal, pk: int) -> FailedDelivery:
    """One in scope. Raises NotFound."""
    found = failures_of_scope(principal).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no failed delivery {pk}.")
    return found


@require_safe
@requires("orders.view")
def case(request: HttpRequest, pk: int) -> HttpResponse:
    """One failed delivery: what the carrier said, what was answered, the attempts before it, and the form."""
    principal = principal_of(request)
    return show_case(request, failure_of(principal, pk))


def show_case(request: HttpRequest, failure: FailedDelivery, problem: str = "", status: int = 200) -> HttpResponse:
    """The page of one failed delivery, with what was wrong with an answer."""
    principal = principal_of(request)
    shipment = failure.shipment
    answers = list(failure.answers.all())
    terms = care_terms(shipment.carrier_account)
    last_try = failure.number >= terms.attempts
    by_hand = (AnswerState.TO_CALL, AnswerState.REFUSED, AnswerState.UNSURE)
    context = {
        "tabs": tabs(principal, "ndr"), "failure": failure, "shipment": shipment, "tone": TONES[failure.state],
        "answers": [(row, ANSWER_TONES[row.state], row.state in by_hand) for row in answers],
        "seen": answers[-1].pk if answers else 0, "last_try": last_try, "terms": terms,
        "attempts": failures_by_parcel([shipment.pk])[shipment.pk],
        "by_system": takes_answers(shipment.carrier_account),
        "kinds": [(kind.value, kind_label(kind)) for kind in AnswerKind],
        "days": terms.days_from(shipment.node.today()), "address": shipment.order.shipping_address,
        "may_answer": principal.may("orders.edit") and failure.closed_at is None,
        "may_see": principal.may("pii.view"), "problem": problem, "sent": request.POST,
        "may_floor": principal.may("fulfillment.view"),
    }  # fmt: skip
    return render(request, "dashboard/fulfil/ndr_case.html", context, status=status)


@require_safe
@requires("orders.export")
def export(request: HttpRequest) -> HttpResponseBase:
    """What the queue shows, all of it, as CSV."""
    principal = principal_of(request)
    rows = Question.read(request).rows(principal)

    def lines() -> Iterator[list[str | int]]:
        yield ["Order", "AWB", "Courier", "Node", "Attempt", "Reason", "Carrier's words", "State", "Failed at",
               "Answer due", "Answer", "Answered by", "COD", "Order value", "Currency"]  # fmt: skip
        for failure in rows.iterator(chunk_size=500):
            shipment, row = failure.shipment, row_of(failure)
            currency = shipment.order.currency
            yield [
                shipment.order.number, shipment.awb, shipment.courier_name, shipment.node.code, failure.number,
                failure.get_reason_display(), failure.said, failure.get_state_display(),
                timezone.localtime(failure.failed_at).isoformat(timespec="minutes"),
                timezone.localtime(failure.due_at).isoformat(timespec="minutes"),
                row.answer.get_kind_display() if row.answer else "", row.answer.actor if row.answer else "",
                str(major_units(shipment.cod_minor or 0, currency)),
                str(major_units(shipment.order.total_minor, currency)), currency,
            ]  # fmt: skip

    return csv_response(lines(), "failed-deliveries")
