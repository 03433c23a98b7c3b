"""The boxes of an order at a pack station: chosen, weighed, checked, and closed as parcels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.db import transaction

from fulfillment.errors import CheckOpen, WeightOff
from fulfillment.models import FulfillmentLine, PackCheckKind, Packing, PackingBox, PackProof, Shipment
from fulfillment.selectors.boxes import FilledBox, OpenBoxes, boxes_at
from fulfillment.selectors.checks import open_checks
from fulfillment.services.packing import ParcelPlan, pack_picked
from fulfillment.services.packing_opening import keep, locked_boxes
from fulfillment.services.packing_scans import add_unit, keep_unit
from fulfillment.services.units import LineUnits
from inventory.models import Sku
from inventory.services import checked_photo
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.ids import uuid7
from orders.services import TimelineEntry, record

#: Heaviest parcel that a scale may say.
_MOST_GRAMS = 1_000_000


def choose_box(*, packing_id: int, box: str, packer: str) -> None:
    """Pack into another box than the one that was suggested."""

    def work() -> None:
        _change(locked_boxes(packing_id, packer), carton=box, weighed_grams=None, weight_accepted=False)

    run_atomic(work)


def next_box(*, packing_id: int, packer: str) -> int:
    """Go on in another box: the number of it. Raises DomainError while the one in hand is empty, or all is packed.

    Raises CheckOpen for a box that is still to be weighed: later it is not in hand any more.
    """

    def work() -> int:
        opened = locked_boxes(packing_id, packer)
        number = opened.number
        if not any(scan.box == number for scan in opened.scans):
            raise DomainError("The box in hand is empty: fill it first.")
        if opened.is_full:
            raise DomainError("Everything is in a box: close it.")
        wanted = next((row for row in open_checks(opened.work, opened.lines) if row.kind == PackCheckKind.WEIGH), None)
        if wanted is not None and _in_hand(opened).weighed_grams is None:
            raise CheckOpen(f"First: {wanted.words}.", field="grams")
        PackingBox.objects.get_or_create(packing=opened.packing, number=number)
        PackingBox.objects.create(packing=opened.packing, number=number + 1)
        return number + 1

    return run_atomic(work)


def weigh_box(*, packing_id: int, grams: int, packer: str) -> FilledBox:
    """What the scale says of the box in hand, filling and goods together; the box with it.

    Where that is far from what the catalogue says the box does not close before `accept_weight`. Raises DomainError
    for a weight that no parcel has.
    """

    def work() -> FilledBox:
        opened = locked_boxes(packing_id, packer)
        if not 1 <= grams <= _MOST_GRAMS:
            raise DomainError(f"{grams} g is no weight of a parcel: 1 g to 1,000 kg.", field="grams")
        _change(opened, weighed_grams=grams, weight_accepted=False)
        return _in_hand(opened)

    return run_atomic(work)


def accept_weight(*, packing_id: int, packer: str) -> None:
    """Somebody looked: the box weighs what the scale says. Kept in the order's timeline."""

    def work() -> None:
        opened = locked_boxes(packing_id, packer)
        filled = opened.filled(boxes_at(opened.work.node_id))
        # An earlier box may be the one in doubt: it is the first that keeps the boxes open.
        found = next((box for box in filled if weight_doubt(box)), filled[-1])
        if found.weighed_grams is None:
            raise DomainError("The box was not weighed.")
        opened.packing.boxes.filter(number=found.number).update(weight_accepted=True)
        record([TimelineEntry(
            order_id=opened.work.order_id, kind="weight_accepted", actor=packer,
            message=f"Box {found.number} weighs {found.weighed_grams} g; by the catalogue {found.expected_grams} g.",
        )])  # fmt: skip

    run_atomic(work)


def weight_doubt(box: FilledBox) -> str:
    """What is odd about the weight of a box, as a sentence; empty where nothing is."""
    if not box.is_off(settings.PACK_WEIGHT_TOLERANCE_PERCENT):
        return ""
    return (
        f"Box {box.number} weighs {box.weighed_grams} g, by the catalogue {box.expected_grams} g. Look into it; if it "
        "is right, confirm the weight."
    )


def prove_check(*, packing_id: int, check_id: int, packer: str, photo: File[bytes] | None = None) -> None:
    """A check of the order was done; doing it again changes nothing. Raises DomainError for a photo that is missing.

    Raises NotFound for a check that the order does not want. What is weighed is proven by weighing.
    """

    def work() -> None:
        opened = locked_boxes(packing_id, packer)
        item = opened.work
        check = next((row for row in open_checks(item, opened.lines) if row.pk == check_id), None)
        if check is None:
            if PackProof.objects.filter(fulfillment_order=item, check_done=check_id).exists():
                return
            raise NotFound(f"{item.order.number} wants no check {check_id}.")
        if check.kind == PackCheckKind.WEIGH:
            raise DomainError("Weigh the box: type what the scale says.", field="grams")
        proof = PackProof(fulfillment_order=item, check_done=check, done_by=packer[:120])
        if check.kind == PackCheckKind.PHOTO:
            if photo is None:
                raise DomainError(f"{check.words}: take the photo.", field="photo")
            picture = checked_photo(photo)
            proof.photo.save(f"{uuid7()}{picture.suffix}", ContentFile(picture.content), save=False)
        proof.save()
        record([TimelineEntry(order_id=item.order_id, kind="checked", actor=packer, message=f"Checked: {check.words}",
                              data={"proof": proof.pk})])  # fmt: skip

    run_atomic(work)


