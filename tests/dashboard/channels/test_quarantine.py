"""The quarantine: found by cause, looked at, mended in place, replayed one by one or all at once."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from channels.models import ChannelAccount, InboundMessage, Listing
from oms.accounts.models import Role
from oms.core.jobs import run_slice
from oms.core.models import Job
from oms.dashboard.channels import quarantine_views
from oms.flow.jobs import RUNNERS
from orders.models import Order
from tests.dashboard.channels.conftest import SignIn, other_account, quarantine
from tests.factories import World

pytestmark = pytest.mark.django_db

GROUP = {"channel": "web", "cause": "Unknown SKU KRT_M"}


def text(response: Any) -> str:
    """What the page's main part says."""
    main = re.search(r"<main.*</main>", response.content.decode(), re.S)
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", main[0] if main else "").split()))


def states() -> list[str]:
    """States of the inbox, oldest first."""
    return list(InboundMessage.objects.order_by("pk").values_list("state", flat=True))


def test_messages_are_grouped_by_cause(account: ChannelAccount, world: World, sign_in: SignIn) -> None:
    quarantine(account, world, ["1", "2", "3"])
    quarantine(account, world, ["4"], sku="SAR_1")
    page = text(sign_in(Role.READ_ONLY).get("/channels/quarantine/"))
    assert "Unknown SKU KRT_M Web shop 3 3" in page
    assert "Unknown SKU SAR_1 Web shop 1 1" in page
    assert "Nothing in quarantine" in text(sign_in().get("/channels/quarantine/?channel=bazaar"))


def test_one_mapping_mends_all_that_wait_for_it(account: ChannelAccount, world: World, sign_in: SignIn) -> None:
    messages = quarantine(account, world, ["1", "2", "3"])
    browser = sign_in()
    page = browser.get("/channels/quarantine/group/", GROUP)
    assert "Which SKU is KRT_M?" in text(page)
    assert "3 messages" in text(page)
    answer = browser.post(
        f"/channels/messages/{messages[0].pk}/map/", {"external_sku": "KRT_M", "sku": "KURTA-M"}, follow=True
    )
    assert "KRT_M is KURTA-M from now on. Messages replayed: 3 captured." in text(answer)
    assert states() == ["captured"] * 3
    assert Listing.objects.get(external_sku="KRT_M").sku == world.kurta
    assert Order.objects.count() == 3
    assert "Nothing of this kind waits any more" in text(browser.get("/channels/quarantine/group/", GROUP))


def test_a_mapping_to_no_sku_is_refused(account: ChannelAccount, world: World, sign_in: SignIn) -> None:
    message = quarantine(account, world, ["1"])[0]
    answer = sign_in().post(
        f"/channels/messages/{message.pk}/map/", {"external_sku": "KRT_M", "sku": "NOPE"}, follow=True
    )
    assert "There is no SKU NOPE." in text(answer)
    assert states() == ["quarantined"]


def test_skus_are_found_by_code_barcode_and_name(account: ChannelAccount, world: World, sign_in: SignIn) -> None:
    message = quarantine(account, world, ["1"])[0]
    browser = sign_in()
    url = f"/channels/messages/{message.pk}/skus/"
    for find in ("kurt", "the kurta", world.kurta.barcodes.get().code):
        page = browser.get(url, {"find": find, "code": "KRT_M"}).content.decode()
        assert 'value="KURTA-M"' in page, find
    assert "No SKU matches" in browser.get(url, {"find": "zzz", "code": "KRT_M"}).content.decode()
    without = browser.get(f"/channels/messages/{message.pk}/", {"find": "saree", "code": "KRT_M"})
    assert "It is SAREE-1" in text(without)


