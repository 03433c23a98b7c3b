"""The shipping label for thermal printers that speak ZPL II, 203 dpi (8 dots a millimetre), 100 x 150 mm.

Plain ASCII is printed with the printer's own scalable font. Everything else (the rupee sign, Devanagari) goes as a
small bitmap, because printers hold no glyphs for it.
"""

from __future__ import annotations

from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from carriers.labels.page import FONTS
from carriers.labels.shipping_label import routing_text
from carriers.labels.symbols import QUIET_MODULES, amount_text, code128_modules, size_text, weight_text
from carriers.labels.values import LabelData
from oms.core.values import Address

WIDTH_DOTS, HEIGHT_DOTS = 800, 1200
_LEFT, _RIGHT = 48, 752
_WIDTH = _RIGHT - _LEFT
#: Top edges of the bands, as on the PDF.
_TOP, _BARCODE, _PAYMENT, _ADDRESS, _FACTS, _ITEMS, _SENDER, _BOTTOM = 32, 144, 384, 520, 824, 944, 1056, 1168
#: The printer's font 0 is about this wide for its height, on average.
_FONT_ASPECT = 0.52


def shipping_label_zpl(data: LabelData) -> str:
    """One label as ZPL II. Raises `ValueError` for an AWB that Code 128 cannot hold."""
    parts = [
        "^XA",
        "^CI28",
        f"^PW{WIDTH_DOTS}",
        f"^LL{HEIGHT_DOTS}",
        "^LH0,0",
        f"^FO32,{_TOP}^GB736,{_BOTTOM - _TOP},4^FS",
        *(f"^FO32,{y}^GB736,0,2^FS" for y in (_BARCODE, _PAYMENT, _ADDRESS, _FACTS, _ITEMS, _SENDER)),
        *_courier(data),
        *_barcode(data),
        *_payment(data),
        *_address(data),
        *_facts(data),
        *_items(data),
        *_sender(data),
        "^PQ1",
        "^XZ",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def field_data(text: str) -> str:
    """Text for ^FD behind ^FH: the letters that mean something to the printer as hexadecimal."""
    return "".join(f"_{ord(letter):02X}" if letter in "^~_\\" else letter for letter in text)


def _courier(data: LabelData) -> list[str]:
    routing = routing_text(data)
    return [
        _text(_LEFT, 60 if data.service_name else 72, 430, 44, data.courier_name),
        _text(_LEFT, 110, 430, 24, data.service_name),
        f"^FO528,{_TOP}^GB240,{_BARCODE - _TOP},{_BARCODE - _TOP}^FS" if routing else "",
        _text(540, 62, 216, 52, routing, align="C", reverse=True),
    ]


def _barcode(data: LabelData) -> list[str]:
    modules = len(code128_modules(data.awb)) + 2 * QUIET_MODULES
    width = max(1, min(4, 720 // modules))
    left = (WIDTH_DOTS - width * (modules - 2 * QUIET_MODULES)) // 2
    return [
        f"^BY{width},3,150",
        f"^FO{left},{_BARCODE + 24}^BCN,150,N,N,N,A^FH^FD{field_data(data.awb)}^FS",
        _text(_LEFT, _BARCODE + 186, _WIDTH, 40, data.awb, align="C"),
    ]


def _payment(data: LabelData) -> list[str]:
    if not data.cod_minor:
        return [
            _text(_LEFT, _PAYMENT + 40, 400, 66, "PREPAID"),
            _text(450, _PAYMENT + 60, _RIGHT - 450, 28, "Do not collect cash", align="R"),
        ]
    height = _ADDRESS - _PAYMENT
    return [
        f"^FO32,{_PAYMENT}^GB736,{height},{height}^FS",
        _text(_LEFT, _PAYMENT + 22, 200, 60, "COD", reverse=True),
        _text(_LEFT, _PAYMENT + 92, 220, 26, "Collect cash", reverse=True),
        _text(270, _PAYMENT + 24, _RIGHT - 270, 84, _cash(data), align="R", reverse=True),
    ]


def _cash(data: LabelData) -> str:
    return amount_text(data.cod_minor, data.currency)


def _address(data: LabelData) -> list[str]:
    to = data.ship_to
    width = _WIDTH - (240 if data.tracking_url else 0)
    street = ", ".join(part for part in (to.line1, to.line2) if part)
    lines = [(20, "DELIVER TO"), (40, to.name or to.company)]
    if to.company and to.name:
        lines.append((28, to.company))
    lines += [(28, line) for line in _broken(street, width, 28, 3)]
    lines.append((28, _place(to)))
    parts, y = [], _ADDRESS + 14
    for height, line in lines:
        parts.append(_text(_LEFT, y, width, height, line))
        y += int(height * 1.22)
    parts.append(_text(_LEFT, _FACTS - 66, 260, 52, to.postcode))
    if to.phone:
        parts.append(_text(_LEFT + 250, _FACTS - 48, width - 250, 28, f"Tel {to.phone}"))
    if data.tracking_url:
        parts.append(f"^FO548,{_ADDRESS + 24}^BQN,2,6^FH^FDMA,{field_data(data.tracking_url)}^FS")
    return parts


def _place(address: Address) -> str:
    country = "" if address.country == "IN" else address.country
    return ", ".join(part for part in (address.city, address.region, country) if part)


def _facts(data: LabelData) -> list[str]:
    facts = (
        ("ORDER", data.order_number),
        ("INVOICE", data.invoice_number or "-"),
        ("DATE", f"{data.created_at:%d %b %Y}"),
        ("WEIGHT", weight_text(data.weight_grams)),
        ("SIZE", size_text(data.length_mm, data.width_mm, data.height_mm).replace("×", "x") or "-"),
        ("PARCEL", f"{data.parcel_number} of {data.parcel_count}"),
    )
    column = _WIDTH // 3
    parts = []
    for number, (caption, text) in enumerate(facts):
        x, y = _LEFT + column * (number % 3), _FACTS + 8 + 55 * (number // 3)
        parts += [_text(x, y, column - 12, 18, caption), _text(x, y + 20, column - 12, 28, text)]
    return parts


def _items(data: LabelData) -> list[str]:
    room = 3
    shown = data.items if len(data.items) <= room else data.items[: room - 1]
    lines = [f"{item.quantity} x {item.name}" for item in shown]
    rest = data.items[len(shown) :]
    if rest:
        lines.append(f"and {sum(item.quantity for item in rest)} more in {len(rest)} lines")
    return [_text(_LEFT, _ITEMS + 10 + 33 * number, _WIDTH, 25, line) for number, line in enumerate(lines)]


def _sender(data: LabelData) -> list[str]:
    back = data.return_to or data.ship_from
    street = ", ".join(part for part in (back.line1, back.line2) if part)
    place = ", ".join(part for part in (_place(back), back.postcode, f"Tel {back.phone}" if back.phone else "") if part)
    lines = ((18, "IF UNDELIVERED RETURN TO"), (28, back.company or back.name), (23, street), (23, place))
    parts, y = [], _SENDER + 8
    for height, line in lines:
        parts.append(_text(_LEFT, y, _WIDTH, height, line))
        y += int(height * 1.15)
    return parts


def _text(x: int, y: int, width: int, height: int, text: str, *, align: str = "L", reverse: bool = False) -> str:
    """One line of text in a box of `width` dots; `reverse` prints white on what is black there."""
    text = " ".join(text.split())
    if not text:
        return ""
    flag = "^FR" if reverse else ""
    if text.isascii():
        fitted = min(height, max(int(width / (_FONT_ASPECT * len(text))), 14))
        text = text[: max(1, int(width / (_FONT_ASPECT * fitted)))]
        return f"^FO{x},{y}{flag}^A0N,{fitted},{fitted}^FB{width},1,0,{align}^FH^FD{field_data(text)}^FS"
    command, bitmap_width = _bitmap(text, height, width)
    shift = {"L": 0, "C": (width - bitmap_width) // 2, "R": width - bitmap_width}[align]
    return f"^FO{x + shift},{y}{flag}{command}^FS"


@lru_cache(maxsize=512)
def _bitmap(text: str, height: int, width: int) -> tuple[str, int]:
    """Text as ^GFA (one bit a dot, rows of whole bytes) and its width in dots, shrunk to fit."""
    name = (
        "NotoSansDevanagari-Bold.ttf" if any("\u0900" <= letter <= "\u097f" for letter in text) else "NotoSans-Bold.ttf"
    )
    size = max(int(height * 0.82), 10)
    font = _font(name, size)
    if font.getlength(text) > width:
        font = _font(name, max(10, int(size * width / font.getlength(text))))
    bitmap_width = min(width, int(font.getlength(text)) + 2)
    image = Image.new("1", (bitmap_width, int(height * 1.2)), 0)
    ImageDraw.Draw(image).text((0, 0), text, fill=1, font=font)
    row_bytes = (bitmap_width + 7) // 8
    raw = image.tobytes()
    return f"^GFA,{len(raw)},{len(raw)},{row_bytes},{raw.hex().upper()}", bitmap_width


@lru_cache(maxsize=32)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONTS / name), size)


def _broken(text: str, width: int, height: int, most: int) -> list[str]:
    """Broken at blanks by the average letter width; what is over stays on the last line."""
    letters = max(1, int(width / (_FONT_ASPECT * height)))
    lines: list[str] = []
    for word in text.split():
        if lines and (len(lines[-1]) + 1 + len(word) <= letters or len(lines) == most):
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
