"""Boxes of an order: suggested by size, several of them, weighed, checked, short of something, on hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile

from fulfillment.errors import CheckOpen, NothingLeft, WeightOff, WrongItem
from fulfillment.models import (
    Carton,
    FulfillmentOrder,
    PackCheck,
    Packing,
    PackingBox,
    PackProof,
    PackScan,
    Shipment,
)
from fulfillment.selectors.boxes import USUAL, boxes_at, suggested
from fulfillment.services import (
    accept_weight,
    choose_box,
    close_box,
    hold_at_bench,
    next_box,
    pack,
    pack_many,
    prove_check,
    short_in_box,
    undo_scan,
    weigh_box,
    weight_doubt,
)
from inventory.models import Sku
from oms.core.errors import Conflict, DomainError, NotFound
from orders.models import Hold, Order, OrderEvent
from orders.services import release_hold
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_work, picked, stock_of, units_of
from tests.fulfillment.test_packing_scans import opened, put_in, to_pack
from tests.fulfillment.tracked import make_serial_sku, put_serials
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


@pytest.fixture
def world() -> World:
    return make_world()


def sku_of(length: int, width: int, height: int, grams: int = 100) -> Sku:
    return Sku(pk=1, code=f"{length}x{width}x{height}", length_mm=length, width_mm=width, height_mm=height,
               weight_grams=grams)  # fmt: skip


@pytest.mark.parametrize(
    ("sku", "units", "key"),
    [
        (sku_of(290, 210, 30), 1, "bag"),
        (sku_of(30, 290, 210), 1, "bag"),  # turned
        (sku_of(290, 210, 30), 2, "medium"),
        (sku_of(240, 170, 70), 1, "small"),
        (sku_of(400, 100, 50), 1, "large"),  # too long for the others
        (sku_of(290, 210, 30, grams=600), 1, "medium"),  # too heavy for a bag, too long for a small box
        (sku_of(900, 900, 900), 1, "large"),  # nothing holds it
        (sku_of(0, 0, 0, grams=600), 1, "small"),  # never measured: by weight alone
    ],
)
def test_a_box_is_suggested_by_size_and_weight(sku: Sku, units: int, key: str) -> None:
    assert suggested(USUAL, {sku: units}).key == key


def test_a_node_packs_in_the_cartons_it_was_given(world: World) -> None:
    assert boxes_at(world.blr.pk) == USUAL
    sides = {"length_mm": 100, "width_mm": 100, "height_mm": 100}
    Carton.objects.create(code="cube", name="Cube", node=world.blr, empty_grams=33, **sides)
    Carton.objects.create(code="gone", name="Gone", is_active=False, **sides)
    assert [box.key for box in boxes_at(world.blr.pk)] == ["cube"]
    assert boxes_at(world.delhi.pk) == USUAL
    packing = opened(to_pack(world, "1", kurta=1))
    put_in(packing, world.kurta.code)
    [parcel] = close_box(packing_id=packing.pk, packer="Asha")
    assert (parcel.weight_grams, parcel.height_mm) == (433, 100)


def test_an_order_goes_into_two_boxes_and_each_becomes_a_parcel(world: World) -> None:
    packing = opened(to_pack(world, "1", kurta=2, saree=1))
    with pytest.raises(DomainError, match="empty"):
        next_box(packing_id=packing.pk, packer="Asha")
    put_in(packing, world.kurta.code)
    choose_box(packing_id=packing.pk, box="bag", packer="Asha")
    assert next_box(packing_id=packing.pk, packer="Asha") == 2
    put_in(packing, world.kurta.code, world.saree.code)
    with pytest.raises(DomainError, match="Everything is in a box"):
        next_box(packing_id=packing.pk, packer="Asha")
    first, second = close_box(packing_id=packing.pk, packer="Asha")
    contents = [{item.line.sku.code: item.quantity for item in parcel.items.all()} for parcel in (first, second)]
    assert contents == [{"KURTA-M": 1}, {"KURTA-M": 1, "SAREE-1": 1}]
    assert (first.weight_grams, second.weight_grams) == (420, 890)


def test_undo_gives_an_empty_box_up_and_goes_back_to_the_one_before(world: World) -> None:
    packing = opened(to_pack(world, "1", kurta=2))
    put_in(packing, world.kurta.code)
    next_box(packing_id=packing.pk, packer="Asha")
    assert undo_scan(packing_id=packing.pk, packer="Asha") == world.kurta.code
    put_in(packing, world.kurta.code, world.kurta.code)
    assert set(PackScan.objects.values_list("box", flat=True)) == {1}
    assert len(close_box(packing_id=packing.pk, packer="Asha")) == 1


def test_serial_numbers_travel_in_the_box_they_were_scanned_into(world: World) -> None:
    phone = make_serial_sku("PHONE")
    put_serials(phone, world.blr, "I-1", "I-2")
    packing = opened(picked(make_work(world, "1", make_line(phone, 2))))
    put_in(packing, "I-2")
    next_box(packing_id=packing.pk, packer="Asha")
    put_in(packing, "I-1")
    parcels = close_box(packing_id=packing.pk, packer="Asha")
    named = [[unit.serial.number for item in parcel.items.all() for unit in item.picked_units.all() if unit.serial]
             for parcel in parcels]  # fmt: skip
    assert named == [["I-2"], ["I-1"]]


# -- weight ------------------------------------------------------------------------------------------------------------


def test_an_odd_weight_keeps_the_box_open_until_somebody_looked(world: World) -> None:
    packing = opened(to_pack(world, "1", kurta=1))
    put_in(packing, world.kurta.code)
    assert weight_doubt(weigh_box(packing_id=packing.pk, grams=440, packer="Asha")) == ""
    doubt = weight_doubt(weigh_box(packing_id=packing.pk, grams=900, packer="Asha"))
    assert doubt.startswith("Box 1 weighs 900 g, by the catalogue 420 g.")
    with pytest.raises(WeightOff, match="900 g"):
        close_box(packing_id=packing.pk, packer="Asha")
    accept_weight(packing_id=packing.pk, packer="Asha")
    [parcel] = close_box(packing_id=packing.pk, packer="Asha")
    assert parcel.weight_grams == 900
    assert OrderEvent.objects.get(kind="weight_accepted").message == "Box 1 weighs 900 g; by the catalogue 420 g."


def test_a_unit_that_is_taken_out_takes_the_weight_with_it(world: World) -> None:
    packing = opened(to_pack(world, "1", kurta=2))
    put_in(packing, world.kurta.code, world.kurta.code)
    weigh_box(packing_id=packing.pk, grams=820, packer="Asha")
    undo_scan(packing_id=packing.pk, packer="Asha")
    assert PackingBox.objects.get().weighed_grams is None
    for grams in (0, -5, 2_000_000):
        with pytest.raises(DomainError, match="no weight of a parcel"):
            weigh_box(packing_id=packing.pk, grams=grams, packer="Asha")


# -- checks ------------------------------------------------------------------------------------------------------------


def check(world: World, kind: str = "confirm", **fields: Any) -> PackCheck:
    return PackCheck.objects.create(name="Check", kind=kind, words="Is the seal whole", **fields)


@pytest.mark.parametrize(
    ("conditions", "is_due"),
    [
        ({}, True),
        ({"category": "saree"}, False),
        ({"category": "kurta"}, True),
        ({"customer": "ASHA@example.com "}, True),
        ({"customer": "zubeida@example.com"}, False),
        ({"worth_minor": 99_900}, True),
        ({"worth_minor": 99_901}, False),
        ({"is_active": False}, False),
        ({"category": "kurta", "worth_minor": 99_901}, False),
    ],
)
def test_a_check_is_due_where_all_of_its_conditions_hold(
    world: World, conditions: dict[str, Any], is_due: bool
) -> None:
    world.kurta.category = "kurta"
    world.kurta.save()
    check(world, **conditions)
    packing = opened(to_pack(world, "1", kurta=1))
    put_in(packing, world.kurta.code)
    if is_due:
        with pytest.raises(CheckOpen, match="First: Is the seal whole"):
            close_box(packing_id=packing.pk, packer="Asha")
    else:
        assert close_box(packing_id=packing.pk, packer="Asha")


def test_an_order_with_an_open_check_is_packed_at_the_station_only(world: World) -> None:
    check(world, sku=world.kurta)
    work, other = to_pack(world, "1", kurta=1), to_pack(world, "2", saree=1)
    why = f"{work.order.number} wants a check before its box closes: Is the seal whole. Take it to the pack station."
    with pytest.raises(CheckOpen, match=why):
        pack(fulfillment_order_id=work.pk, actor="Asha")
    for _ in range(2):
        pack_many(fulfillment_order_ids=[work.pk, other.pk], actor="Asha")
    assert Shipment.objects.get().fulfillment_order_id == other.pk
    assert OrderEvent.objects.get(kind="not_packed").message == why

    packing = opened(work)
    put_in(packing, world.kurta.code)
    prove_check(packing_id=packing.pk, check_id=PackCheck.objects.get().pk, packer="Asha")
    assert pack(fulfillment_order_id=work.pk, actor="Asha")


def test_checks_of_other_skus_nodes_and_channels_do_not_count(world: World) -> None:
    check(world, sku=world.saree)
    check(world, node=world.delhi)
    packing = opened(to_pack(world, "1", kurta=1))
    put_in(packing, world.kurta.code)
    assert close_box(packing_id=packing.pk, packer="Asha")


def test_a_photo_is_kept_with_the_work_and_a_check_is_done_once(
    world: World, settings: LazySettings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    rule = check(world, "photo", sku=world.kurta, channel=world.channel, node=world.blr)
    packing = opened(to_pack(world, "1", kurta=1))
    put_in(packing, world.kurta.code)
    with pytest.raises(DomainError, match="take the photo"):
        prove_check(packing_id=packing.pk, check_id=rule.pk, packer="Asha")
    with pytest.raises(DomainError, match="not a JPEG"):
        prove_check(packing_id=packing.pk, check_id=rule.pk, packer="Asha", photo=ContentFile(b"text", "a.png"))
    for _turn in range(2):
        prove_check(packing_id=packing.pk, check_id=rule.pk, packer="Asha", photo=ContentFile(PNG, "a.gif"))
    with pytest.raises(NotFound):
        prove_check(packing_id=packing.pk, check_id=rule.pk + 1, packer="Asha")
    assert close_box(packing_id=packing.pk, packer="Asha")
    proof = PackProof.objects.get()
    assert (proof.done_by, proof.photo.read(), proof.photo.name[-4:]) == ("Asha", PNG, ".png")


def test_what_must_be_weighed_is_weighed_in_every_box(world: World) -> None:
    check(world, "weigh")
    packing = opened(to_pack(world, "1", kurta=2))
    put_in(packing, world.kurta.code)
    weigh_box(packing_id=packing.pk, grams=430, packer="Asha")
    next_box(packing_id=packing.pk, packer="Asha")
    put_in(packing, world.kurta.code)
    with pytest.raises(CheckOpen):
        close_box(packing_id=packing.pk, packer="Asha")
    weigh_box(packing_id=packing.pk, grams=425, packer="Asha")
    assert [parcel.weight_grams for parcel in close_box(packing_id=packing.pk, packer="Asha")] == [430, 425]


def test_a_box_is_weighed_before_the_next_and_its_weight_may_be_confirmed_later(world: World) -> None:
    check(world, "weigh")
    packing = opened(to_pack(world, "1", kurta=2))
    put_in(packing, world.kurta.code)
    with pytest.raises(CheckOpen):
        next_box(packing_id=packing.pk, packer="Asha")
    weigh_box(packing_id=packing.pk, grams=900, packer="Asha")
    assert next_box(packing_id=packing.pk, packer="Asha") == 2
    put_in(packing, world.kurta.code)
    weigh_box(packing_id=packing.pk, grams=425, packer="Asha")
    with pytest.raises(WeightOff, match="Box 1 weighs 900 g"):
        close_box(packing_id=packing.pk, packer="Asha")
    accept_weight(packing_id=packing.pk, packer="Asha")
    assert [parcel.weight_grams for parcel in close_box(packing_id=packing.pk, packer="Asha")] == [900, 425]


def test_what_is_scanned_after_weighing_makes_the_weight_unknown(world: World) -> None:
    check(world, "weigh")
    packing = opened(to_pack(world, "1", kurta=2))
    put_in(packing, world.kurta.code)
    weigh_box(packing_id=packing.pk, grams=900, packer="Asha")
    accept_weight(packing_id=packing.pk, packer="Asha")
    put_in(packing, world.kurta.code)
    with pytest.raises(CheckOpen):
        close_box(packing_id=packing.pk, packer="Asha")


def test_who_was_relieved_changes_nothing_any_more(world: World) -> None:
    packing = opened(to_pack(world, "1", kurta=2))
    put_in(packing, world.kurta.code)
    type(packing).objects.update(packer="Ravi")
    for act in (
        lambda: undo_scan(packing_id=packing.pk, packer="Asha"),
        lambda: weigh_box(packing_id=packing.pk, grams=420, packer="Asha"),
        lambda: close_box(packing_id=packing.pk, packer="Asha"),
    ):
        with pytest.raises(Conflict, match="Ravi goes on with"):
            act()


# -- short and hold ----------------------------------------------------------------------------------------------------


def line_of(work: FulfillmentOrder, sku: Sku) -> int:
    return work.lines.get(sku=sku).pk


def test_what_is_not_in_the_tote_is_corrected_and_routed_again_and_the_rest_is_packed(world: World) -> None:
    work = to_pack(world, "1", kurta=2, saree=1)
    packing = opened(work)
    put_in(packing, world.kurta.code, world.saree.code)
    before, kurta = stock_of(world.kurta, world.blr), line_of(work, world.kurta)
    with pytest.raises(NothingLeft, match="1 missing in the box, 2 reported"):
        short_in_box(packing_id=packing.pk, line_id=kurta, quantity=2, reason="not_found", packer="Asha")
    with pytest.raises(DomainError, match="not a reason"):
        short_in_box(packing_id=packing.pk, line_id=kurta, quantity=1, reason="moon", packer="Asha")
    with pytest.raises(WrongItem):
        short_in_box(packing_id=packing.pk, line_id=0, quantity=1, reason="not_found", packer="Asha")

    assert short_in_box(packing_id=packing.pk, line_id=kurta, quantity=1, reason="not_found", packer="Asha")
    after = stock_of(world.kurta, world.blr)
    assert (before["on_hand"] - after["on_hand"], before["reserved"] - after["reserved"]) == (1, 1)
    assert units_of(work.order) == {"unallocated": 1, "picked": 2}
    [parcel] = close_box(packing_id=packing.pk, packer="Asha")
    assert sum(item.quantity for item in parcel.items.all()) == 2
    line = work.lines.get(sku=world.kurta)
    assert (line.quantity, line.picked, line.short, line.packed) == (2, 1, 1, 1)


def test_work_of_which_nothing_is_left_ends(world: World) -> None:
    work = to_pack(world, "1", kurta=1)
    packing = opened(work)
    assert not short_in_box(
        packing_id=packing.pk, line_id=line_of(work, world.kurta), quantity=1, reason="damaged", packer="Asha"
    )
    work.refresh_from_db()
    assert (work.state, Packing.objects.count(), Shipment.objects.count()) == ("cancelled", 0, 0)
    assert stock_of(world.kurta, world.blr)["damaged"] == 1
    assert units_of(work.order) == {"unallocated": 1}


def test_serial_numbers_that_were_not_scanned_are_those_that_are_missing(world: World) -> None:
    phone = make_serial_sku("PHONE")
    put_serials(phone, world.blr, "I-1", "I-2")
    work = picked(make_work(world, "1", make_line(phone, 2)))
    packing = opened(work)
    line = line_of(work, phone)
    put_in(packing, "I-2")
    short_in_box(packing_id=packing.pk, line_id=line, quantity=1, reason="not_found", packer="Asha")
    [parcel] = close_box(packing_id=packing.pk, packer="Asha")
    units = [unit for item in parcel.items.all() for unit in item.picked_units.all()]
    assert [unit.serial.number for unit in units if unit.serial] == ["I-2"]


def test_two_who_report_the_same_unit_report_it_once(world: World) -> None:
    work = to_pack(world, "1", kurta=1)
    packing = opened(work)
    line = line_of(work, world.kurta)

    def report() -> bool:
        try:
            short_in_box(packing_id=packing.pk, line_id=line, quantity=1, reason="not_found", packer="Asha")
        except DomainError:
            return False
        return True

    assert sorted(at_once([report, report])) == [False, True]
    assert stock_of(world.kurta, world.blr)["on_hand"] == 9


def test_an_order_on_hold_is_not_packed_by_anybody_until_it_is_released(world: World) -> None:
    work = to_pack(world, "1", kurta=1)
    packing = opened(work)
    put_in(packing, world.kurta.code)
    for _turn in range(2):
        try:
            hold_at_bench(packing_id=packing.pk, note="Box torn", packer="Asha")
        except Conflict:
            continue
    hold = Hold.objects.get()
    assert (hold.source, hold.note) == ("Pack station, Asha", "Box torn")
    with pytest.raises(Conflict, match="is on hold: Other. Put it aside"):
        close_box(packing_id=packing.pk, packer="Asha")
    with pytest.raises(Conflict, match="is on hold"):
        pack(fulfillment_order_id=work.pk, actor="WMS")
    assert pack_many(fulfillment_order_ids=[work.pk], actor="WMS") == []
    release_hold(hold_id=hold.pk, actor="Ravi")
    assert close_box(packing_id=packing.pk, packer="Asha")
    assert Order.objects.get().stage == "packed"
