"""The merchant that the history is replayed to: nodes, SKUs, stock, a marketplace, a web shop that is told stock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from benchmarks.replay.history import History, Shelf
from carriers.models import CarrierAccount, RateCard
from carriers.rates import sample_card
from carriers.services.cards import zones_json
from channels.adapters.woocommerce.client import BATCH_SIZE, WooCommerceClient
from channels.models import ChannelAccount
from channels.services import account_config, reconcile_listings
from inventory.models import Node, Sku
from inventory.services import OpeningRow, set_opening_stock, set_safety_stock
from oms.accounts.services import create_token
from oms.core.clock import now
from oms.core.places import find_place
from orders.models import SalesChannel

#: The two doors. The shop's stock is kept up to date by us; the marketplace sells the same stock over the REST API.
SHOP, MARKET = "shop", "market"
SECRETS = {"consumer_key": "ck_replay", "consumer_secret": "cs_replay", "webhook_secret": "whsec_replay"}
#: SKUs of which the first node keeps a unit back, so that ATP and what is not reserved are not the same number.
SAFETY_SKUS = 200
_VERBS = ("orders.ingest", "orders.view", "inventory.receive", "inventory.view", "fulfillment.view", "fulfillment.work")
_POLL_SECONDS = 60


@dataclass(frozen=True, slots=True)
class World:
    """Ids that the others need, and the token of everybody who calls the REST API."""

    shop_account_id: int
    sku_ids: Mapping[str, int]
    token: str


def build(history: History, store_url: str) -> World:
    """Write the merchant of the history into an empty, migrated database."""
    nodes = {shelf.code: _node(shelf, history.country) for shelf in history.nodes}
    prices = {item.sku: item.price_minor for sale in history.sales for item in sale.items}
    Sku.objects.bulk_create(
        (Sku(code=code, name=code, weight_grams=400, price_minor=prices.get(code, 49_900)) for code in history.skus),
        batch_size=2000,
    )
    sku_ids = dict(Sku.objects.values_list("code", "pk"))
    rows = [OpeningRow(sku_ids[sku], nodes[node].pk, units) for (sku, node), units in sorted(history.opening.items())]
    remaining = iter(rows)
    part = 0
    while batch := list(islice(remaining, 2000)):
        part += 1
        set_opening_stock(rows=batch, op_key=f"replay/{part}", actor="replay")
    first = nodes[history.nodes[0].code].pk
    for row in [row for row in rows if row.node_id == first and row.on_hand > 1][:SAFETY_SKUS]:
        set_safety_stock(node_id=row.node_id, sku_id=row.sku_id, quantity=1)
    account = _channels(store_url)
    card = RateCard.objects.create(
        code="courier", name="Courier", zones=zones_json(sample_card()), valid_from=(now() - timedelta(days=1)).date()
    )
    CarrierAccount.objects.create(
        code="courier", name="Courier", adapter="manual", rate_card=card, max_weight_grams=30_000,
        settings={"awb_prefix": "RP", "service_name": "Courier"},
    )  # fmt: skip
    _, token = create_token(name="replay", verbs=_VERBS)
    return World(account.pk, sku_ids, token)


def _node(shelf: Shelf, country: str) -> Node:
    place = find_place(country, shelf.postcode)
    return Node.objects.create(
        code=shelf.code, name=shelf.city, kind="warehouse", city=shelf.city, postcode=shelf.postcode,
        country=country, latitude=place.lat if place else None, longitude=place.lon if place else None,
        daily_capacity=1_000_000, working_days=[1, 2, 3, 4, 5, 6, 7], cutoff_at="23:59",
    )  # fmt: skip


def _channels(store_url: str) -> ChannelAccount:
    market = SalesChannel.objects.create(code=MARKET, name="Marketplace", kind="marketplace", notifies_customer=False)
    ChannelAccount.objects.create(channel=market, connector="api", pulls_orders=False, pushes_stock=False)
    shop = SalesChannel.objects.create(code=SHOP, name="Web shop", kind="website")
    return ChannelAccount.objects.create(
        channel=shop, connector="woocommerce", base_url=store_url, secrets=SECRETS, poll_seconds=_POLL_SECONDS,
        settings={"start_from": now().strftime("%Y-%m-%dT%H:%M:%S")},
    )  # fmt: skip


def fill_store(world: World, history: History) -> None:
    """List every SKU in the store that answers by now, with no stock yet, and learn its ids: stock is told by us."""
    account = ChannelAccount.objects.select_related("channel").get(pk=world.shop_account_id)
    client = WooCommerceClient(account_config(account))
    products = iter(
        {"name": code, "sku": code, "regular_price": "499.00", "manage_stock": True, "stock_quantity": 0}
        for code in history.skus
    )
    while batch := list(islice(products, BATCH_SIZE)):
        client.post("/products/batch", {"create": batch})
    reconcile_listings(account.pk)
