"""What parcels that cross a border declare to customs, and what carriers of the whole world share. Pure.

HSN is the harmonised code, so it is sent as the commodity code. Weights of articles are not known one by one: the
parcel's weight is divided over the pieces. The country of origin is the account's setting `country_of_origin`, else
the country that the parcel leaves.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from carriers.base import Booked, BookingRequest
from oms.core.errors import PermanentError
from oms.core.values import Address, major_units

#: What every place in the setting `pickup_addresses` has.
PLACE_FIELDS = ("company", "contact", "line1", "city", "country", "phone")
#: The longest number of the world, with its country (ITU-T E.164).
_PHONE_DIGITS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomsLine:
    """One line of a declaration. `grams` is the weight of the whole line, `unit_value` in major units as text."""

    sku_code: str
    description: str
    quantity: int
    unit_value: str
    line_value: str
    hsn: str
    origin: str
    grams: int


def crosses_border(request: BookingRequest) -> bool:
    """The parcel leaves its country, so customs is told what is in it."""
    return request.ship_from.country != request.ship_to.country


def customs_lines(request: BookingRequest, settings: Mapping[str, Any]) -> list[CustomsLine]:
    """The articles as customs is told. Raises PermanentError for a parcel without any, or one without a value."""
    if not request.items:
        raise PermanentError("A parcel that crosses a border needs its articles for customs; this one has none.")
    for item in request.items:
        _refuse_other_letters(f"name of {item.sku_code}", item.name, "customs reads")
    worthless = [item.sku_code for item in request.items if item.unit_price_minor <= 0]
    if worthless:
        raise PermanentError(f"Customs needs a value of every article; {', '.join(worthless)} has none.")
    origin = str(settings.get("country_of_origin") or request.ship_from.country)
    pieces = sum(item.quantity for item in request.items)
    lines, done, given = [], 0, 0
    for item in request.items:
        done += item.quantity
        until = request.weight_grams * done // pieces
        lines.append(
            CustomsLine(
                sku_code=item.sku_code,
                description=item.name or item.sku_code,
                quantity=item.quantity,
                unit_value=amount(item.unit_price_minor, request.currency),
                line_value=amount(item.unit_price_minor * item.quantity, request.currency),
                hsn=re.sub(r"[^0-9A-Za-z]", "", item.hsn),
                origin=origin,
                grams=max(until - given, 1),
            )
        )
        given = until
    return lines


def terms_of_sale(settings: Mapping[str, Any]) -> str:
    """Who pays duties and taxes, as Incoterms 2020 say it: DDP (the shipper) or DAP (the receiver)."""
    return "DDP" if settings.get("duties_paid_by") == "shipper" else "DAP"


def amount(minor: int, currency: str) -> str:
    """`2499.50` of 249950 paise, `1200` of 1200 yen."""
    return f"{major_units(minor, currency):f}"


def kilograms(grams: int, decimals: int = 1) -> str:
    """`1.3` of 1250 g: never less than it weighs, and never nothing."""
    step = 10 ** (3 - decimals)
    steps = max(-(-grams // step), 1)
    whole, rest = divmod(steps, 10**decimals)
    return f"{whole}.{rest:0{decimals}d}"


def centimetres(millimetres: int) -> int:
    """Whole centimetres, rounded up; at least one."""
    return max(-(-millimetres // 10), 1)


def pounds(grams: int) -> str:
    """`2.8` of 1250 g: never less than it weighs, and never nothing."""
    tenths = max(-(-grams * 1_000_000 // 45_359_237), 1)
    return f"{tenths // 10}.{tenths % 10}"


def inches(millimetres: int) -> int:
    """Whole inches, rounded up; at least one."""
    return max(-(-millimetres * 10 // 254), 1)


def street_lines(address: Address, width: int, most: int = 3) -> list[str]:
    """The street in at most `most` lines of `width` characters, broken between words.

    Raises PermanentError for an address that does not fit: one that is cut off reaches nobody.
    """
    lines = [*wrapped(address.line1, width), *wrapped(address.line2, width)]
    if len(lines) > most or any(len(line) > width for line in lines):
        raise PermanentError(
            f"The street {', '.join(part for part in (address.line1, address.line2) if part)!r} is longer than the "
            f"{most} lines of {width} characters that the carrier takes. Shorten it."
        )
    return lines


def named_lines(names: Sequence[str], address: Address, width: int, most: int = 3) -> tuple[list[str], list[str]]:
    """Names in one line each, and the street; what of a long name is left goes before the street.

    Raises PermanentError where that does not fit.
    """
    heads, rest = [], []
    for name in dict.fromkeys(names):
        head, *more = wrapped(name, width) or [""]
        heads.append(fitting(head, width, "name"))
        rest += more
    street = [*rest, *street_lines(address, width, most)]
    if len(street) > most or any(len(line) > width for line in rest):
        raise PermanentError(
            f"The names {' and '.join(dict.fromkeys(names))!r} are longer than {width} characters, and beside the "
            f"street no line of the {most} is left for the rest. Shorten them."
        )
    return heads, street


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines, broken between words; a word that is longer than a line stays whole."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def fitting(text: str, most: int, what: str) -> str:
    """A text that the carrier has the space for. Raises PermanentError for a longer one: what is cut off is lost."""
    text = text.strip()
    if len(text) > most:
        raise PermanentError(f"The {what} {text!r} is longer than the {most} characters that the carrier takes.")
    return text


def check_address(address: Address) -> None:
    """Raises PermanentError for an address that lacks something, or has letters that no label of the world shows."""
    parts = {
        "a name": address.name or address.company,
        "a street": address.line1 or address.line2,
        "a city": address.city,
    }
    missing = [what for what, text in parts.items() if not text.strip()]
    if missing:
        known = ", ".join(part for part in address.lines() if part.strip())
        raise PermanentError(f"The address {known!r} lacks {' and '.join(missing)}.")
    for field in ("name", "company", "line1", "line2", "city", "region"):
        _refuse_other_letters("address", getattr(address, field), "the carrier prints")


def _refuse_other_letters(what: str, text: str, who: str) -> None:
    letters = (unicodedata.name(sign, "") for sign in unicodedata.normalize("NFKD", text) if sign.isalpha())
    if any(not name.startswith(("LATIN", "MODIFIER")) for name in letters):
        raise PermanentError(f"The {what} has {text!r}, and {who} Latin letters alone. Write it in those.")


def state_code(address: Address, most: int = 2) -> str:
    """The code of the state, empty where the address has a name. Raises PermanentError where the country wants it."""
    region = address.region.strip()
    code = region.upper() if len(region) == 2 else region
    if re.fullmatch(rf"[A-Z0-9-]{{2,{most}}}", code):
        return code
    if address.country in ("US", "CA"):
        said = f"{region!r} is none" if region else "there is none"
        raise PermanentError(f"In {address.country} the carrier wants the two letters of the state, as TX; {said}.")
    return ""


def digits(phone: str, most: int) -> str:
    """The digits of a phone number, the last `most` of them."""
    return re.sub(r"\D", "", phone)[-most:]


def phone_number(phone: str) -> str:
    """The digits of one phone number. Raises PermanentError where there are more than one number has."""
    found = re.sub(r"\D", "", phone)
    if len(found) > _PHONE_DIGITS:
        raise PermanentError(f"The phone {phone!r} has {len(found)} digits, more than one number has. Give one number.")
    return found


def service_of(request: BookingRequest, settings: Mapping[str, Any], name: str) -> str:
    """The carrier's service: that which was chosen by price, else what the setting `services` names for the level.

    Raises PermanentError where neither does.
    """
    services = settings.get("services") or {}
    found = request.courier_id or services.get(request.service_level)
    if not found:
        raise PermanentError(
            f"The setting services names no service of {name} for {request.service_level!r}: add one, or choose the "
            "carrier by price."
        )
    return str(found)


def account_number(settings: Mapping[str, Any], name: str) -> str:
    """The setting `account_number`. Raises PermanentError without it."""
    number = str(settings.get("account_number", ""))
    if not number:
        raise PermanentError(f"The setting account_number is missing: {name} charges parcels to it.")
    return number


def our_reference(text: str, most: int) -> str:
    """Our reference in the space that the carrier has. Its end tells parcels and tries apart, so the front goes."""
    return text[-most:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pickup:
    """Parcels that leave from one place: our node's code, empty where it is not known, and its address."""

    node: str
    place: Mapping[str, Any]
    parcels: list[Booked]


