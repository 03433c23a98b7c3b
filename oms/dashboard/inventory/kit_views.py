"""Kits: what they are assembled from, changed with a preview, and how many a node can assemble."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from channels.services import define_kit
from inventory.models import KitComponent, Node, Sku
from inventory.selectors import KitAtNode, Recipe, kits_at_nodes, parts_at_nodes, read_recipes
from inventory.services import ComponentTerms
from oms.accounts.access import Principal, in_node_scope, principal_of, requires
from oms.core.errors import Conflict, DomainError
from oms.core.posting import once_per_form
from oms.dashboard.inventory.access import sku_for
from oms.dashboard.inventory.grid import waiting_units
from oms.dashboard.inventory.kit_forms import ComponentsForm, initial_of
from oms.dashboard.orders.posting import is_fragment


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.rules")
def components(request: HttpRequest, sku_id: int) -> HttpResponse:
    """The recipe of a SKU: written, its effect shown, then saved. Raises Conflict where it was changed meanwhile."""
    principal = principal_of(request)
    sku = sku_for(sku_id)
    recipe = read_recipes([sku.pk]).get(sku.pk)
    form = ComponentsForm(request.POST or None, initial=initial_of(sku, recipe))
    if request.method == "POST":
        principal.require_everywhere()
    if request.method != "POST" or not form.is_valid() or request.POST.get("edit"):
        return _page(request, form, sku, recipe, None)
    parts = [(part.pk, units) for part, units in form.cleaned_data["lines"]]
    if not request.POST.get("confirmed"):
        return _page(request, form, sku, recipe, _effects(sku, parts, principal))
    try:
        once_per_form(request, lambda: _save(sku, parts, form.cleaned_data, principal))
    except Conflict:
        raise
    except DomainError as error:
        form.add_error("lines", error.message)
        return _page(request, form, sku, recipe, None)
    done = _("The components of %(sku)s are saved.") if parts else _("%(sku)s is no kit any more.")
    messages.success(request, done % {"sku": sku.code})
    return HttpResponseRedirect(reverse("dashboard:sku", args=[sku.pk]))


def _page(
    request: HttpRequest, form: ComponentsForm, sku: Sku, recipe: Recipe | None, effects: list[dict[str, Any]] | None
) -> HttpResponse:
    refused = request.method == "POST" and effects is None and not request.POST.get("edit")
    context = {"form": form, "sku": sku, "recipe": recipe, "preview": effects}
    return render(request, "dashboard/inventory/kits/form.html", context, status=422 if refused else 200)


def _save(sku: Sku, parts: list[tuple[int, int]], data: dict[str, Any], principal: Principal) -> dict[str, Any]:
    define_kit(
        kit_id=sku.pk, components=[ComponentTerms(pk, units) for pk, units in parts], actor=principal.name,
        ships_together=data["ships_together"], seen=data["version"],
    )  # fmt: skip
    return {"sku": sku.pk}


def _effects(sku: Sku, parts: list[tuple[int, int]], principal: Principal) -> list[dict[str, Any]]:
    """ATP of the kit at each node, before and after, and what stays as it is."""
    before = {place.node_code: place.atp for place in kits_at_nodes([sku.pk])}
    after = {place.node_code: place for place in (parts_at_nodes(parts) if parts else [])}
    rows: list[dict[str, Any]] = []
    for code in sorted(before.keys() | after.keys()):
        place = after.get(code)
        if not before.get(code, 0) and (place is None or not place.atp):
            continue
        sentence = place.sentence() if place else ""
        rows.append({
            "kind": "stock", "text": f"{sku.code}: ATP {code} {sentence}".strip(), "before": str(before.get(code, 0)),
            "after": str(place.atp if place else 0),
        })  # fmt: skip
    if parts and not any(place.atp for place in after.values()):
        rows.append({"icon": "alert-triangle", "tone": "bad", "text": _("No node can assemble any at this moment.")})
    waiting = waiting_units([sku.pk]).get(sku.pk, 0)
    if waiting and parts:
        text = ngettext("%(n)s unit of it", "%(n)s units of it", waiting) % {"n": waiting}
        rows.append({"icon": "hourglass", "tone": "bad", "text": _(
            "%(units)s were ordered before it was a kit and wait for stock of its own: cancel them and take them anew."
        ) % {"units": text}})  # fmt: skip
    rows.append({"icon": "history", "text": _("Orders that came before keep the components they came with.")})
    rows.append({"icon": "broadcast", "text": _("Channels are told what may be sold of it now.")})
    return rows


def kit_context(request: HttpRequest, sku: Sku) -> dict[str, Any]:
    """What the page of a SKU says of kits: its components and where it can be assembled, or the kits around it."""
    principal = principal_of(request)
    around = KitComponent.objects.filter(component=sku).select_related("kit").order_by("kit__code")
    context: dict[str, Any] = {
        "part_of": list(around), "may_edit_kit": principal.may("inventory.rules") and principal.sees_everything,
        "recipe": None, "places": [],
    }  # fmt: skip
    if not sku.is_kit:
        return context
    recipe = read_recipes([sku.pk]).get(sku.pk)
    nodes = in_node_scope(Node.objects.all(), principal, "code")
    places = kits_at_nodes([sku.pk], list(nodes.values_list("pk", flat=True)))
    places.sort(key=lambda place: (-place.atp, place.node_code))
    each = {
        one.sku_id: sum(max(0, part.atp) for place in places for part in place.parts if part.sku_id == one.sku_id)
        for one in (recipe.components if recipe else ())
    }
    return context | {
        "recipe": recipe, "places": places, "kit_atp": sum(place.atp for place in places),
        "components": [
            (one, each[one.sku_id], each[one.sku_id] // one.quantity) for one in (recipe.components if recipe else ())
        ],
    }  # fmt: skip


def level_of_kit(request: HttpRequest, sku: Sku, node: Node) -> HttpResponse:
    """How many of a kit a node can assemble, and why no more."""
    found = kits_at_nodes([sku.pk], [node.pk])
    place = found[0] if found else KitAtNode(kit_id=sku.pk, node_id=node.pk, node_code=node.code, parts=())
    page = reverse("dashboard:level", args=[sku.pk, node.code])
    template = "level_drawer.html" if is_fragment(request) else "level.html"
    context = {"sku": sku, "node": node, "place": place, "page_url": page}
    return render(request, f"dashboard/inventory/kits/{template}", context)
