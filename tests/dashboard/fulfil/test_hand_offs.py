"""Hand-offs on the screens: who may do what, what is said about it, and that a longer list asks no more."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fulfillment.models import FulfillmentOrder, HandOffInstruction, WmsLink
from fulfillment.services import pick
from oms.accounts.models import Role
from oms.core.jobs import run_slice
from oms.core.models import Job
from oms.flow.jobs import RUNNERS
from oms.integrations.services.hand_off_files import make_file
from tests.dashboard.fulfil.conftest import SignIn
from tests.factories import World, make_line
from tests.fulfillment.floor import make_work, units_of
from tests.fulfillment.linked import given, hand_off_of, link, says, time_passes, told

pytestmark = pytest.mark.django_db(transaction=True)


def statements(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as caught:
        assert client.get(url).status_code == 200
    return len(caught)


def test_the_list_costs_the_same_for_more_rows(world: World, client: Client, sign_in: SignIn) -> None:
    link(world.blr)
    for number in range(2):
        given(world, str(number), 1)
    sign_in(Role.OPS_MANAGER)
    few = statements(client, "/fulfil/hand-offs/")
    for number in range(2, 6):
        given(world, str(number), 1)

    assert statements(client, "/fulfil/hand-offs/") == few


def test_managers_take_work_over_and_packers_look(world: World, client: Client, sign_in: SignIn) -> None:
    link(world.blr)
    work = given(world)
    url = f"/fulfil/hand-offs/{hand_off_of(work).pk}/"
    sign_in(Role.PACKER)

    page = client.get(url).content.decode()
    assert "Take over by hand" not in page
    assert client.post(f"{url}take-over/", {"reason": "x"}).status_code == 403
    sign_in(Role.WAREHOUSE_LEAD)
    nameless = client.post(f"{url}take-over/", {"reason": " "})
    assert (nameless.status_code, "Say why the work is taken over" in nameless.content.decode()) == (422, True)
    client.post(f"{url}take-over/", {"reason": "Their scanner is down"})

    work.refresh_from_db()
    assert (work.with_wms, hand_off_of(work).why) == (False, "Taken over by hand: Their scanner is down")


def test_what_failed_is_sent_again_for_the_chosen(world: World, client: Client, sign_in: SignIn) -> None:
    link(world.blr)
    one, two = given(world, "1"), given(world, "2")
    HandOffInstruction.objects.update(state="dead", attempts=24)
    sign_in(Role.OPS_MANAGER)

    page = client.post("/fulfil/hand-offs/resend/?show=undelivered", {"ids": [hand_off_of(one).pk]}, follow=True)

    assert "1 instruction is sent again." in page.content.decode()
    states = HandOffInstruction.objects.order_by("pk").values_list("hand_off__fulfillment_order", "state")
    assert list(states) == [(one.pk, "failed"), (two.pk, "dead")]


def test_a_file_of_a_wms_is_done_and_its_refusals_name_their_rows(
    world: World, client: Client, sign_in: SignIn
) -> None:
    wms = link(world.blr)
    work = given(world)
    make_file(wms.pk)
    text = (
        "event,kind,work,version,sku,quantity,box\n"
        f"E1,pack,{work.number},1,KURTA-M,1,B1\nE1,pack,{work.number},1,KURTA-M,1,B2\n"
        f"E2,ship,{work.number},1,,,\n"
    )
    sign_in(Role.WAREHOUSE_LEAD)

    def hand_in() -> str:
        file = SimpleUploadedFile("done.csv", text.encode(), "text/csv")
        return client.post("/fulfil/hand-offs/confirmations/", {"file": file}).content.decode()

    first = hand_in()
    assert "Events done: 1. Done before: 0. Refused: 1." in first
    assert "has no label yet" in first
    assert (units_of(work.order), work.shipments.count()) == ({"packed": 2}, 2)
    assert "Events done: 0. Done before: 1. Refused: 1." in hand_in()


def test_overdue_answers_stand_in_the_tower(world: World, client: Client, sign_in: SignIn) -> None:
    link(world.blr, on_silence="wait")
    time_passes(given(world))

    sign_in(Role.OPS_MANAGER)
    page = client.get("/").content.decode()

    assert "WMS of blr-01: 1 not answered in time" in page


def test_a_cancellation_says_whom_it_asks_first(world: World, client: Client, sign_in: SignIn) -> None:
    wms = link(world.blr)
    work = given(world)
    make_file(wms.pk)
    sign_in(Role.OPS_MANAGER)

    page = client.get(f"/orders/{work.order.number}/cancel/").content.decode()

    assert "The WMS of blr-01 is asked first: 2 units are cancelled once it agrees." in page


def test_open_work_is_handed_to_the_wms_and_comes_back(world: World, client: Client, sign_in: SignIn) -> None:
    idle, begun = (make_work(world, name, make_line(world.kurta)) for name in ("1", "2"))
    FulfillmentOrder.objects.filter(pk=begun.pk).update(state="accepted", assigned_to="Asha")
    link(world.blr)
    sign_in(Role.ADMIN)
    page = "/settings/wms/blr-01/"
    assert "1 piece of work is open here" in client.get(page).content.decode()

    answer = client.post(f"{page}changeover/", {"action": "give"})
    job = Job.objects.get()
    pick(fulfillment_order_id=idle.pk, code="KURTA-M", actor="Ravi")  # Somebody was quicker.
    run_slice(job.pk, RUNNERS)
    idle.refresh_from_db()
    refused = Job.objects.get().result["refused"]
    assert refused == {
        str(idle.pk): f"{idle.number} ({idle.get_state_display().lower()}) was begun, or a WMS was given it before: "
        "it stays as it is."
    }
    assert f"{idle.number} (" in client.get(answer["Location"]).content.decode()

    WmsLink.objects.update(mode="none")
    work = make_work(world, "3", make_line(world.kurta))
    assert client.post(f"{page}changeover/", {"action": "give"}).status_code == 409
    WmsLink.objects.update(mode="file")
    client.post(f"{page}changeover/", {"action": "give"})
    run_slice(Job.objects.latest("pk").pk, RUNNERS)
    work.refresh_from_db()
    assert (work.with_wms, told(work), hand_off_of(work).answer_by is None) == (True, [(1, "pick", "pending")], False)
    assert says(work, "accept").status == "applied"
    make_file(hand_off_of(work).link_id)

    client.post(f"{page}changeover/", {"action": "take"})
    for _ in range(2):
        run_slice(Job.objects.latest("pk").pk, RUNNERS)
    work.refresh_from_db()
    assert (work.with_wms, told(work)[-1][:2], Job.objects.latest("pk").succeeded) == (False, (2, "stop"), 1)
    assert "It has work" not in client.get(page).content.decode()
    assert client.post(f"{page}changeover/", {"action": "take"}).status_code == 422
    sign_in(Role.PACKER)
    assert client.post(f"{page}changeover/", {"action": "give"}).status_code == 403
