"""What keys and command barcodes do at a pack station, and what is told beside scans. In words for the packer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from fulfillment.models import (
    FulfillmentOrderKind,
    PackCheckKind,
    Shipment,
    ShipmentState,
)
from fulfillment.selectors.boxes import USUAL, boxes_at
from fulfillment.selectors.held import held_of_loaded
from fulfillment.services import (
    SHORT_REASONS,
    accept_weight,
    choose_box,
    hold_at_bench,
    next_box,
    prove_check,
    short_in_box,
    undo_scan,
)
from oms.core.errors import DomainError
from oms.dashboard.fulfil.bench import OpenBox, Station
from oms.dashboard.fulfil.bench_acts import Said, closed, done_of_check, print_elsewhere, scanned, told

#: What stands on the sheet of command barcodes: letters, digits and hyphens, as every scanner reads them.
UNDO, CLOSE, LEAVE, REPRINT, PAPERS = "OMS-UNDO", "OMS-CLOSE", "OMS-LEAVE", "OMS-REPRINT", "OMS-PAPERS"
NEXT, CONFIRM, SHORT, HOLD = "OMS-NEXT", "OMS-CONFIRM", "OMS-SHORT", "OMS-HOLD"
#: What opens a question on the screen: the keys of these two.
ASKING = {"OMS-ASK-SHORT": "short", "OMS-ASK-HOLD": "hold"}
_BOX, _REASON = "OMS-BOX-", "OMS-SHORT-"
_COMMAND = re.compile(
    r"OMS-(?:UNDO|CLOSE|LEAVE|REPRINT|PAPERS|NEXT|CONFIRM|HOLD|SHORT(?:-\d{1,2})?|BOX-\d{1,2}|ASK-(?:SHORT|HOLD))"
)
HOLD_NOTES = ("Damaged", "Papers missing", "Something else in the tote", "Ask the customer")


def handled(packer: str, bench: Station, code: str) -> Said:
    """What a scanned or typed code, or the command of a key, does at this station."""
    if bench.node is None:
        return Said("wrong", _("Choose the node at which you pack."))
    return told(lambda: _done(packer, bench, code))


def _done(packer: str, bench: Station, code: str) -> Said:
    bench.shows(None)
    return _command(packer, bench, code) if _COMMAND.fullmatch(code) else scanned(packer, bench, code)


def _command(packer: str, bench: Station, code: str) -> Said:
    if code in (REPRINT, PAPERS):
        return _printed(packer, bench, papers=code == PAPERS)
    opened = bench.open_box()
    if opened is None:
        return Said("wrong", _("Nothing is on the bench."))
    if code in ASKING:
        return Said("ok", _("Choose below."))
    if code.startswith(_BOX):
        return _boxed(packer, opened, code.removeprefix(_BOX))
    if code.startswith(_REASON):
        return _short_of_the_only_line(packer, bench, opened, code.removeprefix(_REASON))
    known: dict[str, Callable[[], Said]] = {
        UNDO: lambda: _undone(packer, opened), CLOSE: lambda: closed(packer, bench), LEAVE: lambda: _left(bench),
        NEXT: lambda: _next(packer, opened), CONFIRM: lambda: _confirmed(packer, bench, opened),
        HOLD: lambda: held(packer, bench, opened, ""), SHORT: lambda: Said("ok", _("Choose below.")),
    }  # fmt: skip
    return known[code]()


def _printed(packer: str, bench: Station, *, papers: bool) -> Said:
    """The label or the papers of the order that was closed last once more; what has no label is said."""
    parcels = [parcel for parcel in bench.last_parcels() if parcel.state != ShipmentState.CANCELLED]
    if not parcels:
        return Said("wrong", _("No parcel was closed here yet."))
    if papers:
        return Said("ok", _("The papers print."))
    kept = held_of_loaded(parcels)
    missing = [text for parcel in parcels if (text := _why_no_label(parcel, is_held=parcel.pk in kept))]
    ready = [parcel for parcel in parcels if parcel.awb and parcel.pk not in kept]
    if not ready:
        return Said("wrong", " ".join(missing))
    print_elsewhere(packer, bench, ready)
    return Said("ok", " ".join([_("Printed again."), *missing]))


def _why_no_label(parcel: Shipment, *, is_held: bool) -> str:
    """Why a parcel's label does not print, as a sentence; empty where it does."""
    named = {"order": parcel.order.number, "problem": parcel.problem}
    if is_held:
        return _("%(order)s may not leave: its label is not printed.") % named
    if parcel.awb:
        return ""
    if parcel.fulfillment_order.kind == FulfillmentOrderKind.PICKUP:
        return _("%(order)s is collected: it has no label. F7 prints its papers.") % named
    if parcel.problem:
        return _("%(order)s has no label: %(problem)s") % named
    return _("The label of %(order)s is not there yet: it prints by itself.") % named


