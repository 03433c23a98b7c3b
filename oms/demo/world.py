"""Writes what stands still: nodes, catalogue, channels, carriers, people, policy and the stock of the first day."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.templatetags.static import static

from carriers.models import CarrierAccount, RateCard
from carriers.rates import sample_card
from carriers.services.cards import zones_json
from channels.models import ChannelAccount, Listing
from channels.simulators.woocommerce.world import ZIPF_EXPONENT
from inventory.models import Barcode, Node, NodeGroup, NodeHoliday, NodeKind, Sku
from inventory.services import OpeningRow, adopt_safety_stock, set_opening_stock
from oms.accounts.models import User
from oms.core.db import execute
from oms.core.errors import DomainError
from oms.core.places import find_place
from oms.demo import brand
from oms.demo.catalogue import KITS, DemoSku
from oms.demo.keys import password
from oms.demo.models import DemoWorld
from oms.demo.nodes import HOLIDAYS, NODES, DemoNode
from oms.demo.outside import carrier_secrets, store_secrets
from oms.demo.people import PEOPLE
from orders.gst.gstin import check_sign
from orders.gst.places import STATES, state_code
from orders.models import SalesChannel, SalesChannelKind, TaxRegistration
from routing.models import ChannelSourcing, PolicyState, RoutingPolicy
from routing.policy.document import Document, Fallback, Rule, Split, document_json
from routing.services import forget_policy

LOADER = "demo"


@dataclass(slots=True)
class Standing:
    """The rows that orders refer to."""

    nodes: dict[str, Node]
    sku_ids: dict[str, int]
    channels: dict[str, SalesChannel]
    aggregator: CarrierAccount
    riders: CarrierAccount


def build(world: DemoWorld, skus: list[DemoSku], moment: datetime) -> Standing:
    """Write everything that orders need. Raises DomainError where the database already has something of that name."""
    refuse_taken_names(skus)
    nodes = _nodes(moment.date())
    sku_ids = _catalogue(skus)
    channels = _channels(world, moment)
    aggregator, riders = _carriers(world)
    _listings(channels, skus, sku_ids)
    _people(world)
    _policy(moment)
    _stock(world, skus, sku_ids, nodes)
    return Standing(nodes, sku_ids, channels, aggregator, riders)


def refuse_taken_names(skus: list[DemoSku]) -> None:
    """The demo adds rows and changes none: a code that is taken by something else stops it before the first write."""
    taken = [
        *Node.objects.filter(code__in=[node.code for node in NODES]).values_list("code", flat=True),
        *Sku.objects.filter(code__in=[sku.code for sku in skus]).values_list("code", flat=True)[:5],
        *Sku.objects.filter(code__in=[kit.code for kit in KITS]).values_list("code", flat=True),
        *Barcode.objects.filter(code__in=[sku.barcode for sku in skus]).values_list("code", flat=True)[:5],
        *SalesChannel.objects.filter(code__in=_CHANNELS).values_list("code", flat=True),
        *User.objects.filter(email__in=[person.email for person in PEOPLE]).values_list("email", flat=True),
    ]
    if taken:
        raise DomainError(f"The demo world needs names that are taken: {', '.join(taken)}. Use an empty database.")


# -- nodes and goods ---------------------------------------------------------------------------------------------------


def _nodes(today: date) -> dict[str, Node]:
    _registrations()
    groups = {
        code: NodeGroup.objects.create(code=code, name=name)
        for code, name in (
            (brand.GROUP_ALL, "All nodes"), (brand.GROUP_DCS, "Distribution centres"),
            (brand.GROUP_STORES, "Stores"), (brand.GROUP_SHIP_STORES, "Stores that ship"),
        )
    }  # fmt: skip
    made = {}
    for given in NODES:
        node = made[given.code] = Node.objects.create(**_node_fields(given))
        kinds = [brand.GROUP_STORES, *([brand.GROUP_SHIP_STORES] if given.ships else [])]
        codes = [brand.GROUP_ALL, *(kinds if given.is_store else [brand.GROUP_DCS])]
        node.groups.add(*(groups[code] for code in codes))
        if not given.is_store:
            days = [(date(year, month, day), name) for year in (today.year, today.year + 1)
                    for month, day, name in HOLIDAYS]  # fmt: skip
            NodeHoliday.objects.bulk_create(
                NodeHoliday(node=node, day=day, name=name) for day, name in days if day >= today
            )
    return made


#: Places before each store where customers wait in their car.
CURBSIDE_BAYS = 3


def _node_fields(given: DemoNode) -> dict[str, object]:
    place = find_place("IN", given.postcode)
    return {
        "code": given.code, "name": f"{brand.BRAND} {given.name}", "line1": given.line1, "city": given.city,
        "kind": NodeKind.STORE if given.is_store else NodeKind.WAREHOUSE, "region": given.region,
        "postcode": given.postcode, "latitude": place.lat if place else None,
        "longitude": place.lon if place else None, "working_days": list(given.working_days),
        "opens_at": given.opens_at, "closes_at": given.closes_at, "cutoff_at": given.cutoff_at,
        "processing_minutes": given.processing_minutes, "daily_capacity": given.daily_capacity,
        "priority": 200 if given.is_store else 100, "ships": given.ships, "offers_pickup": given.is_store,
        "auto_accept": not given.is_store, "curbside_bays": CURBSIDE_BAYS if given.is_store else 0,
        "phone": f"+9180000{NODES.index(given):05d}",
        "gstin": brand_gstin(given.region),
    }  # fmt: skip


def brand_gstin(region: str) -> str:
    """The brand's GSTIN in a state: of no real company, with a right check sign."""
    body = f"{state_code(region)}{brand.PAN}1Z"
    return body + check_sign(body)


