"""The only permission gate: who may do what, on which nodes and channels.

A verb is "<noun>.<action>". Every view and API operation declares one with `requires` (or `public`), a test over the
URLconf refuses those that do not. Scope is applied to querysets: what lies outside looks as if it did not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from django.contrib.auth.views import redirect_to_login
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from oms.accounts.models import ApiToken, Role, User
from oms.core.errors import Forbidden

M = TypeVar("M", bound=Model)
View = Callable[..., HttpResponseBase]

_READ = {"tower.view", "orders.view", "inventory.view", "routing.view", "fulfillment.view", "returns.view",
         "channels.view", "carriers.view", "reports.view", "search.use", "jobs.view", "promise.view"}  # fmt: skip
_ORDER_CARE = {"orders.hold", "orders.release", "orders.cancel", "orders.edit", "orders.note", "orders.reroute"}
_FLOOR = {"store.use", "fulfillment.view", "fulfillment.work", "inventory.view", "search.use", "orders.view"}

#: Role -> verbs. Personal data (`pii.view`) and export are verbs of their own.
VERBS: dict[str, frozenset[str]] = {
    Role.ADMIN: frozenset({"*"}),
    Role.OPS_MANAGER: frozenset(
        _READ | _ORDER_CARE | _FLOOR
        | {"orders.create", "orders.export", "pii.view", "inventory.adjust", "inventory.receive", "inventory.move",
           "inventory.count", "inventory.approve", "inventory.buy", "inventory.rules", "inventory.export",
           "nodes.switch", "routing.edit", "routing.publish", "imports.run", "imports.use", "channels.edit",
           "channels.sync", "quarantine.fix", "carriers.edit", "deliveries.replay", "fulfillment.manifest",
           "returns.receive", "finance.view", "views.share", "pickups.unlock", "devices.share", "store.sell",
           "handoffs.manage"}
    ),
    Role.OPS_AGENT: frozenset(
        _READ | _ORDER_CARE
        | {"orders.create", "orders.export", "pii.view", "inventory.adjust", "inventory.count", "quarantine.fix",
           "imports.run", "imports.use", "channels.sync", "fulfillment.manifest", "returns.receive", "fulfillment.work",
           "deliveries.replay"}
    ),
    Role.CUSTOMER_SERVICE: frozenset(
        {"tower.view", "orders.view", "orders.hold", "orders.release", "orders.cancel", "orders.edit", "orders.note",
         "pii.view", "inventory.view", "returns.view", "search.use", "jobs.view", "carriers.view", "promise.view"}
    ),
    Role.WAREHOUSE_LEAD: frozenset(
        _FLOOR
        | {"tower.view", "inventory.adjust", "inventory.receive", "inventory.move", "inventory.count",
           "inventory.approve", "fulfillment.manifest",
           "returns.receive", "returns.view", "jobs.view", "carriers.view", "pii.view", "nodes.switch",
           "pickups.unlock", "devices.share", "store.sell", "handoffs.manage"}
    ),
    Role.PACKER: frozenset(_FLOOR | {"inventory.count"}),
    Role.STORE_MANAGER: frozenset(
        _FLOOR
        | {"tower.view", "inventory.adjust", "inventory.receive", "inventory.move", "inventory.count",
           "fulfillment.manifest", "returns.receive", "returns.view", "pii.view", "nodes.switch", "jobs.view",
           "pickups.unlock", "devices.share", "store.sell", "handoffs.manage"}
    ),
    Role.STORE_ASSOCIATE: frozenset(
        {"store.use", "store.sell", "fulfillment.work", "fulfillment.view", "inventory.view", "inventory.count"}
    ),
    Role.FINANCE: frozenset(_READ | {"orders.export", "finance.view", "finance.edit", "imports.use", "pii.view"}),
    Role.INTEGRATOR: frozenset(
        {"channels.view", "channels.edit", "channels.sync", "quarantine.fix", "deliveries.replay", "imports.run",
         "imports.use", "jobs.view", "tower.view", "search.use", "orders.view", "inventory.view", "tokens.edit"}
    ),
    Role.READ_ONLY: frozenset(_READ),
}  # fmt: skip

#: Every verb that exists, for tokens and for the test over the URLconf.
ALL_VERBS: frozenset[str] = frozenset().union(*VERBS.values()) - {"*"} | {
    "users.edit", "settings.edit", "orders.ingest", "stock.write", "stock.hold", "events.read", "demo.edit"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever acts: a person or a machine, with verbs and scopes. `name` goes into timelines and ledgers."""

    name: str
    verbs: frozenset[str]
    all_nodes: bool
    node_codes: frozenset[str]
    all_channels: bool
    channel_codes: frozenset[str]
    user: User | None = None
    #: Who it is among all people and machines; names are not unique.
    key: str = ""

    def may(self, verb: str) -> bool:
        """True when the role or token includes the verb."""
        return "*" in self.verbs or verb in self.verbs

    def sees_node(self, code: str) -> bool:
        """True when the node is in scope."""
        return self.all_nodes or code in self.node_codes

    def sees_channel(self, code: str) -> bool:
        """True when the channel is in scope."""
        return self.all_channels or code in self.channel_codes

    def require(self, verb: str) -> None:
        """Raises Forbidden unless the principal may do it."""
        if not self.may(verb):
            raise Forbidden(f"{self.name} may not do this ({verb}). An admin can grant it.", verb=verb)

    @property
    def sees_labels(self) -> bool:
        """True for who may see papers with a customer's name and address: by right, or because they stick them on."""
        return self.may("pii.view") or self.may("fulfillment.work")

    def require_labels(self) -> None:
        """Raises Forbidden unless the principal may see labels and manifests on paper."""
        if not self.sees_labels:
            self.require("pii.view")

    @property
    def sees_everything(self) -> bool:
        """True without any limit of nodes and channels."""
        return self.all_nodes and self.all_channels

    def require_everywhere(self) -> None:
        """Raises Forbidden for who sees some nodes or channels only: what follows cannot be told apart by them."""
        if not self.sees_everything:
            raise Forbidden(f"{self.name} sees a part of the business only; this is about all of it.")


