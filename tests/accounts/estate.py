"""A merchant of two stores and two channels that have nothing in common, with one of everything on each side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from carriers.models import (
    CarrierAccount,
    CarrierBill,
    ChoiceRule,
    DeliveryProof,
    RateCard,
    RemittanceLine,
    TrackingEvent,
)
from carriers.services.bills import receive_bill
from carriers.services.remittances import PaidParcel, PaidTogether, record_remittance
from channels.base import RawMessage
from channels.models import ChannelAccount, InboundMessage, Listing, OutboundUpdate
from channels.services import receive_messages
from fulfillment.models import (
    FailedDelivery,
    FulfillmentOrder,
    HandOff,
    HandOffFile,
    Manifest,
    PackCheck,
    PackProof,
    Printer,
    PrintJob,
    RoadTrouble,
    Shipment,
    Wave,
    WmsLink,
)
from fulfillment.services import (
    accept,
    add_to_manifest,
    book_shipment,
    hand_over,
    open_fulfillment_orders,
    open_manifest,
    pack,
    pick,
)
from fulfillment.services.waves import make_wave
from inventory.models import (
    ApprovalLimit,
    BufferRule,
    CountItem,
    CountSession,
    InboundShipment,
    Lot,
    Node,
    NodeKind,
    PurchaseOrder,
    Receipt,
    ReplenishmentRule,
    ReplenishmentSuggestion,
    SerialNumber,
    Sku,
    StockAdjustment,
    StockCount,
    StockDifference,
    StockHold,
    Transfer,
)
from inventory.services import (
    AnnouncedLine,
    HoldLine,
    ReceiptItem,
    Source,
    StockLine,
    announce_shipment,
    confirm_transfer,
    draft_transfer,
    hold_stock,
    receive_goods,
    set_substitutes,
    ship_transfer,
)
from inventory.services.replenishing import refresh_suggestions
from oms.accounts.models import ApiToken, Role, User
from oms.accounts.services import create_token
from oms.core.clock import now
from oms.core.ids import uuid7
from oms.core.models import Job, JobState
from oms.core.values import Address
from oms.dashboard.models import SavedView
from oms.integrations.models import WebhookDelivery, WebhookEndpoint
from oms.notifications.models import Message
from oms.notifications.services import queue_messages
from orders.models import Hold, Order, OrderLine, SalesChannel
from orders.services import place_hold
from returns.models import Return
from returns.services import expect_rto
from routing.models import ChannelSourcing, RoutingPolicy, Simulation
from routing.services import create_draft, publish, route_orders, substitute_line
from routing.services.simulating import SimulationTerms, new_simulation
from tests.factories import ASHA, World, capture, make_line, make_node, make_order, make_sku, register_for_tax, stock
from tests.fulfillment.to_store import allow_transfers, order_to_collect
from tests.inventory.counting import begun as begun_count
from tests.inventory.counting import held as held_area
from tests.inventory.purchases import make_placed, make_supplier

#: The result of every job, a few bytes among the media of the tests.
FILE = "results/file.csv"
#: The photo of every adjustment.
SHOT = "adjustments/shot.png"
BILL = b"Invoice,Date,AWB,Freight,Total\nB-1,2026-11-30,NOBODYS,118.00,118.00\n"


@dataclass(slots=True)
class Side:
    """One store and one channel, and what belongs to them."""

    node: Node
    channel: SalesChannel
    account: ChannelAccount
    sku: Sku
    #: Held, at work in the store, nothing picked.
    order: Order
    work: FulfillmentOrder
    hold: Hold
    letter: Message
    #: Picked, to be packed.
    picked: FulfillmentOrder
    #: Packed, labelled, on a manifest, coming back.
    packed: FulfillmentOrder
    shipment: Shipment
    manifest: Manifest
    #: A check of the packed work, with a photo.
    proof: PackProof
    #: Two of the SKU are left to pick.
    wave: Wave
    #: Its label waits for an agent.
    print_job: PrintJob
    coming_back: Return
    #: Labelled, waits for its driver.
    waiting: Shipment
    #: On the road, and nobody expects it back.
    travelling: Shipment
    #: An attempt to deliver that one failed, and it has not moved since.
    failure: FailedDelivery
    trouble: RoadTrouble
    #: What a WMS of the store was given, and a file for it.
    hand_off: HandOff
    file: HandOffFile
    #: Waits at the counter.
    pickup: Shipment
    #: Waits at the store for what another node sends to be collected there.
    awaited: FulfillmentOrder
    #: Sold in place of what no node has.
    stand_in: OrderLine
    message: InboundMessage
    listing: Listing
    buffer: BufferRule
    keeping: ReplenishmentRule
    suggestion: ReplenishmentSuggestion
    update: OutboundUpdate
    #: Ten bought, four came, two are announced.
    #: Goods for and from a warehouse of nobody: a draft, one to pick, one on its way here.
    drafted: Transfer
    leaving: Transfer
    arriving: Transfer
    #: Waits for a second person, with a photo.
    adjustment: StockAdjustment
    #: Known here, and nothing of them in stock: everybody who sees stock may look them up.
    lot: Lot
    serial: SerialNumber
    purchase: PurchaseOrder
    asn: InboundShipment
    difference: StockDifference
    receipt: Receipt
    #: Somebody counts an area of it.
    count: StockCount
    counting: CountSession
    count_item: CountItem
    #: A checkout keeps a unit.
    checkout: StockHold
    #: A message of the whole company, the same on both sides.
    webhook: WebhookDelivery

    def secrets(self, *, stock: bool) -> list[str]:
        """Words that stand on no page of who does not see this side; with `stock` those of its node's stock, too."""
        buyer = self.order.customer_name
        parcels = (self.shipment, self.waiting, self.travelling)
        orders = [self.order, self.picked.order, self.pickup.order, self.awaited.order, self.stand_in.order,
                  *(parcel.order for parcel in parcels)]  # fmt: skip
        awbs = [parcel.awb for parcel in parcels]
        documents = (self.purchase, self.count, self.drafted, self.leaving, self.arriving) if stock else ()
        numbers = [row.number for row in (self.coming_back, *orders, *documents)]
        return [buyer, self.order.customer_email, *awbs, *numbers]


