"""The simulated carrier itself: orders, AWBs, pickups, and parcels that move by themselves. No HTTP here."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from carriers.adapters.shiprocket.mapping import INDIA, minor_of
from carriers.base import Milestone
from carriers.simulators.shiprocket import couriers, movement
from carriers.simulators.shiprocket.geography import postcode_of_location, scan_place
from carriers.simulators.shiprocket.movement import Outcome, Step
from carriers.simulators.shiprocket.store import Parcel, Scan, Store

_HOUR = 3600.0
#: Hours from a pickup request for today to the pickup, when nobody tells of a hand-over.
_SLOT_HOURS = 4.0
#: Statuses after which nothing moves any more.
_FINAL = frozenset({7, 8, 10, 12, 25})
_DEFAULT_ORIGIN = "560001"


class SimClock:
    """Simulated seconds: wall seconds times the speed. Scans carry wall time, so that they never lie in the future."""

    def __init__(self, speed: float, start: float = 0.0) -> None:
        self._lock = threading.Lock()
        self._base, self._since, self._speed = start, time.monotonic(), speed

    @property
    def speed(self) -> float:
        """Simulated seconds in one wall second; a simulated day takes 86,400 / speed seconds."""
        return self._speed

    def now(self) -> float:
        """Simulated seconds since the very first start."""
        with self._lock:
            return self._base + (time.monotonic() - self._since) * self._speed

    def set_speed(self, speed: float) -> None:
        """Run faster or slower from now on; 0 stands still."""
        now = self.now()
        with self._lock:
            self._base, self._since, self._speed = now, time.monotonic(), max(0.0, speed)


class Refused(Exception):
    """The carrier says no; status and message as the vendor words them."""

    def __init__(self, status: int, message: str, **errors: list[str]) -> None:
        super().__init__(message)
        self.status, self.message, self.errors = status, message, errors


class SimulatedCarrier:
    """Every public method takes the store's lock; `on_change` is called with a parcel whose state moved."""

    def __init__(
        self, store: Store, clock: SimClock, *, seed: int, share_failed: float = 0.12, share_rto: float = 0.08
    ) -> None:
        self.store, self.clock, self.seed = store, clock, seed
        self.share_failed, self.share_rto = share_failed, share_rto
        self.on_change: Callable[[Parcel], None] = lambda parcel: None

    # -- booking -------------------------------------------------------------------------------------------------------

    def create(self, payload: dict[str, Any]) -> Parcel:
        """Open an order, or give the one that stands under the order id: nothing of it changes. Raises `Refused`."""
        errors = _missing(payload)
        if errors:
            raise Refused(422, "Oops! Invalid Data.", **errors)
        reference = str(payload["order_id"])
        with self.store.lock:
            known = self.store.by_reference.get(reference)
            if known is not None:
                return known
            number = len(self.store.parcels) + 1
            parcel = Parcel(
                order_id=16_160_000 + number,
                shipment_id=15_150_000 + number,
                reference=reference,
                payload=payload,
                created_at=self.wall_text(),
                origin=postcode_of_location(str(payload.get("pickup_location", "")), _DEFAULT_ORIGIN),
                history=["ORDER_CREATED"],
            )
            self.store.add(parcel)
            return parcel

    def assign(self, shipment_id: int, courier_id: int | None) -> Parcel:
        """Assign an AWB once. Raises `Refused`; a courier that does not carry it is refused with status 200."""
        with self.store.lock:
            parcel = self.store.by_shipment.get(shipment_id)
            if parcel is None or parcel.awb:
                raise Refused(400, "Oops! Cannot reassign courier for this shipment.")
            if parcel.cancelled:
                raise Refused(400, "Oops! Order is in cancelled state, courier can not be assigned.")
            offer = self._offer(parcel, courier_id)
            parcel.awb = f"1904{self.seed % 100:02d}{parcel.order_id % 10**8:08d}"
            parcel.courier_id, parcel.courier_name = offer.courier.courier_id, offer.courier.name
            parcel.days, parcel.charge_minor = offer.days, offer.total_minor
            parcel.assigned_at = self.wall_text()
            parcel.status_number = 1
            parcel.history.append("AWB_ASSIGNED")
            self._draw_outcome(parcel)
            self._moved(parcel)
            return parcel

    def request_pickup(self, shipment_id: int, on: date | None) -> Parcel:
        """Queue a pickup. Raises `Refused`."""
        with self.store.lock:
            parcel = self.store.by_shipment.get(shipment_id)
            if parcel is None or parcel.cancelled:
                raise Refused(400, "Invalid shipment id")
            if not parcel.awb:
                raise Refused(400, "Awb not Assigned")
            if parcel.pickup_token:
                raise Refused(400, "Already in Pickup Queue.")
            wall = datetime.now(INDIA)
            days = max(0, ((on or wall.date()) - wall.date()).days)
            parcel.slot_sim = self.clock.now() + (days * 24 + _SLOT_HOURS) * _HOUR
            parcel.pickup_at = f"{wall + timedelta(days=days):%Y-%m-%d %H:%M:%S}"
            parcel.pickup_token = f"Reference No: SIM_{parcel.shipment_id}_{wall:%d%m%Y}"
            parcel.history.append("PICKUP_REQUESTED")
            place = scan_place(parcel.origin, "DC")
            self._scan(parcel, Step(0, 3, "FMPUR-101", "Manifested - Pickup scheduled", place))
            return parcel

    def manifest(self, shipment_ids: list[int]) -> list[Parcel]:
        """Put parcels on a manifest. Raises `Refused`; the ids that are on one already are in its errors."""
        with self.store.lock:
            parcels = [parcel for number in shipment_ids if (parcel := self.store.by_shipment.get(number))]
            already = [str(parcel.shipment_id) for parcel in parcels if parcel.manifested]
            if already:
                text = "Manifest already generated for some shipment_ids, Please try again after removing them"
                raise Refused(400, text, already=already)
            ready = [parcel for parcel in parcels if parcel.live and parcel.pickup_token]
            for parcel in ready:
                parcel.manifested = True
                place = scan_place(parcel.origin, "DC")
                self._scan(parcel, Step(0, 5, "X-UCI", "Manifested - Manifest uploaded", place))
            return ready

    def cancel(self, parcel: Parcel) -> None:
        """Cancel an order with its shipment; a second time changes nothing. Raises `Refused` after the pickup."""
        with self.store.lock:
            if parcel.cancelled:
                return
            if parcel.started_sim is not None and parcel.done_steps > 1:
                raise Refused(400, "Order can not be cancelled, it has been picked up.")
            parcel.cancelled = parcel.finished = True
            parcel.history.append("ORDER_CANCELLED")
            if parcel.awb:
                parcel.status_number = 8
                self._moved(parcel)
            else:
                self.store.save(parcel)

    # -- movement ------------------------------------------------------------------------------------------------------

    def hand_over(self, parcel: Parcel) -> None:
        """The shipper gave the parcel away; it moves once its pickup was asked for."""
        with self.store.lock:
            parcel.handed_over = True
            self.store.save(parcel)

    def answer_ndr(self, parcel: Parcel, action: str) -> None:
        """What the shipper wants after a failed attempt: a return changes the way, the rest is only accepted."""
        with self.store.lock:
            parcel.history.append(f"NDR_{action.upper()}")
            if action == "return" and not parcel.finished and self._fits(parcel, Outcome.RTO):
                parcel.outcome = Outcome.RTO.value
            self.store.save(parcel)

    def tick(self) -> None:
        """Make happen what is due."""
        with self.store.lock:
            now = self.clock.now()
            for parcel in list(self.store.parcels.values()):
                if parcel.finished or not parcel.live or not parcel.pickup_token or parcel.slot_sim is None:
                    continue
                if parcel.started_sim is None and (parcel.handed_over or parcel.slot_sim <= now):
                    parcel.started_sim = now
                if parcel.started_sim is not None:
                    self._run(parcel, (now - parcel.started_sim) / _HOUR)
            self.store.remember("sim_seconds", repr(now))

    def advance(self, parcel: Parcel, to: Milestone) -> None:
        """Bring a parcel to a milestone now, by all scans on the way. Raises `Refused` when it cannot get there."""
        with self.store.lock:
            if parcel.finished or not parcel.live:
                raise Refused(409, f"{parcel.awb} does not move any more.")
            target = movement.STATUS_OF_MILESTONE.get(to)
            if target is None:
                raise Refused(422, f"No scan stands for {to.value}.")
            if target in (12, 25):
                self._scan(
                    parcel, Step(0, target, "LST-101", "In Transit - Untraceable", scan_place(parcel.origin, "DC"))
                )
                return
            steps = self._steps_to(parcel, target)
            if parcel.started_sim is None:
                parcel.handed_over, parcel.started_sim = True, self.clock.now()
            for step in steps:
                parcel.done_steps += 1
                self._scan(parcel, step)
            # The rest of the way follows at its own pace from here.
            parcel.started_sim = self.clock.now() - steps[-1].hours * _HOUR

    def wall_text(self) -> str:
        """Indian wall time as the vendor writes it."""
        return f"{datetime.now(INDIA):%Y-%m-%d %H:%M:%S}"

    def _steps_to(self, parcel: Parcel, target: int) -> list[Step]:
        """The scans from where the parcel is to the next one of that status, changing its fate where that is needed."""
        for outcome in dict.fromkeys((Outcome(parcel.outcome), *Outcome)):
            if not self._fits(parcel, outcome):
                continue
            rest = self._plan(parcel, outcome)[parcel.done_steps :]
            for number, step in enumerate(rest):
                if step.status_number == target:
                    parcel.outcome = outcome.value
                    return list(rest[: number + 1])
        raise Refused(409, f"{parcel.awb} cannot get there from where it is.")

    def _fits(self, parcel: Parcel, outcome: Outcome) -> bool:
        """Whether what happened so far is how that outcome begins too."""
        done, other = self._plan(parcel, Outcome(parcel.outcome))[: parcel.done_steps], self._plan(parcel, outcome)
        return [step.status_number for step in done] == [step.status_number for step in other[: parcel.done_steps]]

    def _plan(self, parcel: Parcel, outcome: Outcome) -> tuple[Step, ...]:
        destination = str(parcel.payload.get("billing_pincode", ""))
        return movement.plan(parcel.origin, destination, parcel.days, outcome, parcel.reason)

    def _run(self, parcel: Parcel, hours: float) -> None:
        for step in self._plan(parcel, Outcome(parcel.outcome))[parcel.done_steps :]:
            if step.hours > hours or parcel.finished:
                return
            parcel.done_steps += 1
            self._scan(parcel, step)

    def _scan(self, parcel: Parcel, step: Step) -> None:
        wall = datetime.now(INDIA).replace(tzinfo=None, microsecond=0)
        if parcel.scans:
            # A second apart at any speed: scans of one second cannot be told apart.
            wall = max(wall, datetime.fromisoformat(parcel.scans[-1].at) + timedelta(seconds=1))
        parcel.scans.append(Scan(f"{wall}", step.status_number, step.code, step.activity, step.location))
        parcel.status_number = step.status_number
        parcel.finished = parcel.finished or step.status_number in _FINAL
        self._moved(parcel)

    def _moved(self, parcel: Parcel) -> None:
        self.store.save(parcel)
        self.on_change(parcel)

    def _offer(self, parcel: Parcel, courier_id: int | None) -> couriers.Offer:
        payload = parcel.payload
        cash = (minor_of(payload.get("sub_total")) or 0) if payload.get("payment_method") == "COD" else 0
        grams = round(float(payload["weight"]) * 1000)
        length, width, height = (round(float(payload[side]) * 10) for side in ("length", "breadth", "height"))
        destination = str(payload["billing_pincode"])
        found = couriers.offers(parcel.origin, destination, grams, cash, (length, width, height))
        if courier_id is not None:
            found = [offer for offer in found if offer.courier.courier_id == courier_id]
        if not found:
            raise Refused(200, "Courier is not serviceable for this shipment.")
        return found[0]

    def _draw_outcome(self, parcel: Parcel) -> None:
        chance = random.Random(f"{self.seed}:{parcel.reference}")
        drawn = chance.random()
        parcel.reason = chance.choice(movement.REASONS)
        if drawn < self.share_rto:
            parcel.outcome = Outcome.RTO.value
        elif drawn < self.share_rto + self.share_failed:
            parcel.outcome = Outcome.FAILED_THEN_DELIVERED.value
        else:
            parcel.outcome = Outcome.DELIVERED.value


_REQUIRED = (
    "order_id", "order_date", "pickup_location", "billing_customer_name", "billing_address", "billing_city",
    "billing_pincode", "billing_state", "billing_country", "billing_email", "billing_phone", "order_items",
    "payment_method", "sub_total", "length", "breadth", "height", "weight",
)  # fmt: skip


def _missing(payload: dict[str, Any]) -> dict[str, list[str]]:
    errors = {
        name: [f"The {name.replace('_', ' ')} field is required."]
        for name in _REQUIRED
        if payload.get(name) in (None, "", [])
    }
    if len(str(payload.get("order_id", ""))) > 50:
        errors["order_id"] = ["The order id may not be greater than 50 characters."]
    return errors
