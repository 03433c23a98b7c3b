"""What a draft would have done beside the live rules, for its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from routing.models import RoutingPolicy, RoutingShadow, ShadowDifference

#: Orders that a page shows as examples.
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """The newest run of a draft with some orders that it would have sent otherwise, the newest first."""

    shadow: RoutingShadow
    examples: Sequence[ShadowDifference]

    @property
    def runs(self) -> bool:
        """It has not ended."""
        return self.shadow.stopped_at is None

    @property
    def is_behind(self) -> bool:
        """The draft was saved since the run began: the run goes on with the rules that it began with."""
        return self.shadow.edit_version != self.shadow.policy.edit_version


def shadow_of(policy: RoutingPolicy) -> ShadowReport | None:
    """The newest run of a draft, where there was one."""
    shadow = RoutingShadow.objects.filter(policy=policy).select_related("policy").order_by("-pk").first()
    return None if shadow is None else ShadowReport(shadow, list(shadow.differences.order_by("-pk")[:EXAMPLES]))
