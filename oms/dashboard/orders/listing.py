"""What the orders list shows, gathered in a fixed number of queries."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from inventory.models import Node
from oms.accounts.access import Principal, in_channel_scope, in_node_scope
from oms.dashboard.models import SavedView
from oms.dashboard.orders.state import ListState
from oms.dashboard.orders.words import CHANNEL_ICONS, STAGE_TONES
from oms.flow.bulk_jobs import MOST_ROWS
from oms.reporting.order_rows import COLUMNS, OrderRow, read_rows, with_relations
from orders.filters import KEYS
from orders.models import Order, OrderServiceLevel, SalesChannel
from orders.selectors import (
    MOST_ON_TAB,
    TO_SHIP,
    VIEWS,
    OrderQuestion,
    count_up_to,
    hold_reasons,
    orders_in_scope,
    orders_matching,
    page_of,
    view_counts,
)
from orders.status import STAGES


@dataclass(slots=True)
class ShownRow:
    """A row with what its cells need beside the data."""

    row: OrderRow
    tone: str
    channel_icon: str
    clock_runs: bool

    @property
    def order(self) -> Order:
        """Shorthand for templates."""
        return self.row.order


def shown(rows: Iterable[OrderRow]) -> list[ShownRow]:
    """Rows for the template."""
    return [
        ShownRow(
            row=row,
            tone=STAGE_TONES[row.order.stage],
            channel_icon=CHANNEL_ICONS.get(row.order.channel.kind, "shopping-cart"),
            clock_runs=row.order.stage in TO_SHIP,
        )
        for row in rows
    ]


def list_context(state: ListState, principal: Principal, views: Sequence[SavedView]) -> dict[str, Any]:
    """The whole page."""
    found = orders_matching(state.question, principal)
    page = page_of(
        with_relations(found), order_by=state.question.order_by, size=state.size, after=state.after, before=state.before
    )
    count = count_up_to(found)
    rows = shown(read_rows(page.orders, masked=not principal.may("pii.view")))
    last_seen = orders_in_scope(principal).order_by("-pk").values_list("pk", flat=True).first() or 0
    return {
        "state": state,
        "tabs": tab_items(state, principal, views),
        "rows": rows,
        "count": count,
        "chips": chips(state),
        "columns": state.shown_columns,
        "all_columns": [(column, column.key in state.columns) for column in COLUMNS.values()],
        "previous_url": _page_url(state, before=page.before),
        "next_url": _page_url(state, after=page.after),
        "live_url": live_url(state, rows, last_seen),
        "tabs_url": f"{reverse('dashboard:orders_tabs')}?{state.query(saved=True)}",
        "clear_query": state.query(saved=True, q=""),
        "bulk_total": min(count, MOST_ROWS),
        "export_formats": [("csv", "CSV"), ("xlsx", "Excel (XLSX)")],
        "version": version_of(rows, 0),
        "fresh": 0,
        "empty": None if rows else empty_state(state, principal),
        "hold_reasons": hold_reasons(),
        "filter_choices": filter_choices(principal),
        "can": {verb: principal.may(f"orders.{verb}") for verb in _LIST_VERBS},
        "may_share": principal.may("views.share"),
        "owns_saved": state.saved is not None and principal.user is not None
        and (state.saved.owner_id == principal.user.pk or principal.may("views.share")),
        "densities": [(state.query(saved=True, density=key), label, state.density == key)
                      for key, label in (("compact", "Compact rows"), ("roomy", "Roomy rows"))],
    }  # fmt: skip


_LIST_VERBS = ("hold", "release", "reroute", "cancel", "edit", "export")


def tab_items(state: ListState, principal: Principal, views: Sequence[SavedView]) -> list[dict[str, Any]]:
    """The built-in views with their counts, then the saved ones. The open saved view tells when it was changed."""
    counts = view_counts(principal)
    items: list[dict[str, Any]] = []
    for view in VIEWS.values():
        number = counts.get(view.key, 0)
        items.append({
            "label": view.label, "url": f"?view={view.key}",
            "active": state.saved is None and state.question.view == view.key,
            "count": f"{MOST_ON_TAB}+" if number > MOST_ON_TAB else number or None,
            "tone": view.alarm if number else "",
        })  # fmt: skip
    for saved in views:
        active = state.saved is not None and state.saved.pk == saved.pk
        joint = "&" if saved.query else ""
        items.append({
            "label": saved.name, "url": f"?{saved.query}{joint}saved={saved.pk}", "active": active, "count": None,
            "dirty": active and state.is_changed,
        })  # fmt: skip
    return items


def chips(state: ListState) -> list[dict[str, Any]]:
    """Each condition of the search line as a chip, and what could not be read."""
    filters = state.question.filters
    made = [
        {
            "label": ("not " if condition.negated else "") + KEYS[condition.key].label,
            "value": condition.text,
            "remove_url": f"?{state.query(saved=True, q=str(filters.without(index)))}",
        }
        for index, condition in enumerate(filters.conditions)
    ]
    if filters.words:
        words = " ".join(filters.words)
        made.append(
            {
                "label": "Contains",
                "value": words,
                "remove_url": f"?{state.query(saved=True, q=str(filters.without_words()))}",
            }
        )
    return made


def _page_url(state: ListState, **mark: str) -> str:
    return f"?{state.query(saved=True, **mark)}" if any(mark.values()) else ""


def live_url(state: ListState, rows: Sequence[ShownRow], last_seen: int) -> str:
    """Where the rows on the screen are refreshed: the same rows in the same order, whatever happened meanwhile."""
    ids = ",".join(str(row.order.pk) for row in rows)
    query = state.query(saved=True, after=state.after, before=state.before, ids=ids, seen=last_seen)
    return f"{reverse('dashboard:orders_live')}?{query}"


def rows_again(ids: Sequence[int], principal: Principal) -> list[ShownRow]:
    """The rows that are on the screen, as they are now; those that left the scope are gone."""
    orders = {order.pk: order for order in with_relations(orders_in_scope(principal)).filter(pk__in=ids)}
    kept = [orders[pk] for pk in ids if pk in orders]
    return shown(read_rows(kept, masked=not principal.may("pii.view")))


def version_of(rows: Sequence[ShownRow], fresh: int) -> str:
    """Changes whenever something on the screen would."""
    parts = [f"{r.order.pk}.{r.order.version}.{r.order.stage}.{r.order.open_holds}" for r in rows]
    parts += [f"{s.pk}{s.state}{s.awb}" for r in rows for s in r.row.shipments]
    parts += [f"{w.pk}{w.state}" for r in rows for w in r.row.work]
    return hashlib.sha256(f"{fresh}|{'|'.join(parts)}".encode()).hexdigest()[:16]


def filter_choices(principal: Principal) -> list[dict[str, Any]]:
    """The quick filters of the menu; each becomes a token of the search line."""
    channels = in_channel_scope(SalesChannel.objects.all(), principal, "code").values_list("code", "name")
    nodes = in_node_scope(Node.objects.all(), principal, "code").values_list("code", "name")
    return [
        {"key": "status", "label": "Status", "choices": [("held", "On hold"), ("late", "Late to ship"),
                                                         *STAGES.items()]},
        {"key": "channel", "label": "Channel", "choices": list(channels)},
        {"key": "node", "label": "Node", "choices": [(code, f"{code} {name}") for code, name in nodes]},
        {"key": "sla", "label": "Time left", "choices": [("late", "Late"), ("<2h", "Less than 2 hours"),
                                                         ("<24h", "Less than a day")]},
        {"key": "placed", "label": "Placed", "choices": [("today", "Today"), ("yesterday", "Yesterday"),
                                                         ("7d", "Last 7 days"), ("30d", "Last 30 days")]},
        {"key": "cod", "label": "Payment", "choices": [("yes", "Cash on delivery"), ("no", "Paid in advance")]},
        {"key": "service", "label": "Service", "choices": OrderServiceLevel.choices},
        {"key": "hold", "label": "Hold", "choices": hold_reasons()},
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Empty:
    """Why the list is empty, and the one thing that helps."""

    kind: str
    title: str
    message: str
    action_label: str = ""
    action_url: str = ""


def empty_state(state: ListState, principal: Principal) -> Empty:
    """One of four: nothing yet, filtered to nothing, elsewhere, or all done."""
    question = state.question
    everything = orders_in_scope(principal)
    if not everything.exists():
        return Empty("first_run", "No orders yet", "Orders of your channels appear here within a minute.",
                     "Connect a channel", "/channels/")  # fmt: skip
    if question.text and question.view != "all":
        elsewhere = count_up_to(orders_matching(OrderQuestion.read({"view": "all", "q": question.text}), principal))
        if elsewhere:
            label = VIEWS[question.view].label
            return Empty("filtered", f"0 in {label}, {elsewhere:,} in All",
                         "The orders you look for are not in this view.", "Show them",
                         f"?{state.query(view='all')}")  # fmt: skip
    if question.text:
        return _culprit(state, principal)
    if question.view == "all":
        return Empty("filtered", "No more orders on this page", "", "To the first page", f"?{state.query()}")
    return Empty("done", "All caught up", f"No order is in {VIEWS[question.view].label} now.",
                 "Show all orders", "?view=all")  # fmt: skip


def _culprit(state: ListState, principal: Principal) -> Empty:
    """The filter whose removal brings back most orders."""
    filters = state.question.filters
    tries = [(str(filters.without(index)), str(condition)) for index, condition in enumerate(filters.conditions[:6])]
    if filters.words:
        tries.append((str(filters.without_words()), " ".join(filters.words)))
    best, name, rest = 0, "", ""
    for text, removed in tries:
        question = OrderQuestion.read({"view": state.question.view, "q": text})
        number = count_up_to(orders_matching(question, principal), MOST_ON_TAB)
        if number > best:
            best, name, rest = number, removed, text
    if not best:
        return Empty("filtered", "No order matches", "No single filter is to blame.", "Remove all filters",
                     f"?{state.query(q='')}")  # fmt: skip
    found = f"{best} orders" if best <= MOST_ON_TAB else f"more than {MOST_ON_TAB} orders"
    return Empty("filtered", "No order matches", f"“{name}” removes the most: without it there are {found}.",
                 f"Remove {name}", f"?{state.query(q=rest)}")  # fmt: skip
