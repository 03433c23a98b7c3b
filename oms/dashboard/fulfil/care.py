"""What the queue of failed deliveries is narrowed to, and what its rows say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fulfillment.models import (
    AnsweredBy,
    AnswerKind,
    DeliveryAnswer,
    FailedDelivery,
    FailureReason,
    FailureState,
    RoadTrouble,
    TroubleKind,
)
from fulfillment.selectors.failures import (
    answered_by_customer,
    failures_of,
    needs_somebody,
    open_troubles,
    troubles_of,
)
from oms.accounts.access import Principal
from oms.dashboard.fulfil.work_views import care_tabs, scoped_shipments, sections

SHOWN = ("todo", "told", "closed")
TONES = {
    "waiting": "bad", "telling": "progress", "told": "progress", "refused": "bad", "not_done": "warn", "closed": "off",
}  # fmt: skip
ANSWER_TONES = {
    "queued": "progress", "sending": "progress", "accepted": "good", "by_phone": "good", "to_call": "warn",
    "refused": "bad", "unsure": "warn", "late": "off",
}  # fmt: skip
#: Least value of an order to be shown, in minor units.
VALUES = (200_000, 500_000, 1_000_000)
ATTEMPTS = ("1", "2", "3")


@dataclass(frozen=True, slots=True)
class Question:
    """What the queue is narrowed to; unknown values are dropped."""

    show: str = "todo"
    courier: str = ""
    reason: str = ""
    node: str = ""
    attempt: str = ""
    cod: str = ""
    value: str = ""
    customer: str = ""

    @classmethod
    def read(cls, request: HttpRequest) -> Question:
        """From the address."""
        get = request.GET

        def one_of(name: str, known: Any) -> str:
            text = get.get(name, "")
            return text if text in known else ""

        return cls(
            show=one_of("show", SHOWN) or "todo", courier=get.get("courier", "")[:120],
            reason=one_of("reason", FailureReason.values), node=get.get("node", "")[:40],
            attempt=one_of("attempt", ATTEMPTS), cod=one_of("cod", ("yes", "no")),
            value=one_of("value", {str(value) for value in VALUES}), customer=one_of("customer", ("yes", "no")),
        )  # fmt: skip

    def query(self, **more: str) -> str:
        """The address that asks this."""
        values = {name: getattr(self, name) for name in self.__slots__} | more
        return "?" + urlencode({name: value for name, value in values.items() if value})

    @property
    def narrowed(self) -> bool:
        """Something is narrowed."""
        return any(getattr(self, name) for name in self.__slots__ if name != "show")

    def rows(self, principal: Principal) -> QuerySet[FailedDelivery]:
        """The rows that answer it: what is due first comes first, what was closed last."""
        rows = failures_of(scoped_shipments(principal)).filter(self._conditions())
        if self.customer:
            said = answered_by_customer(rows)
            rows = said if self.customer == "yes" else rows.exclude(pk__in=said.values("pk"))
        if self.show == "closed":
            return rows.filter(closed_at__isnull=False).order_by("-closed_at", "-pk")
        if self.show == "told":
            rows = rows.filter(state__in=[FailureState.TELLING, FailureState.TOLD])
        else:
            rows = needs_somebody(rows)
        return rows.order_by("due_at", "pk")

    def _conditions(self) -> Q:
        found = Q()
        if self.courier:
            found &= Q(shipment__courier_name=self.courier)
        if self.reason:
            found &= Q(reason=self.reason)
        if self.node:
            found &= Q(shipment__node__code=self.node)
        if self.attempt:
            found &= Q(number__gte=3) if self.attempt == "3" else Q(number=int(self.attempt))
        if self.cod:
            found &= Q(shipment__cod_minor__gt=0) if self.cod == "yes" else ~Q(shipment__cod_minor__gt=0)
        if self.value:
            found &= Q(shipment__order__total_minor__gte=int(self.value))
        return found


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the queue: the case, its tone, the newest answer and what the customer said."""

    failure: FailedDelivery
    tone: str
    answer: DeliveryAnswer | None
    customer: DeliveryAnswer | None

    @property
    def answer_tone(self) -> str:
        """The tone of the newest answer."""
        return ANSWER_TONES[self.answer.state] if self.answer else ""


