"""Reads a stored decision back into the table of candidates.

The stored object: `rows` are the eligible nodes as [node id, rank, chosen 0/1, units it could supply, total, the
factors in the order of `types.FACTORS`, km, days, zone, then sellable units of each of `skus`]; `rest` are further
eligible nodes as [node id, units, total, zone, sellable units of each of `skus`]; `off` groups the refused ones as
[rule, reason, [node ids]]; `held` is what refused nodes had, as [node id, units of each of `skus`]. `wanted` and
`grams` are units and the weight of one, by SKU; `fares` the slabs of each zone, `split` the charge for each further
shipment, `most` the most shipments, `per_stock` the weight of the stock balance, `whole` whether a part is no
answer: with them the problem can be solved again (`stored.py`). Money in minor units of `currency`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from routing.engine.types import FACTORS, CandidateResult, Rule
from routing.engine.wording import all_items, items, money

_FIRST_FACTOR = 5
_FIRST_ATP = _FIRST_FACTOR + len(FACTORS) + 3


def expand_candidates(stored: Mapping[str, Any], codes: Mapping[int, str]) -> tuple[CandidateResult, ...]:
    """Every node of a stored decision: ranked ones first, then the refused by id.

    `codes` names the nodes; one that is gone since is called by its number.
    """
    skus: Sequence[int] = stored["skus"]
    ranked = [_detailed(row, stored, codes) for row in stored["rows"]]
    taken = {candidate.rank for candidate in ranked}
    free = (rank for rank in range(1, len(stored["rows"]) + len(stored["rest"]) + 1) if rank not in taken)
    ranked += [_brief(row, rank, stored, codes) for row, rank in zip(stored["rest"], free, strict=True)]
    held = {row[0]: dict(zip(skus, row[1:], strict=True)) for row in stored["held"]}
    nothing = dict.fromkeys(skus, 0)
    refused = [
        _refused(node_id, rule, reason, codes, held.get(node_id, nothing))
        for rule, reason, node_ids in stored["off"]
        for node_id in node_ids
    ]
    ranked.sort(key=lambda candidate: candidate.rank)
    refused.sort(key=lambda candidate: candidate.node_id)
    return (*ranked, *refused)


def _detailed(row: Sequence[Any], stored: Mapping[str, Any], codes: Mapping[int, str]) -> CandidateResult:
    node_id, rank, chosen, covers, total = row[:_FIRST_FACTOR]
    km, days, zone = row[_FIRST_ATP - 3 : _FIRST_ATP]
    return CandidateResult(
        node_id=node_id,
        code=_code(codes, node_id),
        rank=rank,
        result="chosen" if chosen else "eligible",
        rule="",
        reason=_reason(node_id, covers, total, stored, chosen=bool(chosen)),
        factors=dict(zip(FACTORS, row[_FIRST_FACTOR : _FIRST_ATP - 3], strict=True)),
        total_minor=total,
        km=km,
        transit_days=days,
        zone=zone,
        atp=dict(zip(stored["skus"], row[_FIRST_ATP:], strict=True)),
        covers=covers,
    )


def _brief(row: Sequence[Any], rank: int, stored: Mapping[str, Any], codes: Mapping[int, str]) -> CandidateResult:
    """A row that was stored without its factors."""
    node_id, covers, total, zone, *atp = row
    reason = _reason(node_id, covers, total, stored, chosen=False)
    code = _code(codes, node_id)
    units = dict(zip(stored["skus"], atp, strict=True))
    return CandidateResult(node_id, code, rank, "eligible", "", reason, {}, total, None, None, zone, units, covers)


def _refused(
    node_id: int, rule: Rule, reason: str, codes: Mapping[int, str], atp: Mapping[int, int]
) -> CandidateResult:
    return CandidateResult(node_id, _code(codes, node_id), 0, "refused", rule, reason, {}, None, None, None, "", atp, 0)


def _code(codes: Mapping[int, str], node_id: int) -> str:
    return codes.get(node_id) or f"node {node_id}"


def _reason(node_id: int, covers: int, total: int, stored: Mapping[str, Any], *, chosen: bool) -> str:
    """What a usable node could do, in a sentence."""
    wanted = sum(stored["wanted"])
    has = f"Has {all_items(wanted)}" if covers == wanted else f"Has {covers} of {items(wanted)}"
    if chosen:
        sent = sum(quantity for _, _, sender, quantity in stored["take"] if sender == node_id)
        return f"{has} and sends {sent}." if sent != covers else f"{has} and sends them." if sent > 1 else f"{has}."
    if covers < wanted or stored["outcome"] != "routed":
        return f"{has}."
    dearer = total - stored["cost"]
    return f"{has}, for {money(dearer, stored['currency'])} more." if dearer else f"{has}, at the same cost."
