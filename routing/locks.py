"""The only place where rows of routing are locked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from oms.core.db import bigints, fetch_all, fetch_dicts
from oms.core.errors import NotFound
from routing.models import PromiseCalibration, RoutingPolicy, RoutingShadow


def lock_policies() -> None:
    """One change of the policies at a time: which is live, which is on trial, which number comes next."""
    fetch_all("SELECT pg_advisory_xact_lock(hashtextextended('routing policies', 0))::text")


def lock_policy(policy_id: int) -> RoutingPolicy:
    """One policy, after `lock_policies`. Raises NotFound."""
    lock_policies()
    policy = RoutingPolicy.objects.select_for_update().filter(pk=policy_id).first()
    if policy is None:
        raise NotFound("This policy is gone: somebody discarded the draft.")
    return policy


def lock_corrections(service: str) -> list[PromiseCalibration]:
    """The corrections of a service's promises, by group."""
    return list(PromiseCalibration.objects.select_for_update().filter(service=service).order_by("group"))


def lock_editions() -> None:
    """One measuring, and one change of the edition in use, at a time."""
    fetch_all("SELECT pg_advisory_xact_lock(hashtextextended('performance editions', 0))::text")


_OUTLOOKS = """
SELECT order_id, band, expected_on, promised_by, risk_since FROM routing_orderoutlook
WHERE order_id = ANY(%(orders)s::bigint[]) ORDER BY order_id FOR NO KEY UPDATE
"""


def lock_outlooks(order_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """The outlooks of these orders by order id, in key order, as far as they have one.

    Who looks at an order takes this lock before it reads where the order stands, so that of two who look at the same
    order the later one sees all that the earlier one saw.
    """
    rows = fetch_dicts(_OUTLOOKS, {"orders": bigints(sorted(set(order_ids)))})
    return {row["order_id"]: row for row in rows}


def lock_running_shadow(pk: int) -> RoutingShadow | None:
    """Lock one run; None where it has ended, or somebody else is working on it."""
    rows = RoutingShadow.objects.select_for_update(of=("self",), skip_locked=True).filter(stopped_at__isnull=True)
    return rows.select_related("policy").filter(pk=pk).first()
