"""Which counts a person sees and what they may do with one."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from inventory.models import CountItemState, StockCount, StockCountState
from inventory.services.counting import Counter, Reviewer
from oms.accounts.access import Principal, in_node_scope, principal_of
from oms.core.errors import NotFound

State = StockCountState
TONES = {"open": "progress", "review": "warn", "closed": "good", "cancelled": "off"}
ICONS = {"open": "clipboard-list", "review": "scale", "closed": "circle-check"}
ITEM_TONES = {
    CountItemState.TO_COUNT: "neutral", CountItemState.COUNTED: "warn", CountItemState.ACCEPTED: "good",
    CountItemState.AUTO_ACCEPTED: "good", CountItemState.REJECTED: "off",
}  # fmt: skip


def counts_of(principal: Principal) -> QuerySet[StockCount]:
    """Counts at the nodes of the person."""
    return in_node_scope(StockCount.objects.select_related("node"), principal)


def count_for(request: HttpRequest, number: str) -> StockCount:
    """A count by number. Raises NotFound."""
    found = counts_of(principal_of(request)).filter(number=number).first()
    if found is None:
        raise NotFound(f"There is no count {number}.")
    return found


def page_of(count: StockCount) -> str:
    """The address of a count."""
    return reverse("dashboard:count", args=[count.number])


def reviewer_of(request: HttpRequest) -> Reviewer:
    """The person as one who decides about variances."""
    principal = principal_of(request)
    return Reviewer(principal.key, principal.name, principal.may("inventory.approve"))


def counter_of(request: HttpRequest) -> Counter:
    """The person as one who counts, or frees what others hold."""
    principal = principal_of(request)
    return Counter(principal.key, principal.name, principal.may("inventory.approve"))


def allowed_steps(principal: Principal, count: StockCount) -> dict[str, Any]:
    """What this person may do with a count now, for buttons. Who only counts sees nothing that is expected."""
    plan, review = principal.may("inventory.count"), principal.may("inventory.adjust")
    return {
        "may_close": review and count.state == State.OPEN,
        "may_review": review and count.state == State.REVIEW,
        "may_see_expected": review,
        "may_cancel": review and count.state in (State.OPEN, State.REVIEW),
        "may_release": principal.may("inventory.approve") and count.state == State.OPEN,
        "may_match": review and count.state in (State.OPEN, State.REVIEW),
        "may_count": plan and count.state == State.OPEN and principal.may("store.use"),
        "may_export": principal.may("inventory.export") and review,
    }  # fmt: skip
