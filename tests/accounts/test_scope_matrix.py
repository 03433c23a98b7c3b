"""Every role at every address: what its verbs allow opens, what lies outside of its scope does not exist.

The addresses come from the URLconf, the objects from two stores and two channels that have nothing in common.
"""

from __future__ import annotations

import re

import pytest
from django.test import Client

from oms.accounts.models import Role
from tests.accounts.addresses import (
    CHANNELS,
    NODES,
    OWNER,
    Address,
    addresses,
    all_addresses,
    rows_of,
    rows_of_all,
    urls_of,
)
from tests.accounts.estate import Estate
from tests.accounts.people import (
    ask,
    belongings,
    belongings_of_owner,
    contents,
    everywhere,
    may,
    signed_in,
    somewhere,
    text_of,
)

pytestmark = pytest.mark.usefixtures("db")

_PAPER = "pii.view|fulfillment.work"
#: Address -> verbs that it wants on top of the one it declares.
ALSO = {
    "dashboard:order_address": "pii.view", "dashboard:order_label": _PAPER, "dashboard:fulfil_label": _PAPER,
    "dashboard:fulfil_slip": _PAPER, "dashboard:fulfil_papers": _PAPER,
    "dashboard:fulfil_customs": _PAPER,
    "dashboard:fulfil_invoice": _PAPER, "dashboard:order_invoice": _PAPER,
    "dashboard:fulfil_hand_off_file": _PAPER, "dashboard:fulfil_check_photo": _PAPER,
    "dashboard:fulfil_proof": _PAPER, "dashboard:fulfil_proof_ask": _PAPER,
    "dashboard:lot_recall": "orders.view",
    "dashboard:fulfil_manifest_pdf": _PAPER, "dashboard:fulfil_manifest_signature": _PAPER,
    "dashboard:tower_act": "orders.release",
    "dashboard:orders_bulk": "orders.hold", "dashboard:orders_bulk_retry": "orders.hold",
    "dashboard:orders_bulk_undo": "orders.release",
    **{f"store:transfer_receive{step}": "inventory.receive" for step in ("", "_scan", "_take", "_finish")},
    **{f"store:goods{step}": "inventory.receive" for step in ("", "_scan", "_take", "_finish")},
    "dashboard:publication_export": "channels.view", "dashboard:publish_tab": "inventory.view",
    # The draft of the tests is one of SKUs.
    **{f"dashboard:import_{step}": "imports.run" for step in ("columns", "check", "check_rejected", "start")},
    # The first page of the site: it sends people of the floor on to their tasks instead of refusing them.
    "dashboard:tower": "tower.view|store.use",
}  # fmt: skip
#: The same for those that write at an address which others may read.
WRITES_ALSO = {
    "dashboard:supplier": "inventory.buy", "dashboard:publication_listing": "channels.edit",
    "dashboard:count_make_room": "orders.reroute",
}  # fmt: skip
#: Roles for which fragments are asked for beside the pages; the gate is the same for all.
WITH_FRAGMENTS = {Role.ADMIN, Role.STORE_MANAGER}
#: Addresses that say 404 to everybody by their nature.
MISSING = {"portal:missing"}
#: They answer as if it were done for what is not there, and do nothing.
SILENT = {"dashboard:orders_view_delete"}
#: Addresses opened for each role, at least: counted so that no test can become empty.
LEAST_READ, LEAST_WRITTEN, LEAST_HIDDEN = 65, 60, 40


def needs(address: Address) -> list[str]:
    """The verbs of an address; none for those that are open to everybody."""
    own = "" if address.name == "dashboard:tower" else address.verb
    return [verb for verb in (own, ALSO.get(address.name, "")) if verb not in {"", "public"}]


def test_the_matrix_knows_what_every_address_names(estate: Estate) -> None:
    rows = rows_of(estate.mine) | belongings_of_owner(estate) | rows_of_all(estate)

    assert sorted({address.name for address in addresses() if address.takes} - set(rows)) == []
    assert sorted(set(rows) - {address.name for address in addresses()}) == []


@pytest.mark.parametrize("role", Role.values)
def test_a_role_opens_what_its_verbs_say_and_looking_changes_nothing(role: str, estate: Estate) -> None:
    user = everywhere(role)
    client = signed_in(user, estate)
    rows = rows_of(estate.mine) | belongings(client, user, estate) | rows_of_all(estate)
    before = contents()

    wrong, opened = [], 0
    for address, url in urls_of(rows):
        for fragment in (False, True)[: 1 + (role in WITH_FRAGMENTS)]:
            status = ask(client, "GET", url, fragment=fragment).status_code
            if status == 405 or (address.name in MISSING and status == 404):
                break
            opened += not fragment
            # 409: the object is not in a state for it, which is said to those only who might.
            if status not in ({200, 204, 302, 409} if may(user, *needs(address)) else {403}):
                wrong.append((url, fragment, status))

    assert not wrong, "\n".join(map(str, wrong))
    assert opened >= LEAST_READ
    assert contents() == before


@pytest.mark.parametrize("role", Role.values)
def test_a_role_writes_what_its_verbs_say(role: str, estate: Estate) -> None:
    user = everywhere(role)
    client = signed_in(user, estate)
    rows = rows_of(estate.mine) | belongings(client, user, estate) | rows_of_all(estate)
    before = contents()

    wrong, written = [], 0
    for address, url in urls_of(rows):
        if address.verb == "public":
            continue
        status = ask(client, "POST", url, keep_it=False).status_code
        if status == 405:
            continue
        written += 1
        refused = status == 403
        verbs = [*needs(address), *filter(None, [WRITES_ALSO.get(address.name)])]
        if refused == may(user, *verbs) or status == 500:
            wrong.append((url, status))

    assert not wrong, "\n".join(map(str, wrong))
    assert written >= LEAST_WRITTEN
    assert contents() == before


