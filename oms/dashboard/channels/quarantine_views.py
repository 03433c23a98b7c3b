"""The quarantine by cause: one fix for many messages."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from channels.models import ChannelAccount, InboundMessage, InboundMessageState
from channels.selectors import Preview, preview_message, quarantine_groups
from channels.services import ignore_messages
from oms.accounts.access import principal_of, requires
from oms.core.errors import NotFound
from oms.dashboard.channels.payload import cause_words, shown_issues
from oms.dashboard.channels.reach import account_for, scope_codes
from oms.dashboard.channels.unknown_skus import unknown_skus
from oms.flow.replay_jobs import INLINE_MESSAGES, quarantined_ids, replay_now, start_replay

SHOWN = 50
TRIED = 25
#: Messages ignored by one form.
MOST_IGNORED = 10_000


@require_GET
@requires("channels.view")
def groups(request: HttpRequest) -> HttpResponse:
    """Every cause that something waits for, the largest first."""
    found = quarantine_groups(scope_codes(principal_of(request)))
    names = {group.code: group.name for group in found}
    code = request.GET.get("channel", "")
    shown = [group for group in found if not code or group.code == code]
    samples = InboundMessage.objects.only("issues").in_bulk([group.sample_id for group in shown])
    context = {
        "groups": [
            {"group": group, "url": group_url(group.code, group.cause),
             "words": cause_words(group.cause, samples[group.sample_id].issues)}
            for group in shown if group.sample_id in samples
        ],
        "code": code,
        "names": sorted(names.items()), "total": sum(group.messages for group in shown),
    }  # fmt: skip
    return render(request, "dashboard/channels/quarantine.html", context)


def group_url(code: str, cause: str) -> str:
    """Address of the messages that wait for the same fix."""
    return f"{reverse('dashboard:quarantine_group')}?{urlencode({'channel': code, 'cause': cause})}"


@require_GET
@requires("channels.view")
def group(request: HttpRequest) -> HttpResponse:
    """The messages of one cause with the fix for all of them. With `?try=1` some are tried without writing."""
    principal = principal_of(request)
    account, cause = _asked(request, request.GET.get("channel", ""), request.GET.get("cause", ""))
    rows = InboundMessage.objects.filter(account=account, cause=cause, state=InboundMessageState.QUARANTINED)
    count = rows.count()
    shown = list(rows.defer("payload", "corrected_payload").order_by("pk")[:SHOWN])
    sample = shown[0] if shown else None
    context = {
        "account": account, "cause": cause, "words": cause_words(cause, sample.issues if sample else []),
        "count": count, "rows": shown, "sample": sample,
        "issues": shown_issues(sample.issues, masked_for_viewer=not principal.may("pii.view")) if sample else [],
        "unknown": unknown_skus(sample.issues, "", "") if sample else [],
        "tried": _try([row.pk for row in shown[:TRIED]]) if request.GET.get("try") else None,
        "here": group_url(account.channel.code, cause), "can_fix": principal.may("quarantine.fix"),
    }  # fmt: skip
    return render(request, "dashboard/channels/group.html", context)


def _asked(request: HttpRequest, code: str, cause: str) -> tuple[ChannelAccount, str]:
    if not cause:
        raise NotFound(_("There is no such group."))
    return account_for(request, code), cause[:200]


def _try(ids: list[int]) -> dict[str, object]:
    """What would become of these messages now, counted."""
    words = {
        InboundMessageState.CAPTURED: _("would be captured"), InboundMessageState.APPLIED: _("would change an order"),
        InboundMessageState.UNCHANGED: _("hold nothing new"), InboundMessageState.PENDING: _("would wait"),
        InboundMessageState.QUARANTINED: _("would stay in quarantine"),
    }  # fmt: skip
    previews: list[Preview] = [preview_message(pk) for pk in ids]
    counts = Counter(preview.outcome for preview in previews)
    return {"n": len(ids), "parts": [(count, words.get(InboundMessageState(state), state))
                                     for state, count in counts.most_common()]}  # fmt: skip


@require_POST
@requires("quarantine.fix")
def replay_group(request: HttpRequest) -> HttpResponse:
    """Replay everything of one cause: at once where it is little, else as a job that shows how far it is."""
    principal = principal_of(request)
    account, cause = _asked(request, request.POST.get("channel", ""), request.POST.get("cause", ""))
    ids = quarantined_ids(account.pk, cause, most=INLINE_MESSAGES + 1)
    if len(ids) > INLINE_MESSAGES:
        count = InboundMessage.objects.filter(
            account=account, cause=cause, state=InboundMessageState.QUARANTINED
        ).count()
        job = start_replay(
            account_id=account.pk, cause=cause, count=count, actor=principal.name,
            user_id=principal.user.pk if principal.user else None,
        )  # fmt: skip
        return HttpResponseRedirect(reverse("dashboard:job", args=[job.uid]))
    if not ids:
        messages.info(request, _("Nothing of this kind waits any more."))
        return HttpResponseRedirect(reverse("dashboard:quarantine"))
    done = replay_now(ids, actor=principal.name, reason=f"Replayed: {cause}"[:200])
    text = ngettext("%(n)s message replayed: %(counts)s.", "%(n)s messages replayed: %(counts)s.", len(ids))
    (messages.warning if done.quarantined else messages.success)(
        request, text % {"n": len(ids), "counts": done.sentence}
    )
    left = group_url(account.channel.code, cause) if quarantined_ids(account.pk, cause, most=1) else ""
    return HttpResponseRedirect(left or reverse("dashboard:quarantine"))


@require_POST
@requires("quarantine.fix")
def ignore_group(request: HttpRequest) -> HttpResponse:
    """Set everything of one cause aside, with a reason that stays with it."""
    principal = principal_of(request)
    account, cause = _asked(request, request.POST.get("channel", ""), request.POST.get("cause", ""))
    reason = request.POST.get("reason", "").strip()
    if not reason:
        messages.error(request, _("Say why these messages may be ignored."))
        return HttpResponseRedirect(group_url(account.channel.code, cause))
    moved = ignore_messages(quarantined_ids(account.pk, cause, most=MOST_IGNORED), principal.name, reason)
    text = ngettext("%(n)s message is ignored.", "%(n)s messages are ignored.", len(moved))
    messages.success(request, text % {"n": len(moved)})
    return HttpResponseRedirect(reverse("dashboard:quarantine"))
