"""Kits of the demo world, and the first orders for them: captured now, for the living system to carry on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.templatetags.static import static

from channels.models import ChannelAccount, Listing
from channels.services import define_kit, submit_orders
from fulfillment.services import open_fulfillment_orders
from inventory.models import Barcode, Sku
from inventory.services import ComponentTerms
from oms.demo import brand, past
from oms.demo.catalogue import KITS, DemoKit, ean13, skus
from oms.demo.models import DemoWorld
from oms.demo.world import LOADER, Standing
from routing.services import route_orders

#: Item numbers of the kits' barcodes: far above those of the catalogue.
_FIRST_ITEM = 90_001
#: Tables whose rows are written here, with their columns of time.
_TABLES = (
    ("orders_order", ("captured_at", "updated_at")), ("orders_orderevent", ("at",)), ("core_transition", ("at",)),
    ("inventory_stockmovement", ("occurred_at", "recorded_at")), ("inventory_reservation", ("created_at",)),
    ("routing_routingdecision", ("decided_at",)), ("channels_inboundmessage", ("received_at", "processed_at")),
    ("fulfillment_fulfillmentorder", ("created_at", "released_at", "accepted_at")),
)  # fmt: skip
_BUYERS = (
    ("Meenakshi Iyer", "24, Temple Road", "Bengaluru", "Karnataka", "560004"),
    ("Farhan Sheikh", "8, Link Road", "Mumbai", "Maharashtra", "400050"),
    ("Gurpreet Kaur", "117, Model Town", "Delhi", "Delhi", "110009"),
    ("Lakshmi Nair", "5, Lake View", "Hyderabad", "Telangana", "500034"),
)


def add(world: DemoWorld, standing: Standing, moment: datetime) -> None:
    """Make the kits, list them in the shop and the wholesale portal, and take in an order or two for each."""
    with past.rewriting_history():
        newest = past.newest_ids([table for table, _ in _TABLES])
        _write(world, standing, moment)
        past.set_back_to(moment, newest, _TABLES)


def _write(world: DemoWorld, standing: Standing, moment: datetime) -> None:
    made = [_make(position, kit) for position, kit in enumerate(KITS)]
    for code in (brand.WEB, brand.B2B):
        account = ChannelAccount.objects.get(channel=standing.channels[code])
        Listing.objects.bulk_create(
            Listing(account=account, external_sku=row.code, sku=row, name=row.name) for row in made
        )
    portal = ChannelAccount.objects.select_related("channel").get(channel=standing.channels[brand.B2B])
    orders = [_order(world, number, moment) for number in range(len(_BUYERS))]
    ids = [done.order_id for done in submit_orders(portal, orders) if done.order_id is not None]
    route_orders(ids, trigger="captured")
    open_fulfillment_orders(ids)


def _make(position: int, kit: DemoKit) -> Sku:
    pictures = {sku.code: sku.picture for sku in skus()}
    first, _ = kit.components[0]
    row = Sku.objects.create(
        code=kit.code, name=kit.name, category=kit.category, brand=brand.BRAND, price_minor=kit.price_minor,
        image=static(pictures[first]),
    )  # fmt: skip
    Barcode.objects.create(sku=row, code=ean13(_FIRST_ITEM + position))
    define_kit(kit_id=row.pk, components=_terms(kit.components), actor=LOADER)
    row.refresh_from_db()
    return row


def _terms(components: Sequence[tuple[str, int]]) -> list[ComponentTerms]:
    ids = dict(Sku.objects.filter(code__in=[code for code, _ in components]).values_list("code", "pk"))
    return [ComponentTerms(ids[code], units) for code, units in components]


def _order(world: DemoWorld, number: int, moment: datetime) -> dict[str, Any]:
    name, line1, city, region, postcode = _BUYERS[number]
    kit = KITS[number % len(KITS)]
    address = {"name": name, "line1": line1, "city": city, "region": region, "postcode": postcode, "country": "IN",
               "phone": f"+9198{number:08d}"}  # fmt: skip
    lines = [{"external_id": "1", "sku_code": kit.code, "quantity": 1 + number % 2, "name": kit.name,
              "unit_price_minor": kit.price_minor, "discount_minor": 10_000 * (number % 2)}]  # fmt: skip
    if number == 0:
        # The same goods also by themselves, as happens.
        lines.append({"external_id": "2", "sku_code": kit.components[0][0], "quantity": 1, "unit_price_minor": 119_900})
    placed_at = moment - timedelta(minutes=9 - number)
    return {
        "external_id": f"KIT-{world.seed}-{number + 1}", "placed_at": placed_at.isoformat(), "customer_name": name,
        "ship_to": address, "payment": {"method": "prepaid", "state": "paid"}, "lines": lines,
    }  # fmt: skip
