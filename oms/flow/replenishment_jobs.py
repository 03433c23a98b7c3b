"""Working out what should be bought and carried, as a job: people ask for it, and the clock after the demand rates."""

from __future__ import annotations

from django.utils.translation import gettext as _

from inventory.models import ReplenishmentRule, ReplenishmentSuggestion, SuggestionState
from inventory.services import refresh_demand_rates
from inventory.services.replenishing import run_replenishing, start_replenishing
from oms.accounts.access import Principal
from oms.core.models import Job
from oms.reporting.waiting_units import WAITING_SQL


def ask_replenishment(principal: Principal, *, rates: bool = True) -> Job:
    """Queue the work for a person, with demand rates of this moment unless those of the night will do."""
    user_id = principal.user.pk if principal.user else None
    return start_replenishing(title=_("Work out what to order"), rates=rates, user_id=user_id)


def run_replenishment(job: Job) -> bool:
    """A slice of the job, with the orders that wait at the node where they are collected."""
    return run_replenishing(job, waiting=WAITING_SQL)


def suggest_after_demand() -> object:
    """By the clock: new demand rates, then the job that works out suggestions, where any rule asks for them."""
    rates = refresh_demand_rates()
    wanted = ReplenishmentRule.objects.filter(is_active=True).exists()
    left = ReplenishmentSuggestion.objects.filter(state=SuggestionState.OPEN).exists()
    if wanted or left:
        start_replenishing(title="Work out what to order", rates=False)
    return rates
