"""A picking walk: some work of one store, taken from the shelves together, SKU by SKU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fulfillment.locks import lock_work, lock_work_lines
from fulfillment.models import FulfillmentOrder, FulfillmentOrderState
from fulfillment.selectors import TO_PICK, with_lines
from fulfillment.selectors.picking import PickRow, PutBack, pick_rows, put_backs
from fulfillment.selectors.units import units_of_lines
from fulfillment.services import NOTHING_NAMED, LineUnits, name_unit, pick, report_short, units_named_by
from inventory.errors import TrackingNeeded
from inventory.models import Barcode, Node, Sku, Tracking
from inventory.services import why_not_sold
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.store.facts import facts_of

State = FulfillmentOrderState


@dataclass(frozen=True, slots=True)
class Walk:
    """The chosen work and what to take for it. `current` is the row the buttons act on."""

    node: Node
    work: list[FulfillmentOrder]
    rows: list[PickRow]
    backs: list[PutBack]
    current: PickRow | None

    @property
    def ids(self) -> str:
        """The work as it stands in addresses and forms."""
        return ",".join(str(item.pk) for item in self.work)

    @property
    def wanted(self) -> int:
        """Units of the walk, without those reported short."""
        return sum(row.quantity - row.short for row in self.rows)

    @property
    def done(self) -> int:
        """Units picked."""
        return sum(row.picked for row in self.rows)

    @property
    def facts(self) -> str:
        """What the phone must know to go on without a connection."""
        return facts_of(self.node.pk, self.ids, self.rows, self.work)

    @property
    def to_pack(self) -> list[FulfillmentOrder]:
        """Work of the walk that is complete and waits to be packed."""
        return [item for item in self.work if item.state == State.PICKED]

    @property
    def to_accept(self) -> list[FulfillmentOrder]:
        """Work of the walk that nobody has taken."""
        return [item for item in self.work if item.state == State.OPEN]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a scan or a tap came to: `ok`, `wrong` or `unknown`, in one sentence."""

    result: str
    text: str

    @property
    def as_dict(self) -> dict[str, str]:
        """For the answer that is kept and for the header of the reply."""
        return {"result": self.result, "text": self.text}


def read_walk(node: Node, work_ids: list[int], at: str = "") -> Walk:
    """The walk over this work. `at` names the SKU to stand at. Raises NotFound when some of it is of another store."""
    found = {item.pk: item for item in with_lines(FulfillmentOrder.objects.filter(node=node, pk__in=work_ids))}
    if len(found) != len(work_ids):
        raise NotFound(f"There is no such work in {node.name}.")
    work = [found[pk] for pk in work_ids]
    live = [item for item in work if item.state in (*TO_PICK, State.PICKED, State.OPEN)]
    rows = pick_rows(node.pk, live)
    rows.sort(key=lambda row: row.left == 0)
    open_rows = [row for row in rows if row.left]
    current = next((row for row in open_rows if row.sku.code == at), open_rows[0] if open_rows else None)
    return Walk(node, work, rows, put_backs(node.pk, work_ids=work_ids), current)


def take_code(walk: Walk, code: str, actor: str) -> Outcome:
    """One unit of the scanned code goes into the tote, for the order that is due first.

    A code is a barcode or SKU, or a serial number or lot of something on the walk.
    """
    sku = sku_of(code)
    named = NOTHING_NAMED
    if sku is None:
        try:
            sku, named = _named_unit(walk, code.strip())
        except TrackingNeeded as error:
            return Outcome("wrong", error.message)
    if sku is None:
        text = _("%(code)s is not in the catalogue. Set it aside and look it up.") % {"code": code[:40]}
        return Outcome("unknown", text)
    row = next((row for row in walk.rows if row.sku.pk == sku.pk), None)
    if row is None:
        return Outcome("wrong", _wrong(walk, sku))
    if not row.left:
        swapped = _swap(walk, row, named)
        if swapped is not None:
            return swapped
        text = _("You have all %(n)d of %(item)s already. Put this one back.")
        return Outcome("wrong", text % {"n": row.picked, "item": name_of(sku)})
    if sku.tracking == Tracking.SERIAL and not named:
        text = _("%(item)s is kept by serial number: scan the number of this one.")
        return Outcome("wrong", text % {"item": name_of(sku)})
    return take(walk, row, 1, actor, named)


def _swap(walk: Walk, row: PickRow, named: LineUnits) -> Outcome | None:
    """A scanned lot takes the place of one unit in a tote that may not be sold any more; None where there is none."""
    if not named.lots:
        return None
    code, day = named.lots[0][0], walk.node.today()
    lines = {line.pk: item for item in walk.work for line in item.lines.all() if line.sku_id == row.sku.pk}
    units = units_of_lines(line for item in walk.work for line in item.lines.all() if line.pk in lines)
    for unit in (unit for pk in lines for unit in units.get(pk, []) if unit.item_id is None):
        why = why_not_sold(unit.lot, row.sku, day) if unit.lot is not None and unit.lot.code != code else ""
        if why:
            name_unit(fulfillment_order_id=lines[unit.line_id].pk, code=code)
            text = _("Lot %(code)s takes the place of one of lot %(out)s, which %(why)s. Put that one aside.")
            return Outcome("ok", text % {"code": code, "out": unit.lot, "why": why})
    return None


