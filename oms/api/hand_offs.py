"""Hand-offs over the API: what the WMS of a node reads of its work, and what it says of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Router

from fulfillment.models import FulfillmentOrder, HandOff, HandOffFile, HandOffInstruction, HandOffState, InstructionKind
from fulfillment.services.hand_off_answers import Confirmation, hear, note_refusal
from oms.accounts.access import Principal, in_node_scope, in_work_scope, principal_of
from oms.api.fulfillment import work_out, works_in_scope
from oms.api.gate import ErrorOut, idempotent, need
from oms.api.hand_off_bodies import EventsIn, SaidIn, confirmation_of, heard_out
from oms.core.errors import DomainError, Forbidden, NotFound
from oms.core.ids import uuid7
from oms.integrations.instruction_payloads import payloads_of, with_work

router = Router(tags=["hand-offs"])
REFUSALS = {403: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut}
#: Events that one call takes.
MOST_EVENTS = 200
#: Where an operation leaves what was said, for `noted`.
_SAID = "_said_by_wms"
_CSV = "text/csv; charset=utf-8"
#: The longest id of an event; an Idempotency-Key that serves as one may be longer.
_LONGEST_ID = 120


def _works(principal: Principal) -> QuerySet[FulfillmentOrder]:
    return in_work_scope(FulfillmentOrder.objects.all(), principal)


def _hand_offs(principal: Principal) -> QuerySet[HandOff]:
    return HandOff.objects.filter(fulfillment_order__in=_works(principal)).select_related(
        "fulfillment_order__node", "fulfillment_order__order"
    )


def hand_off_out(row: HandOff) -> dict[str, Any]:
    """A hand-off as the API shows it."""
    return {
        "id": row.pk, "work": row.fulfillment_order.number, "order": row.fulfillment_order.order.number,
        "node": row.fulfillment_order.node.code, "work_state": row.fulfillment_order.state, "state": row.state,
        "version": row.version, "valid_from": row.valid_from, "on_hold": row.is_told_to_wait, "reason": row.why,
        "answer_by": row.answer_by.isoformat() if row.answer_by else None,
    }  # fmt: skip


@router.get("/hand-offs", summary="Work that WMS were given", response={200: dict[str, Any], 422: ErrorOut})
def list_hand_offs(request: HttpRequest, state: str = "", node: str = "", after: int = 0, limit: int = 100) -> Any:
    """Hand-offs, oldest first; `state` may list several, separated by commas."""
    found = _hand_offs(need(request, "fulfillment.view")).filter(pk__gt=after)
    states = [word for word in state.split(",") if word]
    unknown = sorted(set(states) - set(HandOffState.values))
    if unknown:
        expected = ", ".join(HandOffState.values)
        raise DomainError(f"There is no state {', '.join(unknown)}; expected {expected}.", field="state")
    if states:
        found = found.filter(state__in=states)
    if node:
        found = found.filter(fulfillment_order__node__code=node)
    size = max(1, min(limit, 200))
    rows = list(found.order_by("pk")[:size])
    return {"hand_offs": [hand_off_out(row) for row in rows], "next": rows[-1].pk if len(rows) == size else None}


@router.get("/hand-offs/{number}", summary="One hand-off", response={200: dict[str, Any], **REFUSALS})
def get_hand_off(request: HttpRequest, number: str) -> Any:
    """A hand-off by the number of its work, with the work, and what its newest instruction says as of now.

    It shows name and address: for callers with `pii.view` or `fulfillment.work`.
    """
    principal = need(request, "fulfillment.view")
    principal.require_labels()
    return _shown(principal, number)


def _shown(principal: Principal, number: str) -> dict[str, Any]:
    row = _hand_offs(principal).filter(fulfillment_order__number=number).first()
    if row is None:
        raise NotFound(f"There is no work {number} that a WMS was given.")
    work = works_in_scope(principal).get(pk=row.fulfillment_order_id)
    whole = HandOffInstruction.objects.filter(hand_off=row, kind__in=(InstructionKind.PICK, InstructionKind.CHANGE))
    newest = with_work(whole).order_by("-version").first()
    said = payloads_of([newest])[newest.pk]["data"] if newest is not None else None
    if said is not None:
        # A hold makes older versions void, and who goes on after it does the same work under a newer one.
        said["version"] = max(said["version"], row.valid_from)
    return hand_off_out(row) | {"fulfillment_order": work_out(work), "instruction": said}


# -- what a WMS says ---------------------------------------------------------------------------------------------------


def noted(operation: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Keep a refusal among the events of the hand-off, although it undid everything else.

    Only with an Idempotency-Key everything is one transaction; without one, the refusal is kept already.
    """

    @wraps(operation)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return operation(request, *args, **kwargs)
        except DomainError as error:
            said = getattr(request, _SAID, None)
            if isinstance(said, Confirmation) and request.headers.get("Idempotency-Key", "").strip():
                principal = principal_of(request)
                note_refusal(said, error, works=_works(principal), actor=principal.name)
            raise

    return wrapped


