"""Dates and times in files. 05/06/2026 is the fifth of June or the sixth of May: somebody must say which."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from channels.imports.parsers import Unreadable
from channels.imports.types import DateOrder

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_CLOCK = r"(?P<time>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)\s*(?P<half>[AaPp]\.?[Mm]\.?)?"
_TIME = rf"(?:(?:T|,?\s+|\s+at\s+){_CLOCK})?"
_ZONE = r"\s*(?P<zone>Z|UTC|GMT|IST|[+-]\s?[0-9]{2}:?\s?[0-9]{2})?"
_ISO = re.compile(rf"(?P<y>[0-9]{{4}})[-/.](?P<m>[0-9]{{1,2}})[-/.](?P<d>[0-9]{{1,2}}){_TIME}{_ZONE}", re.IGNORECASE)
_NUMERIC = re.compile(
    rf"(?P<a>[0-9]{{1,2}})(?P<sep>[-/.])(?P<b>[0-9]{{1,2}})(?P=sep)(?P<y>[0-9]{{4}}|[0-9]{{2}}){_TIME}{_ZONE}",
    re.IGNORECASE,
)
_DAY_NAME = re.compile(rf"(?P<d>[0-9]{{1,2}})[-\s]+(?P<name>[A-Za-z]{{3,9}})\.?[-,\s]+(?P<y>[0-9]{{4}}){_TIME}{_ZONE}")
_NAME_DAY = re.compile(rf"(?P<name>[A-Za-z]{{3,9}})\.?\s+(?P<d>[0-9]{{1,2}}),?\s+(?P<y>[0-9]{{4}}){_TIME}{_ZONE}")
_EXPECTED = "a date such as 2026-11-21 or 2026-11-21 19:16"
_IST = timezone(timedelta(hours=5, minutes=30))
_FIRST_YEAR, _LAST_YEAR = 2000, 2100


def parse_moment(text: str, *, zone: str, date_order: DateOrder = "") -> datetime:
    """A time-zone-aware moment. `zone` applies where the text states none; a date alone is its first moment.

    Raises Unreadable for a date that can be read in two ways while `date_order` is empty.
    """
    return _parse(text.removeprefix("'").strip(), zone, date_order)


def prove_date_order(texts: Iterable[str]) -> DateOrder:
    """What the numeric dates among `texts` prove: "dmy" or "mdy" where one cannot be read otherwise, else empty.

    Contradicting proofs prove nothing.
    """
    proofs: set[DateOrder] = set()
    for text in texts:
        match = _NUMERIC.fullmatch(text)
        if match is None:
            continue
        first, second = int(match["a"]), int(match["b"])
        if first > 12 >= second:
            proofs.add("dmy")
        elif second > 12 >= first:
            proofs.add("mdy")
    return proofs.pop() if len(proofs) == 1 else ""


@lru_cache(maxsize=4096)
def _parse(text: str, zone: str, date_order: DateOrder) -> datetime:
    matches = (pattern.fullmatch(text) for pattern in (_ISO, _NUMERIC, _DAY_NAME, _NAME_DAY))
    match = next((found for found in matches if found is not None), None)
    if match is None:
        raise Unreadable(_EXPECTED)
    parts = match.groupdict()
    year, month, day = _calendar(parts, date_order)
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise Unreadable(f"a year from {_FIRST_YEAR} to {_LAST_YEAR}")
    try:
        moment = datetime.combine(date(year, month, day), _clock(parts["time"], parts["half"]))
    except ValueError as error:
        raise Unreadable("a date of the calendar") from error
    return moment.replace(tzinfo=_offset(parts["zone"], zone))


def _calendar(parts: dict[str, str], date_order: DateOrder) -> tuple[int, int, int]:
    year = int(parts["y"])
    if "m" in parts:
        return year, int(parts["m"]), int(parts["d"])
    if "name" in parts:
        month = _MONTHS.get(parts["name"][:3].lower())
        if month is None:
            raise Unreadable(_EXPECTED)
        return year, month, int(parts["d"])
    first, second = int(parts["a"]), int(parts["b"])
    if len(parts["y"]) == 2:
        if date_order == "ymd":
            return 2000 + first, second, year
        if not date_order:
            raise Unreadable("a declared date order, or a year of four digits")
        year += 2000
    if date_order == "dmy":
        return year, second, first
    if date_order == "mdy":
        return year, first, second
    if first > 12 >= second:
        return year, second, first
    if second > 12 >= first:
        return year, first, second
    if first == second:
        return year, first, second
    raise Unreadable("a declared date order: this can be day/month or month/day")


def _clock(text: str | None, half: str | None) -> time:
    if not text:
        return time()
    if half:
        hours, _, rest = text.partition(":")
        hour = int(hours)
        if not 1 <= hour <= 12:
            raise ValueError("hour of a twelve-hour clock")
        text = f"{hour % 12 + (12 if half[0].lower() == 'p' else 0)}:{rest}"
    hours, _, rest = text.partition(":")
    return time.fromisoformat(f"{hours.zfill(2)}:{rest}")


def _offset(stated: str | None, zone: str) -> timezone | ZoneInfo:
    if not stated:
        return ZoneInfo(zone)
    word = stated.upper().replace(" ", "")
    if word in {"Z", "UTC", "GMT"}:
        return UTC
    if word == "IST":
        # Indian Standard Time; the files that write it come from Indian panels.
        return _IST
    digits = word[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if offset > timedelta(hours=14):
        raise Unreadable("an offset from UTC of at most 14 hours")
    return timezone(offset if word[0] == "+" else -offset)
