"""What a courier charges for one parcel by its rate card. Pure: no clock, no network, no database.

Weights are grams, money is minor units of the card's currency, shares are basis points (150 = 1.5 %).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from carriers.zones import DEFAULT_RULES, Spot, Zone, ZoneRules, zone_between
from oms.core.errors import DomainError
from oms.core.places import country_name, is_country
from oms.core.values import MAX_MINOR

#: Cubic centimetres that count as one kilogram on Indian domestic cards.
VOLUMETRIC_DIVISOR = 5000

#: The row of a card for every country that it does not name.
ANYWHERE = "*"

#: The columns of a card as CSV, in the order in which a card is written.
COLUMNS = (
    "zone",
    "first_grams",
    "first_minor",
    "additional_grams",
    "additional_minor",
    "cod_fixed_minor",
    "cod_bp",
    "fuel_bp",
    "rto_first_minor",
    "rto_additional_minor",
    "transit_days",
)
_POSITIVE = frozenset({"first_grams", "additional_grams", "transit_days"})
_LIMITS = {"first_grams": 1_000_000, "additional_grams": 1_000_000, "cod_bp": 10_000, "fuel_bp": 10_000} | {
    "transit_days": 365
}
_SAMPLE = Path(__file__).parent / "rate_cards" / "sample_surface.csv"


class RateCardInvalid(DomainError):
    """A card's CSV has faults; `data["errors"]` lists every one as line, column and message."""

    code = "rate_card_invalid"


