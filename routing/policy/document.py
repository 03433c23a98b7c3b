"""The policy as a document: ordered rules, each with what it takes, in which sequence, from which nodes, at what cost.

A document says nothing of versions. It is written by people through forms and stored as JSON; `read_document` and
`document_json` are the two ways, and what one writes the other reads back the same.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, TypeAlias

from oms.core.values import MAX_MINOR, MAX_QUANTITY
from routing.engine import ANY_NODE, Eligibility, TransferTerms, Weights
from routing.policy.conditions import EVERY_ORDER, Group, conditions_json, read_conditions
from routing.policy.facts import folded
from routing.policy.problems import Reading

SortField: TypeAlias = Literal["ship_by", "promise", "value", "age"]
Then: TypeAlias = Literal["wait", "next"]

SORT_FIELDS: tuple[SortField, ...] = ("ship_by", "promise", "value", "age")
THENS: tuple[Then, ...] = ("wait", "next")

MOST_RULES = 40
MOST_NAME = 80
MOST_SHIPMENTS = 10
MOST_DAYS = 365
MOST_TRANSFER_DAYS = 30
#: Parts of a rule, as paths and lint findings name them.
PARTS = ("name", "when", "sequence", "nodes", "weights", "split", "fallback")
_WHOLE_WEIGHTS = {part.name: part.type == "int" for part in fields(Weights)}


@dataclass(frozen=True, slots=True)
class SortKey:
    """Which orders of a batch come first: smallest first, or `descending` the largest.

    "ship_by" and "promise" are the hours left (none last either way), "value" the money, "age" the time since the
    order was placed.
    """

    by: SortField
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """How far an order may be split. Money in minor units; see `routing.engine.Policy` for what each bound means."""

    max_shipments: int = 3
    max_extra_minor: int | None = None
    min_parcel_minor: int = 0
    keep_gifts_whole: bool = False


@dataclass(frozen=True, slots=True)
class Fallback:
    """What follows when the rule cannot ship all of an order.

    `partial`: ship what is there and let the rest wait. `then`: "next" lets the next rule that takes the order try,
    "wait" keeps it waiting for stock. Of an order that waits: `hold` holds it once, so that a person looks before any
    of it is shipped, and what still waits `cancel_after_days` days after the order came is cancelled (None: never).
    `transfer`: of an order to collect, nodes that pass the rule's filter may send to the store what it lacks, on these
    terms (None: they may not). `substitute`: what no node can ship of an order whose customer takes substitutes is sold
    as another SKU, where one that may stand in for it can be shipped.
    """

    partial: bool = True
    then: Then = "wait"
    hold: bool = False
    cancel_after_days: int | None = None
    transfer: TransferTerms | None = None
    substitute: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `when` says which orders it takes; the rest is how it ships them."""

    name: str
    when: Group = EVERY_ORDER
    enabled: bool = True
    sequence: tuple[SortKey, ...] = ()
    nodes: Eligibility = ANY_NODE
    weights: Weights = field(default_factory=Weights)
    split: Split = Split()
    fallback: Fallback = Fallback()

    @property
    def takes_all(self) -> bool:
        """No condition at all: it takes whatever reaches it."""
        return not self.when.members


@dataclass(frozen=True, slots=True)
class Document:
    """Rules in the order in which they are tried. The last one that is on should take every order."""

    rules: tuple[Rule, ...] = ()

    def with_rule(self, index: int, rule: Rule) -> Document:
        """The same with one rule in place of another."""
        return replace(self, rules=(*self.rules[:index], rule, *self.rules[index + 1 :]))


#: What is in force where nobody published anything.
STANDARD = Document((Rule("Every order"),))


def document_json(document: Document) -> dict[str, Any]:
    """The document as JSON."""
    return {"rules": [rule_json(rule) for rule in document.rules]}


def rule_json(rule: Rule) -> dict[str, Any]:
    """One rule as JSON."""
    return {
        "name": rule.name,
        "enabled": rule.enabled,
        "when": conditions_json(rule.when),
        "sequence": [asdict(key) for key in rule.sequence],
        "nodes": {
            name: sorted(value) if isinstance(value, frozenset) else value for name, value in asdict(rule.nodes).items()
        },
        "weights": asdict(rule.weights),
        "split": asdict(rule.split),
        "fallback": asdict(rule.fallback),
    }


def read_document(given: object) -> Document:
    """The document of a JSON value. Raises PolicyInvalid with every problem and its path; what is left out is as in a
    new rule."""
    reading = Reading()
    table = reading.table("", given, frozenset({"rules"}))
    found = reading.rows("rules", table.get("rules"), MOST_RULES)
    if isinstance(table.get("rules"), list) and not found:
        reading.refuse("rules", "no rule", "at least one rule")
    rules = tuple(_rule(rule, f"rules[{index}]", reading) for index, rule in enumerate(found))
    names: set[str] = set()
    for index, rule in enumerate(rules):
        if rule.name.casefold() in names:
            reading.refuse(f"rules[{index}].name", rule.name, "a name that no other rule has")
        names.add(rule.name.casefold())
    reading.done()
    return Document(rules)


def read_rule(given: object, path: str = "rule") -> Rule:
    """One rule of a JSON value, its problems under `path`. Raises PolicyInvalid."""
    reading = Reading()
    rule = _rule(given, path, reading)
    reading.done()
    return rule


