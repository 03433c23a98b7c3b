"""Settings of an account, checked where they are saved: what a connector could not work with, in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carriers.adapters.abroad import PLACE_FIELDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a setting looks as text, and the same in words. One that is not `needed` may be left out."""

    pattern: str
    words: str
    needed: bool = False


_SECONDS = Wanted(pattern=r"(?!0+(\.0+)?$)\d+(\.\d+)?", words="a number of seconds above 0")
_COUNTRY = Wanted(pattern=r"[A-Z]{2}", words="the two capitals of a country, as IN")
#: What every connector may have.
COMMON: dict[str, Wanted] = {
    "timeout_seconds": _SECONDS,
    "lease_seconds": _SECONDS,
    "proof_after_seconds": Wanted(pattern=r"\d+(\.\d+)?", words="a number of seconds"),
}
#: What carriers of the whole world have.
WORLD: dict[str, Wanted] = {
    "country": _COUNTRY,
    "country_of_origin": _COUNTRY,
    "currency": Wanted(pattern=r"[A-Z]{3}", words="the three capitals of a currency, as INR"),
    "duties_paid_by": Wanted(pattern=r"receiver|shipper", words="receiver or shipper"),
}


def faults_of(settings: Mapping[str, Any], wanted: Mapping[str, Wanted]) -> list[str]:
    """A sentence for each setting that is missing or does not look as it is wanted."""
    faults = []
    for name, want in wanted.items():
        given = settings.get(name)
        if given in (None, ""):
            faults += [f"{name} is missing; expected {want.words}."] if want.needed else []
        elif isinstance(given, bool) or not re.fullmatch(want.pattern, str(given)):
            faults.append(f"{name} is {given!r}; expected {want.words}.")
    return faults


def faults_of_services(settings: Mapping[str, Any]) -> list[str]:
    """Of the setting `services`: our service levels with the carrier's codes."""
    services = settings.get("services") or {}
    if isinstance(services, Mapping) and all(isinstance(code, str) and code for code in services.values()):
        return []
    return [f'services is {services!r}; expected service levels with codes as texts, as {{"standard": "65"}}.']


def faults_of_places(settings: Mapping[str, Any], also: Sequence[str] = ()) -> list[str]:
    """Of the setting `pickup_addresses`: our node codes with an address each, whose fields are texts."""
    places = settings.get("pickup_addresses") or {}
    if not isinstance(places, Mapping):
        return [f"pickup_addresses is {places!r}; expected node codes with an address each."]
    faults = []
    for node, place in places.items():
        row = place if isinstance(place, Mapping) else {}
        missing = [name for name in (*PLACE_FIELDS, *also) if not isinstance(row.get(name), str) or not row[name]]
        faults += [f"pickup_addresses of {node} lacks {', '.join(missing)}."] if missing else []
    return faults
