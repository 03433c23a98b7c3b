"""What is done to waves from the screen: made, filled, given to somebody, ended."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from fulfillment.models import Wave
from fulfillment.services.waves import Made, add_to_wave, assign_wave, cancel_wave, finish_wave, make_wave, take_out
from inventory.models import Node
from oms.accounts.access import Principal, in_node_scope, principal_of, requires
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.dashboard.fulfil.wave_views import chosen_waves, pickers_at, scoped_waves, show_wave, to_wave, wave_in_scope

_MOST_TOLD = 4


@require_POST
@requires("fulfillment.work")
def wave_make(request: HttpRequest) -> HttpResponse:
    """A new wave of the chosen orders, or more orders for a live one (`wave`)."""
    principal = principal_of(request)
    node = _node(principal, request.POST.get("node", ""))
    ids = _ids(request)
    picker = _picker(request, node)
    into = request.POST.get("wave", "")
    target = wave_in_scope(principal, int(into)) if into.isascii() and into.isdecimal() and len(into) < 16 else None

    def act() -> dict[str, object]:
        if target is not None:
            made = add_to_wave(wave_id=target.pk, work_ids=ids, actor=principal.name)
        else:
            made = make_wave(node_id=node.pk, work_ids=ids, kind=request.POST.get("kind", ""), actor=principal.name,
                             picker=picker)  # fmt: skip
        return {"pk": made.wave.pk, "text": _made(made), "all": not made.refused}

    try:
        done = once_per_form(request, act)
    except DomainError as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(_back(request, f"{reverse('dashboard:fulfil_waves')}?node={node.code}"))
    messages.add_message(request, messages.SUCCESS if done["all"] else messages.WARNING, done["text"])
    return to_wave(done["pk"])


def _node(principal: Principal, code: str) -> Node:
    found = in_node_scope(Node.objects.filter(code=code[:40]), principal, "code").first()
    if found is None or not principal.all_channels:
        raise NotFound(_("There is no node %(code)s.") % {"code": code[:40]})
    return found


def _ids(request: HttpRequest) -> list[int]:
    texts = [text for value in request.POST.getlist("ids") for text in value.split(",")]
    return list(dict.fromkeys(int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 16))


def _picker(request: HttpRequest, node: Node) -> str:
    """The name that was chosen. Raises DomainError for somebody who does not work there."""
    name = request.POST.get("picker", "").strip()[:120]
    if name and name not in pickers_at(node):
        raise DomainError(_("%(name)s does not pick at %(node)s.") % {"name": name, "node": node.code}, field="picker")
    return name


def _made(made: Made) -> str:
    text = ngettext("%(n)d order is in wave %(wave)s.", "%(n)d orders are in wave %(wave)s.", made.orders)
    text %= {"n": made.orders, "wave": made.wave.number}
    if made.refused:
        shown = "; ".join(f"{number} {why}" for number, why in made.refused[:_MOST_TOLD])
        more = len(made.refused) - _MOST_TOLD
        text += " " + _("Left out: %(orders)s") % {"orders": shown} + (f" (+{more})." if more > 0 else ".")
    return text


def _back(request: HttpRequest, default: str) -> str:
    url = request.POST.get("back", "")
    return url if url_has_allowed_host_and_scheme(url, allowed_hosts=None) else default


def _act(request: HttpRequest, pk: int, act: Callable[[Wave, str], Wave], said: Callable[[Wave], str]) -> HttpResponse:
    """Do it once and go back to where it was asked for; what is refused is said on the page of the wave."""
    principal = principal_of(request)
    wave = wave_in_scope(principal, pk)

    def work() -> dict[str, str]:
        return {"text": said(act(wave, principal.name))}

    try:
        messages.success(request, once_per_form(request, work)["text"])
    except DomainError as error:
        fresh = scoped_waves(principal).select_related("node").get(pk=pk)
        return show_wave(request, fresh, error.message, error.http_status)
    return HttpResponseRedirect(_back(request, reverse("dashboard:fulfil_wave", args=[pk])))


@require_POST
@requires("fulfillment.work")
def wave_assign(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a wave to somebody; without a name to nobody: whoever is free takes it."""

    def said(wave: Wave) -> str:
        if wave.picker:
            return _("%(name)s picks wave %(wave)s.") % {"name": wave.picker, "wave": wave.number}
        return _("Nobody has wave %(wave)s now.") % {"wave": wave.number}

    return _act(
        request, pk,
        lambda wave, actor: assign_wave(wave_id=wave.pk, picker=_picker(request, wave.node), actor=actor), said,
    )  # fmt: skip


@require_POST
@requires("fulfillment.work")
def wave_bulk(request: HttpRequest) -> HttpResponse:
    """Give the chosen waves to somebody, or cancel them: each by itself, and what is refused is told."""
    principal, waves = principal_of(request), chosen_waves(request)
    cancels = request.POST.get("act") == "cancel"
    done, refused = 0, []
    for wave in waves:

        def work(wave: Wave = wave) -> dict[str, str]:
            if cancels:
                return {"number": cancel_wave(wave_id=wave.pk, actor=principal.name).number}
            picker = _picker(request, wave.node)
            return {"number": assign_wave(wave_id=wave.pk, picker=picker, actor=principal.name).number}

        try:
            once_per_form(request, work, part=wave.number)
            done += 1
        except DomainError as error:
            refused.append(error.message)
    if done:
        messages.success(request, _bulk_words(done, cancels, request.POST.get("picker", "").strip()[:120]))
    if refused:
        messages.warning(request, " ".join(dict.fromkeys(refused)))
    if not waves:
        messages.error(request, _("No live wave was chosen."))
    return HttpResponseRedirect(_back(request, reverse("dashboard:fulfil_waves")))


def _bulk_words(done: int, cancels: bool, picker: str) -> str:
    if cancels:
        text = ngettext("%(n)d wave is cancelled.", "%(n)d waves are cancelled.", done)
    elif picker:
        text = ngettext("%(name)s picks %(n)d wave.", "%(name)s picks %(n)d waves.", done)
    else:
        text = ngettext("%(n)d wave is on every phone.", "%(n)d waves are on every phone.", done)
    return text % {"n": done, "name": picker}


@require_POST
@requires("fulfillment.work")
def wave_take_out(request: HttpRequest, pk: int) -> HttpResponse:
    """One order leaves the wave."""
    text = request.POST.get("work", "")
    work_id = int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0
    return _act(
        request, pk, lambda wave, actor: take_out(wave_id=wave.pk, work_id=work_id, actor=actor),
        lambda wave: _("The order left wave %(wave)s and is ready again.") % {"wave": wave.number},
    )  # fmt: skip


@require_POST
@requires("fulfillment.work")
def wave_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """End the wave: what is picked stays picked, the rest is ready again."""
    return _act(
        request, pk, lambda wave, actor: cancel_wave(wave_id=wave.pk, actor=actor),
        lambda wave: _("Wave %(wave)s is cancelled. What was picked stays in its totes.") % {"wave": wave.number},
    )  # fmt: skip


@require_POST
@requires("fulfillment.work")
def wave_finish(request: HttpRequest, pk: int) -> HttpResponse:
    """End the walk: the rest is ready again, or short."""
    rest = request.POST.get("rest", "")
    return _act(
        request, pk, lambda wave, actor: finish_wave(wave_id=wave.pk, actor=actor, rest=rest),
        lambda wave: _("Wave %(wave)s is picked.") % {"wave": wave.number},
    )  # fmt: skip
