"""Takes every row of the demo world away again, in one transaction, and leaves everything else as it was.

What belongs to the demo hangs from what the loader made: its channels, nodes, SKUs, carrier accounts and people. Orders
that came from the simulated store afterwards hang from the demo's channel, so they go too. `Removal` follows the
foreign keys of every model, so that a table that is added later is not forgotten; rows that are tied by number only
(outbox, transitions, idempotency keys) are named here.

Where something that is not of the demo stands on the demo's nodes or SKUs, nothing is removed: that work cannot be
undone by deleting it.

The ledger and the stock levels refuse to be deleted by trigger. Those triggers are off inside the transaction only.
"""

# ruff: noqa: S608 - all that is put into statements here are names of tables and columns, taken from the models

from __future__ import annotations

import shutil
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction
from django.db.models import Q

from carriers.models import BillLine, Booking, CarrierAccount, CarrierBill, ChoiceRule, LaneRecord, RateCard
from channels.models import ChannelAccount, InboundMessage, Listing, OutboundUpdate
from fulfillment.models import FulfillmentOrder, HandOff, HandOffEvent, Shipment, Wave, WmsLink
from inventory.models import (
    ApprovalLimit,
    CountItem,
    CountSession,
    InboundShipment,
    Node,
    NodeGroup,
    PurchaseOrder,
    ReplenishmentSuggestion,
    Reservation,
    Sku,
    StockAdjustment,
    StockCount,
    StockLevel,
    StockMovement,
    Supplier,
    Transfer,
)
from oms.accounts.models import ApiToken, User
from oms.core.db import execute, fetch_all
from oms.core.errors import Conflict
from oms.core.models import Job
from oms.demo import brand, money, named_units
from oms.demo.catalogue import KITS, skus
from oms.demo.models import DemoWorld, current_world
from oms.demo.nodes import NODES
from oms.demo.outside import CREW_TOKEN, state_folder
from oms.demo.people import PEOPLE
from oms.demo.purchases import SUPPLIER_CODES
from oms.demo.stock_room import own_limits
from oms.demo.world import CHANNEL_CODES, LOADER
from oms.notifications.models import Message, MessageText, OptOut
from orders.models import Order, OrderLine, SalesChannel, TaxRegistration
from returns.models import Return
from routing.models import LearnedDays, PerformanceEdition, PromiseCalibration, RoutingPolicy
from routing.services import forget_policy, forget_promises

_GUARDS = (
    ("inventory_stockmovement", "stock_movement_append_only"),
    ("inventory_stocklevel", "stock_level_keep"),
    ("routing_routingpolicy", "routing_policy_published_stays"),
    ("orders_invoice", "invoice_stays"),
    ("orders_invoiceline", "invoice_line_stays"),
    ("carriers_cashtransaction", "cash_transaction_stays"),
    ("carriers_cashentry", "cash_entry_stays"),
    ("carriers_carrierbill", "carrier_bill_stays"),
    ("carriers_billline", "bill_line_stays"),
    ("carriers_creditnote", "credit_note_stays"),
)
_NAMES = {person.name for person in PEOPLE} | {LOADER}


def _roots() -> list[tuple[type[models.Model], Q]]:
    """What the loader made by name; all else hangs from it."""
    return [
        (SalesChannel, Q(code__in=CHANNEL_CODES)),
        (Node, Q(code__in=[node.code for node in NODES])),
        (NodeGroup, Q(code__in=brand.GROUPS)),
        (Sku, Q(code__in=[*(sku.code for sku in skus()), *(kit.code for kit in KITS), *named_units.CODES])),
        (CarrierAccount, Q(code__in=(brand.AGGREGATOR, brand.RIDERS))),
        (RateCard, Q(code=brand.RATE_CARD)),
        (User, Q(email__in=[person.email for person in PEOPLE])),
        # A job keeps its person by number.
        (Job, Q(created_by_id__in=User.objects.filter(email__in=[person.email for person in PEOPLE]).values("pk"))),
        (ApiToken, Q(name=CREW_TOKEN) | Q(created_by__email__in=[person.email for person in PEOPLE])),
        (RoutingPolicy, Q(published_by__in=_NAMES) | Q(state="draft", created_by__in=_NAMES)),
        (ApprovalLimit, own_limits()),
        (Supplier, Q(code__in=SUPPLIER_CODES)),
        # Learned from the demo's parcels and promises among others: the clock learns anew from those that stay.
        (PerformanceEdition, Q(nodes__node__code__in=[node.code for node in NODES])),
        (LearnedDays, Q()),
        (LaneRecord, Q()),
        (ChoiceRule, Q(name__in=money.RULES)),
        (MessageText, Q(made_by__in=_NAMES)),
        (OptOut, Q(recipient__in=Message.objects.filter(order__channel__code__in=CHANNEL_CODES).values("recipient"))),
        (PromiseCalibration, Q()),
        (TaxRegistration, Q(gstin__contains=brand.PAN)),
        (DemoWorld, Q()),
    ]


