"""Without a connection: the worker that keeps pages, the outbox of the phone, and cards about what was overtaken."""

from __future__ import annotations

import hashlib
import json
import logging
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.staticfiles import finders
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from inventory.models import Node
from oms.accounts.access import principal_of, public
from oms.core.clock import now
from oms.core.errors import DomainError, NotFound, StillBusy
from oms.store.actions import Answer, apply_action
from oms.store.device import device_of
from oms.store.gate import show, store_page, store_write
from oms.store.models import EventOutcome, StoreEvent
from oms.store.outbox import Bag, clock_ahead, read_actions
from oms.store.overtaken import cards_of
from oms.store.tasks import ids_of, walk_url
from oms.store.walk import Walk, read_walk

log = logging.getLogger(__name__)

#: What a store page needs from the server besides itself. The camera comes with its first use.
SHELL = (
    "css/store.css", "img/favicon.svg", "vendor/htmx.min.js", "vendor/icons.svg",
    *(f"js/{name}.js" for name in ("clock", "dom", "feedback", "forms", "live", "outbox", "pick", "pin", "scan",
                                   "store", "sync", "theme", "toasts")),
)  # fmt: skip
#: Answered actions that the outbox shows.
ANSWERED = 30


def _source(name: str) -> bytes:
    collected = settings.STATIC_ROOT / name
    found = collected if collected.is_file() else finders.find(name)
    return Path(str(found)).read_bytes()


def shell_version() -> str:
    """Names the present content of the shell: another one makes phones fetch it anew."""
    return _hash_of_shell() if not settings.DEBUG else _hash_of_shell.__wrapped__()


@lru_cache(maxsize=1)
def _hash_of_shell() -> str:
    digest = hashlib.sha256()
    for name in (*SHELL, "js/worker.js"):
        digest.update(_source(name))
    return digest.hexdigest()[:16]


@require_safe
@public
def worker(request: HttpRequest) -> HttpResponseBase:
    """The service worker of the store app, with the version and the addresses of the shell."""
    facts = {
        "version": shell_version(),
        "shell": [*(static(name) for name in SHELL), reverse("store:offline")],
        "offline": reverse("store:offline"),
    }
    text = f"const OMS = {json.dumps(facts)};\n{_source('js/worker.js').decode()}"
    return HttpResponse(text, content_type="text/javascript", headers={"Cache-Control": "no-cache"})


@require_safe
@public
def manifest(request: HttpRequest) -> HttpResponseBase:
    """What makes the store app installable."""
    icons = [
        {"src": static("img/favicon.svg"), "sizes": "any", "type": "image/svg+xml"},
        *({"src": static(f"img/store-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png",
           "purpose": "any maskable"} for size in (192, 512)),
    ]  # fmt: skip
    body = {
        "id": "/s/", "name": "OMS Store", "short_name": "Store", "start_url": reverse("store:tasks"), "scope": "/s/",
        "display": "standalone", "orientation": "portrait", "background_color": "#f1f4f7", "theme_color": "#0b57d0",
        "icons": icons,
    }  # fmt: skip
    return JsonResponse(body, content_type="application/manifest+json")


@require_safe
@public
def offline(request: HttpRequest) -> HttpResponseBase:
    """What the phone shows for a page that it does not keep. Says nothing about anybody."""
    return render(request, "store/offline.html", {"csrf_token": ""})


# -- what phones send --------------------------------------------------------------------------------------------------


@store_write
def take_actions(request: HttpRequest, node: Node) -> HttpResponseBase:
    """Actions as JSON, in the order in which they were done: an answer to each, and the walk as it is then.

    An action without an answer was not tried: the phone keeps it and sends it again.
    """
    try:
        bag = read_actions(request.body)
    except DomainError as error:
        return JsonResponse({"message": error.message}, status=error.http_status)
    answers = _apply(request, bag)
    overtaken = any(answer.outcome != EventOutcome.OK and answer.is_kept for answer in answers)
    reply: dict[str, Any] = {"answers": [answer.as_dict for answer in answers]}
    walk = _shown(node, bag)
    context: dict[str, Any] = {"walk": walk, "is_update": True, "next_url": walk_url(walk.work) if walk else ""}
    if walk is not None:
        reply["html"] = render_to_string("store/_walk.html", context, request)
    if overtaken:
        context["cards"] = cards_of(request, node)
        reply["cards"] = render_to_string("store/_overtaken.html", context, request)
    return JsonResponse(reply)


def _apply(request: HttpRequest, bag: Bag) -> list[Answer]:
    device, ahead = device_of(request), clock_ahead(bag.device_now, now())
    answers: list[Answer] = []
    for action in bag.actions:
        try:
            answers.append(apply_action(action, device=device, ahead=ahead))
        except StillBusy:
            break
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("An action of a phone failed")
            text = _("The server could not do this. Try again later, or discard it and say why.")
            answers.append(Answer(str(action.uid), EventOutcome.REJECTED, "wrong", text, is_kept=False))
    return answers


def _shown(node: Node, bag: Bag) -> Walk | None:
    """The walk that the phone shows, as it is now; None where it shows none, or one of another store."""
    try:
        return read_walk(node, ids_of(bag.walk), bag.at) if bag.walk else None
    except NotFound:
        return None


# -- what became of it ------------------------------------------------------------------------------------------------


@store_write
def settle(request: HttpRequest, node: Node) -> HttpResponseBase:
    """The person did what the card asks for, or read it. Doing so twice changes nothing."""
    try:
        uid = UUID(request.POST.get("event", ""))
    except ValueError as error:
        raise DomainError(_("Say which card is settled."), field="event") from error
    card = next((card for card in cards_of(request, node) if card.uid == uid), None)
    if card is not None:
        ids = [event.pk for event in card.events]
        StoreEvent.objects.filter(pk__in=ids, settled_at__isnull=True).update(
            settled_at=now(), settled_by=principal_of(request).name
        )
    elif not StoreEvent.objects.filter(uid=uid, node=node, person=principal_of(request).user).exists():
        raise NotFound(f"There is no such action in {node.name}.")
    messages.success(request, _("Put back.") if card is not None and card.units else _("Done."))
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()})
    return HttpResponseRedirect(wanted if safe else reverse("store:tasks"))


@store_page
def outbox(request: HttpRequest, node: Node) -> HttpResponseBase:
    """What this phone did not send yet, and what became of the last things that this person did."""
    done = StoreEvent.objects.filter(node=node, person=principal_of(request).user).order_by("-received_at", "-pk")
    return show(request, node, "outbox", cards=cards_of(request, node), done=list(done[:ANSWERED]))
