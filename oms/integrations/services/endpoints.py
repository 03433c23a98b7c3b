"""Endpoints: made, changed, paused, resumed, removed; their secrets made and changed over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from inventory.models import Node, Sku
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import DomainError, NotFound
from oms.integrations.addresses import read_url
from oms.integrations.models import PauseReason, WebhookDelivery, WebhookEndpoint, WebhookState
from oms.integrations.services.claiming import announce_due
from oms.integrations.signing import new_secret
from oms.integrations.topics import BY_NAME

MAX_ENDPOINTS = 100
MAX_SKUS = 5000
#: How long the old secret may go on signing beside the new one.
LONGEST_CHANGEOVER_HOURS = 24 * 30
CHANGEOVER_HOURS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointWish:
    """What an endpoint is to be. Empty `node_codes` or `sku_codes` mean all of them."""

    name: str
    url: str
    topics: Sequence[str]
    node_codes: Sequence[str] = ()
    sku_codes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Checked:
    """A wish with nothing wrong in it."""

    name: str
    url: str
    topics: list[str]
    node_codes: list[str]
    sku_ids: list[int]


def create_endpoint(wish: EndpointWish, *, actor: str) -> tuple[WebhookEndpoint, str]:
    """A new endpoint and its secret, which is shown once. Raises DomainError, naming the field at fault."""

    def work() -> tuple[WebhookEndpoint, str]:
        checked = _check(wish)
        if WebhookEndpoint.objects.count() >= MAX_ENDPOINTS:
            raise DomainError(f"There are {MAX_ENDPOINTS} webhooks already. Remove one that nobody uses.")
        secret = new_secret()
        endpoint = WebhookEndpoint.objects.create(
            name=checked.name, url=checked.url, topics=checked.topics, node_codes=checked.node_codes,
            sku_ids=checked.sku_ids, secret=secret, created_by=actor[:120],
        )  # fmt: skip
        endpoint.refresh_from_db(fields=["created_at"])
        return endpoint, secret

    return run_atomic(work)


def edit_endpoint(endpoint_id: int, wish: EndpointWish) -> None:
    """Change what an endpoint is. What waits for it goes to the new address. Raises DomainError, NotFound."""

    def work() -> None:
        checked = _check(wish)
        changed = WebhookEndpoint.objects.filter(pk=endpoint_id).update(
            name=checked.name, url=checked.url, topics=checked.topics, node_codes=checked.node_codes,
            sku_ids=checked.sku_ids, quiet_until=None,
        )  # fmt: skip
        _found(changed, endpoint_id)

    run_atomic(work)


def _check(wish: EndpointWish) -> _Checked:
    name = wish.name.strip()
    if not name or len(name) > 120:
        raise DomainError("Give it a name of at most 120 characters.", field="name")
    read_url(wish.url)
    unknown = sorted(set(wish.topics) - set(BY_NAME))
    if unknown:
        raise DomainError(f"There is no topic {', '.join(unknown[:5])}.", field="topics")
    if not wish.topics:
        raise DomainError("Choose at least one topic.", field="topics")
    return _Checked(
        name=name, url=wish.url.strip(), topics=[topic for topic in BY_NAME if topic in wish.topics],
        node_codes=_nodes(wish.node_codes), sku_ids=_skus(wish.sku_codes),
    )  # fmt: skip


def _nodes(codes: Iterable[str]) -> list[str]:
    wanted = set(codes)
    found = set(Node.objects.filter(code__in=wanted).values_list("code", flat=True))
    if wanted - found:
        raise DomainError(f"There is no node {', '.join(sorted(wanted - found)[:5])}.", field="node_codes")
    return sorted(found)


def _skus(codes: Iterable[str]) -> list[int]:
    wanted = set(codes)
    if len(wanted) > MAX_SKUS:
        raise DomainError(f"Name at most {MAX_SKUS} SKUs, or none for all of them.", field="sku_codes")
    found = dict(Sku.objects.filter(code__in=wanted).values_list("code", "pk"))
    missing = sorted(wanted - set(found))
    if missing:
        raise DomainError(f"There is no SKU {', '.join(missing[:5])}.", field="sku_codes")
    return sorted(found.values())


def _found(changed: int, endpoint_id: int) -> None:
    if not changed:
        raise NotFound(f"There is no webhook {endpoint_id}.")


def rotate_secret(endpoint_id: int, *, old_hours: int = CHANGEOVER_HOURS) -> str:
    """A new secret, which is shown once. The old one signs beside it for `old_hours` (0 to 720); one older than that
    ends at once. Raises DomainError, NotFound.
    """
    if not 0 <= old_hours <= LONGEST_CHANGEOVER_HOURS:
        raise DomainError(f"The old secret may live for 0 to {LONGEST_CHANGEOVER_HOURS} hours.", field="old_hours")

    def work() -> str:
        endpoint = WebhookEndpoint.objects.select_for_update().filter(pk=endpoint_id).first()
        if endpoint is None:
            raise NotFound(f"There is no webhook {endpoint_id}.")
        old, fresh = endpoint.secret, new_secret()
        endpoint.secret = fresh
        endpoint.old_secret = old if old_hours else None
        endpoint.old_secret_until = now() + timedelta(hours=old_hours) if old_hours else None
        endpoint.save(update_fields=["secret", "old_secret", "old_secret_until"])
        return fresh

    return run_atomic(work)


def pause_endpoint(endpoint_id: int) -> bool:
    """Send nothing more; False where it was paused already. What happens meanwhile is not kept for it."""
    rows = WebhookEndpoint.objects.filter(pk=endpoint_id)
    changed = rows.filter(is_active=True).update(
        is_active=False, paused_reason=PauseReason.PERSON, paused_at=now()
    )  # fmt: skip
    _found(changed or rows.count(), endpoint_id)
    return bool(changed)


def resume_endpoint(endpoint_id: int) -> bool:
    """Send again, first of all what waited; False where it was not paused."""

    def work() -> bool:
        rows = WebhookEndpoint.objects.filter(pk=endpoint_id)
        changed = rows.filter(is_active=False).update(
            is_active=True, paused_reason=PauseReason.NONE, paused_at=None, failing_since=None, silent_tries=0,
            quiet_until=None,
        )  # fmt: skip
        _found(changed or rows.count(), endpoint_id)
        if changed:
            waiting = WebhookDelivery.objects.filter(endpoint_id=endpoint_id, state=WebhookState.FAILED)
            waiting.update(next_try_at=now())
            announce_due(endpoint_id)
        return bool(changed)

    return run_atomic(work)


def remove_endpoint(endpoint_id: int) -> None:
    """Forget an endpoint with everything that was sent to it. Raises NotFound."""

    def work() -> None:
        WebhookDelivery.objects.filter(endpoint_id=endpoint_id).delete()
        removed, _ = WebhookEndpoint.objects.filter(pk=endpoint_id).delete()
        _found(removed, endpoint_id)

    run_atomic(work)
