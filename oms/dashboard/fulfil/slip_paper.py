"""What a parcel's packing slip says, with its lots and serial numbers."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from carriers.labels import PackingRow, PackingSlipData
from fulfillment.models import Shipment, ShipmentItem, ShipmentState
from fulfillment.selectors.units import in_words, units_of_items


def _name(item: ShipmentItem) -> str:
    """The name of the goods, and what they are sold instead of."""
    line = item.line.order_line
    name = line.name or item.line.sku.name
    original = line.substitute_for
    return name if original is None else f"{name} (instead of {original.name or original.sku_code})"


def slip_data(shipment: Shipment, moment: datetime) -> PackingSlipData:
    """What the slip says. `items` with line, SKU and order line must be loaded."""
    order, node = shipment.order, shipment.node
    parcels = order.shipments.exclude(state=ShipmentState.CANCELLED).order_by("pk").values_list("pk", flat=True)
    ids = [*parcels] if shipment.pk in parcels else [shipment.pk]
    items = list(shipment.items.all())
    units = units_of_items(items)
    zone = ZoneInfo(node.time_zone)
    rows = tuple(
        PackingRow(
            sku_code=item.line.sku.code, name=_name(item),
            ordered=item.line.order_line.quantity, packed=item.quantity, units=in_words(units.get(item.pk, [])),
        )
        for item in items
    )  # fmt: skip
    return PackingSlipData(
        order_number=order.number, order_date=order.placed_at.astimezone(zone).date(),
        created_at=moment.astimezone(zone), seller_name=order.channel.name, ship_from=node.address,
        ship_to=order.shipping_address, rows=rows, awb=shipment.awb, courier_name=shipment.courier_name,
        parcel_number=ids.index(shipment.pk) + 1, parcel_count=len(ids),
        note=order.gift_message if order.is_gift else "",
    )  # fmt: skip
