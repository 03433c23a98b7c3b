"""Which object each address names, on the side of the person who asks and on the other one.

An address with arguments that stands in no row fails the test: whoever adds one says here what it names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import URLPattern, URLResolver, get_resolver, reverse

from oms.core.models import Job
from oms.notifications.links import tracking_token
from oms.notifications.models import MessageAccount, OptOut
from tests.accounts.estate import Estate, Side

NODES, CHANNELS, OWNER = "nodes", "channels", "owner"
#: Rooms with a gate of their own, which have tests of their own.
OWN_GATE = ("admin/", "accounts/", "api/")


@dataclass(frozen=True, slots=True)
class Address:
    """One pattern of the URLconf: its name with namespace, its route, how many arguments it takes, its view."""

    name: str
    route: str
    takes: int
    view: Callable[..., Any]

    @property
    def verb(self) -> str:
        """What it needs: a verb, or "public"."""
        return str(getattr(self.view, "required_verb", ""))


@dataclass(frozen=True, slots=True)
class Row:
    """An object that an address names, and the limits of a person that hide it."""

    arguments: tuple[object, ...]
    hidden_by: frozenset[str]
    query: str = ""

    def url(self, name: str) -> str:
        """The address of this object."""
        path = reverse(name, args=self.arguments)
        return f"{path}?{self.query}" if self.query else path


Rows = dict[str, Row]


def all_addresses() -> list[Address]:
    """Every pattern of the project, outermost first."""

    def walk(patterns: Sequence[URLPattern | URLResolver], route: str, space: str, takes: int) -> Iterator[Address]:
        for pattern in patterns:
            path, count = route + str(pattern.pattern), takes + pattern.pattern.regex.groups
            if isinstance(pattern, URLResolver):
                inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
                yield from walk(pattern.url_patterns, path, inner, count)
            else:
                yield Address(f"{space}{pattern.name or ''}", path, count, pattern.callback)

    return list(walk(get_resolver().url_patterns, "", "", 0))


def addresses() -> list[Address]:
    """Those that the gate of the project guards."""
    return [address for address in all_addresses() if not address.route.startswith(OWN_GATE)]


def urls_of(rows: Rows) -> Iterator[tuple[Address, str]]:
    """Each address with the URL of its row; those that need none have one in any case."""
    for address in addresses():
        if address.name in rows:
            yield address, rows[address.name].url(address.name)
        elif address.takes == 0:
            yield address, reverse(address.name) if address.name else f"/{address.route}"


def rows_of(side: Side) -> Rows:
    """Name of an address -> the object of this side."""
    return _orders(side) | _nodes(side) | _channels(side) | _store(side)


def _table(space: str, *groups: tuple[str, set[str], tuple[object, ...]], **query: object) -> Rows:
    """One row for every name in the words of a group."""
    return {
        f"{space}:{name}": Row(arguments, frozenset(limits), urlencode(query))
        for names, limits, arguments in groups for name in names.split()
    }  # fmt: skip


def _orders(side: Side) -> Rows:
    number, order = side.order.number, {NODES, CHANNELS}
    walk = _table("dashboard", ("fulfil_pick_list", {NODES}, ()), node=side.node.code)
    return walk | _table(
        "dashboard",
        ("order order_peek order_timeline order_cancel order_reroute order_address order_hold order_release_all "
         "order_note order_tags order_tell order_hasten", order, (number,)),
        ("order_proof", order, (number, 1)), ("order_other_node", order, (number, 1, side.node.pk)),
        ("order_release", order, (number, side.hold.pk)), ("order_resend", order, (number, side.letter.pk)),
        ("customer_message", order, (side.letter.pk,)),
        ("order_transfer_gone", order, (side.awaited.order.number, side.awaited.pk)),
        ("order_substitute order_take_back", order, (side.stand_in.order.number, side.stand_in.pk)),
        ("order_label order_invoice", order, (side.packed.order.number, side.shipment.pk)),
        ("return return_preview return_receive", order, (side.coming_back.pk,)),
        ("fulfil_parcel fulfil_label fulfil_slip fulfil_papers fulfil_invoice fulfil_invoice_issue fulfil_retry "
         "fulfil_customs fulfil_book fulfil_decide fulfil_apart fulfil_pack_label "
         "fulfil_proof fulfil_proof_ask", order, (side.shipment.pk,)),
        ("fulfil_hand_off fulfil_hand_off_take fulfil_hand_off_cancel", order, (side.hand_off.pk,)),
        ("fulfil_hand_off_file", order, (side.file.pk,)),
        ("fulfil_ndr_case fulfil_ndr_answer fulfil_ndr_told", order, (side.failure.pk,)),
        ("fulfil_road_case fulfil_road_act", order, (side.trouble.pk,)),
        ("fulfil_manifest fulfil_manifest_scan fulfil_manifest_all fulfil_manifest_close fulfil_manifest_pdf "
         "fulfil_manifest_signature fulfil_manifest_out", order,
         (side.manifest.pk,)),
        ("fulfil_check_photo", order, (side.proof.pk,)),
        ("fulfil_wave fulfil_wave_list_pdf fulfil_wave_totes_pdf fulfil_wave_assign fulfil_wave_take_out "
         "fulfil_wave_cancel fulfil_wave_finish", order, (side.wave.pk,)),
    )  # fmt: skip


def _nodes(side: Side) -> Rows:
    code = side.node.code
    return _table(
        "dashboard",
        ("purchase_order purchase_order_edit purchase_order_place purchase_order_cancel purchase_order_close "
         "purchase_order_date purchase_order_receive asn_new", {NODES}, (side.purchase.pk,)),
        ("asn_arrive asn_cancel", {NODES}, (side.asn.pk,)),
        ("receipt receipt_reverse", {NODES}, (side.receipt.pk,)),
        ("supplier supplier_item_save", set(), (side.purchase.supplier.code,)),
        ("supplier_item_remove", set(), (side.purchase.supplier.code, side.sku.pk)),
        ("sku_label", set(), (side.sku.pk,)), ("buffer buffer_move buffer_remove", {NODES}, (side.buffer.pk,)),
        ("suggestion", {NODES}, (side.suggestion.pk,)),
        ("replenishment_rule replenishment_rule_move replenishment_rule_remove", {NODES}, (side.keeping.pk,)),
        ("count count_export count_close count_finish count_cancel count_code count_items", {NODES},
         (side.count.number,)),
        ("count_session", {NODES}, (side.count.number, side.counting.uid)),
        ("count_make_room", {NODES}, (side.count.number, side.count_item.pk)), ("count_suggested", {NODES}, (code,)),
        ("transfer_edit transfer_confirm", {NODES}, (side.drafted.number,)),
        ("transfer transfer_note transfer_pick transfer_pick_scan transfer_ship transfer_cancel", {NODES},
         (side.leaving.number,)),
        ("transfer_receive transfer_receive_scan", {NODES}, (side.arriving.number,)),
        ("transfer_resolve", {NODES}, (side.arriving.number, side.arriving.lines.get().pk)),
        ("adjustment adjustment_photo adjustment_approve adjustment_reject adjustment_withdraw adjustment_undo",
         {NODES}, (side.adjustment.pk,)),
        ("node node_switch node_capacity receive move", {NODES}, (code,)),
        ("wms_link wms_secret wms_test wms_changeover", {NODES}, (code,)),
        ("lot lot_recall lot_block lot_correct", set(), (side.lot.pk,)), ("serial", set(), (side.serial.pk,)),
        ("sku sku_ledger sku_ledger_export sku_components sku_substitutes", set(), (side.sku.pk,)),
        ("stock_difference", {NODES}, (side.difference.pk,)),
        ("level ledger ledger_export adjust safety_stock", {NODES}, (side.sku.pk, code)),
    )  # fmt: skip


def _channels(side: Side) -> Rows:
    code, limits = side.channel.code, {CHANNELS}
    cause = _table("dashboard", ("quarantine_group", limits, ()), channel=code, cause=side.message.cause)
    return cause | _table(
        "dashboard",
        ("message message_try message_replay message_ignore message_skus message_map", limits, (side.message.pk,)),
        ("channel channel_sync channel_test channel_pause channel_push listings listings_map updates updates_retry",
         limits, (code,)),
        ("publication_channel", limits, (code,)), ("publication_listing", limits, (side.listing.pk,)),
        ("publish_tab", set(), (side.sku.pk,)),
        ("listing_unmap", limits, (code, side.listing.pk)), ("update_skip", limits, (code, side.update.pk)),
    )  # fmt: skip


def _store(side: Side) -> Rows:
    limits = {NODES, CHANNELS}
    walk = _table("store", ("pick pick_list short", limits, ()), work=side.work.pk, sku=side.sku.code)
    walk |= _table("store", ("wave_short", limits, (side.wave.pk,)), sku=side.sku.code)
    return walk | _table(
        "store",
        ("work reject reject_work put_back_done", limits, (side.work.pk,)),
        ("pack pack_work pack_scan", limits, (side.picked.pk,)), ("pack_forget pack_swap", limits, (side.picked.pk, 1)),
        ("packed", limits, (side.packed.pk,)),
        ("label customs", limits, (side.shipment.pk,)),
        ("manifest manifest_scan manifest_out manifest_close", limits, (side.manifest.pk,)),
        ("wave wave_scan wave_put wave_short_report wave_take_over wave_end", limits, (side.wave.pk,)),
        ("take_apart", limits, (side.shipment.pk,)),
        ("collect collect_done unlock send_again shelf shelf_scan", limits, (side.pickup.pk,)),
        ("arrival arrival_done", limits, (side.awaited.pk,)),
        ("goods goods_scan goods_take goods_finish", limits, (side.purchase.pk,)),
        ("transfer_pick transfer_pick_scan transfer_pick_take transfer_pick_finish", limits, (side.leaving.pk,)),
        ("transfer_receive transfer_receive_scan transfer_receive_take transfer_receive_finish", limits,
         (side.arriving.pk,)),
        ("count count_start", limits, (side.count.uid,)),
        ("counting count_scans count_undo count_pause count_submit count_discard count_release", limits,
         (side.counting.uid,)),
    )  # fmt: skip


def rows_of_owner(jobs: dict[str, Job], draft: object, view_id: int, token_id: int) -> Rows:
    """Addresses that name something of one person: jobs, drafts of imports, saved views, tokens."""
    only = {OWNER}
    return _table(
        "dashboard",
        ("job job_cancel job_file", only, (jobs["orders.export"].uid,)),
        ("orders_bulk_result orders_bulk_failures orders_bulk_retry orders_bulk_undo", only,
         (jobs["orders.bulk"].uid,)),
        ("import_job import_job_rejected", only, (jobs["import"].uid,)),
        ("fulfil_switch_result", only, (jobs["fulfil.switch_carrier"].uid,)),
        ("import_columns import_check import_check_rejected import_start buffers_restore", only, (draft,)),
        ("orders_view_save orders_view_share orders_view_delete", only, (view_id,)),
        ("token_revoke", only, (token_id,)),
    )  # fmt: skip


_WEBHOOK = ("webhook webhook_edit webhook_secret webhook_pause webhook_resume webhook_remove webhook_test "
            "webhook_resend_failed")  # fmt: skip


def rows_of_all(estate: Estate) -> Rows:
    """Addresses that name something which belongs to nobody in particular."""
    token, nobody = tracking_token(estate.mine.order), frozenset[str]()
    named = {
        "dashboard:orders_export": ("csv",), "dashboard:orders_bulk": ("hold",),
        "dashboard:rate_card": (estate.rate_card.code,), "dashboard:carrier": (estate.carrier.code,),
        **{f"dashboard:carrier_rule{name}": (estate.choice_rule.pk,) for name in ("", "_move", "_remove")},
        **{f"dashboard:cash_{name}": (estate.cash.booking_id,) for name in ("parcel", "write_off")},
        **{f"dashboard:cash_{name}": (estate.cash.pk,) for name in ("assign", "release")},
        "dashboard:cash_remittance": (estate.cash.remittance_id,),
        **{f"dashboard:carrier_bill{name}": (estate.bill.pk,)
           for name in ("", "_check", "_decide", "_disputes", "_file")},
        "dashboard:carrier_settle": (estate.carrier.code,), "dashboard:import_sample": ("orders",),
        "dashboard:adjustment_limit_drop": (estate.limit.pk,),
        **{f"dashboard:routing_{name}": (estate.policy.version,) for name in ("version", "restore", "trial")},
        **{f"dashboard:routing_{name}": (estate.policy_draft.pk,)
           for name in ("draft", "draft_rules", "publish", "plan", "discard", "shadow")},
        "dashboard:routing_draft_rule": (estate.policy_draft.pk, 0),
        **{f"dashboard:routing_{name}": (estate.simulation.pk,)
           for name in ("simulation", "simulation_cancel", "simulation_csv")},
        **{f"dashboard:{name}": (estate.webhook.endpoint_id,) for name in _WEBHOOK.split()},
        **{f"dashboard:{name}": (estate.webhook.endpoint_id, estate.webhook.pk)
           for name in ("webhook_message", "webhook_resend")},
        "dashboard:tower_panel": ("queue",), "dashboard:tower_kind": ("late",), "dashboard:styleguide_page": ("table",),
        "portal:order": (token,), "portal:cancel": (token,), "portal:on_my_way": (token,), "portal:here": (token,),
        **{f"portal:{name}": (tracking_token(estate.mine.travelling.order), estate.mine.travelling.pk)
           for name in ("deliver", "send_back", "not_here")},
        "portal:missing": ("nowhere",),
        "channel-webhook": ("web",), "carrier_tracking_webhook": ("riders",),
        "message_receipts": (MessageAccount.objects.get_or_create(
            code="texts", defaults={"name": "Texts", "provider": "twilio"})[0].code,),
        "dashboard:message_text": ("shipped", "sms", "en"), "dashboard:message_text_test": ("shipped", "sms", "en"),
        "dashboard:message_text_restore": ("shipped", "sms", "en"), "dashboard:message_channel": ("web",),
        "dashboard:message_opt_out_remove": (OptOut.objects.get_or_create(
            medium="sms", recipient="+919845099999", defaults={"source": "person"})[0].pk,),
    }  # fmt: skip
    group = Row(("hold",), nobody, urlencode({"cause": estate.mine.hold.reason}))
    return {name: Row(arguments, nobody) for name, arguments in named.items()} | {
        "dashboard:tower_trouble": group, "dashboard:tower_act": group,
    }  # fmt: skip