def _named_unit(walk: Walk, code: str) -> tuple[Sku | None, LineUnits]:
    """A serial number or a lot of a SKU of this walk, for one unit. No question where no SKU is kept so.

    Raises TrackingNeeded for a code that several of them have.
    """
    skus = {row.sku.pk: row.sku for row in walk.rows if row.sku.tracking != Tracking.NONE}
    if not skus or not code:
        return None, NOTHING_NAMED
    sku_id, named = units_named_by(code[:60], set(skus), 1)
    return skus.get(sku_id), named


def take(walk: Walk, row: PickRow, quantity: int, actor: str, named: LineUnits = NOTHING_NAMED) -> Outcome:
    """So many units of a row go into the tote, for the orders that are due first. Raises Conflict for too many.

    `named` is one serial number, or the lot that all of them come from; else they come from those that expire first.
    """
    if not 1 <= quantity <= row.left:
        raise _too_many(row, row.left)

    def work() -> None:
        for item_id, line_id, units in _shares(row, quantity, walk.work):
            own = LineUnits(lots=tuple((code, units) for code, _all in named.lots), serials=named.serials)
            pick(fulfillment_order_id=item_id, line_id=line_id, quantity=units, actor=actor, named=own)

    run_atomic(work)
    text = _("%(item)s: %(done)d of %(all)d")
    return Outcome("ok", text % {"item": name_of(row.sku), "done": row.picked + quantity,
                                 "all": row.quantity - row.short})  # fmt: skip


def report(
    walk: Walk, row: PickRow, quantity: int, reason: str, actor: str, named: LineUnits = NOTHING_NAMED
) -> Outcome:
    """So many units of a row cannot be picked: the orders due last go without, so that the first are complete.

    `named` are their serial numbers, or the lot that they should have come from.
    """
    if not 1 <= quantity <= row.left:
        raise DomainError(_("Between 1 and %(n)d units can be reported.") % {"n": row.left}, field="quantity")

    def work() -> None:
        serials = list(named.serials)
        for item_id, line_id, units in _shares(row, quantity, walk.work[::-1]):
            own = LineUnits(lots=tuple((code, units) for code, _all in named.lots), serials=tuple(serials[:units]))
            del serials[:units]
            report_short(
                fulfillment_order_id=item_id, line_id=line_id, quantity=units, reason=reason, actor=actor, named=own
            )

    run_atomic(work)
    text = ngettext("%(n)d × %(sku)s reported. Another node gets it.", "%(n)d × %(sku)s reported. Another node gets "
                    "them.", quantity)  # fmt: skip
    return Outcome("ok", text % {"n": quantity, "sku": row.sku.code})


def _shares(row: PickRow, quantity: int, work: list[FulfillmentOrder]) -> list[tuple[int, int, int]]:
    """Share units out over the lines of the work, in the order given: work id, line id, units.

    All of the work that wants the SKU is locked first, in key order, whatever the order of sharing: one after the other
    would lock the second order when the stock of the first is locked already. Raises Conflict where fewer are left now.
    """
    wanting = [item.pk for item in work if any(line.sku_id == row.sku.pk and line.to_pick for line in item.lines.all())]
    found = {item.pk: item for item in lock_work(wanting) if item.state in (*TO_PICK, State.OPEN)}
    lines = [line for line in lock_work_lines(found.values()) if line.sku_id == row.sku.pk]
    left = quantity
    shares: list[tuple[int, int, int]] = []
    for pk in wanting:
        for line in lines:
            units = min(left, line.to_pick) if line.fulfillment_order_id == pk else 0
            if units:
                shares.append((pk, line.pk, units))
                left -= units
    if left:
        raise _too_many(row, quantity - left)
    return shares


def _too_many(row: PickRow, left: int) -> Conflict:
    return Conflict(_("Only %(n)d of %(item)s are left to pick.") % {"n": left, "item": name_of(row.sku)})


def sku_of(code: str) -> Sku | None:
    """The SKU of a barcode or of its own code, whatever the case of its letters."""
    text = code.strip()
    barcode = Barcode.objects.select_related("sku").filter(code=text).first()
    return barcode.sku if barcode else Sku.objects.filter(code__iexact=text).first()


def name_of(sku: Sku) -> str:
    """Name and options, as a person says them."""
    options = ", ".join(str(value) for value in sku.options.values() if value)
    return f"{sku.name} ({options})" if options else sku.name


def _wrong(walk: Walk, sku: Sku) -> str:
    same = [row for row in walk.rows if row.left and row.sku.name == sku.name]
    needed = (same or [walk.current] if walk.current else same)[:1]
    if not needed or needed[0] is None:
        return _("This is %(item)s. You need nothing more.") % {"item": name_of(sku)}
    return _("This is %(item)s. You need %(needed)s.") % {"item": name_of(sku), "needed": name_of(needed[0].sku)}


Act = Callable[[], Outcome]
