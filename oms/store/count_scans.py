"""Scanning in one area: the screen, scans one by one or from the outbox of the device, taking one back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from inventory.models import CountItem, CountScan, CountSession, CountSessionState, Node, Sku, StockLevel
from inventory.selectors.count_tally import Tally, count_tally
from inventory.selectors.counts import session_here
from inventory.services.counting import Scan, ScanAnswer, record_scans, undo_scan
from oms.accounts.access import principal_of
from oms.core.clock import now
from oms.core.errors import DomainError
from oms.core.posting import KEY_FIELD
from oms.store.counting import uuid_of
from oms.store.device import device_of
from oms.store.gate import counting_page, counting_write, show
from oms.store.outbox import read_scans

#: Rows of the list under the last scan.
LISTED = 40


@dataclass(frozen=True, slots=True)
class Row:
    """A SKU of the list: what this area has of it, None where nobody scanned it here."""

    sku: Sku
    bin_code: str
    units: int | None
    #: On hand by the ledger, where the count is not blind.
    expected: int | None


@counting_page
def counting(request: HttpRequest, node: Node, uid: UUID) -> HttpResponseBase:
    """Scan what lies in one area."""
    session = session_here(uid, node.pk)
    if session.state != CountSessionState.OPEN or not _holds(request, session):
        return HttpResponseRedirect(reverse("store:count", args=[session.count.uid]))
    return show(request, node, "counting", **body_of(session))


def _holds(request: HttpRequest, session: CountSession) -> bool:
    return session.person_key == principal_of(request).key and session.device == device_of(request)


def body_of(session: CountSession) -> dict[str, Any]:
    """What the screen shows of a session: how far it is, the last scan, and the list."""
    tally = count_tally(session.count_id, session_id=session.pk, open_too=True)
    items = list(CountItem.objects.filter(count=session.count_id, is_directed=True).select_related("sku"))
    known = {item.sku_id for item in items}
    extra = list(Sku.objects.filter(pk__in=[pk for pk in tally if pk not in known]).order_by("code"))
    skus = [item.sku for item in items] if items else extra
    levels = StockLevel.objects.filter(node=session.count.node_id, sku__in=[sku.pk for sku in skus])
    places = {level.sku_id: level for level in levels}
    rows = [_row(sku, places.get(sku.pk), tally, session.count.is_blind) for sku in skus]
    rows.sort(key=lambda row: (row.units is not None, row.bin_code, row.sku.code))
    scans = (
        CountScan.objects.filter(session=session, is_undone=False).select_related("sku").order_by("-scanned_at", "-pk")
    )
    unmatched = scans.filter(sku__isnull=True).values_list("code", flat=True)
    return {
        "session": session, "count": session.count, "last": scans.first(), "rows": rows[:LISTED],
        "more_rows": max(0, len(rows) - LISTED), "done": sum(row.units is not None for row in rows), "all": len(items),
        "units": sum(row.quantity for row in tally.values()), "unmatched": list(dict.fromkeys(unmatched[:20])),
        "undirected": extra if items else [],
    }  # fmt: skip


def _row(sku: Sku, level: StockLevel | None, tally: dict[int, Tally], is_blind: bool) -> Row:
    found = tally.get(sku.pk)
    on_hand = level.on_hand if level else 0
    return Row(sku, level.bin_code if level else "", found.quantity if found else None, None if is_blind else on_hand)


@counting_write
def count_scans(request: HttpRequest, node: Node, uid: UUID) -> HttpResponseBase:
    """Scans of this area: a list as JSON from the outbox of the device, or one from a form."""
    session = session_here(uid, node.pk)
    if request.content_type == "application/json":
        return _scans_of_outbox(request, session)
    scan = Scan(
        uid=uuid_of(request.POST.get(KEY_FIELD, "")), code=request.POST.get("code", ""), scanned_at=now(),
        quantity=_quantity(request.POST.get("quantity", "1")), is_total=bool(request.POST.get("is_total")),
        lot=request.POST.get("unit", ""), serial=request.POST.get("unit", ""),
    )  # fmt: skip
    token = uuid_of(request.POST.get("token", ""))
    [answer] = record_scans(session_uid=uid, lock_token=token, scans=[scan])
    told = messages.SUCCESS if answer.outcome == "counted" else messages.WARNING
    total = f": {answer.total}" if answer.total is not None and answer.is_kept else ""
    messages.add_message(request, told, f"{answer.text}{total}")
    return HttpResponseRedirect(reverse("store:counting", args=[uid]))


def _quantity(text: str) -> int:
    clean = text.strip()
    return int(clean) if clean.isascii() and clean.isdecimal() and len(clean) < 10 else -1


def _scans_of_outbox(request: HttpRequest, session: CountSession) -> HttpResponseBase:
    try:
        parcel = read_scans(request.body)
        answers = record_scans(
            session_uid=session.uid, lock_token=parcel.token, scans=parcel.scans, clock_ahead=parcel.ahead_of(now())
        )
    except DomainError as error:
        return JsonResponse({"message": error.message}, status=error.http_status)
    html = render_to_string("store/_counting.html", body_of(session), request=request)
    return JsonResponse({"answers": [_answer(row) for row in answers], "html": html})


def _answer(row: ScanAnswer) -> dict[str, Any]:
    total = f": {row.total}" if row.total is not None and row.is_kept else ""
    return {"uid": str(row.uid), "outcome": row.outcome, "kept": row.is_kept, "text": f"{row.text}{total}",
            "sku": row.sku_code}  # fmt: skip


@counting_write
def count_undo(request: HttpRequest, node: Node, uid: UUID) -> HttpResponseBase:
    """Take one scan back."""
    session, token = session_here(uid, node.pk), uuid_of(request.POST.get("token", ""))
    try:
        undo_scan(session_uid=uid, lock_token=token, scan_uid=uuid_of(request.POST.get("scan", "")))
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("Taken back."))
    return HttpResponseRedirect(reverse("store:counting", args=[session.uid]))