@dataclass(slots=True)
class Estate:
    """Both sides, and what belongs to neither."""

    mine: Side
    theirs: Side
    carrier: CarrierAccount
    rate_card: RateCard
    choice_rule: ChoiceRule
    cash: RemittanceLine
    bill: CarrierBill
    owner: User
    view: SavedView
    token: ApiToken
    jobs: dict[str, Job]
    limit: ApprovalLimit
    webhook: WebhookDelivery
    #: A live version and a draft.
    policy: RoutingPolicy
    policy_draft: RoutingPolicy
    simulation: Simulation


def make_estate() -> Estate:
    """The two sides; everything of `theirs` carries a name of its own, so that it is recognised on a page."""
    default_storage.save(FILE, ContentFile(b"a,b\r\n"))
    default_storage.save(SHOT, ContentFile(b"\x89PNG\r\n\x1a\n"))
    limit = ApprovalLimit.objects.create(units=1000)
    allow_transfers()
    zones = {zone: {"first_grams": 500, "first_minor": 5000, "additional_grams": 500, "additional_minor": 4000,
                    "days": 4} for zone in ("A", "B", "C", "D", "E", "F", "NP")}  # fmt: skip
    card = RateCard.objects.create(code="flat", name="Flat", zones=zones)
    carrier = CarrierAccount.objects.create(code="riders", name="Riders", adapter="manual", rate_card=card)
    rule = ChoiceRule.objects.create(name="Strike", effect="block", reason="On strike", accounts={"nobody": 1})
    came = receive_bill(account_id=carrier.pk, raw=BILL, filename="b.csv", actor="Farida")
    webhook = make_webhook()
    mine = make_side("blr-s1", "web", "Bengaluru", "560001", ASHA, webhook)
    far = replace(ASHA, name="Zubeida Quraishi", email="zubeida@example.com", city="Delhi", region="Delhi",
                  postcode="110001", phone="+919811100000")  # fmt: skip
    theirs = make_side("del-s1", "bazaar", "Delhi", "110037", far, webhook)
    owner = User.objects.create_user("owner@example.com", name="The Owner", role=Role.ADMIN, all_nodes=True)
    view = SavedView.objects.create(name="Mine alone", owner=owner)
    token, _ = create_token(name="ERP", verbs=["orders.view"], created_by_id=owner.pk)
    live, draft = (create_draft(name=name, actor="Asha") for name in ("Standard", "Peak"))
    policy = publish(policy_id=live.pk, edit_version=1, note="The first one", actor="Asha")
    week = SimulationTerms(policy_ids=[draft.pk], since=now() - timedelta(days=7), until=now())
    bill = CarrierBill.objects.get(pk=came.bill_id)
    return Estate(mine, theirs, carrier, card, rule, pay_for(mine.shipment), bill, owner, view, token,
                  make_jobs(owner, mine.order), limit, webhook, policy, draft,
                  new_simulation(week, actor="Asha"))  # fmt: skip


