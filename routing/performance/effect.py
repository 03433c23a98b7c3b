"""What other scores of nodes would change: stored decisions weighed anew. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from routing.engine import FACTORS

#: A decision with other scores: the same node, another one, or not to be said from what is stored of it.
Verdict = Literal["same", "elsewhere", "unknown"]
_FIRST_FACTOR = 5
_PERFORMANCE = _FIRST_FACTOR + FACTORS.index("performance")


class PerformanceTerms(NamedTuple):
    """What a rule makes of performance: the charge for a node that always fails, and the least share, if any."""

    minor: int = 0
    least: float | None = None

    @property
    def looks(self) -> bool:
        """The rule looks at performance at all."""
        return self.minor > 0 or self.least is not None

    def refuses(self, performance: float | None) -> bool:
        """As `Eligibility.min_performance`: what is not known is not refused."""
        return self.least is not None and performance is not None and performance < self.least

    def charge(self, performance: float | None) -> int:
        """As the engine charges it."""
        return 0 if performance is None else round((1 - performance) * self.minor)


def weighed_anew(
    stored: Mapping[str, Any], scores: Mapping[int, float], then: Mapping[int, float], terms: PerformanceTerms
) -> Verdict:  # fmt: skip
    """Whether a decision would have gone to another node with these `scores` (0 to 1 by node id) by `terms`.

    Said for orders that left whole from one node, among the nodes that had all of it: their stored costs, with the
    charge for performance put in anew. `then` are the scores of the edition by which it was made (its `edition`; none
    were in force where it names none), for nodes that were stored without their factors. A split that would have become
    cheaper is not looked for, nor are days by lane.
    """
    wanted = sum(stored["wanted"])
    chosen = [row for row in stored["rows"] if row[2]]
    if stored["outcome"] != "routed" or len(chosen) != 1 or chosen[0][3] != wanted:
        return "unknown"
    costs: dict[int, int] = {}
    for row in stored["rows"]:
        if row[3] == wanted:
            costs[row[0]] = row[4] - row[_PERFORMANCE] + terms.charge(scores.get(row[0]))
    for node_id, covers, total, *_rest in stored["rest"]:
        if covers == wanted:
            costs[node_id] = total - terms.charge(then.get(node_id)) + terms.charge(scores.get(node_id))
    allowed = {node_id: cost for node_id, cost in costs.items() if not terms.refuses(scores.get(node_id))}
    mine = chosen[0][0]
    if mine not in allowed:
        return "elsewhere"
    return "elsewhere" if min(allowed.values()) < allowed[mine] else "same"
