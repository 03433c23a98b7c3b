"""A warehouse system at the other end of the REST API, as the crew of the demo uses it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import requests

from oms.core.errors import PermanentError, TransientError
from oms.core.http import Session

Work = dict[str, Any]
_PAGE = 200


class WarehouseClient:
    """Lists, picks, packs and hands over through `/api/v1`, with an API token. Quantities are units.

    Raises TransientError where the application does not answer, PermanentError with its sentence where it refuses.
    Every write has an idempotency key that names it, so that repeating it is harmless.
    """

    def __init__(self, base_url: str, token: str) -> None:
        self._base_url = f"{base_url.rstrip('/')}/api/v1"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._session = Session(retries=1, timeout_seconds=20.0)

    def list_open(self, node: str, states: Iterable[str]) -> list[Work]:
        """Work that people of a node do in these states, oldest first."""
        found: list[Work] = []
        after: int | None = 0
        while after is not None:
            query = {"node": node, "state": ",".join(states), "after": str(after), "limit": str(_PAGE)}
            reply = self._call("GET", "/fulfillment-orders", query=query)
            found += [work for work in reply["fulfillment_orders"] if not work["with_wms"]]
            after = reply["next"]
        return found

    def pick(self, work_id: int, line_id: int, quantity: int) -> Work:
        """Units of a line are in the tote."""
        return self._write(f"/fulfillment-orders/{work_id}/picks", f"pick/{line_id}",
                           {"line_id": line_id, "quantity": quantity})  # fmt: skip

    def short(self, work_id: int, line_id: int, quantity: int, reason: str) -> Work:
        """Units of a line are not there."""
        return self._write(f"/fulfillment-orders/{work_id}/shorts", f"short/{line_id}",
                           {"line_id": line_id, "quantity": quantity, "reason": reason})  # fmt: skip

    def pack(self, work_id: int) -> Work:
        """One parcel with everything that was picked."""
        return self._write(f"/fulfillment-orders/{work_id}/pack", f"pack/{work_id}", {"parcels": [{}]})

    def hand_over(self, shipment_ids: Sequence[int]) -> list[int]:
        """The driver took these parcels; those that had not left before."""
        key = f"hand-over/{min(shipment_ids)}-{max(shipment_ids)}-{len(shipment_ids)}"
        reply = self._write("/shipments/hand-over", key, {"shipment_ids": list(shipment_ids)})
        return list(reply["handed_over"])

    def list_hand_offs(self, node: str, states: Iterable[str]) -> list[Work]:
        """The oldest work that the WMS of a node was given and that stands so."""
        query = {"node": node, "state": ",".join(states), "limit": str(_PAGE)}
        return list(self._call("GET", "/hand-offs", query=query)["hand_offs"])

    def hand_off(self, number: str) -> Work:
        """One piece of work that a WMS was given."""
        return self._call("GET", f"/hand-offs/{number}")

    def say(self, row: Work, what: str, body: Work) -> Work:
        """What the WMS did of the work, under its own name for it."""
        event_id = f"{row['work']}/{what}/{row['version']}"
        return self._write(f"/hand-offs/{row['work']}/{what}", event_id,
                           body | {"version": row["version"], "event_id": event_id})  # fmt: skip

    def receive(self, node: str, reference: str, units: Mapping[str, int]) -> None:
        """Goods from a supplier: units by SKU code."""
        lines = [{"sku": code, "quantity": quantity} for code, quantity in units.items()]
        self._write("/inventory/receipts", f"receive/{reference}",
                    {"node": node, "reference": reference, "lines": lines})  # fmt: skip

    def _write(self, path: str, key: str, body: dict[str, Any]) -> Work:
        return self._call("POST", path, body=body, key=key)

    def _call(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None, key: str = ""
    ) -> Work:
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        try:
            response = self._session.request(method, self._base_url + path, params=query, json=body, headers=headers)
        except requests.RequestException as error:
            raise TransientError(f"The application does not answer: {type(error).__name__}.") from None
        if response.status_code >= 500 or response.status_code == 429:
            raise TransientError(f"{path} answered {response.status_code}.")
        try:
            reply = response.json()
        except requests.JSONDecodeError:
            reply = {}
        if response.status_code >= 400:
            message = reply.get("message") if isinstance(reply, dict) else None
            raise PermanentError(f"{path}: {message or response.status_code}")
        if not isinstance(reply, dict):
            raise PermanentError(f"{path} answered with something that is not an object.")
        return reply
