"""The search line of the orders list: words and tokens such as `status:held sla:<2h -tag:gift`. Pure.

A token is `key:value`, with `-` in front to turn it round and commas for several values; a value with spaces stands in
double quotes. Tokens of different keys must all hold. What cannot be read is told, and filters nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TypedDict

from orders.status import STAGES

#: Words of `status:` beside the stages of an order.
STATUS_WORDS = {"held": "On hold", "late": "Late to ship", "open": "Not yet shipped", "closed": "Delivered or ended"}
MAX_TEXT = 500
_MAX_AMOUNT = 10_000_000_000
_PART = re.compile(r'-?[a-z_]+:"[^"]*"|"[^"]*"|\S+', re.IGNORECASE)
_TOKEN = re.compile(r"^(-?)([a-z_]+):(.*)$", re.IGNORECASE | re.DOTALL)
_AMOUNT = re.compile(r"^(>=|<=|>|<)?(\d{1,12})(?:\.(\d{1,2}))?$")
_SPAN = re.compile(r"^(<=|>=|<|>)?(\d{1,5})(m|h|d)$")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Condition:
    """One token, understood.

    `values` for keys that are one of several words; `low` and `high` (inclusive) for amounts in minor units and for
    seconds until the promise; `first` and `last` (inclusive) for days; `flag` for yes and no.
    """

    key: str
    text: str
    negated: bool = False
    values: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    first: date | None = None
    last: date | None = None
    flag: bool | None = None

    def __str__(self) -> str:
        quoted = f'"{self.text}"' if " " in self.text else self.text
        return f"{'-' if self.negated else ''}{self.key}:{quoted}"


@dataclass(frozen=True, slots=True)
class Problem:
    """A piece of the search line that could not be read, and what to write instead."""

    text: str
    message: str


@dataclass(frozen=True, slots=True)
class Filters:
    """A search line, read."""

    conditions: tuple[Condition, ...] = ()
    words: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __str__(self) -> str:
        return " ".join([*(str(condition) for condition in self.conditions), *self.words])

    def without(self, index: int) -> Filters:
        """The same line with one condition removed."""
        return Filters(self.conditions[:index] + self.conditions[index + 1 :], self.words)

    def without_words(self) -> Filters:
        """The same line without its free words."""
        return Filters(self.conditions)


class Reading(TypedDict, total=False):
    """The part of a condition that its value gives."""

    values: tuple[str, ...]
    low: int
    high: int
    first: date
    last: date
    flag: bool


@dataclass(frozen=True, slots=True)
class Key:
    """One kind of token: how its chip is called, an example, and how its value is read."""

    label: str
    example: str
    read: Callable[[str, date], Reading] = field(repr=False)


class _Unreadable(ValueError):
    """The value of a token cannot be read; the message says what to write."""


def _words(value: str, today: date) -> Reading:
    values = tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
    if not values:
        raise _Unreadable("Write a value after the colon.")
    return {"values": values}


def _one_of(allowed: dict[str, str]) -> Callable[[str, date], Reading]:
    def read(value: str, today: date) -> Reading:
        values = tuple(dict.fromkeys(part.strip().lower() for part in value.split(",") if part.strip()))
        unknown = [part for part in values if part not in allowed]
        if unknown or not values:
            raise _Unreadable(f"Use {', '.join(allowed)}.")
        return {"values": values}

    return read


def _yes_no(value: str, today: date) -> Reading:
    word = value.strip().lower()
    if word not in {"yes", "no", "true", "false", "1", "0"}:
        raise _Unreadable("Use yes or no.")
    return {"flag": word in {"yes", "true", "1"}}


def _amount(value: str, today: date) -> Reading:
    """`>5000`, `<=999.50`, `1000..5000` in major units, as inclusive bounds in minor units of two digits."""
    low, dots, high = value.partition("..")
    if dots:
        return {"low": _minor(low)[1], "high": _minor(high)[1]}
    sign, minor = _minor(value)
    bounds: dict[str, Reading] = {
        ">": {"low": minor + 1}, ">=": {"low": minor}, "<": {"high": minor - 1}, "<=": {"high": minor},
        "": {"low": minor, "high": minor},
    }  # fmt: skip
    return bounds[sign]


def _minor(text: str) -> tuple[str, int]:
    match = _AMOUNT.match(text.strip().replace(" ", ""))
    if match is None or int(match[2]) > _MAX_AMOUNT:
        raise _Unreadable("Write an amount such as >5000 or 1000..5000.")
    return match[1] or "", int(match[2]) * 100 + int((match[3] or "0").ljust(2, "0"))


def _until(value: str, today: date) -> Reading:
    """`<2h` (less than two hours left, or late), `>1d`, `late`: seconds until the order must be handed over."""
    word = value.strip().lower()
    if word == "late":
        return {"high": 0}
    match = _SPAN.match(word)
    if match is None:
        raise _Unreadable("Write a time left such as <2h, >1d or late.")
    seconds = int(match[2]) * _SECONDS[match[3]]
    return {"low": seconds} if (match[1] or "").startswith(">") else {"high": seconds}


def _days(value: str, today: date) -> Reading:
    """`today`, `yesterday`, `7d`, `2026-11-20`, `2026-11-01..2026-11-20`, `>2026-11-01`, `<2026-11-01`."""
    word = value.strip().lower()
    if word == "today":
        return {"first": today, "last": today}
    if word == "yesterday":
        return {"first": today - timedelta(days=1), "last": today - timedelta(days=1)}
    if re.fullmatch(r"\d{1,3}d", word):
        return {"first": today - timedelta(days=max(0, int(word[:-1]) - 1)), "last": today}
    first, dots, last = word.partition("..")
    if dots:
        return {"first": _day(first), "last": _day(last)}
    if word[:1] in {">", "<"}:
        day = _day(word[1:].lstrip("="))
        return {"first": day} if word[0] == ">" else {"last": day}
    return {"first": _day(word), "last": _day(word)}


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise _Unreadable("Write a day such as today, 7d, 2026-11-20 or 2026-11-01..2026-11-20.") from error


_HOLDS = {
    name: name for name in (
        "payment_pending", "cod_unconfirmed", "bad_address", "unknown_postcode", "unmapped_sku", "duplicate",
        "fraud_risk", "channel", "customer_request", "other",
    )
}  # fmt: skip

#: Every kind of token, in the order in which the help lists them.
KEYS: dict[str, Key] = {
    "status": Key("Status", "status:held", _one_of(STATUS_WORDS | STAGES)),
    "channel": Key("Channel", "channel:web", _words),
    "node": Key("Node", "node:BLR-01", _words),
    "sku": Key("SKU", "sku:KURTA-M", _words),
    "placed": Key("Placed", "placed:today", _days),
    "sla": Key("Time left", "sla:<2h", _until),
    "total": Key("Total", "total:>5000", _amount),
    "cod": Key("COD", "cod:yes", _yes_no),
    "paid": Key("Paid", "paid:no", _yes_no),
    "hold": Key("Hold", "hold:cod_unconfirmed", _one_of(_HOLDS)),
    "tag": Key("Tag", "tag:vip", _words),
    "service": Key(
        "Service", "service:express", _one_of({"standard": "", "express": "", "same_day": "", "pickup": ""})
    ),
    "carrier": Key("Carrier", "carrier:delhivery", _words),
    "pin": Key("PIN", "pin:560001", _words),
    "city": Key("City", "city:Bengaluru", _words),
    "gift": Key("Gift", "gift:yes", _yes_no),
    "promised": Key("Promised for", "promised:7d", _days),
    "ontime": Key("On time", "ontime:no", _yes_no),
    "routed": Key("Given to a node", "routed:yes", _yes_no),
    "filled": Key("Filled at once", "filled:no", _yes_no),
    "split": Key("From several nodes", "split:yes", _yes_no),
    "touched": Key("Needed a person", "touched:yes", _yes_no),
}


def parse_filters(text: str, *, today: date) -> Filters:
    """Read a search line. `today` is the reader's own day, for `placed:today`."""
    conditions: list[Condition] = []
    words: list[str] = []
    problems: list[Problem] = []
    for part in _PART.findall(text[:MAX_TEXT]):
        match = _TOKEN.match(part)
        if match is None:
            word = part.strip('"').strip()
            if word:
                words.append(word)
            continue
        minus, key, value = match[1], match[2].lower(), match[3].strip('"').strip()
        if key not in KEYS:
            problems.append(Problem(part, f"There is no filter {key}. Known are {', '.join(KEYS)}."))
            continue
        try:
            read = KEYS[key].read(value, today)
        except _Unreadable as error:
            problems.append(Problem(part, str(error)))
            continue
        conditions.append(Condition(key=key, text=value, negated=bool(minus), **read))
    return Filters(tuple(conditions), tuple(words), tuple(problems))
