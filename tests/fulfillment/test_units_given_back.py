"""Lots and serial numbers of work that is undone, short or expired."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from fulfillment.models import FulfillmentLine
from fulfillment.services import (
    LineUnits,
    accept,
    cancel_order,
    pack,
    pick,
    reject,
    report_short,
)
from fulfillment.services.short_units import units_short
from inventory.errors import NotEnoughStock, TrackingNeeded
from inventory.models import Lot, Sku
from oms.core.db import run_atomic
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_work, stock_of, units_of
from tests.fulfillment.tracked import (
    in_parcel,
    in_totes,
    line_of,
    lots_at,
    make_lot_sku,
    nothing_differs,
    places,
    postings,
    put_lot,
    today,
    work_for,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def test_a_cancelled_parcel_gives_back_the_very_units(world: World, serum: Sku, phone: Sku) -> None:
    work = make_work(world, "1", make_line(serum, 3), make_line(phone))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    pick(fulfillment_order_id=work.pk, code="SERUM-30", quantity=3, actor="Asha")
    pick(fulfillment_order_id=work.pk, code="IMEI-2", actor="Asha")
    [parcel] = pack(fulfillment_order_id=work.pk, actor="Asha")

    cancel_order(order_id=work.order_id, reason="changed mind", actor="Asha")

    assert lots_at(serum, world.blr) == {"LATE": {"on_hand": 5}, "SOON": {"on_hand": 2}}
    assert places(phone)["IMEI-2"] == "on_hand"
    assert in_parcel(parcel.pk) == {"SOON": 2, "LATE": 1, "IMEI-2": 1}
    assert nothing_differs()


def test_rejected_work_leaves_nothing_in_a_tote(world: World, serum: Sku, phone: Sku) -> None:
    work = make_work(world, "1", make_line(serum, 3), make_line(phone))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    pick(fulfillment_order_id=work.pk, code="SERUM-30", quantity=3, actor="Asha")
    pick(fulfillment_order_id=work.pk, code="IMEI-2", actor="Asha")

    reject(fulfillment_order_id=work.pk, reason="no hands", actor="Asha")

    assert in_totes() == {}
    assert stock_of(serum, world.blr) == {"on_hand": 7}
    assert nothing_differs()


def test_a_short_pick_says_which_lot_or_serial_number(world: World, serum: Sku, phone: Sku) -> None:
    work = make_work(world, "1", make_line(serum, 3), make_line(phone, 2))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    lots, serials = work.lines.get(sku=serum), work.lines.get(sku=phone)

    report_short(fulfillment_order_id=work.pk, line_id=lots.pk, quantity=1, reason="damaged", actor="Asha")
    report_short(fulfillment_order_id=work.pk, line_id=lots.pk, quantity=1, reason="not_found", actor="Asha",
                 named=LineUnits(lots=(("LATE", 1),)))  # fmt: skip
    with (
        pytest.raises(TrackingNeeded, match="say which 1 of those that should lie here. They are IMEI-1, IMEI-2, IM"),
        transaction.atomic(),
    ):
        report_short(fulfillment_order_id=work.pk, line_id=serials.pk, quantity=1, reason="not_found", actor="Asha")
    report_short(fulfillment_order_id=work.pk, line_id=serials.pk, quantity=1, reason="not_found", actor="Asha",
                 named=LineUnits(serials=("IMEI-2",)))  # fmt: skip

    assert lots_at(serum, world.blr) == {"LATE": {"on_hand": 4}, "SOON": {"on_hand": 1, "damaged": 1}}
    assert places(phone) == {"IMEI-1": "on_hand", "IMEI-2": "adjustment", "IMEI-3": "on_hand"}
    assert nothing_differs()


def test_expired_units_that_an_order_waits_for_are_reported_short_and_put_aside(world: World) -> None:
    cream = make_lot_sku("CREAM")
    old = put_lot(cream, world.blr, "OLD", 2, days=5)
    work = work_for(world, cream, 2)
    Lot.objects.filter(pk=old.pk).update(expires_on=today().replace(year=today().year - 1))

    report_short(fulfillment_order_id=work.pk, line_id=line_of(work).pk, quantity=2, reason="expired", actor="Asha")

    assert lots_at(cream, world.blr) == {"OLD": {"quarantine": 2}}
    assert postings(cream, "expired") == [("on_hand", "quarantine", 2, "OLD")]
    assert nothing_differs()


def test_a_lot_that_is_good_by_the_books_is_not_reported_expired(world: World, serum: Sku) -> None:
    work = work_for(world, serum, 2)
    line, named = line_of(work).pk, LineUnits(lots=(("soon", 1),))

    with (
        pytest.raises(NotEnoughStock, match="Lot SOON of SERUM-30 is good until .* by the books") as no,
        transaction.atomic(),
    ):
        report_short(fulfillment_order_id=work.pk, line_id=line, quantity=1, reason="expired", actor="x", named=named)
    assert no.value.field == "lot"
    assert lots_at(serum, world.blr)["SOON"] == {"on_hand": 2}

    Lot.objects.filter(code="SOON").update(is_blocked=True)
    report_short(fulfillment_order_id=work.pk, line_id=line, quantity=2, reason="expired", actor="x", named=named)
    assert lots_at(serum, world.blr)["SOON"] == {"quarantine": 2}


def test_naming_more_expired_lots_costs_no_more_statements(world: World) -> None:
    cream = make_lot_sku("CREAM")
    codes = ("A", "B", "C", "D")
    for code in codes:
        put_lot(cream, world.blr, code, 1, days=5)
    line = FulfillmentLine.objects.select_related("sku").get(pk=line_of(work_for(world, cream, 4)).pk)
    Lot.objects.update(expires_on=today().replace(year=today().year - 1))

    def statements(*named: str) -> int:
        units = LineUnits(lots=tuple((code, 1) for code in named))
        with transaction.atomic(), CaptureQueriesContext(connection) as caught:
            found = units_short(line, world.blr, len(named), units, expired=True)
        assert [part.lot_id for part in found] == [Lot.objects.get(code=code).pk for code in named]
        return len(caught)

    assert statements("A", "B") == statements(*codes)


def test_what_breaks_while_packing_leaves_nothing_behind(
    world: World, phone: Sku, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = work_for(world, phone, 1)
    pick(fulfillment_order_id=work.pk, code="IMEI-1", actor="Asha")

    def die(*_: object, **__: object) -> None:
        raise RuntimeError("the power went")

    monkeypatch.setattr("fulfillment.services.packing.keep_packed", die)
    with pytest.raises(RuntimeError), transaction.atomic():
        run_atomic(lambda: pack(fulfillment_order_id=work.pk, actor="Asha"))

    assert in_totes() == {"IMEI-1": 1}
    assert places(phone)["IMEI-1"] == "on_hand"
    assert units_of(work.order_id) == {"picked": 1}
    assert nothing_differs()