def principal_of_user(user: User) -> Principal:
    """A signed-in person as a principal."""
    verbs = frozenset({"*"}) if user.is_superuser else VERBS.get(user.role, frozenset())
    return Principal(
        name=user.get_full_name(),
        verbs=verbs,
        all_nodes=user.all_nodes or user.is_superuser,
        node_codes=frozenset(user.node_codes),
        all_channels=user.all_channels or user.is_superuser,
        channel_codes=frozenset(user.channel_codes),
        user=user,
        key=f"user:{user.pk}",
    )


def principal_of_token(token: ApiToken) -> Principal:
    """A machine as a principal."""
    return Principal(
        name=f"API {token.name}",
        verbs=frozenset(token.verbs),
        all_nodes=token.all_nodes,
        node_codes=frozenset(token.node_codes),
        all_channels=token.all_channels,
        channel_codes=frozenset(token.channel_codes),
        key=f"token:{token.pk}",
    )


def principal_of(request: HttpRequest) -> Principal:
    """Who makes this request. Raises Forbidden for visitors who are not signed in."""
    cached = getattr(request, "principal", None)
    if isinstance(cached, Principal):
        return cached
    user = request.user
    if not user.is_authenticated:
        raise Forbidden("Please sign in.")
    principal = principal_of_user(user)
    request.principal = principal  # type: ignore[attr-defined]
    return principal


def requires(verb: str) -> Callable[[View], View]:
    """Declare the verb a view needs: visitors are sent to sign in, others without the verb get 403."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                if request.headers.get("HX-Request"):
                    return HttpResponse(status=401, headers={"HX-Redirect": "/accounts/login/"})
                return redirect_to_login(request.get_full_path())
            principal_of(request).require(verb)
            return view(request, *args, **kwargs)

        guarded.required_verb = verb  # type: ignore[attr-defined]
        return guarded

    return decorate


def public(view: View) -> View:
    """Declare that a view needs no sign-in: it has its own proof (a token, a signature) or shows nothing private."""
    view.required_verb = "public"  # type: ignore[attr-defined]
    return view


def in_node_scope(queryset: QuerySet[M], principal: Principal, path: str = "node__code") -> QuerySet[M]:
    """Only rows of nodes in scope. `path` leads from the model to the node's code."""
    if principal.all_nodes:
        return queryset
    return queryset.filter(**{f"{path}__in": sorted(principal.node_codes)})


def in_channel_scope(queryset: QuerySet[M], principal: Principal, path: str = "channel__code") -> QuerySet[M]:
    """Only rows of channels in scope. `path` leads from the model to the channel's code."""
    if principal.all_channels:
        return queryset
    return queryset.filter(**{f"{path}__in": sorted(principal.channel_codes)})


def in_work_scope(queryset: QuerySet[M], principal: Principal) -> QuerySet[M]:
    """Only rows of what one node does for an order (work, parcels, returns): its node and the order's channel."""
    return in_channel_scope(in_node_scope(queryset, principal), principal, "order__channel__code")


def in_order_scope(queryset: QuerySet[M], principal: Principal, order_path: str = "") -> QuerySet[M]:
    """Only orders (or rows of orders) in scope: by channel, and for people of some nodes by the work given to them."""
    prefix = f"{order_path}__" if order_path else ""
    queryset = in_channel_scope(queryset, principal, f"{prefix}channel__code")
    if principal.all_nodes:
        return queryset
    condition = Q(**{f"{prefix}fulfillment_orders__node__code__in": sorted(principal.node_codes)})
    return queryset.filter(condition).distinct()
