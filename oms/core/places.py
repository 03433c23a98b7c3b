"""Where a postcode is: for distances, zones and ranking. Reference data, read once, see data/README.md."""

from __future__ import annotations

import gzip
import math
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Literal

from babel import Locale

_INDIA = Path(__file__).resolve().parent / "data" / "india_places.csv.gz"

#: How a place's point was found: median of its post offices; of its three-digit group, for want of better; corrected
#: because the directory's own point was impossible; or guessed for a postcode that the directory does not have.
Quality = Literal["offices", "imputed", "corrected", "guessed"]
_QUALITIES: dict[str, Quality] = {"o": "offices", "i": "imputed", "c": "corrected"}

#: Mean radius of the earth (IUGG), kilometres.
_EARTH_KM = 6371.0088
_COUNTRIES = Locale("en").territories
#: Letters that Unicode gives to groups of countries and to nothing.
_NO_COUNTRIES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})
#: Countries and territories without postcodes (Universal Postal Union, postal addressing systems).
_WITHOUT_POSTCODES = """
AE AG AO AW BF BI BJ BO BQ BS BW BZ CD CF CG CI CK CM CW DJ DM ER FJ GA GD GM GQ GY HK JM KI KM KN KP LY ML MO MR MW NR
NU QA RW SB SC SL SR ST SX SY TD TF TG TK TL TO TV UG VU YE ZW
"""
_PIN = re.compile(r"[1-9][0-9]{5}")
_PIN_PREFIX_LENGTH = 3


@dataclass(frozen=True, slots=True)
class Place:
    """A postcode and the point that stands for it, WGS 84 degrees. `district` is what comes nearest to a city."""

    postcode: str
    country: str
    district: str
    state: str
    lat: float
    lon: float
    quality: Quality

    @property
    def city(self) -> str:
        """The name to show where a city is asked for."""
        return self.district or self.state


@lru_cache(maxsize=65_536)
def normalise_postcode(country: str, text: str) -> str | None:
    """The postcode as it is stored, or None when it cannot be one.

    India: six digits, the first not 0; spaces, hyphens, a leading "PIN", digits of other scripts and what spreadsheets
    make of numbers ("110001.0", "1.10001E+05") are understood. Other countries: upper case, single spaces.
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).upper().split())
    if country.strip().upper() != "IN":
        return plain if 0 < len(plain) <= 16 else None
    plain = "".join(str(unicodedata.decimal(sign, sign)) for sign in plain)
    plain = re.sub(r"^PIN(?: ?CODE)?[ :.-]*", "", plain)
    number = re.fullmatch(r"(\d)\.(\d{1,5})E\+?0?5", plain)
    if number:
        plain = (number[1] + number[2]).ljust(6, "0")
    plain = re.sub(r"\.0*$", "", plain)
    plain = re.sub(r"[ -]", "", plain)
    return plain if _PIN.fullmatch(plain) else None


def find_place(country: str, postcode: str) -> Place | None:
    """The place of exactly this postcode; None when it is not known. Only India is known."""
    pin = normalise_postcode(country, postcode)
    if pin is None or country.strip().upper() != "IN":
        return None
    return _india_place(pin)


def guess_place(country: str, postcode: str) -> Place | None:
    """The place of a postcode, or the middle of its three-digit group when the directory does not have it."""
    known = find_place(country, postcode)
    if known is not None:
        return known
    pin = normalise_postcode(country, postcode)
    if pin is None or country.strip().upper() != "IN":
        return None
    middle = _india_group(pin[:_PIN_PREFIX_LENGTH])
    if middle is None:
        return None
    return Place(pin, "IN", middle.district, middle.state, middle.lat, middle.lon, "guessed")


@lru_cache(maxsize=1)
def _states() -> dict[str, str]:
    """Folded name -> name as written here."""
    names = {rest.split(",", 2)[1] for rest in _india().values()}
    return {name.casefold(): name for name in names}


def known_state(text: str) -> str | None:
    """The name of a state as places have it, whatever its capitals; None for one that no place lies in."""
    return _states().get(" ".join(text.split()).casefold())


@lru_cache(maxsize=1)
def _without_postcodes() -> frozenset[str]:
    return frozenset(_WITHOUT_POSTCODES.split())


def has_postcodes(country: str) -> bool:
    """Whether addresses of this country have a postcode."""
    return country.strip().upper() not in _without_postcodes()


def is_country(code: str) -> bool:
    """Whether these are the two capital letters of a country or territory (ISO 3166-1 alpha-2)."""
    return re.fullmatch(r"[A-Z]{2}", code) is not None and code in _COUNTRIES and code not in _NO_COUNTRIES


def country_name(code: str) -> str:
    """`United States` of US; the code itself for one that is not known."""
    return str(_COUNTRIES.get(code, code))


def distance_km(a: Place, b: Place) -> float:
    """Great-circle distance between two places (haversine, spherical earth: within 0.5 %)."""
    return great_circle_km(a.lat, a.lon, b.lat, b.lon)


def great_circle_km(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> float:
    """Great-circle distance between two points in degrees (haversine)."""
    phi_a, phi_b = math.radians(lat_a), math.radians(lat_b)
    turn = math.radians(lon_b - lon_a)
    half = math.sin((phi_b - phi_a) / 2) ** 2 + math.cos(phi_a) * math.cos(phi_b) * math.sin(turn / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(min(1.0, half)))


@lru_cache(maxsize=1)
def _india() -> dict[str, str]:
    """PIN -> the rest of its line. Lines are taken apart when they are asked for: most never are."""
    text = gzip.decompress(_INDIA.read_bytes()).decode()
    return {line[:6]: line[7:] for line in text.splitlines()}


@lru_cache(maxsize=8192)
def _india_place(pin: str) -> Place | None:
    rest = _india().get(pin)
    if rest is None:
        return None
    district, state, lat, lon, quality = rest.split(",")
    return Place(pin, "IN", district, state, float(lat), float(lon), _QUALITIES[quality])


@lru_cache(maxsize=512)
def _india_group(prefix: str) -> Place | None:
    """The median point of a three-digit group, named after the member that lies nearest to it."""
    members = [place for pin in _india() if pin.startswith(prefix) and (place := _india_place(pin)) is not None]
    if not members:
        return None
    lat, lon = median(place.lat for place in members), median(place.lon for place in members)
    nearest = min(members, key=lambda place: (great_circle_km(lat, lon, place.lat, place.lon), place.postcode))
    return Place(prefix, "IN", nearest.district, nearest.state, lat, lon, "guessed")