def _registrations() -> None:
    """A GSTIN in each state with a node; the first node there is the registered place."""
    places = {brand_gstin(node.region): node for node in reversed(NODES)}
    TaxRegistration.objects.bulk_create(
        TaxRegistration(
            gstin=gstin, legal_name=f"{brand.BRAND} Retail Private Limited", trade_name=brand.BRAND, line1=node.line1,
            city=node.city, postcode=node.postcode, email=f"accounts@{brand.MAIL_DOMAIN}",
            invoice_prefix=STATES[gstin[:2]].letters, bill_prefix=f"{STATES[gstin[:2]].letters}B",
        )
        for gstin, node in sorted(places.items())
    )  # fmt: skip


def _catalogue(skus: list[DemoSku]) -> dict[str, int]:
    rows = Sku.objects.bulk_create(
        Sku(
            code=sku.code, name=sku.name, category=sku.style.category, brand=brand.BRAND, hsn=sku.style.hsn,
            options={"colour": sku.colour} | ({"size": sku.size} if sku.size else {}),
            weight_grams=sku.style.weight_grams, length_mm=sku.style.sides_mm[0], width_mm=sku.style.sides_mm[1],
            height_mm=sku.style.sides_mm[2], tax_rate_bp=sku.style.tax_rate_bp, price_minor=sku.style.price_minor,
            cost_minor=sku.style.price_minor * 42 // 100, image=static(sku.picture),
        )
        for sku in skus
    )  # fmt: skip
    Barcode.objects.bulk_create(Barcode(sku=row, code=sku.barcode) for row, sku in zip(rows, skus, strict=True))
    return {row.code: row.pk for row in rows}


def _stock(world: DemoWorld, skus: list[DemoSku], sku_ids: dict[str, int], nodes: dict[str, Node]) -> None:
    """Stock by popularity: most SKUs last well past today, some are scarce, some stores have none or one."""
    luck = random.Random(world.seed + 1)
    total = sum(sku.rank**-ZIPF_EXPONENT for sku in skus)
    rows, careful, bins = [], [], {}
    for sku in skus:
        demand = world.orders * 1.25 * sku.rank**-ZIPF_EXPONENT / total
        plenty = luck.choices((2.4, 1.2, 0.45), (0.88, 0.08, 0.04))[0]
        for given in NODES:
            if given.is_store:
                units = 0 if luck.random() < 0.35 else luck.randint(1, 3 + round(demand * 0.05 * plenty))
            else:
                units = round((demand * plenty + 22 * (plenty > 1)) * given.share * luck.uniform(0.8, 1.2))
            key = (sku_ids[sku.code], nodes[given.code].pk)
            rows.append(OpeningRow(*key, units))
            bins[key] = f"{chr(65 + sku.rank % 8)}{luck.randint(1, 24):02d}-{luck.randint(1, 5)}"
            if units and luck.random() < (0.5 if given.is_store else 0.15):
                careful.append(key)
    set_opening_stock(rows=rows, op_key=f"demo/{world.uid}", actor=LOADER)
    kept = set(careful)
    columns = [[key[0] for key in bins], [key[1] for key in bins], list(bins.values()), [key in kept for key in bins]]
    execute(_SHELVES, columns)
    adopt_safety_stock()


_SHELVES = """
INSERT INTO inventory_stocklevel (sku_id, node_id, bin_code, safety_stock)
SELECT sku_id, node_id, bin_code, careful::int
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bool[]) AS s(sku_id, node_id, bin_code, careful)
ON CONFLICT (sku_id, node_id) DO UPDATE SET bin_code = excluded.bin_code, safety_stock = excluded.safety_stock
"""


# -- channels and carriers ---------------------------------------------------------------------------------------------

