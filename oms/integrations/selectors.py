"""Reads about webhooks: how endpoints do, what was sent to them, which need a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from django.db.models import Count, Q, QuerySet

from inventory.models import Sku
from oms.integrations.models import PauseReason, WebhookDelivery, WebhookEndpoint, WebhookState

Health = Literal["good", "new", "failing", "paused", "stopped"]

WAITING = (WebhookState.PENDING, WebhookState.SENDING)
_OPEN = [*WAITING, WebhookState.FAILED, WebhookState.DEAD]


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """An endpoint and what lies with it: waiting for the first try, for another, and given up."""

    endpoint: WebhookEndpoint
    waiting: int = 0
    failed: int = 0
    dead: int = 0

    @property
    def health(self) -> Health:
        """How it does. "stopped" is paused by this system, for a reason that a person must look at."""
        if not self.endpoint.is_active:
            return "paused" if self.endpoint.paused_reason == PauseReason.PERSON else "stopped"
        if self.endpoint.failing_since is not None:
            return "failing"
        return "good" if self.endpoint.last_success_at is not None else "new"


def _endpoints() -> QuerySet[WebhookEndpoint]:
    """Endpoints without their secrets, which no reader needs and which take time to decrypt."""
    return WebhookEndpoint.objects.defer("secret", "old_secret")


def endpoint_health() -> list[EndpointHealth]:
    """Every endpoint, by name. Two statements."""
    return _with_counts(_endpoints())


def health_of(endpoint_id: int) -> EndpointHealth | None:
    """One endpoint; None where there is none."""
    return next(iter(_with_counts(_endpoints().filter(pk=endpoint_id))), None)


def _with_counts(endpoints: Iterable[WebhookEndpoint]) -> list[EndpointHealth]:
    found = list(endpoints)
    rows = (
        WebhookDelivery.objects.filter(endpoint__in=[endpoint.pk for endpoint in found], state__in=_OPEN)
        .order_by()
        .values_list("endpoint")
        .annotate(
            waiting=Count("pk", filter=Q(state__in=WAITING)),
            failed=Count("pk", filter=Q(state=WebhookState.FAILED)),
            dead=Count("pk", filter=Q(state=WebhookState.DEAD)),
        )
    )
    counts = {pk: numbers for pk, *numbers in rows}
    return [EndpointHealth(endpoint, *counts.get(endpoint.pk, ())) for endpoint in found]


def stopped_endpoints() -> list[WebhookEndpoint]:
    """Endpoints to which this system stopped sending by itself: a person must look."""
    return list(_endpoints().filter(paused_reason__in=[PauseReason.FAILING, PauseReason.GONE]))


def deliveries_of(
    endpoint_id: int, *, state: str = "", topic: str = "", before: int | None = None
) -> QuerySet[WebhookDelivery]:
    """Messages of an endpoint, newest first; `before` is the id of the last one of the page before."""
    rows = WebhookDelivery.objects.filter(endpoint_id=endpoint_id).order_by("-pk")
    if state:
        rows = rows.filter(state=state)
    if topic:
        rows = rows.filter(topic=topic)
    return rows if before is None else rows.filter(pk__lt=before)


def sku_codes(endpoint: WebhookEndpoint) -> list[str]:
    """Codes of the SKUs that it is limited to."""
    return list(Sku.objects.filter(pk__in=endpoint.sku_ids).order_by("code").values_list("code", flat=True))
