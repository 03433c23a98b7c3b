"""What a device sends of what it kept while it had no connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from inventory.services.counting import Scan
from oms.core.errors import DomainError

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
        ahead = self.device_now - server_now
        return ahead if abs(ahead) > timedelta(seconds=2) else timedelta()


def read_scans(body: bytes) -> Parcel:
    """The scans in a body. Raises DomainError, naming the first thing that is wrong with it."""
    if len(body) > MAX_BODY_BYTES:
        raise DomainError("Too many scans at once.", field="scans")
    try:
        found = ScansIn.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DomainError(f"{place or 'The body'}: {first['msg']}.", field=place) from error
    scans = [
        Scan(uid=row.uid, code=row.code, scanned_at=row.at, quantity=row.quantity, is_total=row.is_total,
             lot=row.unit, serial=row.unit, is_undone=row.undone)
        for row in found.scans
    ]  # fmt: skip
    return Parcel(found.token, found.now, scans)
