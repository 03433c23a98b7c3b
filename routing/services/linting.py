"""Lint of a policy against the nodes and carriers that there are."""

from __future__ import annotations

from inventory.models import Substitute
from routing.engine import NodeInput, OrderInput
from routing.policy.document import Document
from routing.policy.lint import Finding, lint
from routing.services.context import lane, nodes_now


def lint_policy(document: Document) -> list[Finding]:
    """Every finding, looking at the nodes as they are now."""
    nodes = nodes_now()
    return lint(
        document, nodes, without_carrier=[node.code for node in nodes if _has_no_carrier(node)],
        any_substitute=Substitute.objects.exists(),
    )  # fmt: skip


def _has_no_carrier(node: NodeInput) -> bool:
    """An active node that ships, from which not even its own postcode can be reached."""
    if not node.active or not node.ships:
        return False
    return not lane(OrderInput(key=0, lines=(), postcode=node.postcode, country=node.country), node).serviceable
