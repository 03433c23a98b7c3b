"""A warehouse that does what it is told, tells what it did, and makes the mistakes that such systems make."""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import requests

from oms.core.http import Session

Reply = tuple[int, dict[str, Any]]
#: What was refused for these reasons is over: the work is not the warehouse's any more.
_OVER = ("not_yours", "not_found")


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares, 0 to 1, of what goes wrong.

    When it is told something: `slow` takes half a second, `error` answers 500, `lost_reply` does it and never answers.
    When it tells something: `duplicate` says it twice, `unheard` hears no answer and says it again later, `reject` does
    not do the work, `short` misses a unit of a line, `disorder` says that it packed before it picked, or that it left
    before it was packed.
    """

    slow: float = 0.0
    error: float = 0.0
    lost_reply: float = 0.0
    duplicate: float = 0.0
    unheard: float = 0.0
    reject: float = 0.0
    short: float = 0.0
    disorder: float = 0.0


@dataclass(slots=True)
class Job:
    """One piece of work as the warehouse knows it. `lines` are units by line id."""

    work: str
    version: int
    lines: dict[int, int]
    labels: str
    step: str = "new"
    on_hold: bool = False
    asked_to_cancel: bool = False
    picked: dict[int, int] = field(default_factory=dict)
    short: dict[int, int] = field(default_factory=dict)
    shipped: dict[int, int] = field(default_factory=dict)
    #: What it said had left, while nobody heard the answer.
    said_left: dict[int, int] = field(default_factory=dict)
    rejects: bool = False
    refusals: list[str] = field(default_factory=list)


class SimulatedWms:
    """The warehouse itself, without a server: `hear` what it is told, `work` a round."""

    def __init__(self, *, api_url: str, token: str, faults: Faults | None = None, seed: int = 1) -> None:
        self.faults = faults or Faults()
        self.jobs: dict[str, Job] = {}
        self.heard: Counter[str] = Counter()
        self.luck = random.Random(seed)
        self._api = f"{api_url.rstrip('/')}/api/v1"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._session = Session(retries=0, timeout_seconds=20.0)
        self._lock = threading.RLock()

    # -- being told ----------------------------------------------------------------------------------------------------

    def hear(self, message_id: str, message: dict[str, Any]) -> bool:
        """Take an instruction; False where it came before, by its id."""
        with self._lock:
            self.heard[message_id] += 1
            if self.heard[message_id] > 1:
                return False
            self._take(str(message["type"]).removeprefix("work."), message["data"])
            return True

    def _take(self, kind: str, data: dict[str, Any]) -> None:
        job = self.jobs.get(str(data.get("work", "")))
        if kind in ("pick", "change"):
            self._instructed(job, data)
        elif job is None:
            return
        elif kind == "hold":
            job.on_hold = True
        elif kind == "resume":
            job.on_hold = False
        elif kind == "cancel":
            job.asked_to_cancel = True
        elif kind == "stop":
            job.step = job.step if job.step == "shipped" else "stopped"

    def _instructed(self, job: Job | None, data: dict[str, Any]) -> None:
        lines = {int(line["id"]): int(line["quantity"]) for line in data["lines"]}
        if job is None:
            job = Job(str(data["work"]), 0, lines, str(data["labels"]), rejects=self._strikes(self.faults.reject))
            self.jobs[job.work] = job
        if int(data["version"]) <= job.version or job.step == "stopped":
            return
        job.version, job.on_hold = int(data["version"]), False
        # What was reported short is not asked for any more.
        job.lines = {pk: units + job.short.get(pk, 0) for pk, units in lines.items()}

    # -- working -------------------------------------------------------------------------------------------------------

    @property
    def open_jobs(self) -> list[Job]:
        """Jobs that are not over."""
        with self._lock:
            return [job for job in self.jobs.values() if job.step not in ("shipped", "stopped", "cancelled")]

    def work(self) -> int:
        """One round: the next thing of every job that is not over; how many were done."""
        return sum(self._next(job) for job in self.open_jobs)

    def _strikes(self, share: float) -> bool:
        return self.luck.random() < share

    def _next(self, job: Job) -> bool:
        if job.asked_to_cancel:
            return self._answer_cancellation(job)
        if job.on_hold:
            return False
        if job.rejects and job.step == "new":
            return self._say(job, "reject", "stopped", {"reason": "No room today"})
        match job.step:
            case "new":
                return self._say(job, "accept", "accepted", {})
            case "accepted":
                return self._pick(job)
            case "picked":
                return self._pack(job)
        return self._ship(job)

    def _answer_cancellation(self, job: Job) -> bool:
        """Before it is packed it agrees; after that it is as likely to be on the van."""
        if job.step == "packed" and self._strikes(0.5):
            job.asked_to_cancel = False
            return self._say(job, "cancel_reject", "packed", {"reason": "It is on the van"})
        return self._say(job, "cancel_accept", "cancelled", {})

    def _pick(self, job: Job) -> bool:
        for pk, units in job.lines.items():
            if (
                units > job.picked.get(pk, 0) + job.short.get(pk, 0)
                and pk not in job.short
                and self._strikes(self.faults.short)
            ):
                row = {"line_id": pk, "quantity": 1, "reason": "not_found"}
                if not self._say(job, "short", "accepted", {"units": [row]}, name=f"short/{pk}"):
                    return False
                job.short[pk] = 1
        left = {pk: units - job.short.get(pk, 0) - job.picked.get(pk, 0) for pk, units in job.lines.items()}
        rows = [{"line_id": pk, "quantity": units} for pk, units in left.items() if units]
        if not any(units - job.short.get(pk, 0) for pk, units in job.lines.items()):
            job.step = "stopped"
            return True
        if rows and self._strikes(self.faults.disorder):
            # It says that it packed first. The boxes imply the pick; what it says of the pick then is refused.
            done = self._pack(job)
            if done:
                self._say(job, "pick", job.step, {"units": rows})
            return done
        if rows and not self._say(job, "pick", "picked", {"units": rows}):
            return False
        job.picked = {pk: units - job.short.get(pk, 0) for pk, units in job.lines.items()}
        job.step = "picked"
        return True

    def _pack(self, job: Job) -> bool:
        units = {pk: units - job.short.get(pk, 0) for pk, units in job.lines.items()}
        rows = [{"line_id": pk, "quantity": count} for pk, count in units.items() if count]
        if self._strikes(self.faults.disorder) and self._ship(job, units):
            return True
        box = {"box": "B1", "units": rows, "weight_grams": 640, "length_mm": 300, "width_mm": 220, "height_mm": 90}
        if not self._say(job, "pack", "packed", {"boxes": [box]}):
            return False
        job.picked = units
        return True

    def _ship(self, job: Job, units: dict[int, int] | None = None) -> bool:
        packed = job.picked if units is None else units
        parcel = {"box": "B1"}
        if job.labels == "theirs":
            parcel |= {"awb": f"WMS{job.work.replace('-', '')}", "carrier": "Own riders"}
        job.said_left = dict(packed)
        if not self._say(job, "ship", "shipped", {"parcels": [parcel]}):
            return False
        job.shipped = dict(packed)
        return True

    # -- telling -------------------------------------------------------------------------------------------------------

    def _say(self, job: Job, kind: str, then: str, content: dict[str, Any], *, name: str = "") -> bool:
        """Say something, perhaps twice; whether the other side took it. `then` is the job's step after that."""
        body = {"event_id": f"{job.work}/{name or kind}/v{job.version}", "version": job.version, **content}
        status, reply = self._post(job, kind, body)
        if self._strikes(self.faults.duplicate):
            status, reply = self._post(job, kind, body)
        if self._strikes(self.faults.unheard) or status >= 500 or status == 0:
            return False
        if status == 200:
            job.step = then
            return True
        job.refusals.append(f"{kind}: {reply.get('message', status)}")
        if reply.get("code") in _OVER and job.step != "shipped":
            # Refused because it is over: perhaps because what was said before was heard.
            job.step = "shipped" if self._left(job) else "stopped"
            job.shipped = dict(job.said_left) if job.step == "shipped" else {}
        if reply.get("code") == "old_version":
            self._read_again(job)
        return False

    def _post(self, job: Job, kind: str, body: dict[str, Any]) -> Reply:
        """One event in a batch of one, so that the answer is about it alone."""
        event = body | {"work": job.work, "kind": kind}
        status, reply = self._call("POST", "/hand-off-events", {"events": [event]})
        if status != 207:
            return status, reply
        [heard] = reply["events"]
        return (409 if heard["status"] == "refused" else 200), heard

    def _left(self, job: Job) -> bool:
        status, reply = self._call("GET", f"/hand-offs/{job.work}")
        return bool(job.said_left) and status == 200 and reply.get("work_state") == "completed"

    def _read_again(self, job: Job) -> None:
        status, reply = self._call("GET", f"/hand-offs/{job.work}")
        if status == 200 and reply.get("instruction"):
            with self._lock:
                self._instructed(job, reply["instruction"])

    def _call(self, method: str, path: str, body: Any = None) -> Reply:
        try:
            response = self._session.request(method, self._api + path, json=body, headers=self._headers)
            return response.status_code, dict(response.json())
        except (requests.RequestException, ValueError):
            return 0, {}
