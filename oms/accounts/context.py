"""What every page needs: who is here, what the navigation shows, where the shell stands."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from oms.accounts.access import principal_of_user
from oms.accounts.models import User

#: Label, icon, address, verb. Entries without the verb are not shown.
_NAVIGATION = (
    ("Tower", "layout-dashboard", "/", "tower.view"),
    ("Orders", "shopping-cart", "/orders/", "orders.view"),
    ("Fulfil", "package", "/fulfil/", "fulfillment.view"),
    ("Inventory", "building-warehouse", "/inventory/", "inventory.view"),
    ("Routing", "route", "/routing/", "routing.view"),
    ("Promise", "calendar-due", "/promise/", "promise.view"),
    ("Returns", "arrow-back-up", "/returns/", "returns.view"),
    ("Channels", "plug", "/channels/", "channels.view"),
    ("Carriers", "truck", "/carriers/", "carriers.view"),
    ("Settings", "settings", "/settings/", "imports.run"),
)


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context of base templates: `nav`, `principal`, `demo`, `shell`, and `may_see_orders` for links to orders."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"nav": [], "principal": None, "demo": settings.DEMO, "may_see_orders": False}
    principal = principal_of_user(user)
    path = request.path
    nav = [
        {"label": label, "icon": icon, "url": url, "active": path == url or (url != "/" and path.startswith(url))}
        for label, icon, url, verb in _NAVIGATION
        if principal.may(verb)
    ]
    frame = {
        "jobs_url": "/jobs/" if principal.may("jobs.view") else "",
        "shortcuts_off": not user.single_key_shortcuts,
    }
    return {
        "nav": nav, "principal": principal, "demo": settings.DEMO, "shell": frame,
        "may_see_orders": principal.may("orders.view"),
    }  # fmt: skip
