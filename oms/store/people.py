"""The locked screen of a shared phone, PINs, and sharing a phone."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from inventory.models import Node
from oms.accounts.access import principal_of, public
from oms.accounts.models import User
from oms.core.errors import DomainError, Forbidden, NotFound
from oms.store.gate import NODE_KEY, device_write, show, store_page, store_write
from oms.store.models import SharedDevice
from oms.store.sharing import (
    SHARED_COOKIE,
    Tile,
    digits_of,
    end,
    enter,
    is_pin_session,
    people_of,
    person_of,
    set_first_pin,
    set_pin,
    share,
    shared_device,
)

_View = Callable[[HttpRequest, SharedDevice], HttpResponseBase]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def _locked(request: HttpRequest, device: SharedDevice, person: User | None = None, problem: str = "",
            status: int = 200) -> HttpResponse:  # fmt: skip
    tiles = [Tile(each, digits_of(each)) for each in people_of(device.node)] if person is None else []
    context = {"device": device, "tiles": tiles, "person": person, "digits": digits_of(person) if person else 0,
               "problem": problem}  # fmt: skip
    response = render(request, "store/people.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response


@require_safe
@public
def people(request: HttpRequest) -> HttpResponseBase:
    """Who works now: tiles, then the PIN. Only a shared phone has people; any other device signs in."""
    device = shared_device(request)
    if device is None:
        return HttpResponseRedirect(f"{reverse(settings.LOGIN_URL)}?next={reverse('store:tasks')}")
    wanted = request.GET.get("person", "")
    return _locked(request, device, person_of(device.node, _number(wanted)) if wanted else None)


def _on_shared_phone(request: HttpRequest) -> SharedDevice:
    """The phone on which somebody says who they are; whoever was in is so no more, right or wrong as the PIN may be."""
    device = shared_device(request)
    if device is None:
        raise Forbidden(_("This phone is not shared any more. Sign in with your e-mail address."))
    if is_pin_session(request):
        logout(request)
    return device


@sensitive_post_parameters("pin", "password", "again")
@require_POST
@public
def people_enter(request: HttpRequest) -> HttpResponseBase:
    """A PIN was typed: it opens the session of its person, or is counted as wrong."""
    device = _on_shared_phone(request)
    person = person_of(device.node, _number(request.POST.get("person", "")))
    try:
        enter(request, device, person=person, pin=request.POST.get("pin", ""))
    except DomainError as error:
        return _locked(request, device, person, error.message, error.http_status)
    request.session[NODE_KEY] = device.node.code
    return HttpResponseRedirect(reverse("store:tasks"))


@sensitive_post_parameters("pin", "password", "again")
@require_POST
@public
def people_first(request: HttpRequest) -> HttpResponseBase:
    """Somebody who has no PIN yet sets one, with their password, and is in."""
    device = _on_shared_phone(request)
    person = person_of(device.node, _number(request.POST.get("person", "")))
    pin = request.POST.get("pin", "")
    try:
        set_first_pin(request, person=person, password=request.POST.get("password", ""), pin=pin,
                      again=request.POST.get("again", ""))  # fmt: skip
        enter(request, device, person=person, pin=pin)
    except DomainError as error:
        return _locked(request, device, person, error.message, error.http_status)
    request.session[NODE_KEY] = device.node.code
    return HttpResponseRedirect(reverse("store:tasks"))


@require_POST
@public
def lock(request: HttpRequest) -> HttpResponseBase:
    """The person puts the phone down: their session ends at once."""
    logout(request)
    return HttpResponseRedirect(reverse("store:people"))


# -- by who answers for the phones -------------------------------------------------------------------------------------


@device_write
def device_share(request: HttpRequest, node: Node) -> HttpResponseBase:
    """Make this phone a shared one of this store. Whoever does so is signed out of it."""
    user = principal_of(request).user
    if user is None or is_pin_session(request):
        raise Forbidden(_("Sign in with your password to share a phone."))
    response = HttpResponseRedirect(reverse("store:people"))
    try:
        share(request, response, node=node, name=request.POST.get("name", ""), person=user)
    except DomainError as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(reverse("store:more"))
    return response


@device_write
def device_end(request: HttpRequest, node: Node) -> HttpResponseBase:
    """This phone, or another one of the store, is shared no more."""
    rows = SharedDevice.objects.filter(node=node, ended_at__isnull=True)
    wanted = request.POST.get("device", "")
    device = rows.filter(pk=_number(wanted)).first() if wanted else shared_device(request)
    if device is None or device.node_id != node.pk:
        raise NotFound(_("There is no such phone in this store."))
    mine = shared_device(request) == device
    end(device, by=principal_of(request).name)
    messages.success(request, _("%(name)s is shared no more.") % {"name": device.name})
    response = HttpResponseRedirect(reverse("store:pins"))
    if mine:
        response.delete_cookie(SHARED_COOKIE, path="/s/", samesite="Lax")
    return response


@store_page
def pins(request: HttpRequest, node: Node) -> HttpResponseBase:
    """The own PIN; for who answers for the phones those of the others, and the phones."""
    return _pins(request, node)


def _pins(request: HttpRequest, node: Node, problem: str = "", status: int = 200) -> HttpResponse:
    principal = principal_of(request)
    may_share = principal.may("devices.share")
    return show(
        request, node, "pins", status=status, problem=problem, may_share=may_share, is_pin=is_pin_session(request),
        people=people_of(node) if may_share else [], device=shared_device(request),
        devices=SharedDevice.objects.filter(node=node, ended_at__isnull=True) if may_share else [],
    )  # fmt: skip


@sensitive_post_parameters("pin", "current", "again")
@store_write
def pin_set(request: HttpRequest, node: Node) -> HttpResponseBase:
    """A PIN of one's own; or of somebody else of the store, by who answers for the phones."""
    principal = principal_of(request)
    wanted = _number(request.POST.get("person", ""))
    me = principal.user
    try:
        if me is None:
            raise Forbidden(_("Only people have a PIN."))
        person = me
        if wanted and wanted != me.pk:
            principal.require("devices.share")
            person = person_of(node, wanted)
        elif is_pin_session(request):
            raise DomainError(_("Sign in with your password to change your PIN, or ask your manager."), field="pin")
        set_pin(person=person, pin=request.POST.get("pin", ""), again=request.POST.get("again", ""), by=principal.name)
    except Forbidden:
        raise
    except DomainError as error:
        return _pins(request, node, error.message, error.http_status)
    messages.success(request, _("%(name)s has a new PIN.") % {"name": person.get_full_name()})
    return HttpResponseRedirect(reverse("store:pins"))
