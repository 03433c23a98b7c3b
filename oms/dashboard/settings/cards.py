"""The cards of the settings page: what can be set up, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.apps import apps
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from carriers.models import CarrierAccount
from fulfillment.models import LinkMode, WmsLink
from inventory.models import Node, Sku
from oms.accounts.access import Principal, in_channel_scope, in_node_scope
from oms.accounts.models import ApiToken, User
from oms.dashboard.settings.admin_links import admin_list
from oms.integrations.models import WebhookEndpoint
from oms.notifications.models import MessageAccount
from orders.models import SalesChannel


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One thing to set up. `locked` says who can, where the person may not."""

    icon: str
    title: str
    text: str
    fact: str = ""
    url: str = ""
    action: str = ""
    locked: str = ""
    more: list[tuple[str, str]] = field(default_factory=list)


def settings_cards(principal: Principal) -> list[Card]:
    """Every card, in the order in which a new installation is set up."""
    return [
        _imports(),
        _nodes(principal),
        _skus(principal),
        _channels(principal),
        _carriers(principal),
        _routing(principal),
        _people(principal),
        _tokens(principal),
        _webhooks(principal),
        _messages(principal),
        _wms(principal),
    ]


def _imports() -> Card:
    here = reverse("dashboard:import")
    return Card(
        icon="upload", title=_("Imports"), url=here, action=_("Import a file"),
        text=_("Orders, SKUs, nodes and stock from CSV or XLSX, checked row by row before anything is written."),
        more=[(_("Orders"), f"{here}?kind=orders"), (_("SKUs"), f"{here}?kind=skus"),
              (_("Nodes"), f"{here}?kind=nodes"), (_("Stock"), f"{here}?kind=stock")],
    )  # fmt: skip


def _admin_lock(principal: Principal) -> str:
    staff = principal.user is not None and principal.user.is_staff
    return "" if staff else _("Edited under /admin/, by users made with manage.py createsuperuser.")


def _nodes(principal: Principal) -> Card:
    count = in_node_scope(Node.objects.filter(is_active=True), principal, "code").count()
    return Card(
        icon="building-warehouse", title=_("Nodes"), action=_("Edit nodes"), locked=_admin_lock(principal),
        text=_("Warehouses, stores and dark stores: address, hours, cut-off, capacity."),
        fact=ngettext("%(n)s active node", "%(n)s active nodes", count) % {"n": count},
        url=admin_list("inventory_node"),
    )  # fmt: skip


def _skus(principal: Principal) -> Card:
    count = Sku.objects.filter(is_active=True).count()
    return Card(
        icon="tag", title=_("SKUs"), action=_("Edit SKUs"), locked=_admin_lock(principal),
        text=_("The catalogue: codes, barcodes, weights, tax."),
        fact=ngettext("%(n)s active SKU", "%(n)s active SKUs", count) % {"n": count},
        url=admin_list("inventory_sku"),
    )  # fmt: skip


def _channels(principal: Principal) -> Card:
    count = in_channel_scope(SalesChannel.objects.filter(is_active=True), principal, "code").count()
    allowed = principal.may("channels.view")
    more = [(_("Accounts and keys"), admin_list("channels_channelaccount"))]
    return Card(
        icon="plug", title=_("Channels"), action=_("Open channels"), url=reverse("dashboard:channels"),
        text=_("Where orders come from: health, mapping of listings, quarantine."),
        fact=ngettext("%(n)s active channel", "%(n)s active channels", count) % {"n": count},
        locked="" if allowed else _("Needs the right to see channels. An admin can grant it."),
        more=more if not _admin_lock(principal) else [],
    )  # fmt: skip


def _carriers(principal: Principal) -> Card:
    count = CarrierAccount.objects.filter(is_active=True).count()
    allowed = principal.may("carriers.view")
    more = [(_("Accounts and keys"), admin_list("carriers_carrieraccount"))]
    return Card(
        icon="truck", title=_("Carriers"), action=_("Open carriers"), url=reverse("dashboard:carriers"),
        text=_("Who carries parcels: health, rate cards, quotes."),
        fact=ngettext("%(n)s active account", "%(n)s active accounts", count) % {"n": count},
        locked="" if allowed else _("Needs the right to see carriers. An admin can grant it."),
        more=more if not _admin_lock(principal) else [],
    )  # fmt: skip


