"""The result of a bulk action, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oms.accounts.access import Principal
from oms.core.errors import NotFound
from oms.core.models import Job
from oms.flow.bulk_jobs import ACTIONS, BULK, done_order_ids
from orders.models import Order
from orders.selectors import orders_in_scope

PAGE_ROWS = 100
#: Which result -> word, tone.
OUTCOMES = {"refused": ("Refused", "bad"), "skipped": ("Skipped", "off"), "done": ("Done", "good"),
            "waiting": ("Waiting", "neutral")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One order of a bulk action."""

    order: Order | None
    order_id: int
    word: str
    tone: str
    reason: str


def result_context(job: Job, principal: Principal, params: Mapping[str, Any]) -> dict[str, Any]:
    """Everything the result page shows; refused rows first."""
    if job.kind != BULK:
        raise NotFound("This job is no bulk action.")
    refused, skipped = job.result.get("refused", {}), job.result.get("skipped", {})
    ids: dict[str, Sequence[int]] = {
        "refused": [int(key) for key in refused],
        "skipped": [int(key) for key in skipped],
        "done": done_order_ids(job),
        "waiting": job.args["order_ids"][job.done :],
    }
    show = str(params.get("show", ""))
    chosen = [(key, pk) for key, rows in ids.items() if not show or key == show for pk in rows]
    page = int(params["page"]) if str(params.get("page", "")).isdecimal() else 1
    part = chosen[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    orders = orders_in_scope(principal).select_related("channel").in_bulk([pk for _, pk in part])
    reasons = refused | skipped
    action = ACTIONS[job.args["action"]]
    return {
        "job": job, "action": action, "show": show, "page": page,
        "rows": [ResultRow(orders.get(pk), pk, *OUTCOMES[key], reasons.get(str(pk), "")) for key, pk in part],
        "tabs": _tabs(ids, show),
        "previous_url": f"?show={show}&page={page - 1}" if page > 1 else "",
        "next_url": f"?show={show}&page={page + 1}" if len(chosen) > page * PAGE_ROWS else "",
        "shown": len(chosen), "back": job.args.get("back", ""), "sentence": sentence(job),
        "can_undo": job.args["action"] == "hold" and job.succeeded > 0 and not job.is_open,
        "state": _state(job),
    }  # fmt: skip


def _tabs(ids: Mapping[str, Sequence[int]], show: str) -> list[dict[str, Any]]:
    tones = {"refused": "bad"}
    items = [{"label": "All", "url": "?", "active": not show, "count": sum(map(len, ids.values()))}]
    for key, (word, _) in OUTCOMES.items():
        if ids[key] or key == show:
            items.append({"label": word, "url": f"?show={key}", "active": key == show, "count": len(ids[key]),
                          "tone": tones.get(key, "") if ids[key] else ""})  # fmt: skip
    return items


def _state(job: Job) -> str:
    return "partial" if job.state == "done" and job.failed else job.state


def sentence(job: Job) -> str:
    """ "117 orders put on hold, 3 refused, 2 skipped."."""
    action = ACTIONS[job.args["action"]]
    parts = [f"{job.succeeded:,} {'order' if job.succeeded == 1 else 'orders'} {action.done}"]
    parts += [f"{job.failed:,} refused"] if job.failed else []
    parts += [f"{job.skipped:,} skipped"] if job.skipped else []
    left = job.total - job.done if job.total else 0
    parts += [f"{left:,} to go"] if job.is_open and left else []
    return ", ".join(parts) + "."
