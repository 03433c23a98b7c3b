"""The state of the orders list as its address holds it: view, search line, sort, columns, page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import QueryDict
from django.shortcuts import get_object_or_404

from oms.accounts.access import Principal
from oms.dashboard.models import SavedView
from oms.reporting.order_rows import DEFAULT_COLUMNS, Column, chosen_columns
from orders.filters import KEYS
from orders.selectors import PAGE_SIZES, OrderQuestion

PAGE = "orders"
DENSITIES = ("compact", "roomy")


@dataclass(frozen=True, slots=True)
class ListState:
    """Everything that decides what the list shows."""

    question: OrderQuestion
    columns: tuple[str, ...] = DEFAULT_COLUMNS
    size: int = PAGE_SIZES[0]
    density: str = DENSITIES[0]
    after: str = ""
    before: str = ""
    saved: SavedView | None = None

    @property
    def shown_columns(self) -> list[Column]:
        """The columns as objects."""
        return chosen_columns(self.columns)

    def query(self, *, saved: bool = False, **changes: Any) -> str:
        """The query string of this state, without its page; `changes` replace view, q, sort, cols, size, density."""
        params: dict[str, Any] = dict(self.question.as_args())
        if self.columns != DEFAULT_COLUMNS:
            params["cols"] = ",".join(self.columns)
        if self.size != PAGE_SIZES[0]:
            params["size"] = self.size
        if self.density != DENSITIES[0]:
            params["density"] = self.density
        if saved and self.saved is not None:
            params["saved"] = self.saved.pk
        params |= changes
        query = QueryDict(mutable=True)
        for key, value in params.items():
            if value not in (None, ""):
                query[key] = str(value)
        return query.urlencode()

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The state as hidden fields of a form that goes on from here."""
        return list(QueryDict(self.query(saved=True)).dict().items())

    @property
    def here(self) -> str:
        """The query string with its page, to come back to exactly these rows."""
        return self.query(saved=True, after=self.after, before=self.before)

    @property
    def is_changed(self) -> bool:
        """The open saved view no longer shows what was saved."""
        return self.saved is not None and self.saved.query != self.query()


def visible_views(principal: Principal) -> list[SavedView]:
    """The person's own saved views and those that others share."""
    if principal.user is None:
        return []
    mine = Q(owner=principal.user)
    return list(SavedView.objects.filter(mine | Q(is_shared=True), page=PAGE).select_related("owner"))


def own_view(principal: Principal, pk: int) -> SavedView:
    """A saved view that the principal may change: their own, or a shared one for who may share. 404 otherwise."""
    rows = SavedView.objects.filter(page=PAGE)
    mine = Q(owner=principal.user)
    return get_object_or_404(rows.filter(mine | Q(is_shared=True) if principal.may("views.share") else mine), pk=pk)


def read_state(params: QueryDict, views: list[SavedView]) -> ListState:
    """From a query string. Nothing in it can fail: what is unknown falls back to its default."""
    saved_id = params.get("saved", "")
    saved = next((view for view in views if str(view.pk) == saved_id), None)
    size = params.get("size", "")
    columns = tuple(column.key for column in chosen_columns(params.get("cols", "").split(",")))
    density = params.get("density", "")
    return ListState(
        question=OrderQuestion.read(params.dict()),
        columns=columns,
        size=int(size) if size in {str(value) for value in PAGE_SIZES} else PAGE_SIZES[0],
        density=density if density in DENSITIES else DENSITIES[0],
        after=params.get("after", "")[:400],
        before=params.get("before", "")[:400],
        saved=saved,
    )


def folded(params: QueryDict) -> QueryDict | None:
    """The address with the fields of the filter and column forms folded into `q` and `cols`; None without any."""
    filters = {key.removeprefix("f_"): values for key, values in params.lists() if key.startswith("f_")}
    if not filters and "col" not in params:
        return None
    query = params.copy()
    words = [query.get("q", "")]
    for key, values in filters.items():
        del query[f"f_{key}"]
        chosen = ",".join(value.strip() for value in values if value.strip())
        if key in KEYS and chosen:
            words.append(f'{key}:"{chosen}"' if " " in chosen else f"{key}:{chosen}")
    query["q"] = " ".join(word for word in words if word)
    if "col" in params:
        query["cols"] = ",".join(params.getlist("col"))
        del query["col"]
    for key in ("after", "before"):
        query.pop(key, None)
    return query