def _boxed(packer: str, opened: OpenBox, text: str) -> Said:
    sizes = opened.sizes
    box = sizes[int(text) - 1] if text.isdecimal() and 0 < int(text) <= len(sizes) else None
    if box is None:
        return Said("unknown", _("There is no box %(text)s.") % {"text": text})
    choose_box(packing_id=opened.packing.pk, box=box.key, packer=packer)
    return Said("ok", _("%(box)s, %(size)s") % {"box": box.label, "size": box.size})


def _next(packer: str, opened: OpenBox) -> Said:
    number = next_box(packing_id=opened.packing.pk, packer=packer)
    return Said("ok", _("Box %(n)d: go on with it.") % {"n": number})


def _confirmed(packer: str, bench: Station, opened: OpenBox) -> Said:
    """The first thing that waits for a look: an odd weight, then a check."""
    if opened.doubt:
        accept_weight(packing_id=opened.packing.pk, packer=packer)
        return done_of_check(packer, bench, _("The weight counts."))
    check = next((row for row in opened.to_confirm if row.kind == PackCheckKind.CONFIRM), None)
    if check is None:
        return Said("wrong", _("There is nothing to confirm."))
    prove_check(packing_id=opened.packing.pk, check_id=check.pk, packer=packer)
    return done_of_check(packer, bench, _("Checked: %(what)s") % {"what": check.words})


def held(packer: str, bench: Station, opened: OpenBox, note: str) -> Said:
    hold_at_bench(packing_id=opened.packing.pk, note=note, packer=packer)
    bench.put_aside()
    return Said("ok", _("%(order)s is on hold. Put it on the shelf for questions.")
                % {"order": opened.work.order.number})  # fmt: skip


def _short_of_the_only_line(packer: str, bench: Station, opened: OpenBox, text: str) -> Said:
    reasons = list(SHORT_REASONS)
    reason = reasons[int(text) - 1] if 0 < int(text) <= len(reasons) else None
    if reason is None:
        return Said("unknown", _("There is no reason %(text)s.") % {"text": text})
    if len(opened.missing) != 1:
        return Said("wrong", _("Several items are missing: choose the one below."))
    [row] = opened.missing
    return short(packer, bench, opened, Shortage(row.line.pk, row.line.picked - row.units, reason))


@dataclass(frozen=True, slots=True)
class Shortage:
    """What a packer says is not there."""

    line_id: int
    quantity: int
    reason: str


def short(packer: str, bench: Station, opened: OpenBox, told: Shortage) -> Said:
    is_full = short_in_box(
        packing_id=opened.packing.pk, line_id=told.line_id, quantity=told.quantity, reason=told.reason,
        packer=packer,
    )  # fmt: skip
    text = _("Reported: another node sends it, or the customer is told.")
    if is_full:
        return done_of_check(packer, bench, text)
    if bench.open_box() is None:
        bench.put_aside()
        text = _("Nothing of %(order)s is left to pack: it gets another node.") % {"order": opened.work.order.number}
    return Said("ok", text)


def _undone(packer: str, opened: OpenBox) -> Said:
    code = undo_scan(packing_id=opened.packing.pk, packer=packer)
    if not code:
        return Said("wrong", _("Nothing is in the box."))
    return Said("ok", _("%(code)s is out of the box again.") % {"code": code})


def _left(bench: Station) -> Said:
    bench.put_aside()
    return Said("ok", _("Put aside: what is in the box stays noted."))


def grams_of(text: str) -> int:
    """`850` are grams, `1.25` and `1,25 kg` kilograms. Raises DomainError for what is no weight."""
    found = re.fullmatch(r"\s*(\d{1,7}(?:[.,]\d{1,4})?)\s*(kg|g)?\s*", text.casefold(), re.ASCII)
    if found is None:
        raise DomainError(_("%(text)s is no weight: type 850 for grams or 1.25 for kilograms.") % {"text": text[:20]})
    number = Decimal(found[1].replace(",", "."))
    in_kilograms = found[2] == "kg" or (found[2] is None and not found[1].isdecimal())
    return int((number * 1000 if in_kilograms else number).to_integral_value())


def asked_by(code: str, said: Said) -> str:
    """The question that the screen opens after a command: `short`, `hold`, or none."""
    if code == SHORT or (code.startswith(_REASON) and said.result == "wrong"):
        return "short"
    return ASKING.get(code, "")


def command_rows(bench: Station) -> list[tuple[str, str]]:
    """What stands on the sheet of command barcodes of this station: code and words."""
    sizes = boxes_at(bench.node.pk) if bench.node else USUAL
    return [
        (UNDO, _("Undo the last scan")), (CLOSE, _("Close the box")), (NEXT, _("Next box of this order")),
        (CONFIRM, _("Looked, it is right")), (LEAVE, _("Put aside")), (HOLD, _("Hold: somebody must look")),
        (REPRINT, _("Print the label again")), (PAPERS, _("Print slip and invoice")),
        (SHORT, _("Something is missing")),
        *((f"{_REASON}{number}", _("Missing: %(why)s") % {"why": why.label})
          for number, why in enumerate(SHORT_REASONS.values(), start=1)),
        *((f"{_BOX}{number}", f"{box.label}, {box.size}") for number, box in enumerate(sizes, start=1)),
    ]  # fmt: skip
