"""SKUs, nodes, stock levels, claims, documents, and the ledger that alone may change balances."""

from inventory.models.adjusting import (
    ApprovalLimit,
    StockAdjustment,
    StockAdjustmentState,
)
from inventory.models.audits import (
    LevelCorrection,
    StockAudit,
    StockDifference,
    StockDifferenceState,
)
from inventory.models.buffers import (
    BufferMeasure,
    BufferRule,
    ChannelBuffer,
    Velocity,
)
from inventory.models.carried import CarriedGoods
from inventory.models.catalogue import (
    Barcode,
    KitComponent,
    Sku,
    Supplier,
    SupplierItem,
    Tracking,
)
from inventory.models.counting import (
    CountItem,
    CountItemState,
    CountScan,
    CountSession,
    CountSessionState,
    StockCount,
    StockCountKind,
    StockCountState,
)
from inventory.models.ledger import (
    Bucket,
    LedgerArchive,
    LedgerClosing,
    PostedOperation,
    StockMovement,
    StockMovementReason,
)
from inventory.models.levels import (
    Lot,
    LotLevel,
    SerialNumber,
    SkuTotal,
    StockLevel,
)
from inventory.models.places import (
    Node,
    NodeGroup,
    NodeHoliday,
    NodeKind,
    every_day_but_sunday,
)
from inventory.models.purchasing import (
    InboundShipment,
    InboundShipmentLine,
    InboundShipmentState,
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseOrderState,
    Receipt,
    ReceiptLine,
)
from inventory.models.replenishment import (
    DemandRate,
    ReplenishmentRule,
    ReplenishmentSuggestion,
    SuggestionState,
)
from inventory.models.reservations import (
    Reservation,
    ReservationPurpose,
    ReservationState,
    StockHold,
    StockHoldState,
)
from inventory.models.substitutes import MAX_SUBSTITUTES, Substitute
from inventory.models.transfers import (
    Transfer,
    TransferLine,
    TransferState,
)

__all__ = [
    "ApprovalLimit",
    "Barcode",
    "Bucket",
    "BufferMeasure",
    "BufferRule",
    "ChannelBuffer",
    "CarriedGoods",
    "CountItem",
    "CountItemState",
    "CountScan",
    "CountSession",
    "CountSessionState",
    "DemandRate",
    "InboundShipment",
    "InboundShipmentLine",
    "InboundShipmentState",
    "KitComponent",
    "LedgerArchive",
    "LedgerClosing",
    "LevelCorrection",
    "Lot",
    "LotLevel",
    "MAX_SUBSTITUTES",
    "Node",
    "NodeGroup",
    "NodeHoliday",
    "NodeKind",
    "PostedOperation",
    "PurchaseOrder",
    "PurchaseOrderLine",
    "PurchaseOrderState",
    "Receipt",
    "ReceiptLine",
    "ReplenishmentRule",
    "ReplenishmentSuggestion",
    "Reservation",
    "ReservationPurpose",
    "ReservationState",
    "SerialNumber",
    "Sku",
    "SkuTotal",
    "StockAdjustment",
    "StockAdjustmentState",
    "StockAudit",
    "StockCount",
    "StockCountKind",
    "StockCountState",
    "StockDifference",
    "StockDifferenceState",
    "StockHold",
    "StockHoldState",
    "StockLevel",
    "StockMovement",
    "StockMovementReason",
    "Substitute",
    "SuggestionState",
    "Supplier",
    "SupplierItem",
    "Tracking",
    "Transfer",
    "TransferLine",
    "TransferState",
    "Velocity",
    "every_day_but_sunday",
]
