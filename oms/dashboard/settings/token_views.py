"""Keys of machines: made, shown once, listed, revoked."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from oms.accounts.access import Principal, principal_of, requires
from oms.accounts.models import ApiToken
from oms.accounts.services import create_token, revoke_token
from oms.core.clock import now
from oms.core.posting import once_per_form
from oms.dashboard.settings.token_forms import TokenForm, verb_words

ROWS = 200


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token with what its row needs."""

    token: ApiToken
    state: str
    verbs: list[str]
    nodes: str
    channels: str


def tokens_of(principal: Principal) -> QuerySet[ApiToken]:
    """Tokens the person may see: an admin all of them, others those they made."""
    rows = ApiToken.objects.select_related("created_by").order_by("revoked_at", "-pk")
    if "*" in principal.verbs:
        return rows
    return rows.filter(created_by=principal.user) if principal.user else rows.none()


def token_row(token: ApiToken) -> TokenRow:
    """How a token is shown."""
    ended = token.expires_at is not None and token.expires_at <= now()
    state = "revoked" if token.revoked_at else "expired" if ended else "live"
    return TokenRow(
        token=token, state=state, verbs=[verb_words(verb) for verb in token.verbs],
        nodes=_("all nodes") if token.all_nodes else ", ".join(token.node_codes) or _("no node"),
        channels=_("all channels") if token.all_channels else ", ".join(token.channel_codes) or _("no channel"),
    )  # fmt: skip


@require_GET
@requires("tokens.edit")
def tokens(request: HttpRequest) -> HttpResponse:
    """Every token: live ones first, secrets never."""
    rows = [token_row(token) for token in tokens_of(principal_of(request))[:ROWS]]
    live = [row for row in rows if row.state == "live"]
    context = {"live": live, "ended": [row for row in rows if row.state != "live"]}
    return render(request, "dashboard/settings/tokens.html", context)


@require_http_methods(["GET", "POST"])
@requires("tokens.edit")
@never_cache
def new_token(request: HttpRequest) -> HttpResponse:
    """Make a token. Its secret stands in this one answer and nowhere else, so sending the form twice shows it once."""
    principal = principal_of(request)
    form = TokenForm(request.POST or None, principal=principal)
    if request.method == "GET":
        return render(request, "dashboard/settings/token_new.html", {"form": form})
    if not form.is_valid():
        return render(request, "dashboard/settings/token_new.html", {"form": form}, status=422)
    secret = ""

    def work() -> dict[str, object]:
        nonlocal secret
        token, secret = create_token(
            name=form.cleaned_data["name"], verbs=form.cleaned_data["verbs"], node_codes=form.nodes(),
            channel_codes=form.channels(), created_by_id=principal.user.pk if principal.user else None,
            expires_at=form.expires_at(),
        )  # fmt: skip
        return {"token": token.pk}

    made = once_per_form(request, work)
    row = token_row(get_object_or_404(ApiToken, pk=made["token"]))
    return render(request, "dashboard/settings/token_made.html", {"row": row, "secret": secret})


@require_POST
@requires("tokens.edit")
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End a token at once. Ending it again changes nothing."""
    token = get_object_or_404(tokens_of(principal_of(request)), pk=pk)
    if revoke_token(token.pk):
        messages.success(request, _("%(name)s is revoked: it is refused from now on.") % {"name": token.name})
    else:
        messages.info(request, _("%(name)s had been revoked already.") % {"name": token.name})
    return HttpResponseRedirect(reverse("dashboard:tokens"))
