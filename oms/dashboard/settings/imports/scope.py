"""Whose imports may touch what: the engine knows no people, so their scope is applied before it is called."""

from __future__ import annotations

from collections.abc import Mapping

from carriers.models import CarrierAccount
from channels.imports.errors import ImportRefused
from channels.imports.types import KINDS, Kind, Options
from inventory.models import Node
from oms.accounts.access import Principal, in_channel_scope, in_node_scope
from orders.models import SalesChannel


def channel_choices(principal: Principal) -> list[tuple[str, str]]:
    """Channels in scope, by name."""
    rows = in_channel_scope(SalesChannel.objects.order_by("name"), principal, "code")
    return [(row.code, row.name) for row in rows]


def node_choices(principal: Principal) -> list[tuple[str, str]]:
    """Nodes in scope, by code."""
    rows = in_node_scope(Node.objects.order_by("code"), principal, "code")
    return [(row.code, f"{row.code} ({row.name})") for row in rows]


def carrier_choices() -> list[tuple[str, str]]:
    """Every carrier account, by name: money of carriers is the whole company's."""
    return list(CarrierAccount.objects.order_by("name").values_list("code", "name"))


def verb_of(kind: Kind) -> str:
    """The verb that an import of this kind needs."""
    return "finance.edit" if kind == "remittances" else "imports.run"


def kinds_of(principal: Principal) -> list[Kind]:
    """What the person may import."""
    return [kind for kind in KINDS if principal.may(verb_of(kind))]


def refuse_outside(principal: Principal, kind: Kind, mapping: Mapping[str, str] | None, options: Options) -> None:
    """Raises ImportRefused where the import could touch a channel or a node that the person does not see, or recipes,
    or buy what the person may not.

    What kits are assembled from counts on every channel: the column needs the right that the editor needs.
    """
    if kind == "orders" and not principal.sees_channel(options.channel):
        raise ImportRefused("Choose the channel these orders belong to.", field="channel")
    may_assemble = principal.may("inventory.rules") and principal.sees_everything
    if kind == "skus" and "components" in (mapping or {}) and not may_assemble:
        raise ImportRefused(
            "Leave the column of components out: you may not change what kits are assembled from. An admin can "
            "grant it (inventory.rules, for every node and channel).",
            field="components",
        )
    if kind == "purchase_orders" and not principal.may("inventory.buy"):
        raise ImportRefused("You may not buy goods. An admin can grant it (inventory.buy).", field="kind")
    if kind == "substitutes" and not may_assemble:
        raise ImportRefused(
            "You may not say which SKU stands in for which. An admin can grant it (inventory.rules, for every node and "
            "channel).", field="kind",
        )  # fmt: skip
    if principal.all_nodes or kind in {"orders", "skus", "substitutes", "remittances"}:
        return
    if kind == "nodes":
        raise ImportRefused("Only people who see every node may import nodes. An admin can grant it.")
    named = {code for code in (options.node, *options.node_split) if code}
    if "node" in (mapping or {}) or not named or not all(principal.sees_node(code) for code in named):
        raise ImportRefused(
            "You see some nodes only: leave the node column out and choose one of your nodes for the whole file.",
            field="node",
        )
