"""Questions about work that a node's own WMS does. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, Q, QuerySet

from fulfillment.models import HandOff, HandOffInstruction, HandOffState, InstructionState
from oms.core.clock import now

State = HandOffState
#: For so long it is told that a silent WMS lost work.
_RECENT = timedelta(days=1)


def waiting_for_wms(order_id: int) -> list[str]:
    """Codes of the nodes whose WMS is asked whether it gives work of the order up."""
    rows = HandOff.objects.filter(fulfillment_order__order=order_id, state=State.CANCELLATION_REQUESTED)
    return sorted(set(rows.values_list("fulfillment_order__node__code", flat=True)))


# -- what needs a person -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WmsTrouble:
    """What is not well with the WMS of one node."""

    node: str
    unanswered: int
    cancellations: int
    lost: int
    undelivered: int
    since: datetime | None

    @property
    def count(self) -> int:
        """All of it."""
        return self.unanswered + self.cancellations + self.lost + self.undelivered

    @property
    def show(self) -> str:
        """The tab of the list on which most of it stands."""
        if self.cancellations:
            return "cancelling"
        if self.unanswered:
            return "waiting"
        return "undelivered" if self.undelivered else "rejected"

    @property
    def sentence(self) -> str:
        """In words."""
        parts = [
            ("not answered in time", self.unanswered),
            ("refused to cancel, or silent about it", self.cancellations),
            ("lost to other nodes because it was silent", self.lost),
            ("not delivered to it", self.undelivered),
        ]
        return f"WMS of {self.node}: " + ", ".join(f"{count} {words}" for words, count in parts if count)


def wms_troubles(hand_offs: QuerySet[HandOff], instructions: QuerySet[HandOffInstruction]) -> list[WmsTrouble]:
    """What needs a person among these, node by node. Two statements."""
    moment = now()
    late = Q(answer_by__lt=moment)
    silent = Q(state=State.REJECTED, overdue_at__gte=moment - _RECENT)
    rows = (
        hand_offs.filter(late | silent | Q(state=State.CANCELLATION_REJECTED))
        .values("fulfillment_order__node__code")
        .annotate(
            unanswered=Count("pk", filter=late & ~Q(state=State.CANCELLATION_REQUESTED)),
            cancellations=Count(
                "pk", filter=(late & Q(state=State.CANCELLATION_REQUESTED)) | Q(state=State.CANCELLATION_REJECTED)
            ),
            lost=Count("pk", filter=silent), since=Min("changed_at"),
        )
        .order_by("fulfillment_order__node__code")
    )  # fmt: skip
    dead = instructions.filter(state=InstructionState.DEAD)
    undelivered = dict(dead.order_by().values_list("link__node__code").annotate(Count("pk")))
    found = {row["fulfillment_order__node__code"]: row for row in rows}
    none: dict[str, Any] = {"unanswered": 0, "cancellations": 0, "lost": 0, "since": None}
    return [
        WmsTrouble(
            node=code, undelivered=undelivered.get(code, 0),
            **{name: found.get(code, none)[name] for name in none},
        )
        for code in sorted({*found, *undelivered})
    ]  # fmt: skip


def undelivered(hand_off_ids: Iterable[int]) -> dict[int, HandOffInstruction]:
    """The newest instruction of each hand-off that could not be delivered, or was not yet."""
    rows = HandOffInstruction.objects.filter(
        hand_off__in=list(hand_off_ids), state__in=(InstructionState.DEAD, InstructionState.FAILED)
    )
    return {row.hand_off_id: row for row in rows.order_by("pk") if row.hand_off_id is not None}
