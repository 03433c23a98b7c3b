"""One step for many purchase orders at once: looked at first, then done for each as it was seen, by itself.

Each order is a transaction of its own: it waits for no other order of the choice, and keeps nobody waiting for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from inventory.models import PurchaseOrder, PurchaseOrderState
from inventory.services import OPEN_STATES, cancel_purchase_order, close_purchase_order, place_purchase_order
from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError
from oms.core.posting import once_per_form
from oms.dashboard.inventory.purchase_access import orders_of, with_sums
from oms.dashboard.inventory.purchase_list_views import asked_of

State = PurchaseOrderState
MOST_AT_ONCE = 100
#: Refusals that are told one by one after the step.
MOST_TOLD = 20


@dataclass(frozen=True, slots=True)
class _Step:
    """A step: the states that allow it, whether it ends orders, what it is called, and what was done of how many."""

    states: tuple[str, ...]
    ends: bool
    label: Any
    done: Callable[[int], str]


def _placed(n: int) -> str:
    return ngettext("%(n)d order is placed: %(numbers)s.", "%(n)d orders are placed: %(numbers)s.", n)


def _cancelled(n: int) -> str:
    return ngettext("%(n)d order is cancelled: %(numbers)s.", "%(n)d orders are cancelled: %(numbers)s.", n)


def _closed(n: int) -> str:
    return ngettext("%(n)d order is closed short: %(numbers)s.", "%(n)d orders are closed short: %(numbers)s.", n)


STEPS = {
    "place": _Step((State.DRAFT,), False, gettext_lazy("Place the orders"), _placed),
    "cancel": _Step((State.DRAFT, State.PLACED), True, gettext_lazy("Cancel the orders"), _cancelled),
    "close": _Step(OPEN_STATES, True, gettext_lazy("Close the orders short"), _closed),
}


@require_POST
@requires("inventory.buy")
def purchase_orders_bulk(request: HttpRequest) -> HttpResponse:
    """Place, cancel or close short the chosen orders: what that does first, then each that allows it."""
    back = f"{reverse('dashboard:purchase_orders')}?{urlencode(asked_of(request))}"
    step = STEPS.get(request.POST.get("do", ""))
    if step is None:
        raise DomainError(_("Choose what to do with the orders."), field="do")
    seen = _chosen(request)
    rows = list(with_sums(orders_of(principal_of(request)).filter(pk__in=list(seen))).order_by("pk"))
    if not rows:
        messages.error(request, _("Tick the orders first."))
        return HttpResponseRedirect(back)
    if not request.POST.get("confirmed"):
        return _preview(request, step, rows, back)
    done, refused = _act(request, [(row, seen[row.pk]) for row in rows])
    if done:
        messages.success(request, step.done(len(done)) % {"n": len(done), "numbers": _listed(done)})
    for refusal in refused[:MOST_TOLD]:
        messages.error(request, refusal)
    if len(refused) > MOST_TOLD:
        more = len(refused) - MOST_TOLD
        messages.error(request, ngettext("%(n)d more was refused.", "%(n)d more were refused.", more) % {"n": more})
    return HttpResponseRedirect(back)


def _chosen(request: HttpRequest) -> dict[int, int | None]:
    """Ids of the chosen orders, each with the version that was looked at: the list sends `id`, the look `id:version`.

    Raises DomainError where a version is missing once the step is confirmed.
    """
    seen: dict[int, int | None] = {}
    for text in request.POST.getlist("ids")[:MOST_AT_ONCE]:
        order_id, _colon, version = text.partition(":")
        if _is_number(order_id):
            seen[int(order_id)] = int(version) if _is_number(version) else None
    if request.POST.get("confirmed") and None in seen.values():
        raise DomainError(_("This page is incomplete. Reload it and try again."), field="ids")
    return seen


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _listed(numbers: Sequence[str]) -> str:
    if len(numbers) <= 6:
        return ", ".join(numbers)
    return _("%(first)s and %(n)s more") % {"first": ", ".join(numbers[:5]), "n": len(numbers) - 5}


def _act(request: HttpRequest, rows: Sequence[tuple[PurchaseOrder, int | None]]) -> tuple[list[str], list[str]]:
    """Take the step with each order once, however often the form comes: numbers of those done, and refusals.

    One that is refused stops no other; the same form again tries it again.
    """
    name, actor = request.POST["do"], principal_of(request).name
    reason = " ".join(request.POST.get("reason", "").split())[:200]
    done, refused = [], []
    for row, version in rows:
        try:
            once_per_form(request, partial(_take, name, row.pk, version, actor, reason), part=f"order/{row.pk}")
        except DomainError as error:
            refused.append(error.message if row.number in error.message else f"{row.number}: {error.message}")
        else:
            done.append(row.number)
    return done, refused


def _take(name: str, order_id: int, version: int | None, actor: str, reason: str) -> dict[str, Any]:
    if name == "place":
        order = place_purchase_order(order_id=order_id, version=version, actor=actor)
    elif name == "cancel":
        order = cancel_purchase_order(order_id=order_id, version=version, reason=reason, actor=actor)
    else:
        order = close_purchase_order(order_id=order_id, version=version, reason=reason, actor=actor)
    return {"state": order.state}


def _preview(request: HttpRequest, step: _Step, rows: Sequence[Any], back: str) -> HttpResponse:
    """What the step does to which nodes, and which orders do not allow it."""
    fitting = [row for row in rows if row.state in step.states]
    context = {
        "step": step, "do": request.POST["do"], "rows": rows, "fitting": fitting, "back": back,
        "refused": [row for row in rows if row.state not in step.states], "effects": _effects(step, fitting),
        "query": urlencode(asked_of(request)),
    }  # fmt: skip
    return render(request, "dashboard/inventory/purchase_orders/bulk.html", context)


def _effects(step: _Step, rows: Sequence[Any]) -> list[dict[str, Any]]:
    units: Counter[str] = Counter()
    for row in rows:
        if not step.ends or row.state != State.DRAFT:
            units[row.node.code] += row.open_units
    sign, tone = ("−", "bad") if step.ends else ("+", "")
    effects: list[dict[str, Any]] = [
        {"kind": "stock", "text": _("Inbound at %(node)s") % {"node": code}, "after": f"{sign}{count}", "tone": tone}
        for code, count in sorted(units.items())
    ]
    drafts = sum(1 for row in rows if row.state == State.DRAFT)
    if step.ends and units:
        effects.append({"icon": "truck", "text": _("Announced deliveries end with their orders.")})
        effects.append({"kind": "promise", "text": _("Waiting orders lose the dates that these units gave them.")})
    if step.ends and drafts:
        effects.append({"icon": "info-circle", "text": _("Nothing was expected of drafts: no stock changes.")})
    if not step.ends and rows:
        effects.append({"kind": "promise", "text": _("Without a day, an order is expected after its supplier's lead "
                                                     "time.")})  # fmt: skip
    return effects