def close_box(*, packing_id: int, packer: str) -> list[Shipment]:
    """Close the boxes with what was scanned into them, which must be all that was picked; the parcels, labels follow.

    Raises what `pack` raises; CheckOpen and WeightOff where quality control is not done; Conflict where something is
    missing: then the boxes stay open as they are.
    """

    return run_atomic(lambda: close_boxes(locked_boxes(packing_id, packer), packer=packer))


@dataclass(frozen=True, slots=True)
class Added:
    """What one unit more made of an order: its parcels where it was the last one, or what keeps them open."""

    line: FulfillmentLine
    parcels: Sequence[Shipment] = ()
    refused: DomainError | None = None


def add_and_close(opened: OpenBoxes, *, code: str, packer: str, sku: Sku | None = None) -> Added:
    """Count one unit into boxes that this transaction locked, and close them where it was the last one.

    What keeps them from closing is told, and the unit stays in its box. Raises what `scan_into_box` raises of codes.
    `sku` where it is known what the code means.
    """
    scan = add_unit(opened, code=code, packer=packer, sku=sku)
    refused = None
    if opened.is_full:
        try:
            with transaction.atomic():
                return Added(scan.line, close_boxes(opened, packer=packer))
        except DomainError as error:
            refused = error
    if not opened.is_kept:
        keep(opened)
    keep_unit(opened, scan)
    return Added(scan.line, refused=refused)


def close_boxes(opened: OpenBoxes, *, packer: str) -> list[Shipment]:
    """What `close_box` does, with boxes that this transaction locked."""
    if not opened.is_full:
        raise Conflict(opened.missing())
    filled = [box for box in opened.filled(boxes_at(opened.work.node_id)) if box.units]
    _refuse_unchecked(opened, filled)
    made = pack_picked(opened.work, opened.lines, _plans(opened, filled), packer)
    if opened.is_kept:
        Packing.objects.filter(pk=opened.packing.pk).delete()
    return made


def _refuse_unchecked(opened: OpenBoxes, filled: Sequence[FilledBox]) -> None:
    doubt = next(filter(None, map(weight_doubt, filled)), "")
    if doubt:
        raise WeightOff(doubt)
    for check in open_checks(opened.work, opened.lines):
        if check.kind != PackCheckKind.WEIGH:
            raise CheckOpen(f"First: {check.words}.")
        if any(box.weighed_grams is None for box in filled):
            raise CheckOpen(f"First: {check.words}.", field="grams")


def _plans(opened: OpenBoxes, filled: Sequence[FilledBox]) -> list[ParcelPlan]:
    """A parcel for each box; with several, what each holds, serial numbers by name."""
    serials: Mapping[tuple[int, int], list[str]] = defaultdict(list)
    for scan in opened.scans:
        if scan.serial is not None:
            serials[scan.box, scan.line_id].append(scan.serial.number)
    several = len(filled) > 1
    return [
        ParcelPlan(
            items=dict(box.units) if several else {},
            units={line_id: LineUnits(serials=tuple(serials[box.number, line_id])) for line_id in box.units
                   if several and serials.get((box.number, line_id))},
            weight_grams=box.grams, length_mm=box.box.length_mm, width_mm=box.box.width_mm,
            height_mm=box.box.height_mm,
        )
        for box in filled
    ]  # fmt: skip


def _in_hand(opened: OpenBoxes) -> FilledBox:
    return opened.filled(boxes_at(opened.work.node_id))[-1]


def _change(opened: OpenBoxes, **fields: object) -> None:
    """Set what is known of the box in hand."""
    row, _ = PackingBox.objects.update_or_create(packing=opened.packing, number=opened.number, defaults=fields)
    opened.rows = [*(each for each in opened.rows if each.number != row.number), row]
    Packing.objects.filter(pk=opened.packing.pk).update(touched_at=now())


def prove_label(*, shipment_id: int, packer: str) -> None:
    """The label was scanned on its own box: said in the timeline."""
    shipment = Shipment.objects.get(pk=shipment_id)
    record([TimelineEntry(order_id=shipment.order_id, kind="label_proven", actor=packer,
                          message=f"The label {shipment.awb} was scanned on its box.")])  # fmt: skip
