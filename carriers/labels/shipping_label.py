"""The shipping label, 100 x 150 mm (4 x 6 inches), as PDF."""

from __future__ import annotations

from collections.abc import Sequence

from carriers.labels.page import GREY, WHITE, Page
from carriers.labels.symbols import amount_text, size_text, weight_text
from carriers.labels.values import LabelData
from oms.core.values import Address

WIDTH_MM, HEIGHT_MM = 100.0, 150.0
_LEFT, _RIGHT = 4.0, 96.0
_INNER_LEFT, _INNER_RIGHT = 6.0, 94.0
_INNER = _INNER_RIGHT - _INNER_LEFT
#: Top edges of the bands, and the bottom edge of the last.
_TOP, _BARCODE, _PAYMENT, _ADDRESS, _FACTS, _ITEMS, _SENDER, _BOTTOM = 4.0, 18.0, 48.0, 65.0, 103.0, 118.0, 132.0, 146.0
_QR_MM = 25.0


def shipping_label_pdf(data: LabelData) -> bytes:
    """One label as PDF; the same data gives the same bytes. Raises `ValueError` when Code 128 cannot hold the AWB."""
    return shipping_labels_pdf([data])


def shipping_labels_pdf(labels: Sequence[LabelData]) -> bytes:
    """Many labels as one PDF, a page each: far faster than one document for each. Raises `ValueError` as for one."""
    if not labels:
        raise ValueError("There is no label to print.")
    title = f"Shipping label {labels[0].awb}" if len(labels) == 1 else f"{len(labels)} shipping labels"
    page = Page((WIDTH_MM, HEIGHT_MM), title=title, created_at=labels[0].created_at)
    for data in labels:
        _draw_label(page, data)
    return page.as_bytes()


def _draw_label(page: Page, data: LabelData) -> None:
    page.add_page()
    page.box(_LEFT, _TOP, _RIGHT - _LEFT, _BOTTOM - _TOP, line=0.5)
    for y in (_BARCODE, _PAYMENT, _ADDRESS, _FACTS, _ITEMS, _SENDER):
        page.rule(_LEFT, y, _RIGHT, y, 0.3)
    _draw_courier(page, data)
    _draw_barcode(page, data)
    _draw_payment(page, data)
    _draw_address(page, data)
    _draw_facts(page, data)
    _draw_items(page, data)
    _draw_sender(page, data)


def routing_text(data: LabelData) -> str:
    """The carrier's sorting code, else the first three digits of the PIN code: India Post's sorting district."""
    return data.routing_code or data.ship_to.postcode[:3]


def _draw_courier(page: Page, data: LabelData) -> None:
    routing = routing_text(data)
    width = 30.0 if routing else 0.0
    if routing:
        page.fill(_RIGHT - width, _TOP, width, _BARCODE - _TOP)
        page.put(_RIGHT - width + 3, _TOP + 2.6, width - 6, routing, 20, bold=True, align="C", colour=WHITE)
    left_width = _INNER - width
    y = _TOP + (2.2 if data.service_name else 4.0)
    y += page.put(_INNER_LEFT, y, left_width, data.courier_name, 15, bold=True)
    page.put(_INNER_LEFT, y - 0.4, left_width, data.service_name, 8.5, colour=GREY)


def _draw_barcode(page: Page, data: LabelData) -> None:
    page.code128(_LEFT + 1, _BARCODE + 3, _RIGHT - _LEFT - 2, 19, data.awb)
    page.put(_INNER_LEFT, _BARCODE + 22.8, _INNER, _spaced(data.awb), 13, bold=True, align="C")


def _spaced(awb: str) -> str:
    """Digits in groups of four, so that a person can read them out; other AWBs as they are."""
    return " ".join(awb[start : start + 4] for start in range(0, len(awb), 4)) if awb.isdigit() else awb


def _draw_payment(page: Page, data: LabelData) -> None:
    height = _ADDRESS - _PAYMENT
    if not data.cod_minor:
        page.put(_INNER_LEFT, _PAYMENT + 3.6, 55, "PREPAID", 22, bold=True)
        page.put(_INNER_LEFT + 56, _PAYMENT + 6.5, _INNER - 56, "Do not collect cash", 9.5, align="R")
        return
    page.fill(_LEFT, _PAYMENT, _RIGHT - _LEFT, height)
    page.put(_INNER_LEFT, _PAYMENT + 2.6, 24, "COD", 20, bold=True, colour=WHITE)
    page.put(_INNER_LEFT, _PAYMENT + 11.2, 30, "Collect cash", 8.5, colour=WHITE)
    amount = amount_text(data.cod_minor, data.currency)
    page.put(_INNER_LEFT + 26, _PAYMENT + 2.6, _INNER - 26, amount, 28, bold=True, align="R", colour=WHITE, smallest=14)


