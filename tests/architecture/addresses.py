"""Which object each address names, on the side of the person who asks and on the other one.

An address with arguments that stands in no row fails the test: whoever adds one says here what it names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from oms.core.models import Job
from oms.notifications.links import tracking_token
from tests.architecture.estate import Estate, Side

Arguments = tuple[object, ...]
NODES, CHANNELS, OWNER = "nodes", "channels", "owner"


@dataclass(frozen=True, slots=True)
class Address:
    """One pattern of the URLconf: its name with namespace, its route, its converters, its view."""

    name: str
    route: str
    takes: int
    view: Callable[..., Any]

    @property
    def verb(self) -> str:
        """What it needs: a verb, or "public"."""
        return str(getattr(self.view, "required_verb", ""))


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


def rows_of(side: Side) -> dict[str, tuple[Arguments, set[str]]]:
    """Name of an address of the dashboard or the store -> the object of this side, and the scopes that hide it."""
    number, shipment = side.order.number, side.shipment
    code, channel = side.node.code, side.channel.code
    order, node, connection = {NODES, CHANNELS}, {NODES}, {CHANNELS}
    rows: dict[str, tuple[Arguments, set[str]]] = {}

    def add(scopes: set[str], arguments: Arguments, names: str) -> None:
        rows.update(dict.fromkeys(names.split(), (arguments, scopes)))

    add(order, (number,), "order order_peek order_timeline order_cancel order_reroute order_address order_hold "
                          "order_release_all order_note order_tags")  # fmt: skip
    add(order, (number, side.hold.pk), "order_release")
    add(order, (number, side.letter.pk), "order_resend")
    add(order, (side.packed.order.number, shipment.pk), "order_label")
    add(node, (shipment.pk,), "fulfil_parcel fulfil_label fulfil_retry fulfil_book")
    add(node, (side.manifest.pk,), "fulfil_manifest fulfil_manifest_scan fulfil_manifest_all fulfil_manifest_close "
                                   "fulfil_manifest_pdf")  # fmt: skip
    add(node, (code,), "node node_switch receive move")
    add(node, (side.sku.pk, code), "level ledger ledger_export adjust safety_stock")
    add(set(), (side.sku.pk,), "sku")
    add(node, (side.coming_back.pk,), "return return_preview return_receive")
    add(connection, (side.message.pk,), "message message_try message_replay message_ignore message_skus message_map")
    add(connection, (channel,), "channel channel_sync channel_test channel_pause channel_push listings listings_map "
                                "updates updates_retry")  # fmt: skip
    add(connection, (channel, side.listing.pk), "listing_unmap")
    add(connection, (channel, side.update.pk), "update_skip")
    dashboard = {f"dashboard:{name}": row for name, row in rows.items()}
    rows.clear()
    add(node, (side.work.pk,), "work reject reject_work put_back_done")
    add(node, (side.picked.pk,), "pack pack_work")
    add(node, (side.packed.pk,), "packed")
    add(node, (shipment.pk,), "label")
    add(node, (side.manifest.pk,), "manifest manifest_scan manifest_close")
    add(node, (side.pickup.pk,), "collect collect_done")
    return dashboard | {f"store:{name}": row for name, row in rows.items()}


def rows_of_owner(jobs: dict[str, Job], draft: object, view_id: int) -> dict[str, tuple[Arguments, set[str]]]:
    """Addresses that name something of one person: jobs, drafts of imports, saved views."""
    rows: dict[str, tuple[Arguments, set[str]]] = {}

    def add(arguments: Arguments, names: str) -> None:
        rows.update({f"dashboard:{name}": (arguments, {OWNER}) for name in names.split()})

    add((jobs["orders.export"].uid,), "job job_cancel job_file")
    add((jobs["orders.bulk"].uid,), "orders_bulk_result orders_bulk_failures orders_bulk_retry orders_bulk_undo")
    add((jobs["import"].uid,), "import_job import_job_rejected")
    add((draft,), "import_columns import_check import_check_rejected import_start")
    add((view_id,), "orders_view_save orders_view_share orders_view_delete")
    return rows


def rows_of_all(estate: Estate) -> dict[str, tuple[Arguments, set[str]]]:
    """Addresses that name something which belongs to nobody in particular."""
    token = tracking_token(estate.mine.order)
    return {
        name: (arguments, set())
        for name, arguments in {
            "dashboard:orders_export": ("csv",), "dashboard:orders_bulk": ("hold",),
            "dashboard:rate_card": (estate.rate_card.code,), "dashboard:carrier": (estate.carrier.code,),
            "dashboard:carrier_settle": (estate.carrier.code,), "dashboard:token_revoke": (1,),
            "dashboard:import_sample": ("orders",), "dashboard:tower_panel": ("queue",),
            "dashboard:tower_kind": ("late",), "dashboard:tower_trouble": ("hold",),
            "dashboard:tower_act": ("hold",), "dashboard:styleguide_page": ("table",),
            "portal:order": (token,), "portal:cancel": (token,), "portal:missing": ("nowhere",),
            "channel-webhook": ("web",), "carrier_tracking_webhook": ("riders",),
        }.items()
    }  # fmt: skip
