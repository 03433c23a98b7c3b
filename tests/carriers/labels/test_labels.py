"""Paper: what is on it, that it is the same each time, that it fits."""

import re
import zlib
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from fpdf.fonts import TTFFont

from carriers.labels import (
    LabelData,
    LabelItem,
    ManifestData,
    ManifestRow,
    PackingRow,
    PackingSlipData,
    PickListData,
    PickRow,
    manifest_pdf,
    packing_slip_pdf,
    pick_list_pdf,
    shipping_label_pdf,
    shipping_label_zpl,
    shipping_labels_pdf,
)
from carriers.labels.page import FONTS, Page
from carriers.labels.paging import rows_by_page
from carriers.labels.symbols import amount_text, code128_modules, qr_rows, runs, size_text, weight_text
from oms.core.values import Address

CREATED_AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
SENDER = Address(
    company="Kaveri Handlooms", line1="Plot 14, Peenya", city="Bengaluru", region="Karnataka", postcode="560058"
)
LABEL = LabelData(
    awb="19041424751540",
    courier_name="Delhivery Surface",
    order_number="OMS-100234",
    ship_from=SENDER,
    ship_to=Address(
        name="Ananya Rao", line1="Flat 1204", city="Thane", region="Maharashtra", postcode="421204", phone="9820012345"
    ),
    weight_grams=1250,
    created_at=CREATED_AT,
    cod_minor=14999900,
    tracking_url="https://track.example.in/t/19041424751540",
    items=tuple(LabelItem(name=f"Article {number}", quantity=number) for number in range(1, 6)),
)
HINDI = replace(
    LABEL, cod_minor=0, ship_to=Address(name="श्रीमती अनन्या", line1="लक्ष्मी नगर", city="नई दिल्ली", postcode="110092")
)
#: Widths of bars and spaces of the Code 128 symbols START C, 19, and STOP (ISO/IEC 15417, table 1).
START_C, NINETEEN, STOP = "11010011100", "11001011100", "1100011101011"


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b(?!s)", pdf))


def glyphs(file_name: str) -> set[int]:
    page = Page((100, 150), title="t", created_at=CREATED_AT)
    page.add_font("Tried", "", FONTS / file_name)
    font = page.fonts["tried"]
    assert isinstance(font, TTFFont)
    return set(font.cmap)


def drawing(pdf: bytes) -> bytes:
    """The drawing commands of all pages, unpacked."""
    streams = re.findall(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL)
    plain = []
    for stream in streams:
        try:
            plain.append(zlib.decompress(stream))
        except zlib.error:
            continue
    return b"\n".join(part for part in plain if b" re f" in part)


def test_the_same_label_is_the_same_bytes() -> None:
    for data in (LABEL, HINDI):
        assert shipping_label_pdf(data) == shipping_label_pdf(data)
    assert shipping_label_pdf(LABEL) != shipping_label_pdf(replace(LABEL, awb="19041424751541"))


def test_a_label_is_one_page_of_100_by_150_millimetres() -> None:
    pdf = shipping_label_pdf(LABEL)

    assert pdf.startswith(b"%PDF-")
    assert pages(pdf) == 1
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert box is not None
    assert [round(float(side) / 72 * 25.4) for side in box.groups()] == [100, 150]
    assert len(pdf) < 60_000


def test_many_labels_are_one_document() -> None:
    assert pages(shipping_labels_pdf([LABEL, HINDI, LABEL])) == 3
    with pytest.raises(ValueError, match="no label"):
        shipping_labels_pdf([])


def test_the_bars_on_the_label_are_the_awbs() -> None:
    modules = code128_modules(LABEL.awb)
    boxes = re.findall(rb"([\d.]+) [\d.]+ ([\d.]+) -53\.86 re f", drawing(shipping_label_pdf(LABEL)))
    module_points = 0.5 / 25.4 * 72

    assert [round(float(width) / module_points) for _, width in boxes] == [length for _, length in runs(modules)]
    assert modules.startswith(START_C + NINETEEN)
    assert modules.endswith(STOP)


@pytest.mark.parametrize("awb", ["", "नमस्ते", "x" * 41, "tab\there"])
def test_an_awb_that_no_bar_code_holds_is_refused(awb: str) -> None:
    with pytest.raises(ValueError, match="Code 128"):
        shipping_label_pdf(replace(LABEL, awb=awb))


def test_a_label_survives_text_of_any_length() -> None:
    long = Address(
        name="N" * 200, company="C" * 200, line1="word " * 80, line2="x" * 300, city="T" * 90, region="R" * 90,
        postcode="421204", phone="9" * 40,
    )  # fmt: skip
    data = replace(
        LABEL, ship_to=long, ship_from=long, courier_name="K" * 90, order_number="O" * 60, routing_code="R" * 30
    )

    assert pages(shipping_label_pdf(data)) == 1
    assert shipping_label_zpl(data).count("^XZ") == 1


def test_text_that_does_not_fit_is_shrunk_then_cut() -> None:
    page = Page((100, 150), title="t", created_at=CREATED_AT)
    page.add_page()

    page.put(0, 0, 20, "A text that is far too long for its box", 12)

    assert page.font_size_pt == 6.5
    assert page._clipped("A text that is far too long for its box", 20).endswith("…")


