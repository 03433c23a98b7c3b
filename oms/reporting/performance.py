"""Measured performance as people read it: an edition beside the one in use, and what applying it would change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from inventory.models import Node
from oms.core.db import fetch_all
from routing.models import EditionUse, LanePerformance, NodePerformance, PerformanceEdition
from routing.performance.effect import PerformanceTerms, weighed_anew
from routing.performance.nodes import STAGES
from routing.services import edition_in_use, rules_in_force

#: Decisions that are weighed anew, and lanes that a page shows at first and at most.
WEIGHED, FIRST_LANES, MOST_LANES = 500, 20, 500
#: Points between the best and the worst score of a history that is drawn.
LEAST_MOVE = 2.0
#: Points of the score's history, and rows of the history of uses.
MOST_POINTS, MOST_USES = 14, 10


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node in the edition shown, beside the one in use; either may not know it."""

    node: Node
    shown: NodePerformance | None
    used: NodePerformance | None
    #: Scores of the last editions, the oldest first.
    history: Sequence[float]

    @property
    def difference(self) -> float | None:
        """By how many points the score would change."""
        return self.shown.score - self.used.score if self.shown and self.used else None

    @property
    def moves(self) -> bool:
        """The score changed enough over the last editions that drawing it says something."""
        return len(self.history) > 1 and max(self.history) - min(self.history) >= LEAST_MOVE

    @property
    def drawn(self) -> dict[str, str]:
        """The bar of the score in percent of its width: where it lies, its bounds, and the score in use."""
        if self.shown is None:
            return {}
        low, high, score = self.shown.low, self.shown.high, self.shown.score
        used = f"{self.used.score:.1f}" if self.used else ""
        return {"low": f"{low:.1f}", "band": f"{high - low:.1f}", "score": f"{score:.1f}", "used": used}

    @property
    def stages(self) -> list[tuple[float, float, float, float]]:
        """Share, low, high and what was seen of every stage."""
        if self.shown is None:
            return []
        nothing = (0.0, 0.0, 0.0, 0.0)
        return [tuple(self.shown.stages.get(stage, nothing)) for stage in STAGES]


@dataclass(frozen=True, slots=True)
class LaneRow:
    """A carrier on a lane in the edition shown, with the days that the one in use adds there."""

    lane: LanePerformance
    used_days: int | None

    @property
    def on_time(self) -> tuple[float, float, float]:
        """Share, low, high."""
        return self._share("on_time")

    @property
    def first_attempt(self) -> tuple[float, float, float]:
        """Share, low, high."""
        return self._share("first_attempt")

    @property
    def rto(self) -> tuple[float, float, float]:
        """Share, low, high."""
        return self._share("rto")

    @property
    def lost(self) -> tuple[float, float, float]:
        """Share, low, high."""
        return self._share("lost")

    def _share(self, name: str) -> tuple[float, float, float]:
        share, low, high = self.lane.shares[name]
        return share, low, high


@dataclass(frozen=True, slots=True)
class Effect:
    """What the edition shown would change: decisions of the past weighed anew, and nodes that cross a rule's limit.

    `rules` are names of the live rules that look at performance. `crossed` are (rule, least, node code, refused then).
    """

    rules: Sequence[str] = ()
    looked_at: int = 0
    weighed: int = 0
    elsewhere: int = 0
    crossed: Sequence[tuple[str, float, str, bool]] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """The edition shown and the one in use."""

    shown: PerformanceEdition | None
    use: EditionUse | None
    editions: Sequence[PerformanceEdition] = field(default_factory=list)
    uses: Sequence[EditionUse] = field(default_factory=list)

    @property
    def used(self) -> PerformanceEdition | None:
        """The edition in use."""
        return self.use.edition if self.use else None


def standing(number: int | None = None) -> Standing:
    """The edition of this number, else the newest one, with the history."""
    editions = list(PerformanceEdition.objects.order_by("-number")[:30])
    shown = next((each for each in editions if each.number == number), None)
    if shown is None and number is not None:
        shown = PerformanceEdition.objects.filter(number=number).first()
    if shown is None and number is None and editions:
        shown = editions[0]
    uses = list(EditionUse.objects.select_related("edition", "replaced")[:MOST_USES])
    return Standing(shown, edition_in_use(), editions, uses)


def node_rows(found: Standing, codes: frozenset[str] | None = None) -> list[NodeRow]:
    """Every node that one of both editions knows, the lowest score first; only of these codes where they are given."""
    shown = _by_node(found.shown)
    used = _by_node(found.used)
    nodes = Node.objects.filter(pk__in=shown.keys() | used.keys())
    if codes is not None:
        nodes = nodes.filter(code__in=codes)
    history = _history(list(shown), found.shown)
    rows = [NodeRow(node, shown.get(node.pk), used.get(node.pk), history.get(node.pk, [])) for node in nodes]
    return sorted(rows, key=lambda row: (row.shown.score if row.shown else 101.0, row.node.code))


