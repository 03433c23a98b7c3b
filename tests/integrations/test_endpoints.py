"""Endpoints as people and machines keep them: screens, API, limits, rights."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from oms.accounts.models import Role, User
from oms.accounts.services import create_token
from oms.core.clock import now
from oms.core.errors import DomainError, NotFound
from oms.core.models import IdempotencyKey
from oms.integrations.models import WebhookDelivery, WebhookEndpoint
from oms.integrations.selectors import endpoint_health, stopped_endpoints
from oms.integrations.services import (
    EndpointWish,
    create_endpoint,
    edit_endpoint,
    pause_endpoint,
    remove_endpoint,
    resume_endpoint,
    rotate_secret,
)
from tests.factories import World, make_world

pytestmark = pytest.mark.django_db

WISH = EndpointWish(name="The ERP", url="https://erp.example.com/hooks", topics=["order.captured", "node.switched"])
FORM = {"name": "The ERP", "url": "https://erp.example.com/hooks", "topics": ["order.captured"], "node_codes": [],
        "sku_codes": "", "idempotency_key": "k-1"}  # fmt: skip


@pytest.fixture
def world(settings: Settings) -> World:
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    return make_world()


@pytest.fixture
def browser(world: World) -> Client:
    return sign_in(Role.ADMIN)


def sign_in(role: str, **fields: object) -> Client:
    person = User.objects.create(email=f"{role}@example.com", role=role, name="Asha", all_nodes=True, **fields)
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def make(**fields: Any) -> WebhookEndpoint:
    endpoint, _ = create_endpoint(WISH, actor="test")
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**fields)
    endpoint.refresh_from_db()
    return endpoint


def message(endpoint: WebhookEndpoint, **fields: Any) -> WebhookDelivery:
    defaults: dict[str, Any] = {
        "topic": "order.captured", "event_key": f"test/{WebhookDelivery.objects.count()}", "subject": "OM-1",
        "payload": {"type": "order.captured", "timestamp": "t", "data": {"number": "OM-1"}}, "state": "dead",
        "attempts": 10, "error": "It answered 500.", "response_status": 500, "answer": "<b>no</b>",
    }  # fmt: skip
    return WebhookDelivery.objects.create(endpoint=endpoint, **(defaults | fields))


# -- services ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", {"name": " "}), ("name", {"name": "x" * 121}), ("url", {"url": "http://erp.example.com/"}),
        ("url", {"url": "https://169.254.169.254/latest/meta-data/"}), ("topics", {"topics": []}),
        ("topics", {"topics": ["order.eaten"]}), ("node_codes", {"node_codes": ["mars"]}),
        ("sku_codes", {"sku_codes": ["NO-SUCH"]}), ("sku_codes", {"sku_codes": [f"S{n}" for n in range(5001)]}),
    ],
)  # fmt: skip
def test_a_wish_with_a_fault_names_its_field_and_changes_nothing(
    world: World, field: str, wrong: dict[str, Any]
) -> None:
    bad = EndpointWish(**({"name": "A", "url": "https://a.example/", "topics": ["order.captured"]} | wrong))
    with pytest.raises(DomainError) as refused:
        create_endpoint(bad, actor="test")
    assert refused.value.field == field
    endpoint = make()
    with pytest.raises(DomainError):
        edit_endpoint(endpoint.pk, bad)
    assert WebhookEndpoint.objects.get().url == "https://erp.example.com/hooks"


def test_pausing_and_resuming_are_remembered_with_the_reason(world: World) -> None:
    endpoint = make()
    assert pause_endpoint(endpoint.pk)
    assert not pause_endpoint(endpoint.pk)
    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.paused_reason) == (False, "person")
    assert resume_endpoint(endpoint.pk)
    assert not resume_endpoint(endpoint.pk)
    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.paused_reason, endpoint.paused_at) == (True, "", None)


def test_what_is_not_there_cannot_be_changed(world: World) -> None:
    for change in (
        lambda: edit_endpoint(404, WISH), lambda: pause_endpoint(404), lambda: resume_endpoint(404),
        lambda: remove_endpoint(404), lambda: rotate_secret(404),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            change()


def test_health_is_told_by_what_happened_last(world: World) -> None:
    moment = now()
    cases: list[tuple[str, dict[str, Any]]] = [
        ("new", {}),
        ("good", {"last_success_at": moment}),
        ("failing", {"last_success_at": moment, "failing_since": moment}),
        ("paused", {"is_active": False, "paused_reason": "person", "paused_at": moment}),
        ("stopped", {"is_active": False, "paused_reason": "failing", "paused_at": moment}),
        ("stopped", {"is_active": False, "paused_reason": "gone", "paused_at": moment}),
    ]
    for _, fields in cases:
        make(**fields)
    assert [health.health for health in endpoint_health()] == [word for word, _ in cases]
    assert [endpoint.paused_reason for endpoint in stopped_endpoints()] == ["failing", "gone"]


# -- screens ----------------------------------------------------------------------------------------------------------


def test_a_webhook_is_made_on_the_screen_and_its_secret_shown_once(browser: Client, world: World) -> None:
    assert "No webhook" in browser.get("/settings/webhooks/").content.decode()
    form = FORM | {"node_codes": ["blr-01"], "sku_codes": " KURTA-M \n\nSAREE-1"}
    made = browser.post("/settings/webhooks/new/", form)
    found = re.search(r'id="secret">(whsec_[^<]+)<', made.content.decode())
    endpoint = WebhookEndpoint.objects.get()
    assert found is not None
    assert found[1] == endpoint.secret
    assert "no-store" in made["Cache-Control"]
    assert (endpoint.topics, endpoint.node_codes, endpoint.created_by) == (["order.captured"], ["blr-01"], "Asha")
    assert sorted(endpoint.sku_ids) == sorted([world.kurta.pk, world.saree.pk])

    again = browser.post("/settings/webhooks/new/", form).content.decode()
    assert "This form was sent before" in again
    for page in (again, browser.get("/settings/webhooks/").content.decode(),
                 browser.get(f"/settings/webhooks/{endpoint.pk}/").content.decode(),
                 browser.get(f"/settings/webhooks/{endpoint.pk}/edit/").content.decode()):  # fmt: skip
        assert endpoint.secret not in page
    assert WebhookEndpoint.objects.count() == 1
    assert endpoint.secret not in json.dumps(list(IdempotencyKey.objects.values_list("response", flat=True)))


def test_a_fault_is_told_at_its_field_and_what_was_typed_stays(browser: Client) -> None:
    for wrong, words in (
        ({"url": "https://127.1/"}, "127.1 is not a public address."), ({"topics": []}, "Choose at least one topic."),
        ({"sku_codes": "NO-SUCH"}, "There is no SKU NO-SUCH."), ({"name": ""}, "There is a problem"),
    ):  # fmt: skip
        answer = browser.post("/settings/webhooks/new/", FORM | wrong)
        assert answer.status_code == 422
        page = answer.content.decode()
        assert words in page
        assert f'value="{(FORM | wrong)["url"]}"' in page
    assert not WebhookEndpoint.objects.exists()


def test_an_endpoint_is_changed_paused_resumed_and_removed(browser: Client) -> None:
    endpoint = make()
    url = f"/settings/webhooks/{endpoint.pk}/"
    assert browser.post(f"{url}edit/", FORM | {"name": "The shop"}).status_code == 302
    assert "The shop is changed" in browser.get(url).content.decode()
    assert browser.post(f"{url}edit/", FORM | {"url": "ftp://x/"}).status_code == 422
    browser.post(f"{url}pause/")
    assert "Paused by a person" in browser.get(url).content.decode()
    browser.post(f"{url}resume/")
    assert WebhookEndpoint.objects.get().is_active
    browser.post(f"{url}remove/")
    assert not WebhookEndpoint.objects.exists()
    assert browser.get(url).status_code == 404


def test_a_secret_is_changed_with_a_time_for_both(browser: Client) -> None:
    endpoint = make()
    answer = browser.post(f"/settings/webhooks/{endpoint.pk}/secret/", {"old_hours": "24", "idempotency_key": "r"})
    changed = WebhookEndpoint.objects.get()
    assert changed.secret in answer.content.decode()
    assert changed.secret != endpoint.secret == changed.old_secret
    assert changed.old_secret_until is not None
    assert timedelta(hours=23) < changed.old_secret_until - now() <= timedelta(hours=24)
    again = browser.post(f"/settings/webhooks/{endpoint.pk}/secret/", {"old_hours": "24", "idempotency_key": "r"})
    assert "This form was sent before" in again.content.decode()
    assert WebhookEndpoint.objects.get().secret == changed.secret
    wrong = browser.post(f"/settings/webhooks/{endpoint.pk}/secret/", {"old_hours": "5"})
    assert wrong.status_code == 422


def test_messages_are_filtered_shown_with_the_answer_and_sent_again(browser: Client) -> None:
    endpoint = make()
    dead, sent = message(endpoint), message(endpoint, state="sent", topic="node.switched", subject="blr-01", error="")
    url = f"/settings/webhooks/{endpoint.pk}/"
    page = browser.get(url).content.decode()
    assert "OM-1" in page
    assert "Send all 1 given up again" in page
    assert "OM-1" not in browser.get(f"{url}?topic=node.switched").content.decode()
    assert "blr-01" not in browser.get(f"{url}?state=dead&topic=nonsense").content.decode()
    assert "No message is like this" in browser.get(f"{url}?state=overtaken").content.decode()

    one = browser.get(f"{url}messages/{dead.pk}/").content.decode()
    assert "&lt;b&gt;no&lt;/b&gt;" in one
    assert "HTTP 500" in one
    assert dead.message_id in one
    fragment = browser.get(f"{url}messages/{dead.pk}/", headers={"HX-Request": "true"})
    assert b"<html" not in fragment.content
    same = {"HX-Request": "true", "X-Fragment-Version": "dead.10"}
    assert browser.get(f"{url}messages/{dead.pk}/", headers=same).status_code == 204

    browser.post(f"{url}messages/{sent.pk}/resend/", {"idempotency_key": "a"})
    browser.post(f"{url}resend/", {"idempotency_key": "b"})
    assert list(WebhookDelivery.objects.values_list("state", "attempts")) == [("failed", 0)] * 2
    assert "Nothing was left" in browser.post(f"{url}resend/", {"idempotency_key": "c"}, follow=True).content.decode()
    assert browser.get(f"{url}messages/404/").status_code == 404
    other = make()
    assert browser.get(f"/settings/webhooks/{other.pk}/messages/{dead.pk}/").status_code == 404


def test_a_test_is_sent_once_for_each_press(browser: Client) -> None:
    endpoint = make()
    first = browser.post(f"/settings/webhooks/{endpoint.pk}/test/", {"idempotency_key": "t"})
    again = browser.post(f"/settings/webhooks/{endpoint.pk}/test/", {"idempotency_key": "t"})
    row = WebhookDelivery.objects.get()
    assert first["Location"] == again["Location"] == f"/settings/webhooks/{endpoint.pk}/messages/{row.pk}/"
    assert "A test" in browser.get(first["Location"]).content.decode()


def test_a_long_list_of_messages_goes_on_on_the_next_page(browser: Client) -> None:
    endpoint = make()
    rows = [message(endpoint, subject=f"OM-{n:03d}") for n in range(55)]
    page = browser.get(f"/settings/webhooks/{endpoint.pk}/?state=dead").content.decode()
    assert "OM-054" in page
    assert "OM-004" not in page
    mark = f"before={rows[5].pk}"
    assert mark in page
    assert "OM-004" in browser.get(f"/settings/webhooks/{endpoint.pk}/?state=dead&{mark}").content.decode()


def test_the_lists_ask_the_same_number_of_questions_for_twice_as_many_rows(browser: Client) -> None:
    endpoint = make()
    counts: dict[str, list[int]] = {}
    for _ in range(2):
        for _ in range(8):
            make(sku_ids=[1, 2])
            message(endpoint)
        for url in ("/settings/webhooks/", f"/settings/webhooks/{endpoint.pk}/", "/api/v1/webhooks",
                    f"/api/v1/webhooks/{endpoint.pk}/deliveries"):  # fmt: skip
            with CaptureQueriesContext(connection) as asked:
                assert browser.get(url).status_code == 200
            counts.setdefault(url, []).append(len(asked))
    assert {url: found[0] == found[1] for url, found in counts.items()} == dict.fromkeys(counts, True)
    assert max(found[0] for found in counts.values()) <= 6


@pytest.mark.parametrize("role", sorted(set(Role.values) - {Role.ADMIN}))
def test_only_admins_keep_webhooks(world: World, role: str) -> None:
    endpoint = make()
    client = sign_in(role)
    urls = ("", "new/", f"{endpoint.pk}/", f"{endpoint.pk}/edit/", f"{endpoint.pk}/secret/")
    assert {client.get(f"/settings/webhooks/{url}").status_code for url in urls} == {403}
    acts = ("pause/", "resume/", "remove/", "test/", "resend/", "messages/1/resend/")
    assert {client.post(f"/settings/webhooks/{endpoint.pk}/{act}").status_code for act in acts} == {403}
    assert client.get("/api/v1/webhooks").status_code == 403
    assert WebhookEndpoint.objects.get().is_active


def test_the_settings_page_leads_to_them(browser: Client) -> None:
    make()
    page = " ".join(browser.get("/settings/").content.decode().split())
    assert "1 active webhook" in page
    assert 'href="/settings/webhooks/"' in page


def test_a_webhook_that_stopped_by_itself_stands_in_the_queue_of_who_can_mend_it(browser: Client) -> None:
    make(is_active=False, paused_reason="failing", paused_at=now())
    make(is_active=False, paused_reason="person", paused_at=now())
    page = browser.get("/").content.decode()
    assert "Webhook stopped" in page
    assert "The ERP: Paused: it failed for five days" in page
    assert "The ERP: Paused by a person" not in page
    assert "Webhook stopped" not in sign_in(Role.OPS_MANAGER, all_channels=True).get("/").content.decode()


# -- API --------------------------------------------------------------------------------------------------------------


def call(client: Client, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    response = client.generic(
        method, f"/api/v1{path}", data=json.dumps(body) if body is not None else "", content_type="application/json",
        headers=headers,
    )  # fmt: skip
    return response.status_code, json.loads(response.content)


@pytest.fixture
def machine(world: World) -> dict[str, str]:
    return {"Authorization": f"Bearer {create_token(name='erp', verbs=['settings.edit'])[1]}"}


BODY = {"name": "The ERP", "url": "https://erp.example.com/hooks", "topics": ["stock.level_changed"],
        "nodes": ["blr-01"], "skus": ["KURTA-M"]}  # fmt: skip


def test_an_endpoint_is_kept_over_the_api(client: Client, machine: dict[str, str]) -> None:
    status, made = call(client, "POST", "/webhooks", BODY, **machine, Idempotency_Key="k1")
    endpoint = WebhookEndpoint.objects.get()
    assert status == 201
    assert made["secret"] == endpoint.secret
    assert {name: made[name] for name in BODY} == BODY
    status, again = call(client, "POST", "/webhooks", BODY, **machine, Idempotency_Key="k1")
    assert status == 201
    assert "secret" not in again
    assert again == {name: value for name, value in made.items() if name != "secret"}
    assert endpoint.secret not in json.dumps(list(IdempotencyKey.objects.values_list("response", flat=True)))

    path = f"/webhooks/{endpoint.pk}"
    assert call(client, "PATCH", path, {"topics": ["order.routed"], "active": False}, **machine)[1]["topics"] == [
        "order.routed"
    ]
    found = call(client, "GET", path, **machine)[1]
    assert (found["active"], found["paused_reason"], found["skus"], found["nodes"]) == (
        False, "person", ["KURTA-M"], ["blr-01"],
    )  # fmt: skip
    assert call(client, "PATCH", path, {"active": True, "skus": []}, **machine)[1]["skus"] == []
    rotated = call(client, "POST", f"{path}/secret", {"old_hours": 1}, **machine)[1]
    assert rotated["secret"] == WebhookEndpoint.objects.get().secret != made["secret"]
    assert [row["id"] for row in call(client, "GET", "/webhooks", **machine)[1]["webhooks"]] == [endpoint.pk]
    assert call(client, "DELETE", path, **machine) == (200, {"removed": endpoint.pk})
    assert call(client, "GET", path, **machine)[0] == 404


def test_refusals_name_the_field(client: Client, machine: dict[str, str]) -> None:
    status, refused = call(client, "POST", "/webhooks", BODY | {"url": "https://[::ffff:7f00:1]/"}, **machine)
    assert (status, refused["code"], refused["field"]) == (422, "bad_url", "url")
    assert call(client, "POST", "/webhooks", BODY | {"topics": ["x"]}, **machine)[1]["field"] == "topics"
    endpoint = make()
    status, refused = call(client, "GET", f"/webhooks/{endpoint.pk}/deliveries?state=lost", **machine)
    assert (status, refused["field"]) == (422, "state")
    assert call(client, "POST", f"/webhooks/{endpoint.pk}/deliveries/1/resend", **machine)[0] == 404


def test_deliveries_are_listed_and_sent_again_over_the_api(client: Client, machine: dict[str, str]) -> None:
    endpoint = make()
    first, second = message(endpoint), message(endpoint)
    path = f"/webhooks/{endpoint.pk}"
    page = call(client, "GET", f"{path}/deliveries?limit=1", **machine)[1]
    assert [row["id"] for row in page["deliveries"]] == [second.pk]
    assert (page["deliveries"][0]["state"], page["deliveries"][0]["answer"]) == ("dead", "<b>no</b>")
    page = call(client, "GET", f"{path}/deliveries?limit=1&before={page['next']}", **machine)[1]
    assert [row["id"] for row in page["deliveries"]] == [first.pk]
    assert call(client, "POST", f"{path}/deliveries/{first.pk}/resend", **machine) == (200, {"resent": 1})
    assert call(client, "POST", f"{path}/resend", **machine) == (200, {"resent": 1})
    test = call(client, "POST", f"{path}/test", **machine)[1]
    assert WebhookDelivery.objects.get(pk=test["delivery"]).message_id == test["message_id"]
    topics = call(client, "GET", "/webhook-topics", **machine)[1]["topics"]
    assert topics[0]["name"] == "stock.level_changed"


def test_who_sees_a_part_of_the_business_keeps_no_webhooks(client: Client, world: World) -> None:
    make()
    for scope in ({"node_codes": ["blr-01"]}, {"channel_codes": ["web"]}):
        token = create_token(name="part", verbs=["settings.edit"], **scope)[1]  # type: ignore[arg-type]
        assert call(client, "GET", "/webhooks", Authorization=f"Bearer {token}")[0] == 403
    reader = create_token(name="reader", verbs=["orders.view"])[1]
    assert call(client, "POST", "/webhooks", BODY, Authorization=f"Bearer {reader}")[0] == 403
    assert WebhookEndpoint.objects.count() == 1
