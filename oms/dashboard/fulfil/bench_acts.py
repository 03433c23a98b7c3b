"""What scans do at a pack station. In words for the packer: nothing here knows of pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fulfillment.errors import CheckOpen
from fulfillment.models import (
    FulfillmentOrder,
    FulfillmentOrderKind,
    FulfillmentOrderState,
    Shipment,
)
from fulfillment.selectors.boxes import OpenBoxes
from fulfillment.selectors.checks import open_checks
from fulfillment.selectors.finding import called
from fulfillment.selectors.waves import waiting_in
from fulfillment.services import (
    add_and_close,
    ask_print,
    close_boxes,
    open_for_item,
    open_packing,
    prove_label,
)
from inventory.models import Node, Sku
from inventory.selectors import find_sku_by_code_or_barcode
from oms.core.errors import DomainError, NotFound
from oms.dashboard.fulfil.bench import Station


@dataclass(frozen=True, slots=True)
class Said:
    """What became of a scan or a key: `ok`, `wrong` or `unknown`, with a sentence."""

    result: str
    text: str


def told(act: Callable[[], Said]) -> Said:
    """Do it in one transaction: what is refused leaves nothing half-done behind, and is said."""
    try:
        with transaction.atomic():
            return act()
    except NotFound as error:
        return Said("unknown", error.message)
    except DomainError as error:
        return Said("wrong", error.message)


def scanned(packer: str, bench: Station, code: str) -> Said:
    """What a code does that is no command: an item, an order, a label."""
    opened = bench.take(packer)
    if opened is None:
        return _begun(packer, bench, code)
    if opened.is_full:
        first = next(iter(open_checks(opened.work, opened.lines)), None)
        text = _("First: %(what)s.") % {"what": first.words} if first else _("This box is full: close it first.")
        return Said("wrong", text)
    return _added(packer, bench, opened, code)


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
    return _added(packer, bench, opened, code, sku)


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


def _added(packer: str, bench: Station, opened: OpenBoxes, code: str, sku: Sku | None = None) -> Said:
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


def closed(packer: str, bench: Station) -> Said:
    """Close what lies on the bench; what is in the way is raised."""
    opened = bench.take(packer)
    if opened is None:
        return Said("ok", _("The box is closed."))
    return _closed_as(packer, bench, opened, close_boxes(opened, packer=packer))


def _closed_as(packer: str, bench: Station, opened: OpenBoxes, made: Sequence[Shipment]) -> Said:
    """The order became these parcels."""
    bench.closed([parcel.pk for parcel in made])
    print_elsewhere(packer, bench, [parcel for parcel in made if opened.work.kind != FulfillmentOrderKind.PICKUP])
    units = len(opened.scans)
    count = ngettext("%(order)s is packed: %(n)d item.", "%(order)s is packed: %(n)d items.", units)
    text = count % {"order": opened.work.order.number, "n": units}
    if len(made) > 1:
        text += " " + _("%(n)d boxes: each has its label.") % {"n": len(made)}
    return Said("ok", text)


def done_of_check(packer: str, bench: Station, said: str) -> Said:
    """After a check: an order that is complete closes by itself."""
    opened = bench.take(packer)
    if opened is not None and opened.is_full:
        return _closed_if_ready(packer, bench, opened, said)
    return Said("ok", said)


def print_elsewhere(packer: str, bench: Station, parcels: Sequence[Shipment]) -> None:
    """On the printer of the station, where it has one: the label follows as soon as it is bought."""
    printer = bench.printer()
    if printer is not None:
        ask_print(printer_id=printer.pk, shipment_ids=[parcel.pk for parcel in parcels], actor=packer)