def pay_for(shipment: Shipment) -> RemittanceLine:
    """A remittance of the carrier for a parcel that nobody had to pay."""
    paid = PaidTogether(account_id=shipment.carrier_account_id or 0, utr="U-1", paid_on=now().date(), currency="INR",
                        parcels=[PaidParcel(row=2, awb=shipment.awb, amount_minor=100)])  # fmt: skip
    record_remittance(paid, actor="Farah")
    return RemittanceLine.objects.get()


def make_webhook() -> WebhookDelivery:
    """A message that waits for an endpoint of the company."""
    endpoint = WebhookEndpoint.objects.create(
        name="ERP", url="https://erp.example.com/hook", secret="whsec_c2VjcmV0", topics=["order.captured"]
    )
    return WebhookDelivery.objects.create(endpoint=endpoint, event_key="1", topic="order.captured", payload={})


def make_side(code: str, channel_code: str, city: str, postcode: str, buyer: Address, webhook: WebhookDelivery) -> Side:
    """One store with a SKU that only it has, and a channel that only it serves."""
    node = make_node(code, city=city, postcode=postcode, kind=NodeKind.STORE, offers_pickup=True,
                     latitude=12.97 if city == "Bengaluru" else 28.55, longitude=77.6)  # fmt: skip
    register_for_tax(node, *(("29", "KA") if city == "Bengaluru" else ("07", "DL")))
    channel = SalesChannel.objects.create(code=channel_code, name=f"{city} shop", kind="website")
    ChannelSourcing.objects.create(channel=channel)
    account = ChannelAccount.objects.create(channel=channel, connector="api")
    sku = make_sku(f"{code}-ONLY".upper())
    stock(sku, node, 20)
    world = World(channel, node, node, node, sku, sku, sku)
    abroad = {"ship_to": replace(buyer, country="NP", postcode="44600")}
    collected = {"service_level": "pickup", "pickup_node_code": code}
    kinds: dict[str, Mapping[str, object]] = {"packed": abroad, "pickup": collected}
    held, picked, packed, travelling, waiting, waved, pickup = (
        _work(world, f"{channel_code}-{name}", buyer, **kinds.get(name, {}))
        for name in ("held", "picked", "packed", "travelling", "waiting", "waved", "pickup")
    )
    for item in (picked, packed, travelling, waiting, pickup):
        pick(fulfillment_order_id=item.pk, code=sku.code, quantity=2, actor="Ravi")
    shipment, on_road, labelled = (_labelled(item, f"AWB-{code}-{item.pk}") for item in (packed, travelling, waiting))
    DeliveryProof.objects.create(booking_id=shipment.booking_id or 0, pdf=b"%PDF", fetched_by="Ravi")
    hand_over(shipment_ids=[on_road.pk], actor="Ravi")
    manifest = open_manifest(node_id=node.pk, carrier_account_id=shipment.carrier_account_id or 0, actor="Ravi")
    add_to_manifest(manifest_id=manifest.pk, awb=shipment.awb, actor="Ravi")
    Manifest.objects.filter(pk=manifest.pk).update(signature=SHOT)
    [ready] = pack(fulfillment_order_id=pickup.pk, actor="Ravi")
    wave = make_wave(node_id=node.pk, work_ids=[waved.pk], kind="cluster", actor="Ravi").wave
    awaited, stand_in = _awaited(world, channel_code, buyer), _stand_in(world, channel_code, buyer)
    place_hold(order_id=held.order_id, reason="fraud_risk", source="Asha", handle="fraud", actor="Asha")
    purchase = make_placed(make_supplier(f"mill-of-{code}"), node, (sku, 10))
    asn = announce_shipment(order_id=purchase.pk, lines=[AnnouncedLine(sku_id=sku.pk, quantity=2)], actor="Meera")
    receipt = receive_goods(
        node_id=node.pk, items=[ReceiptItem(sku_id=sku.pk, good=4)], op_key=f"GRN-{code}", actor="Ravi",
        source=Source(order_id=purchase.pk),
    ).receipt  # fmt: skip
    wms = WmsLink.objects.create(node=node)
    count = begun_count(node, sku)
    hub = make_node(f"{code}-hub", city=city, postcode=postcode)
    stock(sku, hub, 5)
    drafted, leaving, arriving = (
        draft_transfer(from_node_id=here.pk, to_node_id=there.pk, lines=[StockLine(sku.pk, 1)], actor="Ravi")
        for here, there in ((node, hub), (node, hub), (hub, node))
    )
    confirm_transfer(transfer_id=leaving.pk, actor="Ravi")
    confirm_transfer(transfer_id=arriving.pk, actor="Ravi")
    ship_transfer(transfer_id=arriving.pk, actor="Ravi")
    adjustment = StockAdjustment.objects.create(
        op_key=f"adjust/{code}", node=node, sku=sku, reason="lost", quantity=1, state="waiting", asked_by="Ravi",
        asked_key="user:0", photo=SHOT,
    )  # fmt: skip
    checkout = hold_stock(uid=uuid7(), owner="user:0", lines=[HoldLine(sku.pk, 1, node.pk)], seconds=900,
                          channel_code=channel_code, node_ids=[node.pk], actor="Shop")  # fmt: skip
    keeping = ReplenishmentRule.objects.create(name=f"Kept up at {code}", node=node, sku=sku, least_stock=900)
    refresh_suggestions(sku_ids=[sku.pk])
    queue_messages([("confirmation", held.order_id, "")])
    receive_messages(
        account, [RawMessage(event_id=f"{code}-1", kind="order", external_id="X-1", payload={"no": "order"})], "api"
    )
    InboundMessage.objects.filter(account=account).update(state="quarantined", cause="Unreadable")
    return Side(
        node=node, channel=channel, account=account, sku=sku, order=held.order, work=held,
        hold=Hold.objects.get(order=held.order), letter=Message.objects.get(order=held.order), picked=picked,
        packed=packed, shipment=shipment, manifest=manifest, wave=wave,
        proof=PackProof.objects.create(
            fulfillment_order=packed, done_by="Ravi", photo=SHOT,
            # Switched off by now: other work is packed without it.
            check_done=PackCheck.objects.create(
                name=f"Seal at {code}", kind="photo", words="Photo of the seal", is_active=False
            ),
        ),
        print_job=PrintJob.objects.create(
            printer=Printer.objects.create(node=node, name=f"ZEBRA-{code}"), shipment=labelled, asked_by="Ravi"
        ),
        coming_back=expect_rto(shipment_id=shipment.pk),
        hand_off=HandOff.objects.create(fulfillment_order=held, link=wms, version=1),
        file=HandOffFile.objects.create(link=wms, sequence=1, name="1.csv", sha256="0", instructions_in=1),
        failure=_failed(on_road), trouble=RoadTrouble.objects.create(shipment=on_road, kind="silent", since=now()),
        waiting=labelled, travelling=on_road, pickup=ready, awaited=awaited, stand_in=stand_in,
        message=InboundMessage.objects.get(account=account),
        listing=Listing.objects.create(account=account, external_sku=sku.code, sku=sku),
        keeping=keeping, suggestion=ReplenishmentSuggestion.objects.get(rule=keeping),
        buffer=BufferRule.objects.create(name=f"Kept at {code}", amount=1, node=node, measure="percent"),
        drafted=drafted, leaving=leaving, arriving=arriving, adjustment=adjustment,
        lot=Lot.objects.create(sku=sku, code=f"L-{code}"),
        serial=SerialNumber.objects.create(sku=sku, number=f"S-{code}"),
        purchase=purchase, asn=asn, receipt=receipt, count=count,
        difference=StockDifference.objects.create(sku=sku, node=node, what="packed", stored=1, computed=0),
        counting=held_area(count, f"Aisle of {code}"), count_item=count.items.get(), checkout=checkout, webhook=webhook,
        update=OutboundUpdate.objects.create(account=account, order=held.order, update_key="x", kind="processing"),
    )  # fmt: skip


