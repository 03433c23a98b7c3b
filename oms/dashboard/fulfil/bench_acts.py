"""What scans, keys and command barcodes do at a pack station. In words for the packer: nothing here knows of pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fulfillment.errors import CheckOpen
from fulfillment.models import (
    FulfillmentOrder,
    FulfillmentOrderKind,
    FulfillmentOrderState,
    PackCheckKind,
    Shipment,
    ShipmentState,
)
from fulfillment.selectors.boxes import USUAL, OpenBoxes, boxes_at
from fulfillment.selectors.checks import open_checks
from fulfillment.selectors.finding import called
from fulfillment.selectors.held import held_of_loaded
from fulfillment.selectors.waves import waiting_in
from fulfillment.services import (
    SHORT_REASONS,
    accept_weight,
    add_and_close,
    ask_print,
    choose_box,
    close_boxes,
    hold_at_bench,
    next_box,
    open_for_item,
    open_packing,
    prove_check,
    prove_label,
    short_in_box,
    undo_scan,
)
from inventory.models import Node, Sku
from inventory.selectors import find_sku_by_code_or_barcode
from oms.core.errors import DomainError, NotFound
from oms.dashboard.fulfil.bench import OpenBox, Station

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


@dataclass(frozen=True, slots=True)
class Said:
    """What became of a scan or a key: `ok`, `wrong` or `unknown`, with a sentence."""

    result: str
    text: str


def handled(packer: str, bench: Station, code: str) -> Said:
    """What a scanned or typed code, or the command of a key, does at this station."""
    if bench.node is None:
        return Said("wrong", _("Choose the node at which you pack."))
    return told(lambda: _handled(packer, bench, code))


def told(act: Callable[[], Said]) -> Said:
    """Do it in one transaction: what is refused leaves nothing half-done behind, and is said."""
    try:
        with transaction.atomic():
            return act()
    except NotFound as error:
        return Said("unknown", error.message)
    except DomainError as error:
        return Said("wrong", error.message)


def _handled(packer: str, bench: Station, code: str) -> Said:
    bench.shows(None)
    if _COMMAND.fullmatch(code):
        return _command(packer, bench, code)
    opened = bench.take(packer)
    if opened is None:
        return _begun(packer, bench, code)
    if opened.is_full:
        first = next(iter(open_checks(opened.work, opened.lines)), None)
        text = _("First: %(what)s.") % {"what": first.words} if first else _("This box is full: close it first.")
        return Said("wrong", text)
    return _scanned(packer, bench, opened, code)


# -- nothing on the bench ----------------------------------------------------------------------------------------------


def _begun(packer: str, bench: Station, code: str) -> Said:
    """An order or a parcel by its number, or an item: then the first due order that is this one item."""
    assert bench.node is not None
    unproven = bench.unproven()
    if unproven:
        return _proven(packer, bench, unproven, code)
    # Nearly every scan is an item.
    sku = find_sku_by_code_or_barcode(code)
    if sku is not None:
        return _begun_with(packer, bench, sku, code)
    parcel = Shipment.objects.filter(node=bench.node, awb=code).exclude(awb="").order_by("-pk").first()
    if parcel is not None:
        bench.show_parcel(parcel.pk)
        return Said("ok", _("The label of %(order)s.") % {"order": parcel.order.number})
    work = _work_called(bench.node, code)
    if work is not None:
        bench.put_on_bench(open_packing(fulfillment_order_id=work.pk, packer=packer))
        return Said("ok", _("%(order)s is on the bench.") % {"order": work.order.number})
    return Said("unknown", _("Nobody knows %(code)s: no item, order or label has it.") % {"code": code})


def _begun_with(packer: str, bench: Station, sku: Sku, code: str) -> Said:
    """The first due order that is this one item."""
    assert bench.node is not None
    opened = open_for_item(node_id=bench.node.pk, sku_id=sku.pk, packer=packer)
    if opened is None:
        text = _("No order to pack is one %(sku)s alone. Scan the order of a tote.")
        return Said("wrong", text % {"sku": sku.code})
    return _scanned(packer, bench, opened, code, sku)


def _proven(packer: str, bench: Station, unproven: Sequence[Shipment], code: str) -> Said:
    """A label is scanned on its box: nothing else begins before."""
    own = next((parcel for parcel in unproven if parcel.awb == code), None)
    if own is None:
        text = _("Scan the label on the box of %(order)s first: it says %(awb)s.")
        return Said("wrong", text % {"order": unproven[0].order.number, "awb": unproven[0].awb})
    prove_label(shipment_id=own.pk, packer=packer)
    bench.proven(own.pk)
    return Said("ok", _("The label of %(order)s is on its box.") % {"order": own.order.number})


def _work_called(node: Node, code: str) -> FulfillmentOrder | None:
    """Work by the code of its tote, the number of its wave (the first of it that waits), its own or its order's."""
    waved = waiting_in(code, node)
    if waved is not None:
        return waved
    rows = called(FulfillmentOrder.objects.select_related("order").filter(node=node), code)
    newest = list(rows.order_by("-pk"))
    to_pack = [work for work in newest if work.state == FulfillmentOrderState.PICKED]
    return next(iter(to_pack[-1:] or newest), None)


