"""What people decide about suggestions: accepted they become drafts, dismissed they sleep, and both can be undone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import ceil

from django.db import transaction

from inventory.locks import lock_replenishment, lock_suggestions
from inventory.models import (
    PurchaseOrder,
    PurchaseOrderState,
    ReplenishmentSuggestion,
    SuggestionState,
    Transfer,
    TransferState,
)
from inventory.services.purchasing import (
    MOST_LINES,
    PurchaseLine,
    PurchaseTerms,
    cancel_purchase_order,
    draft_purchase_order,
)
from inventory.services.stock import StockLine
from inventory.services.transfers import MOST_TRANSFER_LINES, cancel_transfer, draft_transfer
from inventory.states import REPLENISHMENT_SUGGESTION
from oms.core.clock import now
from oms.core.db import execute, run_atomic
from oms.core.errors import DomainError
from oms.core.states import advance_many
from oms.core.values import MAX_QUANTITY

State = SuggestionState
#: Suggestions that one call decides about.
MOST_SUGGESTIONS = 2000
#: Days for which a suggestion may be dismissed.
MOST_SNOOZE_DAYS = 365
_NOTE = "From suggestions of replenishment"


@dataclass(frozen=True, slots=True)
class Accepting:
    """A suggestion to accept; without a quantity as it was suggested."""

    suggestion_id: int
    quantity: int | None = None


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft that came of suggestions. `kind` is purchase_order or transfer."""

    kind: str
    id: int
    number: str
    suggestion_ids: tuple[int, ...]


@dataclass(slots=True)
class Decided:
    """What came of a decision about many: ids that were moved, drafts, and why others were left as they are."""

    done: list[int] = field(default_factory=list)
    drafts: list[Drafted] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


#: Kind of a draft, where it comes from and the node that it is for.
_Group = tuple[str, int, int]


def accept_suggestions(*, items: Sequence[Accepting], actor: str) -> Decided:
    """Draft purchase orders per supplier and node, and transfers per pair of nodes, from open suggestions.

    Each draft is a transaction of its own with its suggestions. What was decided before, changed its way meanwhile or
    has a quantity that cannot be, is refused with a sentence; accepting again so makes nothing twice. Raises
    DomainError for too many, or for one that is named twice.
    """
    wanted = {item.suggestion_id: item.quantity for item in items}
    if len(wanted) != len(items):
        raise DomainError("Name each suggestion once.", field="suggestions")
    _refuse_too_many(len(items))
    decided = Decided()
    groups: dict[_Group, list[int]] = {}
    rows = ReplenishmentSuggestion.objects.filter(pk__in=wanted).select_related(
        "sku", "node", "purchase_order", "transfer"
    )
    found = {row.pk: row for row in rows}
    for pk in sorted(wanted):
        refusal = _why_not(found.get(pk), wanted[pk])
        if refusal:
            decided.refused[pk] = refusal
        else:
            groups.setdefault(_group(found[pk]), []).append(pk)
    for group, ids in sorted(groups.items()):
        most = MOST_LINES if group[0] == "purchase_order" else MOST_TRANSFER_LINES
        for start in range(0, len(ids), most):
            _accept_group(group, {pk: wanted[pk] for pk in ids[start : start + most]}, actor, decided)
    return decided


def _refuse_too_many(count: int) -> None:
    if not 1 <= count <= MOST_SUGGESTIONS:
        raise DomainError(f"Choose 1 to {MOST_SUGGESTIONS} suggestions; these are {count}.", field="suggestions")


def _group(row: ReplenishmentSuggestion) -> _Group:
    if row.from_node_id is not None:
        return ("transfer", row.from_node_id, row.node_id)
    return ("purchase_order", row.supplier_id or 0, row.node_id)


def _why_not(row: ReplenishmentSuggestion | None, quantity: int | None) -> str:
    """Why a suggestion cannot be accepted; empty where it can."""
    if row is None:
        return "There is no such suggestion."
    name = f"{row.sku.code} for {row.node.code}"
    if row.state == State.ACCEPTED:
        document = row.purchase_order or row.transfer
        return f"{name}: {document or 'A draft'} was made from it before, by {row.decided_by or 'somebody'}."
    if row.state != State.OPEN:
        return f"{name}: the suggestion is {State(row.state).label.lower()}."
    if row.from_node_id is None and row.supplier_id is None:
        return f"{name}: no supplier sells it. Add the SKU to a supplier's items first."
    if quantity is not None and not 1 <= quantity <= MAX_QUANTITY:
        return f"{name}: {quantity} is not a quantity; expected a whole number from 1."
    return ""


