"""The pure parts of the demo world: barcodes, pictures, opening hours, buyers, tax numbers."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from oms.core.places import find_place
from oms.demo import pictures
from oms.demo.brand import B2B, WEB
from oms.demo.buyers import Buyers
from oms.demo.catalogue import ean13, skus
from oms.demo.hours import at_work, next_pickup
from oms.demo.nodes import DCS, NODES, STORES

STATIC = Path(__file__).resolve().parents[2] / "static"
SATURDAY_NOON = datetime(2026, 11, 21, 6, 30, tzinfo=UTC)


def test_barcodes_carry_a_right_check_digit() -> None:
    # Given the catalogue; then every code is an EAN-13 of which the weighted sum is a multiple of ten.
    for sku in skus():
        digits = [int(sign) for sign in sku.barcode]
        assert len(digits) == 13
        assert sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10 == 0
    # An example by hand: 8904517 00001, odd places 8+0+5+7+0+0 = 20, even places 9+4+1+0+0+1 = 15, 20 + 45 = 65.
    assert ean13(1) == "8904517000015"


def test_no_two_skus_share_a_code_a_barcode_or_a_rank() -> None:
    found = skus()
    assert len(found) == 226
    for values in ({s.code for s in found}, {s.barcode for s in found}, {s.rank for s in found}):
        assert len(values) == 226


def test_every_sku_has_its_picture_among_the_static_files_as_it_is_drawn() -> None:
    drawn = pictures.files()
    for sku in skus():
        path = STATIC / sku.picture
        assert path.read_text(encoding="utf-8") == drawn[path.name]


def test_four_centres_and_twenty_stores_stand_at_places_that_exist() -> None:
    assert (len(DCS), len(STORES)) == (4, 20)
    assert all(find_place("IN", node.postcode) is not None for node in NODES)


def test_nobody_picks_at_night_or_on_a_day_off() -> None:
    # Given a centre that works Monday to Saturday from 8 to 22, Indian time
    gurugram = DCS[0]
    # Then Saturday noon is working time, Saturday 23:30 means Monday 8:00
    assert at_work(gurugram, SATURDAY_NOON) == SATURDAY_NOON
    late = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
    assert at_work(gurugram, late, timedelta(minutes=7)) == datetime(2026, 11, 23, 2, 37, tzinfo=UTC)


def test_drivers_come_at_fixed_hours() -> None:
    assert next_pickup(DCS[0], SATURDAY_NOON) == datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
    assert next_pickup(DCS[0], SATURDAY_NOON + timedelta(hours=8)) == datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


def test_the_same_seed_draws_the_same_orders() -> None:
    catalogue = skus()
    ids = {sku.code: sku.rank for sku in catalogue}
    first = Buyers(catalogue, ids, 7).draw_days(50, 5, SATURDAY_NOON)
    again = Buyers(catalogue, ids, 7).draw_days(50, 5, SATURDAY_NOON)
    other = Buyers(catalogue, ids, 8).draw_days(50, 5, SATURDAY_NOON)
    assert [d.order for day in first for d in day] == [d.order for day in again for d in day]
    assert [d.order for day in first for d in day] != [d.order for day in other for d in day]


def test_orders_are_like_those_of_real_shops() -> None:
    catalogue = skus()
    days = Buyers(catalogue, {sku.code: sku.rank for sku in catalogue}, 7).draw_days(1500, 20, SATURDAY_NOON)
    orders = [item for day in days for item in day]
    retail = [item for item in orders if item.channel != B2B]
    one_line = sum(len(item.order.lines) == 1 for item in retail) / len(retail)
    assert 0.93 <= one_line <= 0.97
    cod = sum(item.order.payment.method == "cod" for item in orders) / len(orders)
    assert 0.50 <= cod <= 0.65
    sold = Counter(line.sku_code for item in retail for line in item.order.lines)
    assert sold[catalogue[0].code] > 3 * sold[catalogue[-1].code]
    assert all(item.order.placed_at <= SATURDAY_NOON for item in orders)
    ids = Counter((item.channel, item.order.external_id) for item in orders)
    assert max(ids.values()) == 1
    assert {item.channel for item in orders} == {WEB, "bazaario", "stylekart", "quick", B2B}
