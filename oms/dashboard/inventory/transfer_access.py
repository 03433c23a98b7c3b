"""Which transfers a person sees, what they may do with one, and the address of each step."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from inventory.models import Transfer, TransferState
from inventory.services import BEFORE_ROAD
from oms.accounts.access import Principal, principal_of
from oms.core.errors import Forbidden, NotFound

State = TransferState
TONES = {
    "draft": "neutral", "reserved": "info", "picked": "progress", "shipped": "progress", "received": "warn",
    "closed": "good", "cancelled": "off",
}  # fmt: skip
ICONS = {"shipped": "truck", "received": "alert-triangle", "closed": "circle-check"}


def transfers_of(principal: Principal) -> QuerySet[Transfer]:
    """Transfers that start or end at a node of the person."""
    if principal.all_nodes:
        return Transfer.objects.all()
    codes = sorted(principal.node_codes)
    return Transfer.objects.filter(Q(from_node__code__in=codes) | Q(to_node__code__in=codes))


def transfer_for(request: HttpRequest, number: str) -> Transfer:
    """A transfer by number. Raises NotFound."""
    rows = transfers_of(principal_of(request)).select_related("from_node", "to_node")
    found = rows.filter(number=number).first()
    if found is None:
        raise NotFound(f"There is no transfer {number}.")
    return found


def require_end(principal: Principal, transfer: Transfer, *, first: bool) -> None:
    """Raises Forbidden for who does not work at the node where this step happens."""
    node = transfer.from_node if first else transfer.to_node
    if not principal.sees_node(node.code):
        raise Forbidden(f"This step of {transfer.number} happens at {node.name}, which is not one of your nodes.")


def page_of(transfer: Transfer) -> str:
    """The address of a transfer."""
    return reverse("dashboard:transfer", args=[transfer.number])


def allowed_steps(principal: Principal, transfer: Transfer) -> dict[str, Any]:
    """Which steps this person may take now, for buttons."""
    here, there = principal.sees_node(transfer.from_node.code), principal.sees_node(transfer.to_node.code)
    move, receive = principal.may("inventory.move"), principal.may("inventory.receive")
    state = transfer.state
    return {
        "may_edit": move and state == State.DRAFT,
        "may_confirm": move and here and state == State.DRAFT,
        "may_pick": move and here and state == State.RESERVED,
        "may_ship": move and here and state in (State.RESERVED, State.PICKED),
        "may_cancel": move and (here or state == State.DRAFT) and state in BEFORE_ROAD,
        "may_receive": receive and there and state in (State.SHIPPED, State.RECEIVED),
        "may_print": state not in (State.DRAFT, State.CANCELLED),
    }
