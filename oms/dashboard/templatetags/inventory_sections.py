"""The sections of the inventory, as tabs under the heading of each of their pages."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from oms.accounts.access import principal_of

register = template.Library()

#: Key, label, address, verb that opens it.
SECTIONS = (
    ("stock", _("Stock"), "dashboard:inventory", "inventory.view"),
    ("purchase_orders", _("Purchase orders"), "dashboard:purchase_orders", "inventory.view"),
    ("transfers", _("Transfers"), "dashboard:transfers", "inventory.view"),
    ("counts", _("Counts"), "dashboard:counts", "inventory.view"),
    ("lots", _("Lots"), "dashboard:lots", "inventory.view"),
    ("adjustments", _("Adjustments"), "dashboard:adjustments", "inventory.view"),
    ("buffers", _("Buffers"), "dashboard:buffers", "inventory.view"),
    ("publication", _("Publication"), "dashboard:publication", "channels.view"),
    ("replenishment", _("Replenishment"), "dashboard:replenishment", "inventory.view"),
    ("nodes", _("Nodes"), "dashboard:nodes", "inventory.view"),
    ("differences", _("Differences"), "dashboard:stock_differences", "inventory.view"),
)


@register.inclusion_tag("dashboard/inventory/_sections.html", takes_context=True)
def inventory_sections(context: dict[str, Any], active: str) -> dict[str, Any]:
    """The tabs that this person may open, with `active` as the one that is open."""
    principal = principal_of(context["request"])
    items = [
        {"label": label, "url": _url(name), "active": key == active}
        for key, label, name, verb in SECTIONS
        if principal.may(verb) and _url(name)
    ]
    return {"items": items}


def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
