"""Quiet hours by the recipient's clock.

Where a country has several clocks and the state does not tell which, a moment is quiet while it is so by any of them.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, time, timedelta
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from django.conf import settings

#: Zone -> states of its country (postal codes in small letters), for the large countries of many clocks.
_STATES: dict[str, dict[str, str]] = {
    "US": {
        "America/New_York": "ct dc de fl ga ma md me mi nc nh nj ny oh pa ri sc va vt wv",
        "America/Chicago": "al ar ia il la mn mo ms ok wi",
        "America/Denver": "co mt nm ut wy", "America/Phoenix": "az", "America/Los_Angeles": "ca nv wa",
        "America/Anchorage": "ak", "Pacific/Honolulu": "hi",
    },
    "AU": {
        "Australia/Sydney": "nsw act vic tas", "Australia/Brisbane": "qld", "Australia/Adelaide": "sa",
        "Australia/Darwin": "nt", "Australia/Perth": "wa",
    },
    "CA": {
        "America/Toronto": "on qc", "America/Halifax": "ns nb pe", "America/Winnipeg": "mb", "America/Regina": "sk",
        "America/Edmonton": "ab", "America/Vancouver": "bc", "America/St_Johns": "nl",
    },
}  # fmt: skip
#: More rounds than any set of clocks needs.
_ROUNDS = 50


@lru_cache(maxsize=1)
def _zones_by_country() -> dict[str, tuple[str, ...]]:
    """The table of the time zone database: country -> its zones."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            found[country].append(zone)
    return {country: tuple(zones) for country, zones in found.items()}


def zones_of(country: str, state: str = "") -> tuple[ZoneInfo, ...]:
    """The clocks that may hang at the recipient's wall; that of the installation where the country is not known."""
    country, state = country.strip().upper(), state.strip().lower()
    for zone, states in _STATES.get(country, {}).items():
        if state and state in states.split():
            return (ZoneInfo(zone),)
    names = _zones_by_country().get(country, (settings.TIME_ZONE,))
    return tuple(ZoneInfo(name) for name in names)


def next_allowed(moment: datetime, zones: tuple[ZoneInfo, ...], quiet_from: time, quiet_until: time) -> datetime:
    """The first moment, from this one on, at which no clock shows quiet hours. Equal bounds: there are none."""
    for _ in range(_ROUNDS):
        ends = [end for zone in zones if (end := _quiet_end(moment, zone, quiet_from, quiet_until)) is not None]
        if not ends:
            return moment
        moment = max(ends)
    return moment


def _quiet_end(moment: datetime, zone: ZoneInfo, quiet_from: time, quiet_until: time) -> datetime | None:
    """When the quiet hours around a moment end by one clock; None where it lies outside of them."""
    local = moment.astimezone(zone)
    clock = local.time()
    if quiet_from == quiet_until:
        return None
    over_midnight = quiet_from > quiet_until
    if over_midnight and quiet_until <= clock < quiet_from:
        return None
    if not over_midnight and not quiet_from <= clock < quiet_until:
        return None
    day = local.date() + timedelta(days=1) if over_midnight and clock >= quiet_from else local.date()
    return datetime.combine(day, quiet_until, tzinfo=zone).astimezone(moment.tzinfo)
