"""Every operation of the API with every role, with tokens of one store or one channel, and without any."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from inventory.models import StockHold
from oms.accounts.access import ALL_VERBS
from oms.accounts.models import Role
from oms.accounts.services import create_token
from tests.accounts.addresses import CHANNELS, NODES
from tests.accounts.estate import Estate, Side
from tests.accounts.operations import Operation, operations
from tests.accounts.people import ask, contents, everywhere, may, signed_in, somewhere, text_of

pytestmark = pytest.mark.usefixtures("db")


_SESSION = "/counts/{uid}/sessions/{session}"
#: Path -> verbs that it wants on top. The areas of the counts here are held by somebody else.
ALSO = {
    "/shipments/{shipment_id}/label": "pii.view|fulfillment.work",
    "/shipments/{shipment_id}/commercial-invoice": "pii.view|fulfillment.work",
    f"{_SESSION}/release": "inventory.approve", f"{_SESSION}/discard": "inventory.approve",
    "/lots/{lot_id}/recall": "orders.view",
    **dict.fromkeys(("/hand-offs/{number}", "/hand-off-files/{node}/{sequence}"), "pii.view|fulfillment.work"),
}  # fmt: skip


def call(
    client: Client, key: tuple[str, str], wanted: Operation, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """Status and text of one call, whose work is undone."""
    method, path = key
    url = wanted.url(f"/api/v1{path}")
    response = ask(client, method, url, wanted.body, keep_it=False, headers=headers)
    return response.status_code, text_of(response)


def bearer(side: Side, **limits: Any) -> dict[str, str]:
    """A token with every verb, which holds stock on this side."""
    token, secret = create_token(name="all", verbs=sorted(ALL_VERBS), **limits)
    give_hold(side, f"token:{token.pk}")
    return {"Authorization": f"Bearer {secret}"}


def limited_token(limit: str, estate: Estate) -> dict[str, str]:
    if limit == NODES:
        return bearer(estate.mine, node_codes=[estate.mine.node.code])
    return bearer(estate.mine, channel_codes=[estate.mine.channel.code])


def give_hold(side: Side, owner: str) -> None:
    """Make the hold of this side one of the caller's own."""
    StockHold.objects.filter(pk=side.checkout.pk).update(owner=owner)


def test_the_matrix_knows_every_operation_of_the_api(estate: Estate) -> None:
    schema = Client().get("/api/v1/openapi.json").json()

    paths: dict[str, dict[str, object]] = schema["paths"]
    known = {(verb.upper(), path.removeprefix("/api/v1")) for path, verbs in paths.items() for verb in verbs}

    assert known == set(operations(estate.mine))


@pytest.mark.parametrize("role", Role.values)
def test_the_api_lets_a_role_do_what_its_verbs_say(role: str, estate: Estate) -> None:
    user = everywhere(role)
    client = signed_in(user, estate)
    give_hold(estate.mine, f"user:{user.pk}")
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
        if told and not wanted.values and not wanted.query:
            wrong.append((key, told))

    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("limit", [NODES, CHANNELS])
def test_a_token_with_every_verb_reaches_nothing_out_of_scope(limit: str, estate: Estate) -> None:
    client = Client(raise_request_exception=False)
    token = limited_token(limit, estate)

    mine = {
        key: call(client, key, wanted, token)[0]
        for key, wanted in operations(estate.mine).items() if limit not in wanted.closed_to
    }  # fmt: skip
    theirs = {
        key: call(client, key, wanted, token)[0]
        for key, wanted in operations(estate.theirs).items() if limit in wanted.hidden_by
    }  # fmt: skip
    closed = {
        key: call(client, key, wanted, token)[0]
        for key, wanted in operations(estate.mine).items() if limit in wanted.closed_to
    }  # fmt: skip

    assert {key: status for key, status in mine.items() if status in {401, 403, 404, 500}} == {}
    assert {key: status for key, status in theirs.items() if status != 404} == {}
    assert {key: status for key, status in closed.items() if status != 403} == {}


def test_my_order_goes_to_no_node_and_takes_no_line_of_another(estate: Estate) -> None:
    client, token = Client(), bearer(estate.mine, node_codes=[estate.mine.node.code])
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
