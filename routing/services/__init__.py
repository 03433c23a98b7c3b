"""Every decision and everything routing writes."""

from routing.selectors import waiting_order_ids
from routing.services.adopt import CheckoutHold, adopt_hold
from routing.services.canary import (
    TrialTerms,
    check_canary,
    make_live,
    start_canary,
    stop_canary,
    trial_figures,
    widen_canary,
)
from routing.services.context import lane, nodes_now, rate_table
from routing.services.linting import lint_policy
from routing.services.load import giving_back_load
from routing.services.measuring import apply_edition, edition_in_use, is_measured_lately, write_edition
from routing.services.outlooks import (
    Remedy,
    as_by,
    as_from,
    due_outlooks,
    forget_remedies,
    look_soon,
    missed_outlooks,
    orders_to_help,
    outlooks_of,
    set_outlooks,
    set_remedies,
)
from routing.services.planned import call_off_publication, plan_publication, publish_planned
from routing.services.planning import Planned, plan_demands
from routing.services.policies import create_draft, discard_draft, publish, restore, save_draft
from routing.services.preview import exclude_node, plan_again
from routing.services.promise_facts import forget_promises
from routing.services.promise_keeping import keep_told_promise, write_promises
from routing.services.promise_learning import (
    Journey,
    MeasuredPace,
    NodeWork,
    judge_promises,
    learn_days,
    set_paces,
)
from routing.services.promising import Answered, Question, promise, promises
from routing.services.reading import Demand, Freed
from routing.services.route import Routed, route_orders
from routing.services.rules import active_policy, document_of, forget_policy, rules_in_force, transfer_days
from routing.services.substituting import (
    Offered,
    any_rule_substitutes,
    offers_of,
    substitute_line,
    substitute_waiting,
)

__all__ = [
    "Answered",
    "CheckoutHold",
    "Demand",
    "Freed",
    "Journey",
    "MeasuredPace",
    "NodeWork",
    "Offered",
    "Planned",
    "Question",
    "Remedy",
    "Routed",
    "TrialTerms",
    "active_policy",
    "adopt_hold",
    "any_rule_substitutes",
    "apply_edition",
    "as_by",
    "as_from",
    "call_off_publication",
    "check_canary",
    "create_draft",
    "discard_draft",
    "document_of",
    "edition_in_use",
    "due_outlooks",
    "exclude_node",
    "forget_policy",
    "forget_promises",
    "forget_remedies",
    "giving_back_load",
    "is_measured_lately",
    "judge_promises",
    "keep_told_promise",
    "lane",
    "learn_days",
    "lint_policy",
    "look_soon",
    "make_live",
    "missed_outlooks",
    "nodes_now",
    "offers_of",
    "orders_to_help",
    "outlooks_of",
    "plan_again",
    "plan_demands",
    "plan_publication",
    "promise",
    "promises",
    "publish",
    "publish_planned",
    "rate_table",
    "restore",
    "route_orders",
    "rules_in_force",
    "save_draft",
    "set_outlooks",
    "set_paces",
    "write_edition",
    "set_remedies",
    "write_promises",
    "start_canary",
    "stop_canary",
    "substitute_line",
    "substitute_waiting",
    "transfer_days",
    "trial_figures",
    "waiting_order_ids",
    "widen_canary",
]
