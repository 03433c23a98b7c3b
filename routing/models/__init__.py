"""Policies, decisions and the counters they are made with."""

from routing.models.decisions import RoutingDecision, RoutingDecisionOutcome
from routing.models.outlooks import OrderOutlook, OutlookBand, OutlookChange, OutlookRemedy, OutlookStage
from routing.models.performance import EditionUse, LanePerformance, NodePerformance, PerformanceEdition
from routing.models.plans import PlannedPublication
from routing.models.policies import PolicyState, RoutingCanary, RoutingPolicy
from routing.models.promises import (
    DeliveryHoliday,
    DeliveryService,
    LearnedDays,
    LearnedKind,
    NodePace,
    NodePickup,
    OrderPromise,
    PromiseCalibration,
    PromiseState,
)
from routing.models.shadows import RoutingShadow, ShadowDifference
from routing.models.simulations import SimulatedOrder, Simulation, version_name
from routing.models.sourcing import ChannelSourcing, NodeLoad, RoutingExclusion

__all__ = [
    "ChannelSourcing",
    "DeliveryHoliday",
    "DeliveryService",
    "EditionUse",
    "LanePerformance",
    "LearnedDays",
    "LearnedKind",
    "NodeLoad",
    "NodePace",
    "NodePerformance",
    "NodePickup",
    "OrderOutlook",
    "OrderPromise",
    "PerformanceEdition",
    "OutlookBand",
    "OutlookChange",
    "OutlookRemedy",
    "OutlookStage",
    "PlannedPublication",
    "PolicyState",
    "PromiseCalibration",
    "PromiseState",
    "RoutingCanary",
    "RoutingDecision",
    "RoutingDecisionOutcome",
    "RoutingExclusion",
    "RoutingPolicy",
    "RoutingShadow",
    "ShadowDifference",
    "SimulatedOrder",
    "Simulation",
    "version_name",
]
