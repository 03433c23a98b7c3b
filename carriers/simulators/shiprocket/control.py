"""The control plane under /_sim/: what the simulator holds, and how to make it behave.

GET  /_sim/state                     counts, clock, faults
GET  /_sim/parcels                   every parcel, short
POST /_sim/faults                    {"kind": "drop_reply", "share": 0.3, "count": 5, "seconds": 30, "path": ""}
DELETE /_sim/faults                  end all faults
POST /_sim/speed                     {"speed": 3600}
POST /_sim/advance                   {"awb": "...", "to": "delivered"}
POST /_sim/handover                  {"awbs": ["..."]}
POST /_sim/tokens/expire             every token is refused from now on
"""

from __future__ import annotations

from typing import Any

from carriers.base import Milestone
from carriers.simulators.shiprocket.api import Answer, Api, Call
from carriers.simulators.shiprocket.carrier import Refused
from carriers.simulators.shiprocket.faults import Fault
from carriers.simulators.shiprocket.replies import order_status
from carriers.simulators.shiprocket.store import Parcel
from carriers.simulators.shiprocket.webhooks import WebhookPusher


class ControlPlane:
    """For people and tests; the vendor has no such thing."""

    def __init__(self, api: Api, pusher: WebhookPusher) -> None:
        self._api, self._pusher = api, pusher

    def answer(self, call: Call) -> Answer:
        """Answer one call; a wrong one is 422 with a sentence."""
        try:
            return self._route(call)
        except (KeyError, TypeError, ValueError) as error:
            return Answer(422, {"message": f"Not understood: {error}"})
        except Refused as refused:
            return Answer(refused.status, {"message": refused.message})

    def _route(self, call: Call) -> Answer:
        body = call.body if isinstance(call.body, dict) else {}
        carrier = self._api.carrier
        match (call.method, call.path):
            case ("GET", "/_sim/state"):
                return Answer(200, self._state())
            case ("GET", "/_sim/parcels"):
                with carrier.store.lock:
                    return Answer(200, {"parcels": [_short(parcel) for parcel in carrier.store.parcels.values()]})
            case ("GET", "/_sim/faults"):
                return Answer(200, {"faults": self._api.faults.as_json()})
            case ("POST", "/_sim/faults"):
                self._api.faults.add(_fault(body))
                return Answer(201, {"faults": self._api.faults.as_json()})
            case ("DELETE", "/_sim/faults"):
                self._api.faults.clear()
                return Answer(200, {"faults": []})
            case ("POST", "/_sim/speed"):
                carrier.clock.set_speed(float(body["speed"]))
                return Answer(200, {"speed": carrier.clock.speed})
            case ("POST", "/_sim/advance"):
                parcel = self._parcel(str(body["awb"]))
                carrier.advance(parcel, Milestone(body["to"]))
                return Answer(200, _short(parcel))
            case ("POST", "/_sim/handover"):
                parcels = [self._parcel(str(awb)) for awb in body["awbs"]]
                for parcel in parcels:
                    carrier.hand_over(parcel)
                return Answer(200, {"handed_over": len(parcels)})
            case ("POST", "/_sim/tokens/expire"):
                self._api.tokens.clear()
                return Answer(200, {})
        return Answer(404, {"message": "There is no such control."})

    def _parcel(self, awb: str) -> Parcel:
        with self._api.carrier.store.lock:
            parcel = self._api.carrier.store.by_awb.get(awb)
        if parcel is None:
            raise Refused(404, f"There is no parcel {awb}.")
        return parcel

    def _state(self) -> dict[str, Any]:
        carrier = self._api.carrier
        with carrier.store.lock:
            parcels = list(carrier.store.parcels.values())
            states: dict[str, int] = {}
            for parcel in parcels:
                name = order_status(parcel)[1]
                states[name] = states.get(name, 0) + 1
            return {
                "orders": len(parcels),
                "live": sum(parcel.live for parcel in parcels),
                "cancelled": sum(parcel.cancelled for parcel in parcels),
                "without_awb": sum(not parcel.awb and not parcel.cancelled for parcel in parcels),
                "states": states,
                "speed": carrier.clock.speed,
                "sim_seconds": carrier.clock.now(),
                "faults": self._api.faults.as_json(),
                "webhooks": {
                    "waiting": self._pusher.waiting,
                    "sent": self._pusher.sent,
                    "lost": self._pusher.lost,
                    "given_up": self._pusher.given_up,
                },
            }


def _fault(body: dict[str, Any]) -> Fault:
    count = body.get("count")
    return Fault(
        kind=str(body["kind"]),
        share=float(body.get("share", 1.0)),
        count=None if count is None else int(count),
        seconds=float(body.get("seconds", 30.0)),
        path=str(body.get("path", "")),
    )


def _short(parcel: Parcel) -> dict[str, Any]:
    code, name = order_status(parcel)
    return {
        "order_id": parcel.order_id,
        "shipment_id": parcel.shipment_id,
        "reference": parcel.reference,
        "awb": parcel.awb,
        "courier": parcel.courier_name,
        "order_status": name,
        "order_status_code": code,
        "shipment_status_id": parcel.status_number,
        "outcome": parcel.outcome,
        "pickup_requested": bool(parcel.pickup_token),
        "handed_over": parcel.handed_over,
        "live": parcel.live,
        "cancelled": parcel.cancelled,
        "charge_minor": parcel.charge_minor,
        "scans": len(parcel.scans),
    }
