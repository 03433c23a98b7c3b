"""Endless aisle: what this store does not have is sold here and leaves from another node."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from inventory.models import Node, Sku
from oms.accounts.access import principal_of
from oms.core.clock import now
from oms.core.errors import DomainError, NotFound
from oms.core.ids import uuid7
from oms.core.places import guess_place, normalise_postcode
from oms.core.posting import KEY_FIELD, once_per_form
from oms.core.values import Address
from oms.store.gate import seller_write, selling_page, show
from oms.store.lookup import Nearby, nodes_with
from orders.canonical import CanonicalLine, CanonicalOrder, CanonicalPayment
from orders.models import SalesChannel, SalesChannelKind
from orders.services import capture_orders
from routing.services import exclude_node

#: Fields of the form with the most characters of each.
_FIELDS = {"name": 120, "phone": 32, "email": 254, "line1": 200, "city": 120, "region": 120, "postcode": 16}
_NEEDED = ("name", "phone", "line1", "city", "postcode")
MOST_UNITS = 99


def channel_of(node: Node) -> SalesChannel:
    """The channel in whose name a store sells: the one that is called after it, else the only one of all stores.

    Raises DomainError where there is none, or several.
    """
    stores = SalesChannel.objects.filter(kind=SalesChannelKind.STORE, is_active=True)
    own = stores.filter(code=f"store-{node.code}").first()
    if own is not None:
        return own
    found = list(stores[:2])
    if len(found) != 1:
        raise DomainError(
            _("%(node)s has no sales channel. An admin can add one of the kind store, with the code store-%(code)s.")
            % {"node": node.name, "code": node.code}, field="channel",
        )  # fmt: skip
    return found[0]


def _sku(code: str) -> Sku:
    found = Sku.objects.filter(code=code, is_active=True).first()
    if found is None:
        raise NotFound(f"There is no SKU {code[:80]} to sell.")
    return found


@selling_page
def sell_page(request: HttpRequest, node: Node) -> HttpResponseBase:
    """Who buys it, where it goes, and how it is paid."""
    code = request.GET.get("sku", "")
    if not code:
        return HttpResponseRedirect(reverse("store:lookup"))
    return _page(request, node, _sku(code))


def _page(request: HttpRequest, node: Node, sku: Sku, problem: str = "", status: int = 200) -> HttpResponse:
    elsewhere = nodes_with(node, sku)
    return show(
        request, node, "sell", status=status, sku=sku, problem=problem, form=request.POST, elsewhere=elsewhere,
        most=min(MOST_UNITS, _units(elsewhere)), by_cash=request.POST.get("payment") == "cod",
        at_till=request.POST.get("payment") != "cod", currency=settings.DEFAULT_CURRENCY,
    )  # fmt: skip


def _units(elsewhere: list[Nearby]) -> int:
    return sum(item.atp for item in elsewhere)


@seller_write
def sell(request: HttpRequest, node: Node) -> HttpResponseBase:
    """Sell it: an order like any other, which this very store is not asked for. Pressing twice sells once."""
    code = request.POST.get("sku", "")
    if not code:
        raise DomainError(_("Say what is sold."), field="sku")
    sku = _sku(code)
    actor = principal_of(request).name

    def work() -> dict[str, Any]:
        # Whether it can be sold is asked here: a sale that went through is answered whatever is left since.
        order = _order(request, node, sku)
        [captured] = capture_orders(channel=channel_of(node), orders=[order], actor=actor)
        exclude_node(order_id=captured.order_id, node_id=node.pk, reason=f"Sold at {node.code} from another node")
        return {"number": captured.number}

    try:
        number = once_per_form(request, work, one_action=True)["number"]
    except DomainError as error:
        return _page(request, node, sku, error.message, error.http_status)
    messages.success(request, _("%(number)s is sold. Another node sends it to the customer.") % {"number": number})
    return HttpResponseRedirect(f"{reverse('store:lookup')}?code={sku.code}")


def _order(request: HttpRequest, node: Node, sku: Sku) -> CanonicalOrder:
    """The order of the form. Raises DomainError, naming the first field that is missing or wrong."""
    given = {name: " ".join(request.POST.get(name, "").split())[:most] for name, most in _FIELDS.items()}
    for name in _NEEDED:
        if not given[name]:
            raise DomainError(_("Fill in everything but e-mail and state."), field=name)
    postcode = normalise_postcode(node.country, given["postcode"])
    if postcode is None:
        raise DomainError(_("%(code)s is no PIN code.") % {"code": given["postcode"]}, field="postcode")
    place = guess_place(node.country, postcode)
    text, most = request.POST.get("quantity", ""), _units(nodes_with(node, sku))
    units = int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0
    if not 1 <= units <= min(most, MOST_UNITS):
        raise DomainError(_("Other nodes can send %(n)d of it now.") % {"n": most}, field="quantity")
    price = sku.price_minor * units
    if price <= 0:
        raise DomainError(_("%(sku)s has no price: it cannot be sold here.") % {"sku": sku.code}, field="sku")
    line = CanonicalLine(
        external_id="1", sku_code=sku.code, sku_id=sku.pk, quantity=units, name=sku.name,
        unit_price_minor=sku.price_minor, tax_minor=price * sku.tax_rate_bp // (10_000 + sku.tax_rate_bp),
        options={str(key): str(value) for key, value in sku.options.items()},
    )  # fmt: skip
    address = Address(
        name=given["name"], line1=given["line1"], city=given["city"], postcode=postcode, country=node.country,
        region=given["region"] or (place.state if place else ""), phone=given["phone"], email=given["email"],
    )  # fmt: skip
    key = request.POST.get(KEY_FIELD, "")[:60] or uuid7().hex
    return CanonicalOrder(
        external_id=f"{node.code}/{key}", placed_at=now(), lines=(line,), currency=settings.DEFAULT_CURRENCY,
        customer_name=given["name"], customer_email=given["email"], customer_phone=given["phone"], ship_to=address,
        bill_to=address, payment=_payment(request, price), tags=(f"sold-at-{node.code}",),
    )  # fmt: skip


def _payment(request: HttpRequest, amount_minor: int) -> CanonicalPayment:
    if request.POST.get("payment") == "cod":
        return CanonicalPayment(method="cod", state="pending", amount_minor=amount_minor)
    receipt = request.POST.get("receipt", "").strip()[:60]
    if request.POST.get("payment") != "till" or not receipt:
        raise DomainError(_("Take the money at the till, and write the number of the receipt."), field="receipt")
    return CanonicalPayment(method="prepaid", state="paid", gateway="till", reference=receipt,
                            amount_minor=amount_minor, captured_minor=amount_minor)  # fmt: skip
