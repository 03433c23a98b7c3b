"""What a condition may ask of an order: the facts, read once an order, and the catalogue of fields over them.

Facts of goods (categories, brands, SKUs, needs, units, lines, weight) are those of the lines that still need a node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

#: How a field is asked: one word of the order, many words, a number, yes or no, or the beginning of a word.
FieldType: TypeAlias = Literal["word", "words", "number", "flag", "prefix"]
#: What kind of list a form may offer for a field's words.
Source: TypeAlias = Literal["", "channel", "channel_kind", "service_level", "payment"]


def fold(text: str) -> str:
    """A word as conditions compare it: letter case and blanks around it do not count."""
    return text.strip().casefold()


def folded(words: Iterable[str]) -> frozenset[str]:
    """Many words as conditions compare them, without empty ones."""
    return frozenset(word for word in map(fold, words) if word)


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """One order as conditions see it. Words are folded (`fold`) by `of`, which is how it is made.

    Hours left are negative when the moment has passed and None where there is none.
    """

    channel: str = ""
    channel_kind: str = ""
    tags: frozenset[str] = frozenset()
    value_minor: int = 0
    promise_hours: float | None = None
    ship_by_hours: float | None = None
    service_level: str = ""
    payment: str = ""
    is_b2b: bool = False
    is_gift: bool = False
    categories: frozenset[str] = frozenset()
    brands: frozenset[str] = frozenset()
    skus: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    units: int = 0
    lines: int = 0
    weight_grams: int = 0
    state: str = ""
    postcode: str = ""
    country: str = ""
    placed_minutes: float = 0.0

    @classmethod
    def of(cls, **given: Any) -> OrderFacts:
        """The facts with their words folded; sets of words may be given as any iterable of texts."""
        for name, value in given.items():
            if isinstance(value, str):
                given[name] = fold(value)
            elif name in _WORD_SETS:
                given[name] = folded(value)
        return cls(**given)


_WORD_SETS = frozenset({"tags", "categories", "brands", "skus", "needs"})

#: Operator -> how it reads between the field and its value.
OPERATORS: Mapping[FieldType, Mapping[str, str]] = {
    "word": {"one_of": "is one of", "none_of": "is none of"},
    "words": {"has_any": "has any of", "has_all": "has all of", "has_none": "has none of"},
    "number": {"at_least": "is at least", "below": "is below"},
    "flag": {"yes": "yes", "no": "no"},
    "prefix": {"starts_with": "begins with one of", "starts_with_none": "begins with none of"},
}
#: Operators of a number that an order may not have.
PRESENCE: Mapping[str, str] = {"known": "is known", "unknown": "is not known"}
#: Operators that take no value.
WITHOUT_VALUE = frozenset({"yes", "no", *PRESENCE})


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a condition may ask of an order.

    `unit` is that of the stored number: "minor" is money in minor units, written by people in major ones. `optional`
    numbers may be missing: comparisons then do not hold. `read` takes the value out of the facts.
    """

    key: str
    label: str
    type: FieldType
    read: Callable[[OrderFacts], Any]
    unit: str = ""
    optional: bool = False
    source: Source = ""
    hint: str = ""

    @property
    def operators(self) -> dict[str, str]:
        """Operator -> words, those that this field takes."""
        return {**OPERATORS[self.type], **(PRESENCE if self.optional else {})}


_FIELDS = (
    Field("channel", "Channel", "word", lambda facts: facts.channel, source="channel", hint="Codes of sales channels."),
    Field("channel_kind", "Kind of channel", "word", lambda facts: facts.channel_kind, source="channel_kind"),
    Field("tags", "Tags", "words", lambda facts: facts.tags, hint="Tags of the order, separated by commas."),
    Field("value", "Order value", "number", lambda facts: facts.value_minor, unit="minor"),
    Field("promise", "Time left to the promise", "number", lambda facts: facts.promise_hours, unit="hours",
          optional=True),
    Field("service_level", "Service level", "word", lambda facts: facts.service_level, source="service_level"),
    Field("payment", "Payment", "word", lambda facts: facts.payment, source="payment"),
    Field("b2b", "B2B order", "flag", lambda facts: facts.is_b2b),
    Field("gift", "Gift", "flag", lambda facts: facts.is_gift),
    Field("categories", "Categories of its goods", "words", lambda facts: facts.categories),
    Field("brands", "Brands of its goods", "words", lambda facts: facts.brands),
    Field("skus", "SKUs", "words", lambda facts: facts.skus, hint="SKU codes, separated by commas."),
    Field("needs", "Needs of its goods", "words", lambda facts: facts.needs, hint="Such as hazardous, bulky."),
    Field("units", "Units", "number", lambda facts: facts.units, unit="units"),
    Field("lines", "Lines", "number", lambda facts: facts.lines, unit="lines"),
    Field("weight", "Weight", "number", lambda facts: facts.weight_grams, unit="grams"),
    Field("state", "State it goes to", "word", lambda facts: facts.state),
    Field("postcode", "Postcode it goes to", "prefix", lambda facts: facts.postcode, hint="First digits are enough."),
    Field("country", "Country it goes to", "word", lambda facts: facts.country, hint="Two letters, as IN."),
    Field("placed", "Time since it was placed", "number", lambda facts: facts.placed_minutes, unit="minutes"),
)  # fmt: skip
#: Every field by its key, in the order in which forms offer them.
FIELDS: Mapping[str, Field] = {field.key: field for field in _FIELDS}
