"""Every operation of the API with every role, with tokens of one store or one channel, and without any."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client

from oms.accounts.access import ALL_VERBS
from oms.accounts.models import Role
from oms.accounts.services import create_token
from tests.accounts.addresses import CHANNELS, NODES
from tests.accounts.estate import Estate, Side
from tests.accounts.people import ask, contents, everywhere, may, signed_in, somewhere, text_of

pytestmark = pytest.mark.usefixtures("db")


@dataclass(frozen=True, slots=True)
class Operation:
    """What it needs, an object for each part of its path, what to send, and the limits that hide what it names."""

    verb: str
    hidden_by: tuple[str, ...] = ()
    body: dict[str, Any] | None = None
    values: dict[str, Any] = field(default_factory=dict)

    def url(self, path: str) -> str:
        """The address with the object in it."""
        return path.format(**self.values)


def operations(side: Side) -> dict[tuple[str, str], Operation]:
    """Every operation, naming the objects of this side."""
    both, node = (NODES, CHANNELS), (NODES,)
    order, work = {"number": side.order.number}, {"work_id": side.work.pk}
    line = {"line_id": side.work.lines.get().pk, "quantity": 1}
    here = {"node": side.node.code, "reference": "r"}
    parcel, sku = {"shipment_id": side.shipment.pk}, side.sku.code
    return {
        ("GET", "/orders"): Operation("orders.view"),
        ("POST", "/orders"): Operation("orders.ingest", (CHANNELS,), {"orders": [{}]}, {"channel": side.channel.code}),
        ("GET", "/orders/{number}"): Operation("orders.view", both, None, order),
        ("POST", "/orders/{number}/hold"): Operation("orders.hold", both, {"reason": "other"}, order),
        ("POST", "/orders/{number}/release"): Operation("orders.release", both, {}, order),
        ("POST", "/orders/{number}/cancel"): Operation("orders.cancel", both, {"reason": "No more"}, order),
        ("POST", "/orders/{number}/reroute"): Operation("orders.reroute", both, {"node": side.node.code}, order),
        ("GET", "/fulfillment-orders"): Operation("fulfillment.view"),
        ("GET", "/fulfillment-orders/{work_id}"): Operation("fulfillment.view", both, None, work),
        ("POST", "/fulfillment-orders/{work_id}/accept"): Operation("fulfillment.work", both, {}, work),
        ("POST", "/fulfillment-orders/{work_id}/reject"): Operation("fulfillment.work", both, {"reason": "No"}, work),
        ("POST", "/fulfillment-orders/{work_id}/picks"): Operation("fulfillment.work", both, line, work),
        ("POST", "/fulfillment-orders/{work_id}/shorts"):
            Operation("fulfillment.work", both, line | {"reason": "not_found"}, work),
        ("POST", "/fulfillment-orders/{work_id}/pack"): Operation("fulfillment.work", both, {}, work),
        ("POST", "/shipments/hand-over"):
            Operation("fulfillment.work", both, {"shipment_ids": [side.shipment.pk]}),
        ("GET", "/shipments/{shipment_id}/label"): Operation("fulfillment.view", both, None, parcel),
        ("GET", "/inventory/levels"): Operation("inventory.view"),
        ("POST", "/inventory/receipts"):
            Operation("inventory.receive", node, here | {"lines": [{"sku": sku, "quantity": 1}]}),
        ("POST", "/inventory/adjustments"):
            Operation("inventory.adjust", node, here | {"sku": sku, "reason": "lost", "quantity": 1}),
        ("POST", "/inventory/counts"): Operation("inventory.adjust", node, here | {"sku": sku, "counted": 1}),
        ("GET", "/inventory/adjustments"): Operation("inventory.view"),
        ("POST", "/inventory/adjustments/{pk}/approve"):
            Operation("inventory.approve", node, {}, {"pk": side.adjustment.pk}),
        ("POST", "/inventory/adjustments/{pk}/reject"):
            Operation("inventory.approve", node, {"note": "No"}, {"pk": side.adjustment.pk}),
        ("GET", "/transfers"): Operation("inventory.view"),
        ("POST", "/transfers"): Operation("inventory.move", node, {
            "from_node": side.node.code, "to_node": side.leaving.to_node.code, "lines": [{"sku": sku, "quantity": 1}]}),
        ("GET", "/transfers/{number}"): Operation("inventory.view", node, None, {"number": side.leaving.number}),
        ("POST", "/transfers/{number}/confirm"):
            Operation("inventory.move", node, {}, {"number": side.drafted.number}),
        ("POST", "/transfers/{number}/ship"): Operation("inventory.move", node, {}, {"number": side.leaving.number}),
        ("POST", "/transfers/{number}/cancel"): Operation("inventory.move", node, {}, {"number": side.leaving.number}),
        ("POST", "/transfers/{number}/receive"):
            Operation("inventory.receive", node, {"reference": "r", "finish": True}, {"number": side.arriving.number}),
        ("POST", "/transfers/{number}/resolve"): Operation("inventory.receive", node, {
            "reference": "r", "sku": sku, "how": "lost", "quantity": 1, "note": "Gone"},
            {"number": side.arriving.number}),
        **_purchasing(side),
        ("GET", "/nodes"): Operation("inventory.view"),
        ("GET", "/skus"): Operation("inventory.view"),
    }  # fmt: skip


def _purchasing(side: Side) -> dict[tuple[str, str], Operation]:
    """Operations of purchase orders, ASNs, receipts and suppliers."""
    node, order, asn = (NODES,), {"order_id": side.purchase.pk}, {"asn_id": side.asn.pk}
    receipt, lines = {"receipt_id": side.receipt.pk}, [{"sku": side.sku.code, "quantity": 1}]
    supplier = side.purchase.supplier.code
    buying = {"supplier": supplier, "node": side.node.code, "lines": lines}
    report = {"node": side.node.code, "reference": "r", "rows": [{"sku": side.sku.code, "on_hand": 1}]}
    return {
        ("GET", "/purchase-orders"): Operation("inventory.view"),
        ("GET", "/purchase-orders/{order_id}"): Operation("inventory.view", node, None, order),
        ("POST", "/purchase-orders"): Operation("inventory.buy", node, buying),
        ("POST", "/purchase-orders/{order_id}/place"): Operation("inventory.buy", node, {}, order),
        ("POST", "/purchase-orders/{order_id}/cancel"): Operation("inventory.buy", node, {}, order),
        ("POST", "/purchase-orders/{order_id}/close"): Operation("inventory.buy", node, {}, order),
        ("GET", "/asns"): Operation("inventory.view"),
        ("POST", "/asns"):
            Operation("inventory.receive", node, {"purchase_order": side.purchase.pk, "lines": lines}),
        ("POST", "/asns/{asn_id}/arrive"): Operation("inventory.receive", node, {}, asn),
        ("POST", "/asns/{asn_id}/cancel"): Operation("inventory.receive", node, {}, asn),
        ("GET", "/inventory/receipts"): Operation("inventory.view"),
        ("GET", "/inventory/receipts/{receipt_id}"): Operation("inventory.view", node, None, receipt),
        ("POST", "/inventory/receipts/{receipt_id}/reverse"):
            Operation("inventory.receive", node, {"reason": "Wrong"}, receipt),
        ("GET", "/suppliers"): Operation("inventory.view"),
        ("PUT", "/suppliers/{code}"): Operation("inventory.buy", (), {"name": "Mill"}, {"code": supplier}),
        ("POST", "/supplier-stock"): Operation("stock.write", node, report),
    }  # fmt: skip


#: Path -> verbs that it wants on top.
ALSO = {"/shipments/{shipment_id}/label": "pii.view|fulfillment.work"}


def call(
    client: Client, key: tuple[str, str], wanted: Operation, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """Status and text of one call, whose work is undone."""
    method, path = key
    query = "?channel={channel}" if "channel" in wanted.values else ""
    url = wanted.url(f"/api/v1{path}{query}")
    response = ask(client, method, url, wanted.body, keep_it=False, headers=headers)
    return response.status_code, text_of(response)


def bearer(**limits: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {create_token(name='all', verbs=sorted(ALL_VERBS), **limits)[1]}"}


def limited_token(limit: str, estate: Estate) -> dict[str, str]:
    if limit == NODES:
        return bearer(node_codes=[estate.mine.node.code])
    return bearer(channel_codes=[estate.mine.channel.code])


def test_the_matrix_knows_every_operation_of_the_api(estate: Estate) -> None:
    schema = Client().get("/api/v1/openapi.json").json()

    paths: dict[str, dict[str, object]] = schema["paths"]
    known = {(verb.upper(), path.removeprefix("/api/v1")) for path, verbs in paths.items() for verb in verbs}

    assert known == set(operations(estate.mine))


@pytest.mark.parametrize("role", Role.values)
def test_the_api_lets_a_role_do_what_its_verbs_say(role: str, estate: Estate) -> None:
    user = everywhere(role)
    client = signed_in(user, estate)
    before = contents()

    wrong = []
    for key, wanted in operations(estate.mine).items():
        status, text = call(client, key, wanted)
        allowed = may(user, *filter(None, (wanted.verb, ALSO.get(key[1], ""))))
        if (status == 403) == allowed or status in {404, 500} or (key[0] == "GET" and allowed and status != 200):
            wrong.append((key, status, text[:200]))

    assert not wrong, "\n".join(map(str, wrong))
    assert contents() == before


@pytest.mark.parametrize("limit", [NODES, CHANNELS])
@pytest.mark.parametrize("role", [Role.ADMIN, Role.OPS_MANAGER, Role.PACKER])
def test_the_api_gives_people_nothing_out_of_scope(role: str, limit: str, estate: Estate) -> None:
    user = somewhere(role, limit, estate)
    client = signed_in(user, estate)

    wrong: list[tuple[object, object]] = []
    for key, wanted in operations(estate.theirs).items():
        status, text = call(client, key, wanted)
        if limit in wanted.hidden_by and status != (404 if may(user, wanted.verb) else 403):
            wrong.append((key, status))
        told = [word for word in estate.theirs.secrets(stock=limit == NODES) if word in text]
        if told and not wanted.values:
            wrong.append((key, told))

    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("limit", [NODES, CHANNELS])
def test_a_token_with_every_verb_reaches_nothing_out_of_scope(limit: str, estate: Estate) -> None:
    client = Client(raise_request_exception=False)
    token = limited_token(limit, estate)

    mine = {key: call(client, key, wanted, token)[0] for key, wanted in operations(estate.mine).items()}
    theirs = {
        key: call(client, key, wanted, token)[0]
        for key, wanted in operations(estate.theirs).items() if limit in wanted.hidden_by
    }  # fmt: skip

    assert {key: status for key, status in mine.items() if status in {401, 403, 404, 500}} == {}
    assert {key: status for key, status in theirs.items() if status != 404} == {}


def test_my_order_goes_to_no_node_and_takes_no_line_of_another(estate: Estate) -> None:
    client, token = Client(), bearer(node_codes=[estate.mine.node.code])
    mine, theirs = operations(estate.mine), estate.theirs
    their_line = theirs.work.lines.get()
    before = contents()

    def status(path: str, **body: object) -> int:
        wanted = mine["POST", path]
        return ask(client, "POST", wanted.url(f"/api/v1{path}"), (wanted.body or {}) | body, headers=token).status_code

    assert status("/orders/{number}/reroute", node=theirs.node.code) == 404
    assert status("/orders/{number}/cancel", lines={their_line.order_line_id: 1}) == 422
    assert status("/fulfillment-orders/{work_id}/picks", line_id=their_line.pk) in {404, 422}
    assert status("/fulfillment-orders/{work_id}/shorts", line_id=their_line.pk) in {404, 422}
    both = [estate.mine.shipment.pk, theirs.shipment.pk]
    assert status("/shipments/hand-over", shipment_ids=both) == 404
    after = contents()
    assert {name for name in before if after[name] != before[name]} <= {"accounts_apitoken"}


def test_without_a_token_nothing_is_told(estate: Estate) -> None:
    client = Client()

    answers = {call(client, key, wanted)[0] for key, wanted in operations(estate.mine).items()}

    assert answers == {401}
