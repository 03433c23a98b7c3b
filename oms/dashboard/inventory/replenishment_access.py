"""Which suggestions and rules a person sees, what they asked the list for, and how a row reads."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from inventory.models import ReplenishmentRule, ReplenishmentSuggestion, SuggestionState
from inventory.selectors.replenishment import SuggestionFilter, query_suggestions
from inventory.services.suggestions import Decided
from oms.accounts.access import Principal, in_node_scope, principal_of
from oms.core.errors import NotFound
from oms.reporting.replenishment_words import number, sum_in_words

State = SuggestionState
#: Tabs of the list: key -> state, and whether only what is urgent.
TABS = {
    "open": (State.OPEN, False), "urgent": (State.OPEN, True), "accepted": (State.ACCEPTED, False),
    "dismissed": (State.DISMISSED, False),
}  # fmt: skip
WAYS = ("purchase", "transfer", "unknown")
#: Days of slack below which a row is marked, though it does not run out yet.
SOON_DAYS = 3


def suggestions_of(principal: Principal, only: SuggestionFilter) -> QuerySet[ReplenishmentSuggestion]:
    """Suggestions for nodes in scope."""
    return in_node_scope(query_suggestions(only), principal)


def suggestion_for(request: HttpRequest, pk: int) -> ReplenishmentSuggestion:
    """A suggestion in scope. Raises NotFound."""
    rows = ReplenishmentSuggestion.objects.select_related(
        "sku", "node", "supplier", "from_node", "rule", "purchase_order", "transfer"
    )
    found = in_node_scope(rows, principal_of(request)).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no suggestion {pk}.")
    return found


def asked_of(request: HttpRequest) -> dict[str, str]:
    """The filter in the address; only what is set."""
    show = request.GET.get("show", "open")
    asked = {"show": show if show in TABS else "open"}
    for name in ("node", "supplier", "category", "way", "q"):
        text = request.GET.get(name, "").strip()[:120]
        if text and (name != "way" or text in WAYS):
            asked[name] = text
    return asked


def filter_of(asked: dict[str, str]) -> SuggestionFilter:
    """What the address asks for."""
    state, urgent = TABS[asked["show"]]
    return SuggestionFilter(
        state=state, urgent=urgent, node=asked.get("node", ""), supplier=asked.get("supplier", ""),
        category=asked.get("category", ""), way=asked.get("way", ""), text=asked.get("q", ""),
    )  # fmt: skip


def paged(rows: QuerySet[ReplenishmentSuggestion], show: str, mark: str) -> QuerySet[ReplenishmentSuggestion]:
    """The rows after the one that `mark` names: by urgency, or the latest decision first."""
    first, _sign, last = mark.rpartition("_")
    pk = int(last) if last.isascii() and last.isdecimal() and len(last) < 19 else None
    if show in ("open", "urgent"):
        try:
            slack = float(first) if pk is not None else None
        except ValueError:
            slack = None
        if slack is None or slack != slack:
            return rows
        return rows.filter(Q(slack_days__gt=slack) | Q(slack_days=slack, pk__gt=pk))
    rows = rows.order_by("-decided_at", "-pk")
    at = _moment(first)
    return rows if at is None or pk is None else rows.filter(Q(decided_at__lt=at) | Q(decided_at=at, pk__lt=pk))


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def mark_of(row: ReplenishmentSuggestion, show: str) -> str:
    """How the next page begins after this row."""
    if show in ("open", "urgent"):
        return f"{row.slack_days!r}_{row.pk}"
    return f"{row.decided_at.isoformat() if row.decided_at else ''}_{row.pk}"


def row_of(suggestion: ReplenishmentSuggestion) -> dict[str, Any]:
    """A suggestion with its sum in words and how pressing it is."""
    supplier = suggestion.supplier.name if suggestion.supplier else ""
    lead = number(suggestion.sums["lead_days"])
    urgent = suggestion.slack_days < 0
    return {
        "one": suggestion, "sentence": sum_in_words(suggestion.sums, to_whom=supplier), "urgent": urgent,
        "soon": not urgent and suggestion.slack_days < SOON_DAYS, "lead": lead,
        "cover": None if suggestion.cover_days is None else number(round(suggestion.cover_days, 1)),
        "kind": "transfer" if suggestion.from_node_id else "purchase" if suggestion.supplier_id else "unknown",
        "edited": suggestion.quantity != suggestion.sums.get("quantity", suggestion.quantity),
        "untouched": _untouched(suggestion),
    }  # fmt: skip


def _untouched(suggestion: ReplenishmentSuggestion) -> bool:
    """Whether it may be taken back: asleep, or its draft as it was made."""
    if suggestion.state == State.DISMISSED:
        return True
    document = suggestion.purchase_order or suggestion.transfer
    return (
        suggestion.state == State.ACCEPTED
        and document is not None
        and document.state == "draft"
        and document.version == 1
    )


def may_decide(principal: Principal, suggestion: ReplenishmentSuggestion) -> bool:
    """Whether a person may accept or dismiss it: transfers by who moves stock, purchases by who buys."""
    if suggestion.from_node_id is not None:
        return principal.may("inventory.move")
    return principal.may("inventory.buy")


def allowed(
    principal: Principal, rows: QuerySet[ReplenishmentSuggestion], ids: list[int]
) -> tuple[list[int], dict[int, str]]:
    """Which of these the person may decide about, and why not the others. What is out of scope is left out."""
    mine, refused = [], {}
    for row in rows.filter(pk__in=ids).order_by("pk"):
        if may_decide(principal, row):
            mine.append(row.pk)
        else:
            refused[row.pk] = _("%(sku)s for %(node)s: buying is for those who may buy.") % {
                "sku": row.sku.code, "node": row.node.code
            }  # fmt: skip
    return mine, refused


def rules_of(principal: Principal) -> QuerySet[ReplenishmentRule]:
    """Rules of nodes in scope, and those of none in particular."""
    rows = ReplenishmentRule.objects.select_related("node", "sku", "from_node").order_by("priority", "pk")
    if principal.all_nodes:
        return rows
    return rows.filter(Q(node__isnull=True) | Q(node__code__in=sorted(principal.node_codes)))


def rule_for(request: HttpRequest, pk: int) -> ReplenishmentRule:
    """A rule that the person may change. Raises NotFound."""
    principal = principal_of(request)
    rule = rules_of(principal).filter(pk=pk).first()
    if rule is None or (rule.node_id is None and not principal.all_nodes):
        raise NotFound(f"There is no replenishment rule {pk} in your scope.")
    return rule


def told(decided: Decided) -> dict[str, Any]:
    """What came of a decision, as the answer to a form keeps it."""
    return {
        "done": len(decided.done), "drafts": [row.number for row in decided.drafts],
        "refused": list(decided.refused.values())[:5],
    }  # fmt: skip
