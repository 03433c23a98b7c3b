"""Random policies and orders: few words and small numbers, so that they meet."""

from __future__ import annotations

from hypothesis import strategies as st

from routing.engine import Eligibility, TransferTerms, Weights
from routing.policy.conditions import Group, Row, Value
from routing.policy.document import SORT_FIELDS, Document, Fallback, Rule, SortKey, Split
from routing.policy.facts import FIELDS, WITHOUT_VALUE, OrderFacts, folded

_WORDS = ("a", "ab", "abc", "b", "B ", "c")
words = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=3, unique=True).map(
    lambda found: tuple(dict.fromkeys(word.strip() for word in found))
)
small = st.integers(-3, 6)
maybe_hours = st.none() | st.integers(-3, 6).map(float) | st.floats(-3, 6)
some_words = st.frozensets(st.sampled_from(_WORDS), max_size=3)

facts = st.builds(
    OrderFacts.of,
    **dict.fromkeys(
        ("channel", "channel_kind", "service_level", "payment", "state", "postcode", "country"), st.sampled_from(_WORDS)
    ),
    **dict.fromkeys(("tags", "categories", "brands", "skus", "needs"), some_words),
    **dict.fromkeys(("value_minor", "units", "lines", "weight_grams"), small),
    **dict.fromkeys(("promise_hours", "ship_by_hours"), maybe_hours),
    **dict.fromkeys(("is_b2b", "is_gift"), st.booleans()),
    placed_minutes=st.integers(0, 6),
)


def values(field: str, op: str) -> st.SearchStrategy[Value]:
    """Values that a row of this field and operator may have."""
    if op in WITHOUT_VALUE:
        return st.none()
    return small if FIELDS[field].type == "number" else words


#: Few fields, so that rows often speak of the same one.
_ASKED = ("channel", "tags", "value", "promise", "gift", "postcode", "brands")


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """One row."""
    field = draw(st.sampled_from(_ASKED))
    op = draw(st.sampled_from(sorted(FIELDS[field].operators)))
    return Row(field, op, draw(values(field, op)))


joins = st.sampled_from(["all", "any"])
groups = st.builds(Group, joins, st.lists(rows(), min_size=1, max_size=3).map(tuple))
trees = st.builds(Group, joins, st.lists(rows() | groups, max_size=3).map(tuple))
amounts = st.integers(0, 100_000)
eligibilities = st.builds(
    Eligibility, kinds=some_words.map(_stripped := lambda found: frozenset(word.strip() for word in found)),
    groups=some_words.map(_stripped), groups_out=some_words.map(_stripped), capabilities=some_words.map(folded),
    min_capacity_left=st.integers(0, 9), min_minutes_to_cutoff=st.none() | st.integers(0, 90),
    max_km=st.none() | st.floats(0, 20_000), min_performance=st.none() | st.floats(0, 1), keep_units=st.integers(0, 9),
)  # fmt: skip
weights = st.builds(
    Weights, shipping=st.floats(0, 9), distance_minor_per_km=st.floats(0, 99), split_minor=amounts, load_minor=amounts
)
splits = st.builds(Split, st.integers(1, 10), st.none() | amounts, amounts, st.booleans())
sequences = st.lists(st.builds(SortKey, st.sampled_from(SORT_FIELDS), st.booleans()), max_size=4,
                     unique_by=lambda key: key.by).map(tuple)  # fmt: skip
rules = st.builds(
    Rule, name=st.sampled_from("ABCDEFGH"), when=trees, enabled=st.booleans(), sequence=sequences,
    nodes=eligibilities, weights=weights, split=splits,
    fallback=st.builds(
        Fallback, st.booleans(), st.sampled_from(["wait", "next"]), st.booleans(), st.none() | st.integers(1, 365),
        transfer=st.none() | st.builds(TransferTerms, st.integers(1, 30), amounts), substitute=st.booleans(),
    ),
)  # fmt: skip
documents = st.lists(rules, min_size=1, max_size=4, unique_by=lambda rule: rule.name).map(
    lambda found: Document(tuple(found))
)
