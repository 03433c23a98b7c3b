"""What the simulated UPS holds, and what it answers. It deduplicates by nothing, as UPS does."""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from carriers.simulators.faulty import Call

#: What a step of the road says: type, code, number, words.
ROAD = (
    ("P", "XD", "038", "Picked up"),
    ("I", "AR", "005", "Arrived at Facility"),
    ("I", "OT", "021", "Out for Delivery"),
    ("D", "FS", "011", "DELIVERED"),
)
_PDF = base64.b64encode(b"%PDF-1.4\n%simulated label\n").decode()


@dataclass(slots=True)
class Parcel:
    """One shipment of one package."""

    awb: str
    reference: str
    voided: bool = False
    scans: list[dict[str, Any]] = field(default_factory=list)


class SimulatedUps:
    """Shipments of one account. Threads may share it. `shows_references`: whether a search by reference finds any."""

    def __init__(self, *, account_number: str = "A1B2C3") -> None:
        self.account_number = account_number
        self.shows_references = True
        self.parcels: dict[str, Parcel] = {}
        self.pickups: dict[str, str] = {}
        self.tokens = 0
        self._lock = threading.Lock()

    def alive(self, reference: str) -> list[Parcel]:
        """Parcels under a reference that would be carried, and paid for."""
        return [parcel for parcel in self.parcels.values() if parcel.reference == reference and not parcel.voided]

    def move(self, awb: str, *, steps: int = 1) -> None:
        """Carry a parcel on by so many steps of its road."""
        parcel = self.parcels[awb]
        for kind, code, number, words in ROAD[len(parcel.scans) - 1 :][:steps]:
            parcel.scans.append(_scan(kind, code, number, words))

    def push_of(self, awb: str) -> dict[str, Any]:
        """The Track Alert event of a parcel's last scan."""
        last = self.parcels[awb].scans[-1]
        status = {name: last["status"][name] for name in ("type", "code", "description")}
        # Track Alert has no type of its own for a pickup.
        status["type"] = "I" if status["type"] == "P" else status["type"]
        return {
            "trackingNumber": awb, "localActivityDate": last["date"], "localActivityTime": last["time"],
            "gmtActivityDate": last["gmtDate"], "gmtActivityTime": last["time"],
            "activityLocation": {"city": "Mumbai", "country": "IN"},
            "activityStatus": status | {"descriptionCode": last["status"]["statusCode"]},
        }  # fmt: skip

    # -- the API -------------------------------------------------------------------------------------------------------

    def answer(self, call: Call) -> tuple[int, Any]:
        """One call: its status and body."""
        if call.path == "/security/v1/oauth/token":
            return self._token(call)
        if call.headers.get("authorization") != f"Bearer token-{self.tokens}":
            return 401, _error("250002", "Invalid Authentication Information.")
        match call.path.split("/")[2:]:
            case ["rating", _, "Shop"]:
                return _rates(call.body["RateRequest"]["Shipment"])
            case ["shipments", _, "ship"]:
                return self._ship(call.body["ShipmentRequest"]["Shipment"])
            case ["shipments", _, "void", "cancel", awb]:
                return self._void(awb)
            case ["shipments", _, "pickup", _]:
                return self._pending()
            case ["pickupcreation", _, "pickup"]:
                return self._pick_up(str(call.body["PickupCreationRequest"]["ReferenceNumber"]))
            case ["labels", "v1", "recovery"]:
                return self._recover(call.body["LabelRecoveryRequest"])
            case ["track", "v1", "reference", "details", reference]:
                return self._tracked([row for row in self._shown(reference) if len(row.scans) > 1])
            case ["track", "v1", "details", awb]:
                return self._tracked([self.parcels[awb]] if awb in self.parcels else [])
            case _:
                return 404, _error("404", "No such service")

    def _token(self, call: Call) -> tuple[int, Any]:
        given = base64.b64encode(b"client:secret").decode()
        if call.headers.get("authorization") != f"Basic {given}" or call.body != {"grant_type": "client_credentials"}:
            return 401, _error("10401", "ClientId is Invalid")
        self.tokens += 1
        return 200, {"token_type": "Bearer", "access_token": f"token-{self.tokens}", "expires_in": "14399",
                     "status": "approved"}  # fmt: skip

    def _ship(self, shipment: Mapping[str, Any]) -> tuple[int, Any]:
        if shipment["ShipTo"]["Address"].get("PostalCode") == "000000":
            return 400, _error("120802", "Address Validation Error on ShipTo address")
        rows = [*shipment.get("ReferenceNumber", []), *shipment["Package"][0].get("ReferenceNumber", [])]
        with self._lock:
            awb = f"1Z{self.account_number}{65:02d}{len(self.parcels) + 10_000_000:08d}"
            self.parcels[awb] = Parcel(
                awb, rows[0]["Value"], scans=[_scan("M", "MP", "003", "Shipper created a label")]
            )
        total = {"CurrencyCode": "INR", "MonetaryValue": "2450.00"}
        results = {
            "ShipmentCharges": {"TransportationCharges": total, "ServiceOptionsCharges": total, "TotalCharges": total},
            "BillingWeight": {"UnitOfMeasurement": {"Code": "KGS"}, "Weight": "1.3"},
            "ShipmentIdentificationNumber": awb,
            "PackageResults": [{"TrackingNumber": awb, "ShippingLabel": {"ImageFormat": {"Code": "GIF"},
                                                                         "GraphicImage": "R0lGODdh"}}],
        }  # fmt: skip
        return 200, {"ShipmentResponse": {"Response": _OK, "ShipmentResults": results}}

    def _void(self, awb: str) -> tuple[int, Any]:
        parcel = self.parcels.get(awb)
        if parcel is None or parcel.voided:
            return 400, _error("190117", "The shipment has already been voided.")
        if len(parcel.scans) > 1:
            return 400, _error("190102", "No shipment found within the allowed void period")
        parcel.voided = True
        parcel.scans.append(_scan("MV", "VP", "007", "Shipment information voided"))
        status = {"Code": "1", "Description": "Voided"}
        return 200, {"VoidShipmentResponse": {"Response": _OK, "SummaryResult": {"Status": status}}}

    def _recover(self, asked: Mapping[str, Any]) -> tuple[int, Any]:
        if "TrackingNumber" in asked:
            found = [row for row in self.parcels.values() if row.awb == asked["TrackingNumber"]]
        else:
            found = self._shown(asked["ReferenceValues"]["ReferenceNumber"]["Value"])
        if not found:
            return 400, _error("300100", "No label was found for the given data")
        if len(found) > 1:
            candidates = [{"TrackingNumber": row.awb} for row in found]
            return 200, {"LabelRecoveryResponse": {"Response": _OK, "TrackingCandidate": candidates}}
        image = {"LabelImageFormat": {"Code": "PDF"}, "GraphicImage": _PDF}
        results = [{"TrackingNumber": row.awb, "LabelImage": image} for row in found]
        return 200, {"LabelRecoveryResponse": {"Response": _OK, "LabelResults": results}}

    def _shown(self, reference: str) -> list[Parcel]:
        return [row for row in self.parcels.values() if row.reference == reference and self.shows_references]

    def _tracked(self, parcels: list[Parcel]) -> tuple[int, Any]:
        if not parcels:
            return 404, _error("TW0404", "Tracking number not found")
        packages = [
            {"trackingNumber": row.awb, "activity": row.scans[::-1],
             "currentStatus": {"code": row.scans[-1]["status"]["statusCode"],
                               "description": row.scans[-1]["status"]["description"]},
             "deliveryDate": [{"type": "SDD", "date": "20261125"}],
             "referenceNumber": [{"type": "SHIPMENT", "number": row.reference}]}
            for row in parcels
        ]  # fmt: skip
        return 200, {"trackResponse": {"shipment": [{"inquiryNumber": parcels[0].awb, "package": packages}]}}

    def _pending(self) -> tuple[int, Any]:
        if not self.pickups:
            return 400, _error("9510114", "No pending pickup was found")
        rows = [
            {"PickupType": "01", "ServiceDate": "20261124", "PRN": number, "PickupStatusMessage": "Received",
             "ReferenceNumber": reference}
            for reference, number in self.pickups.items()
        ]  # fmt: skip
        return 200, {"PickupPendingStatusResponse": {"Response": _OK, "PendingStatus": rows}}

    def _pick_up(self, reference: str) -> tuple[int, Any]:
        number = f"29{len(self.pickups) + 1:09d}"
        self.pickups[reference] = number
        rated = {"Response": _OK, "PRN": number, "RateStatus": {"Code": "03", "Description": "Rate not apply"}}
        return 200, {"PickupCreationResponse": rated}