def _accept_group(group: _Group, wanted: dict[int, int | None], actor: str, decided: Decided) -> None:
    """One draft. Suggestions that were decided or changed since they were read are refused; the others go on."""

    def work() -> tuple[Drafted | None, dict[int, str]]:
        lock_replenishment()
        refused: dict[int, str] = {}
        rows = []
        for row in lock_suggestions(wanted):
            why = _why_not(row, wanted[row.pk])
            if not why and _group(row) != group:
                why = f"{row.sku.code} for {row.node.code}: it was worked out anew meanwhile. Look at it again."
            if why:
                refused[row.pk] = why
            else:
                rows.append(row)
        if not rows:
            return None, refused
        quantities = {row.pk: wanted[row.pk] or row.quantity for row in rows}
        with transaction.atomic():
            return _draft(group, rows, quantities, actor), refused

    try:
        draft, refused = run_atomic(work)
    except DomainError as error:
        decided.refused |= dict.fromkeys(wanted, error.message)
        return
    decided.refused |= refused
    if draft is not None:
        decided.drafts.append(draft)
        decided.done += draft.suggestion_ids


def _draft(group: _Group, rows: Sequence[ReplenishmentSuggestion], quantities: dict[int, int], actor: str) -> Drafted:
    kind, source_id, node_id = group
    ids = tuple(row.pk for row in rows)
    document: PurchaseOrder | Transfer
    if kind == "transfer":
        document = draft_transfer(
            from_node_id=source_id, to_node_id=node_id, actor=actor, note=_NOTE, expected_on=_expected(rows),
            lines=[StockLine(row.sku_id, quantities[row.pk]) for row in rows],
        )  # fmt: skip
    else:
        document = draft_purchase_order(
            terms=PurchaseTerms(supplier_id=source_id, node_id=node_id, note=_NOTE), actor=actor,
            lines=[PurchaseLine(sku_id=row.sku_id, quantity=quantities[row.pk]) for row in rows],
        )  # fmt: skip
    _set_quantities(quantities)
    advance_many(
        ReplenishmentSuggestion, ids, State.ACCEPTED, using=REPLENISHMENT_SUGGESTION, actor=actor,
        reason=f"{document} drafted", decided_at=now(), decided_by=actor[:120], **{f"{kind}_id": document.pk},
    )  # fmt: skip
    return Drafted(kind, document.pk, document.number, ids)


def _expected(rows: Sequence[ReplenishmentSuggestion]) -> date:
    """The day on which a transfer arrives that is sent today."""
    days = max(float(row.sums.get("lead_days", 0)) for row in rows)
    return rows[0].node.today() + timedelta(days=ceil(days))


_QUANTITIES = """
UPDATE inventory_replenishmentsuggestion row SET quantity = wanted.quantity
FROM unnest(%s::bigint[], %s::int[]) AS wanted(id, quantity)
WHERE row.id = wanted.id AND row.quantity <> wanted.quantity
"""


def _set_quantities(quantities: dict[int, int]) -> None:
    execute(_QUANTITIES, [list(quantities), list(quantities.values())])


def dismiss_suggestions(*, suggestion_ids: Iterable[int], reason: str, days: int, actor: str) -> Decided:
    """Suggest nothing for these SKUs at their nodes for `days`, and say why. Raises DomainError without a reason."""
    ids = sorted(set(suggestion_ids))
    _refuse_too_many(len(ids))
    if not reason.strip():
        raise DomainError("Say why nothing is to be ordered.", field="reason")
    if not 1 <= days <= MOST_SNOOZE_DAYS:
        raise DomainError(f"{days} days: expected 1 to {MOST_SNOOZE_DAYS}.", field="days")
    text = reason.strip()[:200]

    def work() -> Decided:
        lock_replenishment()
        rows = lock_suggestions(ids)
        open_ids = [row.pk for row in rows if row.state == State.OPEN]
        moment = now()
        done = advance_many(
            ReplenishmentSuggestion, open_ids, State.DISMISSED, using=REPLENISHMENT_SUGGESTION, actor=actor,
            reason=text, decided_at=moment, decided_by=actor[:120], snoozed_until=moment + timedelta(days=days),
        )  # fmt: skip
        ReplenishmentSuggestion.objects.filter(pk__in=done).update(reason=text)
        return Decided(done=done, refused=_not_open(ids, rows))

    return run_atomic(work)


def _not_open(ids: Sequence[int], rows: Sequence[ReplenishmentSuggestion]) -> dict[int, str]:
    refused = dict.fromkeys(ids, "There is no such suggestion.")
    for row in rows:
        if row.state == State.OPEN:
            del refused[row.pk]
        else:
            word = State(row.state).label.lower()
            refused[row.pk] = f"{row.sku.code} for {row.node.code}: the suggestion is {word}."
    return refused