#: Key in the payload of an event -> whose number it is.
_EVENT_KEYS: dict[str, type[models.Model]] = {
    "order_id": Order, "shipment_id": Shipment, "fulfillment_order_id": FulfillmentOrder, "node_id": Node,
    "booking_id": Booking, "account_id": ChannelAccount, "update_id": OutboundUpdate, "message_id": Message,
    "return_id": Return, "job_id": Job, "sku_id": Sku, "link_id": WmsLink, "hand_off_event_id": HandOffEvent,
}  # fmt: skip
#: Name of a state machine -> whose transitions it writes.
_MACHINES: dict[str, type[models.Model]] = {
    "fulfillment.FulfillmentOrder": FulfillmentOrder, "fulfillment.Shipment": Shipment, "fulfillment.Wave": Wave,
    "fulfillment.HandOff": HandOff,
    "returns.Return": Return,
    "channels.inbound_message": InboundMessage, "channels.outbound_update": OutboundUpdate,
    "channels.listing": Listing, "channels.account": ChannelAccount,
    "carriers.booking": Booking, "carriers.bill": CarrierBill, "carriers.bill_line": BillLine,
    "inventory.Transfer": Transfer, "inventory.StockAdjustment": StockAdjustment,
    "inventory.StockCount": StockCount, "inventory.CountItem": CountItem, "inventory.CountSession": CountSession,
    "inventory.PurchaseOrder": PurchaseOrder, "inventory.InboundShipment": InboundShipment,
    "inventory.ReplenishmentSuggestion": ReplenishmentSuggestion, "inventory.Sku": Sku,
    "routing.RoutingPolicy": RoutingPolicy,
}  # fmt: skip


def remove_world() -> dict[str, int]:
    """Remove the demo world; the number of rows by table. Raises Conflict where there is none or others stand on it."""
    world = current_world()
    if world is None:
        raise Conflict("There is no demo world in this database.")
    with transaction.atomic():
        counts = Removal().run()
    forget_policy()
    forget_promises()
    shutil.rmtree(state_folder(world), ignore_errors=True)
    return counts