def pickups_of(settings: Mapping[str, Any], booked: Sequence[Booked], also: Sequence[str] = ()) -> list[Pickup]:
    """Parcels by the place that they leave from, as the setting `pickup_addresses` has it.

    Raises PermanentError, before anything is asked, for a place that is not there or lacks something; `also` names
    what a carrier wants beside the usual. Where there is one place alone, parcels without a node leave from it.
    """
    places: Mapping[str, Any] = settings.get("pickup_addresses") or {}
    only = next(iter(places)) if len(places) == 1 else ""
    by_node: dict[str, list[Booked]] = {}
    for parcel in booked:
        by_node.setdefault(parcel.external_ids.get("node") or only, []).append(parcel)
    return [Pickup(node=node, place=_place(places, node, also), parcels=parcels) for node, parcels in by_node.items()]


def _place(places: Mapping[str, Any], node: str, also: Sequence[str]) -> Mapping[str, Any]:
    place = places.get(node)
    if not isinstance(place, Mapping):
        raise PermanentError(f"The setting pickup_addresses names no address for {node or 'these parcels'}.")
    missing = [name for name in (*PLACE_FIELDS, *also) if not place.get(name)]
    if missing:
        raise PermanentError(f"The setting pickup_addresses of {node} lacks {', '.join(missing)}.")
    return place


def refuse_cash(request: BookingRequest, name: str) -> None:
    """Raises PermanentError for a parcel that is paid at the door."""
    if request.cod_minor:
        raise PermanentError(f"{name} collects no cash here: give parcels paid on delivery to another carrier.")


def utc_key(moment: datetime) -> str:
    """A moment to the second, for keys of scans."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def place_of(*parts: Any) -> str:
    """City, region and country, what there is of them."""
    return ", ".join(str(part) for part in parts if part)
