"""Zones of a parcel's way, as couriers' rate cards name them, decided from two places.

Within India:

A within one city, B within one state or regional, C metro to metro, D rest of India, E north-east, Jammu and Kashmir
and Ladakh, F islands and whatever else a card calls special. Couriers draw the borders differently; the lists that
differ are arguments (`ZoneRules`), the defaults are the commonest.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from enum import StrEnum

#: Mean radius of the earth in kilometres (IUGG).
_EARTH_KM = 6371.0088


class Zone(StrEnum):
    """A column of an Indian rate card."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a parcel starts or ends, as much of it as is known. `lat` and `lon` are degrees."""

    postcode: str
    country: str = "IN"
    district: str = ""
    state: str = ""
    lat: float | None = None
    lon: float | None = None


#: First three digits of the PIN codes of the cities that rate cards call metro.
METRO_PIN_PREFIXES = {
    "110": "delhi",
    "400": "mumbai",
    "700": "kolkata",
    "600": "chennai",
    "560": "bengaluru",
    "500": "hyderabad",
    "380": "ahmedabad",
    "411": "pune",
}

NORTH_EAST_AND_KASHMIR = frozenset(
    {
        "arunachal pradesh",
        "assam",
        "manipur",
        "meghalaya",
        "mizoram",
        "nagaland",
        "sikkim",
        "tripura",
        "jammu and kashmir",
        "ladakh",
    }
)
ISLANDS = frozenset({"andaman and nicobar islands", "lakshadweep"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRules:
    """Where a carrier draws the borders. `regional_km` is the greatest distance as the crow flies that is still B."""

    metro_pin_prefixes: dict[str, str] = field(default_factory=lambda: dict(METRO_PIN_PREFIXES))
    remote_states: frozenset[str] = NORTH_EAST_AND_KASHMIR
    special_states: frozenset[str] = ISLANDS
    special_postcodes: frozenset[str] = frozenset()
    regional_km: float = 500.0


DEFAULT_RULES = ZoneRules()

_STATE_ALIASES = {
    "nct of delhi": "delhi",
    "new delhi": "delhi",
    "orissa": "odisha",
    "pondicherry": "puducherry",
    **dict.fromkeys(("yanam", "mahe", "karaikal"), "puducherry"),
    **dict.fromkeys(
        ("daman and diu", "daman", "diu", "dadra and nagar haveli", "silvassa"),
        "dadra and nagar haveli and daman and diu",
    ),
    "uttaranchal": "uttarakhand",
    "jammu kashmir": "jammu and kashmir",
    "andaman and nicobar": "andaman and nicobar islands",
    "andaman nicobar": "andaman and nicobar islands",
}

#: PIN codes of enclaves, whose first digits are those of the state around them.
ENCLAVES = dict.fromkeys(
    ("396210", "396215", "396220", "396230", "396240", "362520", "362540", "362570"),
    "dadra and nagar haveli and daman and diu",
) | {"533464": "puducherry"}
#: State by PIN prefix, longest prefix first (India Post's sorting districts). Border offices can belong to a neighbour:
#: a table of PIN codes is better where there is one.
_STATE_BY_PIN_PREFIX = {
    "11": "delhi",
    **dict.fromkeys(("12", "13"), "haryana"),
    "160": "chandigarh",
    **dict.fromkeys(("14", "15", "16"), "punjab"),
    "17": "himachal pradesh",
    "194": "ladakh",
    **dict.fromkeys(("18", "19"), "jammu and kashmir"),
    **dict.fromkeys(("246", "248", "249", "263"), "uttarakhand"),
    **dict.fromkeys(("20", "21", "22", "23", "24", "25", "26", "27", "28"), "uttar pradesh"),
    **dict.fromkeys(("30", "31", "32", "33", "34"), "rajasthan"),
    **dict.fromkeys(("36", "37", "38", "39"), "gujarat"),
    "403": "goa",
    **dict.fromkeys(("40", "41", "42", "43", "44"), "maharashtra"),
    **dict.fromkeys(("45", "46", "47", "48"), "madhya pradesh"),
    "49": "chhattisgarh",
    "50": "telangana",
    **dict.fromkeys(("51", "52", "53"), "andhra pradesh"),
    **dict.fromkeys(("56", "57", "58", "59"), "karnataka"),
    "605": "puducherry",
    **dict.fromkeys(("60", "61", "62", "63", "64"), "tamil nadu"),
    "68255": "lakshadweep",
    **dict.fromkeys(("67", "68", "69"), "kerala"),
    "737": "sikkim",
    "744": "andaman and nicobar islands",
    **dict.fromkeys(("70", "71", "72", "73", "74"), "west bengal"),
    **dict.fromkeys(("75", "76", "77"), "odisha"),
    "78": "assam",
    **dict.fromkeys(("790", "791", "792"), "arunachal pradesh"),
    **dict.fromkeys(("793", "794"), "meghalaya"),
    "795": "manipur",
    "796": "mizoram",
    **dict.fromkeys(("797", "798"), "nagaland"),
    "799": "tripura",
    **dict.fromkeys(("814", "815", "816", "822", "825", "826", "827", "828", "829"), "jharkhand"),
    **dict.fromkeys(("831", "832", "833", "834", "835"), "jharkhand"),
    **dict.fromkeys(("80", "81", "82", "84", "85"), "bihar"),
}


def normal_state(name: str) -> str:
    """A state's name in one spelling: lower case, `and` for `&`, old names replaced."""
    words = " ".join(re.sub(r"[^a-z ]+", " ", name.casefold().replace("&", " and ")).split()).removeprefix("the ")
    return _STATE_ALIASES.get(words, words)


def is_pin(postcode: str) -> bool:
    """Whether this has the form of an Indian PIN code: six digits, the first not 0 (India Post)."""
    return re.fullmatch(r"[1-8][0-9]{5}", postcode.strip()) is not None


def state_of_pin(postcode: str) -> str:
    """The state that a PIN code's first digits stand for, in `normal_state` spelling; empty when unknown."""
    pin = postcode.strip()
    if not is_pin(pin):
        return ""
    if pin in ENCLAVES:
        return ENCLAVES[pin]
    for length in (5, 3, 2):
        state = _STATE_BY_PIN_PREFIX.get(pin[:length])
        if state:
            return state
    return ""


def spot_of_pin(postcode: str) -> Spot:
    """A spot made from the PIN code alone: the sorting district stands for the district, no coordinates."""
    pin = postcode.strip()
    return Spot(postcode=pin, district=f"sorting district {pin[:3]}" if is_pin(pin) else "", state=state_of_pin(pin))


def distance_km(start: Spot, end: Spot) -> float | None:
    """Great-circle distance in kilometres (haversine); None when a coordinate is missing."""
    if start.lat is None or start.lon is None or end.lat is None or end.lon is None:
        return None
    lat1, lat2 = math.radians(start.lat), math.radians(end.lat)
    half_dlat, half_dlon = (lat2 - lat1) / 2, math.radians(end.lon - start.lon) / 2
    chord = math.sin(half_dlat) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(half_dlon) ** 2
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(chord)))


