"""A phone that several people share: each works with their own rights, under their own name, after a PIN."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client

from fulfillment.models import FulfillmentOrder
from oms.accounts.models import Role, User
from oms.core.clock import now
from oms.core.errors import DomainError
from oms.store.models import Pin, PinTries, SharedDevice, StoreEvent
from oms.store.sharing import _why_not, set_pin
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_carrier, make_work
from tests.store.phones import action, outcomes, send, stamp_on
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
BACKEND = "django.contrib.auth.backends.ModelBackend"
PASSWORD = "a long pass phrase"
HX = {"HX-Request": "true"}


@pytest.fixture
def world() -> World:
    cache.clear()
    made = make_world()
    make_carrier()
    return made


def make_person(name: str, role: str = Role.STORE_ASSOCIATE, **fields: Any) -> User:
    defaults: dict[str, Any] = {"role": role, "node_codes": ["blr-01"], "name": name}
    return User.objects.create_user(f"{name.lower()}@example.com", PASSWORD, **(defaults | fields))


@pytest.fixture
def manju(world: World) -> User:
    return make_person("Manju", Role.STORE_MANAGER)


@pytest.fixture
def asha(world: World) -> User:
    person = make_person("Asha")
    set_pin(person=person, pin="2580", again="2580", by="test")
    return person


@pytest.fixture
def ravi(world: World) -> User:
    person = make_person("Ravi")
    set_pin(person=person, pin="739102", again="739102", by="test")
    return person


@pytest.fixture
def phone(client: Client, manju: User) -> Client:
    """Shared by the manager, who is signed out of it."""
    client.force_login(manju, backend=BACKEND)
    assert client.post("/s/device/share/", {"name": "Counter 1"})["Location"] == "/s/people/"
    return client


def text_of(response: Any) -> str:
    return str(response.content.decode())


def enter(phone: Client, person: User, pin: str) -> Any:
    return phone.post("/s/people/enter/", {"person": person.pk, "pin": pin})


def who(phone: Client) -> str:
    """Who is signed in."""
    key = phone.session.get("_auth_user_id")
    return User.objects.get(pk=key).name if key else ""


def test_people_take_turns_each_under_their_own_name(
    phone: Client, world: World, asha: User, ravi: User, manju: User
) -> None:
    work = make_work(world, "1", make_line(world.kurta, 2))
    assert phone.get("/s/")["Location"] == "/s/people/"
    page = text_of(phone.get("/s/people/"))
    assert all(name in page for name in ("Asha", "Ravi", "Manju"))

    assert enter(phone, asha, "2580")["Location"] == "/s/"
    phone.post("/s/pick/scan/", {"work": work.pk, "code": "KURTA-M"})
    assert FulfillmentOrder.objects.get().assigned_to == "Asha"
    assert phone.post("/s/device/end/").status_code == 403
    assert phone.post("/s/lock/")["Location"] == "/s/people/"
    assert (who(phone), phone.get("/s/")["Location"]) == ("", "/s/people/")

    enter(phone, ravi, "739102")
    phone.post("/s/pick/scan/", {"work": work.pk, "code": "KURTA-M"})
    assert who(phone) == "Ravi"
    states = list(FulfillmentOrder.objects.values_list("state", flat=True))
    assert states == ["picked"]


def test_a_pin_opens_a_fresh_session_of_that_person_alone(phone: Client, asha: User, manju: User) -> None:
    phone.get("/s/people/")
    before = {cookie.value for name, cookie in phone.cookies.items() if name == settings.SESSION_COOKIE_NAME}
    enter(phone, asha, "2580")
    first = phone.session.session_key
    enter(phone, asha, "2580")

    assert phone.session.session_key not in {first, *before}
    assert not Session.objects.filter(session_key=first).exists()
    assert who(phone) == "Asha"
    assert "Share this phone" not in text_of(phone.get("/s/more/"))


def test_a_pin_opens_nothing_but_the_store_screens(phone: Client, manju: User) -> None:
    set_pin(person=manju, pin="4711", again="4711", by="test")
    User.objects.filter(pk=manju.pk).update(is_staff=True)
    enter(phone, manju, "4711")

    for path in ("/", "/orders/", "/admin/", "/api/v1/orders", "/accounts/password/change/"):
        assert phone.get(path)["Location"] == "/s/", path
    assert phone.get("/s/more/").status_code == 200
    assert "Office screens" not in text_of(phone.get("/s/more/"))


def test_the_phone_stays_in_its_store(phone: Client, asha: User) -> None:
    User.objects.filter(pk=asha.pk).update(node_codes=["blr-01", "del-01"])
    enter(phone, asha, "2580")

    assert phone.post("/s/node/", {"node": "del-01"}).status_code == 404
    User.objects.filter(pk=asha.pk).update(node_codes=["del-01"])
    assert phone.get("/s/")["Location"] == "/s/node/"


def test_five_wrong_pins_lock_that_person_on_all_phones_of_the_store(
    phone: Client, asha: User, ravi: User, manju: User
) -> None:  # fmt: skip
    answers = [enter(phone, asha, "0000") for _ in range(5)]
    assert "4 more tries" in text_of(answers[0])
    assert {answer.status_code for answer in answers} == {422}

    assert "Five wrong PINs" in text_of(enter(phone, asha, "2580"))
    assert enter(phone, ravi, "739102").status_code == 302
    other = Client()
    other.force_login(manju, backend=BACKEND)
    other.post("/s/device/share/", {"name": "Counter 2"})
    assert "Five wrong PINs" in text_of(enter(other, asha, "2580"))
    with time_machine.travel(now() + timedelta(minutes=5, seconds=1)):
        assert enter(phone, asha, "0000").status_code == 422
        assert enter(phone, asha, "2580").status_code == 302
        assert "no-store" in phone.get("/s/")["Cache-Control"]


def test_each_lock_is_twice_as_long_until_the_right_pin_and_its_person_is_told(phone: Client, asha: User) -> None:
    moment = now()
    for minutes in (5, 10, 20):
        with time_machine.travel(moment, tick=False):
            assert [enter(phone, asha, "0000").status_code for _ in range(5)] == [422] * 5
            assert f"in {minutes} minutes" in text_of(enter(phone, asha, "2580"))
        moment += timedelta(minutes=minutes, seconds=1)

    with time_machine.travel(moment, tick=False):
        enter(phone, asha, "2580")
        assert "15 wrong PINs were typed for you" in text_of(phone.get("/s/"))
        for _ in range(5):
            enter(phone, asha, "0000")
        assert "in 5 minutes" in text_of(enter(phone, asha, "2580"))


def test_another_pin_of_the_manager_opens_at_once(phone: Client, asha: User) -> None:
    for _ in range(5):
        enter(phone, asha, "0000")

    set_pin(person=asha, pin="8024", again="8024", by="Manju")

    assert enter(phone, asha, "8024").status_code == 302


def test_many_wrong_pins_at_once_are_no_more_than_five(phone: Client, asha: User) -> None:
    device = SharedDevice.objects.get()

    answers = at_once([partial(_why_not, device, asha, "0000")] * 9)

    assert sum("more tries" in answer for answer in answers) == 4
    assert PinTries.objects.get().wrong == 5


def test_a_phone_that_lies_idle_locks_whatever_it_polls(phone: Client, asha: User) -> None:
    start = now()
    with time_machine.travel(start, tick=False):
        enter(phone, asha, "2580")
    with time_machine.travel(start + timedelta(seconds=200), tick=False):
        assert phone.get("/s/").status_code == 200
    for seconds in (300, 400, 495):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            assert phone.get("/s/", headers=HX).status_code == 200
    with time_machine.travel(start + timedelta(seconds=510), tick=False):
        poll = phone.get("/s/", headers=HX)
        assert (poll.status_code, poll["HX-Redirect"]) == (401, "/s/people/")
        assert phone.get("/s/")["Location"] == "/s/people/"
    assert who(phone) == ""


def test_a_page_of_who_left_acts_for_them_no_more(phone: Client, world: World, asha: User, ravi: User) -> None:
    work = make_work(world, "1", make_line(world.kurta, 2))
    start = now()
    names = ("enter", "before", "lock", "after", "sent")
    moments = {name: start + timedelta(minutes=n) for n, name in enumerate(names)}
    with time_machine.travel(moments["enter"], tick=False):
        enter(phone, asha, "2580")
        page = phone.get("/s/")
    with time_machine.travel(moments["lock"], tick=False):
        phone.post("/s/lock/")
    rows = [action(stamp_on(page), "pick", work, code="KURTA-M", at=moments[name].isoformat())
            for name in ("before", "after")]  # fmt: skip
    with time_machine.travel(moments["sent"], tick=False):
        enter(phone, ravi, "739102")
        answers = send(phone, *rows).json()["answers"]
        assert [(row["outcome"], row["kept"]) for row in answers] == [("ok", True), ("rejected", False)]
        assert answers[1]["text"].startswith("Asha had left this phone")
        enter(phone, asha, "2580")
        back = action(stamp_on(phone.get("/s/")), "pick", work, code="KURTA-M")
        assert [answer["outcome"] for answer in send(phone, back).json()["answers"]] == ["ok"]
    assert list(StoreEvent.objects.values_list("person__name", flat=True)) == ["Asha", "Asha"]


def test_a_phone_that_lay_idle_keeps_what_was_done_until_the_server_ended_it(
    phone: Client, world: World, asha: User, ravi: User
) -> None:
    work = make_work(world, "1", make_line(world.kurta, 2))
    start = now()
    with time_machine.travel(start, tick=False):
        enter(phone, asha, "2580")
        stamp = stamp_on(phone.get("/s/"))
    rows = [action(stamp, "pick", work, code="KURTA-M", at=(start + timedelta(minutes=n)).isoformat()) for n in (9, 11)]
    with time_machine.travel(start + timedelta(minutes=10), tick=False):
        assert send(phone, rows[0]).status_code == 302
    with time_machine.travel(start + timedelta(minutes=12), tick=False):
        enter(phone, ravi, "739102")
        assert outcomes(phone, *rows) == ["ok", "rejected"]


def test_ending_the_phone_signs_everybody_out(phone: Client, asha: User, manju: User) -> None:
    enter(phone, asha, "2580")
    desk = Client()
    desk.force_login(manju, backend=BACKEND)

    desk.post("/s/device/end/", {"device": SharedDevice.objects.get().pk})

    assert phone.get("/s/")["Location"].startswith("/accounts/login/")
    assert enter(phone, asha, "2580").status_code == 403
    assert SharedDevice.objects.get().ended_by == "Manju"


def test_who_was_struck_off_is_out_at_once(phone: Client, asha: User) -> None:
    enter(phone, asha, "2580")
    User.objects.filter(pk=asha.pk).update(is_active=False)

    assert phone.get("/s/")["Location"] == "/s/people/"
    assert enter(phone, asha, "2580").status_code == 404
    assert "Asha" not in text_of(phone.get("/s/people/"))


def test_only_people_of_the_store_have_tiles(phone: Client, world: World) -> None:
    make_person("Elsewhere", node_codes=["del-01"])
    make_person("Boss", Role.ADMIN)
    make_person("Care", Role.CUSTOMER_SERVICE)
    other = make_person("Root", is_superuser=True)

    page = text_of(phone.get("/s/people/"))

    assert not any(name in page for name in ("Elsewhere", "Boss", "Care", "Root"))
    set_pin(person=other, pin="2580", again="2580", by="test")
    assert enter(phone, other, "2580").status_code == 404


def test_a_device_that_is_not_shared_has_no_people(client: Client, asha: User) -> None:
    assert client.get("/s/people/")["Location"] == "/accounts/login/?next=/s/"
    assert enter(client, asha, "2580").status_code == 403
    client.cookies["oms_shared"] = "guessed"
    assert enter(client, asha, "2580").status_code == 403
    assert who(client) == ""


def test_who_may_not_share_shares_nothing(client: Client, asha: User) -> None:
    client.force_login(asha, backend=BACKEND)

    assert client.post("/s/device/share/", {"name": "Mine"}).status_code == 403
    assert not SharedDevice.objects.exists()


# -- PINs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pin", ["", "123", "1234567", "12a4", "1234", "4321", "7777", "१२३४"])
def test_a_pin_that_is_none_or_guessed_first_is_refused(asha: User, pin: str) -> None:
    with pytest.raises(DomainError):
        set_pin(person=asha, pin=pin, again=pin, by="test")


def test_a_pin_is_kept_as_a_hash(asha: User) -> None:
    assert "2580" not in Pin.objects.get().secret


def test_the_first_pin_needs_the_password(phone: Client, world: World) -> None:
    meena = make_person("Meena")
    form = {"person": meena.pk, "pin": "8024", "again": "8024"}
    assert "Your password" in text_of(phone.get(f"/s/people/?person={meena.pk}"))
    assert phone.post("/s/people/first/", form | {"password": "guessed"}).status_code == 422
    assert phone.post("/s/people/first/", form | {"password": PASSWORD, "again": "8025"}).status_code == 422
    assert not Pin.objects.exists()

    assert phone.post("/s/people/first/", form | {"password": PASSWORD})["Location"] == "/s/"

    assert (who(phone), Pin.objects.get().set_by) == ("Meena", "Meena")
    assert phone.post("/s/people/first/", form | {"password": PASSWORD}).status_code == 422


def test_a_second_step_is_not_gone_round(phone: Client, world: World) -> None:
    meena = make_person("Meena")
    Authenticator.objects.create(user=meena, type="totp", data={})
    form = {"person": meena.pk, "pin": "8024", "again": "8024", "password": PASSWORD}

    assert "second step" in text_of(phone.post("/s/people/first/", form))
    assert not Pin.objects.exists()


def test_a_manager_gives_pins_and_an_associate_only_to_themselves(client: Client, manju: User, asha: User) -> None:
    meena = make_person("Meena")
    form = {"pin": "8024", "again": "8024"}
    client.force_login(asha, backend=BACKEND)
    assert client.post("/s/pins/set/", form | {"person": str(meena.pk)}).status_code == 403
    assert client.post("/s/pins/set/", form).status_code == 302
    client.force_login(manju, backend=BACKEND)
    assert client.post("/s/pins/set/", form | {"person": str(meena.pk)}).status_code == 302
    assert client.post("/s/pins/set/", form | {"person": "999999"}).status_code == 404

    assert dict(Pin.objects.values_list("person__name", "set_by")) == {"Asha": "Asha", "Meena": "Manju"}


def test_the_own_pin_is_not_changed_after_a_pin(phone: Client, asha: User) -> None:
    enter(phone, asha, "2580")

    assert phone.post("/s/pins/set/", {"pin": "8024", "again": "8024"}).status_code == 422
    phone.post("/s/lock/")
    assert enter(phone, asha, "2580").status_code == 302
