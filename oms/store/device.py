"""The phone in somebody's hand: its name, who works with it in which store, and the proof of that for later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.crypto import salted_hmac

from inventory.models import Node
from oms.accounts.access import principal_of
from oms.accounts.models import User
from oms.core.clock import now
from oms.core.ids import uuid7
from oms.store.models import PhoneLeft

#: Names a device. Nobody can guess it, and no script can read it.
DEVICE_COOKIE = "oms_device"
_TWO_YEARS = 2 * 365 * 24 * 3600
_STAMP_SALT = "oms.store.stamp"
#: What somebody did longer ago than this is no action of today's work any more.
STAMP_AGE = timedelta(days=7)
#: How far before its page an action may seem to lie, clocks being what they are.
_SLACK = timedelta(minutes=2)
#: How far after somebody left an action may seem to lie: what travels, and what a clock may differ unnoticed.
_TRAVEL = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Stamp:
    """Somebody was signed in at a device, in a store, at a moment."""

    device: str
    person_id: int
    node_code: str
    made_at: datetime

    def covers(self, moment: datetime) -> bool:
        """True for a moment at which the person may have acted under this stamp."""
        return self.made_at - _SLACK <= moment <= now() + _SLACK and now() - self.made_at <= STAMP_AGE


def device_of(request: HttpRequest) -> str:
    """The name of the device that asks; empty before it has one."""
    return request.COOKIES.get(DEVICE_COOKIE, "")[:60]


def name_of_device(request: HttpRequest) -> str:
    """The name of the device that asks, a fresh one where it has none yet: `with_device` lets it keep that."""
    fresh = getattr(request, "_fresh_device", "")
    if device_of(request) or fresh:
        return device_of(request) or str(fresh)
    request._fresh_device = uuid7().hex  # type: ignore[attr-defined]
    return str(request._fresh_device)  # type: ignore[attr-defined]


def with_device(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Let a device that was just named keep its name."""
    fresh = getattr(request, "_fresh_device", "")
    if fresh:
        response.set_cookie(
            DEVICE_COOKIE, fresh, max_age=_TWO_YEARS, httponly=True, samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )  # fmt: skip
    return response


def stamp_of(request: HttpRequest, node: Node) -> str:
    """The proof that this person is signed in here now. Actions carry it, so that they can be sent by somebody else."""
    user = principal_of(request).user
    made = [name_of_device(request), user.pk if user else 0, node.code, round(now().timestamp(), 3)]
    return signing.dumps(made, salt=_STAMP_SALT)


def read_stamp(text: str) -> Stamp | None:
    """The stamp; None for one that was not made here."""
    try:
        device, person_id, code, seconds = signing.loads(text, salt=_STAMP_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return Stamp(device, person_id, code, datetime.fromtimestamp(seconds, UTC))


def note_left(device: str, person: User) -> None:
    """Somebody locks the phone or is signed out of it: from now on nothing is done under the stamps they have."""
    moment = now()
    PhoneLeft.objects.filter(device=device, at__lt=moment - STAMP_AGE - _SLACK).delete()
    PhoneLeft.objects.create(device=device, person=person, at=moment)


def had_left(stamp: Stamp, moment: datetime) -> bool:
    """True where the person of the stamp had left the phone by then; a new stamp counts again once they are back."""
    rows = PhoneLeft.objects.filter(device=stamp.device, person=stamp.person_id)
    return rows.filter(at__gte=stamp.made_at, at__lt=moment - _TRAVEL).exists()


def scope_of(request: HttpRequest, node: Node) -> str:
    """Names what this person may see in this store: pages under another name are never shown to them by the phone."""
    principal = principal_of(request)
    return salted_hmac("oms.store.scope", f"{principal.key}/{node.code}").hexdigest()[:16]
