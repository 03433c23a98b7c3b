"""The paper of waves: the walk as a pick list, of one or of several, and the codes of totes."""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from carriers.labels import PickListData, command_sheet_pdf, pick_list_pdf
from fulfillment.models import Wave
from fulfillment.selectors.pick_lists import pick_list_of
from fulfillment.selectors.waves import PICKABLE, walk_of
from oms.accounts.access import principal_of, requires
from oms.core.clock import now
from oms.core.errors import Conflict
from oms.dashboard.fulfil.wave_views import chosen_waves, totes_text, wave_in_scope


@require_safe
@requires("fulfillment.view")
def wave_pick_list(request: HttpRequest, pk: int) -> HttpResponse:
    """The path of a wave on A4, by zone and bin, with the totes of each row. Raises Conflict where nothing is left."""
    wave = wave_in_scope(principal_of(request), pk)
    data = _list_of(wave)
    if data is None:
        raise Conflict(_("Nothing is left to pick of %(wave)s.") % {"wave": wave.number})
    return _pdf(pick_list_pdf(data), f"{wave.number}.pdf")


@require_POST
@requires("fulfillment.view")
def wave_pick_lists(request: HttpRequest) -> HttpResponse:
    """The pick lists of the chosen waves in one file; those of which nothing is left have none."""
    waves = chosen_waves(request)
    lists = [data for wave in waves if (data := _list_of(wave)) is not None]
    if not lists:
        raise Conflict(_("Nothing is left to pick of the chosen waves.") if waves else _("No wave was chosen."))
    return _pdf(pick_list_pdf(*lists), "pick-lists.pdf")


def _list_of(wave: Wave) -> PickListData | None:
    walk = walk_of(wave)
    work = [entry.fulfillment_order for entry in walk.entries if entry.fulfillment_order.state in PICKABLE]
    data = pick_list_of(wave.node, work, now(), picker=wave.picker) if work else None
    if data is None or not data.rows:
        return None
    totes = {stop.row.sku.code: totes_text(walk, stop.row.sku.pk) for stop in walk.stops}
    words = _("Tote %(totes)s")
    rows = (replace(row, orders=words % {"totes": totes[row.sku_code]} if wave.has_totes else "") for row in data.rows)
    return replace(data, number=wave.number, rows=tuple(rows))


@require_safe
@requires("fulfillment.view")
def wave_totes(request: HttpRequest, pk: int) -> HttpResponse:
    """The codes of the totes of a wave, to stick on them."""
    wave = wave_in_scope(principal_of(request), pk)
    each, all_of_it = _("Tote %(n)d"), _("The tote of the wave")
    codes = {entry.tote: each % {"n": entry.place} if wave.has_totes else all_of_it for entry in walk_of(wave).entries}
    if not codes:
        raise Conflict(_("Wave %(wave)s has no totes.") % {"wave": wave.number})
    title = _("Totes of wave %(wave)s") % {"wave": wave.number}
    return _pdf(command_sheet_pdf(title, list(codes.items())), f"{wave.number}-totes.pdf")


def _pdf(content: bytes, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{name}"'
    return response