def _failed(parcel: Shipment) -> FailedDelivery:
    """The courier came in vain."""
    scan = TrackingEvent.objects.create(
        booking_id=parcel.booking_id or 0, scan_key="1", milestone="attempt_failed", occurred_at=now()
    )
    return FailedDelivery.objects.create(shipment=parcel, scan=scan, number=1, failed_at=now(), due_at=now())


def _awaited(world: World, name: str, buyer: Address) -> FulfillmentOrder:
    """A parcel from a node of nobody is on its way to the store, where its order is collected."""
    depot, sku = (
        make_node(f"{name}-depot", city=world.store.city, postcode=world.store.postcode),
        make_sku(f"{name}-elsewhere".upper()),
    )
    stock(sku, depot, 2)
    who = {"ship_to": buyer, "customer_name": buyer.name, "customer_email": buyer.email, "customer_phone": buyer.phone}
    order_id = order_to_collect(world, f"{name}-awaited", make_line(sku, 2), **who)
    item = FulfillmentOrder.objects.get(order=order_id)
    accept(fulfillment_order_ids=[item.pk], actor="Ravi")
    pick(fulfillment_order_id=item.pk, code=sku.code, quantity=2, actor="Ravi")
    hand_over(shipment_ids=[_labelled(item, f"AWB-{name}-{item.pk}").pk], actor="Ravi")
    return FulfillmentOrder.objects.select_related("order").get(order=order_id, arrives_in__isnull=False)


