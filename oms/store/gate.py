"""Who stands in which store: every address of the store app goes through here.

A person works in one store at a time. Whatever belongs to another store looks as if it did not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.selectors import StageCount, count_by_stage, with_lines
from fulfillment.selectors.handing_over import with_contents
from fulfillment.services.hand_offs import refuse_with_wms
from inventory.models import Node
from oms.accounts.access import in_node_scope, principal_of, requires
from oms.core.errors import Forbidden, NotFound
from oms.store.device import scope_of, stamp_of, with_device
from oms.store.models import SharedDevice
from oms.store.sharing import PIN_DEVICE, is_pin_session

P = ParamSpec("P")
StoreView = Callable[Concatenate[HttpRequest, Node, P], HttpResponseBase]

NODE_KEY = "store_node"
#: Pages that a phone keeps for the time without a connection.
KEPT = frozenset({"tasks", "pick", "outbox"})


def nodes_of(request: HttpRequest) -> QuerySet[Node]:
    """The nodes in which this person may work. Raises Forbidden for who sees some channels only: a shelf has all."""
    principal = principal_of(request)
    if not principal.all_channels:
        raise Forbidden(f"A store works for every channel, and {principal.name} sees some only. An admin can grant it.")
    rows = in_node_scope(Node.objects.all(), principal, "code")
    if is_pin_session(request):
        # A shared phone is one of one store, whatever other stores its people work in.
        rows = rows.filter(pk__in=SharedDevice.objects.filter(pk=request.session[PIN_DEVICE]).values("node"))
    return rows.order_by("name")


def chosen_node(request: HttpRequest) -> Node | None:
    """The store chosen in this session, or the only one there is. A choice that is out of scope now counts as none."""
    nodes = nodes_of(request)
    code = request.session.get(NODE_KEY)
    if code:
        found = nodes.filter(code=code).first()
        if found is not None:
            return found
    few = list(nodes[:2])
    return few[0] if len(few) == 1 else None


def _in_store(view: StoreView[P], verb: str) -> Callable[..., HttpResponseBase]:
    @wraps(view)
    def inside(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        node = chosen_node(request)
        if node is None:
            return HttpResponseRedirect(reverse("store:node"))
        return with_device(request, view(request, node, *args, **kwargs))

    return requires(verb)(inside)


def store_page(view: StoreView[P]) -> Callable[..., HttpResponseBase]:
    """A page of the store app; the view gets the node after the request."""
    return require_safe(_in_store(view, "store.use"))


def store_write(view: StoreView[P]) -> Callable[..., HttpResponseBase]:
    """A write of the store app: POST only."""
    return require_POST(_in_store(view, "fulfillment.work"))


def manager_write(view: StoreView[P]) -> Callable[..., HttpResponseBase]:
    """A write of those who answer for the store: POST only."""
    return require_POST(_in_store(view, "pickups.unlock"))


def selling_page(view: StoreView[P]) -> Callable[..., HttpResponseBase]:
    """A page of the store app for those who sell."""
    return require_safe(_in_store(view, "store.sell"))


def seller_write(view: StoreView[P]) -> Callable[..., HttpResponseBase]:
    """A write of those who sell: POST only."""
    return require_POST(_in_store(view, "store.sell"))


def device_write(view: StoreView[P]) -> Callable[..., HttpResponseBase]:
    """A write of those who answer for the phones of the store: POST only."""
    return require_POST(_in_store(view, "devices.share"))


def counting_page(view: StoreView[P]) -> Callable[..., HttpResponseBase]:
    """A page of the store app for those who count stock."""
    return require_safe(_in_store(view, "inventory.count"))


def counting_write(view: StoreView[P]) -> Callable[..., HttpResponseBase]:
    """A write of those who count stock: POST only."""
    return require_POST(_in_store(view, "inventory.count"))


def work_here(node: Node, pk: int) -> FulfillmentOrder:
    """Work of this store with its lines. Raises NotFound for that of another one, WithWms for what its WMS does."""
    found = with_lines(FulfillmentOrder.objects.filter(node=node, pk=pk)).first()
    if found is None:
        raise NotFound(f"There is no work {pk} in {node.name}.")
    refuse_with_wms(found)
    return found


def shipment_here(node: Node, pk: int) -> Shipment:
    """A parcel of this store with its contents. Raises NotFound for that of another one."""
    found = with_contents(Shipment.objects.filter(node=node, pk=pk)).first()
    if found is None:
        raise NotFound(f"There is no parcel {pk} in {node.name}.")
    return found


def is_fragment(request: HttpRequest) -> bool:
    """The answer goes into a page that is open."""
    return bool(request.headers.get("HX-Request"))


def show(
    request: HttpRequest, node: Node, template: str, tab: str = "", status: int = 200, **more: Any
) -> HttpResponse:
    """Render a page of the store with its frame."""
    several = nodes_of(request).count() > 1
    context = {"store": {"name": node.name, "code": node.code, "several": several}, "node": node, "tab": tab, **more}
    if tab:
        stages: list[StageCount] = more.get("stages") or count_by_stage([node.pk])
        context["tabs"] = _tabs(stages)
    if is_fragment(request) or not node.pk:
        return render(request, f"store/{template}.html", context, status=status)
    scope = scope_of(request, node)
    context["phone"] = {
        "stamp": stamp_of(request, node), "scope": scope, "csrf_cookie": settings.CSRF_COOKIE_NAME,
        "idle_seconds": settings.STORE_IDLE_SECONDS if is_pin_session(request) else 0,
    }  # fmt: skip
    response = render(request, f"store/{template}.html", context, status=status)
    # "Back" must not show the page of the person before: what may be opened later is kept by the worker alone.
    response["Cache-Control"] = "no-store"
    if template in KEPT and status == 200:
        response["X-Store-Scope"] = scope
    return response


def _tabs(stages: list[StageCount]) -> list[dict[str, Any]]:
    def orders(*states: str) -> int:
        return sum(stage.orders for stage in stages if stage.state in states)

    return [
        {"key": "tasks", "label": _("Tasks"), "icon": "list-check", "url": reverse("store:tasks"),
         "badge": orders("open")},
        {"key": "pick", "label": _("Pick"), "icon": "basket", "url": reverse("store:pick"),
         "badge": orders("accepted", "picking")},
        {"key": "handover", "label": _("Hand over"), "icon": "package-export", "url": reverse("store:handover"),
         "badge": orders("ready")},
        {"key": "scan", "label": _("Look up"), "icon": "barcode", "url": reverse("store:lookup"), "badge": 0},
        {"key": "more", "label": _("More"), "icon": "dots", "url": reverse("store:more"), "badge": 0},
    ]  # fmt: skip
