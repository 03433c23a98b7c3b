"""Endpoints of other systems: listed, made, changed, paused, removed."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from oms.accounts.access import Principal, principal_of, requires
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.dashboard.settings.webhook_forms import EndpointForm, SecretForm, initial_of
from oms.dashboard.settings.webhook_rows import endpoint_row
from oms.integrations import services
from oms.integrations.selectors import EndpointHealth, endpoint_health, health_of


def owner(request: HttpRequest) -> Principal:
    """Who asks, and sees all of the business: endpoints are told of all of it. Raises Forbidden."""
    principal = principal_of(request)
    principal.require_everywhere()
    return principal


def endpoint_for(request: HttpRequest, pk: int) -> EndpointHealth:
    """An endpoint. Raises NotFound, Forbidden."""
    owner(request)
    found = health_of(pk)
    if found is None:
        raise NotFound("There is no such webhook.")
    return found


def to_endpoint(pk: int) -> HttpResponse:
    """To the page of an endpoint."""
    return HttpResponseRedirect(reverse("dashboard:webhook", args=[pk]))


@require_GET
@requires("settings.edit")
def webhooks(request: HttpRequest) -> HttpResponse:
    """Every endpoint, how it does, and what lies with it."""
    owner(request)
    rows = [endpoint_row(health) for health in endpoint_health()]
    return render(request, "dashboard/settings/webhooks/list.html", {"rows": rows})


@require_http_methods(["GET", "POST"])
@requires("settings.edit")
@never_cache
def new_webhook(request: HttpRequest) -> HttpResponse:
    """Make an endpoint. Its secret stands in this one answer, so sending the form twice shows it once."""
    principal = owner(request)
    form = EndpointForm(request.POST or None, principal=principal, initial={"topics": ["stock.level_changed"]})
    if request.method == "GET":
        return _form(request, form)
    if not form.is_valid():
        return _form(request, form, status=422)
    secret = ""

    def work() -> dict[str, object]:
        nonlocal secret
        endpoint, secret = services.create_endpoint(form.wish(), actor=principal.name)
        return {"webhook": endpoint.pk}

    try:
        made = once_per_form(request, work)
    except DomainError as error:
        form.refuse(error)
        return _form(request, form, status=422)
    return _secret(request, endpoint_for(request, int(made["webhook"])), secret, is_new=True)


def _form(
    request: HttpRequest, form: EndpointForm, health: EndpointHealth | None = None, status: int = 200
) -> HttpResponse:
    context = {"form": form, "endpoint": health.endpoint if health else None}
    return render(request, "dashboard/settings/webhooks/form.html", context, status=status)


def _secret(request: HttpRequest, health: EndpointHealth, secret: str, *, is_new: bool) -> HttpResponse:
    context = {"row": endpoint_row(health), "endpoint": health.endpoint, "secret": secret, "is_new": is_new}
    return render(request, "dashboard/settings/webhooks/secret.html", context)


@require_http_methods(["GET", "POST"])
@requires("settings.edit")
def edit_webhook(request: HttpRequest, pk: int) -> HttpResponse:
    """Change what an endpoint is."""
    health = endpoint_for(request, pk)
    form = EndpointForm(request.POST or None, principal=principal_of(request), initial=initial_of(health.endpoint))
    if request.method == "GET":
        return _form(request, form, health)
    if not form.is_valid():
        return _form(request, form, health, status=422)
    try:
        services.edit_endpoint(pk, form.wish())
    except NotFound:
        raise
    except DomainError as error:
        form.refuse(error)
        return _form(request, form, health, status=422)
    messages.success(request, _("%(name)s is changed. What waits goes to the address that stands there now.")
                     % {"name": form.cleaned_data["name"]})  # fmt: skip
    return to_endpoint(pk)


@require_http_methods(["GET", "POST"])
@requires("settings.edit")
@never_cache
def rotate(request: HttpRequest, pk: int) -> HttpResponse:
    """A new secret, shown in this one answer."""
    health = endpoint_for(request, pk)
    form = SecretForm(request.POST or None)
    if request.method == "GET" or not form.is_valid():
        context = {"form": form, "endpoint": health.endpoint}
        status = 200 if request.method == "GET" else 422
        return render(request, "dashboard/settings/webhooks/rotate.html", context, status=status)
    secret = ""

    def work() -> dict[str, object]:
        nonlocal secret
        secret = services.rotate_secret(pk, old_hours=form.cleaned_data["old_hours"])
        return {}

    once_per_form(request, work)
    return _secret(request, endpoint_for(request, pk), secret, is_new=False)


@require_POST
@requires("settings.edit")
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    """Send nothing more. Pausing again changes nothing."""
    health = endpoint_for(request, pk)
    services.pause_endpoint(pk)
    messages.success(request, _("%(name)s is paused. What happens meanwhile is not kept for it.")
                     % {"name": health.endpoint.name})  # fmt: skip
    return to_endpoint(pk)


@require_POST
@requires("settings.edit")
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    """Send again, first of all what waited."""
    health = endpoint_for(request, pk)
    services.resume_endpoint(pk)
    messages.success(request, _("%(name)s is told again.") % {"name": health.endpoint.name})
    return to_endpoint(pk)


@require_POST
@requires("settings.edit")
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget an endpoint with everything that was sent to it."""
    health = endpoint_for(request, pk)
    services.remove_endpoint(pk)
    messages.success(request, _("%(name)s is removed.") % {"name": health.endpoint.name})
    return HttpResponseRedirect(reverse("dashboard:webhooks"))