def _routing(principal: Principal) -> Card:
    allowed = principal.may("routing.view")
    return Card(
        icon="route", title=_("Routing policy"), action=_("Open routing"), url="/routing/",
        text=_("Which node fulfils an order: rules, weights, simulation, versions."),
        locked="" if allowed else _("Needs the right to see routing. An admin can grant it."),
    )  # fmt: skip


def _people(principal: Principal) -> Card:
    count = User.objects.filter(is_active=True).count()
    return Card(
        icon="users", title=_("People"), action=_("Edit people"), locked=_admin_lock(principal),
        text=_("Who signs in, in which role, and which nodes and channels they see."),
        fact=ngettext("%(n)s person", "%(n)s people", count) % {"n": count},
        url=admin_list("accounts_user"),
    )  # fmt: skip


def _tokens(principal: Principal) -> Card:
    live = ApiToken.objects.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=Now()), revoked_at__isnull=True)
    count = live.count()
    allowed = principal.may("tokens.edit")
    return Card(
        icon="key", title=_("API tokens"), action=_("Open tokens"), url=reverse("dashboard:tokens"),
        text=_("Keys for the ERP, the WMS and scripts, each with its own rights and scope."),
        fact=ngettext("%(n)s live token", "%(n)s live tokens", count) % {"n": count},
        locked="" if allowed else _("Needs the right to make tokens. An admin or integrator can."),
        more=[(_("API reference"), "/api/v1/docs")],
    )  # fmt: skip


def _webhooks(principal: Principal) -> Card:
    count = WebhookEndpoint.objects.filter(is_active=True).count()
    allowed = principal.may("settings.edit") and principal.sees_everything
    return Card(
        icon="webhook", title=_("Webhooks"), action=_("Open webhooks"), url=reverse("dashboard:webhooks"),
        text=_("Other systems that are told at once what happens: stock, orders, parcels, returns."),
        fact=ngettext("%(n)s active webhook", "%(n)s active webhooks", count) % {"n": count},
        locked="" if allowed else _("Needs the right to change settings. An admin can."),
    )  # fmt: skip


def _wms(principal: Principal) -> Card:
    count = WmsLink.objects.exclude(mode=LinkMode.NONE).count()
    return Card(
        icon="building-warehouse", title=_("WMS of nodes"), action=_("Open WMS"), url=reverse("dashboard:wms_links"),
        text=_("Warehouses and 3PLs that work with a system of their own: told by webhook or file, heard by API."),
        fact=ngettext("%(n)s linked node", "%(n)s linked nodes", count) % {"n": count},
        locked="" if principal.may("settings.edit") else _("Needs the right to change settings. An admin can."),
    )  # fmt: skip


def _messages(principal: Principal) -> Card:
    count = MessageAccount.objects.filter(is_active=True).count()
    allowed = principal.may("orders.view")
    return Card(
        icon="message", title=_("Messages"), action=_("Open messages"), url=reverse("dashboard:messages"),
        text=_("What customers are told by e-mail, SMS and WhatsApp: the log, the texts, when and by which medium."),
        fact=ngettext("%(n)s provider", "%(n)s providers", count) % {"n": count},
        locked="" if allowed else _("Needs the right to see orders. An admin can grant it."),
        more=[] if _admin_lock(principal) else [(_("Accounts and keys"), admin_list("notifications_messageaccount"))],
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoState:
    """Whether the demo world is in this database."""

    loaded: bool
    complete: bool = False
    orders: int = 0
    loaded_at: object = None


def demo_state() -> DemoState:
    """The demo world of this database. Looked up by name: the demo is a neighbour that may be left out."""
    world = apps.get_model("demo", "DemoWorld")._default_manager.order_by("pk").values().first()
    if world is None:
        return DemoState(loaded=False)
    return DemoState(
        loaded=True, complete=world["finished_at"] is not None, orders=world["orders"], loaded_at=world["loaded_at"]
    )
