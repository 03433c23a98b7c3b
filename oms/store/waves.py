"""A wave on the phone: one walk through the bins, each item scanned and then the tote that it goes into."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fulfillment.models import Wave
from fulfillment.selectors.waves import Stop, WaveWalk, progress_of_waves, walk_of
from fulfillment.services import SHORT_REASONS, units_named_by
from fulfillment.services.wave_picking import InTote, pick_in_wave, short_in_wave
from fulfillment.services.waves import TO_POOL, assign_wave, finish_wave
from inventory.models import Node, Tracking
from inventory.selectors import find_sku_by_code_or_barcode
from oms.accounts.access import principal_of
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.store.gate import is_fragment, show, store_page, store_write
from oms.store.picking import reasons_in_words
from oms.store.walk import Outcome, name_of

#: The item in the picker's hand, scanned and not yet in a tote: in the session, so that a reload keeps it.
HAND = "wave_hand"


def wave_here(node: Node, pk: int) -> Wave:
    """A wave of this store. Raises NotFound for that of another one."""
    found = Wave.objects.select_related("node").filter(node=node, pk=pk).first()
    if found is None:
        raise NotFound(f"There is no wave {pk} in {node.name}.")
    return found


@store_page
def waves(request: HttpRequest, node: Node) -> HttpResponseBase:
    """Live waves: one's own, those that nobody has, those of others."""
    name = principal_of(request).name
    found = list(Wave.objects.filter(node=node, state__in=Wave.LIVE).order_by("cutoff_at", "pk"))
    found.sort(key=lambda wave: (wave.picker != name, wave.picker != ""))
    progress = progress_of_waves([wave.pk for wave in found])
    return show(request, node, "waves", rows=[(wave, progress.get(wave.pk), wave.picker == name) for wave in found])