# -- taking back -------------------------------------------------------------------------------------------------------


def undo_decision(*, suggestion_ids: Iterable[int], actor: str) -> Decided:
    """Open suggestions again that were dismissed, or whose draft nobody touched: the draft is cancelled.

    A draft goes as a whole, with every suggestion in it. One that was changed, placed or confirmed is kept, and so are
    its suggestions; `drafts` names those that were cancelled. Where something else is suggested for the SKU at the node
    by now, that stands.
    """
    ids = sorted(set(suggestion_ids))
    _refuse_too_many(len(ids))

    def work() -> Decided:
        lock_replenishment()
        rows = lock_suggestions(_with_companions(ids))
        decided = Decided(refused=dict.fromkeys(set(ids) - {row.pk for row in rows}, "There is no such suggestion."))
        back = [row for row in rows if row.state == State.DISMISSED and row.pk in ids]
        drafted: dict[tuple[str, int], list[ReplenishmentSuggestion]] = {}
        for row in rows:
            document = row.purchase_order or row.transfer
            if row.state == State.ACCEPTED and document is not None:
                kind = "purchase_order" if row.purchase_order_id else "transfer"
                drafted.setdefault((kind, document.pk), []).append(row)
            elif row.state != State.DISMISSED:
                word = State(row.state).label.lower()
                decided.refused[row.pk] = f"{row.sku.code} for {row.node.code}: the suggestion is {word}."
        for (kind, pk), members in sorted(drafted.items()):
            number = str(members[0].purchase_order or members[0].transfer)
            if _cancelled(kind, pk, actor):
                back += members
                decided.drafts.append(Drafted(kind, pk, number, tuple(row.pk for row in members)))
            else:
                told = f"{number} was changed or is on its way: it is kept. Cancel it where it stands."
                decided.refused |= {row.pk: told for row in members}
        _reopen(back, actor)
        decided.done = sorted(row.pk for row in back)
        return decided

    return run_atomic(work)


def _with_companions(ids: Sequence[int]) -> set[int]:
    """These suggestions and those that became part of the same drafts."""
    rows = ReplenishmentSuggestion.objects.filter(pk__in=ids)
    bought = rows.filter(purchase_order__isnull=False).values("purchase_order")
    carried = rows.filter(transfer__isnull=False).values("transfer")
    accepted = ReplenishmentSuggestion.objects.filter(state=State.ACCEPTED)
    return {
        *ids, *accepted.filter(purchase_order__in=bought).values_list("pk", flat=True),
        *accepted.filter(transfer__in=carried).values_list("pk", flat=True),
    }  # fmt: skip


def _cancelled(kind: str, pk: int, actor: str) -> bool:
    """Cancel a draft that nobody touched since it was made; whether it was one. Its first version is 1."""
    reason = "Suggestions were taken back"
    if kind == "purchase_order":
        if not PurchaseOrder.objects.filter(pk=pk, state=PurchaseOrderState.DRAFT, version=1).exists():
            return False
        cancel_purchase_order(order_id=pk, version=1, reason=reason, actor=actor)
        return True
    if not Transfer.objects.filter(pk=pk, state=TransferState.DRAFT, version=1).exists():
        return False
    cancel_transfer(transfer_id=pk, version=1, reason=reason, actor=actor)
    return True


def _reopen(rows: Sequence[ReplenishmentSuggestion], actor: str) -> None:
    keys = {(row.sku_id, row.node_id) for row in rows}
    others = ReplenishmentSuggestion.objects.filter(state=State.OPEN, sku__in={key[0] for key in keys})
    taken = keys & set(others.values_list("sku_id", "node_id"))
    fresh: dict[tuple[int, int], ReplenishmentSuggestion] = {}
    for row in sorted(rows, key=lambda row: row.pk):
        if (row.sku_id, row.node_id) not in taken:
            fresh[row.sku_id, row.node_id] = row  # of several that slept the latest is opened
    again = [row.pk for row in fresh.values()]
    clean = {"decided_at": None, "decided_by": "", "snoozed_until": None, "purchase_order": None, "transfer": None}
    advance_many(
        ReplenishmentSuggestion, again, State.OPEN, using=REPLENISHMENT_SUGGESTION, actor=actor, reason="Taken back",
        **clean,
    )  # fmt: skip
    ReplenishmentSuggestion.objects.filter(pk__in=again).update(reason="")
    _set_quantities({row.pk: int(row.sums.get("quantity", row.quantity)) for row in fresh.values()})
    advance_many(
        ReplenishmentSuggestion, [row.pk for row in rows if row.pk not in again], State.OUTDATED,
        using=REPLENISHMENT_SUGGESTION, actor=actor, reason="Taken back; something else is suggested by now",
    )  # fmt: skip
