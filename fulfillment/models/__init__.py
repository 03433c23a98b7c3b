"""The work of the nodes: fulfillment orders, parcels, shipments, manifests."""

from fulfillment.models.failures import (
    AnsweredBy,
    AnswerKind,
    AnswerState,
    DeliveryAnswer,
    FailedDelivery,
    FailureEnd,
    FailureReason,
    FailureState,
    RoadTrouble,
    TroubleKind,
)
from fulfillment.models.packing import (
    Carton,
    PackCheck,
    PackCheckKind,
    Packing,
    PackingBox,
    PackProof,
    PackScan,
)
from fulfillment.models.pickups import CurbsideVisit, Pickup, StagedParcel
from fulfillment.models.printing import Printer, PrintJob, PrintJobState
from fulfillment.models.rerouting import (
    RerouteAttempt,
    RerouteCause,
    RerouteOutcome,
)
from fulfillment.models.shipments import (
    Manifest,
    ManifestState,
    PickedUnit,
    Shipment,
    ShipmentItem,
    ShipmentState,
)
from fulfillment.models.waves import Wave, WaveKind, WaveOrder, WaveState
from fulfillment.models.work import (
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderKind,
    FulfillmentOrderState,
)

__all__ = [
    "AnswerKind",
    "AnswerState",
    "AnsweredBy",
    "DeliveryAnswer",
    "FailedDelivery",
    "FailureEnd",
    "FailureReason",
    "FailureState",
    "RoadTrouble",
    "TroubleKind",
    "Printer",
    "PrintJob",
    "PrintJobState",
    "Carton",
    "CurbsideVisit",
    "PackCheck",
    "PackCheckKind",
    "PackProof",
    "PackingBox",
    "FulfillmentLine",
    "FulfillmentOrder",
    "FulfillmentOrderKind",
    "FulfillmentOrderState",
    "Manifest",
    "ManifestState",
    "PackScan",
    "Packing",
    "PickedUnit",
    "Pickup",
    "RerouteAttempt",
    "RerouteCause",
    "RerouteOutcome",
    "Shipment",
    "ShipmentItem",
    "ShipmentState",
    "StagedParcel",
    "Wave",
    "WaveKind",
    "WaveOrder",
    "WaveState",
]