_OK = {"ResponseStatus": {"Code": "1", "Description": "Success"}}


def _error(code: str, message: str) -> dict[str, Any]:
    return {"response": {"errors": [{"code": code, "message": message}]}}


def _rates(shipment: Mapping[str, Any]) -> tuple[int, Any]:
    if shipment["ShipTo"]["Address"]["PostalCode"] == "000000":
        return 400, _error("111210", "The requested service is unavailable between the selected locations.")
    rated = [_rated("65", "2450.00", "3"), _rated("07", "3120.50", "2")]
    return 200, {"RateResponse": {"Response": _OK, "RatedShipment": rated}}


def _rated(service: str, charge: str, days: str) -> dict[str, Any]:
    total = {"CurrencyCode": "INR", "MonetaryValue": charge}
    return {
        "Service": {"Code": service}, "TotalCharges": {"CurrencyCode": "INR", "MonetaryValue": "9999.00"},
        "NegotiatedRateCharges": {"TotalCharge": total}, "GuaranteedDelivery": {"BusinessDaysInTransit": days},
    }  # fmt: skip


def _scan(kind: str, code: str, number: str, words: str) -> dict[str, Any]:
    moment = datetime.now(UTC)
    day, clock = f"{moment:%Y%m%d}", f"{moment:%H%M%S}"
    return {
        "date": day, "time": clock, "gmtDate": day, "gmtTime": f"{moment:%H:%M:%S}", "gmtOffset": "+00:00",
        "location": {"address": {"city": "Mumbai", "countryCode": "IN"}},
        "status": {"type": kind, "code": code, "statusCode": number, "description": words},
    }  # fmt: skip
