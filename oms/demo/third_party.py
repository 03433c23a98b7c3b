"""The distribution centre that a 3PL runs: its WMS reads files, and says through the REST API what it did."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fulfillment.models import LinkFormat, LinkMode, LinkSilence
from inventory.models import NodeKind
from oms.core.errors import PermanentError
from oms.demo.nodes import DCS
from oms.demo.pace import Pace
from oms.demo.warehouse import WarehouseClient
from oms.demo.world import Standing
from oms.integrations.services.wms_links import LinkWish, save_link

logger = logging.getLogger(__name__)
#: The one in Kolkata.
NODE = DCS[-1].code
_OPEN = ("submitted", "accepted", "cancellation_requested", "cancellation_rejected")


def add(standing: Standing) -> None:
    """Link it: from now on its work goes to the 3PL."""
    node = standing.nodes[NODE]
    node.kind = NodeKind.THIRD_PARTY
    node.save(update_fields=["kind"])
    save_link(node.pk, LinkWish(mode=LinkMode.FILE, file_format=LinkFormat.CSV, answer_minutes=30,
                                on_silence=LinkSilence.WAIT))  # fmt: skip


@dataclass(slots=True)
class ThirdParty:
    """The 3PL at work: one thing at a time, the oldest work first."""

    client: WarehouseClient
    pace: Pace
    luck: random.Random
    clock: Callable[[], float] = time.monotonic
    next_at: float = 0.0
    put_off: dict[str, float] = field(default_factory=dict)

    def work(self) -> int:
        """Say the next thing where it is time to; the number of things said."""
        moment = self.clock()
        if moment < self.next_at:
            return 0
        self.next_at = moment + self.luck.uniform(0.6, 1.5) * self.pace.order_seconds / self.pace.speed
        for row in self.client.list_hand_offs(NODE, _OPEN):
            if row["on_hold"] or self.put_off.get(row["work"], 0.0) > moment:
                continue
            try:
                self._next(row)
                return 1
            except PermanentError as error:
                # Not labelled yet, changed or taken back meanwhile: looked at again a little later.
                logger.info("%s: %s", row["work"], error)
                self.put_off[row["work"]] = moment + self.pace.pickup_seconds / self.pace.speed
        return 0

    def _next(self, row: dict[str, Any]) -> None:
        if row["state"] == "cancellation_requested" and row["work_state"] not in ("packed", "ready"):
            self.client.say(row, "cancellation/accept", {})
        elif row["state"] == "submitted":
            self.client.say(row, "accept", {})
        elif row["work_state"] in ("packed", "ready"):
            self.client.say(row, "ship", {})
        else:
            if self.luck.random() < self.pace.short_share:
                self._short(row)
            self.client.say(row, "pack", {"boxes": [{"box": "B1"}]})

    def _short(self, row: dict[str, Any]) -> None:
        line = self.client.hand_off(row["work"])["fulfillment_order"]["lines"][0]
        units = [{"line_id": line["id"], "quantity": 1, "reason": "not_found"}]
        self.client.say(row, "shorts", {"units": units})
