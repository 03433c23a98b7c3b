"""What can be proven about conditions without an order: that they contradict each other, and that one implies another.

A tree of two levels is a choice of ways ("any" over "all"): an order is taken where one way holds. Each way keeps what
its rows say of each field. Proofs are sound; where none is found the answer is "cannot tell", which is False here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product

from routing.policy.conditions import Group, Row
from routing.policy.facts import FIELDS, fold, folded

#: Ways of a tree beyond which nothing is proven.
MOST_WAYS = 512
_LEAST, _MOST = float("-inf"), float("inf")


@dataclass(slots=True)
class Known:
    """What the rows of one way say of one field."""

    allowed: frozenset[str] | None = None
    banned: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    any_of: list[frozenset[str]] = field(default_factory=list)
    starts: frozenset[str] | None = None
    low: float = _LEAST
    below: float = _MOST
    #: Whether a flag is set, a number known: what rows said of it, both where they contradict.
    said: set[bool] = field(default_factory=set)

    def add(self, row: Row) -> None:
        """Take in what one more row says."""
        words = _words(row)
        if row.op in ("one_of", "starts_with"):
            self._narrow(row.op, words)
        elif row.op in ("none_of", "has_none", "starts_with_none"):
            self.banned |= words
        elif row.op == "has_any":
            self.any_of.append(words)
        elif row.op == "has_all":
            self.required |= words
        elif isinstance(row.value, int):
            self._bound(row.op, row.value)
        else:
            self.said.add(row.op in ("yes", "known"))

    def _narrow(self, op: str, words: frozenset[str]) -> None:
        if op == "one_of":
            self.allowed = words if self.allowed is None else self.allowed & words
        elif self.starts is None:
            self.starts = words
        else:
            # Of two beginnings that fit together the longer one remains.
            self.starts = frozenset(
                max(one, other, key=len)
                for one, other in product(self.starts, words)
                if one.startswith(other) or other.startswith(one)
            )

    def _bound(self, op: str, number: int) -> None:
        self.said.add(True)
        if op == "at_least":
            self.low = max(self.low, number)
        else:
            self.below = min(self.below, number)

    @property
    def is_impossible(self) -> bool:
        """No order can be so."""
        return (
            (self.allowed is not None and not self.allowed - self.banned)
            or (self.starts is not None and all(_begins(word, self.banned) for word in self.starts))
            or bool(self.required & self.banned)
            or any(words <= self.banned for words in self.any_of)
            or self.low >= self.below
            or len(self.said) > 1
        )

    def implies(self, row: Row) -> bool:
        """Every order that is so fulfills the row."""
        words = _words(row)
        certain = self.required | {next(iter(each)) for each in self.any_of if len(each) == 1}
        match row.op:
            case "one_of":
                return self.allowed is not None and self.allowed - self.banned <= words
            case "none_of":
                return words <= self.banned or (self.allowed is not None and not (self.allowed - self.banned) & words)
            case "has_any":
                return bool(certain & words) or any(each - self.banned <= words for each in self.any_of)
            case "has_all":
                return words <= certain
            case "has_none":
                return words <= self.banned
            case "starts_with":
                return self.starts is not None and all(_begins(start, words) for start in self.starts)
            case "starts_with_none":
                return self._starts_with_none(words)
            case "at_least":
                return isinstance(row.value, int) and self.low >= row.value
            case "below":
                return isinstance(row.value, int) and self.below <= row.value
            case _:
                return self.said == {row.op in ("yes", "known")}

    def _starts_with_none(self, words: frozenset[str]) -> bool:
        if all(_begins(word, self.banned) for word in words):
            return True
        starts = self.starts
        return starts is not None and not any(
            start.startswith(word) or word.startswith(start) for start in starts for word in words
        )


Way = dict[str, Known]


def _words(row: Row) -> frozenset[str]:
    if not isinstance(row.value, tuple):
        return frozenset()
    if FIELDS[row.field].type == "prefix":
        return frozenset(fold(word) for word in row.value)
    return folded(row.value)


def _begins(word: str, beginnings: Iterable[str]) -> bool:
    return any(word.startswith(beginning) for beginning in beginnings)


def ways(tree: Group) -> list[Way] | None:
    """Every way in which a tree can hold, impossible ones left out; None where they are too many to look at."""
    found: list[Way] = []
    for count, rows in enumerate(_row_sets(tree)):
        if count >= MOST_WAYS:
            return None
        way: Way = {}
        for row in rows:
            way.setdefault(row.field, Known()).add(row)
        if not any(known.is_impossible for known in way.values()):
            found.append(way)
    return found


def _row_sets(tree: Group) -> Iterator[tuple[Row, ...]]:
    if not tree.members:
        yield ()
    elif tree.join == "any":
        for member in tree.members:
            yield from _row_sets(member) if isinstance(member, Group) else iter([(member,)])
    else:
        sides = [list(_row_sets(each)) if isinstance(each, Group) else [(each,)] for each in tree.members]
        for chosen in product(*sides):
            yield tuple(row for rows in chosen for row in rows)


def holds_never(tree: Group) -> bool:
    """True where it is proven that no order fulfills the tree."""
    return ways(tree) == []


def implies(narrow: Group, wide: Group) -> bool:
    """True where it is proven that every order that fulfills `narrow` fulfills `wide`, too."""
    found = ways(narrow)
    return found is not None and all(_way_implies(way, wide) for way in found)


def _way_implies(way: Way, tree: Group) -> bool:
    if not tree.members:
        return True
    answers = (
        _way_implies(way, each) if isinstance(each, Group) else (each.field in way and way[each.field].implies(each))
        for each in tree.members
    )
    return all(answers) if tree.join == "all" else any(answers)
