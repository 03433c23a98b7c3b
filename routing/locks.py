"""The only place where rows of routing are locked."""

from __future__ import annotations

from oms.core.db import fetch_all
from oms.core.errors import NotFound
from routing.models import PromiseCalibration, RoutingPolicy


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
