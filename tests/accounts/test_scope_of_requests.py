"""What a form or a query names beside the address: nodes, channels and rows of others are refused and not touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.urls import reverse

from oms.accounts.models import Role
from oms.core.ids import uuid7
from tests.accounts.addresses import CHANNELS, NODES
from tests.accounts.estate import Estate, Side
from tests.accounts.people import ask, contents, everywhere, signed_in, somewhere, text_of

pytestmark = pytest.mark.usefixtures("db")

Build = Callable[[Side, Side], dict[str, Any]]
BOTH = (NODES, CHANNELS)


@dataclass(frozen=True, slots=True)
class Named:
    """A request at an address of mine that names something of theirs, and its answer."""

    name: str
    data: Build
    status: int
    limits: tuple[str, ...] = BOTH
    arguments: Callable[[Side, Side], list[object]] = field(default=lambda mine, theirs: [])
    method: str = "POST"

    def __str__(self) -> str:
        return f"{self.method} {self.name}"

    def url(self, estate: Estate) -> str:
        """The address of mine."""
        url = reverse(f"dashboard:{self.name}", args=self.arguments(estate.mine, estate.theirs))
        return f"{url}?cause={estate.mine.hold.reason}" if self.name == "tower_act" else url


def _number(mine: Side, theirs: Side) -> list[object]:
    return [mine.order.number]


def _channel(mine: Side, theirs: Side) -> list[object]:
    return [mine.channel.code]


def _moved(mine: Side, theirs: Side) -> dict[str, Any]:
    return {"lines": f"{mine.sku.code} 1", "to_node": theirs.node.code, "op_key": str(uuid7()), "confirmed": "1"}


NAMED = [
    Named("order_reroute", lambda mine, theirs: {"node": theirs.node.code}, 422, (NODES,), _number),
    Named("order_reroute", lambda mine, theirs: {"node": theirs.node.code}, 422, (NODES,), _number, "GET"),
    Named("order_release", lambda mine, theirs: {}, 404, BOTH,
          lambda mine, theirs: [mine.order.number, theirs.hold.pk]),
    Named("order_resend", lambda mine, theirs: {}, 404, BOTH,
          lambda mine, theirs: [mine.order.number, theirs.letter.pk]),
    Named("order_label", lambda mine, theirs: {}, 404, BOTH,
          lambda mine, theirs: [mine.packed.order.number, theirs.shipment.pk], "GET"),
    Named("orders_bulk", lambda mine, theirs: {"ids": [theirs.order.pk], "reason": "other"}, 422, BOTH,
          lambda mine, theirs: ["hold"]),
    Named("orders_bulk", lambda mine, theirs: {"id_list": str(theirs.order.pk), "reason": "No", "confirmed": "1"}, 422,
          BOTH, lambda mine, theirs: ["cancel"]),
    Named("orders_bulk", lambda mine, theirs: {"select_all": "1", "list": f"q={theirs.order.number}"}, 422, BOTH,
          lambda mine, theirs: ["release"]),
    Named("orders_export", lambda mine, theirs: {"ids": [theirs.order.pk]}, 422, BOTH,
          lambda mine, theirs: ["csv"]),
    Named("tower_act", lambda mine, theirs: {"confirmed": "1", "ids": str(theirs.order.pk)}, 422, BOTH,
          lambda mine, theirs: ["hold"]),
    Named("move", _moved, 422, (NODES,), lambda mine, theirs: [mine.node.code]),
    Named("fulfil_manifest_open", lambda mine, theirs: {
        "node": str(theirs.node.pk), "account": str(theirs.waiting.carrier_account_id)}, 404),
    Named("returns_expect", lambda mine, theirs: {"code": theirs.travelling.awb}, 404),
    Named("quarantine_replay", lambda mine, theirs: {"channel": theirs.channel.code, "cause": theirs.message.cause},
          404, (CHANNELS,)),
    Named("quarantine_ignore", lambda mine, theirs: {
        "channel": theirs.channel.code, "cause": theirs.message.cause, "reason": "Old"}, 404, (CHANNELS,)),
    Named("listing_unmap", lambda mine, theirs: {}, 404, (CHANNELS,),
          lambda mine, theirs: [mine.channel.code, theirs.listing.pk]),
    Named("update_skip", lambda mine, theirs: {}, 404, (CHANNELS,),
          lambda mine, theirs: [mine.channel.code, theirs.update.pk]),
    Named("listings_map", lambda mine, theirs: {
        "ids": [theirs.listing.pk], f"sku-{theirs.listing.pk}": mine.sku.code}, 302, (CHANNELS,), _channel),
    Named("updates_retry", lambda mine, theirs: {"ids": [theirs.update.pk]}, 302, (CHANNELS,), _channel),
    Named("token_new", lambda mine, theirs: {
        "name": "x", "verbs": ["orders.view"], "node_codes": [theirs.node.code], "days": "30"}, 422, (NODES,)),
    Named("token_new", lambda mine, theirs: {
        "name": "x", "verbs": ["orders.view"], "channel_codes": [theirs.channel.code], "days": "30"}, 422,
        (CHANNELS,)),
    Named("deliveries", lambda mine, theirs: {}, 403, BOTH, method="GET"),
    Named("deliveries_replay", lambda mine, theirs: {"all": "1"}, 403),
]  # fmt: skip
CASES = [pytest.param(case, limit, id=f"{case}-{limit}") for case in NAMED for limit in case.limits]


@pytest.mark.parametrize(("case", "limit"), CASES)
def test_what_a_request_names_is_refused_out_of_scope(case: Named, limit: str, estate: Estate) -> None:
    mine, theirs = estate.mine, estate.theirs
    client = signed_in(somewhere(Role.ADMIN, limit, estate), estate)
    before = contents()

    response = ask(client, case.method, case.url(estate), case.data(mine, theirs))

    assert response.status_code == case.status
    assert not [word for word in theirs.secrets(stock=limit == NODES) if word in text_of(response)]
    assert contents() == before


#: They name something of theirs at an address of mine, which fits nobody.
FITS_NOBODY = {"order_release", "order_resend", "order_label", "listing_unmap", "update_skip"}
#: They pass over what is not there, with the same answer.
PASSES_OVER = {"listings_map", "updates_retry"}


@pytest.mark.parametrize("case", [case for case in NAMED if case.name not in FITS_NOBODY | PASSES_OVER], ids=str)
def test_the_same_request_is_good_for_who_sees_both_sides(case: Named, estate: Estate) -> None:
    client = signed_in(everywhere(Role.ADMIN), estate)

    response = ask(client, case.method, case.url(estate), case.data(estate.mine, estate.theirs), keep_it=False)

    good = {422} if case.name == "deliveries_replay" else {200, 302}  # no delivery has given up
    assert response.status_code in good


def test_a_manifest_takes_no_parcel_of_another_node(estate: Estate) -> None:
    client = signed_in(somewhere(Role.STORE_MANAGER, NODES, estate), estate)
    before = contents()

    for name in ("dashboard:fulfil_manifest_scan", "store:manifest_scan"):
        url = reverse(name, args=[estate.mine.manifest.pk])
        response = ask(client, "POST", url, {"code": estate.theirs.waiting.awb}, fragment=True)
        assert response.status_code == 200
        assert '"unknown"' in response.headers["HX-Trigger"]

    assert contents() == before


def test_nobody_steps_into_a_store_of_others(estate: Estate) -> None:
    client = signed_in(somewhere(Role.STORE_MANAGER, NODES, estate), estate)

    response = ask(client, "POST", reverse("store:node"), {"node": estate.theirs.node.code})

    assert response.status_code == 404


@pytest.mark.parametrize("limit", BOTH)
def test_an_export_of_all_that_matches_holds_my_side_only(limit: str, estate: Estate) -> None:
    client = signed_in(somewhere(Role.OPS_MANAGER, limit, estate), estate)

    response = ask(client, "POST", reverse("dashboard:orders_export", args=["csv"]), {"select_all": "1"})

    text = text_of(response)
    assert estate.mine.order.number in text
    assert not [word for word in estate.theirs.secrets(stock=limit == NODES) if word in text]