#: Code -> name, kind, connector, hours to ship, whether we write to its customers, node groups, threshold.
_CHANNELS = {
    brand.WEB: (f"{brand.BRAND}.example", SalesChannelKind.WEBSITE, "woocommerce", 48, True,
                (brand.GROUP_DCS, brand.GROUP_SHIP_STORES), 0),
    brand.MARKETPLACE: ("Bazaario marketplace", SalesChannelKind.MARKETPLACE, "files", 24, False,
                        (brand.GROUP_DCS,), 2),
    brand.PANEL: ("StyleKart panel", SalesChannelKind.MARKETPLACE, "files", 24, False, (brand.GROUP_DCS,), 2),
    brand.B2B: ("Wholesale portal", SalesChannelKind.B2B, "api", 72, True, (brand.GROUP_DCS,), 0),
    brand.QUICK: ("Stores and quick commerce", SalesChannelKind.QUICK, "api", 6, True, (brand.GROUP_STORES,), 1),
    # What a store lacks is sold at its counter, and sent by another node.
    brand.COUNTER: ("Counters of the stores", SalesChannelKind.STORE, "api", 48, True,
                    (brand.GROUP_DCS, brand.GROUP_SHIP_STORES), 0),
}  # fmt: skip
CHANNEL_CODES = tuple(_CHANNELS)


def _channels(world: DemoWorld, moment: datetime) -> dict[str, SalesChannel]:
    made = {}
    for code, (name, kind, connector, hours, writes, groups, threshold) in _CHANNELS.items():
        channel = made[code] = SalesChannel.objects.create(
            code=code, name=name, kind=kind, brand=brand.BRAND, hours_to_ship=hours, notifies_customer=writes
        )
        sourcing = ChannelSourcing.objects.create(channel=channel, threshold=threshold)
        # Collecting at any store is offered by the web shop, so it names every node.
        chosen = (brand.GROUP_ALL,) if code == brand.WEB else groups
        sourcing.groups.add(*NodeGroup.objects.filter(code__in=chosen))
        live = connector == "woocommerce"
        ChannelAccount.objects.create(
            channel=channel, connector=connector, base_url=settings.DEMO_STORE_URL if live else "",
            secrets=store_secrets(world) if live else {}, poll_seconds=15, last_ok_at=None if live else moment,
            # The shop is polled and told things once it was opened, see `oms.demo.shop`.
            pulls_orders=False, pushes_stock=False, pushes_updates=False,
        )  # fmt: skip
    return made


def _listings(channels: dict[str, SalesChannel], skus: list[DemoSku], sku_ids: dict[str, int]) -> None:
    accounts = ChannelAccount.objects.filter(channel__in=channels.values())
    Listing.objects.bulk_create(
        Listing(account=account, external_sku=sku.code, sku_id=sku_ids[sku.code], name=sku.name)
        for account in accounts for sku in skus
    )  # fmt: skip


def _carriers(world: DemoWorld) -> tuple[CarrierAccount, CarrierAccount]:
    card = RateCard.objects.create(
        code=brand.RATE_CARD, name="City riders, surface", zones=zones_json(sample_card()), valid_from=date(2026, 1, 1)
    )
    aggregator = CarrierAccount.objects.create(
        code=brand.AGGREGATOR, name="Courier aggregator", adapter="shiprocket", base_url=settings.DEMO_CARRIER_URL,
        secrets=carrier_secrets(world), priority=10,
        settings={"default_email": f"parcels@{brand.MAIL_DOMAIN}"},
    )  # fmt: skip
    riders = CarrierAccount.objects.create(
        code=brand.RIDERS, name="City riders", adapter="manual", rate_card=card, priority=50, max_weight_grams=15_000,
        settings={"awb_prefix": "CR", "service_name": "City riders"},
    )  # fmt: skip
    return aggregator, riders


# -- people and rules --------------------------------------------------------------------------------------------------


def _people(world: DemoWorld) -> None:
    # Hashed once: the hash is made to be slow, and everybody has the same password.
    first = User(email="")
    first.set_password(password(world))
    User.objects.bulk_create(
        User(
            email=person.email, name=person.name, role=person.role, password=first.password,
            all_nodes=not person.node_codes, node_codes=list(person.node_codes),
        )
        for person in PEOPLE
    )  # fmt: skip


def _policy(moment: datetime) -> None:
    """Version 1 in force, unless a policy of somebody else is."""
    if RoutingPolicy.objects.exists():
        return
    rules = Document((Rule("Every order", split=Split(3), fallback=Fallback(partial=True)),))
    RoutingPolicy.objects.create(
        version=1, name=f"{brand.BRAND} standard", state=PolicyState.LIVE, document=document_json(rules),
        note="Cheapest node that keeps the promise; few splits; distribution centres before stores.",
        created_by=LOADER, published_at=moment, published_by=LOADER, live_since=moment,
    )  # fmt: skip
    forget_policy()
