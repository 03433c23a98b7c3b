"""The people of the distribution centres: they pick, pack and hand over at a human pace, through the REST API.

Stores are left alone: that work is for whoever looks at the demo.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from inventory.models import StockLevel
from oms.accounts.models import ApiToken
from oms.accounts.services import create_token
from oms.core.errors import PermanentError
from oms.demo.nodes import DCS
from oms.demo.outside import CREW_TOKEN
from oms.demo.pace import Pace
from oms.demo.third_party import ThirdParty
from oms.demo.warehouse import WarehouseClient, Work

logger = logging.getLogger(__name__)

_SHORTS = ("not_found", "not_found", "damaged", "display_worn")
_TO_PICK = ("open", "accepted", "picking")
_VERBS = ("fulfillment.view", "fulfillment.work", "inventory.receive", "inventory.view")


def crew_token() -> str:
    """A fresh token for the crew of the distribution centres; the one of an earlier run ends."""
    ApiToken.objects.filter(name=CREW_TOKEN).delete()
    _, text = create_token(name=CREW_TOKEN, verbs=_VERBS, node_codes=[node.code for node in DCS])
    return text


@dataclass(slots=True)
class Team:
    """The people of one distribution centre."""

    node: str
    client: WarehouseClient
    pace: Pace
    luck: random.Random
    clock: Callable[[], float] = time.monotonic
    next_order: float = 0.0
    next_pickup: float = 0.0
    next_restock: float = 0.0
    newest_first: bool = False
    picked_at: dict[int, float] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)

    def work(self) -> int:
        """Do what is due now; the number of things done. Raises TransientError where the application is away."""
        moment = self.clock()
        done = 0
        if moment >= self.next_order:
            self.next_order = moment + self._seconds(self.pace.order_seconds)
            done += self._pick_one(moment)
        done += self._pack_due(moment)
        if moment >= self.next_pickup:
            self.next_pickup = moment + self._seconds(self.pace.pickup_seconds)
            done += self._hand_over()
        if moment >= self.next_restock:
            self.next_restock = moment + self._seconds(self.pace.restock_seconds)
            done += self._restock()
        return done

    def _seconds(self, usual: float) -> float:
        return self.luck.uniform(0.6, 1.5) * usual / self.pace.speed

    def _pick_one(self, moment: float) -> int:
        """Pick one order: the oldest and the newest by turns, so that nothing starves and new orders can be watched."""
        waiting = [work for work in self.client.list_open(self.node, _TO_PICK) if work["id"] not in self.refused]
        if not waiting:
            return 0
        self.newest_first = not self.newest_first
        chosen = waiting[-1] if self.newest_first else waiting[0]
        try:
            self._pick(chosen)
        except PermanentError as error:
            # Cancelled or held in the meantime, or changed by a person.
            logger.info("%s: %s", chosen["number"], error)
            self.refused.add(chosen["id"])
            return 0
        self.picked_at[chosen["id"]] = moment
        return 1

    def _pick(self, work: Work) -> None:
        for line in work["lines"]:
            left = line["quantity"] - line["picked"] - line["short"]
            if left and self.luck.random() < self.pace.short_share:
                self.client.short(work["id"], line["id"], 1, self.luck.choice(_SHORTS))
                left -= 1
            if left:
                self.client.pick(work["id"], line["id"], left)

    def _pack_due(self, moment: float) -> int:
        done = 0
        for work in self.client.list_open(self.node, ["picked"]):
            picked_at = self.picked_at.setdefault(work["id"], moment)
            if work["id"] in self.refused or moment < picked_at + self.pace.pack_seconds / self.pace.speed:
                continue
            try:
                self.client.pack(work["id"])
                done += 1
            except PermanentError as error:
                logger.info("%s: %s", work["number"], error)
                self.refused.add(work["id"])
            self.picked_at.pop(work["id"], None)
        return done

    def _hand_over(self) -> int:
        """The driver takes whatever has a label."""
        ready = [
            shipment["id"] for work in self.client.list_open(self.node, ["packed", "ready"])
            for shipment in work["shipments"] if shipment["state"] in ("labelled", "manifested")
        ]  # fmt: skip
        if not ready:
            return 0
        try:
            return len(self.client.hand_over(ready[:200]))
        except PermanentError as error:
            logger.info("Hand-over at %s: %s", self.node, error)
        # One that may not leave keeps the others back: they go one by one.
        return sum(self._hand_over_alone(pk) for pk in ready[:200])

    def _hand_over_alone(self, shipment_id: int) -> int:
        try:
            return len(self.client.hand_over([shipment_id]))
        except PermanentError:
            return 0

    def _restock(self) -> int:
        """A supplier's van: what runs low here comes in, so that the shop can go on selling."""
        low = StockLevel.objects.select_related("sku").filter(node__code=self.node, on_hand__lt=6, sku__tracking="none")
        units = {level.sku.code: self.luck.randint(6, 15) for level in low.order_by("on_hand", "pk")[:8]}
        if not units:
            return 0
        self.client.receive(self.node, f"GRN-{self.node}-{time.time_ns() // 1_000_000}", units)
        return 1


def teams(base_url: str, pace: Pace, seed: int) -> list[Team | ThirdParty]:
    """One team for each distribution centre, and the 3PL that runs one of them."""
    client = WarehouseClient(base_url, crew_token())
    own = [Team(node.code, client, pace, random.Random(seed + index)) for index, node in enumerate(DCS)]
    return [*own, ThirdParty(client, pace, random.Random(seed))]
