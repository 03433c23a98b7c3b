"""Counting with a phone: choose an area, scan what lies there, submit. Scans made without a connection come later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from inventory.errors import AreaCounted
from inventory.models import (
    CountSession,
    CountSessionState,
    Node,
    StockCount,
    StockCountKind,
    StockCountState,
)
from inventory.selectors.counts import areas_of, count_named, open_counts, progress_of, session_here
from inventory.services.counting import (
    Counter,
    discard_session,
    pause_session,
    plan_count,
    release_session,
    start_session,
    submit_session,
)
from oms.accounts.access import principal_of
from oms.core.errors import DomainError
from oms.core.ids import uuid7
from oms.core.posting import KEY_FIELD
from oms.store.device import device_of, name_of_device
from oms.store.gate import counting_page, counting_write, show

#: Rows of the list under the last scan.
LISTED = 40


def _counter(request: HttpRequest) -> Counter:
    principal = principal_of(request)
    return Counter(principal.key, principal.name, principal.may("inventory.approve"))


@counting_page
def counts(request: HttpRequest, node: Node) -> HttpResponseBase:
    """Counts that go on in this store."""
    found = list(open_counts(node.pk)[:50])
    progress = progress_of(found)
    return show(request, node, "counts", "tasks", rows=[(row, progress[row.pk]) for row in found])


@counting_write
def count_free(request: HttpRequest, node: Node) -> HttpResponseBase:
    """Begin a free count: whatever lies there."""
    made = plan_count(
        uid=uuid_of(request.POST.get(KEY_FIELD, "")), node_id=node.pk, kind=StockCountKind.FREE,
        name=request.POST.get("name", "").strip()[:120], actor=principal_of(request).name,
    )  # fmt: skip
    return HttpResponseRedirect(reverse("store:count", args=[made.uid]))


def uuid_of(text: str) -> UUID:
    """The id in a text, or a new one: nothing has that."""
    try:
        return UUID(text)
    except ValueError:
        return uuid7()


@counting_page
def count(request: HttpRequest, node: Node, uid: UUID) -> HttpResponseBase:
    """Choose an area: the own ones go on, those of others are shown with their names."""
    return _areas_page(request, node, _count(node, uid))


def _count(node: Node, uid: UUID) -> StockCount:
    return count_named(uid, StockCount.objects.filter(node=node))


def _areas_page(
    request: HttpRequest, node: Node, found: StockCount, *, problem: str = "", area: str = "", again: bool = False,
    status: int = 200,
) -> HttpResponse:  # fmt: skip
    principal = principal_of(request)
    sessions = list(
        CountSession.objects.filter(count=found).exclude(state=CountSessionState.DISCARDED).order_by("area", "pk")
    )
    taken = {row.area.casefold() for row in sessions}
    context: dict[str, Any] = {
        "count": found, "progress": progress_of([found])[found.pk], "problem": problem, "area": area, "again": again,
        "mine": [row for row in sessions if row.state == "open" and row.person_key == principal.key],
        "others": [row for row in sessions if row.state == "open" and row.person_key != principal.key],
        "done": [row for row in sessions if row.state == "submitted"],
        "areas": [name for name in areas_of(node.pk) if name.casefold() not in taken],
        "is_open": found.state == StockCountState.OPEN, "device": device_of(request),
        "may_release": principal.may("inventory.approve"), "may_desk": principal.may("inventory.adjust"),
    }  # fmt: skip
    return show(request, node, "count", status=status, **context)


@counting_write
def count_start(request: HttpRequest, node: Node, uid: UUID) -> HttpResponseBase:
    """Hold an area and go on to scanning. The area of somebody else is refused with their name."""
    found = _count(node, uid)
    area = request.POST.get("area", "").strip() or request.POST.get("typed", "").strip()
    device = name_of_device(request)
    try:
        session = start_session(
            count_uid=uid, area=area, counter=_counter(request), device=device, again=bool(request.POST.get("again"))
        )
    except DomainError as error:
        counted = isinstance(error, AreaCounted)
        return _areas_page(request, node, found, problem=error.message, area=area, again=counted,
                           status=error.http_status)  # fmt: skip
    return HttpResponseRedirect(reverse("store:counting", args=[session.uid]))


# -- the end of it -----------------------------------------------------------------------------------------------------


def _then(request: HttpRequest, session: CountSession, work: Callable[[], object], text: str) -> HttpResponseBase:
    """Do something with the session, tell it, and go on."""
    try:
        work()
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, text)
    return HttpResponseRedirect(reverse("store:count", args=[session.count.uid]))


def _token(request: HttpRequest) -> UUID:
    return uuid_of(request.POST.get("token", ""))


@counting_write
def count_pause(request: HttpRequest, node: Node, uid: UUID) -> HttpResponseBase:
    """Stop for a while; the area stays held."""
    session = session_here(uid, node.pk)
    return _then(request, session, lambda: pause_session(session_uid=uid, lock_token=_token(request)),
                 _("Paused. The area stays yours."))  # fmt: skip


@counting_write
def count_submit(request: HttpRequest, node: Node, uid: UUID) -> HttpResponseBase:
    """The area is counted."""
    session, actor = session_here(uid, node.pk), principal_of(request).name
    text = _("%(area)s is counted.") % {"area": session.area or node.name}
    return _then(
        request, session, lambda: submit_session(session_uid=uid, lock_token=_token(request), actor=actor), text
    )


@counting_write
def count_discard(request: HttpRequest, node: Node, uid: UUID) -> HttpResponseBase:
    """Throw away what was scanned in the area."""
    session = session_here(uid, node.pk)
    return _then(request, session, lambda: discard_session(session_uid=uid, counter=_counter(request)),
                 _("What was scanned there counts no more."))  # fmt: skip


@counting_write
def count_release(request: HttpRequest, node: Node, uid: UUID) -> HttpResponseBase:
    """Free the area of another device: the own one, or anybody's for who approves."""
    session = session_here(uid, node.pk)
    return _then(request, session, lambda: release_session(session_uid=uid, counter=_counter(request)),
                 _("The area is free: whoever comes next goes on there."))  # fmt: skip
