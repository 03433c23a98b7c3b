"""The boxes of an order at a pack station: chosen, weighed, checked, and closed as parcels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from django.conf import settings
from django.core.files.base import ContentFile, File

from fulfillment.errors import CheckOpen, WeightOff
from fulfillment.models import FulfillmentLine, PackCheckKind, Packing, PackingBox, PackProof, Shipment
from fulfillment.selectors.boxes import FilledBox, boxes_at, filled_boxes, units_in_box
from fulfillment.selectors.checks import open_checks
from fulfillment.services.packing import ParcelPlan, pack
from fulfillment.services.packing_scans import box_in_hand, locked_packing, still_missing
from fulfillment.services.units import LineUnits
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
        packing, _ = locked_packing(packing_id, packer)
        _change(packing, carton=box, weighed_grams=None, weight_accepted=False)

    run_atomic(work)


def next_box(*, packing_id: int, packer: str) -> int:
    """Go on in another box: the number of it. Raises DomainError while the one in hand is empty, or all is packed.

    Raises CheckOpen for a box that is still to be weighed: later it is not in hand any more.
    """

    def work() -> int:
        packing, lines = locked_packing(packing_id, packer)
        number = box_in_hand(packing)
        if not packing.scans.filter(box=number).exists():
            raise DomainError("The box in hand is empty: fill it first.")
        if not _is_missing(packing, lines):
            raise DomainError("Everything is in a box: close it.")
        wanted = next((row for row in open_checks(packing.fulfillment_order, lines)
                       if row.kind == PackCheckKind.WEIGH), None)  # fmt: skip
        if wanted is not None and _in_hand(packing, lines).weighed_grams is None:
            raise CheckOpen(f"First: {wanted.words}.", field="grams")
        PackingBox.objects.get_or_create(packing=packing, number=number)
        PackingBox.objects.create(packing=packing, number=number + 1)
        return number + 1

    return run_atomic(work)


def weigh_box(*, packing_id: int, grams: int, packer: str) -> FilledBox:
    """What the scale says of the box in hand, filling and goods together; the box with it.

    Where that is far from what the catalogue says the box does not close before `accept_weight`. Raises DomainError
    for a weight that no parcel has.
    """

    def work() -> FilledBox:
        packing, lines = locked_packing(packing_id, packer)
        if not 1 <= grams <= _MOST_GRAMS:
            raise DomainError(f"{grams} g is no weight of a parcel: 1 g to 1,000 kg.", field="grams")
        _change(packing, weighed_grams=grams, weight_accepted=False)
        return _in_hand(packing, lines)

    return run_atomic(work)


def accept_weight(*, packing_id: int, packer: str) -> None:
    """Somebody looked: the box weighs what the scale says. Kept in the order's timeline."""

    def work() -> None:
        packing, lines = locked_packing(packing_id, packer)
        filled = filled_boxes(packing, lines, boxes_at(packing.fulfillment_order.node_id))
        # An earlier box may be the one in doubt: it is the first that keeps the boxes open.
        found = next((box for box in filled if weight_doubt(box)), filled[-1])
        if found.weighed_grams is None:
            raise DomainError("The box was not weighed.")
        packing.boxes.filter(number=found.number).update(weight_accepted=True)
        record([TimelineEntry(
            order_id=packing.fulfillment_order.order_id, kind="weight_accepted", actor=packer,
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
        packing, lines = locked_packing(packing_id, packer)
        item = packing.fulfillment_order
        check = next((row for row in open_checks(item, lines) if row.pk == check_id), None)
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

    def work() -> list[Shipment]:
        packing, lines = locked_packing(packing_id, packer)
        if _is_missing(packing, lines):
            raise Conflict(still_missing(lines, units_in_box(packing)))
        item = packing.fulfillment_order
        filled = [box for box in filled_boxes(packing, lines, boxes_at(item.node_id)) if box.units]
        _refuse_unchecked(packing, lines, filled)
        plans = _plans(packing, filled)
        return pack(fulfillment_order_id=item.pk, parcels=plans, actor=packer)

    return run_atomic(work)


def _refuse_unchecked(packing: Packing, lines: list[FulfillmentLine], filled: list[FilledBox]) -> None:
    doubt = next(filter(None, map(weight_doubt, filled)), "")
    if doubt:
        raise WeightOff(doubt)
    for check in open_checks(packing.fulfillment_order, lines):
        if check.kind != PackCheckKind.WEIGH:
            raise CheckOpen(f"First: {check.words}.")
        if any(box.weighed_grams is None for box in filled):
            raise CheckOpen(f"First: {check.words}.", field="grams")


def _plans(packing: Packing, filled: list[FilledBox]) -> list[ParcelPlan]:
    """A parcel for each box; with several, what each holds, serial numbers by name."""
    serials: Mapping[tuple[int, int], list[str]] = defaultdict(list)
    for number, line_id, serial in packing.scans.values_list("box", "line_id", "serial__number"):
        if serial is not None:
            serials[number, line_id].append(serial)
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


def _is_missing(packing: Packing, lines: list[FulfillmentLine]) -> bool:
    counts = units_in_box(packing)
    return any(counts[line.pk] != line.picked for line in lines)


def _in_hand(packing: Packing, lines: list[FulfillmentLine]) -> FilledBox:
    return filled_boxes(packing, lines, boxes_at(packing.fulfillment_order.node_id))[-1]


def _change(packing: Packing, **fields: object) -> None:
    """Set what is known of the box in hand."""
    PackingBox.objects.update_or_create(packing=packing, number=box_in_hand(packing), defaults=fields)
    Packing.objects.filter(pk=packing.pk).update(touched_at=now())


def prove_label(*, shipment_id: int, packer: str) -> None:
    """The label was scanned on its own box: said in the timeline."""
    shipment = Shipment.objects.get(pk=shipment_id)
    record([TimelineEntry(order_id=shipment.order_id, kind="label_proven", actor=packer,
                          message=f"The label {shipment.awb} was scanned on its box.")])  # fmt: skip
