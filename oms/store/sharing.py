"""One phone, several people: a device is shared for one store, people choose their tile and type a PIN.

The session that a PIN opens is that of the person and of nobody else, on the screens of the store alone, until the
phone is locked, lies idle, or is no shared phone any more.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inventory.models import Node
from oms.accounts.access import principal_of_user
from oms.accounts.models import Role, User
from oms.core.clock import now
from oms.core.errors import DomainError, NotFound
from oms.core.templatetags.oms_format import when_text
from oms.store.device import device_of, note_left
from oms.store.models import Pin, PinTries, SharedDevice

log = logging.getLogger(__name__)

#: Holds the secret of a shared phone. It opens the list of its people, and nothing else.
SHARED_COOKIE = "oms_shared"
_TWO_YEARS = 2 * 365 * 24 * 3600
#: In the session of who came in with a PIN: the phone, and when they touched it last.
PIN_DEVICE, PIN_SEEN = "pin_device", "pin_seen"
#: So many wrong PINs keep a person out for so long, twice as long each time until the right one, a day at most.
MOST_WRONG, LOCKED_FOR, LONGEST_LOCK = 5, timedelta(minutes=5), timedelta(days=1)
#: A session is written at most this often for having been touched.
_SEEN_EVERY = 20
_BACKEND = "django.contrib.auth.backends.ModelBackend"


@dataclass(frozen=True, slots=True)
class Tile:
    """A person of the store on the locked screen."""

    person: User
    digits: int


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def shared_device(request: HttpRequest) -> SharedDevice | None:
    """The shared phone that asks; None for any other device, and for one whose sharing ended."""
    if not hasattr(request, "_shared_device"):
        secret = request.COOKIES.get(SHARED_COOKIE, "")
        rows = SharedDevice.objects.select_related("node").filter(ended_at__isnull=True)
        found = rows.filter(token_hash=_hash(secret)).first() if secret else None
        request._shared_device = found  # type: ignore[attr-defined]
    device: SharedDevice | None = request._shared_device  # type: ignore[attr-defined]
    return device


def share(request: HttpRequest, response: HttpResponseBase, *, node: Node, name: str, person: User) -> SharedDevice:
    """Make this phone a shared one of the store; who did so is signed out of it. What it was before ends."""
    if not name.strip():
        raise DomainError(_("Give the phone a name, for example Counter 1."), field="name")
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        end(shared_device(request), by=person.get_full_name())
        device = SharedDevice.objects.create(
            name=name.strip()[:60], node=node, token_hash=_hash(secret), shared_by=person
        )
    logout(request)
    response.set_cookie(
        SHARED_COOKIE, secret, max_age=_TWO_YEARS, httponly=True, samesite="Lax", path="/s/",
        secure=settings.SESSION_COOKIE_SECURE,
    )  # fmt: skip
    return device


def end(device: SharedDevice | None, *, by: str) -> bool:
    """The phone is shared no more, and everybody who works on it is signed out with their next request."""
    if device is None:
        return False
    return bool(
        SharedDevice.objects.filter(pk=device.pk, ended_at__isnull=True).update(ended_at=now(), ended_by=by[:120])
    )


def people_of(node: Node) -> list[User]:
    """Who may work on shared phones of a store: its own people. Admins sign in with their password."""
    rows = User.objects.filter(is_active=True, is_superuser=False).exclude(role=Role.ADMIN).select_related("store_pin")
    named = rows.filter(node_codes__contains=[node.code]).order_by("name", "email")[:200]
    return [person for person in named if _may_work(person)]


def _may_work(person: User) -> bool:
    principal = principal_of_user(person)
    return principal.may("store.use") and principal.all_channels


def person_of(node: Node, pk: int) -> User:
    """One of them. Raises NotFound for anybody else."""
    found = next((person for person in people_of(node) if person.pk == pk), None)
    if found is None:
        raise NotFound("There is no such person in this store.")
    return found


def digits_of(person: User) -> int:
    """How many digits the PIN of a person has; 0 where there is none yet."""
    pin: Pin | None = getattr(person, "store_pin", None)
    return pin.digits if pin else 0


# -- PINs --------------------------------------------------------------------------------------------------------------


def set_pin(*, person: User, pin: str, again: str, by: str) -> None:
    """Give a person a PIN, or another one. Raises DomainError for one that is none, or too easy to guess."""
    if not (4 <= len(pin) <= 6 and pin.isascii() and pin.isdecimal()):
        raise DomainError(_("A PIN has 4 to 6 digits."), field="pin")
    if pin != again:
        raise DomainError(_("The two PINs differ."), field="again")
    steps = {int(late) - int(early) for early, late in zip(pin, pin[1:], strict=False)}
    if len(steps) == 1 and steps <= {-1, 0, 1}:
        raise DomainError(_("This PIN is guessed first. Choose another one."), field="pin")
    Pin.objects.update_or_create(
        person=person, defaults={"secret": make_password(pin), "digits": len(pin), "set_by": by, "set_at": now()}
    )
    # Who is given another PIN is not kept out for what they typed before.
    PinTries.objects.filter(person=person).delete()


def enter(request: HttpRequest, device: SharedDevice, *, person: User, pin: str) -> None:
    """Open the session of a person who knows their PIN; whatever was open on the phone ends.

    Raises DomainError for a wrong PIN, which is counted, and while five of them keep the person out of the phones of
    this store. Who comes in is told of the wrong ones before.
    """
    refused = _why_not(device, person, pin)
    if refused:
        raise DomainError(refused, field="pin")
    told = _begin_anew(device, person)
    # A fresh session with a fresh key, also where the same person had one: nothing of the old one is taken over.
    logout(request)
    login(request, person, backend=_BACKEND)
    request.session[PIN_DEVICE], request.session[PIN_SEEN] = device.pk, int(now().timestamp())
    if told:
        messages.warning(request, told)


@receiver(user_logged_out)
def _leave(request: HttpRequest, user: User | None, **_more: object) -> None:
    """By the lock, by hand, for lying idle or for somebody else: whatever the way out, the phone knows the moment."""
    device = device_of(request)
    if user is not None and device:
        note_left(device, user)


def _why_not(device: SharedDevice, person: User, pin: str) -> str:
    with transaction.atomic():
        tries, _made = PinTries.objects.select_for_update().get_or_create(node=device.node, person=person)
        if tries.locked_until is not None and tries.locked_until > now():
            return locked_words(tries.locked_until)
        kept = Pin.objects.filter(person=person).first()
        if kept is not None and check_password(pin[:12], kept.secret):
            return ""
        tries.wrong, tries.last_at, tries.last_on = tries.wrong + 1, now(), device.name
        locks, since = divmod(tries.wrong, MOST_WRONG)
        tries.locked_until = None if since else now() + min(LOCKED_FOR * 2 ** min(locks - 1, 30), LONGEST_LOCK)
        tries.save()
        if tries.locked_until is not None:
            log.warning("%d wrong PINs for %s, the last on %s", tries.wrong, person.email, device.name)
            return locked_words(tries.locked_until)
        return _("Wrong PIN. %(n)d more tries.") % {"n": MOST_WRONG - since}


def _begin_anew(device: SharedDevice, person: User) -> str:
    """The PIN was right: what its person is told of the wrong ones before it; empty where there were none."""
    with transaction.atomic():
        tries = PinTries.objects.select_for_update().filter(node=device.node, person=person).first()
        if tries is None:
            return ""
        wrong, last_at, last_on = tries.wrong, tries.last_at, tries.last_on
        tries.wrong, tries.locked_until = 0, None
        tries.save()
    if not wrong or last_at is None:
        return ""
    text = ngettext(
        "%(n)d wrong PIN was typed for you since you came in last: %(when)s, on %(phone)s. Was it somebody else? "
        "Tell your manager.",
        "%(n)d wrong PINs were typed for you since you came in last, the last one %(when)s, on %(phone)s. Was it "
        "somebody else? Tell your manager.",
        wrong,
    )
    return text % {"n": wrong, "when": when_text(last_at), "phone": last_on}


def locked_words(until: datetime) -> str:
    """What somebody reads whose PIN was wrong five times."""
    minutes = max(1, round((until - now()).total_seconds() / 60))
    return _("Five wrong PINs. Try again in %(n)d minutes, or ask your manager.") % {"n": minutes}


def set_first_pin(request: HttpRequest, *, person: User, password: str, pin: str, again: str) -> None:
    """Let a person without a PIN set one on the phone, with their password. Raises DomainError where they may not."""
    if digits_of(person):
        raise DomainError(_("You have a PIN already. Your manager can give you another one."), field="pin")
    if Authenticator.objects.filter(user=person).exists():
        raise DomainError(
            _("You sign in with a second step: set your PIN on your own device, under More."), field="pin"
        )
    if authenticate(request, username=person.email, email=person.email, password=password) != person:
        raise DomainError(_("This is not your password."), field="password")
    set_pin(person=person, pin=pin, again=again, by=person.get_full_name())


# -- every request -----------------------------------------------------------------------------------------------------


def is_pin_session(request: HttpRequest) -> bool:
    """Whoever asks came in with a PIN."""
    return PIN_DEVICE in request.session


class SharedPhoneMiddleware:
    """Keeps the session that a PIN opened on its phone, on the screens of the store, and to its time.

    Polls do not count as a touch: a phone that lies on the counter locks. On a shared phone on which nobody is signed
    in the store screens lead to its people.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Refuse or lead away where needed."""
        if is_pin_session(request):
            if not self._is_alive(request):
                logout(request)
            elif not request.path.startswith(("/s/", "/accounts/logout/")):
                return HttpResponseRedirect(reverse("store:tasks"))
        if self._leads_to_people(request):
            url = reverse("store:people")
            if request.headers.get("HX-Request"):
                return HttpResponse(status=401, headers={"HX-Redirect": url})
            return HttpResponseRedirect(url)
        return self.get_response(request)

    def _is_alive(self, request: HttpRequest) -> bool:
        session, moment = request.session, int(now().timestamp())
        idle = moment - session.get(PIN_SEEN, 0)
        if idle > settings.STORE_IDLE_SECONDS:
            return False
        if not SharedDevice.objects.filter(pk=session[PIN_DEVICE], ended_at__isnull=True).exists():
            return False
        is_poll = request.method == "GET" and bool(request.headers.get("HX-Request"))
        if idle > _SEEN_EVERY and not is_poll:
            session[PIN_SEEN] = moment
        return True

    def _leads_to_people(self, request: HttpRequest) -> bool:
        if not request.path.startswith("/s/") or request.user.is_authenticated:
            return False
        is_open = request.path.startswith((reverse("store:people"), reverse("store:offline")))
        return not is_open and not request.path.endswith((".js", ".webmanifest")) and shared_device(request) is not None
