"""Rate cards of the database as the pure core of `carriers.rates` takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from carriers import rates
from carriers.models import RateCard
from carriers.zones import Spot, spot_of_pin
from oms.core.errors import DomainError
from oms.core.places import guess_place

_FIELDS = tuple(field.name for field in fields(rates.ZoneRate))
_NEEDED = ("first_grams", "first_minor", "additional_grams", "additional_minor")


class RateCardUnreadable(DomainError):
    """The zones of a stored card do not have the form that `RateCard.zones` describes."""

    code = "rate_card_unreadable"


def card_of(stored: RateCard) -> rates.RateCard:
    """A stored card. A zone's own `cod_fixed_minor`, `cod_bp` and `fuel_bp` win over those of the card.

    Raises RateCardUnreadable with the zone and the field at fault.
    """
    if not isinstance(stored.zones, Mapping) or not stored.zones:
        raise RateCardUnreadable(f"Rate card {stored.name} has no zones.", field="zones")
    zones = {_zone(stored, name): _zone_rate(stored, name, values) for name, values in stored.zones.items()}
    return rates.RateCard(name=stored.name, rates=zones, currency=stored.currency)


def _zone(stored: RateCard, name: str) -> str:
    if not rates.is_zone(name):
        raise RateCardUnreadable(
            f"Rate card {stored.name}: {name!r} is not one of {rates.ZONES_IN_WORDS}.", field="zones"
        )
    return name


def _zone_rate(stored: RateCard, zone: str, values: Any) -> rates.ZoneRate:
    if not isinstance(values, Mapping):
        raise RateCardUnreadable(f"Rate card {stored.name}, zone {zone}: an object is expected.", field="zones")
    given: dict[str, Any] = {"cod_fixed_minor": stored.cod_minor, "cod_bp": stored.cod_bp, "fuel_bp": stored.fuel_bp}
    given |= {"transit_days": values.get("days", 1)}
    given |= {name: values[name] for name in _FIELDS if name in values}
    for name in _NEEDED:
        if name not in given:
            raise RateCardUnreadable(f"Rate card {stored.name}, zone {zone}: {name} is missing.", field="zones")
    for name, value in given.items():
        least = 1 if name in ("first_grams", "additional_grams") else 0
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise RateCardUnreadable(
                f"Rate card {stored.name}, zone {zone}: {name} is {value!r}; a whole number from {least} is expected.",
                field="zones",
            )
    return rates.ZoneRate(**given)


def zones_json(card: rates.RateCard) -> dict[str, dict[str, int]]:
    """The zones of a card as they are stored."""
    return {
        str(zone): {name: getattr(rate, name) for name in _FIELDS if name != "transit_days"}
        | {"days": rate.transit_days}
        for zone, rate in card.rates.items()
    }


def spot_of(country: str, postcode: str) -> Spot:
    """What is known of a postcode: district, state and point where it is in the directory, else what its digits say."""
    if country != "IN":
        return Spot(postcode=postcode, country=country)
    place = guess_place(country, postcode)
    if place is None:
        return spot_of_pin(postcode)
    return Spot(postcode=place.postcode, district=place.district, state=place.state, lat=place.lat, lon=place.lon)
