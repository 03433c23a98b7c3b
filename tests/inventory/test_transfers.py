"""Transfers: what each step posts, what is refused, and that nothing is lost on the road."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from inventory.errors import NotEnoughStock, SerialElsewhere, TrackingNeeded
from inventory.models import (
    Lot,
    LotLevel,
    Reservation,
    SerialNumber,
    Sku,
    StockLevel,
    StockMovement,
    Transfer,
    TransferLine,
)
from inventory.services import (
    Picked,
    Posting,
    Received,
    StockLine,
    cancel_transfer,
    confirm_transfer,
    draft_transfer,
    edit_transfer,
    finish_picking,
    pick_for_transfer,
    post,
    receive_transfer,
    resolve_difference,
    ship_transfer,
)
from oms.core.db import fetch_all
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.ids import uuid7
from oms.core.models import OutboxEvent, Transition
from tests.factories import World, make_sku, make_world, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def draft(world: World, *lines: tuple[Sku, int]) -> Transfer:
    return draft_transfer(
        from_node_id=world.blr.pk, to_node_id=world.delhi.pk, actor="Asha",
        lines=[StockLine(sku.pk, quantity) for sku, quantity in lines],
    )  # fmt: skip


def on_road(world: World, *lines: tuple[Sku, int]) -> Transfer:
    transfer = draft(world, *lines)
    confirm_transfer(transfer_id=transfer.pk, actor="Asha")
    return ship_transfer(transfer_id=transfer.pk, actor="Ravi")


def line_of(transfer: Transfer, sku: Sku) -> TransferLine:
    return TransferLine.objects.get(transfer=transfer, sku=sku)


def balances(sku: Sku, node_id: int) -> tuple[int, int, int, int]:
    """On hand, reserved, damaged, inbound."""
    level = StockLevel.objects.get(sku=sku, node_id=node_id)
    return level.on_hand, level.reserved, level.damaged, level.inbound


def rows_of(transfer: Transfer) -> list[tuple[str, str, str, int, str]]:
    rows = StockMovement.objects.filter(reference=transfer.number).order_by("pk").select_related("node")
    return [(row.node.code, row.from_bucket, row.to_bucket, row.quantity, row.reason) for row in rows]


def in_transit_everywhere() -> int:
    [(total,)] = fetch_all("""SELECT coalesce(sum(quantity * ((to_bucket = 'transit')::int
        - (from_bucket = 'transit')::int)), 0)::int FROM inventory_stockmovement""")
    return int(total)


def lots(sku: Sku, node_id: int, units: dict[str, tuple[int, date | None]]) -> dict[str, Lot]:
    """Lots with units on hand."""
    made = {code: Lot.objects.create(sku=sku, code=code, expires_on=day) for code, (_, day) in units.items()}
    post([
        Posting(op_key=f"test/{uuid7()}", sku_id=sku.pk, node_id=node_id, from_bucket="supplier",
                to_bucket="on_hand", quantity=quantity, reason="receipt", lot_id=made[code].pk)
        for code, (quantity, _) in units.items()
    ])  # fmt: skip
    return made


def serials(sku: Sku, node_id: int, *numbers: str) -> list[SerialNumber]:
    """Serial numbers on hand."""
    made = [SerialNumber.objects.create(sku=sku, number=number) for number in numbers]
    post([
        Posting(op_key=f"test/{uuid7()}", sku_id=sku.pk, node_id=node_id, from_bucket="supplier",
                to_bucket="on_hand", quantity=1, reason="receipt", serial_id=row.pk)
        for row in made
    ])  # fmt: skip
    return made


def test_ten_shipped_eight_good_one_damaged_one_missing_are_exactly_these_postings(world: World) -> None:
    transfer = on_road(world, (world.kurta, 10))
    line = line_of(transfer, world.kurta)

    receive_transfer(
        transfer_id=transfer.pk, lines=[Received(line_id=line.pk, good=8, damaged=1)], op_key="r1", actor="Babu",
        finish=True,
    )  # fmt: skip
    waiting = Transfer.objects.get(pk=transfer.pk)
    resolve_difference(
        transfer_id=transfer.pk, line_id=line.pk, how="lost", quantity=1, note="Carton torn", op_key="d1", actor="Babu"
    )

    assert waiting.state == "received"
    assert rows_of(transfer) == [
        ("blr-01", "demand", "reserved", 10, "reserve"),
        ("blr-01", "reserved", "demand", 10, "move_out"),
        ("blr-01", "on_hand", "transit", 10, "move_out"),
        ("del-01", "transit", "inbound", 10, "move_in"),
        ("del-01", "inbound", "on_hand", 8, "receipt"),
        ("del-01", "inbound", "damaged", 1, "receipt"),
        ("del-01", "inbound", "adjustment", 1, "lost"),
    ]
    assert balances(world.kurta, world.blr.pk) == (0, 0, 0, 0)
    assert balances(world.kurta, world.delhi.pk) == (18, 0, 1, 0)
    assert in_transit_everywhere() == 0
    line.refresh_from_db()
    counters = (line.shipped_quantity, line.in_transit_quantity, line.received_quantity, line.damaged_quantity,
                line.missing_quantity, line.over_quantity)  # fmt: skip
    assert counters == (10, 0, 8, 1, 1, 0)
    transfer.refresh_from_db()
    assert (transfer.state, transfer.closed_at is not None) == ("closed", True)
    steps = Transition.objects.filter(model="inventory.Transfer", object_id=transfer.pk).order_by("pk")
    assert list(steps.values_list("from_state", "to_state", "actor", "reason")) == [
        ("draft", "reserved", "Asha", ""),
        ("reserved", "picked", "Ravi", ""),
        ("picked", "shipped", "Ravi", ""),
        ("shipped", "received", "Babu", "1 unit did not come"),
        ("received", "closed", "Babu", "Lost on the road: Carton torn"),
    ]


def test_confirming_reserves_at_the_first_node_without_an_order(world: World) -> None:
    transfer = draft(world, (world.kurta, 4))

    confirm_transfer(transfer_id=transfer.pk, actor="Asha", version=1)

    row = Reservation.objects.get()
    line = line_of(transfer, world.kurta)
    assert (row.purpose, row.order_id, row.reference) == ("transfer", None, transfer.number)
    assert (row.line_uid, row.node_id, row.open_quantity, row.state) == (line.uid, world.blr.pk, 4, "hard")
    assert balances(world.kurta, world.blr.pk) == (10, 4, 0, 0)
    assert OutboxEvent.objects.filter(kind__endswith="StockChanged", payload__reason="transfer").count() == 1


def test_what_does_not_fit_is_named_and_nothing_is_reserved(world: World) -> None:
    transfer = draft(world, (world.kurta, 11), (world.saree, 2), (world.shoe, 12))

    with pytest.raises(NotEnoughStock) as refused:
        confirm_transfer(transfer_id=transfer.pk, actor="Asha")

    assert refused.value.message == (
        f"blr-01 has not enough for {transfer.number}. KURTA-M: 11 wanted, ATP 10; SHOE-42: 12 wanted, ATP 10."
    )
    assert refused.value.data["lines"][0] == {"sku": "KURTA-M", "wanted": 11, "atp": 10}
    assert Reservation.objects.count() == 0
    assert Transfer.objects.get().state == "draft"


def test_a_shorter_pick_gives_the_rest_back(world: World) -> None:
    transfer = draft(world, (world.kurta, 6), (world.saree, 2))
    confirm_transfer(transfer_id=transfer.pk, actor="Asha")
    for _ in range(4):
        pick_for_transfer(transfer_id=transfer.pk, sku_id=world.kurta.pk, actor="Babu")

    finish_picking(transfer_id=transfer.pk, actor="Babu")
    ship_transfer(transfer_id=transfer.pk, actor="Ravi", carrier_name="Own van", awb="V-1")

    assert balances(world.kurta, world.blr.pk) == (6, 0, 0, 0)
    assert balances(world.saree, world.blr.pk) == (10, 0, 0, 0)
    assert balances(world.kurta, world.delhi.pk) == (10, 0, 0, 4)
    states = dict(Reservation.objects.values_list("sku__code", "state"))
    assert states == {"KURTA-M": "consumed", "SAREE-1": "released"}
    kurta = Reservation.objects.get(sku=world.kurta)
    assert (kurta.consumed_quantity, kurta.released_quantity, kurta.open_quantity) == (4, 2, 0)
    transfer.refresh_from_db()
    assert (transfer.carrier_name, transfer.awb) == ("Own van", "V-1")


def test_more_than_wanted_and_other_items_are_not_picked(world: World) -> None:
    transfer = draft(world, (world.kurta, 2))
    confirm_transfer(transfer_id=transfer.pk, actor="Asha")
    pick_for_transfer(transfer_id=transfer.pk, sku_id=world.kurta.pk, quantity=2, actor="Babu")

    with pytest.raises(Conflict, match="KURTA-M: 0 left to pick, not 1"):
        pick_for_transfer(transfer_id=transfer.pk, sku_id=world.kurta.pk, actor="Babu")
    with pytest.raises(NotFound, match="does not want this item"):
        pick_for_transfer(transfer_id=transfer.pk, sku_id=world.shoe.pk, actor="Babu")

    assert line_of(transfer, world.kurta).picked_quantity == 2


def test_nothing_picked_is_cancelled_rather_than_shipped_empty(world: World) -> None:
    transfer = draft(world, (world.kurta, 2))
    confirm_transfer(transfer_id=transfer.pk, actor="Asha")

    with pytest.raises(Conflict, match="Cancel it instead"):
        finish_picking(transfer_id=transfer.pk, actor="Babu", lines=[])

    assert balances(world.kurta, world.blr.pk) == (10, 2, 0, 0)


def test_cancelling_before_the_road_releases_and_on_the_road_says_how_to_return(world: World) -> None:
    first, second = draft(world, (world.kurta, 3)), on_road(world, (world.saree, 3))
    confirm_transfer(transfer_id=first.pk, actor="Asha")

    cancel_transfer(transfer_id=first.pk, actor="Asha", reason="Not needed")
    cancel_transfer(transfer_id=first.pk, actor="Asha", reason="Again")
    with pytest.raises(Conflict, match="resolve what comes back as sent back to blr-01"):
        cancel_transfer(transfer_id=second.pk, actor="Asha")

    assert balances(world.kurta, world.blr.pk) == (10, 0, 0, 0)
    assert Transfer.objects.get(pk=first.pk).state == "cancelled"
    assert Transition.objects.filter(object_id=first.pk, to_state="cancelled").count() == 1
    assert Transfer.objects.get(pk=second.pk).state == "shipped"


def test_a_transfer_cancelled_after_picking_gives_back_all_of_it(world: World) -> None:
    transfer = draft(world, (world.kurta, 3))
    confirm_transfer(transfer_id=transfer.pk, actor="Asha")
    pick_for_transfer(transfer_id=transfer.pk, sku_id=world.kurta.pk, quantity=2, actor="Babu")

    cancel_transfer(transfer_id=transfer.pk, actor="Asha", reason="Not needed")

    assert balances(world.kurta, world.blr.pk) == (10, 0, 0, 0)
    assert Reservation.objects.get().open_quantity == 0


def test_goods_come_in_several_goes_and_over_units_are_found(world: World) -> None:
    transfer = on_road(world, (world.kurta, 5))
    line = line_of(transfer, world.kurta)

    receive_transfer(transfer_id=transfer.pk, lines=[Received(line_id=line.pk, good=2)], op_key="a", actor="Babu")
    again = receive_transfer(
        transfer_id=transfer.pk, lines=[Received(line_id=line.pk, good=2)], op_key="a", actor="Babu"
    )
    closed = receive_transfer(
        transfer_id=transfer.pk, lines=[Received(line_id=line.pk, good=3, over=2)], op_key="b", actor="Babu"
    )

    line.refresh_from_db()
    assert (again.state, closed.state) == ("shipped", "closed")
    assert (line.received_quantity, line.over_quantity, line.in_transit_quantity) == (5, 2, 0)
    assert balances(world.kurta, world.delhi.pk) == (17, 0, 0, 0)
    assert rows_of(transfer)[-1] == ("del-01", "adjustment", "on_hand", 2, "found")


def test_more_than_is_in_transit_must_be_called_over(world: World) -> None:
    transfer = on_road(world, (world.kurta, 5))
    line = line_of(transfer, world.kurta)

    with pytest.raises(Conflict, match="7 came, but only 5 of 5 are in transit"):
        receive_transfer(
            transfer_id=transfer.pk, lines=[Received(line_id=line.pk, good=6, damaged=1)], op_key="a", actor="Babu"
        )

    assert balances(world.kurta, world.delhi.pk) == (10, 0, 0, 5)


def test_what_comes_back_is_at_the_first_node_again(world: World) -> None:
    transfer = on_road(world, (world.kurta, 5))
    line = line_of(transfer, world.kurta)

    for _ in range(2):
        resolve_difference(
            transfer_id=transfer.pk, line_id=line.pk, how="sent_back", quantity=5, note="Road closed", op_key="x",
            actor="Ravi",
        )  # fmt: skip

    line.refresh_from_db()
    transfer.refresh_from_db()
    assert (line.shipped_quantity, line.in_transit_quantity, line.picked_quantity) == (0, 0, 5)
    assert transfer.state == "closed"
    assert balances(world.kurta, world.blr.pk) == (10, 0, 0, 0)
    assert balances(world.kurta, world.delhi.pk) == (10, 0, 0, 0)
    assert in_transit_everywhere() == 0


def test_units_found_later_close_the_difference(world: World) -> None:
    transfer = on_road(world, (world.kurta, 5))
    line = line_of(transfer, world.kurta)
    receive_transfer(
        transfer_id=transfer.pk, lines=[Received(line_id=line.pk, good=3)], op_key="a", actor="Babu", finish=True
    )

    for how, op_key in (("found", "1"), ("found_damaged", "2")):
        resolve_difference(
            transfer_id=transfer.pk, line_id=line.pk, how=how, quantity=1, note="Under the belt", op_key=op_key,
            actor="Babu",
        )  # fmt: skip

    assert balances(world.kurta, world.delhi.pk) == (14, 0, 1, 0)
    assert Transfer.objects.get(pk=transfer.pk).state == "closed"


@pytest.mark.parametrize(
    ("how", "quantity", "note", "text"),
    [
        ("vanished", 1, "x", "no way to resolve"),
        ("lost", 1, " ", "Say why"),
        ("lost", 0, "x", "not a quantity"),
        ("lost", 6, "x", "only 5 of 5 are in transit"),
    ],
)
def test_a_resolution_that_makes_no_sense_is_refused(
    world: World, how: str, quantity: int, note: str, text: str
) -> None:
    transfer = on_road(world, (world.kurta, 5))
    line = line_of(transfer, world.kurta)

    with pytest.raises(DomainError, match=text):
        resolve_difference(
            transfer_id=transfer.pk, line_id=line.pk, how=how, quantity=quantity, note=note, op_key="x", actor="Babu"
        )

    assert balances(world.kurta, world.delhi.pk) == (10, 0, 0, 5)


def test_a_stale_page_is_refused(world: World) -> None:
    transfer = draft(world, (world.kurta, 5))
    edit_transfer(
        transfer_id=transfer.pk, version=1, from_node_id=world.blr.pk, to_node_id=world.delhi.pk, actor="Asha",
        lines=[StockLine(world.kurta.pk, 2), StockLine(world.kurta.pk, 1)], note="Less",
    )  # fmt: skip

    with pytest.raises(Conflict, match="was changed by someone else"):
        confirm_transfer(transfer_id=transfer.pk, version=1, actor="Ravi")

    transfer.refresh_from_db()
    assert (transfer.version, transfer.note, transfer.state) == (2, "Less", "draft")
    assert line_of(transfer, world.kurta).quantity == 3


def test_only_a_draft_is_edited(world: World) -> None:
    transfer = draft(world, (world.kurta, 5))
    confirm_transfer(transfer_id=transfer.pk, actor="Asha")

    with pytest.raises(Conflict, match="only a draft can be changed"):
        edit_transfer(
            transfer_id=transfer.pk, version=2, from_node_id=world.blr.pk, to_node_id=world.delhi.pk, actor="Asha",
            lines=[StockLine(world.kurta.pk, 2)],
        )  # fmt: skip


def test_drafts_that_make_no_sense_are_refused(world: World) -> None:
    kit = make_sku("SET-1", is_kit=True)
    here, there = world.blr.pk, world.delhi.pk
    wrong: list[tuple[int, int, list[StockLine]]] = [
        (here, here, [StockLine(world.kurta.pk, 1)]),
        (here, there, []),
        (here, there, [StockLine(world.kurta.pk, 0)]),
        (here, there, [StockLine(world.kurta.pk, 2_000_000_000)]),
        (here, there, [StockLine(kit.pk, 1)]),
        (here, there, [StockLine(987654321, 1)]),
        (here, 987654321, [StockLine(world.kurta.pk, 1)]),
    ]

    for from_node_id, to_node_id, lines in wrong:
        with pytest.raises(DomainError):
            draft_transfer(from_node_id=from_node_id, to_node_id=to_node_id, lines=lines, actor="Asha")

    assert Transfer.objects.count() == 0


def test_lots_leave_first_expired_first_and_arrive_as_they_left(world: World) -> None:
    cream = make_sku("CREAM", tracking="lot")
    made = lots(cream, world.blr.pk, {
        "L-NONE": (5, None), "L-LATE": (5, date(2031, 5, 1)), "L-SOON": (5, date(2030, 5, 1)),
        "L-OLD": (5, date(2020, 1, 1)),
    })  # fmt: skip

    transfer = on_road(world, (cream, 7))
    line = line_of(transfer, cream)
    receive_transfer(
        transfer_id=transfer.pk, lines=[Received(line_id=line.pk, good=1, damaged=1, lot="l-late")], op_key="a",
        actor="Babu",
    )  # fmt: skip
    receive_transfer(transfer_id=transfer.pk, lines=[Received(line_id=line.pk, good=5)], op_key="b", actor="Babu")

    here = dict(LotLevel.objects.filter(node=world.blr).values_list("lot__code", "on_hand"))
    there = {row.lot.code: (row.on_hand, row.damaged)
             for row in LotLevel.objects.filter(node=world.delhi).select_related("lot")}  # fmt: skip
    assert here == {"L-NONE": 5, "L-LATE": 3, "L-SOON": 0, "L-OLD": 5}
    assert there == {"L-LATE": (1, 1), "L-SOON": (5, 0)}
    assert made["L-SOON"].code == "L-SOON"
    assert Transfer.objects.get().state == "closed"


def test_a_scanned_lot_leaves_and_a_blocked_one_does_not(world: World) -> None:
    cream = make_sku("CREAM", tracking="lot")
    made = lots(cream, world.blr.pk, {"L-1": (5, date(2030, 5, 1)), "L-2": (5, date(2031, 5, 1))})
    transfer = draft(world, (cream, 4))
    confirm_transfer(transfer_id=transfer.pk, actor="Asha")
    pick_for_transfer(transfer_id=transfer.pk, sku_id=cream.pk, quantity=3, lot="L-2", actor="Babu")
    Lot.objects.filter(pk=made["L-1"].pk).update(is_blocked=True)

    with pytest.raises(NotEnoughStock, match="Lot L-1 of CREAM is blocked"):
        pick_for_transfer(transfer_id=transfer.pk, sku_id=cream.pk, lot="L-1", actor="Babu")
    finish_picking(transfer_id=transfer.pk, actor="Babu")
    ship_transfer(transfer_id=transfer.pk, actor="Babu")

    here = dict(LotLevel.objects.filter(node=world.blr).values_list("lot__code", "on_hand"))
    assert here == {"L-1": 5, "L-2": 2}


def test_serial_numbers_travel_by_name(world: World) -> None:
    phone = make_sku("PHONE", tracking="serial")
    serials(phone, world.blr.pk, "IMEI-1", "IMEI-2", "IMEI-3")
    transfer = draft(world, (phone, 2))
    confirm_transfer(transfer_id=transfer.pk, actor="Asha")

    with pytest.raises(TrackingNeeded, match="2 units, but 0 numbers were named"):
        ship_transfer(transfer_id=transfer.pk, actor="Babu")
    for number in ("IMEI-3", "IMEI-1"):
        pick_for_transfer(transfer_id=transfer.pk, sku_id=phone.pk, serial=number, actor="Babu")
    finish_picking(transfer_id=transfer.pk, actor="Babu")
    ship_transfer(transfer_id=transfer.pk, actor="Babu")
    on_the_road = {row.number: (row.bucket, row.node_id, row.reference) for row in SerialNumber.objects.all()}
    line = line_of(transfer, phone)
    with pytest.raises(SerialElsewhere, match="IMEI-2 of PHONE is not in transit"):
        receive_transfer(
            transfer_id=transfer.pk, lines=[Received(line_id=line.pk, good=1, serials=("IMEI-2",))], op_key="a",
            actor="Babu",
        )  # fmt: skip
    receive_transfer(
        transfer_id=transfer.pk, lines=[Received(line_id=line.pk, good=1, serials=("IMEI-3",))], op_key="b",
        actor="Babu",
    )  # fmt: skip
    resolve_difference(
        transfer_id=transfer.pk, line_id=line.pk, how="lost", quantity=1, note="Stolen", op_key="c", actor="Babu"
    )

    assert on_the_road == {
        "IMEI-1": ("inbound", world.delhi.pk, transfer.number), "IMEI-2": ("on_hand", world.blr.pk, ""),
        "IMEI-3": ("inbound", world.delhi.pk, transfer.number),
    }  # fmt: skip
    ended = {row.number: (row.bucket, row.node_id) for row in SerialNumber.objects.all()}
    assert ended == {
        "IMEI-1": ("adjustment", None), "IMEI-2": ("on_hand", world.blr.pk), "IMEI-3": ("on_hand", world.delhi.pk)
    }  # fmt: skip
    assert in_transit_everywhere() == 0


def test_serial_numbers_that_are_sent_back_are_at_home_again(world: World) -> None:
    phone = make_sku("PHONE", tracking="serial")
    serials(phone, world.delhi.pk, "IMEI-1")
    transfer = draft_transfer(
        from_node_id=world.delhi.pk, to_node_id=world.blr.pk, lines=[StockLine(phone.pk, 1)], actor="Asha"
    )
    confirm_transfer(transfer_id=transfer.pk, actor="Asha")
    line = line_of(transfer, phone)
    finish_picking(
        transfer_id=transfer.pk, actor="Babu", lines=[Picked(line_id=line.pk, quantity=1, serials=("IMEI-1",))]
    )
    ship_transfer(transfer_id=transfer.pk, actor="Babu")

    resolve_difference(
        transfer_id=transfer.pk, line_id=line.pk, how="sent_back", quantity=1, note="Refused", op_key="c", actor="Babu"
    )

    row = SerialNumber.objects.get()
    assert (row.bucket, row.node_id) == ("on_hand", world.delhi.pk)


def test_a_serial_number_of_another_place_is_not_picked(world: World) -> None:
    phone = make_sku("PHONE", tracking="serial")
    serials(phone, world.blr.pk, "IMEI-1")
    serials(phone, world.delhi.pk, "IMEI-2")
    transfer = draft(world, (phone, 1))
    confirm_transfer(transfer_id=transfer.pk, actor="Asha")

    with pytest.raises(SerialElsewhere, match="IMEI-2 of PHONE is on hand at del-01, not on hand here"):
        pick_for_transfer(transfer_id=transfer.pk, sku_id=phone.pk, serial="IMEI-2", actor="Babu")

    assert line_of(transfer, phone).picked_quantity == 0


def test_a_crash_between_the_statements_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    transfer = draft(world, (world.kurta, 5))
    confirm_transfer(transfer_id=transfer.pk, actor="Asha")

    def crash(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr("inventory.services.transfer_receiving.step", crash)
    with pytest.raises(RuntimeError), transaction.atomic():
        ship_transfer(transfer_id=transfer.pk, actor="Babu")

    assert balances(world.kurta, world.blr.pk) == (10, 5, 0, 0)
    assert balances(world.kurta, world.delhi.pk) == (10, 0, 0, 0)
    assert Reservation.objects.get().open_quantity == 5
    assert [row[4] for row in rows_of(transfer)] == ["reserve"]
    assert line_of(transfer, world.kurta).shipped_quantity == 0


def test_twice_as_many_lines_take_the_same_statements(world: World) -> None:
    def statements(count: int) -> int:
        skus = [make_sku(f"N{count}-{number}") for number in range(count)]
        for sku in skus:
            stock(sku, world.blr, 5)
        transfer = draft(world, *((sku, 2) for sku in skus))
        with CaptureQueriesContext(connection) as queries:
            confirm_transfer(transfer_id=transfer.pk, actor="Asha")
            ship_transfer(transfer_id=transfer.pk, actor="Asha")
            receive_transfer(
                transfer_id=transfer.pk, op_key="x", actor="Asha",
                lines=[Received(line_id=line.pk, good=2) for line in transfer.lines.all()],
            )  # fmt: skip
        return len(queries)

    assert statements(8) == statements(4)