def test_a_payload_is_corrected_after_a_dry_run(account: ChannelAccount, world: World, sign_in: SignIn) -> None:
    message = quarantine(account, world, ["1"])[0]
    browser = sign_in()
    url = f"/channels/messages/{message.pk}/"
    page = browser.get(url)
    assert "As it is, it would come back to quarantine" in text(page)
    assert "Asha Rao" in page.content.decode()
    wrong = browser.post(f"{url}try/", {"payload": "{"})
    assert wrong.status_code == 422
    assert "This is not JSON" in text(wrong)
    assert browser.post(f"{url}replay/", {"payload": "[]"}).status_code == 422
    payload = message.payload
    payload["lines"][0]["sku_code"] = "KURTA-M"
    tried = browser.post(f"{url}try/", {"payload": json.dumps(payload)})
    assert "It would be understood" in text(tried)
    assert states() == ["quarantined"]
    done = browser.post(f"{url}replay/", {"payload": json.dumps(payload)}, follow=True)
    assert "Replayed: 1 captured." in text(done)
    message.refresh_from_db()
    assert message.corrected_payload is not None
    assert message.corrected_payload["lines"][0]["sku_code"] == "KURTA-M"
    assert message.payload["lines"][0]["sku_code"] == "KRT_M"
    again = browser.post(f"{url}replay/", {}, follow=True)
    assert "had been dealt with already" in text(again)
    late = browser.post(f"{url}replay/", {"payload": json.dumps(payload | {"external_id": "9"})})
    assert late.status_code == 409
    assert Order.objects.count() == 1


def test_a_replay_says_how_many_stayed(account: ChannelAccount, world: World, sign_in: SignIn) -> None:
    quarantine(account, world, ["1", "2"])
    browser = sign_in()
    tried = browser.get("/channels/quarantine/group/", GROUP | {"try": "1"})
    assert "2 would stay in quarantine" in text(tried)
    answer = browser.post("/channels/quarantine/replay/", GROUP, follow=True)
    assert "2 messages replayed: 2 still in quarantine." in text(answer)
    Listing.objects.create(account=account, external_sku="KRT_M", sku=world.kurta)
    answer = browser.post("/channels/quarantine/replay/", GROUP, follow=True)
    assert "2 messages replayed: 2 captured." in text(answer)
    nothing = browser.post("/channels/quarantine/replay/", GROUP, follow=True)
    assert "Nothing of this kind waits any more." in text(nothing)
    assert Order.objects.count() == 2


def test_many_are_replayed_by_a_job_that_counts(
    account: ChannelAccount, world: World, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine_views, "INLINE_MESSAGES", 1)
    quarantine(account, world, ["1", "2", "3"])
    Listing.objects.create(account=account, external_sku="KRT_M", sku=world.kurta)
    answer = sign_in().post("/channels/quarantine/replay/", GROUP)
    job = Job.objects.get()
    assert answer["Location"] == f"/jobs/{job.uid}/"
    assert states() == ["quarantined"] * 3
    run_slice(job.pk, RUNNERS)
    job.refresh_from_db()
    assert (job.state, job.total, job.done, job.succeeded, job.failed) == ("done", 3, 3, 3, 0)
    assert states() == ["captured"] * 3


def test_messages_are_ignored_with_a_reason(account: ChannelAccount, world: World, sign_in: SignIn) -> None:
    first, second = quarantine(account, world, ["1", "2"])
    browser = sign_in()
    url = f"/channels/messages/{first.pk}/ignore/"
    assert "Say why" in text(browser.post(url, {"reason": " "}, follow=True))
    assert states() == ["quarantined", "quarantined"]
    done = browser.post(url, {"reason": "A test order"}, follow=True)
    assert "The message is ignored" in text(done)
    assert "A test order" in text(done)
    assert "not in quarantine any more" in text(browser.post(url, {"reason": "Again"}, follow=True))
    assert "Say why" in text(browser.post("/channels/quarantine/ignore/", GROUP, follow=True))
    rest = browser.post("/channels/quarantine/ignore/", GROUP | {"reason": "All of them"}, follow=True)
    assert "1 message is ignored." in text(rest)
    assert states() == ["ignored", "ignored"]
    assert browser.get(f"/channels/messages/{second.pk}/").status_code == 200


