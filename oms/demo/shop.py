"""Opens the simulated shop: its products, and the orders of the story that are still under way there.

Everything goes through the store's REST API, before its webhooks are registered and before it is polled. Orders of the
past that were never ended are placed in the store too and take over the store's numbers, so that the store knows the
orders it is told about later.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

import requests
from django.db import transaction

from channels.adapters.woocommerce.client import BATCH_SIZE, WooCommerceClient
from channels.models import ChannelAccount, Listing
from channels.services import account_config, reconcile_listings
from oms.core.clock import now
from oms.core.errors import PermanentError, TransientError
from oms.core.http import Session
from oms.demo import brand
from oms.demo.outside import ORDERS_PER_MINUTE, store_webhook_url
from orders.models import Order, OrderLine

_TOPICS = ("order.created", "order.updated", "order.deleted")
#: Orders made here are changes of this moment to the store; the first poll begins after them.
_SETTLING = timedelta(seconds=40)
_UNDER_WAY = ("captured", "backordered", "routed", "released", "picked", "packed", "shipped")


def shop_account() -> ChannelAccount | None:
    """The account of the demo's web shop."""
    return ChannelAccount.objects.select_related("channel").filter(channel__code=brand.WEB).first()


def is_open(account: ChannelAccount) -> bool:
    """Whether the shop was opened before: only then is it polled and told things."""
    return account.pulls_orders


def open_shop(account: ChannelAccount) -> tuple[int, int]:
    """Fill the store that answers at the account's address; products and orders made. Again makes only what lacks.

    Raises TransientError where the store does not answer.
    """
    client = WooCommerceClient(account_config(account))
    products = _make_products(client, account)
    made = _make_orders(client, account)
    start = (now() + _SETTLING).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    tend_shop(account, client)
    account.settings = account.settings | {"start_from": start}
    account.pulls_orders = account.pushes_stock = account.pushes_updates = True
    account.save(update_fields=["settings", "pulls_orders", "pushes_stock", "pushes_updates"])
    reconcile_listings(account.pk)
    return products, made


def tend_shop(account: ChannelAccount, client: WooCommerceClient | None = None) -> None:
    """See that the store has its webhooks, that they are on and come here, and that it has buyers.

    WooCommerce switches a webhook off after more than five failures, so a restart of the application would silence it.
    """
    client = client or WooCommerceClient(account_config(account))
    known = {str(row.get("topic")): row for row in client.get("/webhooks", {"per_page": BATCH_SIZE}).rows()}
    for topic in _TOPICS:
        body = {"name": topic, "topic": topic, "delivery_url": store_webhook_url(), "status": "active",
                "secret": account.secrets["webhook_secret"]}  # fmt: skip
        found = known.get(topic)
        if found is None:
            client.post("/webhooks", body)
        elif found.get("status") != "active" or found.get("delivery_url") != store_webhook_url():
            client.put(f"/webhooks/{found['id']}", body)
    _let_buyers_in(account.base_url)


def _let_buyers_in(base_url: str) -> None:
    """Buyers begin to order, unless somebody has chosen a rate already."""
    session = Session(retries=1, timeout_seconds=5.0)
    try:
        state = session.request("GET", f"{base_url}/_sim/state").json()
        if not state["habits"]["per_minute"]:
            wanted = {"per_minute": ORDERS_PER_MINUTE, "hour_weights": False}
            session.request("POST", f"{base_url}/_sim/rate", json=wanted)
    except (requests.RequestException, KeyError, ValueError) as error:
        raise TransientError(f"The simulated store does not answer: {type(error).__name__}.") from None


def _known_skus(client: WooCommerceClient) -> set[str]:
    found: set[str] = set()
    page = 1
    while rows := client.get("/products", {"per_page": BATCH_SIZE, "page": page}).rows():
        found |= {str(row.get("sku")) for row in rows}
        page += 1
    return found


def _make_products(client: WooCommerceClient, account: ChannelAccount) -> int:
    known = _known_skus(client)
    wanted = [
        {
            "name": listing.name, "sku": listing.external_sku, "manage_stock": True,
            "regular_price": f"{listing.sku.price_minor / 100:.2f}" if listing.sku else "0",
            "stock_quantity": listing.wanted_quantity or 0,
        }
        for listing in Listing.objects.select_related("sku").filter(account=account).order_by("external_sku")
        if listing.external_sku not in known
    ]  # fmt: skip
    for start in range(0, len(wanted), BATCH_SIZE):
        client.post("/products/batch", {"create": wanted[start : start + BATCH_SIZE]})
    return len(wanted)


def _make_orders(client: WooCommerceClient, account: ChannelAccount) -> int:
    # Numbers of the story have six digits; those that the store gave are smaller.
    rows = Order.objects.filter(channel=account.channel, stage__in=_UNDER_WAY, external_id__regex=r"^7\d{5}$")
    made = 0
    for order in rows.select_related("payment").prefetch_related("lines").order_by("placed_at"):
        try:
            reply = client.post("/orders", _order_body(order)).row()
        except PermanentError:
            continue
        _take_over(order, reply)
        made += 1
    return made


def _order_body(order: Order) -> dict[str, Any]:
    address = order.shipping_address
    first, _, last = address.name.partition(" ")
    person = {"first_name": first, "last_name": last, "address_1": address.line1, "address_2": address.line2,
              "city": address.city, "postcode": address.postcode, "country": address.country,
              "state": _STATES.get(address.region, ""), "phone": address.phone}  # fmt: skip
    paid = order.payment.captured_minor > 0
    return {
        "status": "processing" if paid or order.is_cod else "pending", "set_paid": paid,
        "payment_method": "cod" if order.is_cod else order.payment.gateway or "upi",
        "payment_method_title": "Cash on delivery" if order.is_cod else "Online payment",
        "billing": person | {"email": order.customer_email}, "shipping": person,
        "customer_note": order.customer_note,
        "line_items": [{"sku": line.sku_code, "quantity": line.quantity} for line in order.lines.all()],
    }  # fmt: skip


def _take_over(order: Order, reply: dict[str, Any]) -> None:
    """The order is known by the store's numbers from now on."""
    with transaction.atomic():
        Order.objects.filter(pk=order.pk).update(external_id=str(reply["id"]))
        for line, given in zip(order.lines.all(), reply.get("line_items") or [], strict=False):
            OrderLine.objects.filter(pk=line.pk).update(external_id=f"woo-{given['id']}")
        for line in OrderLine.objects.filter(order=order, external_id__startswith="woo-"):
            OrderLine.objects.filter(pk=line.pk).update(external_id=line.external_id.removeprefix("woo-"))


#: WooCommerce's codes of the states in which the demo's buyers live.
_STATES = {
    "Maharashtra": "MH", "Karnataka": "KA", "Uttar Pradesh": "UP", "Tamil Nadu": "TN", "Telangana": "TS",
    "Kerala": "KL", "Delhi": "DL", "Andhra Pradesh": "AP", "Haryana": "HR", "Punjab": "PB", "Chandigarh": "CH",
    "Himachal Pradesh": "HP", "Jammu And Kashmir": "JK", "Uttarakhand": "UK", "Rajasthan": "RJ", "Gujarat": "GJ",
    "Goa": "GA", "Madhya Pradesh": "MP", "Chhattisgarh": "CT", "West Bengal": "WB", "Odisha": "OR", "Assam": "AS",
    "Bihar": "BR", "Jharkhand": "JH",
}  # fmt: skip
