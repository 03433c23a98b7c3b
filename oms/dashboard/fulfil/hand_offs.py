"""What the list of hand-offs is narrowed to, and who may do what with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from fulfillment.models import (
    FulfillmentOrder,
    HandOff,
    HandOffFile,
    HandOffInstruction,
    HandOffState,
    InstructionState,
)
from oms.accounts.access import Principal, in_node_scope, in_work_scope
from oms.core.clock import now
from oms.core.errors import NotFound

State = HandOffState
SHOWN = ("waiting", "cancelling", "rejected", "undelivered", "working", "over", "all")
_WAITING = (State.UNSUBMITTED, State.SUBMITTED)
_CANCELLING = (State.CANCELLATION_REQUESTED, State.CANCELLATION_REJECTED)


def hand_offs_of(principal: Principal) -> QuerySet[HandOff]:
    """Hand-offs of the work in scope, with what a list shows."""
    works = in_work_scope(FulfillmentOrder.objects.all(), principal)
    rows = HandOff.objects.filter(fulfillment_order__in=works)
    return rows.select_related("fulfillment_order__order", "fulfillment_order__node", "link").defer(
        "link__secret", "link__old_secret"
    )


def instructions_of(principal: Principal) -> QuerySet[HandOffInstruction]:
    """Instructions about the work in scope."""
    works = in_work_scope(FulfillmentOrder.objects.all(), principal)
    return HandOffInstruction.objects.filter(hand_off__fulfillment_order__in=works)


def files_of(principal: Principal) -> QuerySet[HandOffFile]:
    """Files of the nodes in scope. One holds orders of every channel: who sees some channels has none."""
    if not principal.all_channels:
        return HandOffFile.objects.none()
    return in_node_scope(HandOffFile.objects.all(), principal, "link__node__code")


def hand_off_in_scope(principal: Principal, pk: int) -> HandOff:
    """One hand-off. Raises NotFound outside of the scope."""
    found = hand_offs_of(principal).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no hand-off {pk}.")
    return found


def _undelivered() -> Exists:
    states = (InstructionState.DEAD, InstructionState.FAILED)
    return Exists(HandOffInstruction.objects.filter(hand_off=OuterRef("pk"), state__in=states))


def _conditions(show: str) -> Q:
    match show:
        case "waiting":
            return Q(state__in=_WAITING)
        case "cancelling":
            return Q(state__in=_CANCELLING)
        case "rejected":
            return Q(state=State.REJECTED)
        case "undelivered":
            return Q(_undelivered())
        case "working":
            return Q(state=State.ACCEPTED)
        case "over":
            return Q(state__in=(State.CLOSED, State.CANCELLATION_ACCEPTED))
        case _:
            return Q()


@dataclass(frozen=True, slots=True)
class Question:
    """What the list is narrowed to; unknown values are dropped."""

    show: str = "waiting"
    node: str = ""
    late: str = ""
    q: str = ""

    @classmethod
    def read(cls, request: HttpRequest) -> Question:
        """From the address."""
        get = request.GET
        show = get.get("show", "")
        return cls(
            show=show if show in SHOWN else "waiting", node=get.get("node", "")[:40],
            late="yes" if get.get("late") == "yes" else "", q=get.get("q", "").strip()[:60],
        )  # fmt: skip

    def query(self, **more: str) -> str:
        """The address that asks this."""
        values = {name: getattr(self, name) for name in self.__slots__} | more
        return "?" + urlencode({name: value for name, value in values.items() if value})

    @property
    def narrowed(self) -> bool:
        """Something is narrowed."""
        return bool(self.node or self.late or self.q)

    def rows(self, principal: Principal) -> QuerySet[HandOff]:
        """The rows that answer it, the answer that is due first before the others; what is over newest first."""
        rows = hand_offs_of(principal).filter(_conditions(self.show))
        if self.node:
            rows = rows.filter(fulfillment_order__node__code=self.node)
        if self.late:
            rows = rows.filter(answer_by__lt=now())
        if self.q:
            number = Q(fulfillment_order__number__icontains=self.q)
            rows = rows.filter(number | Q(fulfillment_order__order__number__icontains=self.q))
        if self.show in ("waiting", "cancelling"):
            return rows.order_by("answer_by", "pk")
        return rows.order_by("-pk")


def shown_tabs(question: Question, principal: Principal) -> list[dict[str, Any]]:
    """Where hand-offs stand, with how many where somebody may have to do something."""
    words = {
        "waiting": _("Waiting for an answer"), "cancelling": _("Asked to cancel"), "rejected": _("Rejected"),
        "undelivered": _("Not delivered"), "working": _("Accepted"), "over": _("Over"), "all": _("All"),
    }  # fmt: skip
    mine = hand_offs_of(principal).order_by()
    counted = {key: mine.filter(_conditions(key)).count() for key in ("waiting", "cancelling", "undelivered")}
    return [
        {"label": words[key], "url": f"?show={key}", "active": key == question.show, "count": counted.get(key) or "",
         "tone": "bad" if key == "undelivered" and counted[key] else ""}
        for key in SHOWN
    ]  # fmt: skip