def test_personal_data_needs_its_right(account: ChannelAccount, world: World, sign_in: SignIn) -> None:
    message = quarantine(account, world, ["1"])[0]
    url = f"/channels/messages/{message.pk}/"
    integrator = sign_in(Role.INTEGRATOR)
    page = integrator.get(url)
    assert "Personal data is masked" in text(page)
    for secret in ("Asha Rao", "12 MG Road", "asha@example.com", "9845012345"):
        assert secret not in page.content.decode()
    assert "<textarea" not in page.content.decode()
    assert integrator.post(f"{url}replay/", {"payload": "{}"}).status_code == 403
    assert integrator.post(f"{url}try/", {"payload": "{}"}).status_code == 403
    assert integrator.post(f"{url}replay/", {}).status_code == 302
    message.refresh_from_db()
    assert message.corrected_payload is None


@pytest.mark.parametrize("role", [Role.READ_ONLY, Role.FINANCE])
def test_who_may_look_but_not_fix(account: ChannelAccount, world: World, sign_in: SignIn, role: str) -> None:
    message = quarantine(account, world, ["1"])[0]
    browser = sign_in(role)
    url = f"/channels/messages/{message.pk}/"
    for page in ("/channels/quarantine/", url, f"{url}skus/?find=k&code=KRT_M"):
        assert browser.get(page).status_code == 200, page
    assert "You may look but not fix" in text(browser.get("/channels/quarantine/group/", GROUP))
    for action in (f"{url}replay/", f"{url}try/", f"{url}ignore/", f"{url}map/"):
        assert browser.post(action, {"reason": "x", "payload": "{}"}).status_code == 403, action
    for action in ("replay", "ignore"):
        assert browser.post(f"/channels/quarantine/{action}/", GROUP | {"reason": "x"}).status_code == 403
    assert states() == ["quarantined"]


def test_a_store_sees_nothing_of_it(account: ChannelAccount, world: World, sign_in: SignIn) -> None:
    message = quarantine(account, world, ["1"])[0]
    browser = sign_in(Role.STORE_ASSOCIATE)
    for page in ("/channels/", "/channels/quarantine/", f"/channels/messages/{message.pk}/", "/channels/web/"):
        assert browser.get(page).status_code == 403, page


def test_channels_outside_the_scope_look_absent(account: ChannelAccount, world: World, sign_in: SignIn) -> None:
    message = quarantine(account, world, ["1"])[0]
    other_account()
    browser = sign_in(all_channels=False, channel_codes=["bazaar"])
    url = f"/channels/messages/{message.pk}/"
    assert "Unknown SKU" not in text(browser.get("/channels/quarantine/"))
    for page in (url, "/channels/web/", "/channels/web/listings/", f"{url}skus/?find=k"):
        assert browser.get(page).status_code == 404, page
    assert browser.get("/channels/quarantine/group/", GROUP).status_code == 404
    for action in ("replay", "ignore", "map", "try"):
        assert browser.post(f"{url}{action}/", {"reason": "x", "payload": "{}"}).status_code == 404, action
    assert browser.post("/channels/quarantine/replay/", GROUP).status_code == 404
    assert states() == ["quarantined"]


def test_the_lists_ask_the_same_number_of_questions_for_more_rows(
    account: ChannelAccount, world: World, sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    browser = sign_in()
    for n in range(2):
        quarantine(account, world, [f"{n}-1", f"{n}-2"], sku=f"S_{n}")
        with django_assert_num_queries(4):
            browser.get("/channels/quarantine/")
        with django_assert_num_queries(5):
            browser.get("/channels/quarantine/group/", {"channel": "web", "cause": "Unknown SKU S_0"})
