"""The catalogue of the demo world: styles in sizes and colours, with tax, weight and barcodes. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

#: India's range of GS1 prefixes begins with 890. The company part is invented.
EAN_PREFIX = "8904517"

APPAREL = ("XS", "S", "M", "L", "XL", "XXL")
SHOES = ("36", "37", "38", "39", "40", "41")
ONE = ("",)

#: Colour code -> name and the shade in which it is drawn.
COLOURS = {
    "IND": ("Indigo", "#2b3f87"), "MAR": ("Maroon", "#7d1f2f"), "MUS": ("Mustard", "#c8921a"),
    "TEA": ("Teal", "#1d6f72"), "ROS": ("Rose", "#c55a78"), "OLV": ("Olive", "#6b7034"),
    "IVO": ("Ivory", "#e9dfc8"), "BLK": ("Black", "#2a2a2e"), "SAF": ("Saffron", "#e07b1f"),
    "GRN": ("Parrot green", "#2f8a4c"), "TAN": ("Tan", "#a9764a"), "PLM": ("Plum", "#5f2a5c"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Style:
    """One design. Price in paise with tax, weight in grams, sides in millimetres, tax rate in basis points."""

    code: str
    name: str
    category: str
    shape: str
    price_minor: int
    weight_grams: int
    hsn: str
    tax_rate_bp: int
    sides_mm: tuple[int, int, int]
    sizes: tuple[str, ...]
    colours: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DemoSku:
    """One SKU of a style. `rank` is its popularity: 1 sells best."""

    code: str
    name: str
    style: Style
    size: str
    colour: str
    barcode: str
    rank: int

    @property
    def picture(self) -> str:
        """Path of its picture among the static files."""
        return f"demo/{self.style.code}-{self.colour}.svg".lower()


_FOLDED = (320, 240, 30)
_HSN_KURTA, _HSN_SAREE, _HSN_SHOE, _HSN_LINEN, _HSN_SCARF = "6211", "5407", "6405", "6304", "6214"


def _kurta(code: str, name: str, rupees: int, grams: int, colours: str) -> Style:
    # Garments up to Rs 2,500 carry 5 % GST, dearer ones 18 %.
    rate = 500 if rupees <= 2500 else 1800
    return Style(code, name, "Kurtas", "kurta", rupees * 100, grams, _HSN_KURTA, rate, _FOLDED, APPAREL[1:],
                 tuple(colours.split()))  # fmt: skip


def _saree(code: str, name: str, rupees: int, grams: int, colours: str) -> Style:
    return Style(code, name, "Sarees", "saree", rupees * 100, grams, _HSN_SAREE, 500, (360, 280, 40), ONE,
                 tuple(colours.split()))  # fmt: skip


def _shoe(code: str, name: str, rupees: int, grams: int, colours: str) -> Style:
    rate = 500 if rupees <= 2500 else 1800
    return Style(code, name, "Footwear", "shoe", rupees * 100, grams, _HSN_SHOE, rate, (310, 200, 115), SHOES,
                 tuple(colours.split()))  # fmt: skip


def _home(code: str, name: str, rupees: int, grams: int, colours: str) -> Style:
    return Style(code, name, "Home", "home", rupees * 100, grams, _HSN_LINEN, 500, (380, 300, 90), ONE,
                 tuple(colours.split()))  # fmt: skip


def _scarf(code: str, name: str, rupees: int, grams: int, colours: str) -> Style:
    return Style(code, name, "Dupattas and stoles", "scarf", rupees * 100, grams, _HSN_SCARF, 500, (260, 200, 25), ONE,
                 tuple(colours.split()))  # fmt: skip


STYLES = (
    _kurta("ANJALI", "Anjali straight cotton kurta", 1299, 280, "IND MAR MUS"),
    _kurta("BEENA", "Beena A-line kurta", 1499, 320, "TEA ROS"),
    _kurta("CHARU", "Charu block-print kurta", 1699, 300, "IND OLV SAF"),
    _kurta("DEEPA", "Deepa festive kurta", 2899, 450, "MAR PLM"),
    _kurta("ESHA", "Esha linen kurta", 2199, 310, "IVO TEA"),
    _kurta("GAURI", "Gauri angrakha", 1899, 360, "ROS GRN"),
    _kurta("HEMA", "Hema short kurti", 799, 210, "MUS IND BLK"),
    _kurta("JIVAN", "Jivan men's kurta", 1599, 380, "IVO IND"),
    _kurta("KIRAN", "Kiran men's silk-blend kurta", 3299, 420, "MAR BLK"),
    _kurta("LATA", "Lata palazzo set", 2499, 620, "TEA PLM"),
    _kurta("MANOJ", "Manoj Nehru jacket", 2999, 520, "BLK OLV"),
    _saree("NANDI", "Nandi handloom saree", 3499, 720, "MAR IND MUS GRN"),
    _saree("OVIYA", "Oviya linen saree", 2799, 640, "IVO TEA ROS"),
    _saree("PADMA", "Padma silk-blend saree", 5999, 780, "PLM MAR SAF"),
    _saree("RADHA", "Radha printed saree", 1799, 560, "IND ROS OLV MUS"),
    _saree("SHALA", "Shala cotton saree", 1499, 600, "TEA SAF GRN"),
    _saree("TULSI", "Tulsi organza saree", 3999, 520, "ROS IVO"),
    _shoe("UDAAN", "Udaan jutti", 1199, 520, "TAN MAR"),
    _shoe("VEENA", "Veena embroidered mojari", 1699, 560, "MUS PLM"),
    _shoe("WARLI", "Warli print flats", 1399, 480, "BLK IND"),
    _shoe("YAMINI", "Yamini block-heel sandals", 2699, 780, "TAN BLK"),
    _shoe("ZARI", "Zari kolhapuri", 999, 500, "TAN SAF"),
    _home("AANGAN", "Aangan cotton bed sheet set", 2299, 1450, "IND OLV MAR"),
    _home("BAITHAK", "Baithak cushion covers, set of 5", 1199, 640, "MUS TEA PLM"),
    _home("CHULHA", "Chulha table runner", 699, 320, "SAF IND"),
    _home("DHUP", "Dhup light-filtering curtains, pair", 1899, 1650, "IVO TEA"),
    _home("FARSH", "Farsh cotton dhurrie", 2599, 2600, "MAR IND"),
    _home("GADDA", "Gadda quilted throw", 2899, 1900, "ROS GRN"),
    _scarf("INDU", "Indu bandhani dupatta", 899, 180, "MAR SAF GRN"),
    _scarf("JUHI", "Juhi chikan dupatta", 1299, 170, "IVO ROS"),
    _scarf("KOYAL", "Koyal wool stole", 1799, 260, "BLK PLM TEA"),
)


@dataclass(frozen=True, slots=True)
class DemoKit:
    """One kit: its components by code, with the units that go into one, and its price in minor units."""

    code: str
    name: str
    category: str
    price_minor: int
    components: tuple[tuple[str, int], ...]


KITS = (
    DemoKit("SET-GHAR", "Ghar home set: runner and cushion covers", "Home", 169_900,
            (("BAITHAK-MUS", 1), ("CHULHA-SAF", 2))),
    DemoKit("SET-BANDHANI", "Three bandhani dupattas", "Dupattas and stoles", 239_900,
            (("INDU-GRN", 1), ("INDU-MAR", 1), ("INDU-SAF", 1))),
    DemoKit("SET-RADHA", "Radha gift set: saree and chikan dupatta", "Sarees", 279_900,
            (("JUHI-ROS", 1), ("RADHA-ROS", 1))),
)  # fmt: skip


def skus() -> list[DemoSku]:
    """Every SKU of the catalogue, best seller first. Ranks follow a fixed shuffle, so that they suit no pattern."""
    found = list(_variants())
    # Knuth's multiplicative hash: a shuffle without a random generator, the same everywhere.
    order = sorted(range(len(found)), key=lambda index: (index * 2654435761) % 4294967296)
    made = []
    for rank, index in enumerate(order, start=1):
        style, size, colour = found[index]
        parts = [style.code, colour, *([size] if size else [])]
        look = ", ".join([COLOURS[colour][0], *([f"size {size}"] if size else [])])
        made.append(DemoSku("-".join(parts), f"{style.name}, {look}", style, size, colour, ean13(index + 1), rank))
    return made


def _variants() -> Iterator[tuple[Style, str, str]]:
    for style in STYLES:
        for colour in style.colours:
            for size in style.sizes:
                yield style, size, colour


def ean13(item: int) -> str:
    """The EAN-13 of an item number of the brand, check digit included (GS1 General Specifications, 7.9)."""
    digits = f"{EAN_PREFIX}{item:05d}"
    total = sum(int(digit) * (3 if position % 2 else 1) for position, digit in enumerate(digits))
    return f"{digits}{-total % 10}"
