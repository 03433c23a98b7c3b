"""Printing over the API: for agents beside label printers."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from fulfillment.services import end_print, take_labels
from oms.api.gate import ErrorOut, idempotent, need
from oms.core.errors import Forbidden

router = Router(tags=["printing"])


class TakeIn(Schema):
    """The printers that the agent stands beside, their node, and how many labels it takes at once."""

    printers: Annotated[list[str], Field(min_length=1, max_length=50)]
    node: Annotated[str, Field(max_length=40, description="Needed where printers of several nodes have a name.")] = ""
    most: Annotated[int, Field(ge=1, le=100)] = 10


class LabelOut(Schema):
    """One label to print."""

    job_id: int
    printer: str
    awb: str
    zpl: str


class EndIn(Schema):
    """What became of a label; without a problem it was printed."""

    problem: Annotated[str, Field(max_length=300)] = ""


class EndOut(Schema):
    """The job as it stands now."""

    job_id: int
    state: str


def _nodes(request: HttpRequest) -> frozenset[str] | None:
    """The nodes in scope of the caller, None for all. Raises Forbidden without the verb, or for some channels only."""
    principal = need(request, "fulfillment.work")
    if not principal.all_channels:
        raise Forbidden("A printer prints for every channel, and this token sees some only.")
    return None if principal.all_nodes else principal.node_codes


@router.post(
    "/print-jobs/take", summary="Take labels to print", response={200: list[LabelOut], 403: ErrorOut, 409: ErrorOut}
)
@idempotent
def take(request: HttpRequest, body: TakeIn) -> tuple[int, Any]:
    """The oldest labels for these printers, each lent for a minute: what is not ended then is given out again.

    An agent that is not sure whether it printed a job keeps its number and does not print it again. For callers with
    `fulfillment.work`, who see the nodes of the printers and every channel: labels bear names and addresses. Where one
    of the names is that of printers of two nodes in scope, `node` says which is meant; without it that is a 409.
    """
    labels = take_labels(
        node_codes=_nodes(request), printers=body.printers, most=body.most, node_code=body.node.strip()
    )
    return 200, [{"job_id": row.job_id, "printer": row.printer, "awb": row.awb, "zpl": row.zpl} for row in labels]


@router.post("/print-jobs/{job_id}/end", summary="Say what became of it", response={200: EndOut, 404: ErrorOut})
@idempotent
def end(request: HttpRequest, job_id: int, body: EndIn) -> tuple[int, Any]:
    """Printed, or why not. Said again, nothing changes."""
    job = end_print(job_id=job_id, node_codes=_nodes(request), problem=body.problem)
    return 200, {"job_id": job.pk, "state": job.state}