def _draw_address(page: Page, data: LabelData) -> None:
    has_qr = bool(data.tracking_url)
    width = _INNER - (_QR_MM + 4 if has_qr else 0)
    to = data.ship_to
    y = _ADDRESS + 1.8
    y += page.put(_INNER_LEFT, y, width, "DELIVER TO", 6.5, bold=True, colour=GREY)
    y += page.put(_INNER_LEFT, y, width, to.name or to.company, 12.5, bold=True, smallest=9)
    if to.company and to.name:
        y += page.put(_INNER_LEFT, y, width, to.company, 9.5)
    street = ", ".join(part for part in (to.line1, to.line2) if part)
    y = page.put_lines(_INNER_LEFT, y, width, page.wrapped(street, width, 9.5, 3), 9.5)
    page.put_lines(_INNER_LEFT, y, width, [_place(to)], 9.5)
    page.put(_INNER_LEFT, _FACTS - 9.2, 42, _grouped_pin(to), 17, bold=True)
    if to.phone:
        page.put(_INNER_LEFT + 30, _FACTS - 6.8, width - 30, f"Tel {to.phone}", 9, align="R" if has_qr else "L")
    if has_qr:
        left = _INNER_RIGHT - _QR_MM
        page.qr(left, _ADDRESS + 4, _QR_MM, data.tracking_url)
        page.put(left, _ADDRESS + 5.5 + _QR_MM, _QR_MM, "Scan to track", 7, align="C", colour=GREY)


def _place(address: Address) -> str:
    country = "" if address.country == "IN" else address.country
    return ", ".join(part for part in (address.city, address.region, country) if part)


def _grouped_pin(address: Address) -> str:
    pin = address.postcode
    return f"{pin[:3]} {pin[3:]}" if len(pin) == 6 and pin.isdigit() else pin


def _draw_facts(page: Page, data: LabelData) -> None:
    """Six facts in two rows of three."""
    size = size_text(data.length_mm, data.width_mm, data.height_mm)
    value = amount_text(data.declared_value_minor, data.currency) if data.declared_value_minor else ""
    facts = (
        ("ORDER", data.order_number),
        ("INVOICE", data.invoice_number or "–"),
        ("DATE", f"{data.created_at:%d %b %Y}"),
        ("WEIGHT", weight_text(data.weight_grams)),
        ("SIZE", size or "–"),
        ("PARCEL", f"{data.parcel_number} of {data.parcel_count}") if not value else ("VALUE", value),
    )
    column = _INNER / 3
    for number, (caption, text) in enumerate(facts):
        x, y = _INNER_LEFT + column * (number % 3), _FACTS + 1.0 + 6.9 * (number // 3)
        page.put(x, y, column - 1.5, caption, 5.5, bold=True, colour=GREY)
        page.put(x, y + 2.3, column - 1.5, text, 9, bold=caption == "ORDER")


def _draw_items(page: Page, data: LabelData) -> None:
    """As many items as there is room for, the rest counted."""
    room = 3
    shown = data.items if len(data.items) <= room else data.items[: room - 1]
    y = _ITEMS + 1.2
    for item in shown:
        page.put(_INNER_LEFT, y, 9, f"{item.quantity} ×", 8, bold=True)
        sku_width = 24.0 if item.sku_code else 0.0
        page.put(_INNER_LEFT + 9, y, _INNER - 9 - sku_width - (2 if sku_width else 0), item.name, 8, smallest=8)
        if item.sku_code:
            page.put(_INNER_RIGHT - sku_width, y, sku_width, item.sku_code, 7.5, align="R", colour=GREY)
        y += 4.0
    if len(shown) < len(data.items):
        rest = data.items[len(shown) :]
        units = sum(item.quantity for item in rest)
        page.put(_INNER_LEFT + 9, y, _INNER - 9, f"and {units} more in {len(rest)} lines", 8, colour=GREY)


def _draw_sender(page: Page, data: LabelData) -> None:
    back = data.return_to or data.ship_from
    caption = "FROM, AND IF UNDELIVERED RETURN TO" if back == data.ship_from else "IF UNDELIVERED RETURN TO"
    y = _SENDER + 0.9
    y += page.put(_INNER_LEFT, y, _INNER, caption, 5.5, bold=True, colour=GREY)
    y += page.put(_INNER_LEFT, y, _INNER, back.company or back.name, 8.5, bold=True)
    street = ", ".join(part for part in (back.line1, back.line2) if part)
    place = ", ".join(part for part in (_place(back), _grouped_pin(back)) if part)
    y += page.put(_INNER_LEFT, y, _INNER, street, 7.5)
    page.put(_INNER_LEFT, y, _INNER, f"{place}, Tel {back.phone}" if back.phone else place, 7.5)