def _by_node(edition: PerformanceEdition | None) -> dict[int, NodePerformance]:
    return {} if edition is None else {row.node_id: row for row in edition.nodes.all()}


_HISTORY = """
SELECT p.node_id, array_agg(p.score ORDER BY e.number)
FROM routing_nodeperformance p
JOIN (SELECT id, number FROM routing_performanceedition WHERE number <= %s ORDER BY number DESC LIMIT %s) e
    ON e.id = p.edition_id
WHERE p.node_id = ANY(%s) GROUP BY p.node_id
"""


def _history(node_ids: list[int], edition: PerformanceEdition | None) -> dict[int, list[float]]:
    if edition is None or not node_ids:
        return {}
    return dict(fetch_all(_HISTORY, [edition.number, MOST_POINTS, node_ids]))


def carriers_of(edition: PerformanceEdition | None) -> list[str]:
    """The carriers that an edition knows."""
    if edition is None:
        return []
    rows = edition.lanes.exclude(carrier="").order_by("carrier").values_list("carrier", flat=True)
    return list(rows.distinct())


def lane_rows(found: Standing, carrier: str = "", *, limit: int = FIRST_LANES) -> list[LaneRow]:
    """A carrier (or all together) over all lanes, then its lanes with most parcels first, at most `limit`."""
    if found.shown is None:
        return []
    rows = found.shown.lanes.filter(carrier=carrier).order_by("origin", "-parcels", "destination")
    whole = list(rows.filter(origin=""))
    lanes = list(rows.exclude(origin="").order_by("-parcels", "origin", "destination")[:limit])
    used = {} if found.used is None else {
        (row.origin, row.destination): row.counted_days for row in found.used.lanes.filter(carrier="")
    }  # fmt: skip
    return [
        LaneRow(row, used.get((row.origin, row.destination)) if not carrier else None) for row in [*whole, *lanes]
    ]  # fmt: skip


_DECISIONS = """
SELECT d.rule, d.trace FROM routing_routingdecision d
WHERE d.outcome = 'routed' AND d.trace <> '' ORDER BY d.decided_at DESC, d.id DESC LIMIT %s
"""


def effect_of(rows: Sequence[NodeRow]) -> Effect:
    """What applying the edition shown would change, by the live rules; cheap: nothing is decided again."""
    terms = {
        each.rule.name: PerformanceTerms(each.rule.weights.performance_minor, each.rule.nodes.min_performance)
        for each in rules_in_force().live.rules
    }
    looking = {name: each for name, each in terms.items() if each.looks}
    if not looking:
        return Effect()
    scores = {row.node.pk: row.shown.score / 100 for row in rows if row.shown}
    used = {row.node.pk: row.used.score / 100 for row in rows if row.used}
    decided = [(rule, json.loads(trace)) for rule, trace in fetch_all(_DECISIONS, [WEIGHED])]
    then = _scores_by_edition({stored.get("edition", 0) for rule, stored in decided if rule in looking})
    verdicts = [
        weighed_anew(stored, scores, then.get(stored.get("edition", 0), {}), looking[rule])
        for rule, stored in decided
        if rule in looking
    ]
    # Orders of rules that do not look at performance go where they went.
    others = sum(rule in terms and rule not in looking for rule, _ in decided)
    return Effect(
        sorted(looking), len(decided), others + len(verdicts) - verdicts.count("unknown"),
        verdicts.count("elsewhere"), _crossed(rows, looking, scores, used),
    )  # fmt: skip


def _scores_by_edition(numbers: Iterable[int]) -> dict[int, dict[int, float]]:
    """Scores from 0 to 1 by node id, of each of these editions by its number."""
    found: dict[int, dict[int, float]] = {}
    rows = NodePerformance.objects.filter(edition__number__in=list(numbers))
    for number, node_id, score in rows.values_list("edition__number", "node", "score"):
        found.setdefault(number, {})[node_id] = score / 100
    return found


def _crossed(
    rows: Sequence[NodeRow], looking: Mapping[str, PerformanceTerms], scores: Mapping[int, float],
    used: Mapping[int, float],
) -> list[tuple[str, float, str, bool]]:  # fmt: skip
    found = []
    for name, terms in looking.items():
        for row in rows:
            then = terms.refuses(scores.get(row.node.pk))
            if terms.least is not None and then != terms.refuses(used.get(row.node.pk)):
                found.append((name, terms.least, row.node.code, then))
    return found
