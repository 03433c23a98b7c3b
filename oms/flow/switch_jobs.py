"""Changing the carrier of many parcels: parcel by parcel, outside of transactions, because carriers are asked."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from time import monotonic
from typing import Any
from uuid import uuid4

from fulfillment.services.switching import accounts_of, change_carrier
from oms.accounts.access import Principal
from oms.core.db import run_atomic
from oms.core.errors import DomainError, PermanentError, TransientError
from oms.core.jobs import SLICE_SECONDS, progress, start_job
from oms.core.models import Job
from oms.flow.locks import lock_job

logger = logging.getLogger(__name__)

SWITCH = "fulfil.switch_carrier"
#: Parcels of one change.
MOST_PARCELS = 500


def start_switch(
    *, shipment_ids: Sequence[int], account_id: int | None, to: str, reason: str, principal: Principal
) -> Job:  # fmt: skip
    """Queue the change of these parcels to an account (None: the best but the present one, parcel by parcel).

    `to` is what the new carrier is called in the title. Raises DomainError for none, or for more than MOST_PARCELS.
    """
    principal.require("fulfillment.manifest")
    ids = sorted(set(shipment_ids))
    if not ids:
        raise DomainError("No parcel is selected.", field="ids")
    if len(ids) > MOST_PARCELS:
        raise DomainError(f"One change takes at most {MOST_PARCELS} parcels. Filter further.", field="ids")
    noun = "parcel" if len(ids) == 1 else "parcels"
    return start_job(
        kind=SWITCH, title=f"Change the carrier of {len(ids)} {noun} to {to}",
        user_id=principal.user.pk if principal.user else None,
        args={"shipment_ids": ids, "account_id": account_id, "reason": reason, "actor": principal.name,
              "leave": {str(pk): old for pk, old in accounts_of(ids).items()}},
    )  # fmt: skip


def run_switch(job: Job) -> bool:
    """Change parcel by parcel until all are done (True) or the slice is over. One that was done is done once."""
    ids: list[int] = job.args["shipment_ids"]
    until = monotonic() + SLICE_SECONDS
    for shipment_id in ids[job.done :]:
        if monotonic() > until:
            return False
        _note(job, shipment_id, _change(shipment_id, job.args))
    return True


def _change(shipment_id: int, args: dict[str, Any]) -> str:
    """What is in the way, or nothing."""
    try:
        change_carrier(
            shipment_id, account_id=args["account_id"], reason=args["reason"], actor=args["actor"],
            leave=args.get("leave", {}).get(str(shipment_id)),
        )  # fmt: skip
    except DomainError as error:
        return error.message
    except (TransientError, PermanentError) as error:
        return str(error)
    except Exception:
        # An error nobody foresaw stays with its own parcel; the others are still to be done.
        reference = uuid4().hex[:8].upper()
        logger.exception("The carrier of parcel %s could not be changed, reference %s", shipment_id, reference)
        return f"Something went wrong that nobody foresaw. Reference {reference}."
    return ""


def _note(job: Job, shipment_id: int, refusal: str) -> None:
    def work() -> None:
        locked = lock_job(job.pk)
        failed = int(bool(refusal))
        progress(job, total=len(job.args["shipment_ids"]), done=1, succeeded=1 - failed, failed=failed)
        if refusal:
            refused = locked.result.get("refused", {}) | {str(shipment_id): refusal}
            Job.objects.filter(pk=job.pk).update(result=locked.result | {"refused": refused})

    run_atomic(work)


def refused_parcels(job: Job) -> dict[int, str]:
    """Parcels that were not changed, with the reason."""
    return {int(key): reason for key, reason in job.result.get("refused", {}).items()}
