"""Every role at every address: what its verbs allow opens, what lies outside of its scope does not exist.

The addresses come from the URLconf, the objects from two stores and two channels that have nothing in common.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import reverse

from channels.imports.services import inspect, store_upload
from oms.accounts.access import principal_of_user
from oms.accounts.models import Role, User
from oms.core.clock import now
from oms.core.models import Job
from oms.dashboard.settings.imports.draft import begin, keep
from oms.store.gate import NODE_KEY
from tests.architecture.addresses import (
    NODES,
    OWNER,
    Address,
    Arguments,
    all_addresses,
    rows_of,
    rows_of_all,
    rows_of_owner,
)
from tests.architecture.estate import Estate, make_estate, make_jobs

#: Rooms with a gate of their own, which have their own tests below.
OWN_GATE = ("admin/", "accounts/", "api/")
#: Address -> a verb that it wants on top of the one it declares.
ALSO = {"dashboard:order_address": "pii.view", "dashboard:tower_act": "orders.release"}
#: Pages and fragments opened for each role, at least: counted so that the test cannot become empty.
LEAST_ADDRESSES = 75
ORDERS_CSV = b"Order id,Ordered on,SKU,Quantity,PIN code\r\nD-1,2026-11-20,BLR-S1-ONLY,1,560001\r\n"


@contextmanager
def wrapped() -> Iterator[None]:
    """A transaction that is taken back in the end and that the code in it does not see, as in Django's TestCase."""
    atomic: Any = transaction.atomic()
    atomic._from_testcase = True
    with atomic:
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def estate(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """The two sides, made once; each test takes back what it did."""
    patch = pytest.MonkeyPatch()
    patch.setattr("django.conf.settings.MEDIA_ROOT", str(tmp_path_factory.mktemp("media")))
    logging.disable(logging.WARNING)
    with django_db_blocker.unblock(), wrapped():
        made = make_estate()
        _give_files(made.jobs)
        yield made
    logging.disable(logging.NOTSET)
    patch.undo()


@pytest.fixture(autouse=True)
def undone(estate: Estate) -> Iterator[None]:
    """Nothing of one test is there in the next."""
    with wrapped():
        yield


def _give_files(jobs: dict[str, Job]) -> None:
    for kind in ("orders.export", "import"):
        jobs[kind].result_file.save("file.csv", ContentFile(b"a,b\r\n"))
        Job.objects.filter(pk=jobs[kind].pk).update(finished_at=now())


def person(role: str, **fields: Any) -> User:
    return User.objects.create_user(f"{role}@example.com", role=role, name="The Person", **fields)


def everywhere(role: str) -> User:
    return person(role, all_nodes=True)


def somewhere(role: str, scope: str, estate: Estate) -> User:
    """Somebody who sees my store only, or my channel only."""
    if scope == NODES:
        return person(role, node_codes=[estate.mine.node.code])
    return person(role, all_nodes=True, all_channels=False, channel_codes=[estate.mine.channel.code])


def signed_in(user: User, estate: Estate) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session[NODE_KEY] = estate.mine.node.code
    session.save()
    return client


def draft_of(client: Client) -> UUID:
    """An import that this person has begun."""
    stored = store_upload(iter([ORDERS_CSV]), "orders.csv")
    inspection = inspect(stored.path, kind="orders", filename=stored.filename)
    draft = begin(stored, inspection, {"channel": "web"})
    session = client.session
    keep(SimpleNamespace(session=session), draft)  # type: ignore[arg-type]  # it only looks at the session
    session.save()
    return draft.uid


def addresses() -> list[Address]:
    return [address for address in all_addresses() if not address.route.startswith(OWN_GATE)]


def ask(client: Client, method: str, url: str, *, fragment: bool = False) -> HttpResponseBase:
    """One request; one that leaves the transaction broken breaks no other."""
    headers = {"HX-Request": "true"} if fragment else {}
    atomic: Any = transaction.atomic()
    atomic._from_testcase = True
    with atomic:
        return client.generic(method, url, headers=headers)


def urls_of(rows: dict[str, tuple[Arguments, set[str]]]) -> Iterator[tuple[Address, str]]:
    """Each address with its URL; those without arguments have one in any case."""
    for address in addresses():
        if address.takes == 0 or address.name in rows:
            arguments = rows[address.name][0] if address.takes else ()
            yield address, reverse(address.name, args=arguments) if address.name else "/" + address.route


def contents() -> dict[str, tuple[int, int]]:
    """Rows of every table, counted and hashed. Sessions are left out: they are the browser's, not the merchant's."""
    tables = [name for name in connection.introspection.table_names() if name != "django_session"]
    parts = [f"SELECT '{name}', count(*), coalesce(sum(hashtext(t::text)::bigint), 0) FROM {name} t" for name in tables]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return {name: (count, digest) for name, count, digest in cursor.fetchall()}


def wanted_status(user: User, address: Address) -> set[int]:
    principal = principal_of_user(user)
    verbs = {address.verb, ALSO.get(address.name, address.verb)} - {"public"}
    return {200, 302} if all(principal.may(verb) for verb in verbs) else {403}


def test_the_matrix_knows_what_every_address_names(estate: Estate) -> None:
    rows = rows_of(estate.mine) | rows_of_owner(estate.jobs, estate.jobs["import"].uid, 1) | rows_of_all(estate)
    named = {address.name for address in addresses() if address.takes}
    assert sorted(named - set(rows)) == []
    assert sorted(set(rows) - named) == []


@pytest.mark.parametrize("role", Role.values)
def test_a_role_opens_what_its_verbs_say_and_looking_changes_nothing(role: str, estate: Estate) -> None:
    user = everywhere(role)
    client = signed_in(user, estate)
    jobs = make_jobs(user, estate.mine.order)
    _give_files(jobs)
    rows = rows_of(estate.mine) | rows_of_owner(jobs, draft_of(client), estate.view.pk) | rows_of_all(estate)
    before = contents()
    wrong, opened = [], 0
    for address, url in urls_of(rows):
        for fragment in (False, True):
            status = ask(client, "GET", url, fragment=fragment).status_code
            if status == 405 or (address.name in MISSING and status == 404):
                break
            opened += 1
            if status not in wanted_status(user, address):
                wrong.append((address.name, url, fragment, status))
    assert not wrong, "\n".join(map(str, wrong))
    assert opened >= LEAST_ADDRESSES
    assert contents() == before


#: Addresses that say 404 to everybody by their nature.
MISSING = {"portal:missing"}


@pytest.mark.parametrize("scope", ["nodes", "channels"])
@pytest.mark.parametrize("role", Role.values)
def test_what_is_out_of_scope_does_not_exist(role: str, scope: str, estate: Estate) -> None:
    user = somewhere(role, scope, estate)
    client = signed_in(user, estate)
    foreign = rows_of(estate.theirs) | rows_of_owner(estate.jobs, estate.jobs["import"].uid, estate.view.pk)
    before = contents()
    wrong, asked = [], 0
    for address, url in urls_of(foreign):
        hidden_by = foreign[address.name][1] if address.takes else set()
        if scope not in hidden_by and not (OWNER in hidden_by and role != Role.ADMIN):
            continue
        for method, fragment in (("GET", False), ("GET", True), ("POST", False), ("POST", True)):
            status = ask(client, method, url, fragment=fragment).status_code
            if status == 405:
                continue
            asked += 1
            # An address with a verb that only its POST needs may answer 403 or 404: neither tells anything.
            wanted = {404} if method == "GET" and wanted_status(user, address) != {403} else {403, 404}
            if status not in wanted:
                wrong.append((address.name, method, url, fragment, status))
    assert not wrong, "\n".join(map(str, wrong))
    assert asked > 40
    assert contents() == before


@pytest.mark.parametrize("scope", ["nodes", "channels"])
@pytest.mark.parametrize("role", Role.values)
def test_no_list_nor_search_shows_a_word_of_what_is_out_of_scope(role: str, scope: str, estate: Estate) -> None:
    client = signed_in(somewhere(role, scope, estate), estate)
    secrets = [estate.theirs.order.customer_name, estate.theirs.order.customer_email, estate.theirs.coming_back.number]
    by_node = {"fulfil", "fulfil_labels", "fulfil_manifests", "fulfil_find", "returns", "returns_desk"}
    told = []
    for address, url in urls_of({}):
        name = address.name.removeprefix("dashboard:")
        if scope != NODES and (name in by_node or address.name.startswith("store:")):
            continue
        for query in ("", f"?q={estate.theirs.order.number}", f"?code={estate.theirs.shipment.awb}", "?q=Zubeida"):
            response = ask(client, "GET", url + query)
            if response.status_code != 200:
                break
            text = b"".join(response).decode(errors="replace")
            told += [(url + query, secret) for secret in secrets if secret in text]
    assert not told, "\n".join(map(str, told))


def test_a_visitor_is_sent_to_sign_in_and_a_fragment_says_so(estate: Estate) -> None:
    client = Client(raise_request_exception=False)
    rows = rows_of(estate.mine) | rows_of_owner(estate.jobs, estate.jobs["import"].uid, 1) | rows_of_all(estate)
    wrong = []
    for address, url in urls_of(rows):
        page, fragment = (ask(client, "GET", url, fragment=fragment) for fragment in (False, True))
        if address.verb == "public" or page.status_code == 405:
            continue
        if page.status_code != 302 or "/accounts/login/" not in page["Location"] or fragment.status_code != 401:
            wrong.append((address.name, page.status_code, fragment.status_code))
    assert not wrong, "\n".join(map(str, wrong))


API_READS = {
    "orders": "orders.view", "orders/{order}": "orders.view", "fulfillment-orders": "fulfillment.view",
    "fulfillment-orders/{work}": "fulfillment.view", "shipments/{shipment}/label": "fulfillment.view",
    "inventory/levels": "inventory.view", "nodes": "inventory.view", "skus": "inventory.view",
}  # fmt: skip


def test_the_matrix_knows_every_read_of_the_api() -> None:
    schema = Client().get("/api/v1/openapi.json").json()
    reads = {path.removeprefix("/api/v1/") for path, methods in schema["paths"].items() if "get" in methods}
    assert len(reads) == len(API_READS)


@pytest.mark.parametrize("role", Role.values)
def test_the_api_gives_a_role_what_its_verbs_say_and_nothing_out_of_scope(role: str, estate: Estate) -> None:
    user = somewhere(role, NODES, estate)
    client = signed_in(user, estate)
    before = contents()
    wrong: list[Any] = []
    for path, verb in API_READS.items():
        allowed = principal_of_user(user).may(verb)
        for side in (estate.mine, estate.theirs):
            url = "/api/v1/" + path.format(order=side.order.number, work=side.work.pk, shipment=side.shipment.pk)
            response = ask(client, "GET", url)
            foreign = side is estate.theirs and "{" in path
            if response.status_code != (403 if not allowed else 404 if foreign else 200):
                wrong.append((url, response.status_code))
            text = getattr(response, "content", b"").decode("latin-1")
            if not foreign and side is estate.mine and any(secret in text for secret in estate.theirs.secrets):
                wrong.append((url, "tells a secret"))
    for url, body in _api_writes(estate):
        status = client.post(url, body, content_type="application/json").status_code
        if status not in {403, 404}:
            wrong.append((url, status))
    assert not wrong, "\n".join(map(str, wrong))
    assert contents() == before


def _api_writes(estate: Estate) -> Iterator[tuple[str, dict[str, Any]]]:
    side = estate.theirs
    order, work = f"/api/v1/orders/{side.order.number}", f"/api/v1/fulfillment-orders/{side.work.pk}"
    line = side.work.lines.get()
    yield f"{order}/hold", {"reason": "other"}
    yield f"{order}/release", {}
    yield f"{order}/cancel", {"reason": "No more"}
    yield f"{order}/reroute", {}
    yield f"{work}/accept", {}
    yield f"{work}/reject", {"reason": "Closed"}
    yield f"{work}/picks", {"line_id": line.pk, "quantity": 1}
    yield f"{work}/shorts", {"line_id": line.pk, "quantity": 1, "reason": "not_found"}
    yield f"{work}/pack", {}
    yield "/api/v1/shipments/hand-over", {"shipment_ids": [side.shipment.pk]}
    there = {"node": side.node.code, "reference": "r"}
    yield "/api/v1/inventory/receipts", there | {"lines": [{"sku": side.sku.code, "quantity": 1}]}
    yield "/api/v1/inventory/adjustments", there | {"sku": side.sku.code, "reason": "lost", "quantity": 1}
    yield "/api/v1/inventory/counts", there | {"sku": side.sku.code, "counted": 1}


#: What stands for the arguments of addresses of Django and allauth; none of it exists.
FILLERS = {"object_id": "1", "app_label": "orders", "content_type_id": "1", "url": "x/", "key": "x", "uidb36": "1",
           "pk": "1", "provider": "x", "format": "x"}  # fmt: skip


def _filled(route: str) -> str:
    """A route of either kind as a path, with a filler in the place of every argument."""
    plain = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", route)
    path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: FILLERS.get(found[1], "1"), plain)
    return "/" + path.replace("^", "").rstrip("$")


@pytest.mark.parametrize("role", Role.values)
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
        entered = address.route.startswith("admin/") and not (
            response.status_code == 302 and "/login/" in response.headers["Location"]
        )
        if response.status_code not in {200, 302, 403, 404, 405} or (
            entered and address.name not in {"admin:login", "admin:logout"}
        ):
            wrong.append((address.route, response.status_code))
    assert not wrong, "\n".join(map(str, wrong))
    assert contents() == before