#: Scopes do not ask for the role: these have all verbs, the office's, the floor's and the machines'.
SCOPED = [Role.ADMIN, Role.OPS_MANAGER, Role.STORE_MANAGER, Role.PACKER, Role.INTEGRATOR]


@pytest.mark.parametrize("limit", [NODES, CHANNELS])
@pytest.mark.parametrize("role", SCOPED)
def test_what_is_out_of_scope_does_not_exist(role: str, limit: str, estate: Estate) -> None:
    user = somewhere(role, limit, estate)
    client = signed_in(user, estate)
    foreign = rows_of(estate.theirs) | belongings_of_owner(estate)
    before = contents()

    wrong, asked = [], 0
    for address, url in urls_of(foreign):
        hidden_by = foreign[address.name].hidden_by if address.name in foreign else frozenset()
        if limit not in hidden_by and not (OWNER in hidden_by and role != Role.ADMIN):
            continue
        # The store app is closed to those who see some channels only.
        closed = limit == CHANNELS and address.name.startswith("store:")
        for method, fragment in (("GET", False), ("POST", False), ("GET", True))[: 2 + (role in WITH_FRAGMENTS)]:
            status = ask(client, method, url, fragment=fragment).status_code
            if status == 405 or (method == "POST" and address.name in SILENT and status == 302):
                continue
            asked += 1
            if status not in ({403} if closed or not may(user, *needs(address)) else {404}) | (
                {403, 404} if method == "POST" or address.name in ALSO else set()
            ):
                wrong.append((method, url, fragment, status))

    assert not wrong, "\n".join(map(str, wrong))
    assert asked > LEAST_HIDDEN
    assert contents() == before


# The store app is closed to those who see some channels only: then a store manager sees what an admin sees.
@pytest.mark.parametrize(("role", "limit"), [(Role.ADMIN, NODES), (Role.ADMIN, CHANNELS), (Role.STORE_MANAGER, NODES)])
def test_no_page_list_nor_search_tells_a_word_of_what_is_out_of_scope(role: str, limit: str, estate: Estate) -> None:
    user = somewhere(role, limit, estate)
    client = signed_in(user, estate)
    theirs = estate.theirs
    rows = rows_of(estate.mine) | belongings(client, user, estate) | rows_of_all(estate)
    searches = (f"q={theirs.order.number}", f"code={theirs.shipment.awb}", "q=Zubeida", f"ids={theirs.order.pk}")

    words = theirs.secrets(stock=limit == NODES)
    told = []
    for address, url in urls_of(rows):
        queries = ("", *searches) if address.takes == 0 and "?" not in url else ("",)
        for query in queries:
            response = ask(client, "GET", f"{url}?{query}" if query else url)
            if response.status_code != 200:
                break
            text = text_of(response)
            told += [(url, query, word) for word in words if word in text and word not in query]

    assert not told, "\n".join(map(str, told))


def test_a_visitor_is_sent_to_sign_in_and_a_fragment_says_so(estate: Estate) -> None:
    client = Client(raise_request_exception=False)
    rows = rows_of(estate.mine) | belongings_of_owner(estate) | rows_of_all(estate)
    before = contents()

    wrong = []
    for address, url in urls_of(rows):
        if address.verb == "public":
            continue
        for method in ("GET", "POST"):
            page, fragment = (ask(client, method, url, fragment=fragment) for fragment in (False, True))
            if page.status_code == 405:
                continue
            if "/accounts/login/" not in page.headers.get("Location", "") or fragment.status_code != 401:
                wrong.append((method, url, page.status_code, fragment.status_code))

    assert not wrong, "\n".join(map(str, wrong))
    assert contents() == before


#: The addresses that nobody has to sign in for: probes, the customer's page, the doors of machines, and what a phone
#: needs to install the store app.
PUBLIC = {"/healthz", "/readyz", "portal:order", "portal:cancel", "portal:on_my_way", "portal:here", "portal:missing",
          "portal:deliver", "portal:send_back", "portal:not_here",
          "channel-webhook",
          "carrier_tracking_webhook", "message_receipts", "store:worker", "store:manifest_json", "store:offline",
          "store:people", "store:people_enter", "store:people_first", "store:lock"}  # fmt: skip


def test_nothing_else_is_open_to_everybody() -> None:
    assert {address.name or f"/{address.route}" for address in addresses() if address.verb == "public"} == PUBLIC


#: What stands for the arguments of addresses of Django and allauth; none of it exists.
FILLERS = {"app_label": "orders", "url": "x/", "key": "x", "provider": "x", "format": "x"}


def _filled(route: str) -> str:
    """A route of either kind as a path, with a filler in the place of every argument."""
    plain = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", route)
    path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: FILLERS.get(found[1], "1"), plain)
    return "/" + path.replace("^", "").rstrip("$")


# Django's own pages ask for the flag and not for the role.
@pytest.mark.parametrize("role", [Role.ADMIN, Role.PACKER])
def test_nobody_without_the_staff_flag_enters_django_admin_and_no_account_page_breaks(
    role: str, estate: Estate
) -> None:
    client = signed_in(everywhere(role), estate)
    before = contents()

    wrong = []
    for address in all_addresses():
        if not address.route.startswith(("admin/", "accounts/")):
            continue
        response = ask(client, "GET", _filled(address.route))
        turned_away = response.status_code == 302 and "/login/" in response.headers["Location"]
        inside = address.route.startswith("admin/") and address.name not in {"admin:login", "admin:logout"}
        if response.status_code not in {200, 302, 403, 404, 405} or (inside and not turned_away):
            wrong.append((address.route, response.status_code))

    assert not wrong, "\n".join(map(str, wrong))
    assert contents() == before
