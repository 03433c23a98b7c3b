"""The vendor's paths: method, path and body in; status and JSON out. No sockets here."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from carriers.adapters.shiprocket.mapping import INDIA, minor_of
from carriers.labels import manifest_pdf, shipping_label_pdf
from carriers.simulators.shiprocket import couriers, replies
from carriers.simulators.shiprocket.carrier import Refused, SimulatedCarrier
from carriers.simulators.shiprocket.faults import Faults
from carriers.simulators.shiprocket.papers import label_data, manifest_data
from carriers.simulators.shiprocket.store import Parcel

PREFIX = "/v1/external"
#: Refused at sign-in, so that a wrong account can be tried.
_WRONG_PASSWORDS = frozenset({"wrong"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request that came in. `path` is what follows the prefix; `query` holds one value a name."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    token: str = ""
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back; `content` is bytes for a document, JSON otherwise, None for an empty body."""

    status: int
    content: Any = None


class Api:
    """Routes calls of the vendor's contract."""

    def __init__(self, carrier: SimulatedCarrier, faults: Faults) -> None:
        self.carrier, self.faults = carrier, faults
        self.tokens: set[str] = set()
        self._exact: dict[tuple[str, str], Callable[[Call], Answer]] = {
            ("POST", "/auth/logout"): self._logout,
            ("GET", "/courier/serviceability"): self._serviceability,
            ("POST", "/orders/create/adhoc"): self._create,
            ("POST", "/courier/assign/awb"): self._assign,
            ("POST", "/courier/generate/label"): self._label,
            ("POST", "/courier/generate/pickup"): self._pickup,
            ("POST", "/manifests/generate"): self._manifest,
            ("POST", "/manifests/print"): self._print_manifest,
            ("POST", "/orders/cancel"): self._cancel,
            ("POST", "/orders/cancel/shipment/awbs"): self._cancel_awbs,
            ("GET", "/orders"): self._orders,
        }
        self._prefixed: list[tuple[str, str, Callable[[Call, str], Answer]]] = [
            ("GET", "/orders/show/", self._show),
            ("GET", "/courier/track/awb/", self._track),
            ("POST", "/ndr/", self._ndr),
        ]

    def answer(self, call: Call) -> Answer:
        """Answer one call of the vendor's API."""
        if (call.method, call.path) == ("POST", "/auth/login"):
            return self._login(call)
        if call.token not in self.tokens:
            return Answer(401, {"message": "Token has expired", "status_code": 401})
        try:
            handler = self._exact.get((call.method, call.path.rstrip("/")))
            if handler is not None:
                return handler(call)
            for method, prefix, prefixed in self._prefixed:
                rest = call.path.removeprefix(prefix)
                if call.method == method and rest and rest != call.path:
                    return prefixed(call, rest)
        except Refused as refused:
            return Answer(refused.status, replies.refusal(refused.message, refused.status, **refused.errors))
        return Answer(404, replies.refusal("404 Not Found", 404))

    def document(self, path: str) -> bytes | None:
        """A label or manifest that an earlier reply pointed to; None when there is none."""
        folder, _, name = path.strip("/").partition("/")
        stem = name.removesuffix(".pdf")
        with self.carrier.store.lock:
            if folder == "labels":
                parcel = self.carrier.store.by_awb.get(stem)
                return shipping_label_pdf(label_data(parcel)) if parcel else None
            if folder == "manifests":
                numbers = [int(part) for part in stem.split("-") if part.isdigit()]
                parcels = [self.carrier.store.by_shipment.get(number) for number in numbers]
                found = [parcel for parcel in parcels if parcel is not None]
                return manifest_pdf(manifest_data(found)) if found else None
        return None

    def _login(self, call: Call) -> Answer:
        body = _object(call.body)
        email, password = str(body.get("email", "")), str(body.get("password", ""))
        if not email or not password or password in _WRONG_PASSWORDS:
            return Answer(403, replies.refusal("Invalid email and password combination", 403))
        token = secrets.token_urlsafe(32)
        self.tokens.add(token)
        names = {"id": 1, "first_name": "API", "last_name": "USER", "company_id": 25149}
        return Answer(200, names | {"email": email, "created_at": self.carrier.wall_text(), "token": token})

    def _logout(self, call: Call) -> Answer:
        self.tokens.discard(call.token)
        return Answer(200, {"message": "Logged out"})

    def _serviceability(self, call: Call) -> Answer:
        required = ("pickup_postcode", "delivery_postcode", "cod", "weight")
        errors = {
            name: [f"The {name.replace('_', ' ')} field is required."] for name in required if name not in call.query
        }
        if errors:
            raise Refused(422, "Required field missing", **errors)
        destination = call.query["delivery_postcode"]
        found: list[couriers.Offer] = []
        if self.faults.strike(call.path, "no_serviceability") is None:
            cash = (minor_of(call.query.get("declared_value", "1")) or 1) if call.query["cod"] in ("1", "true") else 0
            grams = round(float(call.query["weight"]) * 1000)
            length, width, height = (
                round(float(call.query.get(side, 0)) * 10) for side in ("length", "breadth", "height")
            )
            found = couriers.offers(call.query["pickup_postcode"], destination, grams, cash, (length, width, height))
        return Answer(200, replies.serviceability(found, destination, datetime.now(INDIA)))

    def _create(self, call: Call) -> Answer:
        parcel = self.carrier.create(_object(call.body))
        if self.faults.strike(call.path, "cancelled_200") is not None and not parcel.awb:
            self.carrier.cancel(parcel)
        return Answer(200, replies.created(parcel))

    def _assign(self, call: Call) -> Answer:
        body = _object(call.body)
        shipment_id, courier_id = _number(body.get("shipment_id")), _number(body.get("courier_id"))
        if shipment_id is None:
            raise Refused(422, "Required field missing", shipment_id=["The shipment id field is required."])
        try:
            return Answer(200, replies.assigned(self.carrier.assign(shipment_id, courier_id)))
        except Refused as refused:
            if refused.status == 200:
                return Answer(200, replies.not_assigned(refused.message))
            raise

    def _label(self, call: Call) -> Answer:
        numbers = _object(call.body).get("shipment_id")
        if not isinstance(numbers, list):
            raise Refused(422, "Oops! Invalid Data.", shipment_id=["The shipment id must be an array."])
        with self.carrier.store.lock:
            parcel = next((found for found in self._parcels(numbers) if found.live), None)
            if parcel is None:
                text = "No valid shipment ids to print label"
                return Answer(200, {"label_created": 0, "not_created": [], "response": text})
        reply = {"label_created": 1, "label_url": f"{call.base_url}/labels/{parcel.awb}.pdf", "not_created": []}
        return Answer(200, reply | {"response": "Label has been created and uploaded successfully!"})

    def _pickup(self, call: Call) -> Answer:
        body = _object(call.body)
        numbers, days = body.get("shipment_id"), body.get("pickup_date")
        number = _number(numbers[0]) if isinstance(numbers, list) and numbers else _number(numbers)
        on = date.fromisoformat(str(days[0])) if isinstance(days, list) and days else None
        return Answer(200, replies.pickup(self.carrier.request_pickup(number or 0, on)))

    def _manifest(self, call: Call) -> Answer:
        numbers = [number for value in _object(call.body).get("shipment_id") or [] if (number := _number(value))]
        try:
            parcels = self.carrier.manifest(numbers)
        except Refused as refused:
            already = [int(number) for number in refused.errors["already"]]
            return Answer(400, replies.refusal(refused.message, 400) | {"already_manifested_shipment_ids": already})
        if not parcels:
            return Answer(200, {"message": "Manifest not generated", "check_ids": numbers})
        return Answer(200, {"status": 1, "manifest_url": _manifest_url(call, parcels)})

    def _print_manifest(self, call: Call) -> Answer:
        with self.carrier.store.lock:
            held = [
                self.carrier.store.parcels.get(_number(value) or 0)
                for value in _object(call.body).get("order_ids") or []
            ]
        parcels = [parcel for parcel in held if parcel is not None and parcel.manifested]
        return Answer(200, {"manifest_url": _manifest_url(call, parcels) if parcels else ""})

    def _cancel(self, call: Call) -> Answer:
        numbers = _object(call.body).get("ids")
        if not numbers:
            raise Refused(422, "Required field missing", ids=["The ids field is required."])
        with self.carrier.store.lock:
            held = [self.carrier.store.parcels.get(_number(value) or 0) for value in numbers]
            for parcel in held:
                if parcel is None:
                    raise Refused(500, "Trying to get property of non-object")
                self.carrier.cancel(parcel)
        return Answer(204)

    def _cancel_awbs(self, call: Call) -> Answer:
        with self.carrier.store.lock:
            for awb in _object(call.body).get("awbs") or []:
                parcel = self.carrier.store.by_awb.get(str(awb))
                if parcel is not None:
                    self.carrier.cancel(parcel)
        return Answer(204)

    def _orders(self, call: Call) -> Answer:
        wanted = call.query.get("search", "").casefold()
        page, per_page = int(call.query.get("page", 1)), min(int(call.query.get("per_page", 15)), 100)
        with self.carrier.store.lock:
            held = sorted(self.carrier.store.parcels.values(), key=lambda parcel: -parcel.order_id)
            found = [
                parcel for parcel in held if wanted in parcel.reference.casefold() or (wanted and wanted == parcel.awb)
            ]
            shown = [replies.order_in_list(parcel) for parcel in found[(page - 1) * per_page : page * per_page]]
        pages = max(1, -(-len(found) // per_page))
        links = {"next": f"{call.base_url}{PREFIX}/orders?page={page + 1}"} if page < pages else {}
        counts = {"total": len(found), "count": len(shown), "per_page": per_page, "current_page": page}
        return Answer(200, {"data": shown, "meta": {"pagination": counts | {"total_pages": pages, "links": links}}})

    def _show(self, call: Call, number: str) -> Answer:
        with self.carrier.store.lock:
            parcel = self.carrier.store.parcels.get(_number(number) or 0)
            if parcel is None:
                raise Refused(400, "Order ID not found")
            return Answer(200, replies.order_shown(parcel))

    def _track(self, call: Call, awb: str) -> Answer:
        with self.carrier.store.lock:
            return Answer(200, replies.tracking(self.carrier.store.by_awb.get(awb), call.base_url))

    def _ndr(self, call: Call, rest: str) -> Answer:
        awb, _, verb = rest.partition("/")
        with self.carrier.store.lock:
            parcel = self.carrier.store.by_awb.get(awb)
            if parcel is None or verb != "action":
                raise Refused(404, "404 Not Found")
            self.carrier.answer_ndr(parcel, str(_object(call.body).get("action", "")))
        return Answer(202, {"status": "Data Updated Sucessfully"})

    def _parcels(self, numbers: list[Any]) -> list[Parcel]:
        held = [self.carrier.store.by_shipment.get(_number(value) or 0) for value in numbers]
        return [parcel for parcel in held if parcel is not None]


def _object(body: Any) -> dict[str, Any]:
    return body if isinstance(body, dict) else {}


def _number(value: Any) -> int | None:
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() else None


def _manifest_url(call: Call, parcels: list[Parcel]) -> str:
    return f"{call.base_url}/manifests/{'-'.join(str(parcel.shipment_id) for parcel in parcels)}.pdf"