@store_page
def wave(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """The walk of a wave, where it is now."""
    return show(request, node, "wave", **_sheet(request, wave_here(node, pk), request.GET.get("at", "")))


def _sheet(request: HttpRequest, found: Wave, at: str = "") -> dict[str, Any]:
    walk = walk_of(found)
    hand = _in_hand(request, found, walk)
    here = next((stop for stop in walk.stops if stop.row.sku.code == at and stop.row.left), None)
    current = hand or here or walk.current
    ahead = [stop for stop in walk.stops if stop.row.left and stop is not current]
    name = principal_of(request).name
    return {
        "wave": found, "walk": walk, "hand": hand, "current": current, "ahead": ahead,
        "finished": [stop for stop in walk.stops if not stop.row.left], "is_mine": found.picker in ("", name),
        "totes": [entry for entry in walk.entries if entry.fulfillment_order.state == "picked"],
    }  # fmt: skip


def _in_hand(request: HttpRequest, found: Wave, walk: WaveWalk) -> Stop | None:
    """The item that waits for its tote, where something of it is left to put."""
    hand = request.session.get(HAND) or {}
    if hand.get("wave") != found.pk:
        return None
    return next((stop for stop in walk.stops if stop.row.sku.pk == hand.get("sku") and stop.row.left), None)


@store_write
def wave_scan(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """One scanned or typed code: an item, or the tote for the item in the hand."""
    found = wave_here(node, pk)
    code = request.POST.get("code", "").strip()[:80]
    actor = principal_of(request).name
    return _done(request, node, found, lambda: _scanned(request, found, code, actor))


def _scanned(request: HttpRequest, found: Wave, code: str, actor: str) -> Outcome:
    if not found.has_totes:
        return _said(found, pick_in_wave(wave_id=found.pk, code=code, actor=actor))
    walk = walk_of(found)
    totes = {entry.tote.casefold() for entry in walk.entries}
    hand = request.session.get(HAND) or {}
    if code.casefold() in totes:
        if hand.get("wave") != found.pk:
            return Outcome("wrong", _("Scan the item first, then its tote."))
        done = pick_in_wave(wave_id=found.pk, code=hand["code"], tote=code, actor=actor)
        request.session[HAND] = None
        return _said(found, done)
    stop = _stop_of(walk, code)
    if stop is None:
        return Outcome("wrong", _("%(code)s is no item of this wave. Put it back.") % {"code": code[:40]})
    first = stop.first
    if first is None:
        text = _("You have all %(n)d of %(item)s already. Put this one back.")
        return Outcome("wrong", text % {"n": stop.row.picked, "item": name_of(stop.row.sku)})
    request.session[HAND] = {"wave": found.pk, "sku": stop.row.sku.pk, "code": code}
    text = _("%(item)s: scan tote %(n)d.")
    return Outcome("ok", text % {"item": name_of(stop.row.sku), "n": first.entry.place})


def _stop_of(walk: WaveWalk, code: str) -> Stop | None:
    """The item of a wave that a code means: its SKU, a barcode, a lot or a serial number."""
    stops = {stop.row.sku.pk: stop for stop in walk.stops}
    sku = find_sku_by_code_or_barcode(code)
    if sku is not None:
        return stops.get(sku.pk)
    tracked = {pk for pk, stop in stops.items() if stop.row.sku.tracking != Tracking.NONE}
    return stops.get(units_named_by(code, tracked, 1)[0]) if tracked and code else None


def _said(found: Wave, done: InTote) -> Outcome:
    words = {"item": name_of(done.sku), "done": done.picked, "all": done.quantity, "tote": done.tote}
    text = _("%(item)s: %(done)d of %(all)d in tote %(tote)s") if found.has_totes else _("%(item)s is in the tote")
    if done.is_done:
        text += ". " + _("The wave is picked.")
    return Outcome("ok", text % words)


@store_write
def wave_put(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Units of an item into a tote, counted by hand."""
    found = wave_here(node, pk)
    code, tote, units = (request.POST.get(name, "").strip()[:80] for name in ("sku", "tote", "quantity"))
    quantity = int(units) if units.isascii() and units.isdecimal() and len(units) < 7 else 0
    actor = principal_of(request).name

    def act() -> Outcome:
        done = pick_in_wave(wave_id=found.pk, code=code, tote=tote, quantity=quantity, actor=actor)
        request.session[HAND] = None
        return _said(found, done)

    return _done(request, node, found, act)


def _done(request: HttpRequest, node: Node, found: Wave, act: Callable[[], Outcome]) -> HttpResponseBase:
    """Do it once and show the walk as it is then, with the outcome for eye, ear and hand."""
    try:
        answer = once_per_form(request, lambda: act().as_dict, one_action=True)
        outcome = Outcome(answer["result"], answer["text"])
    except DomainError as error:
        outcome = Outcome("wrong", error.message)
    fresh = wave_here(node, found.pk)
    if not is_fragment(request):
        level = messages.SUCCESS if outcome.result == "ok" else messages.ERROR
        messages.add_message(request, level, outcome.text)
        return HttpResponseRedirect(reverse("store:wave", args=[found.pk]))
    response = show(request, node, "_wave", is_update=True, **_sheet(request, fresh, request.POST.get("at", "")))
    response["HX-Trigger"] = json.dumps({"scan": outcome.as_dict})
    return response


@store_page
def wave_short(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Why units of an item cannot be picked: each reason says what it does to the stock."""
    found = wave_here(node, pk)
    return _short_page(request, node, found, request.GET.get("sku", ""))


def _short_page(
    request: HttpRequest, node: Node, found: Wave, code: str, problem: str = "", status: int = 200
) -> HttpResponseBase:
    stop = next((stop for stop in walk_of(found).stops if stop.row.sku.code == code and stop.row.left), None)
    if stop is None:
        raise NotFound(_("Nothing of %(code)s is left to pick in this wave.") % {"code": code[:40]})
    return show(request, node, "wave_short", status=status, wave=found, stop=stop, problem=problem,
                reasons=reasons_in_words("1" if stop.row.left == 1 else "this number"))  # fmt: skip


@store_write
def wave_short_report(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Report units short: stock is corrected as the reason says and another node gets the units."""
    found = wave_here(node, pk)
    code, reason, units = (request.POST.get(name, "").strip()[:80] for name in ("sku", "reason", "quantity"))
    sku = find_sku_by_code_or_barcode(code)
    quantity = int(units) if units.isascii() and units.isdecimal() and len(units) < 7 else 0
    actor = principal_of(request).name

    def act() -> dict[str, int]:
        return {"n": short_in_wave(wave_id=found.pk, sku_id=sku.pk if sku else 0, quantity=quantity, reason=reason,
                                   actor=actor)}  # fmt: skip

    try:
        count = once_per_form(request, act, one_action=True)["n"]
    except DomainError as error:
        text = error.message if reason in SHORT_REASONS else _("Choose a reason.")
        return _short_page(request, node, found, code, text, error.http_status)
    text = ngettext("%(n)d × %(sku)s reported. Another node gets it.", "%(n)d × %(sku)s reported. Another node gets "
                    "them.", count)  # fmt: skip
    messages.success(request, text % {"n": count, "sku": code})
    return HttpResponseRedirect(reverse("store:wave", args=[pk]))


@store_write
def wave_take_over(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Go on with a wave that somebody else has."""
    found, name = wave_here(node, pk), principal_of(request).name
    return _then(request, pk, lambda: assign_wave(wave_id=found.pk, picker=name, actor=name), _("You have this wave."))


@store_write
def wave_end(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """End the walk early: what is picked stays in its totes, the rest is ready again."""
    found, name = wave_here(node, pk), principal_of(request).name
    text = _("The walk is over. What was not picked is ready again.")
    return _then(request, pk, lambda: finish_wave(wave_id=found.pk, actor=name, rest=TO_POOL), text)


def _then(request: HttpRequest, pk: int, act: Callable[[], Wave], text: str) -> HttpResponseBase:
    try:
        once_per_form(request, lambda: {"wave": act().pk}, one_action=True)
        messages.success(request, text)
    except DomainError as error:
        messages.error(request, error.message)
    return HttpResponseRedirect(reverse("store:wave", args=[pk]))
