"""Which orders a view and a search line are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from oms.accounts.access import Principal, in_order_scope
from oms.core.clock import now
from orders.filters import Filters, parse_filters
from orders.models import Order
from orders.selectors.conditions import CONDITIONS
from orders.selectors.pages import SORTS
from orders.selectors.views import VIEWS
from orders.validation import digits


@dataclass(frozen=True, slots=True)
class OrderQuestion:
    """What a list, an export or a bulk action is about: a view, a search line and an order of rows."""

    view: str = "all"
    text: str = ""
    sort: str = ""
    filters: Filters = field(default_factory=Filters, compare=False)

    @classmethod
    def read(
        cls, params: Mapping[str, Any], *, default_view: str = "all", moment: datetime | None = None
    ) -> OrderQuestion:
        """From a query string or from the arguments of a job; what is unknown falls back to the default."""
        view = str(params.get("view") or default_view)
        text = str(params.get("q") or "").strip()
        sort = str(params.get("sort") or "")
        return cls(
            view=view if view in VIEWS else default_view,
            text=text,
            sort=sort if sort.lstrip("-") in SORTS else "",
            filters=parse_filters(text, today=timezone.localdate(moment)),
        )

    def as_args(self) -> dict[str, str]:
        """Back to plain values; what is empty is left out."""
        return {key: value for key, value in (("view", self.view), ("q", self.text), ("sort", self.sort)) if value}

    @property
    def order_by(self) -> str:
        """The sort in force: what was asked for, or that of the view."""
        return self.sort or VIEWS[self.view].sort


def orders_in_scope(principal: Principal) -> QuerySet[Order]:
    """Every order the principal may see. For people of some nodes, a semi-join, so that no row comes twice."""
    if principal.all_nodes:
        return in_order_scope(Order.objects.all(), principal)
    return Order.objects.filter(pk__in=in_order_scope(Order.objects.order_by(), principal).values("pk"))


def orders_matching(
    question: OrderQuestion, principal: Principal, *, moment: datetime | None = None
) -> QuerySet[Order]:
    """Orders of a view that the search line lets through, unsorted."""
    at = moment or now()
    found = orders_in_scope(principal).filter(VIEWS[question.view].where(at))
    for condition in question.filters.conditions:
        wanted = CONDITIONS[condition.key](condition, at)
        found = found.exclude(wanted) if condition.negated else found.filter(wanted)
    for word in question.filters.words:
        found = found.filter(search__text__contains=_search_word(word))
    return found


def _search_word(word: str) -> str:
    """As the search text is stored: lower case, phone numbers by their last ten digits. Empty for a country code."""
    plain = word.lower()
    if plain[:1] not in {"+", "0", "("} or any(char.isalpha() or char in "@_" for char in plain):
        return plain
    number = digits(plain)
    if plain.startswith("+") and len(number) <= 3:
        return ""
    return number.lstrip("0") if len(number) >= 6 else plain
