"""Moving and keeping back stock: shown first, then done once."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from inventory.models import Node, Sku, StockLevel
from inventory.selectors import find_sku_by_code_or_barcode
from inventory.services import StockLine, move, set_safety_stock
from oms.accounts.access import in_node_scope, principal_of, requires
from oms.core.errors import DomainError
from oms.dashboard.inventory.access import node_for, sku_for
from oms.dashboard.inventory.forms import LinesForm, MoveForm, SafetyForm


def first_line(request: HttpRequest) -> str:
    """The SKU named in the address, as the first line of the form."""
    text = request.GET.get("sku", "")
    sku = Sku.objects.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 19 else None
    sku = sku or find_sku_by_code_or_barcode(text)
    return f"{sku.code} 1" if sku else ""


def lines_page(
    request: HttpRequest, form: LinesForm, node: Node, template: str, effects: list[dict[str, Any]] | None
) -> HttpResponse:
    """The form, or what it would do."""
    context = {"form": form, "node": node, "preview": effects}
    refused = request.method == "POST" and effects is None and not request.POST.get("edit")
    return render(request, f"dashboard/inventory/{template}", context, status=422 if refused else 200)


def back_to(node: Node, lines: list[tuple[Sku, int]]) -> str:
    """The page that shows what was done: of the one SKU, or of the node."""
    if len(lines) == 1:
        return reverse("dashboard:level", args=[lines[0][0].pk, node.code])
    return reverse("dashboard:node", args=[node.code])


def levels_of(node: Node, lines: list[tuple[Sku, int]]) -> dict[int, StockLevel]:
    """What the node has of these SKUs, by SKU id."""
    levels = StockLevel.objects.filter(node=node, sku__in=[sku for sku, _ in lines])
    return {level.sku_id: level for level in levels}


@require_http_methods(["GET", "POST"])
@requires("inventory.move")
def move_stock(request: HttpRequest, code: str) -> HttpResponse:
    """Carry goods to another node: form, preview, then one move."""
    node = node_for(request, code)
    principal = principal_of(request)
    others = in_node_scope(Node.objects.exclude(pk=node.pk).order_by("code"), principal, "code")
    initial = {"lines": first_line(request), "to_node": request.GET.get("to", "")}
    form = MoveForm(request.POST or None, nodes=others, initial=initial)
    if request.method != "POST" or not form.is_valid() or request.POST.get("edit"):
        return lines_page(request, form, node, "move.html", None)
    data = form.cleaned_data
    if not request.POST.get("confirmed"):
        return lines_page(request, form, node, "move.html", _move_effects(node, data["to_node"], data["lines"]))
    try:
        units = move(
            from_node_id=node.pk, to_node_id=data["to_node"].pk, op_key=f"move/{data['op_key']}",
            lines=[StockLine(sku.pk, quantity) for sku, quantity in data["lines"]], actor=principal.name,
        )  # fmt: skip
    except DomainError as error:
        form.add_error("lines", error.message)
        return lines_page(request, form, node, "move.html", None)
    done = f"{units} units moved from {node.code} to {data['to_node'].code}."
    messages.success(request, done if units else "This was moved before; nothing changed now.")
    return HttpResponseRedirect(back_to(data["to_node"], data["lines"]))


def _move_effects(node: Node, to_node: Node, lines: list[tuple[Sku, int]]) -> list[dict[str, Any]]:
    here, there = levels_of(node, lines), levels_of(to_node, lines)
    rows: list[dict[str, Any]] = []
    for sku, quantity in lines:
        atp = here[sku.pk].atp if sku.pk in here else 0
        target = there[sku.pk].atp if sku.pk in there else 0
        rows.append({"kind": "stock", "text": f"{sku.code}: ATP at {node.code}", "before": str(atp),
                     "after": str(atp - quantity), "tone": "bad" if quantity > atp else ""})  # fmt: skip
        rows.append({"kind": "stock", "text": f"{sku.code}: ATP at {to_node.code}", "before": str(target),
                     "after": str(target + quantity)})  # fmt: skip
    return rows


@require_POST
@requires("inventory.adjust")
def safety_stock(request: HttpRequest, sku_id: int, code: str) -> HttpResponse:
    """Keep units of a SKU at a node back from every promise."""
    node = node_for(request, code)
    sku = sku_for(sku_id)
    page = reverse("dashboard:level", args=[sku.pk, node.code])
    form = SafetyForm(request.POST)
    if not form.is_valid():
        raise DomainError("Enter the safety stock as a whole number from 0.", field="quantity")
    if not StockLevel.objects.filter(sku=sku, node=node).exists():
        raise DomainError(f"{node.code} never had {sku.code}: receive some first.", field="quantity")
    set_safety_stock(
        node_id=node.pk, sku_id=sku.pk, quantity=form.cleaned_data["quantity"], actor=principal_of(request).name
    )
    messages.success(request, f"{sku.code} at {node.code}: safety stock {form.cleaned_data['quantity']}.")
    return HttpResponseRedirect(page)
