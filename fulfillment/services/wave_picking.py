"""Picking a wave: an item from its shelf into the tote of an order, and what is not there."""

from __future__ import annotations

from dataclasses import dataclass

from fulfillment.errors import NothingLeft, WrongItem
from fulfillment.models import WaveOrder
from fulfillment.services.picking import pick, report_short, units_named_by
from fulfillment.services.units import NOTHING_NAMED, LineUnits
from fulfillment.services.waves import Locked, end_if_nothing_is_left, lock_live_wave
from fulfillment.states import WAVE
from inventory.models import Sku, Tracking
from inventory.selectors import find_sku_by_code_or_barcode
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.states import advance


@dataclass(frozen=True, slots=True, kw_only=True)
class InTote:
    """What was put where: units of an item into a tote, how many it has now, and whether the wave is done with that."""

    sku: Sku
    tote: str
    order_number: str
    picked: int
    quantity: int
    is_done: bool


def pick_in_wave(*, wave_id: int, code: str, tote: str = "", quantity: int = 1, actor: str) -> InTote:
    """Put units of a scanned item into a tote of the wave; a wave of single items has one for all.

    A code is a SKU, a barcode, or a lot or serial number of an item of the wave. Whoever picks first has the wave from
    then on. Raises WrongItem for an item or tote that is not of the wave, or not of each other; NothingLeft when it is
    all there; Conflict when somebody else picks the wave, or it ended; and what `pick` raises.
    """

    def work() -> InTote:
        found = _begun(lock_live_wave(wave_id), actor)
        sku, named = sku_in_wave(found, code, quantity)
        entry = _place(found, sku, tote)
        # An order may want one SKU by several lines: the tote has what they want together.
        lines = [line for line in found.to_pick(entry) if line.sku_id == sku.pk]
        there = sum(line.to_pick for line in lines)
        if quantity < 1 or quantity > there:
            raise NothingLeft(f"{sku.code}: {there} left for tote {entry.tote}, not {quantity}.")
        left = quantity
        for line in lines:
            units = min(left, line.to_pick)
            if units:
                done = pick(fulfillment_order_id=entry.fulfillment_order_id, line_id=line.pk, quantity=units,
                            actor=actor, named=named)  # fmt: skip
                line.picked = done.picked
                left -= units
        end_if_nothing_is_left(found, actor)
        return InTote(
            sku=sku, tote=entry.tote, order_number=found.work[entry.fulfillment_order_id].order.number,
            picked=sum(line.picked for line in lines), quantity=sum(line.quantity - line.short for line in lines),
            is_done=not found.wave.is_live,
        )  # fmt: skip

    return run_atomic(work)


def short_in_wave(*, wave_id: int, sku_id: int, quantity: int, reason: str, actor: str) -> int:
    """Units of an item of the wave are not there: the orders due last go without, so that the first are complete.

    The units. Raises NothingLeft for more than are left to find, and what `report_short` raises.
    """

    def work() -> int:
        found = _begun(lock_live_wave(wave_id), actor)
        wanting = [(entry, line) for entry in found.entries for line in found.to_pick(entry) if line.sku_id == sku_id]
        there = sum(line.to_pick for _, line in wanting)
        if not 1 <= quantity <= there:
            raise NothingLeft(f"Between 1 and {there} units can be reported.", field="quantity")
        left = quantity
        for entry, line in reversed(wanting):
            units = min(left, line.to_pick)
            if units:
                done = report_short(fulfillment_order_id=entry.fulfillment_order_id, line_id=line.pk, quantity=units,
                                    reason=reason, actor=actor)  # fmt: skip
                line.short = done.short
                left -= units
        end_if_nothing_is_left(found, actor)
        return quantity

    return run_atomic(work)


def _begun(found: Locked, actor: str) -> Locked:
    """The first who picks has the wave. Raises Conflict where somebody else has it."""
    wave = found.wave
    if wave.picker and wave.picker != actor:
        raise Conflict(f"{wave.picker} picks wave {wave.number}. Take it over first.")
    if wave.state == wave.State.OPEN:
        advance(wave, wave.State.PICKING, using=WAVE, actor=actor, picker=actor, started_at=now())
    elif not wave.picker:
        wave.picker = actor
        wave.save(update_fields=["picker"])
    return found


def sku_in_wave(found: Locked, code: str, quantity: int = 1) -> tuple[Sku, LineUnits]:
    """The item of a wave that a code means, and the lot or serial number that it names. Raises WrongItem."""
    skus = {line.sku_id: line.sku for lines in found.lines.values() for line in lines}
    text = code.strip()
    sku = find_sku_by_code_or_barcode(text)
    if sku is not None and sku.pk in skus:
        return sku, NOTHING_NAMED
    tracked = {pk for pk, item in skus.items() if item.tracking != Tracking.NONE}
    sku_id, named = units_named_by(text, tracked, quantity) if tracked and text and sku is None else (0, NOTHING_NAMED)
    if sku_id:
        return skus[sku_id], named
    raise WrongItem(f"{text[:40] or 'Nothing'} is no item of wave {found.wave.number}.", field="code")


def _place(found: Locked, sku: Sku, tote: str) -> WaveOrder:
    """The order whose tote it is; of single items the one that is due first."""
    wave = found.wave
    wanting = [entry for entry in found.entries if any(line.sku_id == sku.pk for line in found.to_pick(entry))]
    if wave.has_totes:
        if not tote.strip():
            raise DomainError(f"Scan the tote that {sku.code} goes into.", field="tote")
        own = [entry for entry in found.entries if entry.tote.casefold() == tote.strip().casefold()]
        if not own:
            raise WrongItem(f"{tote[:40]} is no tote of wave {wave.number}.", field="tote")
        wanted = next((entry for entry in wanting if entry.pk == own[0].pk), None)
        if wanted is None:
            totes = ", ".join(entry.tote for entry in wanting)
            words = f"It goes into {totes}." if totes else "No tote needs more of it."
            raise WrongItem(f"Tote {own[0].tote} needs no {sku.code}. {words}", field="tote")
        return wanted
    if not wanting:
        raise NothingLeft(f"All of {sku.code} is picked. Put this one back.", field="code")
    return wanting[0]
