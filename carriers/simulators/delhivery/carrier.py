"""What the simulated carrier holds, and what it says of it. No HTTP here."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

INDIA = ZoneInfo("Asia/Kolkata")
_HUB = "Bengaluru_Hoskote_GW (Karnataka)"
#: A cancellation shows only after so long; until then the parcel looks as if nobody had brought it.
CANCELLATION_SHOWS_AFTER = timedelta(seconds=90)

#: What one step of the road says: leg, word, code, in words.
ROAD = (
    ("UD", "Manifested", "FMPUR-101", "Pickup scheduled"),
    ("UD", "In Transit", "X-PPOM", "Shipment picked up"),
    ("UD", "In Transit", "X-PIOM", "Shipment Recieved at Origin Center"),
    ("UD", "Dispatched", "X-DDD3FD", "Out for delivery"),
    ("DL", "Delivered", "EOD-38", "Delivered to consignee"),
)
RETURN = (
    ("UD", "Pending", "EOD-11", "Consignee unavailable"),
    ("RT", "In Transit", "X-RTO", "Return to origin"),
    ("DL", "RTO", "RT-110", "RTO delivered"),
)


@dataclass(slots=True)
class Parcel:
    """One parcel that was created."""

    waybill: str
    reference: str
    cod: str
    scans: list[dict[str, Any]] = field(default_factory=list)
    cancelled_at: datetime | None = None

    @property
    def is_live(self) -> bool:
        """It would be carried, and paid for."""
        return self.cancelled_at is None


class SimulatedDelhivery:
    """Waybills and parcels of one client. Threads may share it."""

    def __init__(self, *, served: frozenset[str] | None = None) -> None:
        self.served = served
        self.parcels: dict[str, Parcel] = {}
        self._next = 57930810000000
        self._reserved: set[str] = set()
        self._ahead = timedelta()
        self._lock = threading.Lock()

    def pass_time(self, by: timedelta) -> None:
        """Let its clock run ahead."""
        self._ahead += by

    def now(self) -> datetime:
        """Its clock."""
        return datetime.now(UTC) + self._ahead

    def serves(self, pin: str) -> bool:
        """Whether it goes there."""
        return self.served is None or pin in self.served

    # -- what the API does ---------------------------------------------------------------------------------------------

    def pin_codes(self, pin: str) -> dict[str, Any]:
        """A PIN code; an empty list for one that is not served."""
        if not self.serves(pin):
            return {"delivery_codes": []}
        return {"delivery_codes": [{"postal_code": {
            "pin": int(pin), "country_code": "IN", "cod": "Y", "pre_paid": "Y", "pickup": "Y", "cash": "Y", "repl": "Y",
            "is_oda": "N", "sort_code": "BLR/HSK", "max_amount": 0.0, "max_weight": 0.0, "remarks": "",
        }}]}  # fmt: skip

    def waybill(self) -> str:
        """A number that no parcel has."""
        with self._lock:
            self._next += 11
            self._reserved.add(str(self._next))
            return str(self._next)

    def create(self, data: Mapping[str, Any], *, fault: str = "") -> dict[str, Any]:
        """One parcel. `fault`: `wallet` refuses it, `partial` keeps it and says that it crashed."""
        sent = data["shipments"][0]
        waybill, reference = str(sent.get("waybill") or self.waybill()), str(sent["order"])
        package = {"waybill": waybill, "refnum": reference, "client": "client-code", "status": "Success",
                   "payment": "Pre-paid" if sent["payment_mode"] == "Prepaid" else "COD", "sort_code": "BLR/HSK",
                   "cod_amount": float(sent["cod_amount"]), "serviceable": True, "remarks": [""]}  # fmt: skip
        problem = self._problem(sent, waybill, reference)
        if fault == "wallet":
            problem = _crash("Prepaid client manifest charge API failed due to insufficient balance")
            package["waybill"] = ""
        elif fault == "partial" and not problem:
            self._keep(waybill, reference, str(sent["cod_amount"]))
            problem = (
                "Crashing while saving package due to exception 'timed out'. Package might have been partially saved."
            )
        elif not problem:
            self._keep(waybill, reference, str(sent["cod_amount"]))
        if problem:
            package |= {"status": "Fail", "remarks": [problem], "serviceable": self.serves(str(sent["pin"]))}
        return {"package_count": 1, "cash_pickups_count": 0.0, "cod_count": int(sent["payment_mode"] == "COD"),
                "upload_wbn": f"UPL{waybill}", "packages": [package], "success": not problem} | (
            {"rmk": "An internal Error has occurred, Please get in touch with client.support@delhivery.com"}
            if problem else {}
        )  # fmt: skip

    def _problem(self, sent: Mapping[str, Any], waybill: str, reference: str) -> str:
        if not self.serves(str(sent["pin"])):
            return "non serviceable pincode"
        if sent["payment_mode"] == "COD" and not float(sent["cod_amount"]):
            return "COD amount missing for COD/Cash package"
        if waybill in self.parcels or any(row.reference == reference for row in self.parcels.values() if row.is_live):
            return "Duplicate order id"
        return "" if waybill in self._reserved else f"Waybill {waybill} is not of this client"

    def _keep(self, waybill: str, reference: str, cod: str) -> None:
        parcel = Parcel(waybill, reference, cod)
        parcel.scans.append(self._scan("UD", "Manifested", "X-UCI", "Manifest uploaded"))
        self.parcels[waybill] = parcel

    def cancel(self, waybill: str) -> str:
        """XML, although the request is JSON; the second time says the same."""
        parcel = self.parcels.get(waybill)
        if parcel is None:
            return _xml(False, waybill, "", "Waybill does not exist.")
        if any(scan["StatusCode"] == "X-PPOM" for scan in parcel.scans):
            return _xml(False, waybill, parcel.reference, "Shipment can not be cancelled after it was picked up.")
        if parcel.cancelled_at is None:
            parcel.cancelled_at = self.now()
            parcel.scans.append(self._scan("UD", "Not Picked", "X-PNP", "Shipment not received from client"))
        return _xml(True, waybill, parcel.reference, "Shipment has been cancelled.")

    def track(self, waybill: str) -> dict[str, Any]:
        """All scans of a parcel."""
        parcel = self.parcels.get(waybill)
        if parcel is None:
            return {
                "Success": False,
                "Error": "No such waybill or Order Id found",
                "rmk": "No such waybill or Order Id found",
            }
        shown = parcel.cancelled_at is not None and self.now() - parcel.cancelled_at >= CANCELLATION_SHOWS_AFTER
        if shown and parcel.scans[-1]["StatusCode"] != "DTUP-210":
            parcel.scans.append(self._scan("UD", "Not Picked", "DTUP-210", "Seller cancelled the order"))
        last = parcel.scans[-1]
        status = {"Status": last["Scan"], "StatusType": last["ScanType"], "StatusCode": last["StatusCode"],
                  "StatusDateTime": last["StatusDateTime"], "StatusLocation": last["ScannedLocation"],
                  "Instructions": last["Instructions"], "RecievedBy": ""}  # fmt: skip
        shipment = {"AWB": waybill, "ReferenceNo": parcel.reference, "CODAmount": float(parcel.cod), "Status": status,
                    "Scans": [{"ScanDetail": scan} for scan in parcel.scans], "ExpectedDeliveryDate": None}  # fmt: skip
        return {"ShipmentData": [{"Shipment": shipment}]}

    def move(self, waybill: str, *, returns: bool = False, steps: int = 1) -> None:
        """Carry a parcel on by so many steps of its road."""
        parcel = self.parcels[waybill]
        road = (*ROAD[:-1], *RETURN) if returns else ROAD
        for leg, word, code, words in road[len(parcel.scans) - 1 :][:steps]:
            parcel.scans.append(self._scan(leg, word, code, words))

    def push_of(self, waybill: str) -> bytes:
        """The scan push of a parcel's last scan."""
        parcel = self.parcels[waybill]
        last = parcel.scans[-1]
        return json.dumps({"Shipment": {
            "AWB": waybill, "ReferenceNo": parcel.reference, "NSLCode": last["StatusCode"], "Sortcode": "BLR/HSK",
            "Status": {"Status": last["Scan"], "StatusType": last["ScanType"], "StatusDateTime": last["StatusDateTime"],
                       "StatusLocation": last["ScannedLocation"], "Instructions": last["Instructions"]},
        }}).encode()  # fmt: skip

    def _scan(self, leg: str, word: str, code: str, words: str) -> dict[str, Any]:
        moment = self.now().astimezone(INDIA).replace(tzinfo=None).isoformat(timespec="milliseconds")
        return {"ScanDateTime": moment, "StatusDateTime": moment, "ScanType": leg, "Scan": word, "StatusCode": code,
                "Instructions": words, "ScannedLocation": _HUB}  # fmt: skip


def _crash(why: str) -> str:
    return f"Crashing while saving package due to exception '{why}'. Package might have been partially saved."


def _xml(done: bool, waybill: str, reference: str, remark: str) -> str:
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<root><status>{done}</status><waybill>{waybill}</waybill>'
        f"<order_id>{reference}</order_id><remark>{remark}</remark></root>"
    )
