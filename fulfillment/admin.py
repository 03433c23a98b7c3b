"""The floor in the administration, to look at. Changing it is for the screens, which have its rules."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from fulfillment.models import (
    Carton,
    FulfillmentLine,
    FulfillmentOrder,
    Manifest,
    PackCheck,
    PackProof,
    PickedUnit,
    Printer,
    Shipment,
    ShipmentItem,
)
from oms.core.read_only import ReadOnly


class FulfillmentLineInline(ReadOnly, admin.TabularInline[FulfillmentLine, FulfillmentOrder]):
    """What the work takes."""

    model = FulfillmentLine
    extra = 0


class ShipmentItemInline(ReadOnly, admin.TabularInline[ShipmentItem, Shipment]):
    """What is in the parcel."""

    model = ShipmentItem
    extra = 0


@admin.register(FulfillmentOrder)
class FulfillmentOrderAdmin(ReadOnly, admin.ModelAdmin[FulfillmentOrder]):
    """Work of the nodes."""

    list_display = ("number", "node", "state", "kind", "due_at", "assigned_to")
    list_filter = ("state", "kind", "node")
    search_fields = ("number", "order__number")
    list_select_related = ("node",)
    inlines = (FulfillmentLineInline,)


@admin.register(Shipment)
class ShipmentAdmin(ReadOnly, admin.ModelAdmin[Shipment]):
    """Parcels."""

    list_display = ("__str__", "order", "node", "state", "courier_name", "handed_over_at", "delivered_at")
    list_filter = ("state", "carrier_account")
    search_fields = ("awb", "order__number")
    list_select_related = ("order", "node")
    inlines = (ShipmentItemInline,)


@admin.register(Manifest)
class ManifestAdmin(ReadOnly, admin.ModelAdmin[Manifest]):
    """Hand-overs."""

    list_display = ("number", "node", "carrier_account", "state", "driver_name", "closed_at")
    list_filter = ("state", "carrier_account")
    search_fields = ("number", "driver_name")
    list_select_related = ("node", "carrier_account")


@admin.register(PickedUnit)
class PickedUnitAdmin(ReadOnly, admin.ModelAdmin[PickedUnit]):
    """Which lots and serial numbers were taken, and the parcel that they are in."""

    list_display = ("id", "work", "sku", "lot", "serial", "quantity", "parcel", "created_at")
    list_select_related = ("line__fulfillment_order", "line__sku", "lot", "serial", "item__shipment")
    search_fields = ("=line__fulfillment_order__number", "=line__sku__code", "=lot__code", "=serial__number",
                     "=item__shipment__awb")  # fmt: skip
    ordering = ("-id",)

    @admin.display(description="Work", ordering="line__fulfillment_order__number")
    def work(self, row: PickedUnit) -> str:
        """The work that it was taken for."""
        return row.line.fulfillment_order.number

    @admin.display(description="SKU", ordering="line__sku__code")
    def sku(self, row: PickedUnit) -> str:
        """What it is."""
        return row.line.sku.code

    @admin.display(description="Parcel")
    def parcel(self, row: PickedUnit) -> str:
        """The parcel; empty while it lies in a tote."""
        return str(row.item.shipment) if row.item is not None else ""


@admin.register(Carton)
class CartonAdmin(admin.ModelAdmin[Carton]):
    """Boxes and bags that packers are offered, smallest first. None at all: the usual four."""

    list_display = ("code", "name", "node", "size", "empty_grams", "holds_grams", "is_active")
    list_filter = ("is_active", "node")


@admin.register(PackCheck)
class PackCheckAdmin(admin.ModelAdmin[PackCheck]):
    """Steps of quality control at pack stations. What was done under one is kept: it is switched off, not deleted."""

    list_display = ("name", "kind", "words", "sku", "category", "channel", "node", "worth_minor", "is_active")
    list_filter = ("kind", "is_active")
    autocomplete_fields = ("sku",)

    def has_delete_permission(self, request: HttpRequest, obj: PackCheck | None = None) -> bool:
        """Only while nothing was checked under it."""
        return super().has_delete_permission(request, obj) and (obj is None or not obj.proofs.exists())


@admin.register(PackProof)
class PackProofAdmin(ReadOnly, admin.ModelAdmin[PackProof]):
    """Checks that were done."""

    # The photo itself is on the page of the parcel: nothing serves the files.
    list_display = ("fulfillment_order", "check_done", "done_by", "done_at")
    list_filter = ("check_done",)
    search_fields = ("fulfillment_order__number", "fulfillment_order__order__number")
    exclude = ("photo",)


@admin.register(Printer)
class PrinterAdmin(admin.ModelAdmin[Printer]):
    """Label printers by the names that their agents know."""

    list_display = ("name", "node", "is_active", "seen_at")
    list_filter = ("is_active", "node")
    readonly_fields = ("seen_at",)
