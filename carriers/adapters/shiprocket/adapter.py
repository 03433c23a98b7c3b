"""Shiprocket: a courier aggregator of India. See README.md beside this file for the contract and what is certain.

`CarrierConfig.secrets`: `email`, `password` (of an API user), `webhook_token`. `CarrierConfig.settings` (all optional):
`pickup_locations` (our node code -> the name in the panel), `channel_id`, `default_email`, `timeout_seconds`.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

from carriers.adapters.calls import Reply
from carriers.adapters.oauth import TokenClients
from carriers.adapters.shiprocket import mapping, tracking
from carriers.adapters.shiprocket.client import BASE_URL, Client, vendor_message
from carriers.adapters.shiprocket.mapping import HeldOrder
from carriers.base import (
    Booked,
    BookingRequest,
    CarrierConfig,
    Certainty,
    NdrAction,
    NdrAnswer,
    Rate,
    RateRequest,
    TrackingUpdate,
    UnknownOutcome,
)
from carriers.errors import BadSignature, LaneRefused, NoPrices, StillUnderWay
from oms.core.errors import PermanentError, TransientError
from oms.core.http import READ_TIMEOUT_SECONDS

_REFUSED = frozenset({400, 404, 422})
#: Pages of a search that are read before it counts as too wide to prove anything.
_SEARCH_PAGES = 5


class ShiprocketAdapter:
    """Speaks Shiprocket's external API. Keeps nothing but sessions and tokens, in memory, per account."""

    code = "shiprocket"
    name = "Shiprocket"
    certainty = Certainty.RECORDED
    not_offered = ("parcels that cross a border", "labels as ZPL")

    def __init__(self) -> None:
        self._clients = TokenClients(Client)

    # -- CarrierAdapter ------------------------------------------------------------------------------------------------

    def rates(self, config: CarrierConfig, request: RateRequest) -> list[Rate]:
        """Services that carry it, cheapest first; an empty list means not serviceable.

        Raises NoPrices for a parcel that Shiprocket cannot price as it stands: nothing is wrong with the account.
        """
        if request.country != "IN":
            return []
        query = mapping.rate_query(request)
        reply = self._client(config).get("/courier/serviceability/", query, what="Serviceability", accept=_REFUSED)
        if reply.status in (400, 422):
            raise NoPrices(vendor_message(reply.body))
        return mapping.read_rates(reply.as_object())

    def book(self, config: CarrierConfig, request: BookingRequest) -> Booked:
        """Open the order under our reference and have an AWB assigned to it.

        An order that stands half-done under the reference is completed, one that has an AWB is adopted, a cancelled one
        is left alone and booked anew under the next `-R<n>` after the vendor confirmed that it is cancelled.
        """
        payload = mapping.order_payload(request, config.settings)
        client = self._client(config)
        order = self._open_order(client, payload, request.client_reference)
        if order.cancelled:
            order = self._open_next_round(client, payload, request.client_reference, order)
        return self._complete(client, request.courier_id, order)

    def find_booking(self, config: CarrierConfig, client_reference: str) -> Booked | None:
        """What Shiprocket holds under our reference, cancelled rounds skipped; None when nothing of it is alive.

        A booking with an empty `awb` is an order that stands half-done: `book` completes it, `cancel` voids it.
        Raises `TransientError` while a cancellation is under way.
        """
        rounds = self._rounds(self._client(config), client_reference)
        if not rounds or rounds[-1].cancelled:
            return None
        _refuse_cancelling(rounds[-1])
        return mapping.booked_of(rounds[-1])

    def cancel(self, config: CarrierConfig, booked: Booked) -> None:
        """Void the booking, the order with it. Doing it twice does no harm."""
        client = self._client(config)
        order_id = booked.external_ids.get("order_id", "")
        if not order_id:
            body = {"awbs": [booked.awb]}
            client.post("/orders/cancel/shipment/awbs", body, what="Cancellation", repeatable=True)
            return
        reply = self._cancel_order(client, order_id)
        if reply is not None and reply.ok:
            return
        # A refusal and a lost reply look alike until the order is read: it may have been cancelled before or just now.
        order = self._show(client, order_id)
        if order is None or order.cancelled or order.cancelling:
            return
        if reply is None or reply.status >= 500:
            raise TransientError(f"Order {order_id} is not cancelled yet.")
        raise PermanentError(f"Cancellation was refused: {vendor_message(reply.body)}")

    def track(self, config: CarrierConfig, awb: str) -> TrackingUpdate:
        """Every scan so far; none while the courier has none."""
        path = f"/courier/track/awb/{quote(awb, safe='')}"
        reply = self._client(config).get(path, what="Tracking", accept=frozenset({404}))
        return tracking.read_tracking(reply.body, awb, datetime.now(UTC))

    # -- GivesLabels, SchedulesPickups, ReceivesTracking, AnswersNdr ---------------------------------------------------

    def label(self, config: CarrierConfig, booked: Booked) -> bytes:
        """The courier's label as PDF."""
        client = self._client(config)
        body = {"shipment_id": [_shipment_number(booked)]}
        reply = client.post("/courier/generate/label", body, what="Label", repeatable=True).as_object()
        url = mapping.text_of(reply.get("label_url"))
        if str(reply.get("label_created")) != "1" or not url:
            raise PermanentError(f"No label for {booked.awb}: {vendor_message(reply)}")
        return _pdf(client.download(url, what="Label"), "label")

    def schedule_pickup(self, config: CarrierConfig, booked: Sequence[Booked], on: date) -> str:
        """Ask for a pickup of each parcel (the vendor takes one at a time); returns the distinct pickup tokens.

        A parcel that is in the vendor's pickup queue already counts as done, so the whole call may be repeated.
        """
        client = self._client(config)
        tokens = dict.fromkeys(self._request_pickup(client, parcel, on) for parcel in booked)
        return ", ".join(token for token in tokens if token)

    def manifest(self, config: CarrierConfig, booked: Sequence[Booked]) -> bytes:
        """The vendor's hand-over manifest as PDF; pickups must have been asked for before."""
        client = self._client(config)
        body = {"shipment_id": [_shipment_number(parcel) for parcel in booked]}
        reply = client.post("/manifests/generate", body, what="Manifest", accept=_REFUSED, repeatable=True)
        url = mapping.text_of(reply.as_object().get("manifest_url"))
        if not url and reply.as_object().get("already_manifested_shipment_ids"):
            orders = {"order_ids": [int(parcel.external_ids["order_id"]) for parcel in booked]}
            reply = client.post("/manifests/print", orders, what="Manifest", accept=_REFUSED, repeatable=True)
            url = mapping.text_of(reply.as_object().get("manifest_url"))
        if not url:
            raise PermanentError(f"No manifest: {vendor_message(reply.body)}")
        return _pdf(client.download(url, what="Manifest"), "manifest")

    def read_webhook(self, config: CarrierConfig, headers: Mapping[str, str], body: bytes) -> TrackingUpdate | None:
        """Check `x-api-key` against `secrets["webhook_token"]`, then parse; None for a call without an AWB."""
        given = next((value for name, value in headers.items() if name.lower() == "x-api-key"), "")
        expected = config.secrets.get("webhook_token", "")
        if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
            raise BadSignature("The tracking webhook's token does not match the carrier account.")
        try:
            parsed = json.loads(body)
        except ValueError as error:
            raise PermanentError(f"The tracking webhook is not JSON: {error}") from error
        return tracking.read_webhook(parsed) if isinstance(parsed, dict) else None

    def answer_ndr(self, config: CarrierConfig, awb: str, answer: NdrAnswer) -> None:
        """Tell the courier what to do after a failed attempt. Accepted (202) is not yet done: the next scan tells."""
        body: dict[str, Any] = {"action": answer.action.value, "comments": answer.comments}
        optional = {
            "phone": answer.phone,
            "address1": answer.address1,
            "address2": answer.address2,
            "deferred_date": answer.deferred_date.isoformat() if answer.deferred_date else "",
        }
        body |= {name: value for name, value in optional.items() if value}
        # A wish said twice is one wish; a complaint said twice is two.
        repeatable = answer.action is not NdrAction.FAKE_ATTEMPT
        path = f"/ndr/{quote(awb, safe='')}/action"
        self._client(config).post(path, body, what="NDR answer", repeatable=repeatable)

    # -- orders --------------------------------------------------------------------------------------------------------

    def _open_order(self, client: Client, payload: Mapping[str, Any], reference: str) -> HeldOrder:
        """Create the order, or get what stands under this reference: the vendor never opens a second one."""
        body = {"order_id": reference, **payload}
        reply = client.post("/orders/create/adhoc", body, what="Order", accept=_REFUSED)
        order = mapping.read_created(reply.as_object(), reference) if reply.ok else None
        if order is not None:
            return order
        # Refused, in words or dressed as a success. "If error 422 shows up despite filling in the correct details",
        # the reference may be that of an older order.
        held = self._search(client, reference)
        if held is None:
            raise PermanentError(f"The order was refused: {vendor_message(reply.body)}")
        return held

    def _open_next_round(
        self, client: Client, payload: Mapping[str, Any], client_reference: str, cancelled: HeldOrder
    ) -> HeldOrder:
        rounds = self._rounds(client, client_reference) or [cancelled]
        last = rounds[-1]
        _refuse_cancelling(last)
        if not last.cancelled:
            return last
        self._prove_cancelled(client, last)
        for number in range(len(rounds) + 1, mapping.MAX_ROUNDS + 1):
            order = self._open_order(client, payload, mapping.reference_of_round(client_reference, number))
            if not order.cancelled:
                return order
        raise PermanentError(f"{client_reference} was cancelled {mapping.MAX_ROUNDS} times at Shiprocket.")

    def _prove_cancelled(self, client: Client, order: HeldOrder) -> None:
        """Ask for the order itself: the reply of a create, or a list, may be stale."""
        shown = self._show(client, order.order_id)
        if shown is not None and not shown.cancelled:
            raise TransientError(f"Order {order.order_id} was given as cancelled but is {shown.order_status_name}.")

    def _complete(self, client: Client, courier_id: str, order: HeldOrder) -> Booked:
        """Have an AWB assigned, unless there is one."""
        _refuse_cancelling(order)
        if order.awb:
            return mapping.booked_of(order)
        body: dict[str, Any] = {"shipment_id": int(order.shipment_id)}
        if courier_id:
            body["courier_id"] = int(courier_id)
        reply = client.post("/courier/assign/awb", body, what="AWB", accept=_REFUSED)
        booked = mapping.read_assigned(reply.as_object(), order)
        if booked is not None:
            return booked
        # "Cannot reassign courier" is also what a repeated assignment is told: then the AWB is on the order.
        held = self._show(client, order.order_id)
        if held is not None and held.awb and not held.cancelled:
            return mapping.booked_of(held)
        reason = mapping.assignment_error(reply.body) or vendor_message(reply.body)
        # The words are the vendor's: "Courier is not serviceable for this shipment.", "Pincode is not serviceable."
        refused = LaneRefused if "not serviceable" in reason.lower() else PermanentError
        raise refused(f"No AWB was assigned to {order.reference}: {reason}")

    def _rounds(self, client: Client, client_reference: str) -> list[HeldOrder]:
        """The orders of a reference in the order of their rounds; all but the last are cancelled."""
        rounds: list[HeldOrder] = []
        for number in range(1, mapping.MAX_ROUNDS + 1):
            order = self._search(client, mapping.reference_of_round(client_reference, number))
            if order is None:
                break
            rounds.append(order)
            if not order.cancelled:
                break
        return rounds

    def _search(self, client: Client, reference: str) -> HeldOrder | None:
        """The order that has exactly this reference; a live one before a cancelled one.

        Raises `PermanentError` when the search finds so many others that absence is not proven.
        """
        found: list[HeldOrder] = []
        for page in range(1, _SEARCH_PAGES + 1):
            query = {"search": reference, "per_page": 50, "page": page}
            body = client.get("/orders", query, what="Order search").as_object()
            rows = body.get("data")
            orders = [mapping.read_order(row) for row in rows or [] if isinstance(row, dict)]
            found += [order for order in orders if order is not None and order.reference == reference]
            if page >= _total_pages(body) or any(not order.cancelled for order in found):
                break
        else:
            if not found:
                raise PermanentError(f"The search for {reference} finds too many orders to prove anything.")
        return min(found, key=lambda order: (order.cancelled, not order.awb)) if found else None

    def _show(self, client: Client, order_id: str) -> HeldOrder | None:
        path = f"/orders/show/{quote(order_id, safe='')}"
        reply = client.get(path, what="Order", accept=_REFUSED)
        data = reply.as_object().get("data")
        return mapping.read_order(data) if reply.ok and isinstance(data, dict) else None

    def _cancel_order(self, client: Client, order_id: str) -> Reply | None:
        """The reply, or None when it was lost."""
        accept = _REFUSED | {500}
        try:
            return client.post("/orders/cancel", {"ids": [int(order_id)]}, what="Cancellation", accept=accept)
        except UnknownOutcome:
            return None

    def _request_pickup(self, client: Client, parcel: Booked, on: date) -> str:
        body = {"shipment_id": [_shipment_number(parcel)], "pickup_date": [on.isoformat()]}
        accept = _REFUSED | {500}
        reply = client.post("/courier/generate/pickup", body, what="Pickup", accept=accept, repeatable=True)
        response = reply.as_object().get("response")
        if reply.ok and str(reply.as_object().get("pickup_status")) == "1" and isinstance(response, dict):
            return mapping.text_of(response.get("pickup_token_number"))
        message = vendor_message(reply.body)
        if "already in pickup queue" in message.lower() or "duplicate request for pickup" in message.lower():
            return ""
        error = TransientError if reply.status >= 500 else PermanentError
        raise error(f"No pickup for {parcel.awb}: {message}")

    def _client(self, config: CarrierConfig) -> Client:
        return self._clients.of(
            (config.base_url or BASE_URL).rstrip("/"), config.secrets.get("email", ""),
            config.secrets.get("password", ""), float(config.settings.get("timeout_seconds", READ_TIMEOUT_SECONDS)),
        )  # fmt: skip


def _refuse_cancelling(order: HeldOrder) -> None:
    if order.cancelling:
        raise StillUnderWay(f"Order {order.reference} is being cancelled at Shiprocket; its fate is not certain yet.")


def _shipment_number(booked: Booked) -> int:
    number = booked.external_ids.get("shipment_id", "")
    if not number.isdigit():
        raise PermanentError(f"The booking of {booked.awb} has no Shiprocket shipment id.")
    return int(number)


def _total_pages(body: Mapping[str, Any]) -> int:
    meta = body.get("meta")
    pagination = meta.get("pagination") if isinstance(meta, dict) else None
    pages = pagination.get("total_pages") if isinstance(pagination, dict) else None
    return pages if isinstance(pages, int) else 1


def _pdf(content: bytes, what: str) -> bytes:
    if not content.startswith(b"%PDF"):
        raise PermanentError(f"The carrier's {what} is not a PDF.")
    return content
