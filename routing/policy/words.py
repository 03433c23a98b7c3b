"""Rules as plain sentences, and what differs between two policies, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from routing.engine import Eligibility, Weights
from routing.engine.wording import listed, money
from routing.policy.conditions import Group, Row
from routing.policy.document import Document, Fallback, Rule, SortKey, Split
from routing.policy.facts import FIELDS, Field

#: Conditions name amounts in this currency: orders are valued in it.
CURRENCY = "INR"
#: Words of a long list that a sentence repeats.
_MOST_WORDS = 6


@dataclass(frozen=True, slots=True)
class WeightWords:
    """How one weight is written. A person's number times `scale` is the stored one; `unit` is that of the person's."""

    key: str
    name: str
    unit: str
    scale: float
    meaning: str


#: Every weight in the order in which people read them. Money is in major units here.
WEIGHTS: tuple[WeightWords, ...] = (
    WeightWords("shipping", "Shipping", "times", 1, "times the courier's price from the rate card"),
    WeightWords("split_minor", "Split", "₹", 100, "for every further parcel of an order"),
    WeightWords("late_minor_per_day", "Late", "₹ a day", 100, "after the promise"),
    WeightWords("transit_minor_per_day", "Transit", "₹ a day", 100, "on the road"),
    WeightWords("distance_minor_per_km", "Distance", "₹ per 100 km", 1, "on the way to the customer"),
    WeightWords("load_minor", "Load", "₹", 100, "for a full node, a quarter of it for a half-full one"),
    WeightWords("priority_minor", "Priority", "₹", 100, "for each step below the preferred nodes"),
    WeightWords("performance_minor", "Performance", "₹", 100, "for a node that always fails, in proportion for others"),
    WeightWords("stock_minor", "Scarce stock", "₹", 100, "for the last unit of a node, less where it has more"),
)  # fmt: skip


def people_number(weights: Weights, words: WeightWords) -> float:
    """A weight as people write it: ₹40 for 4,000 paise."""
    return float(getattr(weights, words.key)) / words.scale


def weight_text(weights: Weights, words: WeightWords) -> str:
    """A weight as a sentence names it: "₹40", "₹5 a day", "1.5 times"."""
    number = people_number(weights, words)
    if not words.unit.startswith("₹"):
        return f"{number:g} {words.unit}"
    return money(round(number * 100), CURRENCY) + words.unit[1:]


def order_words(tree: Group) -> str:
    """Which orders a tree takes: "orders with ...", or "every order"."""
    if not tree.members:
        return "every order"
    return f"orders where {_group_words(tree)}"


def _group_words(tree: Group) -> str:
    parts = [
        f"({_group_words(each)})" if isinstance(each, Group) and len(each.members) > 1
        else _group_words(each) if isinstance(each, Group) else row_words(each)
        for each in tree.members
    ]  # fmt: skip
    return (" and " if tree.join == "all" else " or ").join(parts)


def row_words(row: Row) -> str:
    """One question in words: "the order value is at least ₹1,000"."""
    field = FIELDS[row.field]
    label = field.label[0].lower() + field.label[1:] if field.label[:2].upper() != field.label[:2] else field.label
    if field.type == "flag":
        return f"it is {'' if row.op == 'yes' else 'not '}a {label}"
    operator = field.operators[row.op]
    if field.type == "words":
        operator = operator.replace("has ", "include ")
    text = f"the {label} {operator}"
    if isinstance(row.value, tuple):
        return f"{text} {_some(row.value)}"
    return text if row.value is None else f"{text} {number_words(field, row.value)}"


def number_words(field: Field, number: int) -> str:
    """A number of a field with its unit."""
    if field.unit == "minor":
        return money(number, CURRENCY)
    if field.unit == "grams" and number >= 1000:
        return f"{number / 1000:g} kg"
    if field.unit == "grams":
        return f"{number} g"
    unit = field.unit[:-1] if number == 1 else field.unit
    return f"{number} {unit}"


def _some(words: Sequence[str]) -> str:
    if len(words) <= _MOST_WORDS:
        return ", ".join(words)
    return f"{', '.join(words[:_MOST_WORDS])} and {len(words) - _MOST_WORDS} more"


_SORTS = {
    ("ship_by", False): "those to be shipped soonest", ("ship_by", True): "those with most time to ship",
    ("promise", False): "the nearest promise", ("promise", True): "the farthest promise",
    ("value", False): "the smallest value", ("value", True): "the largest value",
    ("age", False): "the newest", ("age", True): "the oldest",
}  # fmt: skip


def sequence_words(sequence: Sequence[SortKey]) -> str:
    """In which sequence orders of one batch compete."""
    if not sequence:
        return "Orders compete in the sequence in which they came."
    first, *rest = [_SORTS[key.by, key.descending] for key in sequence]
    return f"First come {first}" + "".join(f", then {word}" for word in rest) + "."


def node_words(nodes: Eligibility) -> list[str]:
    """What the rule asks of nodes, a sentence each."""
    said: list[str] = []
    if nodes.kinds:
        said.append(f"Only nodes of the kind {listed_or(sorted(nodes.kinds))}.")
    if nodes.groups:
        said.append(f"Only nodes in {listed_or(sorted(nodes.groups))}.")
    if nodes.groups_out:
        said.append(f"No nodes in {listed_or(sorted(nodes.groups_out))}.")
    if nodes.capabilities:
        said.append(f"Only nodes that can do {listed(sorted(nodes.capabilities))}.")
    if nodes.min_capacity_left:
        said.append(f"Only nodes that can take {nodes.min_capacity_left} more orders today.")
    if nodes.min_minutes_to_cutoff is not None:
        said.append(f"Only nodes with {nodes.min_minutes_to_cutoff} minutes or more to their cut-off.")
    if nodes.max_km is not None:
        said.append(f"Only nodes within {nodes.max_km:g} km of the customer.")
    if nodes.min_performance is not None:
        said.append(f"No nodes that are known to perform below {nodes.min_performance:.0%}.")
    if nodes.keep_units:
        said.append(f"Every node keeps {nodes.keep_units} {'unit' if nodes.keep_units == 1 else 'units'} of each SKU.")
    return said or ["Every node that is on, ships, and has stock and capacity left."]


def listed_or(words: Sequence[str]) -> str:
    """ "a", "a or b" or "a, b or c"."""
    return listed(words).replace(" and ", " or ")


def weight_words(weights: Weights) -> str:
    """What the plan of least cost counts."""
    parts = [
        f"{weight_text(weights, words)} {words.meaning}" if words.unit.startswith("₹")
        else _shipping_words(people_number(weights, words))
        for words in WEIGHTS if getattr(weights, words.key)
    ]  # fmt: skip
    if not parts:
        return "Nothing counts: all plans cost the same, and the first node wins."
    return f"The cheapest plan wins. It counts {listed(parts)}."


def _shipping_words(number: float) -> str:
    return "the courier's price" if number == 1 else f"{number:g} times the courier's price"


def split_words(split: Split) -> list[str]:
    """How far orders are split, a sentence each."""
    if split.max_shipments == 1:
        return ["One parcel only: an order is never split."]
    said = [f"An order leaves in at most {split.max_shipments} parcels."]
    if split.max_extra_minor is not None:
        said.append(f"A split may cost at most {money(split.max_extra_minor, CURRENCY)} more than one parcel.")
    if split.min_parcel_minor:
        said.append(f"Each parcel of a split carries goods of at least {money(split.min_parcel_minor, CURRENCY)}.")
    if split.keep_gifts_whole:
        said.append("Gifts are never split.")
    return said


def fallback_words(fallback: Fallback) -> list[str]:
    """What follows when the rule cannot ship all of an order, a sentence each."""
    said = [_rest_words(fallback)]
    if fallback.substitute:
        said.append(
            "What no node can ship is substituted where the customer takes substitutes and one can be shipped; the "
            "customer never pays more."
        )
    if fallback.hold:
        said.append("An order that waits is held until a person releases it.")
    if fallback.cancel_after_days is not None:
        days = "a day" if fallback.cancel_after_days == 1 else f"{fallback.cancel_after_days} days"
        said.append(f"What still waits {days} after the order came is cancelled.")
    if fallback.transfer is not None:
        days = "a day" if fallback.transfer.max_days == 1 else f"{fallback.transfer.max_days} days"
        cost = money(fallback.transfer.minor, CURRENCY)
        said.append(
            f"What a store of collection lacks other nodes send to it, where it is there within {days}; each that "
            f"sends counts {cost} beside its freight."
        )
    return said


def _rest_words(fallback: Fallback) -> str:
    if fallback.then == "next":
        rest = "what is there is shipped unless a later rule ships all" if fallback.partial else "nothing is shipped"
        return f"What cannot be filled whole goes to the next rule; {rest}."
    if fallback.partial:
        return "What is there is shipped, and the rest waits for stock."
    return "An order that cannot be filled whole waits whole."


def rule_parts(rule: Rule) -> dict[str, list[str]]:
    """Every part of a rule in sentences, by its name in `document.PARTS`."""
    off = [] if rule.enabled else ["The rule is off."]
    return {
        "when": [*off, f"Takes {order_words(rule.when)}."],
        "sequence": [sequence_words(rule.sequence)],
        "nodes": node_words(rule.nodes),
        "weights": [weight_words(rule.weights)],
        "split": split_words(rule.split),
        "fallback": fallback_words(rule.fallback),
    }


def rule_sentences(rule: Rule) -> list[str]:
    """What a rule does, in sentences."""
    return [sentence for part in rule_parts(rule).values() for sentence in part]


def difference(old: Document, new: Document) -> list[str]:
    """What `new` does that `old` did not, a sentence each; empty where they do the same.

    Rules are the same rule by their name, or by their place where both stand alone in it under another name.
    """
    before = {rule.name: rule for rule in old.rules}
    after = {rule.name: rule for rule in new.rules}
    renamed = _renamed(old, new, before, after)
    said: list[str] = []
    for name in before:
        if name not in after and name not in renamed.values():
            said.append(f"The rule “{name}” is gone.")
    for rule in new.rules:
        was = before.get(rule.name) or before.get(renamed.get(rule.name, ""))
        if was is None:
            said.append(f"New rule “{rule.name}”: {' '.join(_worth_telling(rule))}")
            continue
        if was.name != rule.name:
            said.append(f"The rule “{was.name}” is now called “{rule.name}”.")
        said += [f"“{rule.name}”: {change}" for change in _rule_changes(was, rule)]
    return said + _moved(old, new, renamed)


def _worth_telling(rule: Rule) -> list[str]:
    """Which orders a new rule takes, and what of it is not as in every new rule."""
    usual, parts = rule_parts(Rule(rule.name)), rule_parts(rule)
    return [
        sentence for part, sentences in parts.items() for sentence in sentences
        if part == "when" or sentence not in usual[part]
    ]  # fmt: skip


def _renamed(
    old: Document, new: Document, before: dict[str, Rule], after: dict[str, Rule]
) -> dict[str, str]:  # fmt: skip
    """New name -> old name of rules that stand in the same place and differ in their name."""
    if len(old.rules) != len(new.rules):
        return {}
    pairs = zip(old.rules, new.rules, strict=True)
    return {now.name: was.name for was, now in pairs if was.name not in after and now.name not in before}


def _rule_changes(was: Rule, now: Rule) -> list[str]:
    said: list[str] = []
    if was.enabled != now.enabled:
        said.append("switched on." if now.enabled else "switched off.")
    if was.when != now.when:
        said.append(f"takes {order_words(now.when)}; before, {order_words(was.when)}.")
    for words in WEIGHTS:
        if getattr(was.weights, words.key) != getattr(now.weights, words.key):
            said.append(f"{words.name} from {weight_text(was.weights, words)} to {weight_text(now.weights, words)}.")
    if was.split.max_shipments != now.split.max_shipments:
        said.append(f"Parcels from at most {was.split.max_shipments} to at most {now.split.max_shipments}.")
    older, newer = rule_parts(was), rule_parts(now)
    parcels = split_words(Split(was.split.max_shipments))[:1] + split_words(Split(now.split.max_shipments))[:1]
    for part in ("sequence", "nodes", "split", "fallback"):
        gone = [each for each in older[part] if each not in newer[part] and each not in parcels]
        come = [each for each in newer[part] if each not in older[part] and each not in parcels]
        said += [f"no more: {each}" for each in gone] + [f"now: {each}" for each in come]
    return said


def _moved(old: Document, new: Document, renamed: dict[str, str]) -> list[str]:
    """Whether rules that both have are tried in another sequence."""
    names = [rule.name for rule in old.rules]
    kept = [renamed.get(rule.name, rule.name) for rule in new.rules]
    both = [name for name in kept if name in names]
    if both == [name for name in names if name in both]:
        return []
    return [f"Rules are tried in the sequence {', '.join(f'“{rule.name}”' for rule in new.rules)}."]
