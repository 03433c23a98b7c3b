"""Every write to the work of the nodes."""

from fulfillment.services.arrived_units import Arrived
from fulfillment.services.arriving import give_up_parcel, receive_for_pickup
from fulfillment.services.asking_pickups import AskedPickup, ask_for_pickup
from fulfillment.services.at_risk import Risk, move_promises_at_risk, work_at_risk
from fulfillment.services.batches import pack_many, pick_many
from fulfillment.services.cancelling import CancelPreview, cancel_order, lines_with_kits, preview_cancel
from fulfillment.services.capacity import movable_work, orders_above, shed_excess
from fulfillment.services.cash import cash_of_parcel, cash_of_work
from fulfillment.services.invoicing import invoice_parcel, why_not_invoiced, whys_not_invoiced
from fulfillment.services.labels import retry_labels
from fulfillment.services.manifests import Driver, add_all, add_to_manifest, close_manifest, open_manifest, picture_of
from fulfillment.services.naming import Swapped, forget_unit, name_unit, swap_units
from fulfillment.services.opening import open_fulfillment_orders
from fulfillment.services.packing import ParcelPlan, pack
from fulfillment.services.packing_boxes import (
    accept_weight,
    add_and_close,
    choose_box,
    close_box,
    close_boxes,
    next_box,
    prove_check,
    prove_label,
    weigh_box,
    weight_doubt,
)
from fulfillment.services.packing_opening import keep, locked_boxes, open_for_item, open_packing
from fulfillment.services.packing_scans import InBox, scan_into_box, undo_scan
from fulfillment.services.packing_shorts import hold_at_bench, short_in_box
from fulfillment.services.picking import SHORT_REASONS, ShortReason, pick, pick_all, report_short, units_named_by
from fulfillment.services.piles import take_out
from fulfillment.services.printing import ReadyLabel, ask_print, end_print, take_labels
from fulfillment.services.refused_parcels import reroute_refused_parcel
from fulfillment.services.remedies import find_remedies, go_faster, save_promise
from fulfillment.services.rerouting import ReroutePreview, preview_reroute, reroute_order
from fulfillment.services.shipping import book_shipment, booking_request, hand_over, parcel_terms
from fulfillment.services.short_units import serials_here
from fulfillment.services.tracking import apply_tracking, collect
from fulfillment.services.units import (
    NOTHING_NAMED,
    LineUnits,
    open_units,
    packed_units,
)
from fulfillment.services.unpacking import take_apart
from fulfillment.services.work import (
    accept,
    hold_back,
    reject,
    release_fulfillment_orders,
    withdraw,
    withdraw_from_node,
)

__all__ = [
    "NOTHING_NAMED",
    "SHORT_REASONS",
    "Arrived",
    "AskedPickup",
    "CancelPreview",
    "Driver",
    "InBox",
    "LineUnits",
    "ParcelPlan",
    "ReadyLabel",
    "ReroutePreview",
    "Risk",
    "ShortReason",
    "Swapped",
    "accept",
    "accept_weight",
    "add_and_close",
    "add_all",
    "add_to_manifest",
    "apply_tracking",
    "ask_for_pickup",
    "ask_print",
    "book_shipment",
    "booking_request",
    "parcel_terms",
    "cancel_order",
    "cash_of_parcel",
    "cash_of_work",
    "choose_box",
    "close_box",
    "close_boxes",
    "close_manifest",
    "collect",
    "end_print",
    "find_remedies",
    "forget_unit",
    "give_up_parcel",
    "go_faster",
    "hand_over",
    "hold_at_bench",
    "hold_back",
    "invoice_parcel",
    "keep",
    "lines_with_kits",
    "locked_boxes",
    "movable_work",
    "move_promises_at_risk",
    "name_unit",
    "next_box",
    "open_for_item",
    "open_fulfillment_orders",
    "open_manifest",
    "open_packing",
    "open_units",
    "orders_above",
    "pack",
    "pack_many",
    "packed_units",
    "pick",
    "pick_all",
    "pick_many",
    "picture_of",
    "preview_cancel",
    "preview_reroute",
    "prove_check",
    "prove_label",
    "receive_for_pickup",
    "reject",
    "release_fulfillment_orders",
    "report_short",
    "reroute_order",
    "reroute_refused_parcel",
    "retry_labels",
    "save_promise",
    "scan_into_box",
    "serials_here",
    "shed_excess",
    "short_in_box",
    "swap_units",
    "take_apart",
    "take_labels",
    "take_out",
    "undo_scan",
    "units_named_by",
    "weigh_box",
    "weight_doubt",
    "why_not_invoiced",
    "whys_not_invoiced",
    "withdraw",
    "withdraw_from_node",
    "work_at_risk",
]