def test_the_fonts_hold_the_rupee_sign_and_devanagari() -> None:
    assert ord("₹") in glyphs("NotoSans-Regular.ttf") & glyphs("NotoSans-Bold.ttf")
    assert set(range(0x0905, 0x0939)) <= glyphs("NotoSansDevanagari-Regular.ttf") & glyphs(
        "NotoSansDevanagari-Bold.ttf"
    )
    assert all(path.stat().st_size < 400_000 for path in FONTS.iterdir())
    assert "SIL OPEN FONT LICENSE" in (FONTS / "OFL.txt").read_text(encoding="utf-8")


def test_amounts_weights_and_sizes_are_read_as_in_india() -> None:
    assert amount_text(14999900) == "₹1,49,999.00"
    assert amount_text(5) == "₹0.05"
    assert amount_text(123456, "JPY").endswith("1,23,456")
    assert (weight_text(850), weight_text(1000), weight_text(1250), weight_text(22050)) == (
        "850 g", "1 kg", "1.25 kg", "22.05 kg",
    )  # fmt: skip
    assert (size_text(300, 200, 105), size_text(300, 0, 1)) == ("30 × 20 × 10.5 cm", "")


def test_zpl_says_what_the_label_says() -> None:
    zpl = shipping_label_zpl(LABEL)

    assert zpl.startswith("^XA\n^CI28\n^PW800\n^LL1200\n")
    assert zpl.endswith("^PQ1\n^XZ\n")
    assert "^BCN,150,N,N,N,A^FH^FD19041424751540^FS" in zpl
    assert "^FDMA,https://track.example.in/t/19041424751540^FS" in zpl
    assert "^FDOMS-100234^FS" in zpl
    assert "^FDand 12 more in 3 lines^FS" in zpl
    assert zpl.isascii()
    assert zpl.count("^GFA") == 1, "the rupee sign goes as a bitmap"
    assert shipping_label_zpl(HINDI).count("^GFA") == 3


def test_zpl_bitmaps_hold_as_many_bytes_as_they_say() -> None:
    for total, again, row, data in re.findall(r"\^GFA,(\d+),(\d+),(\d+),([0-9A-F]+)\^FS", shipping_label_zpl(HINDI)):
        assert int(total) == int(again) == len(data) // 2
        assert int(total) % int(row) == 0


def test_zpl_commands_in_a_name_are_printed_not_obeyed() -> None:
    zpl = shipping_label_zpl(replace(LABEL, order_number="A^XZ~JA_B"))

    assert "^FDA_5EXZ_7EJA_5FB^FS" in zpl
    assert zpl.count("^XZ") == 1


def test_zpl_stays_on_the_paper() -> None:
    for x, y in re.findall(r"\^FO(\d+),(\d+)", shipping_label_zpl(LABEL) + shipping_label_zpl(HINDI)):
        assert 0 <= int(x) < 800
        assert 0 <= int(y) < 1200


def manifest(count: int) -> ManifestData:
    row = ManifestRow(
        awb="19041424751540", order_number="OMS-1", ship_to_name="Ananya", ship_to_city="Thane",
        ship_to_postcode="421204", weight_grams=500, cod_minor=100,
    )  # fmt: skip
    return ManifestData(
        number="MNF-1", courier_name="Delhivery", node_name="Bengaluru DC", node_lines=("Peenya",),
        created_at=CREATED_AT, rows=(row,) * count,
    )  # fmt: skip


@pytest.mark.parametrize(("count", "expected"), [(0, 1), (1, 1), (12, 1), (13, 2), (27, 2), (60, 4)])
def test_a_manifest_takes_the_pages_that_it_needs(count: int, expected: int) -> None:
    pdf = manifest_pdf(manifest(count))

    assert pages(pdf) == expected
    assert pdf == manifest_pdf(manifest(count))


def test_rows_are_spread_without_loss_and_leave_room_at_the_end() -> None:
    for count in range(60):
        spread = rows_by_page(range(count), 10, 14, tail_rows=3)
        assert [row for page in spread for row in page] == list(range(count))
        assert len(spread[-1]) <= (10 if len(spread) == 1 else 14) - 3
        assert count == 0 or all(spread), "no page is empty"


def test_pick_lists_and_packing_slips_are_documents() -> None:
    rows = tuple(PickRow(bin_code=f"A-{n}", sku_code=f"S-{n}", name="साड़ी", quantity=n) for n in range(1, 24))
    picks = PickListData(number="PL-1", node_name="Bengaluru DC", created_at=CREATED_AT, rows=rows)
    slip = PackingSlipData(
        order_number="OMS-1", order_date=date(2026, 11, 20), created_at=CREATED_AT, seller_name="Kaveri",
        ship_from=SENDER, ship_to=LABEL.ship_to, note="Happy birthday",
        rows=(PackingRow(sku_code="S", name="Saree", ordered=2, packed=1),),
    )  # fmt: skip

    assert pages(pick_list_pdf(picks)) == 2
    assert pick_list_pdf(picks) == pick_list_pdf(picks)
    assert pages(packing_slip_pdf(slip)) == 1
    assert packing_slip_pdf(slip) == packing_slip_pdf(slip)


def test_a_qr_code_is_square_with_its_finders() -> None:
    rows = qr_rows("https://track.example.in/t/19041424751540")

    assert {len(row) for row in rows} == {len(rows)}
    assert rows[0].startswith("11111110")
    assert rows[0].endswith("01111111")
    assert list(runs("0110111")) == [(1, 2), (4, 3)]