class NotServiceable(DomainError):
    """The card has no row for the zone, or the parcel is heavier than the card carries."""

    code = "not_serviceable"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRate:
    """One row of a card: a first slab of weight, further slabs, and the fees."""

    first_grams: int
    first_minor: int
    additional_grams: int
    additional_minor: int
    cod_fixed_minor: int = 0
    cod_bp: int = 0
    fuel_bp: int = 0
    rto_first_minor: int = 0
    rto_additional_minor: int = 0
    transit_days: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCard:
    """What one courier charges, by zone. `max_grams` is the heaviest parcel it carries, 0 for no limit.

    A zone is one of A to F within India; beyond it, and across its border, the country that the parcel goes to (`US`),
    or ANYWHERE for those that the card does not name.
    """

    name: str
    rates: Mapping[str, ZoneRate]
    currency: str = "INR"
    max_grams: int = 0
    rules: ZoneRules = field(default=DEFAULT_RULES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """The parts of a charge. `rto_minor` falls due only when the parcel comes back, so it is not in the total."""

    zone: str
    billed_grams: int
    first_minor: int
    additional_minor: int
    fuel_minor: int
    cod_fee_minor: int
    rto_minor: int

    @property
    def freight_minor(self) -> int:
        """First and further slabs, without fuel."""
        return self.first_minor + self.additional_minor

    @property
    def total_minor(self) -> int:
        """What is paid for the way out."""
        return self.freight_minor + self.fuel_minor + self.cod_fee_minor


def volumetric_grams(length_mm: int, width_mm: int, height_mm: int, divisor: int = VOLUMETRIC_DIVISOR) -> int:
    """Weight that the volume counts as: cm3 / divisor kilograms, rounded up to a gram; 0 when a side is unknown."""
    return -(-length_mm * width_mm * height_mm // divisor)


def billed_grams(weight_grams: int, length_mm: int = 0, width_mm: int = 0, height_mm: int = 0) -> int:
    """The greater of dead and volumetric weight, in grams, as couriers bill it."""
    return max(weight_grams, volumetric_grams(length_mm, width_mm, height_mm))


def serviceable(card: RateCard, zone: str, weight_grams: int = 0) -> bool:
    """Whether the card has a price for this zone and weight."""
    return zone in card.rates and (card.max_grams == 0 or weight_grams <= card.max_grams)


def charge(card: RateCard, zone: str, weight_grams: int, cod_minor: int = 0) -> Charge:
    """Price of a parcel of a billed weight; `cod_minor` is the cash to collect, 0 for a prepaid parcel.

    The COD fee is the fixed amount or the share of the cash, whichever is greater; fuel is a share of the freight.
    Raises `NotServiceable` when the card does not carry it.
    """
    if not serviceable(card, zone, weight_grams):
        raise NotServiceable(f"{card.name} does not carry {weight_grams} g {_to(zone)}.", zone=str(zone))
    rate = card.rates[zone]
    slabs = -(-max(weight_grams - rate.first_grams, 0) // rate.additional_grams)
    freight = rate.first_minor + slabs * rate.additional_minor
    rto_freight = rate.rto_first_minor + slabs * rate.rto_additional_minor
    return Charge(
        zone=zone,
        billed_grams=rate.first_grams + slabs * rate.additional_grams,
        first_minor=rate.first_minor,
        additional_minor=slabs * rate.additional_minor,
        fuel_minor=_share(freight, rate.fuel_bp),
        cod_fee_minor=max(rate.cod_fixed_minor, _share(cod_minor, rate.cod_bp)) if cod_minor > 0 else 0,
        rto_minor=rto_freight + _share(rto_freight, rate.fuel_bp),
    )


def charge_between(card: RateCard, start: Spot, end: Spot, weight_grams: int, cod_minor: int = 0) -> Charge:
    """As `charge`, for the zone that the card's own rules give to this way."""
    return charge(card, zone_of(card, start, end), weight_grams, cod_minor)


def zone_of(card: RateCard, start: Spot, end: Spot) -> str:
    """The row of a card that is for this way, also where the card does not have it."""
    if start.country == end.country == "IN":
        return zone_between(start, end, card.rules)
    return ANYWHERE if end.country not in card.rates and ANYWHERE in card.rates else end.country


def _to(zone: str) -> str:
    return f"in zone {zone}" if zone in Zone.__members__ else f"to {country_name(zone)}"


def transit_days(card: RateCard, zone: str) -> int:
    """Calendar days from pickup to delivery at best. Raises `NotServiceable` for a zone that the card has not."""
    if zone not in card.rates:
        raise NotServiceable(f"{card.name} does not carry {_to(zone)}.", zone=str(zone))
    return card.rates[zone].transit_days


def _share(amount_minor: int, basis_points: int) -> int:
    """A share of an amount, rounded half up to a minor unit."""
    return (amount_minor * basis_points + 5_000) // 10_000


def read_card(name: str, text: str, *, currency: str = "INR", max_grams: int = 0) -> RateCard:
    """Read a card from CSV text with the header `COLUMNS` (any order, further columns are refused) and a row per zone.

    Raises `RateCardInvalid` with every fault found: `{"line": 3, "column": "cod_bp", "message": "..."}`.
    """
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff").strip()))
    errors = _header_errors(rows.fieldnames or [])
    rates: dict[str, ZoneRate] = {}
    if not errors:
        for row in rows:
            zone, rate = _read_row(row, rows.line_num, errors)
            if zone is None or rate is None:
                continue
            if zone in rates:
                errors.append(_error(rows.line_num, "zone", f"Zone {zone} appears a second time."))
            rates[zone] = rate
        if not rates and not errors:
            errors.append(_error(1, "zone", "The card has no row."))
    if errors:
        first = errors[0]
        raise RateCardInvalid(
            f"Rate card {name}: line {first['line']}, column {first['column']}: {first['message']}"
            + (f" ({len(errors) - 1} more)" if len(errors) > 1 else ""),
            errors=errors,
        )
    return RateCard(name=name, rates=rates, currency=currency, max_grams=max_grams)


def _error(line: int, column: str, message: str) -> dict[str, Any]:
    return {"line": line, "column": column, "message": message}


def _header_errors(header: list[str] | Any) -> list[dict[str, Any]]:
    missing = [_error(1, column, "This column is missing.") for column in COLUMNS if column not in header]
    return missing + [_error(1, column, "No such column is known.") for column in header if column not in COLUMNS]


def _read_row(
    row: Mapping[str | Any, str | Any], line: int, errors: list[dict[str, Any]]
) -> tuple[str | None, ZoneRate | None]:
    before = len(errors)
    if None in row or None in row.values():
        errors.append(_error(line, "zone", f"A row has {len(COLUMNS)} values."))
        return None, None
    zone = row["zone"].strip().upper()
    if not is_zone(zone):
        errors.append(_error(line, "zone", f"{row['zone']!r} is not one of {ZONES_IN_WORDS}."))
    numbers = {column: _read_number(row[column], column, line, errors) for column in COLUMNS[1:]}
    return (zone, ZoneRate(**numbers)) if len(errors) == before else (None, None)


#: What a card may have rows for.
ZONES_IN_WORDS = "A, B, C, D, E, F, a country of two letters as US, or * for every other country"


def is_zone(text: str) -> bool:
    """Whether a card may have a row of this name."""
    return text in Zone.__members__ or text == ANYWHERE or is_country(text)


def _read_number(text: str, column: str, line: int, errors: list[dict[str, Any]]) -> int:
    least, most = (1 if column in _POSITIVE else 0), _LIMITS.get(column, MAX_MINOR)
    stripped = text.strip()
    value = int(stripped) if stripped.isascii() and stripped.isdigit() else -1
    if not least <= value <= most:
        errors.append(_error(line, column, f"{text!r} is not a whole number from {least} to {most}."))
    return value


def sample_card() -> RateCard:
    """A card with typical figures of our own for Indian surface freight: a start, nobody's offer."""
    return read_card("Sample surface card", _SAMPLE.read_text(encoding="utf-8"), max_grams=30_000)