def zone_between(start: Spot, end: Spot, rules: ZoneRules = DEFAULT_RULES) -> Zone:
    """The zone of a way. The first rule that holds decides: A, F, E, same state B, C, regional B, D."""
    start_state, end_state = _state(start), _state(end)
    if _same_city(start, end, start_state, end_state, rules):
        return Zone.A
    if {start_state, end_state} & rules.special_states or {start.postcode, end.postcode} & rules.special_postcodes:
        return Zone.F
    if {start_state, end_state} & rules.remote_states:
        return Zone.E
    if start_state and start_state == end_state:
        return Zone.B
    if _metro(start, rules) and _metro(end, rules):
        return Zone.C
    distance = distance_km(start, end)
    if distance is not None and distance <= rules.regional_km:
        return Zone.B
    return Zone.D


def _state(spot: Spot) -> str:
    return normal_state(spot.state) if spot.state else state_of_pin(spot.postcode)


def _metro(spot: Spot, rules: ZoneRules) -> str:
    return rules.metro_pin_prefixes.get(spot.postcode[:3], "")


def _same_city(start: Spot, end: Spot, start_state: str, end_state: str, rules: ZoneRules) -> bool:
    if start.postcode and start.postcode == end.postcode:
        return True
    metro = _metro(start, rules)
    if metro and metro == _metro(end, rules):
        return True
    same_district = bool(start.district) and start.district.casefold() == end.district.casefold()
    return same_district and start_state == end_state
