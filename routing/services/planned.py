"""Publishing a draft at a set time: planned, called off, and done by the clock."""

from __future__ import annotations

import logging
from datetime import datetime

from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import DomainError, NotFound
from routing.locks import lock_policy
from routing.models import PlannedPublication
from routing.services.policies import publish, require_publishable

log = logging.getLogger(__name__)


def plan_publication(
    *, policy_id: int, edit_version: int, publish_at: datetime, note: str, actor: str
) -> PlannedPublication:  # fmt: skip
    """Publish a draft, as it is now, at a time to come; planned again, the new time and note count.

    Raises DomainError where the time is over, the note is missing or lint finds an error, and Conflict where somebody
    saved the draft since `edit_version`.
    """
    if publish_at <= now():
        raise DomainError("This time is over: choose one to come.", field="publish_at")

    def work() -> PlannedPublication:
        require_publishable(lock_policy(policy_id), edit_version, note)
        planned, _created = PlannedPublication.objects.update_or_create(policy_id=policy_id, defaults={
            "edit_version": edit_version, "publish_at": publish_at, "note": note.strip()[:300],
            "planned_by": actor[:120], "planned_at": now(), "problem": "",
        })  # fmt: skip
        return planned

    return run_atomic(work)


def call_off_publication(*, policy_id: int) -> bool:
    """Leave the draft a draft; False where nothing was planned, or it went live already."""

    def work() -> bool:
        lock_policy(policy_id)
        return PlannedPublication.objects.filter(policy_id=policy_id).delete()[0] > 0

    return run_atomic(work)


def publish_planned() -> str:
    """Publish every draft whose time has come, the earliest first; what was done. Running it twice publishes once.

    What cannot be published stays a draft, with the reason, and keeps no other from its time.
    """
    due = PlannedPublication.objects.filter(publish_at__lte=now(), problem="").order_by("publish_at", "pk")
    done = sum(_publish(policy_id) for policy_id in list(due.values_list("policy_id", flat=True)))
    return f"{done} published"


def _publish(policy_id: int) -> bool:
    def work() -> bool:
        lock_policy(policy_id)
        # Read again under the lock: it may have been called off, planned anew or published meanwhile.
        planned = PlannedPublication.objects.filter(policy_id=policy_id, publish_at__lte=now(), problem="").first()
        if planned is None:
            return False
        publish(policy_id=policy_id, edit_version=planned.edit_version, note=planned.note, actor=planned.planned_by)
        return True

    try:
        return run_atomic(work)
    except NotFound:
        return False
    except DomainError as error:
        log.warning("The draft %s could not be published as planned: %s", policy_id, error.message)
        PlannedPublication.objects.filter(policy_id=policy_id).update(problem=error.message[:500])
        return False
