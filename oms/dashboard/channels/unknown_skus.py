"""The codes of a message that mean no SKU yet, each with the SKUs it may mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from channels.services.listings import EXPECTED
from inventory.models import Sku
from oms.dashboard.channels.queries import sku_search


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownSku:
    """A code of a channel, suggestions by likeness, and what a person searched for it."""

    code: str
    suggestions: Sequence[dict[str, Any]]
    find: str
    hits: Sequence[Sku]


def unknown_skus(issues: Sequence[dict[str, Any]], find: str, code: str) -> list[UnknownSku]:
    """Each unknown code once. `find` is what a person searched for the code `code`."""
    seen: dict[str, Sequence[dict[str, Any]]] = {}
    for issue in issues:
        if issue.get("expected") == EXPECTED and issue.get("got"):
            seen.setdefault(str(issue["got"]), issue.get("suggestions", []))
    return [
        UnknownSku(
            code=name, suggestions=suggestions, find=find if name == code else "",
            hits=sku_search(find) if name == code else [],
        )
        for name, suggestions in seen.items()
    ]  # fmt: skip
