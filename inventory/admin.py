"""SKUs and nodes in Django admin. Stock, reservations and the ledger can be read there, never written."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest

from inventory.models import (
    ApprovalLimit,
    Barcode,
    CarriedGoods,
    CountItem,
    CountSession,
    InboundShipment,
    InboundShipmentLine,
    Lot,
    LotLevel,
    Node,
    NodeGroup,
    NodeHoliday,
    PurchaseOrder,
    PurchaseOrderLine,
    Receipt,
    ReceiptLine,
    ReplenishmentRule,
    ReplenishmentSuggestion,
    Reservation,
    SerialNumber,
    Sku,
    StockAdjustment,
    StockAudit,
    StockCount,
    StockLevel,
    StockMovement,
    Substitute,
    Transfer,
    TransferLine,
)
from inventory.selectors import has_stock
from inventory.services import set_node_capacity, switch_node
from oms.core.read_only import ReadOnly


class BarcodeInline(admin.TabularInline[Barcode, Sku]):
    """The codes that scanners read for a SKU."""

    model = Barcode
    extra = 1


class SubstituteInline(ReadOnly, admin.TabularInline[Substitute, Sku]):
    """SKUs that may stand in for a SKU; they are changed on its page."""

    model = Substitute
    fk_name = "sku"
    extra = 0
    fields = ("rank", "substitute", "created_by", "created_at")


@admin.register(Sku)
class SkuAdmin(admin.ModelAdmin[Sku]):
    """The catalogue."""

    list_display = ("code", "name", "category", "brand", "weight_grams", "is_active")
    list_filter = ("is_active", "category")
    search_fields = ("code", "name", "barcodes__code")
    # A kit is made where its components are named.
    inlines = (BarcodeInline, SubstituteInline)

    def get_readonly_fields(self, request: HttpRequest, obj: Sku | None = None) -> tuple[str, ...]:
        """How it is kept does not change while there is stock of it."""
        return ("is_kit", "tracking") if obj is not None and has_stock(obj.pk) else ("is_kit",)

    def has_delete_permission(self, request: HttpRequest, obj: Sku | None = None) -> bool:
        """Never: history refers to it. Switch it off instead."""
        return False


@admin.register(NodeGroup)
class NodeGroupAdmin(admin.ModelAdmin[NodeGroup]):
    """Groups of nodes that channels sell from."""

    list_display = ("name", "code")


class HolidayInline(admin.TabularInline[NodeHoliday, Node]):
    """Days on which a node does not work."""

    model = NodeHoliday
    extra = 1


@admin.register(Node)
class NodeAdmin(admin.ModelAdmin[Node]):
    """Nodes with their calendars. The switch goes through the service, which also reroutes the work."""

    list_display = ("code", "name", "kind", "city", "daily_capacity", "cutoff_at", "is_active")
    list_filter = ("kind", "is_active", "groups")
    search_fields = ("code", "name", "city", "postcode")
    filter_horizontal = ("groups",)
    inlines = (HolidayInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Node | None = None) -> tuple[str, ...]:
        """The code names the node in people's scopes and never changes."""
        return ("code",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Node | None = None) -> bool:
        """Never: history refers to it. Switch it off instead."""
        return False

    def save_model(self, request: HttpRequest, obj: Node, form: Any, change: bool) -> None:
        """Save everything but the switch and the limit, then change those so that orders and channels follow."""
        wanted, reason = obj.is_active, obj.offline_reason
        with transaction.atomic():
            if not change:
                super().save_model(request, obj, form, change)
                return
            kept = Node.objects.get(pk=obj.pk)
            orders, obj.daily_capacity = obj.daily_capacity, kept.daily_capacity
            obj.is_active = kept.is_active
            super().save_model(request, obj, form, change)
            set_node_capacity(node_id=obj.pk, orders=orders)
            if "is_active" in form.changed_data:
                switch_node(node_id=obj.pk, active=wanted, reason=reason or f"Switched by {request.user}")
            obj.refresh_from_db()


