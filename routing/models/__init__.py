"""Policies, decisions and the counters they are made with."""

from routing.models.decisions import RoutingDecision, RoutingDecisionOutcome
from routing.models.policies import PolicyState, RoutingCanary, RoutingPolicy
from routing.models.sourcing import ChannelSourcing, NodeLoad, RoutingExclusion

__all__ = [
    "ChannelSourcing",
    "NodeLoad",
    "PolicyState",
    "RoutingCanary",
    "RoutingDecision",
    "RoutingDecisionOutcome",
    "RoutingExclusion",
    "RoutingPolicy",
]
