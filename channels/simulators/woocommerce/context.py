"""What every part of the store needs: its memory, its clock, its address and who is told of a change."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from channels.simulators.woocommerce.database import Database

VERSION = "9.8.5"


def utc_now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


def _tell_nobody(topic: str, resource_id: int) -> None:
    """Until the webhooks are connected there is nobody to tell."""


@dataclass(slots=True, kw_only=True)
class Context:
    """Shared by all parts. `announce` is called inside the transaction of the change it announces."""

    database: Database
    base_url: str
    clock: Callable[[], datetime] = utc_now
    random: random.Random = field(default_factory=random.Random)
    prices_include_tax: bool = False
    announce: Callable[[str, int], None] = _tell_nobody

    def now_text(self) -> str:
        """The time as WooCommerce writes it; the store's own zone is UTC, as the recorded one's was."""
        return self.clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")

    def link(self, path: str) -> list[dict[str, str]]:
        """A link of `_links`."""
        return [{"href": f"{self.base_url}/wp-json/wc/v3{path}"}]