def row_of(failure: FailedDelivery) -> Row:
    """What a row shows; the answers are loaded."""
    answers = list(failure.answers.all())
    said = [answer for answer in answers if answer.answered_by == AnsweredBy.CUSTOMER]
    return Row(failure, TONES[failure.state], answers[-1] if answers else None, said[-1] if said else None)


def tabs(principal: Principal, active: str) -> list[dict[str, Any]]:
    """The tabs over the two queues; for people who do not see the floor, these two alone."""
    if principal.may("fulfillment.view"):
        return sections(principal, active)
    return care_tabs(principal, active)


def shown_tabs(question: Question) -> list[dict[str, Any]]:
    """What of the queue is shown."""
    words = {"todo": _("To answer"), "told": _("Carrier told"), "closed": _("Closed")}
    return [
        {"label": words[key], "url": question.query(show=key), "active": key == question.show, "count": None}
        for key in SHOWN
    ]


def choices() -> dict[str, list[tuple[str, str]]]:
    """What the filters offer whose words are not those of a model."""
    return {
        "attempt": [("1", _("First")), ("2", _("Second")), ("3", _("Third and later"))],
        "cod": [("yes", _("Cash on delivery")), ("no", _("Prepaid"))],
        "customer": [("yes", _("Yes")), ("no", _("No"))],
    }


def kind_label(kind: str) -> str:
    """What an answer is called on a button."""
    return {
        AnswerKind.AGAIN: _("Deliver again"), AnswerKind.ON_DAY: _("Deliver on a day"),
        AnswerKind.CORRECT: _("Correct address or phone"), AnswerKind.RETURN: _("Send it back"),
        AnswerKind.FAKE: _("Nobody came"),
    }[AnswerKind(kind)]  # fmt: skip


# -- on the road -------------------------------------------------------------------------------------------------------


def troubles_shown(principal: Principal, show: str, kind: str, courier: str) -> QuerySet[RoadTrouble]:
    """Parcels that do not travel as they should: open ones the oldest fact first, others the newest first."""
    rows = troubles_of(scoped_shipments(principal))
    if kind in TroubleKind.values:
        rows = rows.filter(kind=kind)
    if courier:
        rows = rows.filter(shipment__courier_name=courier)
    if show == "closed":
        return rows.filter(closed_at__isnull=False).order_by("-closed_at", "-pk")
    if show == "off":
        return rows.filter(closed_at__isnull=True).exclude(pk__in=open_troubles(rows).values("pk")).order_by("since")
    return open_troubles(rows).order_by("since", "pk")


def sentence_of(trouble: RoadTrouble) -> str:
    """Why it is here, in a line."""
    days = trouble.days
    values = {"n": days, "place": trouble.place}
    match trouble.kind:
        case TroubleKind.SILENT:
            where = _(", last seen in %(place)s") % values if trouble.place else ""
            text = ngettext("Not scanned for %(n)d working day", "Not scanned for %(n)d working days", days)
            return text % values + where
        case TroubleKind.STUCK:
            text = ngettext("In %(place)s for %(n)d working day", "In %(place)s for %(n)d working days", days)
            return text % values
        case TroubleKind.NOT_COLLECTED:
            text = ngettext("Handed over %(n)d working day ago and never scanned",
                            "Handed over %(n)d working days ago and never scanned", days)  # fmt: skip
            return text % values
        case TroubleKind.OVERDUE:
            text = ngettext("Expected %(n)d day ago", "Expected %(n)d days ago", days)
            return text % values
        case _:
            said = f": “{trouble.note}”" if trouble.note else ""
            return _("The carrier says delivered, the customer did not get it") + said
