"""A warehouse system that packs and hands over a part of the work through the REST API, some hours after it came."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import connection

from benchmarks.replay.doors import Market, Refused
from fulfillment.models import FulfillmentOrder, Shipment

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.5
_VANS_EVERY_SECONDS = 3.0
#: Work committed later than work with a higher id is looked for this far back.
_LOOK_BACK = 500


@dataclass(slots=True)
class Floor:
    """`wants` says by its external id whether an order is shipped, `after_seconds` how long after its release."""

    market: Market
    wants: Callable[[str], bool]
    after_seconds: float
    packed: int = 0
    handed_over: int = 0
    errors: list[str] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)
    _due: list[tuple[float, int]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to work."""
        self._thread = threading.Thread(target=self._work, name="floor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Do no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        vans = time.monotonic()
        try:
            while not self._stop.wait(_PAUSE_SECONDS):
                self._notice()
                self._pack_due()
                if time.monotonic() - vans > _VANS_EVERY_SECONDS:
                    vans = time.monotonic()
                    self._hand_over()
        except Exception as error:
            logger.exception("The floor has stopped")
            self.errors.append(f"{type(error).__name__}: {error}")
        finally:
            connection.close()

    def _notice(self) -> None:
        """New work. Read from the database: a warehouse system would page through it, which is no part of this."""
        low = max(self._seen, default=0) - _LOOK_BACK
        rows = FulfillmentOrder.objects.filter(pk__gt=low, state__in=["open", "accepted"])
        for pk, external_id in rows.values_list("pk", "order__external_id"):
            if pk not in self._seen:
                self._seen.add(pk)
                if self.wants(external_id):
                    self._due.append((time.monotonic() + self.after_seconds, pk))

    def _pack_due(self) -> None:
        moment = time.monotonic()
        ready = [pk for due, pk in self._due if due <= moment]
        self._due = [entry for entry in self._due if entry[0] > moment]
        for work in FulfillmentOrder.objects.filter(pk__in=ready).prefetch_related("lines"):
            try:
                for line in work.lines.all():
                    body = {"line_id": line.pk, "quantity": line.quantity}
                    self.market.call(f"/fulfillment-orders/{work.pk}/picks", body, key=f"pick/{line.pk}")
                self.market.call(f"/fulfillment-orders/{work.pk}/pack", {"parcels": [{}]}, key=f"pack/{work.pk}")
                self.packed += 1
            except Refused as error:
                self.errors.append(str(error))

    def _hand_over(self) -> None:
        ids = list(Shipment.objects.filter(state="labelled").order_by("pk").values_list("pk", flat=True)[:200])
        if not ids:
            return
        key = f"hand-over/{ids[0]}-{ids[-1]}-{len(ids)}"
        try:
            reply = self.market.call("/shipments/hand-over", {"shipment_ids": ids}, key=key)
            self.handed_over += len(reply["handed_over"])
        except Refused as error:
            self.errors.append(str(error))