@admin.register(StockLevel)
class StockLevelAdmin(ReadOnly, admin.ModelAdmin[StockLevel]):
    """Balances. Only the ledger changes them."""

    list_display = ("sku", "node", "on_hand", "reserved", "packed", "damaged", "quarantine", "safety_stock")
    list_select_related = ("sku", "node")
    list_filter = ("node",)
    search_fields = ("sku__code",)


class LotLevelInline(ReadOnly, admin.TabularInline[LotLevel, Lot]):
    """Where units of the lot lie."""

    model = LotLevel
    extra = 0


@admin.register(Lot)
class LotAdmin(ReadOnly, admin.ModelAdmin[Lot]):
    """Lots. They are blocked and corrected on the screens and over the API."""

    list_display = ("code", "sku", "expires_on", "is_blocked", "block_reason", "created_at")
    list_select_related = ("sku",)
    list_filter = ("is_blocked",)
    search_fields = ("=code", "=sku__code")
    inlines = (LotLevelInline,)
    ordering = ("-id",)


@admin.register(LotLevel)
class LotLevelAdmin(ReadOnly, admin.ModelAdmin[LotLevel]):
    """Balances of lots. Only the ledger changes them."""

    list_display = ("sku", "lot", "node", "on_hand", "packed", "damaged", "quarantine")
    list_select_related = ("lot__sku", "node")
    list_filter = ("node",)
    search_fields = ("=lot__code", "=lot__sku__code")
    ordering = ("-id",)

    @admin.display(description="SKU", ordering="lot__sku__code")
    def sku(self, row: LotLevel) -> Sku:
        """The SKU of the lot."""
        return row.lot.sku


@admin.register(SerialNumber)
class SerialNumberAdmin(ReadOnly, admin.ModelAdmin[SerialNumber]):
    """Single units, each in one place. Only the ledger moves them."""

    list_display = ("number", "sku", "bucket", "node", "reference", "moved_at")
    list_select_related = ("sku", "node")
    list_filter = ("bucket", "node")
    search_fields = ("=number", "=sku__code", "=reference")
    ordering = ("-id",)


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnly, admin.ModelAdmin[StockMovement]):
    """The ledger."""

    list_display = ("id", "occurred_at", "sku", "node", "reason", "from_bucket", "to_bucket", "quantity", "reference")
    list_select_related = ("sku", "node")
    search_fields = ("=reference", "=op_key", "=sku__code")
    ordering = ("-id",)


@admin.register(Reservation)
class ReservationAdmin(ReadOnly, admin.ModelAdmin[Reservation]):
    """Claims of order lines on stock."""

    list_display = ("reference", "sku", "node", "state", "quantity", "open_quantity", "created_at")
    list_select_related = ("sku", "node")
    list_filter = ("state",)
    search_fields = ("=reference", "=sku__code")
    ordering = ("-id",)


@admin.register(StockAudit)
class StockAuditAdmin(ReadOnly, admin.ModelAdmin[StockAudit]):
    """Runs of the auditor."""

    list_display = ("at", "levels", "differences")
    ordering = ("-id",)


class TransferLineInline(ReadOnly, admin.TabularInline[TransferLine, Transfer]):
    """The items of a transfer."""

    model = TransferLine
    extra = 0


@admin.register(Transfer)
class TransferAdmin(ReadOnly, admin.ModelAdmin[Transfer]):
    """Goods on their way between nodes."""

    list_display = ("number", "state", "from_node", "to_node", "expected_on", "created_at")
    list_select_related = ("from_node", "to_node")
    list_filter = ("state",)
    search_fields = ("=number", "=awb")
    inlines = (TransferLineInline,)
    ordering = ("-id",)


@admin.register(CarriedGoods)
class CarriedGoodsAdmin(ReadOnly, admin.ModelAdmin[CarriedGoods]):
    """What is and was on its way to stores for orders that are collected there."""

    list_display = (
        "reference", "sku", "from_node", "to_node", "quantity", "in_transit", "for_order", "for_stock", "damaged",
        "missing", "sent_back", "left_at", "closed_at",
    )  # fmt: skip
    search_fields = ("reference", "sku__code")
    list_filter = ("from_node", "to_node")
    list_select_related = ("sku", "from_node", "to_node")