def _say(request: HttpRequest, number: str, kind: str, body: SaidIn) -> tuple[int, Any]:
    principal = need(request, "fulfillment.work")
    event_id = body.event_id or _named_by_key(request.headers.get("Idempotency-Key", "").strip()) or str(uuid7())
    said = confirmation_of(body, work=number, kind=kind, event_id=event_id)
    setattr(request, _SAID, said)
    [heard] = hear([said], works=_works(principal), actor=principal.name)
    if heard.error is not None:
        raise heard.error
    return 200, heard_out(heard) | {"hand_off": _shown(principal, number)}


def _named_by_key(key: str) -> str:
    """The id of an event that has none of its own; of a long key its hash, that two of one beginning stay two."""
    return key if len(key) <= _LONGEST_ID else sha256(key.encode()).hexdigest()


def _operation(kind: str, path: str, summary: str, words: str) -> None:
    """One address for one kind of event."""

    def operation(request: HttpRequest, number: str, body: SaidIn) -> tuple[int, Any]:
        return _say(request, number, kind, body)

    operation.__name__ = f"hand_off_{kind}"
    operation.__doc__ = words
    answers = {200: dict[str, Any], **REFUSALS}
    router.post(f"/hand-offs/{{number}}/{path}", summary=summary, response=answers)(noted(idempotent(operation)))


_operation("accept", "accept", "Accept the work", "You do it.")
_operation("reject", "reject", "Reject the work", "You do not do it, for a `reason`: another node gets it.")
_operation("pick", "picks", "Say what was picked", "`units` lie in your tote.")
_operation("short", "shorts", "Say what was not found", "`units`, each with its reason: the rest is routed again.")
_operation(
    "pack", "pack", "Say how it was packed",
    "`boxes` with weight, size and contents. What of them was not said to be picked is picked with them.",
)  # fmt: skip
_operation(
    "ship", "ship", "Say what left",
    "`parcels`: with AWB and carrier where you book; where we book, each must have its label. Asked whether to cancel, "
    "this answers that it is too late.",
)  # fmt: skip
_operation("cancel_accept", "cancellation/accept", "Agree to cancel", "You do not send it.")
_operation("cancel_reject", "cancellation/reject", "Refuse to cancel", "It leaves; say the `reason`.")


@router.post("/hand-off-events", summary="Say many things at once", response={207: dict[str, Any], **REFUSALS})
@idempotent
def say_many(request: HttpRequest, body: EventsIn) -> tuple[int, Any]:
    """Up to 200 events, each done or refused for itself: look at the `status` of each.

    `applied`, `repeated` (it was done before) or `refused` with `code`, `message` and `field`. A refused one may be
    said again under its id, with a new Idempotency-Key.
    """
    principal = need(request, "fulfillment.work")
    if not 1 <= len(body.events) <= MOST_EVENTS:
        raise DomainError(f"{len(body.events)} events came, expected 1 to {MOST_EVENTS}.", field="events")
    said = [confirmation_of(row, work=row.work, kind=row.kind, event_id=row.event_id) for row in body.events]
    found = hear(said, works=_works(principal), actor=principal.name)
    return 207, {"events": [heard_out(heard) for heard in found]}


# -- files -------------------------------------------------------------------------------------------------------------


@router.get("/hand-off-files", summary="Files of instructions", response={200: dict[str, Any], **REFUSALS})
def list_files(request: HttpRequest, node: str, after: int = 0, limit: int = 100) -> Any:
    """The files of a node's WMS behind the sequence number `after`, oldest first; numbers have no gaps."""
    principal = need(request, "fulfillment.view")
    size = max(1, min(limit, 200))
    rows = list(_files(principal).filter(link__node__code=node, sequence__gt=after).order_by("sequence")[:size])
    files = [
        {"sequence": row.sequence, "name": row.name, "sha256": row.sha256, "instructions": row.instructions_in,
         "created_at": row.created_at}
        for row in rows
    ]  # fmt: skip
    return {"files": files, "next": rows[-1].sequence if len(rows) == size else None}


def _files(principal: Principal) -> QuerySet[HandOffFile]:
    """A file holds orders of every channel. Raises Forbidden for who sees some channels only."""
    if not principal.all_channels:
        raise Forbidden(f"A file holds orders of every channel, and {principal.name} sees some only.")
    return in_node_scope(HandOffFile.objects.all(), principal, "link__node__code")


@router.get("/hand-off-files/{node}/{sequence}", summary="One file", response={200: None, **REFUSALS})
def get_file(request: HttpRequest, node: str, sequence: int) -> HttpResponse:
    """A file as it was written; `X-Checksum-SHA256` is its checksum. It shows names and addresses."""
    principal = need(request, "fulfillment.view")
    principal.require_labels()
    row = _files(principal).filter(link__node__code=node, sequence=sequence).first()
    if row is None:
        raise NotFound(f"There is no file {sequence} of {node}.")
    response = HttpResponse(row.content, content_type="application/json" if row.name.endswith("json") else _CSV)
    response["Content-Disposition"] = f'attachment; filename="{row.name}"'
    response["X-Checksum-SHA256"] = row.sha256
    return response
