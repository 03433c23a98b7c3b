"""The routing policies as lists: drafts, the live version, the one on trial, and the history with what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from routing.models import PolicyState, RoutingCanary, RoutingPolicy
from routing.policy.document import STANDARD
from routing.policy.trial import Figures
from routing.policy.words import difference
from routing.services import document_of, trial_figures

#: Versions that the history shows.
MOST_VERSIONS = 100


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A published version with what it changed against the version before, in words."""

    policy: RoutingPolicy
    changes: Sequence[str]


def drafts() -> list[RoutingPolicy]:
    """Every draft, the one edited last first."""
    return list(
        RoutingPolicy.objects.filter(state=PolicyState.DRAFT).select_related("base", "planned").order_by("-edited_at")
    )


def versions() -> list[VersionRow]:
    """Published versions, the newest first."""
    found = list(RoutingPolicy.objects.exclude(state=PolicyState.DRAFT).order_by("-version")[:MOST_VERSIONS])
    older = [*found[1:], None][: len(found)]
    return [VersionRow(policy, changes_since(policy, before)) for policy, before in zip(found, older, strict=True)]


def changes_since(policy: RoutingPolicy, before: RoutingPolicy | None) -> list[str]:
    """What a policy does that another one did not."""
    if before is None:
        return ["The first version."]
    return difference(document_of(before), document_of(policy)) or ["Nothing but its name or note."]


def changes_against_live(policy: RoutingPolicy) -> list[str]:
    """What would change if this policy went live now; the standard rule counts where nothing is live."""
    live = RoutingPolicy.objects.filter(state=PolicyState.LIVE).first()
    return difference(document_of(live) if live else STANDARD, document_of(policy))


@dataclass(frozen=True, slots=True)
class TrialReport:
    """A trial with what it and the live version decided."""

    trial: RoutingCanary
    tried: Figures
    live: Figures

    @property
    def enough(self) -> bool:
        """Both decided enough orders for the stop rule to judge."""
        return min(self.tried.decisions, self.live.decisions) >= self.trial.min_decisions


def trial_of(policy: RoutingPolicy) -> TrialReport | None:
    """The trial of a version, where it had one."""
    trial = RoutingCanary.objects.filter(policy=policy).select_related("policy", "baseline").first()
    return None if trial is None else TrialReport(trial, *trial_figures(trial))
