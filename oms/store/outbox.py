"""What a device sends of what it kept while it had no connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from inventory.services.counting import Scan
from oms.core.errors import DomainError

M = TypeVar("M", bound=BaseModel)
#: Larger bodies are refused.
MAX_BODY_BYTES = 512 * 1024


class ScanIn(BaseModel):
    """One scan as the device kept it."""

    uid: UUID
    code: Annotated[str, Field(max_length=200)]
    at: AwareDatetime
    quantity: int = 1
    is_total: bool = False
    unit: Annotated[str, Field(max_length=200)] = ""
    undone: bool = False


class ActionIn(BaseModel):
    """One action of a person as the phone kept it. `versions` are those of the orders as the phone had seen them."""

    uid: UUID
    stamp: Annotated[str, Field(max_length=400)]
    at: AwareDatetime
    kind: Literal["pick", "short", "pack"]
    work: Annotated[list[int], Field(min_length=1, max_length=20)]
    versions: Annotated[dict[int, int], Field(max_length=20)] = {}
    code: Annotated[str, Field(max_length=200)] = ""
    sku: Annotated[str, Field(max_length=80)] = ""
    quantity: Annotated[int, Field(ge=0, le=100_000)] = 1
    lot: Annotated[str, Field(max_length=60)] = ""
    reason: Annotated[str, Field(max_length=40)] = ""
    box: Annotated[str, Field(max_length=20)] = ""
    weight: Annotated[int, Field(ge=0, le=100_000)] = 0
    contents: Annotated[dict[str, int], Field(max_length=200)] = {}
    late: bool = False
    #: Why the person does not want it any more, where they discarded it before it was sent.
    discarded: Annotated[str, Field(max_length=200)] = ""
    #: The stamp of the page on which it was discarded: on a shared phone perhaps somebody else's.
    discarder: Annotated[str, Field(max_length=400)] = ""

    @property
    def said(self) -> dict[str, Any]:
        """What the action is, without the circumstances of sending it."""
        return self.model_dump(mode="json", exclude={"stamp", "late", "discarded", "discarder", "uid"})


class ActionsIn(BaseModel):
    """Actions of a phone, each read by itself, so that one that cannot be read does not keep the others."""

    now: AwareDatetime
    events: Annotated[list[dict[str, Any]], Field(max_length=200)]
    #: The walk that the phone shows, whose picture it wants back.
    walk: Annotated[str, Field(max_length=400)] = ""
    at: Annotated[str, Field(max_length=80)] = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An action that no version of ours can have sent; `uid` is what it calls itself."""

    uid: str
    why: str


@dataclass(frozen=True, slots=True)
class Bag:
    """What a phone sends at once."""

    device_now: datetime
    actions: Sequence[ActionIn | Unreadable]
    walk: str
    at: str


class ScansIn(BaseModel):
    """Scans of one area; `now` is what the clock of the device says."""

    token: UUID
    now: AwareDatetime
    scans: Annotated[list[ScanIn], Field(max_length=500)]


@dataclass(frozen=True, slots=True)
class Parcel:
    """Scans with the lock they were made under, and the clock of the device."""

    token: UUID
    device_now: datetime
    scans: Sequence[Scan]

    def ahead_of(self, server_now: datetime) -> timedelta:
        """How far the clock of the device is ahead; a second of travel is no error of it."""
        return clock_ahead(self.device_now, server_now)


def clock_ahead(device_now: datetime, server_now: datetime) -> timedelta:
    """How far the clock of a device is ahead; two seconds of travel are no error of it."""
    ahead = device_now - server_now
    return ahead if abs(ahead) > timedelta(seconds=2) else timedelta()


def _parsed(model: type[M], body: bytes, field: str) -> M:
    if len(body) > MAX_BODY_BYTES:
        raise DomainError("Too much at once: send it in several parts.", field=field)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        place, words = _first_fault(error)
        raise DomainError(f"{place or 'The body'}: {words}.", field=place) from error


def _first_fault(error: ValidationError) -> tuple[str, str]:
    first = error.errors()[0]
    return ".".join(str(part) for part in first["loc"]), first["msg"]


def read_actions(body: bytes) -> Bag:
    """The actions in a body. Raises DomainError where it is not such a list at all."""
    found = _parsed(ActionsIn, body, "events")
    actions: list[ActionIn | Unreadable] = []
    for row in found.events:
        try:
            actions.append(ActionIn.model_validate(row))
        except ValidationError as error:
            place, words = _first_fault(error)
            actions.append(Unreadable(str(row.get("uid", ""))[:60], f"{place}: {words}."))
    return Bag(found.now, actions, found.walk, found.at)


def read_scans(body: bytes) -> Parcel:
    """The scans in a body. Raises DomainError, naming the first thing that is wrong with it."""
    found = _parsed(ScansIn, body, "scans")
    scans = [
        Scan(uid=row.uid, code=row.code, scanned_at=row.at, quantity=row.quantity, is_total=row.is_total,
             lot=row.unit, serial=row.unit, is_undone=row.undone)
        for row in found.scans
    ]  # fmt: skip
    return Parcel(found.token, found.now, scans)