@admin.register(StockAdjustment)
class StockAdjustmentAdmin(ReadOnly, admin.ModelAdmin[StockAdjustment]):
    """Changes that people and other systems asked for."""

    list_display = ("id", "state", "node", "sku", "reason", "quantity", "asked_by", "asked_at")
    list_select_related = ("node", "sku")
    list_filter = ("state", "reason")
    search_fields = ("=sku__code", "asked_by")
    ordering = ("-id",)


@admin.register(ApprovalLimit)
class ApprovalLimitAdmin(admin.ModelAdmin[ApprovalLimit]):
    """Above these an adjustment waits for a second person. The same is set under Adjustments, Limits."""

    list_display = ("node_kind", "units", "value_minor")


class PurchaseOrderLineInline(ReadOnly, admin.TabularInline[PurchaseOrderLine, PurchaseOrder]):
    """The items of a purchase order."""

    model = PurchaseOrderLine
    extra = 0


@admin.register(PurchaseOrder)
class PurchaseOrderAdmin(ReadOnly, admin.ModelAdmin[PurchaseOrder]):
    """Goods that were bought."""

    list_display = ("number", "state", "supplier", "node", "expected_on", "created_at")
    list_select_related = ("supplier", "node")
    list_filter = ("state",)
    search_fields = ("=number", "=reference")
    inlines = (PurchaseOrderLineInline,)
    ordering = ("-id",)


class InboundShipmentLineInline(ReadOnly, admin.TabularInline[InboundShipmentLine, InboundShipment]):
    """The items of an ASN."""

    model = InboundShipmentLine
    extra = 0


@admin.register(InboundShipment)
class InboundShipmentAdmin(ReadOnly, admin.ModelAdmin[InboundShipment]):
    """What suppliers announced."""

    list_display = ("number", "order", "state", "expected_at", "arrived_at")
    list_select_related = ("order",)
    list_filter = ("state",)
    inlines = (InboundShipmentLineInline,)
    ordering = ("-id",)


class ReceiptLineInline(ReadOnly, admin.TabularInline[ReceiptLine, Receipt]):
    """The items of a receipt."""

    model = ReceiptLine
    extra = 0


@admin.register(Receipt)
class ReceiptAdmin(ReadOnly, admin.ModelAdmin[Receipt]):
    """What came."""

    list_display = ("id", "reference", "node", "order", "received_at", "actor")
    list_select_related = ("node", "order")
    search_fields = ("=reference", "=op_key")
    inlines = (ReceiptLineInline,)
    ordering = ("-id",)


class CountItemInline(ReadOnly, admin.TabularInline[CountItem, StockCount]):
    """The SKUs of a count."""

    model = CountItem
    extra = 0
    raw_id_fields = ("sku",)


class CountSessionInline(ReadOnly, admin.TabularInline[CountSession, StockCount]):
    """Who counted where."""

    model = CountSession
    extra = 0
    exclude = ("lock_token",)


@admin.register(StockCount)
class StockCountAdmin(ReadOnly, admin.ModelAdmin[StockCount]):
    """Counts. They are run on the screens and over the API."""

    list_display = ("number", "name", "node", "kind", "state", "created_at", "closed_at")
    list_select_related = ("node",)
    list_filter = ("state", "node")
    search_fields = ("=number",)
    inlines = (CountSessionInline, CountItemInline)
    ordering = ("-id",)


@admin.register(ReplenishmentRule)
class ReplenishmentRuleAdmin(ReadOnly, admin.ModelAdmin[ReplenishmentRule]):
    """Rules of replenishment. They are changed on the screens and over the API."""

    list_display = ("name", "priority", "node", "sku", "category", "service_level_bp", "from_node", "is_active")
    list_select_related = ("node", "sku", "from_node")


@admin.register(ReplenishmentSuggestion)
class ReplenishmentSuggestionAdmin(ReadOnly, admin.ModelAdmin[ReplenishmentSuggestion]):
    """What was suggested, with every figure. Decided on the screens and over the API."""

    list_display = ("sku", "node", "state", "quantity", "supplier", "from_node", "decided_by", "updated_at")
    list_select_related = ("sku", "node", "supplier", "from_node")
    list_filter = ("state",)
    search_fields = ("=sku__code",)
    ordering = ("-id",)