# -- an open box -------------------------------------------------------------------------------------------------------


def _scanned(packer: str, bench: Station, opened: OpenBoxes, code: str, sku: Sku | None = None) -> Said:
    """One unit into the box; the last one closes it. What keeps it from closing leaves the unit in the box."""
    done = add_and_close(opened, code=code, packer=packer, sku=sku)
    if done.parcels:
        return _closed_as(packer, bench, opened, done.parcels)
    bench.put_on_bench(opened)
    if done.refused is not None:
        return _refused(done.refused)
    named = done.line.sku.name or done.line.sku.code
    text = _("%(sku)s: %(n)d of %(all)d")
    return Said("ok", text % {"sku": named, "n": opened.units[done.line.pk], "all": done.line.picked})


def _refused(error: DomainError, said: str = "") -> Said:
    """What is still in the way of closing: a check that is to be done is no mistake."""
    if isinstance(error, CheckOpen):
        return Said("ok", f"{said} {error.message}".strip())
    return Said("wrong", error.message)


def _closed_if_ready(packer: str, bench: Station, opened: OpenBoxes, said: str) -> Said:
    """Close what is complete; what is still in the way is said, and everything stays as it is."""
    try:
        with transaction.atomic():
            made = close_boxes(opened, packer=packer)
    except DomainError as error:
        return _refused(error, said)
    return _closed_as(packer, bench, opened, made)


def _closed(packer: str, bench: Station) -> Said:
    opened = bench.take(packer)
    if opened is None:
        return Said("ok", _("The box is closed."))
    return _closed_as(packer, bench, opened, close_boxes(opened, packer=packer))


def _closed_as(packer: str, bench: Station, opened: OpenBoxes, made: Sequence[Shipment]) -> Said:
    """The order became these parcels."""
    bench.closed([parcel.pk for parcel in made])
    _print_elsewhere(packer, bench, [parcel for parcel in made if opened.work.kind != FulfillmentOrderKind.PICKUP])
    units = len(opened.scans)
    count = ngettext("%(order)s is packed: %(n)d item.", "%(order)s is packed: %(n)d items.", units)
    text = count % {"order": opened.work.order.number, "n": units}
    if len(made) > 1:
        text += " " + _("%(n)d boxes: each has its label.") % {"n": len(made)}
    return Said("ok", text)


# -- commands ----------------------------------------------------------------------------------------------------------


def _command(packer: str, bench: Station, code: str) -> Said:
    opened = bench.open_box()
    if code in (REPRINT, PAPERS):
        return _printed(packer, bench, papers=code == PAPERS)
    if opened is None:
        return Said("wrong", _("Nothing is on the bench."))
    if code in ASKING:
        return Said("ok", _("Choose below."))
    if code.startswith(_BOX):
        return _boxed(packer, opened, code.removeprefix(_BOX))
    if code.startswith(_REASON):
        return _short_of_the_only_line(packer, bench, opened, code.removeprefix(_REASON))
    known: dict[str, Callable[[], Said]] = {
        UNDO: lambda: _undone(packer, opened), CLOSE: lambda: _closed(packer, bench), LEAVE: lambda: _left(bench),
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
    held = held_of_loaded(parcels)
    missing = [text for parcel in parcels if (text := _why_no_label(parcel, is_held=parcel.pk in held))]
    ready = [parcel for parcel in parcels if parcel.awb and parcel.pk not in held]
    if not ready:
        return Said("wrong", " ".join(missing))
    _print_elsewhere(packer, bench, ready)
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


def _print_elsewhere(packer: str, bench: Station, parcels: Sequence[Shipment]) -> None:
    """On the printer of the station, where it has one: the label follows as soon as it is bought."""
    printer = bench.printer()
    if printer is not None:
        ask_print(printer_id=printer.pk, shipment_ids=[parcel.pk for parcel in parcels], actor=packer)


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


def done_of_check(packer: str, bench: Station, said: str) -> Said:
    """After a check: an order that is complete closes by itself."""
    opened = bench.take(packer)
    if opened is not None and opened.is_full:
        return _closed_if_ready(packer, bench, opened, said)
    return Said("ok", said)


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
