"""The orders list, its polled parts and its saved views."""

from __future__ import annotations

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError
from oms.dashboard.models import SavedView
from oms.dashboard.orders.find import find_exact
from oms.dashboard.orders.listing import list_context, live_url, rows_again, tab_items, version_of
from oms.dashboard.orders.state import PAGE, folded, own_view, read_state, visible_views
from orders.selectors import PAGE_SIZES, count_up_to, orders_matching

MOST_VIEWS = 40


@require_GET
@requires("orders.view")
def order_list(request: HttpRequest) -> HttpResponse:
    """The list. An exact id of any kind goes straight to its object."""
    principal = principal_of(request)
    tidy = folded(request.GET)
    if tidy is not None:
        return HttpResponseRedirect(f"{request.path}?{tidy.urlencode()}")
    views = visible_views(principal)
    if list(request.GET) == ["saved"]:
        for view in views:
            if str(view.pk) == request.GET["saved"]:
                return HttpResponseRedirect(f"{request.path}?{view.query}&saved={view.pk}")
    state = read_state(request.GET, views)
    if state.question.text and not state.question.filters.conditions:
        url = find_exact(state.question.text, principal)
        if url:
            return HttpResponseRedirect(url)
    context = list_context(state, principal, views)
    return render(request, "dashboard/orders/list.html", context)


@require_GET
@requires("orders.view")
def live_rows(request: HttpRequest) -> HttpResponse:
    """The rows on the screen as they are now, and how many new ones the list has; 204 when nothing changed."""
    principal = principal_of(request)
    views = visible_views(principal)
    state = read_state(request.GET, views)
    ids = [int(part) for part in request.GET.get("ids", "").split(",") if part.isdecimal()][: max(PAGE_SIZES)]
    seen = request.GET.get("seen", "0")
    rows = rows_again(ids, principal)
    fresh = 0
    if seen.isdecimal():
        fresh = count_up_to(orders_matching(state.question, principal).filter(pk__gt=int(seen)), 99)
    version = version_of(rows, fresh)
    if request.headers.get("X-Fragment-Version") == version:
        return HttpResponse(status=204)
    context = {
        "state": state, "rows": rows, "columns": state.shown_columns, "fresh": fresh, "version": version,
        "live_url": live_url(state, rows, int(seen) if seen.isdecimal() else 0),
    }  # fmt: skip
    return render(request, "dashboard/orders/_rows.html", context)


@require_GET
@requires("orders.view")
def live_tabs(request: HttpRequest) -> HttpResponse:
    """The tabs with their counts as they are now."""
    principal = principal_of(request)
    views = visible_views(principal)
    state = read_state(request.GET, views)
    context = {
        "tabs": tab_items(state, principal, views),
        "tabs_url": f"{reverse('dashboard:orders_tabs')}?{state.query(saved=True)}",
    }
    return render(request, "dashboard/orders/_tabs.html", context)


def _go(state_query: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{reverse('dashboard:orders')}?{state_query}")


@require_POST
@requires("orders.view")
def save_as(request: HttpRequest) -> HttpResponse:
    """Keep the present filters, columns and density under a name."""
    principal = principal_of(request)
    name = request.POST.get("name", "").strip()[:60]
    state = read_state(QueryDict(request.POST.get("list", "")), [])
    if not name:
        raise DomainError("Give the view a name.", field="name")
    if principal.user is None or SavedView.objects.filter(owner=principal.user).count() >= MOST_VIEWS:
        raise DomainError(f"You have {MOST_VIEWS} views already. Delete one first.")
    shared = bool(request.POST.get("shared"))
    if shared:
        principal.require("views.share")
    try:
        with transaction.atomic():
            view = SavedView.objects.create(
                page=PAGE, name=name, owner=principal.user, is_shared=shared, query=state.query()[:1000],
                columns=list(state.columns),
            )  # fmt: skip
    except IntegrityError as error:
        raise DomainError(f"You have a view called {name} already.", field="name") from error
    messages.success(request, f"The view {name} is saved.")
    return _go(f"{view.query}&saved={view.pk}")


@require_POST
@requires("orders.view")
def save(request: HttpRequest, pk: int) -> HttpResponse:
    """Write the present filters, columns and density over a saved view."""
    view = own_view(principal_of(request), pk)
    state = read_state(QueryDict(request.POST.get("list", "")), [])
    SavedView.objects.filter(pk=view.pk).update(query=state.query()[:1000], columns=list(state.columns))
    messages.success(request, f"The view {view.name} is saved.")
    return _go(f"{state.query()}&saved={view.pk}")


@require_POST
@requires("views.share")
def share(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a view to everyone, or only to its owner again."""
    view = own_view(principal_of(request), pk)
    SavedView.objects.filter(pk=view.pk).update(is_shared=not view.is_shared)
    done = "only yours again" if view.is_shared else "shared with everyone"
    messages.success(request, f"The view {view.name} is {done}.")
    return _go(f"{view.query}&saved={view.pk}")


@require_POST
@requires("orders.view")
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget a saved view; deleting it twice changes nothing."""
    principal = principal_of(request)
    for view in visible_views(principal):
        if view.pk == pk and (view.owner == principal.user or principal.may("views.share")):
            view.delete()
            messages.success(request, f"The view {view.name} is deleted.")
    return _go("")