def _stand_in(world: World, name: str, buyer: Address) -> OrderLine:
    """The line of what the store has, in place of what nobody has."""
    wanted = make_sku(f"{name}-gone".upper())
    set_substitutes(sku_id=wanted.pk, substitute_ids=[world.kurta.pk], actor="Asha")
    who = {"ship_to": buyer, "customer_name": buyer.name, "customer_email": buyer.email, "customer_phone": buyer.phone}
    order_id = capture(world, make_order(f"{name}-gone", make_line(wanted), substitutions="allowed", **who))
    route_orders([order_id], trigger="captured")
    line = OrderLine.objects.get(order=order_id)
    added = substitute_line(order_id=order_id, line_id=line.pk, sku_id=world.kurta.pk, units=1, actor="Asha")
    open_fulfillment_orders([order_id])
    return OrderLine.objects.select_related("order").get(pk=added.pk)


def _labelled(item: FulfillmentOrder, awb: str) -> Shipment:
    [shipment] = pack(fulfillment_order_id=item.pk, actor="Ravi")
    shipment = book_shipment(shipment.pk, awb=awb)
    assert shipment.awb, shipment.problem
    return shipment


def _work(world: World, external_id: str, buyer: Address, **fields: object) -> FulfillmentOrder:
    who = {"ship_to": buyer, "customer_name": buyer.name, "customer_email": buyer.email, "customer_phone": buyer.phone}
    order_id = capture(world, make_order(external_id, make_line(world.kurta, 2), **(who | fields)))
    route_orders([order_id], trigger="captured")
    open_fulfillment_orders([order_id])
    work = FulfillmentOrder.objects.select_related("order").get(order_id=order_id)
    if work.state == "open":
        accept(fulfillment_order_ids=[work.pk], actor="Ravi")
    return work


def make_jobs(owner: User, order: Order) -> dict[str, Job]:
    """A finished job of each kind that has a page of its own."""
    result = {"import": {"kind": "skus", "rows": 1, "objects": 1, "created": 1, "updated": 0, "skipped": 0,
                         "failed": 0, "seconds": 0.1, "captured": 0, "quarantined": 0, "waiting": 0, "errors": [],
                         "warnings": [], "rejected_file": "", "job_id": 0, "already_imported": False}}  # fmt: skip
    bulk = {"action": "hold", "order_ids": [order.pk], "back": "", "args": {}}
    switch: dict[str, Any] = {"shipment_ids": [], "account_id": None, "reason": "Strike", "actor": "Asha"}
    extra: dict[str, dict[str, Any]] = {
        "orders.export": {}, "orders.bulk": {"args": bulk}, "fulfil.switch_carrier": {"args": switch},
        "import": {"args": {"kind": "skus"}, "result": result},
    }  # fmt: skip
    return {
        kind: Job.objects.create(
            kind=kind, title=kind, state=JobState.DONE, created_by_id=owner.pk, total=1, done=1, succeeded=1,
            finished_at=now(), result_file=FILE, **values,
        )
        for kind, values in extra.items()
    }  # fmt: skip