def _rule(given: object, path: str, reading: Reading) -> Rule:
    table = reading.table(path, given, frozenset({"enabled", *PARTS}))
    return Rule(
        name=reading.text(f"{path}.name", table.get("name"), MOST_NAME, default=f"Rule at {path}"),
        enabled=reading.flag(f"{path}.enabled", table.get("enabled", True), default=True),
        when=read_conditions(table.get("when", {"all": []}), f"{path}.when", reading),
        sequence=_sequence(table.get("sequence", []), f"{path}.sequence", reading),
        nodes=_nodes(table.get("nodes", {}), f"{path}.nodes", reading),
        weights=_weights(table.get("weights", {}), f"{path}.weights", reading),
        split=_split(table.get("split", {}), f"{path}.split", reading),
        fallback=_fallback(table.get("fallback", {}), f"{path}.fallback", reading),
    )


def _sequence(given: object, path: str, reading: Reading) -> tuple[SortKey, ...]:
    keys: list[SortKey] = []
    for index, row in enumerate(reading.rows(path, given, len(SORT_FIELDS))):
        at = f"{path}[{index}]"
        table = reading.table(at, row, frozenset({"by", "descending"}))
        by = reading.choice(f"{at}.by", table.get("by"), SORT_FIELDS, default="age")
        if any(key.by == by for key in keys):
            reading.refuse(f"{at}.by", by, "a key that does not stand above")
        keys.append(SortKey(_sort_field(by), reading.flag(f"{at}.descending", table.get("descending", False))))
    return tuple(keys)


def _sort_field(word: str) -> SortField:
    return next(known for known in SORT_FIELDS if known == word)


def _nodes(given: object, path: str, reading: Reading) -> Eligibility:
    table = reading.table(path, given, frozenset(part.name for part in fields(Eligibility)))
    kinds, groups, groups_out, capabilities = (
        frozenset(reading.words(f"{path}.{name}", table.get(name, []), 100))
        for name in ("kinds", "groups", "groups_out", "capabilities")
    )
    minutes, km, performance = (table.get(name) for name in ("min_minutes_to_cutoff", "max_km", "min_performance"))
    return Eligibility(
        kinds=kinds, groups=groups, groups_out=groups_out, capabilities=folded(capabilities),
        min_capacity_left=reading.whole(
            f"{path}.min_capacity_left", table.get("min_capacity_left", 0), 0, MAX_QUANTITY
        ),
        min_minutes_to_cutoff=None if minutes is None
        else reading.whole(f"{path}.min_minutes_to_cutoff", minutes, 0, 24 * 60),
        max_km=None if km is None else reading.number(f"{path}.max_km", km, 0, 20_100),
        min_performance=None if performance is None else reading.number(f"{path}.min_performance", performance, 0, 1),
        keep_units=reading.whole(f"{path}.keep_units", table.get("keep_units", 0), 0, MAX_QUANTITY),
    )  # fmt: skip


def _weights(given: object, path: str, reading: Reading) -> Weights:
    table = reading.table(path, given, frozenset(_WHOLE_WEIGHTS))
    read: dict[str, Any] = {
        name: reading.whole(f"{path}.{name}", value, 0, MAX_MINOR)
        if _WHOLE_WEIGHTS[name]
        else reading.number(f"{path}.{name}", value, 0, 1_000_000)
        for name, value in table.items()
    }
    return Weights(**read)


def _split(given: object, path: str, reading: Reading) -> Split:
    table = reading.table(path, given, frozenset(part.name for part in fields(Split)))
    extra = table.get("max_extra_minor")
    return Split(
        max_shipments=reading.whole(
            f"{path}.max_shipments", table.get("max_shipments", 3), 1, MOST_SHIPMENTS, default=3
        ),
        max_extra_minor=None if extra is None else reading.whole(f"{path}.max_extra_minor", extra, 0, MAX_MINOR),
        min_parcel_minor=reading.whole(f"{path}.min_parcel_minor", table.get("min_parcel_minor", 0), 0, MAX_MINOR),
        keep_gifts_whole=reading.flag(f"{path}.keep_gifts_whole", table.get("keep_gifts_whole", False)),
    )


def _fallback(given: object, path: str, reading: Reading) -> Fallback:
    table = reading.table(path, given, frozenset(part.name for part in fields(Fallback)))
    days = table.get("cancel_after_days")
    then = reading.choice(f"{path}.then", table.get("then", "wait"), THENS, default="wait")
    return Fallback(
        partial=reading.flag(f"{path}.partial", table.get("partial", True), default=True),
        then="next" if then == "next" else "wait",
        hold=reading.flag(f"{path}.hold", table.get("hold", False)),
        cancel_after_days=None
        if days is None
        else reading.whole(f"{path}.cancel_after_days", days, 1, MOST_DAYS, default=1),
        transfer=_transfer(table.get("transfer"), f"{path}.transfer", reading),
        substitute=reading.flag(f"{path}.substitute", table.get("substitute", False)),
    )


def _transfer(given: object, path: str, reading: Reading) -> TransferTerms | None:
    if given is None:
        return None
    usual = TransferTerms()
    table = reading.table(path, given, frozenset(part.name for part in fields(TransferTerms)))
    days, minor = table.get("max_days", usual.max_days), table.get("minor", usual.minor)
    return TransferTerms(
        max_days=reading.whole(f"{path}.max_days", days, 1, MOST_TRANSFER_DAYS, default=usual.max_days),
        minor=reading.whole(f"{path}.minor", minor, 0, MAX_MINOR, default=usual.minor),
    )