class Removal:
    """One removal. The ids to remove of each model stand in a temporary table `gone_<table>`."""

    def __init__(self) -> None:
        self.models = [
            model
            for model in apps.get_models(include_auto_created=True)
            if model._meta.managed
            and not model._meta.proxy
            and not isinstance(model._meta.pk, models.CompositePrimaryKey)
        ]
        self.counts: dict[str, int] = {}

    def run(self) -> dict[str, int]:
        """Collect, check, delete. Foreign keys are checked at the end of the transaction, so the sequence is free."""
        for model in self.models:
            execute(f"CREATE TEMPORARY TABLE {_gone(model)} (id text PRIMARY KEY) ON COMMIT DROP")
        for root, condition in _roots():
            self._add(root, list(root._default_manager.filter(condition).values_list("pk", flat=True)))
        self._follow_keys()
        self._refuse_strangers()
        self._loosen()
        self._delete_by_number()
        self._delete_posted_keys()
        self._switch("DISABLE")
        for model in self.models:
            self._count(model._meta.db_table, f"DELETE FROM {_table(model)} WHERE {_key(model)}::text IN {_ids(model)}")
        # Written by triggers, also by those of the rows that have just gone.
        recounts = f"DELETE FROM channels_recountdue WHERE sku_id::text IN {_ids(Sku)}"
        self._count("channels_recountdue", recounts)
        self._switch("ENABLE")
        return {table: count for table, count in self.counts.items() if count}

    def _count(self, table: str, statement: str, params: list[Any] | None = None) -> None:
        self.counts[table] = self.counts.get(table, 0) + execute(statement, params or [])

    def _add(self, model: type[models.Model], ids: Iterable[Any]) -> None:
        execute(
            f"INSERT INTO {_gone(model)} SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING",
            [[str(pk) for pk in ids]],
        )

    def _follow_keys(self) -> None:
        """Whatever points at something that goes, goes too, unless its key may be emptied."""
        links = [(child, key) for child in self.models for key in _foreign_keys(child) if not _may_be_emptied(key)]
        grew = True
        while grew:
            grew = False
            for child, field in links:
                found = execute(
                    f"INSERT INTO {_gone(child)} SELECT c.{_key(child)}::text "
                    f"FROM {_table(child)} c JOIN {_gone(_target(field))} g ON g.id = c.{_quote(field.column)}::text "
                    "ON CONFLICT DO NOTHING"
                )
                grew = grew or found > 0

    def _loosen(self) -> None:
        """Empty the keys that may be: a row of somebody else stays without its link."""
        for child in self.models:
            for field in _foreign_keys(child):
                if _may_be_emptied(field):
                    column, gone = _quote(field.column), _ids(_target(field))
                    execute(
                        f"UPDATE {_table(child)} SET {column} = NULL WHERE {column}::text IN {gone} "
                        f"AND {_key(child)}::text NOT IN {_ids(child)}"
                    )

    def _refuse_strangers(self) -> None:
        """Raises Conflict for orders or stock of somebody else on what would go."""
        channels, nodes, goods = _roots()[0][1], _roots()[1][1], _roots()[3][1]
        sku_ids = list(Sku.objects.filter(goods).values_list("pk", flat=True))
        node_ids = list(Node.objects.filter(nodes).values_list("pk", flat=True))
        strange = Order.objects.exclude(channel__in=SalesChannel.objects.filter(channels))
        orders = set(strange.filter(fulfillment_orders__node__in=node_ids).values_list("number", flat=True)[:20])
        lines = OrderLine.objects.filter(sku_id__in=sku_ids).filter(order__in=strange)
        orders |= set(lines.values_list("order__number", flat=True)[:20])
        claims = Reservation.objects.filter(node__in=node_ids, order_id__in=strange.values("pk"))
        orders |= set(claims.values_list("reference", flat=True)[:20])
        if orders:
            raise Conflict(f"Orders that are not of the demo use its nodes or SKUs: {', '.join(sorted(orders))}.")
        mixed = StockLevel.objects.filter(
            Q(sku__in=sku_ids) & ~Q(node__in=node_ids) | Q(node__in=node_ids) & ~Q(sku__in=sku_ids)
        ).filter(Q(on_hand__gt=0) | Q(packed__gt=0))  # fmt: skip
        level = mixed.select_related("sku", "node").first()
        if level is not None:
            raise Conflict(f"There is stock of {level.sku} at {level.node}, of which only one is of the demo. Move it.")

    def _delete_by_number(self) -> None:
        """Rows of the kernel that name what they are about by number."""
        for key, model in _EVENT_KEYS.items():
            self._delete_events(f"payload->>'{key}' IN {_ids(model)}")
        self._delete_events(
            f"EXISTS (SELECT FROM jsonb_array_elements_text(payload->'sku_ids') s WHERE s IN {_ids(Sku)})",
            "jsonb_typeof(payload->'sku_ids') = 'array' AND",
        )
        for name, model in _MACHINES.items():
            statement = f"DELETE FROM core_transition WHERE model = %s AND object_id::text IN {_ids(model)}"
            self._count("core_transition", statement, [name])
        for kind, model in (("user", User), ("token", ApiToken)):  # as in Principal.key
            owners = f"(SELECT '{kind}:' || id FROM {_gone(model)})"
            self._count("core_idempotencykey", f"DELETE FROM core_idempotencykey WHERE principal IN {owners}")
        users = [str(pk) for (pk,) in fetch_all(f"SELECT id FROM {_gone(User)}")]
        self._count("django_session", "DELETE FROM django_session WHERE session_key = ANY(%s)", [_sessions_of(users)])

    def _delete_posted_keys(self) -> None:
        """The keys of postings that go; they have no id of their own."""
        self._count(
            "inventory_postedoperation",
            "DELETE FROM inventory_postedoperation WHERE (op_key, leg) IN "
            f"(SELECT op_key, leg FROM inventory_stockmovement WHERE id::text IN {_ids(StockMovement)})",
        )

    def _delete_events(self, condition: str, first: str = "") -> None:
        chosen = f"SELECT id FROM core_outboxevent WHERE {first} {condition}"
        self._count("core_delivery", f"DELETE FROM core_delivery WHERE event_id IN ({chosen})")
        self._count("core_outboxevent", f"DELETE FROM core_outboxevent WHERE id IN ({chosen})")

    def _switch(self, word: str) -> None:
        # A table with deferred checks outstanding cannot be altered. Keys of rows yet to be deleted must wait, though.
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table, trigger in _GUARDS:
            execute(f"ALTER TABLE {table} {word} TRIGGER {trigger}")
        execute("SET CONSTRAINTS ALL DEFERRED")


def _quote(name: str) -> str:
    return connection.ops.quote_name(name)


def _table(model: type[models.Model]) -> str:
    return _quote(model._meta.db_table)


def _gone(model: type[models.Model]) -> str:
    return _quote(f"gone_{model._meta.db_table}"[:63])


def _key(model: type[models.Model]) -> str:
    return _quote(model._meta.pk.column)


def _ids(model: type[models.Model]) -> str:
    return f"(SELECT id FROM {_gone(model)})"


def _foreign_keys(model: type[models.Model]) -> list[models.ForeignKey[Any, Any]]:
    return [field for field in model._meta.local_fields if isinstance(field, models.ForeignKey)]


def _target(field: models.ForeignKey[Any, Any]) -> type[models.Model]:
    """The model that a key points at; a model that points at itself is its own."""
    return field.model if field.related_model == "self" else field.related_model


def _may_be_emptied(field: models.ForeignKey[Any, Any]) -> bool:
    return field.null and field.remote_field.on_delete is models.SET_NULL


def _sessions_of(user_ids: list[str]) -> list[str]:
    """Keys of the sessions of these people. A session says whose it is only inside."""
    wanted = set(user_ids)
    sessions = apps.get_model("sessions", "Session")._default_manager.all()
    return [session.session_key for session in sessions if session.get_decoded().get("_auth_user_id") in wanted]
