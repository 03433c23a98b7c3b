"""The rules in force: the live policy, the one on trial beside it, and which of them decides an order."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from routing.engine import Policy, TransferTerms
from routing.models import PolicyState, RoutingDecision, RoutingPolicy
from routing.policy.compiled import CompiledPolicy
from routing.policy.document import STANDARD, Document, read_document
from routing.policy.problems import PolicyInvalid
from routing.policy.trial import in_trial
from routing.services.context import REMEMBER_SECONDS, forget_groups


@dataclass(frozen=True, slots=True)
class RulesInForce:
    """The live policy and the one on trial. `channels` are the codes that the trial is for, none meaning every one."""

    live: CompiledPolicy
    trial: CompiledPolicy | None = None
    channels: frozenset[str] = frozenset()
    percent: int = 0

    def of_order(self, order_id: int, channel_code: str) -> CompiledPolicy:
        """The policy that decides an order: always the same while nothing is published or widened."""
        if self.trial is None or (self.channels and channel_code not in self.channels):
            return self.live
        return self.trial if in_trial(self.trial.version, order_id, self.percent) else self.live


#: Where nothing was published. Its version is 1, as that of the first policy.
_STANDARD = CompiledPolicy(STANDARD, version=1)


@dataclass(slots=True)
class _Remembered:
    rules: RulesInForce = field(default_factory=lambda: RulesInForce(_STANDARD))
    until: float = 0.0
    #: By the id of the policy, with the document as it was stored.
    compiled: dict[int, tuple[Any, CompiledPolicy]] = field(default_factory=dict)


_remembered = _Remembered()


def rules_in_force() -> RulesInForce:
    """What decides now, compiled; the engine's own terms where nothing was published. Read at most every 2 s."""
    if _remembered.until <= monotonic():
        _remembered.rules = _read()
        _remembered.until = monotonic() + REMEMBER_SECONDS
    return _remembered.rules


def _read() -> RulesInForce:
    rows = list(RoutingPolicy.objects.filter(state__in=(PolicyState.LIVE, PolicyState.CANARY)).select_related("canary"))
    compiled = {row.pk: _compiled(row) for row in rows}
    _remembered.compiled = {row.pk: (row.document, compiled[row.pk]) for row in rows}
    live = next((compiled[row.pk] for row in rows if row.state == PolicyState.LIVE), _STANDARD)
    trial = next((row for row in rows if row.state == PolicyState.CANARY), None)
    if trial is None:
        return RulesInForce(live)
    return RulesInForce(live, compiled[trial.pk], frozenset(trial.canary.channels), trial.canary.percent)


def _compiled(row: RoutingPolicy) -> CompiledPolicy:
    """A published version, compiled once: it never changes."""
    document, known = _remembered.compiled.get(row.pk, (None, None))
    if known is not None and document == row.document and known.version == row.version:
        return known
    return CompiledPolicy(document_of(row), version=row.version or 0)


def document_of(row: RoutingPolicy) -> Document:
    """The rules of a stored policy. Raises PolicyInvalid where they cannot be read, which publishing rules out."""
    return read_document(row.document)


def transfer_days(order_id: int) -> int:
    """Most days on the way to the store of collection by the rule that decided this order last.

    Those of a new rule where that one lets nothing be sent, or cannot be read any more. Two statements.
    """
    usual = TransferTerms().max_days
    decided = RoutingDecision.objects.filter(order=order_id).order_by("-attempt").first()
    row = RoutingPolicy.objects.filter(version=decided.policy_version).first() if decided is not None else None
    if decided is None or row is None:
        return usual
    try:
        rules = document_of(row).rules
    except PolicyInvalid:
        return usual
    terms = next((rule.fallback.transfer for rule in rules if rule.name == decided.rule), None)
    return terms.max_days if terms is not None else usual


def active_policy() -> Policy:
    """The terms of the live policy for orders that no special rule takes."""
    rules = rules_in_force().live.rules
    every = [each.attempt.policy for each in rules if each.rule.takes_all]
    return every[0] if every else Policy(version=rules_in_force().live.version)


def forget_policy() -> None:
    """Read the rules afresh next time: called where a policy or a channel's sourcing is changed."""
    _remembered.until = 0.0
    forget_groups()
